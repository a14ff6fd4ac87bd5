#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets again: small files of every format that lockstep reads.

  seeds.py LOCKSTEP      writes tests/fuzz/seeds/TARGET/NAME

Datasets, models and checkpoints are made by lockstep, and written in the words of fuzz.h. Files of other programs
are written byte by byte. Seeds whose names begin with `found-` are not touched: each one once broke something.
"""
import gzip
import io
import os
import struct
import subprocess
import sys
import tempfile
import zipfile

import h5py
import numpy

SEEDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def save(target, name, content):
    folder = os.path.join(SEEDS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


# ---- HDF5 files in words ----

def type_word(dtype):
    if dtype.kind == "S":
        return f"t{dtype.itemsize}"
    return {"u": "u", "i": "i", "f": "f"}[dtype.kind] + str(8 * dtype.itemsize)


def shape_word(shape):
    return "x".join(str(n) for n in shape) if shape else "-"


def numbers(values):
    flat = numpy.asarray(values).reshape(-1)
    return " ".join(repr(v.item()) if flat.dtype.kind == "f" else str(v) for v in flat)


def one_line(text):
    return str(text).rstrip("\n").replace("\n", "\n| ")


def attribute_words(path, key, value):
    if isinstance(value, (str, bytes)):
        return f"text {path} {key} {one_line(value if isinstance(value, str) else value.decode())}"
    array = numpy.asarray(value)
    if array.dtype.kind in "OSU":
        return f"texts {path} {key} " + "|".join(v if isinstance(v, str) else v.decode() for v in array.reshape(-1))
    return f"number {path} {key} {type_word(array.dtype)} {shape_word(array.shape)} {numbers(array)}"


def words(path, settings=""):
    lines = [f"settings {one_line(settings)}"] if settings else []
    with h5py.File(path) as file:
        lines += [attribute_words("/", key, value) for key, value in file.attrs.items()]

        def visit(name, item):
            if name.startswith("manifest"):
                return
            if isinstance(item, h5py.Dataset):
                if item.dtype.kind == "S":
                    lines.append(f"words {name} {len(item)} " + "|".join(t.decode() for t in item[()]))
                else:
                    values = item[()]
                    lines.append(f"array {name} {type_word(item.dtype)} {shape_word(item.shape)} {numbers(values)}")
            elif len(item) == 0:
                lines.append(f"group {name}")
            lines.extend(attribute_words(name, key, value) for key, value in item.attrs.items())

        file.visititems(visit)
        if "manifest" in file:  # only its presence matters once the file is sealed
            lines.append("array manifest/names u8 1 10")
    return "\n".join(lines) + "\n"


# ---- datasets, models and checkpoints ----

TABLE = "a,b,kind,w,y,z\n" + "".join(
    f"{i * 7 % 5}.{i},{i % 3 or ''},{'red green blue'.split()[i % 3]},{1 + i % 2},{i % 3},{i * 0.5}\n" for i in range(1, 13))
SERIES = "t,level,flow,station\n" + "".join(
    f"{i},{(i * 5) % 7}.5,{i % 4},{i // 12}\n" for i in range(24))

DATA = {
    "classes": ["import", "t.csv", "d.h5", "--label", "y", "--drop", "z,w", "--missing", "--shuffle", "none",
                "--split", "train=0.75,test=0.25"],
    "values": ["import", "t.csv", "d.h5", "--label", "z", "--regression", "--weights", "w", "--missing",
               "--shuffle", "none", "--split", "train=0.5,valid=0.25,test=0.25"],
    "series": ["import", "s.csv", "d.h5", "--series", "station", "--label", "flow", "--regression"],
    "images": ["import", "--make", "circles", "d.h5", "--rows", "12", "--split", "train=0.75,test=0.25"],
}

SETTINGS = {
    "classes": """data: {file: d.h5, scaling: standard, missing: mean, missing_indicator: true}
model: {layers: [{dense: {units: 4, activation: relu}}, batch_norm, {dropout: 0.5}, {dense: 3}]}
loss: {name: cross_entropy, class_weights: balanced}
optimizer: {name: adam, learning_rate: 0.01}
train: {epochs: 2, global_batch_size: 4}
checkpoint: {every: 1 epochs, keep: 1}
parallel: {threads: 1, shards: 2}
""",
    "values": """data: {file: d.h5, scaling: {name: minmax, columns: {kind: one_hot}}, missing: drop, target_scaling: standard}
model:
  embeddings: {above: 2, width: 2}
  layers: [{dense: {units: 3, activation: tanh}}, layer_norm, {residual: [{dense: 3}]}, {dense: 2}]
