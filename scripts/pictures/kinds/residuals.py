"""Residuals of a regression: predicted against true, residuals over predictions, and their histogram.

    plot.py residuals runs/diabetes
    plot.py residuals runs/diabetes --split train --target 1

A residual is the true value minus the prediction. A good fit leaves residuals without any shape: a bow means that the
model is too simple, a funnel that the noise grows with the value, a shift of the histogram that the model is biased. If
the model predicts its noise, the lines at ±1.96 std hold 95 of 100 residuals.
"""
import numpy as np

from pictures import sources, style


def arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run directory, or a name below runs/")
    parser.add_argument("--target", type=int, default=0, metavar="K", help="the target, from 0")
    sources.add_run_data(parser)


def draw(options):
    answers, y = sources.answers_of(options.run, options)
    if "prediction" not in answers:
        raise style.Unfit(f"{options.run} predicts no values; this picture is for a regression")
    predicted = sources.column(answers["prediction"], options.target, options.run)
    true = sources.column(y, options.target, "the data file")
    residuals = true - predicted
    fig, panels = style.figure(1, 3, height=2.7)
    first, second, third = panels[0]
    points = dict(color=style.BLUE, markersize=5, alpha=0.6, markeredgewidth=0)

    first.plot(predicted, true, ".", **points)
    ends = [min(predicted.min(), true.min()), max(predicted.max(), true.max())]
    first.plot(ends, ends, "--", color=style.GREY)
    first.set(title="true over predicted", xlabel="predicted", ylabel="true")

    second.plot(predicted, residuals, ".", **points)
    second.axhline(0, color=style.GREY, linestyle="--")
    std = answers.get("std", answers.get("aleatoric_std"))
    if std is not None:
        order = np.argsort(predicted)
        reach = 1.96 * sources.column(std, options.target, options.run)[order]
        for side in (-1, 1):
            second.plot(predicted[order], side * reach, ":", color=style.ORANGE, linewidth=1.2,
                        label="±1.96 std" if side > 0 else None)
    second.set(title="residuals", xlabel="predicted", ylabel="true − predicted")

    third.hist(residuals, bins=min(30, max(8, int(np.sqrt(len(residuals))))), color=style.SKY, edgecolor="white")
    third.axvline(0, color=style.GREY, linestyle="--")
    third.axvline(residuals.mean(), color=style.ORANGE)
    third.set(title=f"mean {residuals.mean():.3g}, RMSE {np.sqrt((residuals ** 2).mean()):.3g}", xlabel="true − predicted",
              ylabel="rows")
    if std is not None:
        style.legend_below(fig)
    return fig
