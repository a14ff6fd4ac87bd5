"""Measures and laws of scaling. T(p) is the time per step on p cores; arrays or numbers.

strong   the same step on p cores:      speed-up S = T(1) / T(p),        efficiency E = S / p
weak     p times the rows on p cores:   speed-up S = p T(1) / T(p),      efficiency E = S / p
"""
import numpy as np


def strong_speedup(base, time):
    return base / time


def weak_speedup(base, time, cores):
    return cores * base / time


def karp_flatt(speedup, cores):
    """The serial fraction that the speed-up shows, e = (1/S - 1/p) / (1 - 1/p) (Karp and Flatt 1990). Constant in p: a
    serial part; growing: overheads that grow with p."""
    return (1 / speedup - 1 / cores) / (1 - 1 / cores)


def amdahl(serial, cores):
    """S = 1 / (s + (1 - s) / p) (Amdahl 1967)."""
    return 1 / (serial + (1 - serial) / cores)


def no_law(cores, speedups):
    """Why no law fits, or None. Both laws only know speed-ups from 1 to p, where s lies in [0, 1]."""
    slower = [(p, s) for p, s in zip(cores, speedups) if s < 1]
    faster = [(p, s) for p, s in zip(cores, speedups) if s > p]
    if slower:
        p, s = min(slower, key=lambda pair: pair[1])
        return (f"on {p} cores the speed-up is {s:.3g}, so {p} cores are slower than one. The law knows no loss: its "
                "speed-up is at least 1 for every s from 0 to 1. What the cores lose is in the phases")
    if faster:
        p, s = max(faster, key=lambda pair: pair[1] / pair[0])
        return (f"on {p} cores the speed-up is {s:.4g}, more than {p}, and s would be below 0. Several cores have more "
                "cache than one, or the base case was disturbed")
    return None


def fit_amdahl(cores, times, base):
    """The s that makes T(1) (s + (1 - s) / p) fit the times best, least squares: with y = T(p) / T(1) - 1/p and
    x = 1 - 1/p it is sum(x y) / sum(x x). times: one per p, or (p, samples)."""
    cores = np.asarray(cores, dtype=float)
    x = 1 - 1 / cores
    y = (np.asarray(times).T / np.asarray(base)[..., None] - 1 / cores)
    return (y * x).sum(axis=-1) / (x * x).sum()


def gustafson(serial, cores):
    """S = p - s (p - 1), s the serial share of the time on p cores (Gustafson 1988)."""
    return cores - serial * (cores - 1)


def fit_gustafson(cores, speedups):
    """The s that makes p - s (p - 1) fit the scaled speed-ups best, least squares: with x = p - 1 it is
    sum(x (p - S)) / sum(x x)."""
    cores = np.asarray(cores, dtype=float)
    x = cores - 1
    return ((cores - np.asarray(speedups).T) * x).sum(axis=-1) / (x * x).sum()


def rows_to_target(rows, losses, target):
    """Rows trained when the validation loss first comes down to the target: on the line between the ends of the two
    epochs around it. NaN when it never does, or does within the first epoch, whose start was not measured."""
    for k in range(1, len(losses)):
        if losses[k] <= target < losses[k - 1]:
            share = (losses[k - 1] - target) / (losses[k - 1] - losses[k])
            return rows[k - 1] + share * (rows[k] - rows[k - 1])
    return float("nan")
