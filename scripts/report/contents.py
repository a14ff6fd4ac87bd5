"""The page in its order. Several runs stand side by side: curves in one chart, everything else a column for each run."""
import datetime

from report import chart, classes, clusters, forecast, images, network, numbers, overview, page, training, weights
from report.page import Html, escape, heading, sentence
from report.run import Run
from report.view import View

STYLE = """
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 0 1.6rem; align-items: start; }
.panels > * { min-width: 0; }
.panels > .line { grid-column: 1 / -1; }
.runs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 0 2rem; align-items: start; }
.runs > section { min-width: 0; border-top: 2px solid var(--line); }
.runs .panels { grid-template-columns: minmax(0, 1fr); }
""" + chart.STYLE + images.STYLE + network.STYLE + training.STYLE + overview.STYLE


def grid(panels):
    """Sentences and headings take a line of their own."""
    places = "".join(f'<div{"" if is_picture(panel) else " class=line"}>{panel}</div>' for panel in panels)
    return Html(f'<div class="panels">{places}</div>')


def is_picture(panel):
    return ("<figure" in panel or "<table" in panel) and 'class="gallery"' not in panel


def drawn(panels_of, subject):
    """Panels. A file that cannot be drawn costs one part of the page, not the page."""
    try:
        return panels_of(subject)
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        return [sentence("This part could not be drawn: {}", f"{type(error).__name__}: {error}")]


def side_by_side(views, panels_of):
    """A column for each run, or one without a name."""
    if len(views) == 1:
        return grid(drawn(panels_of, views[0]))
    columns = "".join(f"<section><h3>{escape(view.run.name)}</h3>{grid(drawn(panels_of, view))}</section>" for view in views)
    return Html(f'<div class="runs">{columns}</div>')


def head_panels(view, answer, figures):
    if answer.head.is_cluster:
        return clusters.panels(view, answer, figures)
    if answer.head.has_classes:
        return (forecast.class_baselines(figures) if view.rows.window else []) + classes.class_panels(view, answer, figures)
    if answer.head.is_binary:
        return classes.binary_panels(view, answer, figures)
    return (forecast if view.rows.window else numbers).panels(view, answer, figures)


def prediction_panels(view):
    if view.rows is None:
        return [view.why]
    found = [view.rows.about()]
    if view.split != view.rows.split:
        found.append(sentence(f"Figures over all rows (confusion, calibration) are of the {view.split_words()}, by `lockstep eval`."))
    for answer, figures in view.answers():
        if answer.head.name is not None:
            found.append(Html(f'<h3 class="head">Head {escape(answer.head.name)}: {escape(answer.head.loss)}</h3>'))
        found += head_panels(view, answer, figures)
    return found


def make(paths, program, options):
    """The whole page as text. options: rows, image."""
    runs = [Run(path, program) for path in paths]
    views = [View(run, options) for run in runs]
    names = ", ".join(run.name for run in runs)
    body = [heading(1, escape(names)), *overview.notes(runs), overview.figures_table(runs)]
    body += [heading(2, "Training"), grid(drawn(training.panels, runs))]
    body += [heading(2, "Predictions"), side_by_side(views, prediction_panels)]
    body += [heading(2, "Network"), side_by_side(views, lambda view: network.panels(view.run) + weights.panels(view))]
    body += [heading(2, "Data"), side_by_side(views, lambda view: overview.data_panels(view, runs[:runs.index(view.run)]))]
    body += [heading(2, "Settings"), *overview.settings(runs)]
    body.append(sentence(f"Made by `scripts/report.py` on {datetime.datetime.now():%Y-%m-%d at %H:%M}."))
    return page.document(f"lockstep: {names}", body, STYLE, wide=True)
