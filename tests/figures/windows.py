"""Windows of one series and of several in one array, by NumPy, and what forecasts without a model make of them: writes
windows.h, the figures that tests/features/test_window.c compares lockstep's windows with. Run by hand.
"""
import pathlib

import numpy as np

SIZES = {"COLUMNS": 3, "LENGTH": 5, "HORIZON": 4, "STRIDE": 2, "SEASON": 3}
COLUMNS, LENGTH, HORIZON, STRIDE, SEASON = SIZES.values()
OF_X = [2, 0]  # the columns that are forecast
SETS = {"one": [29], "many": [4, 29, 9, 8, 17, 10]}  # steps of the series; 4 and 8 are too short for a window


def windows(series):
    """Inputs, targets, persistence and seasonal forecasts, a row a window."""
    if len(series) < LENGTH + HORIZON:
        empty = np.empty((0, LENGTH * COLUMNS), int), *[np.empty((0, HORIZON * len(OF_X)), int)] * 3
        return empty
    whole = np.lib.stride_tricks.sliding_window_view(series, LENGTH + HORIZON, axis=0)[::STRIDE].transpose(0, 2, 1)
    inputs, targets = whole[:, :LENGTH], whole[:, LENGTH:, OF_X]
    past = inputs[:, :, OF_X]
    persistence = np.repeat(past[:, -1:], HORIZON, axis=1)
    seasonal = np.tile(past[:, -SEASON:], (1, -(-HORIZON // SEASON), 1))[:, :HORIZON]
    return tuple(a.reshape(len(whole), -1) for a in (inputs, targets, persistence, seasonal))


def array(name, rows):
    body = "".join("    {" + ", ".join(str(v) for v in row) + "},\n" for row in rows)
    return f"static const float {name}[{rows.shape[0]}][{rows.shape[1]}] = {{\n{body}}};\n"


sizes = ", ".join(f"{name} = {value}" for name, value in {**SIZES, "FORECAST": len(OF_X)}.items())
text = f"/* Windows of series, by windows.py with NumPy {np.__version__}. */\n/* clang-format off */\n"
text += f"enum {{ {sizes} }};\nstatic const double numpy_of_x[FORECAST] = {{{', '.join(map(str, OF_X))}}};\n"
for name, lengths in SETS.items():
    t, c = np.arange(sum(lengths))[:, None], np.arange(COLUMNS)[None, :]
    x = (t * 37 + c * 91 + t * t) % 251
    begins = np.cumsum([0] + lengths)
    parts = [np.concatenate(a) for a in zip(*(windows(x[a:b]) for a, b in zip(begins, begins[1:])))]
    text += f"static const int64_t {name}_first[] = {{{', '.join(map(str, begins))}}};\n"
    text += array(f"{name}_series", x)
    for what, values in zip(("inputs", "targets", "persistence", "seasonal"), parts):
        text += array(f"{name}_{what}", values)
pathlib.Path(__file__).with_suffix(".h").write_text(text + "/* clang-format on */\n")
