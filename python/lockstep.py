"""Trained networks of lockstep in Python: NumPy arrays in, NumPy arrays out.

    import lockstep
    model = lockstep.Model("runs/first/model.h5")
    y = model.predict(x)                      # (rows, outputs): probabilities, or values in original units
    y, aleatoric, epistemic = model.predict(x, deviations=True)

    from lockstep import Classifier, Regressor          # estimators as scikit-learn knows them
    Classifier(units=(64, 64), epochs=50).fit(x, labels).score(x_test, labels_test)

Model needs NumPy and liblockstep. The library is found in $LOCKSTEP_LIBRARY, beside this file, or where the system
looks for libraries. Classifier and Regressor also need scikit-learn and the program lockstep ($LOCKSTEP, or in PATH),
which trains in a process of its own.
"""
import ctypes
import ctypes.util
import os
import pathlib
import shutil
import subprocess
import tempfile
import weakref

import numpy as np

__all__ = ["Classifier", "Error", "Head", "Model", "Regressor"]


class Error(Exception):
    """What went wrong, where, and what to do. `status` is the number of lockstep's status code."""

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


# ---- the library ----

_TYPES = {np.dtype(np.float32): 1, np.dtype(np.float64): 2}
_TEXT, _INT64 = 5, 4


class _Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 1024)]


class _Matrix(ctypes.Structure):  # ls_input and ls_output
    _fields_ = [("values", ctypes.c_void_p), ("type", ctypes.c_int), ("row_stride", ctypes.c_int64),
                ("column_stride", ctypes.c_int64)]


class _Predictions(ctypes.Structure):
    _fields_ = [("mean", _Matrix), ("aleatoric", _Matrix), ("epistemic", _Matrix), ("classes", ctypes.c_void_p)]


class _Options(ctypes.Structure):
    _fields_ = [("most_rows", ctypes.c_int64), ("samples", ctypes.c_int64), ("temperatures", ctypes.c_void_p),
                ("derivatives", ctypes.c_int)]


class _Column(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("values", ctypes.c_void_p), ("type", ctypes.c_int), ("stride", ctypes.c_int64)]


class _Head(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("loss", ctypes.c_char_p), ("kind", ctypes.c_char_p), ("first", ctypes.c_int64),
                ("width", ctypes.c_int64), ("classes", ctypes.c_int64)]


def _load():
    here = pathlib.Path(__file__).resolve().parent
    places = [os.environ.get("LOCKSTEP_LIBRARY"), here / "liblockstep.so", ctypes.util.find_library("lockstep"),
              "liblockstep.so.0.1"]
    for place in filter(None, places):
        try:
            library = ctypes.CDLL(str(place))
        except OSError:
            continue
        for name in ("version", "model_checksum", "model_column_name", "model_category_name", "model_class_name"):
            getattr(library, "ls_" + name).restype = ctypes.c_char_p
        for name in ("inputs", "columns", "steps", "categories", "heads", "outputs"):
            getattr(library, "ls_model_" + name).restype = ctypes.c_int64
        return library
    raise ImportError("liblockstep is not found: set LOCKSTEP_LIBRARY to the path of liblockstep.so")


_library = _load()


def _call(name, *arguments):
    error = _Error()
    status = getattr(_library, name)(*arguments, ctypes.byref(error))
    if status != 0:
        raise Error(error.message.decode(errors="replace"), status)


def _text(value):
    return None if value is None else value.decode()


def version():
    """The version of the library."""
    return _text(_library.ls_version())


# ---- models ----

class Head:
    """Outputs with a loss of their own. `columns` is their slice of the predictions."""

    def __init__(self, found, class_names):
        self.name, self.loss, self.kind = _text(found.name), _text(found.loss), _text(found.kind)
        self.columns = slice(found.first, found.first + found.width)
        self.classes, self.class_names = found.classes, class_names

    def __repr__(self):
        return f"Head({self.name!r}, loss={self.loss!r}, kind={self.kind!r})"


def _free(handle, idle):
    """Frees a model, after the buffers that were made for it."""
    for buffers in idle:
        for predictor in buffers:
            _library.ls_predictor_free(ctypes.byref(predictor))
    _library.ls_model_free(ctypes.byref(handle))


