#!/usr/bin/env python3
"""Predicts the rows of a table of numbers.

    PYTHONPATH=PREFIX/share/lockstep predict.py MODEL <ROWS.csv

The first line names the columns; other columns than the model's are ignored. One line of predictions per row.
"""
import csv
import sys

import lockstep
import numpy as np

if len(sys.argv) != 2:
    sys.exit("predict.py MODEL <ROWS.csv")
model = lockstep.Model(sys.argv[1])
rows = list(csv.DictReader(sys.stdin))
table = {name: np.array([float(row[name]) for row in rows]) for name in model.column_names}
for found in model.predict(table):
    print(",".join(f"{value:.17g}" for value in found))
