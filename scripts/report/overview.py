"""What the runs are: their figures side by side, settings, and data."""
import h5py
import numpy as np

from report import images, rows
from report.chart import Chart, short
from report.page import Html, escape, figure, heading, sentence, table
from report.view import share

MOST_LABELS = 2_000_000  # rows whose classes are counted
PICTURES = 16

FIGURES = ("train_loss", "valid_loss", "valid_accuracy", "valid_rmse", "valid_r2", "test_loss", "test_accuracy", "test_mae",
           "test_rmse", "test_r2")


def cell(value):
    return "–" if value is None or value == "" else short(value) if isinstance(value, (int, float)) else str(value)


def facts(run):
    """Names and values of what is worth knowing first."""
    state, summary = run.state, run.summary

    def of(name):
        value = state.get(name)
        return summary.get(name) if value is None else value

    is_mixture = int(run.setting("train", "members", otherwise=1)) > 1
    epochs, asked = (None, None) if is_mixture else (of("epochs"), run.setting("train", "epochs"))
    found = {
        "status": of("status"), "reason": of("reason"),
        "epochs": epochs if asked is None or epochs is None else f"{cell(epochs)} of {cell(asked)}",
        "steps": None if is_mixture else of("steps"),
        "data": run.setting("data", "file"), "training rows": of("rows"), "parameters": of("parameters"), "members": summary.get("members"),
        **{name.replace("_", " "): of(name) for name in FIGURES},
        "layout": state.get("layout"), "instruction set": summary.get("isa"), "seconds": of("seconds"),
        "rows per second": of("rows_per_second"), "ended": str(summary.get("ended") or "").replace("T", " ").replace("Z", " UTC"),
        "checksum": of("checksum") or summary.get("parameters_checksum"),
    }
    if run.summary.get("model_step") is not None and not is_mixture:
        found["step of model.h5"] = run.summary["model_step"]
    return found


def figures_table(runs):
    columns = [facts(run) for run in runs]
    names = [name for name in dict.fromkeys(name for column in columns for name in column)
             if any(column.get(name) not in (None, "") for column in columns)]
    if len(runs) == 1:
        pairs = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(cell(columns[0][name]))}</dd></div>" for name in names)
        return Html(f'<dl class="facts">{pairs}</dl>')
    return table(["", *(escape(run.name) for run in runs)],
                 [[name] + [escape(cell(column.get(name))) for column in columns] for name in names], words=True)


def settings(runs):
    """Side by side, those that differ marked; below, everything."""
    pairs = [dict(run.settings) for run in runs]
    keys = list(dict.fromkeys(key for own in pairs for key in own))
    found = []
    if keys:
        rows_of_table = []
        for key in keys:
            values = [own.get(key) for own in pairs]
            cells = [Html(f"<code>{escape(value)}</code>") if value is not None else "default" for value in values]
            name = f"<code>{escape(key)}</code>"
            differs = len(set(values)) > 1
            rows_of_table.append([Html(f"<strong>{name}</strong>" if differs else name), *cells])
        about = "Settings that are not the defaults" + (", those that differ in bold." if len(runs) > 1 else ".")
        found += [sentence(about), table(["setting", *(escape(run.name) for run in runs)], rows_of_table, words=True)]
    for run in runs:
        if run.config_text:
            name = f" of {escape(run.name)}" if len(runs) > 1 else ""
            found.append(Html(f"<details><summary>All settings{name} (config.yaml)</summary><pre><code>{escape(run.config_text)}"
                              "</code></pre></details>"))
    return found


def arrays(file):
    found = []
    file.visititems(lambda name, item: found.append((name, item)) if isinstance(item, h5py.Dataset) and
                    not name.startswith("manifest/") else None)
    return found


def class_counts(view, file):
    """How many training rows each class has."""
    run = view.run
    path = run.setting("data", "y", otherwise="train/y")
    is_series = int(run.setting("data", "window", "length", otherwise=0)) > 0
    if path not in file or len(run.heads) != 1 or not run.heads[0].has_classes or is_series:
        return []
    y = rows.labels(file[path][:MOST_LABELS])
    counts = np.bincount(y[y >= 0])
    named = file.attrs.get("class_names")
    names = [str(i) for i in range(len(counts))] if named is None else list(map(rows.text, named))
    if len(counts) > 60:
        return [sentence(f"{len(counts)} classes, with {counts.min():,} to {counts.max():,} training rows.")]
    cut = "" if len(file[path]) <= MOST_LABELS else f" (of the first {MOST_LABELS:,})"
    if len(counts) > 12:
        chart = Chart("class number", "training rows", whole=True)
        chart.bars(np.arange(len(counts) + 1) - 0.5, counts, 0, titles=[f"{n}: {c:,}" for n, c in zip(names, counts)])
        return [chart.figure(f"Training rows of each class{cut}.")]
    rows_of_table = [[escape(names[c]) if c < len(names) else str(c), f"{count:,}", share(count / counts.sum())]
                     for c, count in enumerate(counts)]
    return [figure(table(["class", "rows", "share"], rows_of_table), f"Classes of the training rows{cut}.")]


def data_panels(view, before):
    """before: the runs to the left, whose files are not listed again."""
    try:
        path = rows.find_data(view.run)
        for other in before:
            if path.samefile(rows.find_data(other)):
                return [sentence("The same file as that of {}.", other.name)]
    except rows.RowsError as error:
        return [error.args[0]]
    found = []
    try:
        with h5py.File(path) as file:
            listed = [[Html(f"<code>{escape(name)}</code>"), " × ".join(map(str, item.shape)),
                       "text" if item.dtype.kind in "OS" else str(item.dtype)]
                      for name, item in arrays(file)]
            source = file.attrs.get("source")
            words = [sentence("{}", path)] + ([sentence("Source: {}", rows.text(source))] if source is not None else [])
            found.append(Html("".join(words) + table(["array", "shape", "type"], listed[:40], words=True)))
            if len(listed) > 40:
                found.append(sentence(f"{len(listed) - 40} more arrays are not listed."))
            names = file.attrs.get("feature_names")
            if names is not None:
                shown = ", ".join(map(rows.text, names[:60])) + (" …" if len(names) > 60 else "")
                found.append(sentence(f"Names of its {len(names)} features: {{}}", shown))
            found += class_counts(view, file)
    except (OSError, KeyError, ValueError) as error:
        return found + [sentence("Its data file {} cannot be read: {}", path, error)]
    if view.image:
        chosen = np.arange(min(PICTURES, len(view.rows.x)))
        tiles = [images.pixels_of(view.rows.x[i], view.image, *view.brightness()) for i in chosen]
        picture = images.image(images.mosaic(tiles, 8), f"the first {len(tiles)} rows as pictures")
        height, width, channels = view.image
        found.append(figure(picture, f"Rows are drawn as pictures of {height} × {width}{' × 3' if channels == 3 else ''} pixels; `--image` "
                                     "says otherwise."))
    return found


def notes(runs):
    """What is missing, or must be known."""
    return [Html(f'<div class="missing">{"".join([heading(3, escape(run.name))] if len(runs) > 1 else [])}{"".join(run.notes)}</div>')
            for run in runs if run.notes]


STYLE = """
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 0.6rem 1.2rem; margin: 1rem 0; }
.facts dt { font-size: 0.8rem; color: var(--soft); }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; }
.missing { border-left: 4px solid var(--s1); padding: 0.1rem 0.9rem; margin: 0.8rem 0; background: var(--shade); }
.missing p { margin: 0.5rem 0; }
"""
