"""Makes small models with every layer, activation, head, scaling, encoding and basis that lockstep has, and predictions
of lockstep itself for their rows: PLACE/NAME/model.h5 and PLACE/NAME/predictions.h5.
    cases.py LOCKSTEP PLACE
"""
import os
import subprocess
import sys

import h5py
import numpy as np
import yaml

ROWS, COLUMNS = 60, 6
random = np.random.default_rng(7)


def names(program, section):
    """The names that the program's own reference lists: activation, loss, layer …"""
    text = subprocess.run([program, "info", "--reference"], capture_output=True, text=True, check=True).stdout
    layers, rest = text.split("## kinds of layers", 1)[1].split("## names", 1)
    if section == "layer":
        return [line[4:] for line in layers.splitlines() if line.startswith("### ")]
    part = rest.split(f"### {section}\n", 1)[1].split("###", 1)[0]
    return [line.split("`")[1] for line in part.splitlines() if line.startswith("| `")]


def write_data(path):
    """Numbers of different sizes, a column far from zero, categories, missing values, a series, targets of each kind."""
    x = random.normal(size=(ROWS, COLUMNS)) * [1, 3, 0.01, 100, 1, 2] + [0, 1, 5, 1e4, 0, 0]
    x = x.astype(np.float32).astype(np.float64)  # what Keras, which takes rows of float32, can read without loss
    gaps = x.copy()
    gaps[random.random(x.shape) < 0.1] = np.nan
    mixed = x.copy()
    mixed[:, 1] = random.integers(0, 3, ROWS)
    mixed[:, 4] = random.integers(0, 30, ROWS)
    mixed[:, 5] = random.integers(0, 4, ROWS)
    holes = mixed.copy()
    holes[20, 5] = holes[21, 1] = holes[22, 4] = -1  # categories that a model does not know
    holes[3, 1] = holes[9, 4] = holes[11, 0] = holes[17, 2] = np.nan
    signal = x[:, 0] + (x[:, 3] - 1e4) / 100
    values = np.stack([1e3 + 50 * signal, signal**2, random.normal(size=ROWS)], axis=1)
    with h5py.File(path, "w") as file:
        file["x"], file["gaps"] = x, gaps
        file["single"] = x.astype(np.float32)
        file["bytes"] = random.integers(0, 255, (ROWS, COLUMNS)).astype(np.uint8)
        file["classes"] = np.digitize(signal, [-0.5, 0.5]).astype(np.int32)
        file["two"] = (signal > 0).astype(np.int32)
        file["bits"] = (random.random((ROWS, 4)) < 0.5).astype(np.float32)
        file["counts"] = random.poisson(np.exp(np.clip(signal / 2, -2, 2))).astype(np.float64)
        file["values"] = values
        file["heads"] = np.stack([file["classes"][...], 1e3 + 50 * signal, signal, file["two"][...],
                                  file["counts"][...]], axis=1)
        series = np.sin(np.arange(ROWS) / 5)[:, None] * [1, 20] + [0, 100] + 0.1 * random.normal(size=(ROWS, 2))
        file["series"] = series.astype(np.float32).astype(np.float64)
    with h5py.File("mixed.h5", "w") as file:
        file["mixed"], file["holes"], file["values"] = mixed, holes, values
        for c, n in ((1, 3), (4, 30), (5, 4)):
            file[f"categories/{c}"] = np.array([f"name {i}".encode() for i in range(n)])
        file["categories/5"].attrs["ordered"] = 1


def hidden(units=12, activation="tanh"):
    return {"dense": {"units": units, "activation": activation}}


