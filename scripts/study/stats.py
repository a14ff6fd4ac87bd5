"""Figures and their intervals.

The unit that is repeated independently is the run, since steps of one run are not independent of each other (its place
in memory, its cores, its hour). So a run counts as one number, the median of its steps. A case is the geometric mean of
its runs, and its interval is that of Student's t for the logarithms: with m and s the mean and the standard deviation of
n logarithms,

    exp(m ± t s / sqrt(n)),    t the quantile of n - 1 degrees of freedom

Logarithms, because times and rates are above 0 and are compared by ratios. For a figure made of several, such as a
speed-up, each of them is drawn from its own distribution, exp(m + T s / sqrt(n)) with T from Student's t, and the
interval is the middle of what comes out: for a ratio the interval of Behrens and Fisher. One run alone has no interval.
"""
import functools

import numpy as np

RESAMPLES = 10000
LEVEL = 0.95


def student_cdf(angle, freedom):
    """P(T <= t) of Student's t with whole degrees of freedom, t = sqrt(freedom) tan(angle): the finite series of
    Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    cosine, term = np.cos(angle), np.ones_like(angle)
    first = 1 if freedom % 2 else 0
    total = np.zeros_like(angle) if freedom == 1 else np.ones_like(angle)
    for k in range(2 + first, freedom - 1, 2):
        term = term * (k - 1) / k * cosine ** 2
        total = total + term
    inside = 2 / np.pi * (angle + np.sin(angle) * cosine * total) if first else np.sin(angle) * total
    return (1 + inside) / 2


def student_quantile(share, freedom):
    """The t below which Student's t lies with this probability, by bisection of the angle; arrays or numbers."""
    share = np.asarray(share, dtype=float)
    low, high = np.full(share.shape, -np.pi / 2), np.full(share.shape, np.pi / 2)
    for _ in range(60):
        middle = (low + high) / 2
        above = student_cdf(middle, freedom) > share
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.sqrt(freedom) * np.tan((low + high) / 2)


@functools.cache
def equal_ranges(freedom):
    """(RESAMPLES): the middle of each of RESAMPLES equally likely ranges of Student's t."""
    return student_quantile((np.arange(RESAMPLES) + 0.5) / RESAMPLES, freedom)


def draws(freedom, generator):
    """The same in random order."""
    return generator.permutation(equal_ranges(freedom))


def interval(samples):
    """The middle LEVEL of the samples."""
    return tuple(float(end) for end in np.percentile(samples, [50 * (1 - LEVEL), 50 * (1 + LEVEL)]))


class Estimate:
    """A figure and its interval, which is NaN where it is not known. `samples` are draws from its distribution, from
    which figures made of several get theirs, or None."""

    def __init__(self, value, samples=None, ends=None):
        self.value, self.samples = float(value), samples
        if samples is None:
            self.low = self.high = float("nan")
        else:
            self.low, self.high = ends or interval(samples)

    @property
    def is_known(self):
        return self.samples is not None

    @classmethod
    def of_runs(cls, values, generator):
        """Of numbers above 0, one for each run."""
        logarithms = np.log(np.asarray(values, dtype=float))
        n, mean = len(logarithms), logarithms.mean()
        if n < 2:
            return cls(np.exp(mean))
        error = logarithms.std(ddof=1) / np.sqrt(n)
        reach = student_quantile((1 + LEVEL) / 2, n - 1) * error
        return cls(np.exp(mean), np.exp(mean + error * draws(n - 1, generator)),
                   (float(np.exp(mean - reach)), float(np.exp(mean + reach))))

    @classmethod
    def exact(cls, value):
        return cls(value, np.full(RESAMPLES, float(value)))


def combine(function, *estimates):
    """function of the values, with the interval of the function of the samples: drawn independently."""
    value = function(*(e.value for e in estimates))
    return Estimate(value, function(*(e.samples for e in estimates)) if all(e.is_known for e in estimates) else None)
