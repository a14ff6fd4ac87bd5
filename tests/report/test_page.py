"""The page of scripts/report.py: balanced HTML that loads nothing, names that stay text, and figures worked out again from
the files.

    test_page.py REPORT.PY LOCKSTEP [-k TEST]
"""
import argparse
import html.parser
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import h5py
import matplotlib.image
import numpy as np
import report_runs

REPORT, PROGRAM = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
sys.path.insert(0, str(pathlib.Path(REPORT).parent))

from report import classes, clusters, contents, forecast, images, numbers  # noqa: E402
from report.program import Program  # noqa: E402

VOID = {"meta", "img", "br"}


class Page(html.parser.HTMLParser):
    """Open elements, texts, titles of marks, and what the page would load."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.loads, self.tags, self.titles, self.alt, self.captions = [], "", [], set(), [], [], []
        self.rows = []  # of tables, as texts of cells
        self.feed(text)
        self.close()
        if self.open:
            raise AssertionError(f"not closed: {self.open}")

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.add(tag)
        self.loads += [value for name, value in attributes.items() if name in ("src", "href", "xlink:href", "data", "action")]
        self.loads += [name for name in attributes if name.startswith("on")]
        if tag == "img" or attributes.get("role") == "img":
            self.alt.append(attributes.get("alt") or attributes.get("aria-label"))
        if tag == "title":
            self.titles.append("")
        if tag == "figcaption":
            self.captions.append("")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            raise AssertionError(f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.text += data
        if "title" in self.open:
            self.titles[-1] += data
        if "figcaption" in self.open:
            self.captions[-1] += data
        if "tr" in self.open:
            self.rows[-1][-1] += data

    def below(self, *header):
        """The first row below this header."""
        return self.rows[self.rows.index(list(header)) + 1]

    def numbers_after(self, words):
        """The first number after these words."""
        found = re.search(re.escape(words) + r"\s*([−\d.,e]+)", self.text)
        if not found:
            raise AssertionError(f"the page does not say '{words}'")
        return float(found[1].replace("−", "-").rstrip(".,").replace(",", ""))

    def confusion(self, true, predicted):
        return {(a, b): int(n) for a, b, n in (re.fullmatch(rf"{true} (.*), {predicted} (.*): (\d+) \(.*\)", title).groups()
                for title in self.titles if re.match(rf"{true} .*, {predicted} ", title))}


def answer(loss=None, truth=None, columns=None, **values):
    """What a head says, as the page has it."""
    return argparse.Namespace(head=argparse.Namespace(loss=loss), truth=np.array(truth), columns=columns, names=None,
                              values={name: np.array(array) for name, array in values.items()})


class ByHand(unittest.TestCase):
    """Figures whose values are known without a program."""

    def test_recall_is_of_true_rows_and_precision_of_called_ones(self):
        page = Page(str(classes.per_class(np.array([[5, 1], [2, 8]]), ["a", "b"])))
        self.assertEqual(page.rows[1:], [["b", "10", "80.00%", "88.89%"], ["a", "6", "83.33%", "71.43%"]])

    def test_lead_is_over_the_best_other_score(self):
        losses, lead, chosen = classes.losses_of(answer(truth=[0, 1], score=[[3.0, 1, 2], [5, 1, 0]], **{"class": [0, 0]}))
        self.assertEqual((list(losses), list(lead), list(chosen)), ([-1, 4], [1, -4], [0, 0]))
        losses, lead, _ = classes.losses_of(answer(truth=[1, 0], score=[[2.0], [-1]], **{"class": [1, 0]}))
        self.assertEqual((list(losses), list(lead)), ([-2, -1], [2, 1]))

    def test_ranges_are_two_deviations_or_the_outer_quantiles(self):
        low, high, _ = numbers.reach(answer(prediction=[[1.0]], std=[[0.5]]))
        self.assertEqual((low[0, 0], high[0, 0]), (0, 2))
        three = answer(**{"quantile_0.9": [[9.0]], "quantile_0.4": [[4.0]], "quantile_0.05": [[1.0]]})
        low, high, _ = numbers.reach(three)
        self.assertEqual((low[0, 0], high[0, 0], numbers.central(three)[0, 0]), (1, 9, 4))

    def test_forecasts_without_a_model(self):
        window = argparse.Namespace(first_row=5, horizon=3, season=2, targets=np.arange(5.0, 25).reshape(-1, 1))
        rows = argparse.Namespace(window=window, numbers=np.array([10, 20]))
        found = forecast.baselines(rows, answer(columns=[0]), 0)
        self.assertEqual(found["persistence"].tolist(), [[9, 9, 9], [19, 19, 19]])
        self.assertEqual(found["seasonal naive"].tolist(), [[8, 9, 8], [18, 19, 18]])

    def test_unusual_rows_are_far_or_improbable(self):
        view = argparse.Namespace(rows=argparse.Namespace(numbers=[4, 5, 6]))
        far = answer("distortion", distance=[[1.0], [3], [2]], cluster=[0, 1, 2])
        self.assertEqual(Page(str(clusters.unusual(view, far))).rows[1], ["5", "1", "3"])
        improbable = answer("density", log_density=[[1.0], [3], [-2]], cluster=[0, 1, 2])
        self.assertEqual(Page(str(clusters.unusual(view, improbable))).rows[1][:2], ["6", "2"])


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = report_runs.make(PROGRAM, cls.temporary.name)
        os.chdir(cls.folder)  # where the paths in settings begin

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        cls.temporary.cleanup()

    def page(self, *runs, rows=20000, image=None, is_whole=True):
        page = self.check(contents.make(runs, Program(PROGRAM), argparse.Namespace(rows=rows, image=image)))
        self.assertEqual("could not be drawn" in page.text, not is_whole)
        return page

    def check(self, text):
        page = Page(text)
        self.assertTrue(text.startswith('<!doctype html>\n<html lang="en">'))
        self.assertEqual([place for place in page.loads if not place.startswith("data:image/png;base64,")], [])
        self.assertEqual(page.tags & {"script", "link", "iframe", "object"}, set())
        self.assertNotIn("url(", text)
        self.assertTrue(all(page.alt), "a figure has no text beside it")
        self.assertNotRegex(page.text, r"\bnan\b|None")
        return page

    def call(self, *words):
        return subprocess.run([sys.executable, REPORT, *map(str, words)], cwd=self.folder, capture_output=True, text=True, check=False)

    def predictions(self, name, data, x="test/x"):
        out = self.folder / "predictions.h5"
        report_runs.run_lockstep(PROGRAM, self.folder, "predict", f"runs/{name}", data, "--x", x, "--out", out)
        with h5py.File(out) as file:
            found = {}
            file.visititems(lambda key, item: found.__setitem__(key, item[:]) if isinstance(item, h5py.Dataset) else None)
            return found

    def history(self, name):
        with h5py.File(self.folder / "runs" / name / "history.h5") as file:
            return {key: file[key][:] for key in ("epoch", "train_loss", "valid_loss", "valid_accuracy")}

    def truth(self, data, name="test/y"):
        with h5py.File(self.folder / data) as file:
            return file[name][:]

    def test_classes(self):
        page = self.page("runs/table")
        found, truth = self.predictions("table", "table.h5"), self.truth("table.h5")
        expected = {(report_runs.CLASSES[a], report_runs.CLASSES[b]): int(((truth == a) & (found["class"] == b)).sum())
                    for a in (0, 1) for b in (0, 1)}
        self.assertEqual(page.confusion("true class", "predicted class"), expected)
        right = found["probability"][np.arange(len(truth)), truth]
        worst = np.argmin(right)
        self.assertEqual(page.below("row", "true class", "predicted", "p"),
                         [str(worst), report_runs.CLASSES[truth[worst]], report_runs.CLASSES[found["class"][worst]], f"{right[worst]:.4g}"])
        recall = {name: expected[name, name] / sum(expected[name, other] for other in report_runs.CLASSES) for name in report_runs.CLASSES}
        least = min(recall, key=recall.get)
        self.assertEqual(page.below("class", "rows", "recall", "precision")[::2], [least, f"{recall[least]:.2%}"])
        confidence, correct = found["probability"].max(axis=1).astype(float), found["class"] == truth
        bins = np.clip(np.ceil(confidence * 15) - 1, 0, 14)
        ece = sum(abs(correct[bins == b].sum() - confidence[bins == b].sum()) for b in range(15)) / len(truth)
        self.assertAlmostEqual(page.numbers_after("Calibration error (ECE)"), ece, places=4)
        self.assertIn("<b>two", page.text)  # a name of a feature, as text

    def test_steps_of_a_timed_run(self):
        report_runs.run_lockstep(PROGRAM, self.folder, "train", "table.yaml", "name=timed", "--timing", "train.steps=40")
        page = self.page("runs/timed")
        with h5py.File(self.folder / "runs/timed/timing.h5") as file:
            seconds, forward = file["seconds"][:], file["seconds_forward"][:]
        self.assertAlmostEqual(page.numbers_after("Median") / (1000 * np.median(seconds)), 1, delta=1e-3)
        self.assertIn(f"forward {forward.sum() / seconds.sum():.1%}", page.text)

    def test_the_best_epoch_is_that_of_the_history(self):
        page, history = self.page("runs/table"), self.history("table")
        best = np.argmin(history["valid_loss"])
        self.assertIn(f"Lowest validation loss {history['valid_loss'][best]:.4g} in epoch {history['epoch'][best]:.0f}.", page.text)
        best = np.argmax(history["valid_accuracy"])
        self.assertIn(f"Best {history['valid_accuracy'][best]:.4g} in epoch {history['epoch'][best]:.0f}.", page.text)

    def test_pictures(self):
        page = self.page("runs/pictures")
        self.assertIn("8 × 8 pixels", page.text)
        self.assertIn("the 16 units", page.text)
        self.assertGreaterEqual(sum(text.startswith("row ") for text in page.alt), 12)
        found, truth = self.predictions("pictures", "pictures.h5"), self.truth("pictures.h5")
        counts = page.confusion("true class", "predicted class")
        self.assertEqual(sum(n for (a, b), n in counts.items() if a == b), int((found["class"] == truth).sum()))
        worst = np.argmin(found["probability"][np.arange(len(truth)), truth])
        self.assertIn(f"row {worst}", page.alt)

    def test_rows_are_pictures_if_the_user_says_so(self):
        self.assertIn("1 × 5 pixels", self.page("runs/table", image=(1, 5, 1)).text)
        self.assertIn("asks for pictures of 2 × 3 × 1 values, but rows have 5", self.page("runs/table", image=(2, 3, 1)).text)

    def test_a_png_is_what_was_drawn(self):
        for shape in ((5, 7), (4, 3, 3)):
            pixels = np.random.default_rng(1).integers(0, 256, shape).astype("u1")
            (self.folder / "one.png").write_bytes(images.png(pixels))
            np.testing.assert_array_equal(np.round(255 * matplotlib.image.imread(self.folder / "one.png")), pixels)

    def test_numbers(self):
        page, summary = self.page("runs/curve"), report_runs.summary(self.folder, "curve")
        self.assertAlmostEqual(page.numbers_after("RMSE"), summary["test_rmse"], delta=1e-3 * summary["test_rmse"])
        found, truth = self.predictions("curve", "curve.h5"), self.truth("curve.h5")
        rest = np.abs(truth - found["prediction"]).ravel()
        self.assertAlmostEqual(page.numbers_after("MAE"), rest.mean(), delta=1e-3 * rest.mean())
        worst = np.argmax(rest)
        row = page.below("row", "true", "predicted", "range (± 2 standard deviations of the noise)")
        self.assertEqual([cell.replace("−", "-") for cell in row[:3]],
                         [str(worst), f"{truth.flat[worst]:.4g}", f"{found['prediction'].flat[worst]:.4g}"])
        self.assertIn("± 2 standard deviations of the noise", page.text)
        self.assertIn("Are the intervals right?", page.text)
        self.assertIn("The function that the network has learnt", page.text)

    def test_forecasts_have_the_errors_of_the_summary(self):
        page, summary = self.page("runs/series"), report_runs.summary(self.folder, "series")
        said = [re.findall(r"(network|persistence|seasonal naive) ([\d.e−]+)", caption) for caption in page.captions
                if "by the step ahead" in caption]
        self.assertEqual([len(words) for words in said], [3, 3])  # of each of the two columns
        for i, key in enumerate(("test_rmse", "test_persistence_rmse", "test_seasonal_naive_rmse")):
            both = [float(words[i][1].rstrip(".")) for words in said]
            self.assertAlmostEqual(np.sqrt(np.mean(np.square(both))), summary[key], delta=1e-3 * summary[key])
        self.assertIn("RMSE of temperature", page.text)

    def test_forecasts_of_several_series_are_those_of_the_test(self):
        page = self.page("runs/three")
        # 200 steps: test from 150 on, 50 - 3 + 1 windows; 90: from 90 - 23 = 67 on (22.5 rounds up), 23 - 3 + 1
        self.assertIn("all 69.", page.text.replace("\n", " "))
        self.assertIn("of series 7", page.text)

    def test_the_end_of_a_long_series(self):
        page = self.page("runs/series", rows=60)
        self.assertIn("of a long series", page.text)
        self.assertIn("RMSE of temperature", page.text)

    def test_heads(self):
        page = self.page("runs/heads")
        for words in ("Head kind: cross_entropy", "Head size: quantile", "Head yes: binary_cross_entropy", "Head rate: poisson_nll",
                      "below the level", "quantiles 0.1 to 0.9", "Outputs one by one"):
            self.assertIn(words, page.text)
        found, truth = self.predictions("heads", "heads.h5"), self.truth("heads.h5")
        counts = page.confusion("true class", "predicted class")
        self.assertEqual(counts["0", "1"], int(((truth[:, 0] == 0) & (found["kind/class"] == 1)).sum()))
        both = (found["yes/probability"] > 0.5), truth[:, 2:4] > 0.5
        self.assertEqual(counts["no", "yes"], int((both[0] & ~both[1]).sum()))
        self.assertEqual(page.below("output", "yes", "accuracy", "recall", "precision")[:3],
                         ["0", str(both[1][:, 0].sum()), f"{(both[0] == both[1])[:, 0].mean():.2%}"])
        said = [float(re.search(r"RMSE ([\d.]+),", caption)[1]) for caption in page.captions if "Residuals: mean" in caption]
        expected = [head["test_rmse"] for head in report_runs.summary(self.folder, "heads")["heads"] if "test_rmse" in head]
        np.testing.assert_allclose(said, expected, rtol=1e-3)

    def test_clusters(self):
        (self.folder / "clusters.yaml").write_text("data: {file: table.h5, scaling: standard}\ncluster: {method: kmeans, k: 3}\n"
                                                   "parallel: {threads: 1}\n", encoding="utf-8")
        report_runs.run_lockstep(PROGRAM, self.folder, "cluster", "clusters.yaml")
        report_runs.run_lockstep(PROGRAM, self.folder, "cluster", "clusters.yaml", "name=mixture", "cluster.method=mixture")
        page, found = self.page("runs/clusters"), self.predictions("clusters", "table.h5")
        counts, distance = np.bincount(found["cluster"]), found["distance"].ravel()
        largest, worst = np.argmax(counts), np.argmax(distance)
        self.assertEqual(page.below("cluster", "rows", "share", "median distance")[:3],
                         [str(largest), str(counts[largest]), f"{counts[largest] / len(distance):.1%}"])
        self.assertEqual(page.below("row", "cluster", "distance"), [str(worst), str(found["cluster"][worst]), f"{distance[worst]:.4g}"])
        page, found = self.page("runs/mixture"), self.predictions("mixture", "table.h5")
        worst = np.argmin(found["log_density"])
        self.assertEqual(page.below("row", "cluster", "log-density")[0], str(worst))

    def test_ensemble(self):
        page = self.page("runs/ensemble")
        self.assertIn("3 networks", page.text)
        self.assertIn("± 2 standard deviations between networks", page.text)
        self.assertIn("losses of 3 networks", page.text)

    def test_a_solution_without_epochs(self):
        page = self.page("runs/bayes")
        self.assertIn("solved in closed form", page.text)
        self.assertIn("± 2 standard deviations", page.text)

    def test_a_run_that_diverged(self):
        page = self.page("runs/diverged")
        self.assertIn("It diverged", page.text)
        self.assertIn("Loss of single batches", page.text)

    def test_a_run_whose_data_is_gone(self):
        run = report_runs.copy(self.folder, "table", "gone")
        config = run / "config.yaml"
        config.write_text(config.read_text(encoding="utf-8").replace("table.h5", "gone.h5"), encoding="utf-8")
        page = self.page("runs/gone")
        self.assertIn("Its data file gone.h5 is gone", page.text)
        self.assertIn("owest validation loss", page.text)

    def test_a_run_without_model_and_with_damaged_files(self):
        run = report_runs.copy(self.folder, "table", "bare")
        for path in [run / "model.h5", run / "summary.json", *run.glob("checkpoint*")]:
            path.unlink(missing_ok=True)
        page = self.page("runs/bare")
        self.assertIn("no summary.json", page.text)
        self.assertIn("neither model.h5 nor a checkpoint", page.text)
        self.assertIn("owest validation loss", page.text)
        (run / "history.h5").write_bytes(b"no HDF5")
        (run / "summary.json").write_text("{", encoding="utf-8")
        page = self.page("runs/bare")
        self.assertIn("Its history.h5 cannot be read", page.text)
        self.assertIn("Its summary.json cannot be read", page.text)

    def test_labels_that_the_network_does_not_know(self):
        run = report_runs.copy(self.folder, "table", "strange")
        config = run / "config.yaml"
        config.write_text(config.read_text(encoding="utf-8").replace("table.h5", "strange.h5"), encoding="utf-8")
        (self.folder / "strange.h5").write_bytes((self.folder / "table.h5").read_bytes())
        with h5py.File(self.folder / "strange.h5", "r+") as file:
            file["test/y"][3] = 7
        page = self.page("runs/strange", is_whole=False)
        self.assertIn("This part could not be drawn: IndexError", page.text)
        self.assertIn("Lowest validation loss", page.text)

    def test_many_classes_are_listed(self):
        counts = np.diag(np.full(40, 9))
        counts[3, 5] = 2
        view = argparse.Namespace(split_words=lambda: "test rows")
        page = Page(classes.confusion(view, None, counts, [f"<{i}>" for i in range(40)]))
        self.assertEqual(page.rows[1:], [["<3>", "<5>", "2"]])

    def test_fewer_rows_are_taken_evenly_and_said(self):
        page = self.page("runs/table", rows=50)
        self.assertIn("50 of 200, evenly over the file", page.text)
        self.assertRegex(page.text, r"Of 50 rows \d+ are wrong")
        found, truth = self.predictions("table", "table.h5"), self.truth("table.h5")
        right = found["probability"][np.arange(0, 200, 4), truth[::4]]
        self.assertEqual(page.below("row", "true class", "predicted", "p")[0], str(4 * np.argmin(right)))
        counts = page.confusion("true class", "predicted class")
        self.assertEqual(sum(counts.values()), 200)  # figures are of all rows

    def test_validation_rows_without_test_rows(self):
        run = report_runs.copy(self.folder, "table", "untested")
        with h5py.File(self.folder / "table.h5") as file, h5py.File(self.folder / "untested.h5", "w") as copy:
            file.copy("train", copy)
            copy.attrs.update(file.attrs)
        config = run / "config.yaml"
        config.write_text(config.read_text(encoding="utf-8").replace("table.h5", "untested.h5"), encoding="utf-8")
        page = self.page("runs/untested")
        self.assertIn("training rows", page.text)
        self.assertEqual(sum(page.confusion("true class", "predicted class").values()), 40)  # a fifth of 200

    def test_runs_side_by_side(self):
        page = self.page("runs/curve", "runs/table", "runs/diverged")
        for words in ("curve, training", "table, training", "diverged, logged steps", "different losses"):
            self.assertIn(words, page.text)
        self.assertIn("those that differ in bold", page.text)

    def test_the_command_writes_the_file(self):
        done = self.call("curve", "--lockstep", PROGRAM)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "runs/curve/report.html\n", ""))
        self.assertIn("RMSE", self.check((self.folder / "runs/curve/report.html").read_text(encoding="utf-8")).text)
        done = self.call("curve", "ensemble", "--lockstep", "/nowhere/lockstep")  # without the program files are shown
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "report.html\n", ""))
        page = self.check((self.folder / "report.html").read_text(encoding="utf-8"))
        self.assertIn("owest validation loss", page.text)
        self.assertIn("was not found", page.text)
        self.assertEqual(list(self.folder.glob("**/*.tmp-*")), [])

    def test_mistakes_have_messages(self):
        for words, message in ((["runs/nothing"], "not the directory of a run"), (["curve", "--image", "8"], "HEIGHTxWIDTH"),
                               (["curve", "--rows", "0"], "not a number from 1"), (["curve", "--out", "no/where.html"], "no directory")):
            done = self.call(*words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)
            self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
