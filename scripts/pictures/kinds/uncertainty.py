"""Aleatoric and epistemic uncertainty over the number of training rows n.

    for n in 50 100 200 400; do … data-$n.h5 …; lockstep solve CONFIG name=rows-$n data.file=data-$n.h5; done
    plot.py uncertainty runs/rows-50 runs/rows-100 runs/rows-200 runs/rows-400

Each run is a model of the same task that was trained on another number of rows, and that predicts standard deviations: by
`solve.method=bayesian`, or an ensemble with gaussian_nll. A dot is the mean of a standard deviation over the same rows for
all runs (those of --data, otherwise of the first run). More data shrink the epistemic part, as 1/√n where the model is
right, and leave the aleatoric one: it is the noise.
"""
import numpy as np

from pictures import sources, style


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run directories, or names below runs/")
    parser.add_argument("--target", type=int, default=0, metavar="K", help="the target, from 0")
    sources.add_run_data(parser)


PARTS = [("aleatoric_std", "aleatoric: noise in the data", style.ORANGE, "s-"),
         ("epistemic_std", "epistemic: what the model does not know", style.BLUE, "o-"),
         ("std", "both", "black", "^:")]


def draw(options):
    if len(options.runs) < 2:
        raise style.Unfit("name two or more runs, trained on different numbers of rows")
    program = sources.Program(options.lockstep)
    path, x, _ = sources.data_of(options.runs[0], options)
    found = {}
    for run in options.runs:
        answers = program.predict(sources.model_file(run), rows=x, options=sources.predict_options(options))
        if "epistemic_std" not in answers or "aleatoric_std" not in answers:
            raise style.Unfit(f"{run} does not predict both parts of its uncertainty: solve.method=bayesian, or "
                              "train.members with gaussian_nll, does")
        rows = int(sources.summary(run)["rows"])
        found.setdefault(rows, []).append([sources.column(answers[name], options.target, run).mean() for name, *_ in PARTS])
    rows = np.array(sorted(found))
    if len(rows) < 2:
        raise style.Unfit(f"all runs were trained on {rows[0]} rows; this picture is over the number of rows")
    means = np.array([np.mean(found[n], axis=0) for n in rows])
    fig, panels = style.figure(height=3.4)
    axes = panels[0][0]
    for i, (_, label, colour, form) in enumerate(PARTS):
        axes.plot(rows, means[:, i], form, color=colour, label=label, markersize=5)
        for n in rows:
            axes.plot([n] * len(found[n]), np.array(found[n])[:, i], ".", color=colour, alpha=0.5, markersize=4)
    axes.plot(rows, means[0, 1] * np.sqrt(rows[0] / rows), "--", color=style.GREY, label="1/√n")
    axes.set(xscale="log", yscale="log", xlabel="training rows n",
             ylabel="mean standard deviation,\nunits of the target")
    axes.set_xticks(rows, [f"{n:,}" for n in rows], rotation=30 if len(rows) > 8 else 0)
    axes.minorticks_off()
    values = means[means > 0]
    axes.set_ylim(10 ** (np.log10(values.min()) - 0.1), 10 ** (np.log10(values.max()) + 0.1))
    ticks = style.log_ticks(*axes.get_ylim())
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    style.legend_below(fig)
    return fig
