"""A fit of one feature: the curve, its uncertainty as bands, and the rows that it was trained on.

    plot.py fit runs/sine-gaussians                      a Bayesian linear model, an ensemble, gaussian_nll …
    plot.py fit runs/a runs/b --beyond 0.5               several runs, as far as half of the range beyond the rows
    plot.py fit runs/dropout --samples 50                Monte-Carlo dropout

The dark band is what the model does not know (mean ± 1.96 epistemic_std), the light one that and the noise together
(mean ± 1.96 std): 95 of 100 rows should lie in the light band. A model without standard deviations has no bands, one with
quantiles a curve for each. The model must have one feature; the curve is what `lockstep predict` says on a grid.
"""
import numpy as np

from pictures import sources, style

POINTS = 300
MOST_ROWS = 400  # drawn; a picture with more is a blot


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run directories, or names below runs/")
    parser.add_argument("--beyond", type=float, default=0.25, metavar="SHARE",
                        help="how far the curve goes beyond the rows, as a share of their range (default: %(default)s)")
    parser.add_argument("--target", type=int, default=0, metavar="K", help="the target, from 0")
    sources.add_run_data(parser, "train")


def draw_band(axes, grid, mean, std, alpha, label):
    axes.fill_between(grid, mean - 1.96 * std, mean + 1.96 * std, color=style.BLUE, alpha=alpha, linewidth=0, label=label)


def draw_answers(axes, grid, answers, target):
    quantiles = sorted((name for name in answers if name.startswith("quantile_")), key=lambda n: float(n.split("_")[1]))
    for i, name in enumerate(quantiles):
        axes.plot(grid, sources.column(answers[name], target, "the model"), style.LINES[(i + 1) % 4] if i else "-",
                  color=style.COLOURS[i % 6], label=f"quantile {name.split('_')[1]}")
    if quantiles:
        return
    if "prediction" not in answers:
        raise style.Unfit("the model predicts classes; this picture is for a regression")
    mean = sources.column(answers["prediction"], target, "the model")
    whole = next((answers[name] for name in ("std", "aleatoric_std", "epistemic_std") if name in answers), None)
    if whole is not None:
        draw_band(axes, grid, mean, sources.column(whole, target, "the model"), 0.2, "95 %: noise and model" if
                  "aleatoric_std" in answers else "95 %: model")
    if "epistemic_std" in answers and "aleatoric_std" in answers:
        draw_band(axes, grid, mean, sources.column(answers["epistemic_std"], target, "the model"), 0.4, "95 %: model alone")
    axes.plot(grid, mean, color=style.BLUE, label="prediction")


def draw(options):
    program = sources.Program(options.lockstep)
    fig, panels = style.figure(1, len(options.runs), height=3.6 if len(options.runs) == 1 else 3.0, sharey=True)
    for axes, run in zip(panels[0], options.runs):
        path, x, y = sources.data_of(run, options)
        if x.shape[1] != 1:
            raise style.Unfit(f"{path} has {x.shape[1]} features; this picture is for one")
        if y is None:
            raise style.Unfit(f"{path} has no targets for its {options.split} rows")
        low, high = x.min(), x.max()
        beyond = options.beyond * (high - low)
        grid = np.linspace(low - beyond, high + beyond, POINTS)
        answers = program.predict(sources.model_file(run), rows=grid[:, None].astype(x.dtype if x.dtype.kind == "f" else float),
                                  options=sources.predict_options(options))
        draw_answers(axes, grid, answers, options.target)
        shown = np.linspace(0, len(x) - 1, min(len(x), MOST_ROWS)).astype(int)
        y = sources.column(y, options.target, path)
        axes.plot(x[shown, 0], y[shown], ".", color="black", markersize=3.5, alpha=0.6, label=f"{options.split} rows")
        span = y.max() - y.min() or 1
        axes.set_ylim(y.min() - 0.4 * span, y.max() + 0.4 * span)
        axes.set_title(sources.name_of(run))
        axes.set_xlabel(sources.feature_names(path, 1)[0])
    panels[0][0].set_ylabel("target")
    style.legend_below(fig)
    return fig
