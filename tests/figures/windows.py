"""Windows of a series by NumPy, and what forecasts without a model make of them: writes windows.h, the figures that
tests/data/test_window.c compares lockstep's windows with. Run by hand.
"""
import pathlib

import numpy as np

SIZES = {"STEPS": 29, "COLUMNS": 3, "LENGTH": 5, "HORIZON": 4, "STRIDE": 2, "SEASON": 3}
STEPS, COLUMNS, LENGTH, HORIZON, STRIDE, SEASON = SIZES.values()
OF_X = [2, 0]  # the columns that are forecast

t, c = np.arange(STEPS)[:, None], np.arange(COLUMNS)[None, :]
series = (t * 37 + c * 91 + t * t) % 251
whole = np.lib.stride_tricks.sliding_window_view(series, LENGTH + HORIZON, axis=0)[::STRIDE].transpose(0, 2, 1)
inputs, targets = whole[:, :LENGTH], whole[:, LENGTH:, OF_X]
past = inputs[:, :, OF_X]
persistence = np.repeat(past[:, -1:], HORIZON, axis=1)
seasonal = np.tile(past[:, -SEASON:], (1, -(-HORIZON // SEASON), 1))[:, :HORIZON]


def array(name, values):
    rows = values.reshape(len(values), -1)
    body = "".join("    {" + ", ".join(str(v) for v in row) + "},\n" for row in rows)
    return f"static const float numpy_{name}[{rows.shape[0]}][{rows.shape[1]}] = {{\n{body}}};\n"


sizes = ", ".join(f"{name} = {value}" for name, value in {**SIZES, "WINDOWS": len(whole), "FORECAST": len(OF_X)}.items())
text = f"/* Windows of a series, by windows.py with NumPy {np.__version__}. */\n/* clang-format off */\n"
text += f"enum {{ {sizes} }};\nstatic const double numpy_of_x[FORECAST] = {{{', '.join(map(str, OF_X))}}};\n"
for name in ("series", "inputs", "targets", "persistence", "seasonal"):
    text += array(name, globals()[name])
pathlib.Path(__file__).with_suffix(".h").write_text(text + "/* clang-format on */\n")