def cases(program):
    """name: data, layers, loss, train"""
    def case(y="values", x="x", layers=None, loss="mse", outputs=3, scaling="standard", target="standard", data=None,
             train=None, model=None):
        settings = {"data": {"x": x, "y": y, "scaling": scaling, **(data or {})}, "loss": loss,
                    "model": {"layers": layers or [hidden(), {"dense": outputs}], **(model or {})},
                    "train": train or {}}
        if target:
            settings["data"]["target_scaling"] = target
        if y is None:
            del settings["data"]["y"]
        return settings

    classes = dict(y="classes", loss="cross_entropy", target=None)
    # Activations side by side, each as a layer of its own, and each as a part of a dense layer. Targets are not scaled: predictions
    # are then small, and an error of any one activation shows.
    activations = [name for name in names(program, "activation") if name != "step"]  # which has no slope
    fused = [[hidden(4, name)] for name in activations if name != "identity"]
    found = {"activations": case(layers=[{"branches": [[{"dense": 4}, {"activation": name}] for name in activations]}, {"dense": 3}],
                                 target=None),
             "activations-fused": case(layers=[{"branches": fused}, {"dense": 3}], target=None),
             "activation-step": case(layers=[{"activation": "step"}, {"dense": 8}, {"dense": 3}])}
    inner = {
        "dense": {"dense": {"units": 9, "bias": False}}, "activation": {"activation": "silu"}, "softmax": {"softmax": {}},
        "layer_norm": {"layer_norm": {"epsilon": 0.01}}, "batch_norm": {"batch_norm": {"epsilon": 0.001, "momentum": 0.3}},
        "dropout": {"dropout": 0.3}, "noise": {"noise": {"deviation": 0.3, "mask": 0.1}}, "penalty": {"penalty": 0.001}, "tied": {"tied": {"to": "dense1", "activation": "tanh"}},
        "sample": {"sample": 0.01}, "residual": {"residual": [hidden(12), {"layer_norm": {}}, {"dense": 12}]},
        "branches": {"branches": [[hidden(5)], [{"dense": 3}, {"batch_norm": {}}, {"residual": [{"dense": 3}]}], [hidden(2)]]},
    }
    for name in names(program, "layer"):
        if name in FITTED:
            continue
        found[f"layer-{name}"] = case(layers=[hidden(), inner[name], {"dense": 3}])
    losses = {
        "cross_entropy": classes, "hinge": dict(classes, loss="hinge"), "perceptron": dict(classes, loss="perceptron"),
        "binary_cross_entropy": dict(y="bits", loss="binary_cross_entropy", outputs=4, target=None),
        "poisson_nll": dict(y="counts", loss="poisson_nll", outputs=1, target=None),
        "gaussian_nll": dict(loss="gaussian_nll", outputs=6),
        "quantile": dict(loss={"name": "quantile", "quantiles": [0.1, 0.5, 0.9]}, outputs=9),
    }
    for name in names(program, "loss"):
        if name in FITTED.values():
            continue
        found[f"loss-{name}"] = case(**losses.get(name, dict(loss=name)))
        if name in ("cross_entropy", "binary_cross_entropy", "poisson_nll", "gaussian_nll", "mse", "quantile", "hinge"):
            found[f"ensemble-{name}"] = case(**losses.get(name, dict(loss=name)), train={"members": 3})
    found["loss-hinge-one-output"] = case(y="two", loss="hinge", outputs=1, target=None)
    found["heads"] = case(y="heads", outputs=10, loss=[
        {"name": "cross_entropy", "outputs": 3, "targets": [0], "head": "kind"},
        {"name": "gaussian_nll", "outputs": 2, "targets": [1], "head": "size"},
        {"name": "quantile", "quantiles": [0.25, 0.75], "outputs": 2, "targets": [2], "head": "range"},
        {"name": "binary_cross_entropy", "outputs": 1, "targets": [3], "head": "yes"},
        {"name": "poisson_nll", "outputs": 1, "targets": [4], "head": "count"},
        {"name": "mae", "outputs": 1, "targets": [2], "head": "middle"}])
    for name in names(program, "scaling"):
        if name != "one_hot":
            found[f"scaling-{name}"] = case(scaling=name, target=name if name != "none" else "standard")
    found["scaling-one_hot"] = case(x="mixed", data={"scaling": {"name": "standard", "columns": {1: "one_hot"}}})
    found["float-data"] = case(x="single")
    found["byte-data"] = case(x="bytes", scaling="minmax")
    for name in names(program, "basis"):
        if name != "none":
            basis = {"name": name}
            if name in ("rbf", "fourier", "polynomial_kernel", "linear_kernel"):
                basis["size"] = 20
            if name == "pca":
                basis.update(size=3, whiten=True)
            if name in ("polynomial", "polynomial_kernel"):
                basis["degree"] = 3
            found[f"basis-{name}"] = case(layers=[{"dense": 3}], data={"basis": basis})
    for rule in ("mean", "median", "most_frequent", "constant"):
        found[f"missing-{rule}"] = case(x="gaps", data={"missing": rule, "missing_indicator": rule != "mean"})
    found["embeddings"] = case(x="mixed")
    found["embeddings-missing"] = case(x="holes", data={"missing": "most_frequent", "missing_indicator": True},
                                       model={"embeddings": {"above": 2, "width": 3}})
    found["embeddings-ensemble"] = case(x="mixed", train={"members": 2})
    found["only-embeddings"] = case(x="mixed", data={"basis": "none"}, model={"embeddings": {"columns": {1: 4, 5: 2}}})
    found["window"] = case(x="series", y="series", outputs=6, data={"window": {"length": 8, "horizon": 3}})
    shares = dict(y=None, loss="binary_cross_entropy", outputs=COLUMNS, target=None, scaling="minmax", data={"targets": "x"})
    found["features-as-targets"] = case(**shares)
    found["features-as-targets-ensemble"] = case(**shares, train={"members": 2})
    found["temperature"] = dict(case(**classes), temperature=2.5)
    found["temperature-ensemble"] = dict(case(**classes, train={"members": 2}), temperature=0.7)
    found["temperature-ensemble-bits"] = dict(case(**losses["binary_cross_entropy"], train={"members": 2}), temperature=3)
    found["ensemble-tied"] = case(layers=[hidden(9), hidden(5), {"tied": {"to": "dense2", "activation": "silu"}}, {"dense": 3}],
                                  train={"members": 2})
    found["window-classes"] = case(x="series", y="classes", loss="cross_entropy", outputs=3, target=None,
                                   data={"window": {"length": 6, "targets": "y"}})
    found["window-heads"] = case(x="series", y="series", outputs=4, loss=[
        {"name": "gaussian_nll", "outputs": 2, "targets": [0], "head": "level"},
        {"name": "quantile", "quantiles": [0.2, 0.8], "outputs": 2, "targets": [1], "head": "range"}],
        data={"window": {"length": 8}})
    found["window-basis"] = case(x="series", y="series", outputs=2, layers=[{"dense": 2}],
                                 data={"window": {"length": 4}, "basis": {"name": "rbf", "size": 11}})
    # targets are the features themselves, as the network sees them
    own = dict(y=None, target=None, data={"targets": "x"})
    found["autoencoder"] = case(**own, layers=[hidden(4), {"tied": "dense1"}])
    found["autoencoder-gaps"] = case(x="holes", target=None, y=None, layers=[hidden(9), {"dense": 36}], model={"embeddings": {"above": "none"}}, data={
        "targets": "x", "missing": "mean", "missing_indicator": True,
        "scaling": {"name": "standard", "columns": {1: "one_hot"}}})
    found["autoencoder-variational"] = case(**own, layers=[hidden(8), {"dense": 4}, {"sample": 0.1}, hidden(8), {"dense": 6}])
    found["autoencoder-sparse"] = case(**own, layers=[{"noise": 0.2}, hidden(8), {"penalty": {"l1": 0.01}}, {"dense": 6}])
    found["pca-sample"] = case(data={"basis": {"name": "pca", "size": 4}}, layers=[{"sample": 0.1}, {"dense": 3}])
    return found


