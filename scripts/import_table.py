#!/usr/bin/env python3
"""Imports tables that lockstep does not read itself: Parquet, Feather and Arrow with pyarrow, and what pandas can read.

    scripts/import_table.py iris.parquet iris.h5 --label species --split train=0.8,test=0.2
    scripts/import_table.py --train a.feather --test b.feather out.h5 --label y

Tables come first, then the output, then options of `lockstep import`. The rows go to `lockstep import` as CSV; every number keeps its value, floats of 32 bits included:

    dictionaries, text         text: categories, or classes of the label, also if they look like numbers
    whole numbers              text if one is above 2^53, which float64 cannot hold
    booleans                   0 and 1
    dates and times            ISO 8601
    time spans, times of day   whole numbers in their unit
    nulls                      empty cells

LOCKSTEP names the program, otherwise it is the one that was built or installed with this script, or the one on PATH. Without pyarrow
(or, for other formats, pandas) the script says how to get it and ends with 69.
"""
import os
import shutil
import subprocess
import sys
import tempfile

UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h
BAD_DATA = 3
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SPLITS = "--train", "--valid", "--test"


def fail(code, message):
    print(f"import_table.py: {message}", file=sys.stderr)
    sys.exit(code)


try:
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.ipc
    import pyarrow.parquet
except ImportError:
    fail(UNAVAILABLE, f"{sys.executable} has no pyarrow, which reads Parquet, Feather and Arrow. Make an environment with it: "
                      "python3 -m venv ~/arrow && ~/arrow/bin/pip install pyarrow pandas, then run "
                      "~/arrow/bin/python scripts/import_table.py. Or save the table as CSV, which lockstep imports itself")


def read_arrow(path):
    """An Arrow file (Feather), or a stream of Arrow."""
    try:
        return pa.feather.read_table(path)
    except pa.ArrowInvalid:
        return pa.ipc.open_stream(path).read_all()


def read_pandas(path):
    """Any other table, by the ending of its name."""
    try:
        import pandas
    except ImportError:
        fail(UNAVAILABLE, f"{path} is neither Parquet nor Arrow, and {sys.executable} has no pandas, which reads other formats: "
                          "pip install pandas")
    readers = {".xlsx": pandas.read_excel, ".xls": pandas.read_excel, ".ods": pandas.read_excel, ".sas7bdat": pandas.read_sas,
               ".xpt": pandas.read_sas, ".dta": pandas.read_stata, ".sav": pandas.read_spss, ".orc": pandas.read_orc,
               ".json": pandas.read_json, ".pkl": pandas.read_pickle, ".h5": pandas.read_hdf, ".hdf5": pandas.read_hdf}
    ending = os.path.splitext(path)[1].lower()
    if ending not in readers:
        fail(BAD_DATA, f"{path}: not Parquet or Arrow, and '{ending}' is none of {' '.join(readers)}")
    return pa.Table.from_pandas(readers[ending](path), preserve_index=False)


def read_table(path):
    """The content decides, not the name; a stream of Arrow begins with the length of a message."""
    try:
        with open(path, "rb") as file:
            first = file.read(8)
        if first[:4] == b"PAR1":
            return pa.parquet.read_table(path)
        if first[:6] == b"ARROW1" or first[:4] in (b"FEA1", b"\xff\xff\xff\xff"):
            return read_arrow(path)
        return read_pandas(path)
    except SystemExit:
        raise
    except Exception as error:  # of every reader its own
        fail(BAD_DATA, f"{path}: cannot be read: {error}")


def plain_column(path, name, column):
    """The column as numbers or text that CSV keeps exactly."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.uint8())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())  # 17 digits are the value; fewer would be another number
    if pa.types.is_duration(kind) or pa.types.is_time64(kind):
        return column.cast(pa.int64())
    if pa.types.is_time32(kind):
        return column.cast(pa.int32())
    if pa.types.is_timestamp(kind):
        form = "%Y-%m-%dT%H:%M:%S"
        return pa.compute.strftime(column.cast(pa.timestamp(kind.unit)), format=form)
    if pa.types.is_date(kind):
        return pa.compute.strftime(column.cast(pa.timestamp("s")), format="%Y-%m-%d")
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return column.cast(pa.large_string() if pa.types.is_large_binary(kind) else pa.string())
    if pa.types.is_nested(kind):
        fail(BAD_DATA, f"{path}: column '{name}' holds {kind} in each cell; make columns of numbers of it, or leave it out")
    return column


def is_number(text):
    try:
        float(text)
        return True
    except ValueError:
        return False


def is_text_of_numbers(column):
    """Whether CSV would make numbers of texts."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return False
    return all(is_number(text) for text in pa.compute.unique(column).to_pylist() if text is not None)


def has_large_numbers(column):
    if not pa.types.is_integer(column.type):
        return False
    ends = pa.compute.min_max(column).as_py()
    return ends["min"] is not None and max(abs(ends["min"]), abs(ends["max"])) > 2**53


def plain_table(path):
    table = read_table(path)
    if table.num_rows == 0 or table.num_columns == 0:
        fail(BAD_DATA, f"{path}: a table without rows or columns")
    columns = [plain_column(path, name, table.column(i)) for i, name in enumerate(table.column_names)]
    columns = [column.cast(pa.string()) if has_large_numbers(column) else column for column in columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def program():
    places = (os.path.join(ROOT, place) for place in ("build/release/lockstep", "../../bin/lockstep"))
    built = next((place for place in places if os.access(place, os.X_OK)), None)
    found = os.environ.get("LOCKSTEP") or built or shutil.which("lockstep")
    return found or fail(UNAVAILABLE, "there is no build/release/lockstep and none on PATH: set LOCKSTEP to the program")


def run_with_pipe(words, table):
    """lockstep may end before it has read all; then it has said why."""
    with subprocess.Popen([program(), "import", *words], stdin=subprocess.PIPE) as running:
        try:
            pa.csv.write_csv(table, running.stdin)
            running.stdin.close()
        except OSError:
            pass
    return running.returncode


def run_with_files(words, tables, places):
    """One standard input is not enough."""
    with tempfile.TemporaryDirectory() as folder:
        for place, table in zip(places, tables):
            words[place] = os.path.join(folder, f"{place}.csv")
            pa.csv.write_csv(table, words[place])
        return subprocess.run([program(), "import", *words], check=False).returncode


def main():
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        sys.exit(0 if words else 2)
    n = next((i for i, word in enumerate(words) if word.startswith("--") and word not in SPLITS), len(words))
    places = [i for i in range(n - 1) if words[i] not in SPLITS]
    if not places:
        fail(2, "name the tables, then the output, then options")
    tables = [plain_table(words[i]) for i in places]
    options = ["--header", "yes"]
    named = {name for word in words[n:] for text in (word, word.split("=")[-1], word.split("=")[0]) for name in (text, *text.split(","))}
    for name in dict.fromkeys(name for table in tables for name in table.column_names):
        if name not in named and any(name in table.column_names and is_text_of_numbers(table.column(name)) for table in tables):
            options += ["--categorical", name]
    if "--source" not in words:
        options += ["--source", ", ".join(words[i] for i in places)]
    if len(tables) > 1:
        sys.exit(run_with_files(words + options, tables, places))
    words[places[0]] = "-"
    sys.exit(run_with_pipe(words + options, tables[0]))


main()
