"""Exchange of trained networks between lockstep and other programs: scripts/export_model.py and import_model.py.

    contents.py       everything that a model file holds, as NumPy arrays and attributes
    steps.py          the way from a row of x to predictions, as a list of simple steps
    evaluate.py       the same steps in NumPy
    npz_file.py, onnx_file.py, torch_file.py, keras_file.py      one format each
    layers.py         networks of other programs as lockstep's layers
"""


class Refused(Exception):
    """What cannot be exchanged, where, and what to do."""
