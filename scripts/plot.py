#!/usr/bin/env python3
"""Draws a kind of picture from your own runs and files.

    scripts/python.sh scripts/plot.py                      lists the kinds
    scripts/python.sh scripts/plot.py KIND --help          says what a kind shows and needs
    scripts/python.sh scripts/plot.py KIND ARGUMENTS --out FILE.svg

Without --out the picture is KIND.svg in the current directory. The ending of --out chooses the format.
"""
import argparse
import ast
import difflib
import importlib
import pathlib
import sys

KINDS = pathlib.Path(__file__).resolve().parent / "pictures/kinds"


def files():
    """The file of each kind, by the kind's name."""
    return {path.stem.replace("_", "-"): path for path in sorted(KINDS.glob("*.py")) if path.stem != "__init__"}


def kinds():
    """Name of each kind and the first sentence of its file, read without running the file."""
    texts = {name: ast.get_docstring(ast.parse(path.read_text())) or "" for name, path in files().items()}
    return {name: " ".join(text.split("\n\n")[0].split()) for name, text in texts.items()}


def list_kinds():
    found = kinds()
    width = max(map(len, found))
    print(__doc__, "\nKinds:\n", sep="")
    for name, text in found.items():
        print(f"  {name:{width}}  {text}")


def load(name):
    """The module of a kind."""
    found = files()
    if name not in found:
        close = difflib.get_close_matches(name, found, 1)
        hint = f"did you mean {close[0]}?" if close else "without a kind, plot.py lists them all"
        sys.exit(f"plot: there is no kind {name}; {hint}")
    try:
        return importlib.import_module("pictures.kinds." + name.replace("-", "_"))
    except ImportError as error:
        sys.exit(f"plot: {error}; scripts/python.sh finds a Python that has all modules")


def main(words):
    if not words or words[0] in ("-h", "--help"):
        list_kinds()
        return
    name = words[0]
    kind = load(name)
    suffixes = getattr(kind, "SUFFIXES", (".svg", ".png"))
    parser = argparse.ArgumentParser(prog=f"plot.py {name}", description=kind.__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    kind.arguments(parser)
    parser.add_argument("--out", metavar="FILE", default=name + suffixes[0],
                        help=f"picture to write: {', '.join(suffixes)} (default: %(default)s)")
    options = parser.parse_args(words[1:])
    if pathlib.Path(options.out).suffix not in suffixes:
        sys.exit(f"plot {name}: --out {options.out}: a name in {' or '.join(suffixes)} is needed")
    from pictures import style
    try:
        style.save(kind.draw(options), options.out)
    except style.Unfit as error:
        sys.exit(f"plot {name}: {error}")
    except OSError as error:
        sys.exit(f"plot {name}: {options.out} cannot be written: {error}")
    print(options.out)


if __name__ == "__main__":
    main(sys.argv[1:])