# ---- what other commands than train make ----

def other_commands():
    """name: the command, the section of its settings."""
    mixture = {"method": "mixture", "k": 3}
    return {"components": ("components", {"components": {"n": 3}}),
            "components-whitened": ("components", {"components": {"n": 4, "whiten": True}}),
            "kernel-density": ("density", {"density": {"bandwidth": 0.7}}),
            "k-means": ("cluster", {"cluster": {"k": 4}}),
            "mixture": ("cluster", {"cluster": mixture}),
            "mixture-diagonal": ("cluster", {"cluster": {**mixture, "covariance": "diagonal"}})}


# ---- layers that are fitted, not trained ----

FITTED = {"centres": "distortion", "gaussians": "density"}
UNITS = 7


def fitted_cases():
    """name: the last layer, and whether it stands behind a dense one."""
    found = {"layer-centres": ({"centres": UNITS}, False), "loss-distortion": ({"centres": UNITS}, True),
             "layer-gaussians": ({"gaussians": UNITS}, False), "loss-density": ({"gaussians": UNITS}, True)}
    for form in ("tied", "diagonal", "spherical"):
        found[f"gaussians-{form}"] = ({"gaussians": {"units": UNITS, "covariance": form}}, False)
    return found


def parameters_of(layer, width):
    """Random centres, or means and factors, by the names of files."""
    (kind, keys), = layer.items()
    points = random.normal(size=(UNITS, width))
    if kind == "centres":
        return {"centres1/centre": points}
    form = keys["covariance"] if isinstance(keys, dict) else "full"
    factor = 0.1 * random.normal(size=(UNITS, width, width)) + 0.5 * np.eye(width)
    factor = np.tril(factor)
    factor[:, range(width), range(width)] = np.abs(factor[:, range(width), range(width)]) + 0.2
    scales = {"full": factor.diagonal(axis1=1, axis2=2), "tied": factor[:1].diagonal(axis1=1, axis2=2),
              "diagonal": factor[:, 0, :1] + random.random((UNITS, width)),
              "spherical": np.tile(0.3 + random.random((UNITS, 1)), width)}[form]
    factor = {"full": factor.reshape(-1, width), "tied": factor[0], "diagonal": scales, "spherical": scales[:, 0]}[form]
    offset = np.log(random.dirichlet(np.ones(UNITS))) + np.log(scales).sum(axis=1) - width / 2 * np.log(2 * np.pi)
    return {"gaussians1/mean": points, "gaussians1/factor": factor, "gaussians1/offset": offset}


