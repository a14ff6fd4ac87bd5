"""The kinds of plot.py that draw the lecture's slides: each on tiny data, what each says of data that do not fit, and their figures
against NumPy: the path of descent by its formula, the sum of basis functions against `lockstep predict`, errors from predictions.

    test_slides.py FILE_IN_SCRIPTS LOCKSTEP
"""
import contextlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

SCRIPTS = pathlib.Path(sys.argv[1]).resolve().parent
PROGRAM = str(pathlib.Path(sys.argv[2]).resolve())
sys.path.insert(0, str(SCRIPTS))

import h5py  # noqa: E402
import numpy as np  # noqa: E402

import plot  # noqa: E402
from pictures import sources  # noqa: E402
from pictures.kinds import basis, fits, grid, paths, sizes  # noqa: E402

RATE, STEPS = 0.1, 3
KEPT = "checkpoint: {every: 1 steps, keep: 9}"
NONE = "checkpoint: {every: never}"


def lockstep(*words):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"lockstep {words} ended with {done.returncode}:\n{done.stderr}")


def write_data(name, train, test):
    with h5py.File(name, "w") as file:
        for split, (x, y) in (("train", train), ("test", test)):
            file[f"{split}/x"], file[f"{split}/y"] = x, y


def make_run(command, name, data, layers, loss, more):
    pathlib.Path("run.yaml").write_text(f"data: {data}\nmodel: {{layers: {layers}}}\nloss: {loss}\n{more}\nparallel: {{threads: 1}}\n")
    lockstep(command, "run.yaml", f"name={name}")


def make_all():
    """Runs of all kinds, as small as they can be."""
    random = np.random.default_rng(1)

    def line(n):
        x = random.uniform(-1, 1, size=(n, 1))
        return x, np.sin(3 * x) + 0.1 * random.normal(size=(n, 1))

    def plane(n):
        x = random.normal(size=(n, 2))
        return x, (x[:, 0] > 0).astype(np.int32)

    write_data("line.h5", line(30), line(20))
    write_data("plane.h5", plane(24), plane(20))
    images = random.uniform(size=(12, 4))
    write_data("images.h5", (images, 1 - images), (images, 1 - images))
    steps = random.normal(size=(20, 6))
    write_data("steps.h5", (steps, (steps > 0).astype(np.int32)), (steps, (steps > 0).astype(np.int32)))
    make_run("train", "descent", "{file: line.h5}", "[dense: {units: 1, init: zeros}]", "mse",
             f"optimizer: {{name: sgd, learning_rate: {RATE}}}\ntrain: {{epochs: {STEPS}, global_batch_size: all}}\n{KEPT}")
    for name, function in {"powers": "{name: polynomial, degree: 3}", "gaussians": "{name: rbf, size: 6, gamma: 2}",
                           "waves": "{name: fourier, size: 9, gamma: 3}",
                           "products": "{name: polynomial_kernel, size: 5, degree: 3, gamma: 0.5, coef0: 2}"}.items():
        make_run("solve", name, f"{{file: line.h5, scaling: standard, target_scaling: standard, basis: {function}}}", "[dense: 1]", "mse",
                 "solve: {method: ridge, lambda: 0.1}")
    make_run("train", "linear-plane", "{file: plane.h5}", "[dense: 2]", "cross_entropy", f"train: {{epochs: 2}}\n{NONE}")
    make_run("train", "deep-plane", "{file: plane.h5}", "[dense: {units: 3, activation: tanh}, dense: 2]", "cross_entropy",
             f"train: {{epochs: 2}}\n{NONE}")
    make_run("train", "inverse", "{file: images.h5}", "[dense: 4]", "mse", f"train: {{epochs: 2}}\n{NONE}")
    make_run("train", "labels", "{file: steps.h5}", "[dense: 6]", "binary_cross_entropy", f"train: {{epochs: 2}}\n{NONE}")
    make_run("components", "directions", "{file: images.h5}", "[dense: 1]", "mse", "components: {n: 3}")
    make_run("train", "code", "{file: images.h5, targets: x}", "[dense: 4, sample, dense: 4]", "mse", f"train: {{epochs: 2}}\n{NONE}")
    lockstep("sample", "runs/code", "--rows", 4, "--out", "drawn.h5")
    with h5py.File("bowl.h5", "w") as file:  # as `lockstep landscape` writes a plane of two weights
        file.attrs["directions"] = "weights"
        file.attrs["xdirection"], file.attrs["ydirection"] = "dense1.weight[0,0]", "dense1.bias[0]"
        file["xcoordinates"], file["ycoordinates"] = np.linspace(-1, 2, 7), np.linspace(-1, 1, 5)
        file["train_loss"] = file["ycoordinates"][:][:, None] ** 2 + (file["xcoordinates"][:] - 1) ** 2
    with h5py.File("random.h5", "w") as file:
        file.attrs["directions"] = "random"
        for name, shape in {"xcoordinates": 3, "ycoordinates": 2, "train_loss": (2, 3)}.items():
            file[name] = np.ones(shape)


