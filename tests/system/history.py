"""Compares the CSV of lockstep history with history.h5, as h5py reads it: the same columns, the same bits.
    history.py CSV HISTORY"""
import csv
import math
import sys

import h5py


def columns(history):
    found = {}
    history.visititems(lambda name, item: found.__setitem__(name, item[:]) if isinstance(item, h5py.Dataset) else None)
    return {name: values for name, values in found.items() if not name.startswith("manifest/")}


with open(sys.argv[1]) as file, h5py.File(sys.argv[2]) as history:
    reader = csv.reader(file)
    names = next(reader)
    rows = list(reader)
    expected = columns(history)
    assert set(names) - {"time"} == set(expected), set(names) ^ set(expected)
    assert names[:3] == ["epoch", "step", "train_loss"], names
    for c, name in enumerate(names):
        if name == "time":
            continue
        values = expected[name]
        assert len(values) == len(rows)
        for row, value in zip(rows, values):
            if name == "parameters_checksum":
                assert row[c] == f"{int(value):016x}"
            elif math.isnan(value):
                assert row[c] == "", (name, row[c])
            else:
                assert float(row[c]) == value, (name, row[c], value)
    print(f"{len(rows)} epochs, {len(names)} columns")
