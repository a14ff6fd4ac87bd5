"""Writes arrays and tables with NumPy, h5py and Python's own modules, imports them, and compares every number.

Prints the words of each import and reads the answer of test_formats.c, which does the import.
"""
import gzip
import struct
import sys
import zipfile

import h5py
import numpy as np

rng = np.random.default_rng(7)
failures = []
USAGE, BAD_DATA = 2, 3  # exit codes


def run(words):
    print(words, flush=True)
    code, size = sys.stdin.buffer.readline().split()
    return int(code), sys.stdin.buffer.read(int(size)).decode()


def expect(condition, what):
    if not condition:
        failures.append(what)


def texts(file, key):
    return [t.decode() if isinstance(t, bytes) else t for t in file.attrs[key]]


def imports(words, what, x=None, y=None, split="train", classes=None, names=None, says=None):
    """The import succeeds, and its arrays have these values exactly."""
    code, said = run(words)
    if code != 0:
        failures.append(f"{what}: exit {code}: {said}")
        return
    with h5py.File("out.h5") as file:
        for name, values in ("x", x), ("y", y):
            if values is None:
                continue
            found = file[f"{split}/{name}"][()]
            expect(found.shape == np.shape(values) and np.array_equal(found, values, equal_nan=True),
                   f"{what}: {name} is {found}, not {values}")
        if classes is not None:
            expect(texts(file, "class_names") == classes, f"{what}: classes {texts(file, 'class_names')}")
        if names is not None:
            expect(texts(file, "feature_names") == names, f"{what}: names {texts(file, 'feature_names')}")
    if says is not None:
        expect(says in said, f"{what}: no '{says}' in {said}")


def refuses(words, what, *parts, code=BAD_DATA):
    """The import ends with this exit code, and its message has all parts."""
    found, said = run(words)
    expect(found == code, f"{what}: exit {found}: {said}")
    for part in parts:
        expect(part in said, f"{what}: no '{part}' in {said}")


# ---- NPY ----

for kind in "?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8":
    for order in "<>":
        for shape in ((7, 3), (130, 67), (5, 4, 3, 2), (1, 9), (9, 1)) if kind in ("u1", "f4") and order == "<" else ((70, 3),):
            x = (rng.integers(0, 120, shape) - (60 if kind[0] in "if" else 0)).astype(order + kind if kind != "?" else "?")
            np.save("a.npy", np.asfortranarray(x))
            expect(b"'fortran_order': True" in open("a.npy", "rb").read() or 1 in shape, "not in Fortran order")
            imports("a.npy", f"Fortran order, {order}{kind} {shape}", x.astype(x.dtype.newbyteorder("=")))
np.save("x.npy", rng.normal(size=(6, 2)))
for kind in "<U6", ">U6", "S9":
    words = np.array(["beta", "alpha", "beta", "gamma", "alpha", "beta"])
    if kind != "S9":
        words[3] = "γá𝄞"
    np.save("y.npy", words.astype(kind))
    imports("x.npy y.npy", f"labels {kind}", y=[1, 0, 1, 2, 0, 1], classes=["alpha", "beta", words[3]])
np.save("y.npy", np.array(["3", "10", "3", "x", "10", "3"], dtype="U"))
imports("x.npy y.npy", "labels that look like numbers", y=[1, 0, 1, 2, 0, 1], classes=["10", "3", "x"])
np.save("y.npy", np.array(['a,"b"\nc', "d"] * 3))
imports("x.npy y.npy", "labels with quotes and line ends", y=[0, 1] * 3, classes=['a,"b"\nc', "d"])
codes = np.array([["01234", "1"], ["1234", "2"], ["01234", "2"]])
np.save("a.npy", codes)
imports("a.npy", "texts that look like numbers stay texts", [[0, 0], [1, 1], [0, 1]])
imports("a.npy --numeric 1", "texts that are numbers because the user says so", [[0, 1], [1, 2], [0, 2]])
np.save("b.npy", np.array(["7", "8", "7"]))
imports("b.npy", "one column of texts", [[0], [1], [0]])
for array, parts in ((np.zeros(3, [("a", "f4"), ("b", "i4")]), ("a structured array", "to_csv")),
                     (np.array([1, "a", None], dtype=object), ("Python objects", "astype(str)")),
                     (np.zeros(3, "c8"), ("complex numbers", "a.real")),
                     (np.zeros(3, "M8[s]"), ("dates", "datetime64[s]")),
                     (np.zeros(3, "m8[s]"), ("time spans",)),
                     (np.zeros(3, "V4"), ("void",)),
                     (np.zeros((2, 2, 2), "U3"), ("texts in 3 dimensions",)),
                     (np.zeros(3, np.longdouble), ("f16 cannot be stored",))):
    np.save("a.npy", array, allow_pickle=True)
    refuses("a.npy", f"{array.dtype}", *parts)
