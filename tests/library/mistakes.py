"""What the library says of mistakes: an error of the right kind that names the place, and no output beside it.
   mistakes.py NUMBERS.h5 TABLE.h5      models: of numbers without names of columns, and of a table with categories"""
import os
import sys
import tempfile

import numpy as np

import lockstep

USAGE, BAD_DATA = 6, 8
model, table = lockstep.Model(sys.argv[1]), lockstep.Model(sys.argv[2])
failures = []
x = np.linspace(-1, 1, 10 * model.inputs).reshape(10, -1)
values = model.predict(x)


def expect(what, call, status, *words):
    try:
        call()
    except lockstep.Error as error:
        if error.status != status or any(word not in str(error) for word in words) or "--" in str(error):
            failures.append(f"{what}: status {error.status}: {error}")
    else:
        failures.append(f"{what}: no error")


with tempfile.TemporaryDirectory() as place:
    whole = open(sys.argv[1], "rb").read()
    text = os.path.join(place, "text.h5")
    open(text, "w").write("no model\n")
    expect("a missing file", lambda: lockstep.Model(place + "/none.h5"), BAD_DATA, "none.h5", "No such file")
    expect("a text file", lambda: lockstep.Model(text), BAD_DATA, "text.h5", "not an HDF5 file")
    expect("half a file", lambda: lockstep.Model(whole[:len(whole) // 2]), BAD_DATA, "the model in memory")
    expect("no bytes", lambda: lockstep.Model(b""), BAD_DATA, "the model in memory")
    for at in range(0, len(whole), len(whole) // 40):
        flipped = bytearray(whole)
        flipped[at] ^= 4
        try:  # a flip in the seal itself makes the file one without a seal, whose values are compared all the same
            if not np.array_equal(lockstep.Model(bytes(flipped)).predict(x), values):
                failures.append(f"a flip in byte {at} changes predictions")
        except lockstep.Error as error:
            if error.status != BAD_DATA or "the model in memory" not in str(error):
                failures.append(f"a flip in byte {at}: status {error.status}: {error}")

expect("samples without dropout", lambda: lockstep.Model(sys.argv[1], samples=3), USAGE, "no dropout")
expect("a negative temperature", lambda: lockstep.Model(sys.argv[1], temperatures=[-1]), USAGE, "temperature -1")
expect("a table for a model without names", lambda: model.predict({"a": np.zeros(3)}), BAD_DATA, "no names of columns")

numbers = [name for name, categories in zip(table.column_names, table.categories) if not categories]
kinds = [(name, categories) for name, categories in zip(table.column_names, table.categories) if categories]
rows = {name: np.zeros(3) for name in numbers} | {name: np.array([c[0], c[-1], ""], object) for name, c in kinds}
values = table.predict(rows)
assert values.shape == (3, table.outputs) and np.isfinite(values).all()
shuffled = dict(reversed(list(rows.items()))) | {"not of the model": np.ones(3)}
assert np.array_equal(table.predict(shuffled), values), "columns are found by their names"
many = {name: np.tile(np.asarray(column), 300) for name, column in rows.items()}
assert np.array_equal(table.predict(many), np.tile(values, (300, 1))), "rows of later blocks"
known = dict(rows) | {kinds[0][0]: np.array(["a category that nobody knows"] * 3, object)}
assert np.isfinite(table.predict(known)).all(), "a category that the model does not know counts as none"
expect("a missing column", lambda: table.predict({k: v for k, v in rows.items() if k != numbers[0]}), BAD_DATA,
       "no column " + numbers[0])
expect("a text for a number", lambda: table.predict(rows | {numbers[0]: np.array(["1", "2", "3"])}), BAD_DATA, numbers[0],
       "numbers", "texts")
expect("a fraction for a category", lambda: table.predict(rows | {kinds[0][0]: np.array([0.5, 1, 2])}), BAD_DATA, kinds[0][0],
       "categories")
for failure in failures:
    print(failure, file=sys.stderr)
sys.exit(len(failures) > 0)
