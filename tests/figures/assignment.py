"""The best assignments of random gains by SciPy: makes assignment.h, the figures that tests/landscape/test_assignment.c
compares lockstep's with. Run by hand with /usr/bin/python3 and what scripts/setup.sh --figures installs.

The gains are the numbers of a linear congruential generator (Knuth 1993, MMIX), which the test repeats.
"""
import pathlib

import numpy as np
import scipy
from scipy.optimize import linear_sum_assignment

SIZES = [12, 60]


def gains(n):
    state, numbers = n, []
    for _ in range(n * n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        numbers.append((state >> 11) * 2.0**-53 - 0.5)
    return np.array(numbers).reshape(n, n)


def c_array(n):
    rows, columns = linear_sum_assignment(gains(n), maximize=True)
    assert (rows == np.arange(n)).all()
    lines = [", ".join(map(str, columns[i : i + 20])) for i in range(0, n, 20)]
    return f"static const int scipy_{n}[] = {{\n    " + ",\n    ".join(lines) + ",\n};"


def main():
    text = [f"/* The partner of each row, by assignment.py with SciPy {scipy.__version__}. */", "/* clang-format off */"]
    text += [c_array(n) for n in SIZES]
    pathlib.Path(__file__).with_name("assignment.h").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