class Model:
    """A trained network, read from a file or from bytes. Several threads may use it at once. Buffers for predictions stay
    with the model: as many as threads have used at once."""

    def __init__(self, source, samples=0, temperatures=None):
        """source: the path of a model, a checkpoint or a run directory, or the bytes of a file. samples: masks of
        Monte-Carlo dropout. temperatures: logits of head i are divided by temperatures[i]."""
        self._handle = ctypes.c_void_p()
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            _call("ls_model_read_memory", data, ctypes.c_size_t(len(data)), ctypes.byref(self._handle))
        else:
            path = pathlib.Path(source)
            path = path / "model.h5" if path.is_dir() else path
            _call("ls_model_read", os.fsencode(path), ctypes.byref(self._handle))
        self._idle = ([], [])  # buffers that no call uses, without and with derivatives
        weakref.finalize(self, _free, self._handle, self._idle)
        self._temperatures = None if temperatures is None else np.array(temperatures, np.float64)
        self._options = _Options(0, samples, None if temperatures is None else self._temperatures.ctypes.data)
        handle, size = self._handle, ctypes.c_int64
        self.inputs, self.outputs = _library.ls_model_inputs(handle), _library.ls_model_outputs(handle)
        if self._temperatures is not None and self._temperatures.shape != (_library.ls_model_heads(handle),):
            raise ValueError(f"temperatures needs {_library.ls_model_heads(handle)} values, one for each head")
        self.steps = _library.ls_model_steps(handle)
        columns = range(_library.ls_model_columns(handle))
        self.column_names = [_text(_library.ls_model_column_name(handle, size(c))) for c in columns]
        self.categories = [[_text(_library.ls_model_category_name(handle, size(c), size(i)))
                            for i in range(_library.ls_model_categories(handle, size(c)))] for c in columns]
        self.fills_missing = bool(_library.ls_model_fills_missing(handle))
        self.checksum = _text(_library.ls_model_checksum(handle))
        self.heads = [self._head(h) for h in range(_library.ls_model_heads(handle))]
        with _Predictor(self) as predictor:
            self.has_aleatoric = bool(_library.ls_predictor_has_aleatoric(predictor))
            self.has_epistemic = bool(_library.ls_predictor_has_epistemic(predictor))

    def _head(self, h):
        found = _Head()
        _library.ls_model_head(self._handle, ctypes.c_int64(h), ctypes.byref(found))
        names = [_text(_library.ls_model_class_name(self._handle, ctypes.c_int64(h), ctypes.c_int64(i)))
                 for i in range(found.classes)]
        return Head(found, names if all(name is not None for name in names) else None)

    def predict(self, x, deviations=False, dtype=np.float64):
        """Predictions (rows, outputs) of x (rows, inputs): an array, or a table (DataFrame, or a dict of columns). With
        deviations: also their standard deviations, aleatoric and epistemic; None for one that the model lacks. An
        array should have the type of the training file (float32 or float64). Other types become float64."""
        return self._predict(x, deviations, dtype)[0]

    def predict_classes(self, x):
        """The class of each row, (rows,), or (rows, heads) of several heads: numbers of classes, -1 for values."""
        classes = self._predict(x, False, np.float64)[1]
        return classes[:, 0] if len(self.heads) == 1 else classes

    def derivative(self, x, output=0):
        """The derivatives of one output by the inputs, (rows, inputs), in original units; 0 for columns with categories
        and for missing values. x is an array."""
        x = self._array(x)
        found = np.empty((len(x), self.inputs))
        with _Predictor(self, derivatives=1) as predictor:
            _call("ls_derivative", predictor, ctypes.c_int64(len(x)), ctypes.byref(_matrix(x)), ctypes.c_int64(output),
                  ctypes.byref(_matrix(found)))
        return found

    def directional(self, x, direction):
        """The Jacobian matrix of each row times a direction: (rows, outputs). x and direction are (rows, inputs)."""
        x, direction = self._array(x), self._array(np.broadcast_to(direction, np.shape(x)))
        found = np.empty((len(x), self.outputs))
        with _Predictor(self, derivatives=1) as predictor:
            _call("ls_directional", predictor, ctypes.c_int64(len(x)), ctypes.byref(_matrix(x)),
                  ctypes.byref(_matrix(direction)), ctypes.byref(_matrix(found)))
        return found

    def _array(self, x):
        x = np.asarray(x)
        x = x.reshape(len(x), -1) if x.ndim != 2 else x
        if x.dtype not in _TYPES:
            x = x.astype(np.float64)
        if x.shape[1] != self.inputs:
            raise ValueError(f"x has {x.shape[1]} columns, but the model takes {self.inputs}")
        return np.ascontiguousarray(x) if any(stride % x.itemsize for stride in x.strides) else x

    def _predict(self, x, deviations, dtype):
        keep, names = [], None
        if hasattr(x, "keys"):
            names = [str(name) for name in x.keys()]
            columns = [_column(name, x[key], keep) for name, key in zip(names, x.keys())]
            rows = len(x[next(iter(x.keys()))]) if names else 0
        else:
            x = self._array(x)
            rows = len(x)
        wanted = (True, deviations and self.has_aleatoric, deviations and self.has_epistemic)
        arrays = [np.empty((rows, self.outputs), dtype) if is_wanted else None for is_wanted in wanted]
        classes = np.empty((rows, len(self.heads)), np.int32)
        out = _Predictions(*[_Matrix() if a is None else _matrix(a) for a in arrays], classes.ctypes.data)
        with _Predictor(self) as predictor:
            if names is None:
                _call("ls_predict", predictor, ctypes.c_int64(rows), ctypes.byref(_matrix(x)), ctypes.byref(out))
            else:
                _call("ls_predict_table", predictor, ctypes.c_int64(rows), ctypes.c_int64(len(columns)),
                      (_Column * len(columns))(*columns), ctypes.byref(out))
        return tuple(arrays) if deviations else arrays[0], classes


