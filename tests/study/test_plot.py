"""plot.py and plot_history.py: each kind of picture on tiny data, what it says of data that do not fit, and figures that
can be worked out by hand. A picture must be a well-formed SVG with its labels, a whole PNG or a GIF with its frames.

    test_plot.py PLOT.PY LOCKSTEP [CLASS…]
"""
import contextlib
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

SCRIPTS = pathlib.Path(sys.argv[1]).resolve().parent
PROGRAM = str(pathlib.Path(sys.argv[2]).resolve())
sys.path.insert(0, str(SCRIPTS))

import h5py  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import plot  # noqa: E402
import plot_history  # noqa: E402
from pictures import intervals, sources, style  # noqa: E402
from pictures.kinds import activations, clusters, reliability  # noqa: E402

SOLVE = "solve: {method: bayesian}\ntrain: {global_batch_size: 10}\ncheckpoint: {every: never}"
TRAIN = "optimizer: {name: adam, learning_rate: 0.01}\ntrain: {epochs: 3, global_batch_size: 16}"


def lockstep(*words):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"lockstep {words} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def write_data(name, train, test):
    with h5py.File(name, "w") as file:
        for split, (x, y) in (("train", train), ("test", test)):
            file[f"{split}/x"], file[f"{split}/y"] = x, y


def make_run(command, name, data, layers, loss, more):
    pathlib.Path("run.yaml").write_text(f"data: {{file: {data}, scaling: standard}}\nmodel: {{layers: {layers}}}\n"
                                        f"loss: {loss}\n{more}\nparallel: {{threads: 1}}\n")
    lockstep(command, "run.yaml", f"name={name}")


def make_all():
    """Runs of all kinds, as small as they can be."""
    random = np.random.default_rng(1)

    def line(n):
        x = random.uniform(-1, 1, size=(n, 1))
        return x, 2 * x + 0.1 * random.normal(size=(n, 1))

    def plane(n):
        x = random.normal(size=(n, 2))
        return x, (x[:, 0] * x[:, 1] > 0).astype(np.int32)

    test = line(30)
    write_data("line.h5", line(40), test)
    write_data("short.h5", line(10), test)
    write_data("plane.h5", plane(48), plane(40))
    make_run("solve", "bayes", "line.h5", "[dense: 1]", "mse", SOLVE)
    make_run("solve", "few", "short.h5", "[dense: 1]", "mse", SOLVE)
    make_run("train", "levels", "line.h5", "[dense: 3]", "{name: quantile, quantiles: [0.1, 0.5, 0.9]}", TRAIN)
    make_run("train", "classes", "plane.h5", "[dense: {units: 4, activation: tanh}, dense: 2]", "cross_entropy",
             TRAIN + "\ncheckpoint: {every: 1 epochs, keep: 9}")
    for name, k in (("groups", 2), ("more", 3)):
        pathlib.Path("run.yaml").write_text(f"data: {{file: plane.h5, scaling: standard}}\nparallel: {{threads: 1}}\n"
                                            f"cluster: {{k: {k}, method: mixture, starts: 1, covariance: tied}}\n")
        lockstep("cluster", "run.yaml", f"name={name}")
    lockstep("cluster", "run.yaml", "name=centres", "cluster={k: 2, starts: 1}")
    pathlib.Path("kernels.yaml").write_text("data: {file: plane.h5, scaling: standard}\ndensity: {bandwidth: 0.4}\n")
    lockstep("density", "kernels.yaml")
    lockstep("sample", "kernels", "--rows", 20, "--out", "drawn.h5")
    with h5py.File("importance.h5", "w") as file:
        file.attrs["format"] = "lockstep importance 1"
        file["column"] = np.array([b"speed", b"angle"])
        file["loss"] = np.array([[0.5, 0.7], [0.2, 0.1]])
        file["loss"].attrs["base"] = 0.1
    with h5py.File("scores.h5", "w") as file:
        file["score"] = np.array([0.1, 0.2, 0.4, 0.8, 3.0, 9.0])
        file["anomaly"] = np.array([0, 0, 0, 0, 1, 1], np.uint8)
        file["label"] = np.array([0, 1, 0, 0, 0, 1], np.uint8)
        file.attrs["threshold"] = 1.0
    pathlib.Path("plain.csv").write_text("row,score,anomaly\n0,0.5,0\n1,-2,0\n2,nan,1\n3,4,1\n")