for version in (1, 0), (2, 0), (3, 0):
    with open("a.npy", "wb") as file:
        np.lib.format.write_array(file, np.arange(6.0).reshape(3, 2), version)
    imports("a.npy", f"version {version}", np.arange(6.0).reshape(3, 2))
whole = open("a.npy", "rb").read()
for length in 5, 7, 9, 11, 40, len(whole) - 1:
    open("cut.npy", "wb").write(whole[:length])
    refuses("cut.npy", f"cut after {length} bytes", "cut.npy")


def header(text):
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(64)


for shape in "(4294967296, 4294967296)", "(9223372036854775807, 2)", "(99999999999999999999,)", "(2, 1, 1, 4294967297)":
    for order in ("True", "False") if "," in shape[1:-2] else ("False",):
        open("a.npy", "wb").write(header(f"{{'descr': '<f8', 'fortran_order': {order}, 'shape': {shape}, }}"))
        refuses("a.npy", f"shape {shape}", "promises")
        open("a.npy", "wb").write(header(f"{{'descr': '<U2', 'fortran_order': {order}, 'shape': {shape}, }}"))
        refuses("a.npy", f"texts of shape {shape}", "a.npy")

# ---- NPZ ----

data = {f"{a}_{s}": rng.normal(size=(n, 3)) if a == "x" else rng.integers(0, 3, n)
        for s, n in (("train", 8), ("test", 5)) for a in "xy"}
for save in np.savez, np.savez_compressed:
    save("k.npz", **data)
    for split in "train", "test":
        imports("k.npz", f"Keras' names, {save.__name__}", data[f"x_{split}"], data[f"y_{split}"], split)
    imports("k.npz:x_test k.npz:y_test", "arrays by name", data["x_test"], data["y_test"])
    save("xy.npz", X=data["x_train"], y=np.array(["b", "a"] * 4))
    imports("--train xy.npz", "X and y", data["x_train"], [1, 0] * 4, classes=["a", "b"])
    save("one.npz", data["x_test"])
    imports("one.npz", "a single array", data["x_test"])
save("other.npz", a=np.zeros(3), b=np.zeros(3))
refuses("other.npz", "names that say nothing", "which of its arrays", "a, b")
refuses("other.npz:c", "a missing array", "there is no array 'c'", "a, b")
refuses("x.npy:c", "a part of a file without parts", "has no part 'c'")
with zipfile.ZipFile("book.xlsx", "w") as archive:
    archive.writestr("xl/workbook.xml", "<workbook/>")