def make_fitted(program, name, base):
    """A model like `base`, with its dense layer or without, and a fitted layer at the end."""
    from exchange.contents import Contents
    layer, is_behind = fitted_cases()[name]
    contents, width = Contents.read(f"{base}/model.h5"), COLUMNS
    settings = contents.settings
    first = settings["model"]["layers"][0]
    contents.arrays = {key: value for key, value in contents.arrays.items()
                       if not key.startswith("parameters/") or is_behind and "/dense1/" in key}
    contents.arrays = {key: value for key, value in contents.arrays.items() if not key.startswith("scaling/targets")}
    contents.attributes = {key: value for key, value in contents.attributes.items() if not key.startswith("scaling/targets")}
    contents.attributes["scaling/targets@name"] = "none"
    if is_behind:
        width = int(first["dense"]["units"])
    settings["model"]["layers"] = ([first] if is_behind else []) + [layer]
    settings["data"]["target_scaling"] = "none"
    settings["loss"] = FITTED[next(iter(layer))]
    contents.attributes["@settings"] = yaml.safe_dump(settings, sort_keys=False)
    for key, value in parameters_of(layer, width).items():
        contents.arrays[f"parameters/{key}"] = np.ascontiguousarray(value, np.float32)
    os.makedirs(name, exist_ok=True)
    contents.write_model(f"{name}/model.h5", program)


def main():
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))
    program, place = os.path.abspath(sys.argv[1]), sys.argv[2]
    os.makedirs(place, exist_ok=True)
    os.chdir(place)
    write_data("data.h5")

    def run(*words):
        done = subprocess.run([program, *words], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)}: {done.stderr}")

    for name, settings in cases(program).items():
        temperature = settings.pop("temperature", None)
        x = settings["data"]["x"]
        data = settings["data"]["file"] = "mixed.h5" if x in ("mixed", "holes") else "data.h5"
        settings["train"] = {"epochs": 2, "global_batch_size": 20, **settings["train"]}
        settings.update({"name": name, "parallel": {"threads": 1, "shards": 2}, "checkpoint": {"every": "never"},
                         "optimizer": {"name": "adam", "learning_rate": 0.02}})
        with open("settings.yaml", "w", encoding="utf-8") as file:
            yaml.safe_dump(settings, file)
        run("train", "settings.yaml")
        os.makedirs(name, exist_ok=True)
        os.replace(f"runs/{name}/model.h5", f"{name}/model.h5")
        words = [] if temperature is None else ["--temperature", str(temperature)]
        run("predict", f"{name}/model.h5", data, "--x", x, "--out", f"{name}/predictions.h5", *words)
        with h5py.File(data) as file:
            np.save(f"{name}/x.npy", file[x][...])
        if temperature is not None:
            with open(f"{name}/temperature", "w", encoding="utf-8") as file:
                file.write(str(temperature))
    for name, (command, section) in other_commands().items():
        settings = {"name": name, "data": {"file": "data.h5", "x": "x", "scaling": "standard"}, **section,
                    "parallel": {"threads": 1, "shards": 2}}
        with open("settings.yaml", "w", encoding="utf-8") as file:
            yaml.safe_dump(settings, file)
        run(command, "settings.yaml")
        os.makedirs(name, exist_ok=True)
        os.replace(f"runs/{name}/model.h5", f"{name}/model.h5")
        run("predict", f"{name}/model.h5", "data.h5", "--x", "x", "--out", f"{name}/predictions.h5")
        if command == "density":
            run("predict", f"{name}/model.h5", "data.h5", "--x", "x", "--layer", "gaussians1", "--out", f"{name}/parts.h5")
        with h5py.File("data.h5") as file:
            np.save(f"{name}/x.npy", file["x"][...])
    for name in fitted_cases():
        make_fitted(program, name, "loss-mse")
        run("predict", f"{name}/model.h5", "data.h5", "--x", "x", "--out", f"{name}/predictions.h5")
        with h5py.File("data.h5") as file:
            np.save(f"{name}/x.npy", file["x"][...])
    print(f"{len(cases(program)) + len(other_commands()) + len(fitted_cases())} models")


if __name__ == "__main__":
    main()