loss: gaussian_nll
optimizer: {name: sgd, momentum: 0.9, learning_rate: 0.01}
train: {epochs: 2, global_batch_size: 4}
parallel: {threads: 1, shards: 2}
""",
    "series": """data:
  file: d.h5
  scaling: standard
  target_scaling: standard
  shuffle: blocks
  validation: 0.2
  memory_limit: 1KB
  window: {length: 2, horizon: 2, stride: 1, season: 2, test: 0.2, series: series, targets: [0, 1]}
model: {layers: [{branches: [[{dense: 2}], [{dense: 4}]]}]}
loss:
  - {head: level, name: mse, outputs: 2, targets: [0]}
  - {head: flow, name: quantile, quantiles: [0.2, 0.8], outputs: 4, targets: [1]}
train: {epochs: 1, global_batch_size: 4, members: 2}
parallel: {threads: 1, shards: 2}
""",
    "images": """data: {file: d.h5, scaling: robust, basis: {name: fourier, size: 4, gamma: 1}}
model: {layers: [{dense: {units: 4, activation: gelu}}, {dense: 2}]}
loss: cross_entropy
optimizer: {name: lbfgs}
train: {epochs: 1, global_batch_size: all}
parallel: {threads: 1, shards: 2}
""",
    "bayes": """data: {file: d.h5, scaling: standard, target_scaling: standard, basis: {name: polynomial, degree: 2}}
