"""Checks with pandas, PyTables, pyarrow and scikit-learn, which the test suite must not need. By hand:

    python3 -m venv /tmp/v && /tmp/v/bin/pip install pandas tables pyarrow scikit-learn h5py openpyxl
    LOCKSTEP=$PWD/build/release/lockstep /tmp/v/bin/python tests/import/formats_by_hand.py
"""
import os
import subprocess
import sys
import tempfile
import warnings

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from sklearn.datasets import dump_svmlight_file, load_iris, load_svmlight_file

warnings.simplefilter("ignore")
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
lockstep = os.environ.get("LOCKSTEP", f"{root}/build/release/lockstep")
script = f"{root}/scripts/import_table.py"
failures = 0


def expect(condition, what):
    global failures
    failures += not condition
    print("ok  " if condition else "FAIL", what)


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def imported(words, what):
    code, said = run(lockstep, "import", *words.split(), "out.h5", "--overwrite")
    expect(code == 0, f"{what}: {said.strip()}" if code else what)
    return read() if code == 0 else None


def read():
    with h5py.File("out.h5") as file:
        found = {k: file[k][()] for k in ("train/x", "train/y", "test/x", "test/y") if k in file}
        for key in "feature_names", "class_names":
            if key in file.attrs:
                found[key] = list(file.attrs[key])
    return found


def same(found, x, y, names, classes, what):
    if found is None:
        return
    expect(np.array_equal(found["train/x"], x, equal_nan=True), f"{what}: x")
    expect(np.array_equal(found["train/y"], y), f"{what}: y")
    expect(found.get("feature_names") == names, f"{what}: {found.get('feature_names')}")
    expect(found.get("class_names") == classes, f"{what}: {found.get('class_names')}")


os.chdir(tempfile.mkdtemp())
iris = load_iris()
frame = pd.DataFrame(iris.data, columns=["sl", "sw", "pl", "pw"])
frame["n"] = np.arange(150, dtype="i2")[::-1]
frame["f"] = iris.data[:, 0].astype("f4") / 3
frame["flag"] = iris.data[:, 1] > 3
frame["kind"] = [iris.target_names[k] for k in iris.target]
x = np.column_stack([frame[c].astype(float) for c in frame.columns if c != "kind"])
names, classes = [c for c in frame.columns if c != "kind"], ["setosa", "versicolor", "virginica"]


def fits(words, what, order=None):
    """Blocks of pandas have the columns in another order."""
    found = imported(words, what)
    if found is not None and order:
        by = [list(found["feature_names"]).index(n) for n in names]
        found["train/x"], found["feature_names"] = found["train/x"][:, by], names
    same(found, x, iris.target, names, classes, what)


frame.to_hdf("t.h5", key="iris", format="table", data_columns=True)
fits("t.h5 --label kind", "pandas, data_columns")
frame.to_hdf("b.h5", key="iris", format="table")
fits("b.h5:iris --label kind", "pandas, blocks", order=True)
frame.to_hdf("f.h5", key="iris")
code, said = run(lockstep, "import", "f.h5:iris", "o.h5", "--label", "kind")
expect(code == 3 and "format='table'" in said, f"pandas, fixed: {said.strip()}")
frame.assign(kind=frame["kind"].astype("category")).to_hdf("c.h5", key="iris", format="table", data_columns=True)
code, said = run(lockstep, "import", "c.h5", "o.h5", "--label", "kind")
expect(code == 3 and "category of pandas" in said, f"pandas, categories: {said.strip()}")

for first in 0, 1:
    dump_svmlight_file(x, iris.target, "a.svm", zero_based=first == 0, comment="iris")
    found = imported("a.svm", f"dump_svmlight_file from {first}")
    again = load_svmlight_file("a.svm", zero_based="auto")[0].toarray()  # 16 digits: not quite x
    same(found, again, iris.target, None, None, f"dump_svmlight_file from {first}")