class _Predictor:
    """The buffers of one call: some that an earlier call has left, or new ones."""

    def __init__(self, model, derivatives=0):
        self._model, self._derivatives, self._idle = model, derivatives, model._idle[derivatives]

    def __enter__(self):
        try:
            self._handle = self._idle.pop()  # one step, so two threads never get the same
        except IndexError:
            usual, self._handle = self._model._options, ctypes.c_void_p()
            options = _Options(0, usual.samples, usual.temperatures, self._derivatives)
            _call("ls_predictor_create", self._model._handle, ctypes.byref(options), ctypes.byref(self._handle))
        return self._handle

    def __exit__(self, *_):
        self._idle.append(self._handle)


def _matrix(array):
    item = array.itemsize
    strides = [stride // item for stride in array.strides]
    if array.shape[0] <= 1 or strides[0] == 0:  # a stride of 0 means "without gaps" to the library
        strides[0] = array.shape[1] if array.shape[0] <= 1 else strides[0]
    if 0 in strides and array.size > 0 and array.shape[1] > 1:
        return _matrix(np.ascontiguousarray(array))
    return _Matrix(array.ctypes.data, _TYPES[array.dtype], *strides)


def _column(name, values, keep):
    array = np.asarray(values)
    if array.dtype.kind in "OUS":
        texts = [None if v is None or v != v else str(v).encode() for v in array.tolist()]
        pointers = (ctypes.c_char_p * len(texts))(*texts)
        keep.extend([texts, pointers])
        return _Column(name.encode(), ctypes.cast(pointers, ctypes.c_void_p), _TEXT, 1)
    if array.dtype.kind in "iub":
        array, kind = np.ascontiguousarray(array, np.int64), _INT64
    else:
        array = np.ascontiguousarray(array, array.dtype if array.dtype in _TYPES else np.float64)
        kind = _TYPES[array.dtype]
    keep.append(array)
    return _Column(name.encode(), array.ctypes.data, kind, 1)


# ---- estimators ----

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as _why:  # Model works without scikit-learn 1.6 or newer
    _missing = _why

    class BaseEstimator:
        def __init_subclass__(cls):
            cls.__init__ = lambda self, *_, **__: _need_sklearn()

    class ClassifierMixin:
        pass

    class RegressorMixin:
        pass

    def _need_sklearn():
        raise ImportError(f"Classifier and Regressor need scikit-learn 1.6 or newer: {_missing}")


_models = weakref.WeakKeyDictionary()  # of fitted estimators: a Model cannot be pickled, its bytes can


class _Estimator(BaseEstimator):
    """Parameters are settings of lockstep; what has no parameter goes into `settings`, by its key.

    units, activation, dropout: hidden layers. epochs, batch_size, optimizer, learning_rate, seed: as train.epochs,
    train.global_batch_size, optimizer.name, optimizer.learning_rate, train.seed. validation: the share of the rows that
    is kept apart to choose the best epoch; 0: none, the last epoch counts. ranks: MPI ranks; threads: threads of each,
    None: all cores. settings: a dict such as {"optimizer.weight_decay": 1e-4, "stop.patience": 5}."""

    def __init__(self, units=(64, 64), activation="relu", dropout=0.0, epochs=100, batch_size=64, optimizer="adam",
                 learning_rate=0.001, validation=0.0, seed=1, ranks=1, threads=1, settings=None):
        self.units = units
        self.activation = activation
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.validation = validation
        self.seed = seed
        self.ranks = ranks
        self.threads = threads
        self.settings = settings

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = False
        return tags

    def _layers(self, outputs):
        layers = []
        for units in self.units:
            layers.append({"dense": {"units": int(units), "activation": self.activation}})
            if self.dropout > 0:
                layers.append({"dropout": float(self.dropout)})
        return layers + [{"dense": outputs}]

    def _train(self, x, y, loss, outputs, regression):
        """Trains in a folder of its own and keeps the bytes of the model, so that a fitted estimator can be pickled."""
        program = os.environ.get("LOCKSTEP") or shutil.which("lockstep")
        if program is None:
            raise FileNotFoundError("the program lockstep is not in PATH: set LOCKSTEP to its path")
        program = os.path.abspath(program)
        with tempfile.TemporaryDirectory(prefix="lockstep-") as folder:
            np.save(os.path.join(folder, "x.npy"), x)
            np.save(os.path.join(folder, "y.npy"), y)
            self._run([program, "import", "x.npy", "y.npy", "data.h5"] + ["--regression"] * regression, folder)
            config = {"data": {"file": "data.h5", "scaling": "standard"}, "model": {"layers": self._layers(outputs)},
                      "loss": loss, "optimizer": {"name": self.optimizer, "learning_rate": self.learning_rate},
                      "train": {"epochs": self.epochs, "global_batch_size": min(self.batch_size, len(x)),
                                "seed": self.seed},
                      "checkpoint": {"every": "never", "best": "none"}, "parallel": {"threads": self.threads or "auto"}}
            if regression:
                config["data"]["target_scaling"] = "standard"
            if self.validation > 0:
                config["data"]["validation"] = self.validation
                config["checkpoint"]["best"] = "valid_loss"
            with open(os.path.join(folder, "run.yaml"), "w") as file:
                file.write(_yaml(config) + "\n")
            words = [program, "train", "run.yaml"] + [f"{k}={_yaml(v)}" for k, v in (self.settings or {}).items()]
            if self.ranks > 1:
                words = ["mpirun", "-n", str(self.ranks)] + words
            self._run(words, folder)
            self.model_bytes_ = pathlib.Path(folder, "runs", "run", "model.h5").read_bytes()
        _models.pop(self, None)
        self.n_iter_ = self.epochs

    @staticmethod
    def _run(words, folder):
        done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Error(done.stderr.strip() or f"{words[0]} ended with {done.returncode}", done.returncode)

    @property
    def model_(self):
        """The trained network, a Model."""
        check_is_fitted(self, "model_bytes_")
        if self not in _models:
            _models[self] = Model(self.model_bytes_)
        return _models[self]

    def _rows(self, x):
        check_is_fitted(self, "model_bytes_")
        return validate_data(self, x, reset=False, dtype=[np.float64, np.float32])


class Regressor(RegressorMixin, _Estimator):
    """A network for numbers, fitted by mean squared error (or `loss`, a loss of lockstep for values)."""

    def __init__(self, units=(64, 64), activation="relu", dropout=0.0, epochs=100, batch_size=64, optimizer="adam",
                 learning_rate=0.001, validation=0.0, seed=1, ranks=1, threads=1, settings=None, loss="mse"):
        super().__init__(units, activation, dropout, epochs, batch_size, optimizer, learning_rate, validation, seed, ranks,
                         threads, settings)
        self.loss = loss

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y):
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=[np.float64, np.float32])
        self._is_column = y.ndim == 1
        y = np.asarray(y, np.float64).reshape(len(y), -1)
        self._train(X, y, self.loss, y.shape[1], True)
        return self

    def predict(self, X):
        y = self.model_.predict(self._rows(X))
        return y[:, 0] if self._is_column else y


class Classifier(ClassifierMixin, _Estimator):
    """A network for classes, fitted by cross-entropy."""

    def fit(self, X, y):
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        self._train(X, labels.astype(np.int64), "cross_entropy", len(self.classes_), False)
        return self

    def predict_proba(self, X):
        return self.model_.predict(self._rows(X))

    def predict(self, X):
        classes = self.model_.predict_classes(self._rows(X))
        return self.classes_[classes]


def _yaml(value):
    """Settings as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_yaml(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