def setUpModule():
    os.environ["PATH"] = f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}"
    place = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(place.cleanup)
    unittest.addModuleCleanup(os.chdir, os.getcwd())
    os.chdir(place.name)
    make_all()


def draw(words, out):
    with contextlib.redirect_stdout(io.StringIO()):
        plot.main([*words.split(), "--out", out])


def texts_of(svg):
    root = xml.etree.ElementTree.parse(svg).getroot()
    return [" ".join("".join(node.itertext()).split()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


# Words of each kind, and labels that its SVG must have.
PICTURES = {
    "likelihoods": ["Gaussian → squared error", "error t − z", "probability of the right class"],
    "paths bowl.h5 descent --titles bowl": ["bowl", "dense1.weight[0,0]", "dense1.bias[0]"],
    "paths bowl.h5 descent descent --labels one two --curves": ["one", "two", "training loss", "step"],
    "basis powers gaussians waves": ["polynomial", "rbf, γ = 2", "9 functions", "training rows", "model"],
    "fits powers gaussians --truth --titles left right": ["left", "right", "truth", "training rows", "x1"],
    "fits powers gaussians --together": ["powers", "gaussians", "y"],
    "boundaries linear-plane deep-plane": ["linear-plane", "deep-plane", "x1", "x2"],
    "sizes powers gaussians --over parameters": ["parameters", "RMSE", "4", "7"],
    "starts linear-plane deep-plane --near 10": ["as good as the best (2 of 2)", "epoch"],
    "grid linear-plane deep-plane": ["linear", "deep", "plane", "test accuracy"],
    "images inverse --rows 3 --input before": ["before", "network", "truth"],
    "components directions": ["explained variance", "all up to it", "component 2", "scores of 12 rows"],
    "components directions --images 2x2": ["mean", "1:", "3:"],
    "images code --rows 3": ["input", "network"],
    "images code --rows 3 --noise 0.1 --input noisy --truth clean": ["noisy", "network", "clean"],
    "codes code code --layer sample1 --titles one two": ["one", "two", "code 1", "code 2"],
    "codes labels --layer dense1": ["component 1"],
    "samples drawn.h5 --columns 2 --rows 3": [],
    "sequences labels --rows 2": ["observed", "truth: label 1", "step"],
}
UNFIT = {
    "codes code --layer dense1 dense2": "one for each of the 1 runs",
    "samples line.h5": "has no x",
    "paths descent": "begin with the file of `lockstep landscape`",
    "paths line.h5 descent": "line.h5 has no xcoordinates",
    "paths random.h5 descent": "its axes are directions",
    "paths bowl.h5 powers": "powers has no checkpoints",
    "paths bowl.h5 descent --labels a b": "2 texts, for 1 runs",
    "basis descent": "has no basis functions",
    "fits linear-plane": "has 2 columns",
    "fits powers --titles a b": "2 texts, for 1 runs",
    "boundaries powers": "2 features",
    "sizes powers --over width --groups x": "no run begins with x",
    "grid powers": "not of the form MODEL-DATA",
    "grid linear-plane --figure test_mae": "has no test_mae",
    "images inverse --shape 3x3": "not images of 3 x 3",
    "components inverse": "has no components",
    "components directions --images 3x3": "not images of 3 x 3",
    "components directions --pair 1 4": "has 3 components",
    "sequences linear-plane": "a run with binary_cross_entropy",
}


class Kinds(unittest.TestCase):
    def test_each_draws_its_labels(self):
        for words, labels in PICTURES.items():
            with self.subTest(words):
                draw(words, "picture.svg")
                found = texts_of("picture.svg")
                for label in labels:
                    self.assertTrue(any(label in text for text in found), f"no {label} in {found}")

    def test_each_refuses_what_does_not_fit(self):
        for words, message in UNFIT.items():
            with self.subTest(words):
                with self.assertRaises(SystemExit) as ended:
                    draw(words, "x.svg")
                self.assertIn(message, str(ended.exception.code))


class Figures(unittest.TestCase):
    def test_path_is_that_of_gradient_descent(self):
        """w and b from 0, by the derivative of the mean of (w x + b - y)^2."""
        with h5py.File("line.h5") as file:
            x, y = file["train/x"][:, 0], file["train/y"][:, 0]
        place = np.zeros(2)
        expected = [place]
        for _ in range(STEPS):
            error = place[0] * x + place[1] - y
            place = place - RATE * 2 * np.array([(error * x).mean(), error.mean()])
            expected.append(place)
        found = paths.path_of(sources.Program(PROGRAM), "descent", ["dense1.weight[0,0]", "dense1.bias[0]"])
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_path_begins_at_the_seed_of_the_run(self):
        make_run("train", "seeded", "{file: line.h5}", "[dense: 1]", "mse",
                 f"train: {{epochs: 1, global_batch_size: all, seed: 7}}\n{KEPT}")
        lockstep("train", "run.yaml", "name=initial", "train.epochs=0")
        with h5py.File("runs/initial/model.h5") as file:
            first = file["parameters/dense1/weight"][0, 0]
        self.assertEqual(paths.path_of(sources.Program(PROGRAM), "seeded", ["dense1.weight[0,0]"])[0, 0], first)

    def test_basis_functions_add_up_to_the_prediction(self):
        """The terms differ from the prediction by a constant: bias and mean of the targets."""
        x = np.linspace(-1, 1, 25)[:, None]
        for run in "powers", "gaussians", "waves", "products":
            with self.subTest(run):
                _, _, terms = basis.parts(sources.model_file(run), x)
                rest = sources.Program(PROGRAM).predict(sources.model_file(run), rows=x)["prediction"][:, 0] - terms.sum(axis=1)
                self.assertLess(np.ptp(rest), 1e-4)
                self.assertGreater(np.ptp(terms.sum(axis=1)), 1)

    def test_errors_are_those_of_predictions(self):
        name, *both = sizes.errors("powers")
        self.assertEqual(name, "RMSE")
        for split, error in zip(("train", "test"), both):
            with h5py.File("line.h5") as file:
                x, y = file[f"{split}/x"][:], file[f"{split}/y"][:]
            said = sources.Program(PROGRAM).predict(sources.model_file("powers"), rows=x)["prediction"]
            self.assertAlmostEqual(error, np.sqrt(((said - y) ** 2).mean()), places=4)

    def test_rows_of_a_fit_are_those_of_the_file(self):
        x, y, name = fits.rows_of("powers", "test")
        with h5py.File("line.h5") as file:
            np.testing.assert_array_equal(x, file["test/x"][:, 0])
            np.testing.assert_array_equal(y, file["test/y"][:, 0])
        self.assertEqual(name, "x1")

    def test_grid_shows_the_accuracies_and_frames_the_best(self):
        draw("grid linear-plane deep-plane", "grid.svg")
        accuracies = [sources.summary(run)["test_accuracy"] for run in ("linear-plane", "deep-plane")]
        for accuracy in accuracies:
            self.assertIn(f"{accuracy:.3f}", texts_of("grid.svg"))
        self.assertEqual(len(grid.bests(np.array([[0.5, 0.9], [0.7, 0.9]]), False)), 3)
        self.assertEqual(grid.bests(np.array([[0.5, 0.9], [0.7, np.nan]]), True), [(0, 0), (0, 1)])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