code, said = run(lockstep, "import", "a.svm", "o.h5", "--split", "train=0.7,test=0.3")
expect(code == 0, "libsvm, split")
dump_svmlight_file(x, np.eye(3)[iris.target].astype(int) | [1, 0, 0], "m.svm", multilabel=True)
code, said = run(lockstep, "import", "m.svm", "m.h5")
expect(code == 3 and "several labels" in said, f"multilabel: {said.strip()}")

table = pa.table({"sl": iris.data[:, 0], "f": pa.array(iris.data[:, 1].astype("f4") / 3),
                  "half": pa.array(iris.data[:, 2].astype("f2")), "n": pa.array(np.arange(150)[::-1]), "flag": pa.array(iris.data[:, 1] > 3),
                  "gap": pa.array([None if k % 7 == 0 else k / 3 for k in range(150)]),
                  "kind": pa.array(frame["kind"]).dictionary_encode()})
wanted = np.column_stack([iris.data[:, 0], iris.data[:, 1].astype("f4") / np.float32(3), iris.data[:, 2].astype("f2"),
                          np.arange(150)[::-1], iris.data[:, 1] > 3,
                          [np.nan if k % 7 == 0 else k / 3 for k in range(150)]]).astype(float)
pa.parquet.write_table(table, "t.parquet")
pa.feather.write_feather(table, "t.feather")
with pa.ipc.new_stream("t.arrows", table.schema) as stream:
    stream.write_table(table)
os.environ["LOCKSTEP"] = lockstep
for path in "t.parquet", "t.feather", "t.arrows":
    code, said = run(sys.executable, script, path, "out.h5", "--overwrite", "--label", "kind", "--missing")
    expect(code == 0, f"{path}: {said.strip()}" if code else path)
    if code == 0:
        same(read(), wanted, iris.target, ["sl", "f", "half", "n", "flag", "gap"], classes, path)
code, said = run(sys.executable, script, "--train", "t.parquet", "--test", "t.feather", "out.h5", "--overwrite", "--label", "kind",
                 "--missing")
expect(code == 0 and read()["test/x"].shape == (150, 6), f"two tables {said if code else ''}")
codes = pa.table({"zip": ["01", "1", "01", "1"], "id": [2**53 + 1, 2**53, 2**53 + 1, 5], "v": [1.5, 2, 3, 4], "n": ["1", "2", "3", "4"],
                  "kind": ["7", "8", "7", "8"]})
pa.parquet.write_table(codes, "codes.parquet")
code, said = run(sys.executable, script, "codes.parquet", "out.h5", "--overwrite", "--label", "kind", "--numeric=n")
expect(code == 0, f"texts that look like numbers {said if code else ''}")
if code == 0:
    same(read(), [[0, 2, 1.5, 1], [1, 1, 2, 2], [0, 2, 3, 3], [1, 0, 4, 4]], [0, 1, 0, 1], ["zip", "id", "v", "n"], ["7", "8"], "texts that look like numbers")
frame.to_excel("t.xlsx", index=False)
code, said = run(sys.executable, script, "t.xlsx", "out.h5", "--overwrite", "--label", "kind")
expect(code == 0, f"Excel {said if code else ''}")
if code == 0:
    expect(np.allclose(read()["train/x"], x, rtol=1e-14), "Excel: x, to the 15 digits that Excel keeps")
pa.parquet.write_table(pa.table({"a": [[1, 2], [3]], "b": [1, 2]}), "nested.parquet")
code, said = run(sys.executable, script, "nested.parquet", "o2.h5")
expect(code == 3 and "column 'a' holds list" in said, f"lists: {said.strip()}")
code, said = run(lockstep, "import", "t.parquet", "o2.h5")
expect(code == 3 and "import_table.py" in said, f"lockstep itself: {said.strip()}")
code, said = run(sys.executable, script, "t.parquet", "out.h5", "--label", "nothing", "--overwrite")
expect(code == 3 and "names no column 'nothing'" in said, f"a label that is not there: {said.strip()}")
sys.exit(failures > 0)
