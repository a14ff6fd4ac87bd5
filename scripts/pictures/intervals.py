"""Intervals of figures that come from few rows."""
import numpy as np


def wilson(share, n, z=1.96):
    """The interval of a share of n, as distances from it."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return np.clip([share - (centre - reach), centre + reach - share], 0, 1)
