"""Losses as negative logarithms of densities: Gaussian and squared error, Laplace and absolute error, a class and cross-entropy.

    plot.py likelihoods

Needs no run. The curves are the formulas: p(t) = exp(-(t - z)^2 / 2) / sqrt(2 pi) and p(t) = exp(-|t - z|) / 2 over the error
t - z, and below them -log p without the constants; on the right -log p of the probability that the network gives to the right class.
"""
import numpy as np

from pictures import style


def arguments(parser):
    del parser


def draw(options):
    del options
    e = np.linspace(-4, 4, 401)
    p = np.linspace(0.005, 1, 400)
    fig, grid = style.figure(1, 3, height=2.6)
    density, loss, classes = grid[0]
    density.plot(e, np.exp(-e**2 / 2) / np.sqrt(2 * np.pi), color=style.BLUE, label="Gaussian → squared error")
    density.plot(e, np.exp(-np.abs(e)) / 2, "--", color=style.ORANGE, label="Laplace → absolute error")
    density.set(title="density p(t)", xlabel="error t − z", ylim=(0, None))
    loss.plot(e, e**2 / 2, color=style.BLUE)
    loss.plot(e, np.abs(e), "--", color=style.ORANGE)
    loss.set(title="−log p, without constants", xlabel="error t − z", ylim=(0, None))
    classes.plot(p, -np.log(p), "-.", color=style.GREEN, label="categorical → cross-entropy")
    classes.set(title="−log p of a class", xlabel="probability of the right class", ylim=(0, None), xlim=(0, 1))
    style.legend_below(fig, columns=3)
    return fig
