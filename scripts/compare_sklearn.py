#!/usr/bin/env python3
"""lockstep beside scikit-learn on the data sets that scikit-learn ships, on the same rows.

    /usr/bin/python3 scripts/compare_sklearn.py [--lockstep build/release/lockstep] [--splits 5]

Linear models must have the same weights, to 1e-4 of their norm: least squares, ridge, Bayesian ridge and lasso; least
absolute deviations must come to the same error. Networks with the sizes and activations of the files in configs/ must
reach the accuracy, or R2, of MLPClassifier and MLPRegressor of the same sizes less 0.01, as a mean over splits. Ends
with 1 when something does not. Needs h5py, PyYAML and scikit-learn (Debian: python3-h5py python3-yaml python3-sklearn).
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import h5py
    import numpy as np
    import yaml
    from sklearn import datasets, linear_model, metrics, model_selection, neural_network, preprocessing
except ImportError as error:
    print(f"cannot compare: {error}")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LINEAR_TOLERANCE = 1e-4
SCORE_TOLERANCE = 0.01


class Lockstep:
    """Runs the program in a directory of its own."""

    def __init__(self, program, place):
        self.program, self.place = program, place
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")

    def write(self, **splits):
        with h5py.File(os.path.join(self.place, "data.h5"), "w") as file:
            for name, (x, y) in splits.items():
                file[f"{name}/x"], file[f"{name}/y"] = x, y

    def run(self, command, config, *overrides):
        done = subprocess.run([self.program, command, config, "name=run", "data.file=data.h5", *overrides], cwd=self.place,
                              env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"lockstep {command} {config} {' '.join(overrides)}: {done.stderr}")
        with open(os.path.join(self.place, "runs/run/summary.json")) as summary:
            return json.load(summary)

    def model(self):
        return h5py.File(os.path.join(self.place, "runs/run/model.h5"), "r")


def distance(ours, theirs):
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


# ---- linear models ----

def linear_cases():
    """name, lockstep's command and settings, scikit-learn's model."""
    alpha = 0.1
    most = "max_iter" if "max_iter" in linear_model.BayesianRidge().get_params() else "n_iter"  # before 1.3
    yield ("least squares", "solve", ["solve.method=least_squares"], linear_model.LinearRegression())
    yield ("ridge", "solve", ["solve.method=ridge", "solve.lambda=30"], linear_model.Ridge(alpha=30))
    yield ("Bayesian ridge", "solve", ["solve.method=bayesian"],
           linear_model.BayesianRidge(**{most: 3000}, tol=1e-12, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0))
    # Lasso's loss is half of the mean square
    yield ("lasso", "train", [f"train.l1={2 * alpha}", "train.epochs=4000", "stop.tol=0"],
           linear_model.Lasso(alpha=alpha, tol=1e-10, max_iter=100000))


def compare_linear(lockstep):
    x, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    x = preprocessing.StandardScaler().fit_transform(x)
    y = (y - y.mean()) / y.std() + 3
    lockstep.write(train=(x, y))
    good = True
    for name, command, settings, model in linear_cases():
        config = f"{ROOT}/configs/diabetes-{'lasso' if name == 'lasso' else 'linear'}.yaml"
        lockstep.run(command, config, "data.scaling=none", "data.target_scaling=none", *settings)
        model.fit(x, y)
        with lockstep.model() as file:
            weights = np.append(file["parameters/dense1/weight"][0], file["parameters/dense1/bias"][0])
            apart = distance(weights, np.append(model.coef_, model.intercept_))
            if name == "Bayesian ridge":
                variance, vectors = file["posterior/variance"][0], file["posterior/vectors"][:]
                apart = max(apart, distance(vectors.T @ np.diag(variance) @ vectors, model.sigma_),
                            abs(file["posterior/noise"][0] * model.alpha_ - 1))
            if name == "lasso":
                zeros = int((weights == 0).sum())
                good = good and zeros == int((model.coef_ == 0).sum()) and zeros > 0
                name = f"lasso ({zeros} of {x.shape[1]} weights zero)"
        good = report(name, "apart by", apart, LINEAR_TOLERANCE, apart < LINEAR_TOLERANCE) and good
    return compare_deviations(lockstep, x, y) and good


def compare_deviations(lockstep, x, y):
    lockstep.run("train", f"{ROOT}/configs/diabetes-lad.yaml", "data.scaling=none", "data.target_scaling=none")
    model = linear_model.QuantileRegressor(quantile=0.5, alpha=0, solver="highs").fit(x, y)
    with lockstep.model() as file:
        ours = np.abs(x @ file["parameters/dense1/weight"][0] + file["parameters/dense1/bias"][0] - y).mean()
    excess = ours / np.abs(model.predict(x) - y).mean() - 1
    return report("least absolute deviations", "error above the least", excess, LINEAR_TOLERANCE,
                  excess < LINEAR_TOLERANCE)


# ---- networks ----

NETWORKS = {"iris": datasets.load_iris, "wine": datasets.load_wine, "digits": datasets.load_digits,
            "breast-cancer": datasets.load_breast_cancer, "diabetes": datasets.load_diabetes}


def their_score(config, train, test, regression):
    hidden = [layer["dense"] for layer in config["model"]["layers"][:-1]]
    scaler = preprocessing.StandardScaler().fit(train[0])
    kind = neural_network.MLPRegressor if regression else neural_network.MLPClassifier
    model = kind([layer["units"] for layer in hidden], activation=hidden[0]["activation"], random_state=0, max_iter=1000)
    mean, deviation = (train[1].mean(), train[1].std()) if regression else (0, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stopped before it converged
        model.fit(scaler.transform(train[0]), (train[1] - mean) / deviation if regression else train[1])
    answers = model.predict(scaler.transform(test[0]))
    return metrics.r2_score(test[1], answers * deviation + mean) if regression else metrics.accuracy_score(test[1], answers)


def compare_network(lockstep, name, splits):
    path = f"{ROOT}/configs/{name}.yaml"
    with open(path) as file:
        config = yaml.safe_load(file)
    regression = config["loss"] == "mse"
    x, y = NETWORKS[name](return_X_y=True)
    ours, theirs = [], []
    for seed in range(splits):
        x1, x2, y1, y2 = model_selection.train_test_split(x, y, test_size=0.3, random_state=seed,
                                                          stratify=None if regression else y)
        lockstep.write(train=(x1, y1), test=(x2, y2))
        ours.append(lockstep.run("train", path)["test_r2" if regression else "test_accuracy"])
        theirs.append(their_score(config, (x1, y1), (x2, y2), regression))
    what = f"{name}, {'R2' if regression else 'accuracy'} {np.mean(ours):.4f}, scikit-learn's {np.mean(theirs):.4f}:"
    below = float(np.mean(theirs) - np.mean(ours))
    return report(what, "below by", below, SCORE_TOLERANCE, below <= SCORE_TOLERANCE)


def report(name, what, figure, bound, good):
    print(f"{'well' if good else 'FAILED':6}  {name} {what} {figure:.2g} (at most {bound:g})", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lockstep", default="build/release/lockstep")
    parser.add_argument("--splits", type=int, default=5, help="of each data set, for networks")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        lockstep = Lockstep(os.path.abspath(arguments.lockstep), place)
        good = [compare_linear(lockstep)] + [compare_network(lockstep, name, arguments.splits) for name in NETWORKS]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
