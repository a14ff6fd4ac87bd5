#!/usr/bin/env python3
"""Writes a trained network for other programs.

    scripts/export_model.py MODEL --format onnx    --out net.onnx      needs onnx
    scripts/export_model.py MODEL --format pytorch --out net.pt        needs torch; writes net.pt and net.py
    scripts/export_model.py MODEL --format keras   --out net.keras     needs keras and JAX, PyTorch or TensorFlow
    scripts/export_model.py MODEL --format npz     --out net.npz       needs no more than lockstep's scripts

MODEL is a model file, a checkpoint or a run directory. Filling in of missing values, scaling, encoding of categories,
basis functions and the way back to the units of targets are part of what is written: its input is a row of x as a dataset
file has it, its outputs are those of `lockstep predict`. scripts/import_model.py reads all of these files again. Needs
h5py, NumPy and PyYAML. docs/guide/exchange.md explains more.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

MODULES = {"onnx": "onnx_file", "pytorch": "torch_file", "keras": "keras_file", "npz": "npz_file"}
ENDINGS = {"onnx": ".onnx", "pytorch": ".pt", "keras": ".keras", "npz": ".npz"}


def temperatures_of(text, steps_class, contents):
    """T for all heads with probabilities, or HEAD=T,HEAD=T."""
    from exchange import Refused
    if text is None:
        return None
    found = {}
    for part in text.split(","):
        head, _, number = part.rpartition("=")
        try:
            found[head] = float(number)
        except ValueError:
            raise Refused(f"--temperature takes T or HEAD=T,HEAD=T, not '{text}'") from None
        if not 1e-3 <= found[head] <= 1e3:
            raise Refused(f"--temperature: {found[head]:g} is not a number from 0.001 to 1000")
    heads = [o for o in steps_class(contents).outputs if o["loss"] in ("cross_entropy", "binary_cross_entropy")]
    for head in found:
        if not heads or (head and head not in [o["head"] for o in heads]):
            raise Refused(f"--temperature: no head {head + ' ' if head else ''}gives probabilities")
    return found


def main():
    parser = argparse.ArgumentParser(description="Writes a trained network for other programs.")
    parser.add_argument("model", help="a model file, a checkpoint or a run directory")
    parser.add_argument("--format", required=True, choices=sorted(MODULES))
    parser.add_argument("--out", help="the file to write; default: the model's name with the ending of the format")
    parser.add_argument("--temperature", help="divide logits by T; or HEAD=T,HEAD=T")
    arguments = parser.parse_args()
    try:
        import importlib

        from exchange import Refused
        from exchange.contents import Contents
        from exchange.steps import Steps
    except ImportError as error:
        sys.exit(f"export_model: {error}; Debian has python3-h5py, python3-numpy and python3-yaml")
    try:
        contents = Contents.read(arguments.model)
        steps = Steps(contents, temperatures_of(arguments.temperature, Steps, contents))
        out = arguments.out or contents.settings["name"].replace("-", "_") + ENDINGS[arguments.format]
        module = importlib.import_module("exchange." + MODULES[arguments.format])
        written = module.write(steps, out, arguments.model)
    except Refused as error:
        sys.exit(f"export_model: {error}")
    except ImportError as error:
        sys.exit(f"export_model: {arguments.format} needs a Python package that is missing here: {error}")
    print("wrote " + " and ".join(written))
    if steps.left_out:
        print("not part of it: " + "; ".join(steps.left_out), file=sys.stderr)


if __name__ == "__main__":
    main()