refuses("book.xlsx", "another zip archive", "without arrays of NumPy")
for save in np.savez, np.savez_compressed:
    save("k.npz", **data)
    whole = open("k.npz", "rb").read()
    entry = zipfile.ZipFile("k.npz").getinfo("x_train.npy")
    begin = entry.header_offset + 30 + sum(struct.unpack("<2H", whole[entry.header_offset + 26:entry.header_offset + 30]))
    for at in range(begin + entry.compress_size // 2, begin + entry.compress_size, 11):
        open("bad.npz", "wb").write(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
        refuses("bad.npz:x_train bad.npz:y_train", f"byte {at} damaged, {save.__name__}", "damaged or cut")
    for at in 40, len(whole) - 30:
        open("bad.npz", "wb").write(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1:])
        code, said = run("bad.npz:x_train bad.npz:y_train")
        expect(code in (0, BAD_DATA), f"damaged names in NPZ: exit {code}: {said}")
    open("bad.npz", "wb").write(whole[:-30])
    refuses("bad.npz", "a cut archive", "damaged or cut")
np.savez_compressed("zeros.npz", x=np.zeros(10**6))
refuses("zeros.npz:x --most-memory 1MB", "an archive that unpacks to much", "--most-memory")

# ---- libsvm ----


def svm(name, x, y, first, comment=""):
    with open(name, "w") as file:
        file.write(comment)
        for row, label in zip(x, y):
            pairs = " ".join(f"{i + first}:{float(v)!r}" for i, v in enumerate(row) if v != 0)
            file.write(f"{label} {pairs} # a comment: 7:1\n")


x = rng.normal(size=(20, 6)) * (rng.random((20, 6)) < 0.4)
x[3], x[0, 0], x[19, 5] = 0, 0.1, -2.5
y = rng.integers(0, 2, 20) * 2 - 1
y[:2] = -1, 1
for first in 0, 1:
    svm("a.svm", x, [f"{v:+d}" for v in y], first, "# made by hand\n\n")
    imports("a.svm", f"libsvm from {first}", x, (y + 1) // 2, classes=["-1", "+1"],
            says=f"columns numbered from {first} to {5 + first}")
    svm("b.svm", x[:10, :4], y[:10], first)
    wide = np.hstack([x[:10, :4], np.zeros((10, 2))])
    imports("--train a.svm --test b.svm", "a file without the last columns", wide, (y[:10] + 1) // 2, "test")
    svm("b.svm", x[:10, 1:], y[:10], first + 1)
    imports("--train a.svm --test b.svm", f"a file without the first column, from {first}",
            np.hstack([np.zeros((10, 1)), x[:10, 1:]]), None, "test")
imports("a.svm --regression", "libsvm with targets", x, y.reshape(-1, 1).astype(float))
open("q.svm", "w").write("2 qid:1 1:0.5 3:1\n1 qid:1 2:0.25\n")
imports("q.svm", "libsvm with queries", [[0.5, 0, 1], [0, 0.25, 0]], [1, 0], says="qid")
for text, part in (("1,3 1:0.5\n2 2:1\n", "several labels"), ("1 2:1 2:3\n", "sort each row"), ("1 2:1 1:3\n", "sort each row"),
                   ("1 1:1\n2 1:x2\n", "no number"), ("1 1:1\n2 1:\n", "no number"), ("1 1:1\n2 1:0x2\n", "no number"), ("1 1:nan\n", "not a finite number"),
                   ("1 4294967297:1\n", "too large an index"), ("1 1:1\n0.5 1:2\n", "not an integer"),
                   ("1 1:1\n\n" + "2 1:1\n" * 200 + "2 1\n", "203: '1' is not INDEX:VALUE")):
    open("bad.svm", "w").write(text)
    refuses("bad.svm", f"libsvm {text[:20]!r}", part)
refuses("a.svm --label 0", "libsvm with a label column", "--label names a column of a table", code=USAGE)
open("wide.svm", "w").write("1 1:1\n2 1000000000:1\n")
open("far.svm", "w").write("1 4611686018427387904:1\n")
refuses("wide.svm --most-memory 1GB", "libsvm that is too wide", "--most-memory", "1000000000 columns")
open("times.csv", "w").write("1 12\n2 13\n")
imports("times.csv", "a table of numbers that is not libsvm", [[1, 12], [2, 13]])

# ---- IDX ----

for code, kind in (8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8"):
    a = (rng.integers(0, 120, (4, 3, 2)) - (0 if code == 8 else 60)).astype(kind)
    packed = bytes([0, 0, code, 3]) + struct.pack(">3I", *a.shape) + a.tobytes()
    open("a.idx", "wb").write(packed)
    imports("a.idx", f"IDX {kind}", a.astype(a.dtype.newbyteorder("=")))
    open("a.idx.gz", "wb").write(gzip.compress(packed))
    imports("a.idx.gz", f"IDX {kind}, gzipped", a.astype(a.dtype.newbyteorder("=")))
for dims in 1, 2, 4, 8:
    open("a.idx", "wb").write(bytes([0, 0, 8, dims]) + b"\xff\xff\xff\xff" * dims + bytes(100))
    refuses("a.idx", f"IDX of {dims} huge dimensions", "promises")
open("bomb.gz", "wb").write(gzip.compress(bytes(64 << 20)))
refuses("bomb.gz --most-memory 1MB", "a gzip of zeros", "NUL bytes")
open("b.csv.gz", "wb").write(gzip.compress(b"1,2\n" * 250001))  # the cells of the first row are not counted
imports("b.csv.gz --most-memory 4MB", "a table at the limit")
refuses("b.csv.gz --most-memory 3999999B", "a table above the limit", "its cells take more", "--most-memory")
np.save("a.npy", np.zeros(999872, "u1"))  # 1 MB with its header
open("a.npy.gz", "wb").write(gzip.compress(open("a.npy", "rb").read()))
imports("a.npy.gz --most-memory 1MB", "an array at the limit")
refuses("a.npy.gz --most-memory 999999B", "an array above the limit", "more than 999999B", "--most-memory")
np.save("bytes.npy", np.zeros(500000, "i1"))
imports("bytes.npy --most-memory 2MB", "bytes that become integers of 4 bytes, at the limit")
refuses("bytes.npy --most-memory 1999999B", "the same above the limit", "500000 values take 4 bytes each", "--most-memory")
refuses("far.svm", "an index of 2^62", "has too large an index; the largest is 1073741823")

# ---- HDF5 ----

n = 1000
rows = np.zeros(n, [("a", ">i2"), ("b", "f4"), ("flag", "?"), ("big", "u8"), ("kind", "S5"), ("half", "f2"), ("two", "f8", (2,))])
rows["a"], rows["b"], rows["flag"] = rng.integers(-9, 9, n), rng.normal(size=n), rng.integers(0, 2, n)
rows["big"], rows["half"], rows["two"] = rng.integers(0, 2**53, n), rng.normal(size=n), rng.normal(size=(n, 2))
rows["kind"] = rng.choice([b"oak", b"elm", b"birch"], n)
x = np.column_stack([rows[c].astype(float) for c in ("a", "b", "flag", "big", "half")] + [rows["two"]])
kinds = np.searchsorted([b"birch", b"elm", b"oak"], rows["kind"])
names = ["a", "b", "flag", "big", "half", "two_0", "two_1"]
strings, enum = h5py.string_dtype(), h5py.enum_dtype({"low": 1, "high": 7}, "i2")
mixed = np.zeros(4, [("v", "f8"), ("level", enum), ("who", strings)])
mixed["v"], mixed["level"], mixed["who"] = [1, 2, np.nan, 4], [7, 1, 1, 7], ["Zoé", 'Al "x", y', "Zoé", "B\nC"]
with h5py.File("t.h5", "w") as file:
    file["deep/table"] = rows
with h5py.File("m.h5", "w") as file:
    file["mixed"] = mixed
    file.create_dataset("packed", data=rows, chunks=(64,), compression="gzip")
    file["x"], file["cube"] = rng.normal(size=(6, 2)), np.arange(24, dtype="i1").reshape(4, 3, 2)
    file["words"] = np.array(["b", "a", "c"] * 2, dtype=object)
    file["fixed"] = np.array([b"b", b"a", b"c"] * 2)
    file["nested"] = np.zeros(3, [("z", "c8"), ("v", "f8")])
    file["empty"] = np.zeros(0, [("v", "f8")])
    cube, xs = file["cube"][()], file["x"][()]
imports("t.h5 --label kind", "the only table of a file", x, kinds, classes=["birch", "elm", "oak"], names=names)
imports("t.h5:deep/table --label kind", "a table by name", x, kinds, names=names)
imports("t.h5:/deep --label kind", "the group of a table", x, kinds, names=names)
imports("m.h5:packed --label kind", "a table in chunks", x, kinds)
imports("m.h5:cube", "an array of numbers", cube)
for name in "words", "fixed":
    imports(f"m.h5:x m.h5:{name}", f"labels in texts, {name}", xs, [1, 0, 2] * 2, classes=["a", "b", "c"])
    imports(f"x.npy m.h5:{name}", f"labels in texts beside NPY, {name}", y=[1, 0, 2] * 2)
ids = np.array([2**53 + 1, 2**53, 2**53 + 1, 2**53 + 2, -2**60, 2**53])
with h5py.File("ids.h5", "w") as file:
    file["t"] = np.array([(i, 2 * k + 1, z, k % 2) for k, (i, z) in enumerate(zip(ids, [b"01", b"1", b"01", b"1", b"1", b"01"]))],
                         [("id", "i8"), ("v", "f4"), ("zip", "S2"), ("kind", "u1")])
    file["u"] = np.array([(2**64 - 1, 1), (2**64 - 2, 2), (5, 1)], [("big", "u8"), ("v", "f8")])
    file["gaps"] = np.array([(np.nan,), (1.5,), (np.nan,)], [("only", "f8")])
    file["odd"] = np.array([(1.5, np.nan), (2.5, 3)], [("#a,b", "f8"), ("\"q\"", "f8")])
    file["y"] = np.array([b"a", b"b", b"a"])
code_of = {text: k for k, text in enumerate(sorted(str(i) for i in ids))}
number_of = {i: k for k, i in enumerate(sorted(set(ids)))}
wanted = [[number_of[i], 2 * k + 1, z] for k, (i, z) in enumerate(zip(ids, [0, 1, 0, 1, 1, 0]))]
imports("ids.h5:t --label kind", "numbers above 2^53 and texts that look like numbers", wanted, [0, 1] * 3, names=["id", "v", "zip"])
imports("ids.h5:u --label v", "unsigned numbers above 2^53", [[1], [0], [2]])
imports("ids.h5:gaps ids.h5:y", "one column that begins and ends with gaps", [[np.nan], [1.5], [np.nan]], [0, 1, 0])
imports("ids.h5:odd", "names with signs of CSV", [[1.5, np.nan], [2.5, 3]], names=["#a,b", '"q"'])
refuses("m.h5", "a file of many arrays", "is HDF5 already", "/mixed", "data.x")
refuses("m.h5:nothing", "a missing table", "is not in the file", "/mixed")
refuses("m.h5:nested", "a field of complex numbers", "field 'z'")
refuses("m.h5:empty", "a table without rows", "no rows")
refuses("t.h5 --label kind --most-memory 1KB", "a table that is too large", "--most-memory")
cut = open("t.h5", "rb").read()
open("cut.h5", "wb").write(cut[:len(cut) // 2])
refuses("cut.h5:deep/table", "a cut HDF5 file", "incomplete")
refuses("nowhere.h5:t", "a missing file", "cannot be opened")

print("end")
if failures:
    print("\n".join(failures))
    sys.exit(1)
print("all formats as expected")