def setUpModule():
    os.environ["PATH"] = f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}"
    place = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(place.cleanup)
    unittest.addModuleCleanup(os.chdir, os.getcwd())
    os.chdir(place.name)
    make_all()


def draw(words, out):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        plot.main([*words.split(), "--out", out])
    return printed.getvalue()


def texts_of(svg):
    """What an SVG says; fails if it is not well formed."""
    root = xml.etree.ElementTree.parse(svg).getroot()
    return [" ".join("".join(node.itertext()).split()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


def message_of(words, out="x.svg"):
    """The message that plot.py ends with."""
    with unittest.TestCase().assertRaises(SystemExit) as ended, contextlib.redirect_stderr(io.StringIO()):
        draw(words, out)
    return str(ended.exception.code)


# Words of each kind, and labels that its SVG must have.
PICTURES = {
    "activations selu step": ["selu", "f(x), f'(x)", "x", "step"],
    "fit runs/bayes": ["x1", "target", "95 %: model alone", "train rows"],
    "fit levels": ["quantile 0.9", "target"],
    "residuals bayes": ["predicted", "true − predicted", "rows", "±1.96 std"],
    "uncertainty bayes few": ["training rows n", "1/√n", "aleatoric: noise in the data"],
    "quantiles levels": ["level of the quantile", "share of rows below it", "from 0.1 to 0.9"],
    "reliability classes --temperature 2": ["confidence of the decision", "accuracy", "decisions"],
    "regions classes --frames 2": ["epoch 1, step 3", "epoch 3, step 9", "x1", "x2"],
    "anomalies scores.h5": ["anomalous rows above", "normal", "threshold", "scores: AUC 0.625"],
    "anomalies plain.csv": ["rows", "threshold", "score"],
    "clusters groups centres": ["groups", "centres", "x1", "x2"],
    "centres more --shape 1x2": ["2:"],
    "cluster-counts groups more": ["objective per row", "silhouette", "BIC", "k"],
    "cluster-counts groups more --figures aic": ["AIC"],
    "density kernels --sample drawn.h5": ["kernels", "rows drawn", "x1", "x2"],
    "importance importance.h5": ["rise of the loss", "column that is permuted", "speed"],
}
UNFIT = {
    "activations relo": "there is no activation relo",
    "fit classes": "2 features",
    "fit nothing": "runs/nothing",
    "fit bayes --target 3": "has 1 targets",
    "fit bayes --split valid": "--split may be: train, test",
    "residuals classes": "for a regression",
    "uncertainty bayes": "two or more runs",
    "uncertainty levels bayes": "levels does not predict both parts",
    "quantiles bayes": "predicts no quantiles",
    "reliability bayes": "no probabilities",
    "regions bayes": "1 features",
    "clusters classes": "for centres or gaussians alone",
    "centres groups": "are not images",
    "cluster-counts groups": "two or more numbers of clusters",
    "cluster-counts bayes": "has no cluster.k",
    "importance line.h5": "is no result of `lockstep eval --importance",
    "importance importance.h5 --figure rmse": "has loss",
    "density bayes": "1 features",
    "density classes": "predicts no density",
    "density kernels --sample scores.h5": "no array x",
    "anomalies importance.h5": "has no scores",
    "anomalies nowhere.csv": "nowhere.csv cannot be read",
    "scaling nowhere": "nowhere",
    "regoins classes": "did you mean regions?",
}


class Kinds(unittest.TestCase):
    def test_each_draws_its_labels(self):
        for words, labels in PICTURES.items():
            with self.subTest(words):
                draw(words, "picture.svg")
                found = texts_of("picture.svg")
                for label in labels:
                    self.assertTrue(any(label in text for text in found), f"no {label} in {found}")
                self.assertLess(os.stat("picture.svg").st_size, 100000)

    def test_each_refuses_what_does_not_fit(self):
        for words, message in UNFIT.items():
            with self.subTest(words):
                self.assertIn(message, message_of(words))

    def test_each_has_a_test(self):
        tests = "".join(path.read_text() for path in pathlib.Path(__file__).parent.glob("test_*.py"))
        for kind in plot.kinds():
            self.assertRegex(tests, rf'["\']{kind}["\' ]', f"no test draws {kind}")

    def test_png_and_gif_are_whole(self):
        draw("regions classes", "picture.png")
        with Image.open("picture.png") as image:
            image.load()
            self.assertEqual((image.format, image.mode), ("PNG", "P"))
        draw("regions classes", "picture.gif")
        with Image.open("picture.gif") as image:
            self.assertEqual((image.format, image.n_frames), ("GIF", 3))

    def test_same_run_same_file(self):
        for name in ("first", "second"):
            draw("activations tanh", f"{name}.svg")
        self.assertEqual(pathlib.Path("first.svg").read_bytes(), pathlib.Path("second.svg").read_bytes())

    def test_list_has_all_kinds(self):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            plot.main([])
        for kind in plot.kinds():
            self.assertRegex(printed.getvalue(), rf"(?m)^  {kind} +\S")
        self.assertIn("a name in .svg or .png", message_of("activations", "x.pdf"))


class Figures(unittest.TestCase):
    def test_activations_are_those_of_the_program(self):
        """A network of all activations side by side, from the program's own list, on a grid; slopes by differences."""
        row = re.search(r"\| `activation` \| ([^|]*) \|", lockstep("info", "--reference")).group(1)
        names = row.replace("\\", "").split(", ")
        self.assertEqual(sorted(names), sorted(activations.FUNCTIONS))
        branches = ", ".join(f"[{{activation: {name}}}]" for name in names)
        x = np.linspace(-4, 4, 80, dtype=np.float32)  # not 0, where steps jump
        with h5py.File("weights.h5", "w") as file:
            file.attrs["format"] = "lockstep weights 1"
            file.attrs["settings"] = (f"data: {{file: none.h5}}\nmodel: {{layers: [{{branches: [{branches}]}}, "
                                      f"{{dense: {len(names)}}}]}}\nloss: mse\n")
            for key, value in {"inputs": 1, "step": 0, "epoch": 0, "shards": 1}.items():
                file.attrs[key] = np.int64(value)
            file["parameters/dense1/weight"] = np.eye(len(names), dtype=np.float32)
            file["parameters/dense1/bias"] = np.zeros(len(names), dtype=np.float32)
            for group in ("features", "targets"):
                file.create_group(f"scaling/{group}").attrs["name"] = "none"
            file["scaling/features"].attrs["columns"] = np.int64(1)
        with h5py.File("grid.h5", "w") as file:
            file["x"] = x[:, None]
        lockstep("adopt", "weights.h5", "--out", "all.h5")
        lockstep("predict", "all.h5", "grid.h5", "--out", "answers.h5")
        with h5py.File("answers.h5") as file:
            answers = file["prediction"][:]
        for column, name in enumerate(names):
            f, slope = activations.FUNCTIONS[name]
            np.testing.assert_allclose(f(x.astype(float)), answers[:, column], atol=2e-6, err_msg=name)
            if slope is not None:
                wide = x.astype(float)
                differences = (f(wide + 1e-5) - f(wide - 1e-5)) / 2e-5
                np.testing.assert_allclose(slope(wide), differences, atol=1e-6, err_msg=name)

    def test_reliability_by_hand(self):
        # bins of 1/15: 0.65 is in the tenth, 0.95 in the fifteenth
        _, sure, accuracy, counts, error = reliability.table(np.array([0.65, 0.65, 0.95, 0.95]), np.array([1, 0, 1, 1]))
        np.testing.assert_allclose(sure, [0.65, 0.95])
        np.testing.assert_allclose(accuracy, [0.5, 1])
        np.testing.assert_array_equal(counts, [2, 2])
        self.assertAlmostEqual(error, 0.5 * 0.15 + 0.5 * 0.05)
        # the upper end of a bin belongs to the bin
        self.assertEqual(reliability.table(np.array([0.65, 10 / 15]), np.array([1, 1]))[0].tolist(), [9])

    def test_wilson_by_hand(self):
        # 8 of 10: (0.8 + 0.19207) / 1.38415 ± 1.96 sqrt(0.016 + 0.0096) / 1.38415
        below, above = intervals.wilson(np.array([0.8]), 10)
        self.assertAlmostEqual(0.8 - below[0], 0.4902, places=3)
        self.assertAlmostEqual(0.8 + above[0], 0.9433, places=3)

    def test_eval_has_the_same_calibration_error(self):
        found = re.search(r"calibration error .ECE. ([0-9.e-]+)", lockstep("eval", "classes"))
        draw("reliability classes", "reliability.svg")
        shown = re.search(r"ECE ([0-9.]+)", " ".join(texts_of("reliability.svg")))
        self.assertAlmostEqual(float(found.group(1)), float(shown.group(1)), places=3)


class Clusters(unittest.TestCase):
    def test_covariances_are_those_of_their_factors(self):
        random = np.random.default_rng(3)
        for kind, factor in (("full", random.normal(size=(6, 2))), ("tied", random.normal(size=(2, 2))),
                             ("diagonal", random.uniform(1, 2, size=(3, 2))), ("spherical", random.uniform(1, 2, size=3))):
            found = clusters.covariances_of(kind, factor, 3, 2)
            for k in range(3):
                factor_k = {"full": lambda: factor[2 * k:2 * k + 2], "tied": lambda: factor,
                            "diagonal": lambda: np.diag(factor[k]), "spherical": lambda: factor[k] * np.eye(2)}[kind]()
                np.testing.assert_allclose(found[k] @ factor_k.T @ factor_k, np.eye(2), atol=1e-9)

    def test_components_are_in_the_units_of_the_data(self):
        means, covariances = clusters.parameters("groups")
        with h5py.File("plane.h5") as file:
            x = file["train/x"][:]
        answers = sources.Program().predict(sources.model_file("groups"), data="plane.h5", x="train/x")
        share = answers["responsibility"] / answers["responsibility"].sum(axis=0)
        np.testing.assert_allclose(means, share.T @ x, atol=0.05)  # the next iteration would hardly move them
        self.assertEqual(covariances.shape, (2, 2, 2))


class History(unittest.TestCase):
    @staticmethod
    def write(name, loss):
        pathlib.Path(name).mkdir(exist_ok=True)
        with h5py.File(f"{name}/history.h5", "w") as file:
            file["epoch"] = np.arange(1.0, len(loss) + 1)
            file["train_loss"] = np.array(loss, dtype=float)

    def draw(self, *words):
        with unittest.mock.patch.object(sys, "argv", ["plot_history.py", *words]), contextlib.redirect_stdout(io.StringIO()):
            plot_history.main()

    def test_diverging_run_is_cut_off(self):
        self.write("good", [1, 0.5, 0.3])
        self.write("better", [1, 0.4, 0.2])
        self.write("wild", [1, 1e4, 1e9])
        self.draw("good", "better", "wild", "--out", "cut.svg")
        found = texts_of("cut.svg")
        self.assertTrue(any("up to 1e+09" in text for text in found), found)
        self.assertEqual({"good", "better", "wild", "epoch", "training"} - set(found), set())
        self.draw("good", "better", "wild", "--log", "--out", "log.svg")
        self.assertFalse(any("up to" in text for text in texts_of("log.svg")))

    def test_limits(self):
        self.assertEqual(style.limits_of([]), None)
        low, high = style.limits_of([[0, 1], [0, 2], [0, 100]])  # the middle curve spans 2: nothing above 3 * 2
        self.assertAlmostEqual(low, -0.3)
        self.assertAlmostEqual(high, 6.3)
        self.assertAlmostEqual(style.limits_of([[0, 1], [0, 100]])[1], 3.15)  # of two the flatter one
        self.assertAlmostEqual(style.limits_of([[0, 100, np.nan]])[1], 105)
        self.assertAlmostEqual(style.limits_of([[0, 1], [0, np.inf]])[1], 1.05)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
