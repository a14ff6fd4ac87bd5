"""Medians and their intervals.

The unit that is repeated independently is the run, since steps of one run are not independent of each other (its place
in memory, its cores, its hour). So a run counts as one number, the median of its steps, and intervals come from drawing
runs anew with replacement: the percentile bootstrap (Efron 1979). With n runs the interval of a median cannot be wider
than their range, which for n = 5 covers the true median in 1 - 2 / 2^5 = 94 % of cases.
"""
import numpy as np

RESAMPLES = 10000
LEVEL = 0.95


def resampled_medians(values, generator):
    """(RESAMPLES): the median of as many values, drawn with replacement."""
    values = np.asarray(values, dtype=float)
    return np.median(values[generator.integers(len(values), size=(RESAMPLES, len(values)))], axis=1)


def interval(samples):
    """The middle LEVEL of the resampled figures."""
    return tuple(np.percentile(samples, [50 * (1 - LEVEL), 50 * (1 + LEVEL)]))


class Estimate:
    """A figure and its interval; `samples` are the resampled ones, from which figures made of several get theirs."""

    def __init__(self, value, samples):
        self.value, self.samples = float(value), np.asarray(samples)
        self.low, self.high = interval(self.samples)

    @classmethod
    def of_median(cls, values, generator):
        return cls(np.median(values), resampled_medians(values, generator))


def combine(function, *estimates):
    """function of the values, with the interval of the function of the samples: drawn independently."""
    return Estimate(function(*(e.value for e in estimates)), function(*(e.samples for e in estimates)))