model: {layers: [dense: 1]}
loss: mse
solve: {method: bayesian}
train: {global_batch_size: 4}
parallel: {threads: 1, shards: 2}
""",
}


def run(program, *arguments):
    result = subprocess.run([program, *arguments], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(arguments)}: {result.stderr}")


def lockstep_files(program):
    with open("t.csv", "w") as file:
        file.write(TABLE)
    with open("s.csv", "w") as file:
        file.write(SERIES)
    for name, settings in SETTINGS.items():
        run(program, *(DATA.get(name) or ["import", "--make", "friedman", "d.h5", "--rows", "30", "--features", "5"]),
            "--overwrite")
        with open("net.yaml", "w") as file:
            file.write(settings)
        command = "solve" if "solve:" in settings else "train"
        run(program, command, "net.yaml", f"name={name}")
        save("dataset", name, words("d.h5", settings))
        save("settings", name, settings)
        folder = os.path.join("runs", name)
        for part in sorted(os.listdir(folder)):
            kind = part.split(".")[0].split("-")[0]
            if part.endswith(".h5") and (kind == "model" or (kind == "checkpoint" and name != "images")):
                save("model", f"{name}-{kind}", words(os.path.join(folder, part)))


# ---- files of other programs ----

def npy(array, fortran=False):
    out = io.BytesIO()
    numpy.save(out, numpy.asfortranarray(array) if fortran else array)
    return out.getvalue()


def npz(compress, **arrays):
    out = io.BytesIO()
    (numpy.savez_compressed if compress else numpy.savez)(out, **arrays)
    return out.getvalue()


def idx(kind, dtype, shape):
    values = (numpy.arange(numpy.prod(shape)) % 100).astype(dtype)
    return struct.pack(">BBBB", 0, 0, kind, len(shape)) + struct.pack(f">{len(shape)}I", *shape) + values.tobytes()


def other_files():
    grid = numpy.arange(12, dtype="f4").reshape(3, 4)
    save("npy", "f4", npy(grid))
    save("npy", "fortran-f8", npy(grid.astype("f8"), fortran=True))
    save("npy", "big-endian-i2", npy(grid.astype(">i2")))
    save("npy", "u1-3d", npy(numpy.arange(8, dtype="u1").reshape(2, 2, 2)))
    save("npy", "bool", npy(grid > 5))
    save("npy", "texts", npy(numpy.array(["coat", "shirt", "bag"])))
    save("npy", "half", npy(grid.astype("f2")))
    save("npy", "packed.gz", gzip.compress(npy(grid), mtime=0))
    save("npz", "stored", npz(False, x=grid, y=numpy.arange(3)))
    save("npz", "deflated", npz(True, x=grid, y=numpy.arange(3)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:  # sizes behind the data
        with archive.open("x.npy", "w", force_zip64=True) as file:
            file.write(npy(grid))
    save("npz", "streamed", out.getvalue())
    save("idx", "u8", idx(0x08, "u1", (2, 3, 3)))
    save("idx", "i8", idx(0x09, "i1", (4,)))
    save("idx", "i16", idx(0x0B, ">i2", (3, 2)))
    save("idx", "i32", idx(0x0C, ">i4", (3, 2)))
    save("idx", "f32", idx(0x0D, ">f4", (3, 2)))
    save("idx", "f64", idx(0x0E, ">f8", (3, 2)))
    save("idx", "packed.gz", gzip.compress(idx(0x08, "u1", (2, 3, 3)), mtime=0))
    save("libsvm", "classes", "+1 1:0.5 3:2\n-1 2:1e3\n+1 4:-.25 # a comment\n")
    save("libsvm", "queries", "2 qid:1 1:3 2:0.1\n1 qid:2 1:0\n0 qid:2 7:1\n")
    save("libsvm", "zero-based", "0.5 0:1 1:2\n1.5 0:3\n")
    for name, text in TABLES.items():
        save("csv", name, text)
    for name, text in NUMBERS.items():
        save("numbers", name, text)
    for name, text in DATES.items():
        save("dates", name, text)
    save("weights", "some", b"layer,parameter,row,column,value\ndense1,weight,0,0,0.25\ndense1,weight,0,1,-1.5e-3\n"
         b"dense1,bias,2,,7\nbatch_norm1,variance,0,,1\ndense2,weight,1,2,3\n")
    save("weights", "others", b'\xef\xbb\xbflayer,parameter,row,column,value\r\n"dense1" , weight,1,0, 1e-45\r\n'
         b"dense7,weight,0,0,1\r\n\r\n\n")
    save("windows", "one", bytes([3, 1, 0, 50, 50, 40, 2, 1]))
    save("windows", "several", bytes([1, 0, 1, 20, 100, 30, 12, 50, 3, 2, 5, 1, 7, 3]))
    for name, text in HDF5_TABLES.items():
        save("tables", name, text)
    with open(os.path.join(ROOT, "configs", "mnist.yaml" if os.path.exists(
            os.path.join(ROOT, "configs", "mnist.yaml")) else "fashion-mnist.yaml")) as file:
        save("settings", "image-classes", file.read() + "\n%%\ntrain.seed=3\nmodel.layers=[{dense: 10}]\n")


TABLES = {
    "classes": "label=-1\na,b,kind\n1,2.5,red\n3,,blue\n-4e2,NA,red\n",
    "targets": "label=y regression=1 weights=w series=s\ns,a,y,w\n1,0.5,3,1\n1,0.25,4,2\n2,1,5,0\n",
    "no-header": "header=0 label=0 delimiter=;\n1;2;3\n2;3;4\n",
    "quotes": "label=b\n\"a \"\"x\"\"\";b\n'x';\"1\n2\"\n3;4\n",
    "blanks": "header=1\n  a   b  c\n 1  2 3\n\n# a comment\n 4 5 6\n",
    "dates": "cyclic=when dates=dmy\nwhen,price,share,y\n1/2/2020 10:00,\"$1,234.5\",5%,yes\n13/2/2020,$2,6%,no\n",
    "forms": "decimal=,\na;b;c;d\n1.234,5;1 234;true;2020-01-01T00:00:00Z\n2,5;1;false;2021-12-31\n",
    "sklearn": "\n4,2,no,yes\n1,2,0\n3,4,1\n5,6,0\n7,8,1\n",
    "latin1": b"latin1=1 label=0\nname,a\nM\xfcller,1\nB\xe4r,2\n",
    "ordered": "ordered=size=s,m,l drop=id keep_index=1\nid,size,a\n1,m,2\n2,s,3\n3,l,4\n",
    "index": "\n,a,b\n0,1,2\n1,3,4\n2,5,6\n",
    "separated": "\nsep=;\na;b\n1;2\n3;4\n",
    "crlf": "label=-1 drop_unlabelled=1\r\na,b\r\n1,x\r\n2,\r\n3,y\r\n",
}
NUMBERS = {
    "plain": "-12.5e-3,", "long": "123456789012345678901234567890.5e-20;", "half": "9007199254740993",
    "tiny": "4.9e-324", "large": "1.7976931348623157e308", "none": "+.e5", "inf": "-inf", "nan": "nan", "hex": "0x1F",
}
DATES = {
    "iso": "2020-02-29T23:59:60.25Z", "offset": "1999-12-31 24:00-05:30", "slash": "1/2/2020 11:15 PM",
    "name": "Sept. 3, 2001", "dots": "31.12.1999 00:00", "month": "2020-13", "time": "7:05:00.5am",
}
HDF5_TABLES = {
    "records": "settings t\ntable t 3 a:i32,b:f64,c:t4,d:bool 1 2.5 red 1 2 nan blue 0\n",
    "texts": "settings t\ntable t 3 a:v,b:i64,c:u8 red 1 200 green 2 3\n",
    "array": "settings x\narray x f32 3x2 1 2 3 4 5 6\n",
    "one-array": "array group/x i64be 4 1 2 3\n",
    "words": "settings names\nwords names 3 red|green|blue\n",
    "pandas": "settings frame\ntext frame pandas_type frame_table\ntext frame table_type appendable_frame\n"
              "table frame/table 2 index:i64,date:i64,value:f64 0 1577836800000000000 0.5\n"
              "text frame/table date_kind datetime64\n",
}


def main():
    program = os.path.abspath(sys.argv[1])
    os.environ.setdefault("OMPI_MCA_ess_singleton_isolated", "1")
    other_files()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        lockstep_files(program)


if len(sys.argv) != 2:
    sys.exit(__doc__)
main()
