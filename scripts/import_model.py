#!/usr/bin/env python3
"""Makes a lockstep model of a network from another program.

    scripts/import_model.py net.onnx  --out model.h5                            ONNX; needs onnx
    scripts/import_model.py net.keras --out model.h5                            Keras; needs keras and a backend
    scripts/import_model.py net.pt    --out model.h5 [--settings net.yaml]      a state_dict of PyTorch; needs torch
    scripts/import_model.py net.npz   --out model.h5                            written by export_model.py

Of files that scripts/export_model.py wrote, everything comes back, with the weights that the file has now. Of others, the
layers are found in the file, or for a state_dict in --settings; --settings also sets a loss and whatever else a file of
settings holds. What lockstep cannot express is refused with its name. The program lockstep finishes the model: it is
$LOCKSTEP, or --lockstep, or the one in PATH. Needs h5py, NumPy and PyYAML. docs/guide/exchange.md explains more.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

MODULES = {".onnx": "onnx_file", ".pt": "torch_file", ".pth": "torch_file", ".keras": "keras_file", ".npz": "npz_file"}


def main():
    parser = argparse.ArgumentParser(description="Makes a lockstep model of a network from another program.")
    parser.add_argument("file", help="a file that ends in " + ", ".join(MODULES))
    parser.add_argument("--out", default="model.h5", help="the model file to write; default model.h5")
    parser.add_argument("--settings", help="settings (YAML) of the network: loss, and for a state_dict the layers")
    parser.add_argument("--lockstep", help="path of the program lockstep")
    arguments = parser.parse_args()
    try:
        import importlib

        import yaml
        from exchange import Refused
    except ImportError as error:
        sys.exit(f"import_model: {error}; Debian has python3-h5py, python3-numpy and python3-yaml")
    try:
        ending = os.path.splitext(arguments.file)[1]
        if ending not in MODULES:
            raise Refused(f"{arguments.file}: the name must end in one of {', '.join(MODULES)}")
        if not os.path.exists(arguments.file):
            raise Refused(f"{arguments.file} does not exist")
        settings = None
        if arguments.settings:
            with open(arguments.settings, encoding="utf-8") as file:
                settings = yaml.safe_load(file)
        module = importlib.import_module("exchange." + MODULES[ending])
        print(module.read(arguments.file, settings).write_model(arguments.out, arguments.lockstep))
    except (Refused, OSError, yaml.YAMLError) as error:
        sys.exit(f"import_model: {error}")
    except ImportError as error:
        sys.exit(f"import_model: {ending} needs a Python package that is missing here: {error}")


if __name__ == "__main__":
    main()
