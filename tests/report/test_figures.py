"""The figures on the pages of scripts/report.py, for answers made by hand with figures that are known.

    test_figures.py REPORT.PY
"""
import argparse
import html
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(sys.argv[1]).resolve().parent))

import numpy as np  # noqa: E402

from report import classes, clusters, forecast, numbers  # noqa: E402

VIEW = argparse.Namespace(split_words=lambda: "test rows", image=None, why_no_figures=None,
                          rows=argparse.Namespace(numbers=np.arange(100, 200), window=None))


def answer(loss="mse", truth=None, names=None, **values):
    return argparse.Namespace(head=argparse.Namespace(loss=loss), truth=truth, names=names,
                              values={name: np.array(value) for name, value in values.items()})


def cells(text):
    """The rows of all tables of a text, each a list of cells."""
    rows = re.findall(r"<tr>(.*?)</tr>", str(text), re.DOTALL)
    return [[html.unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
            for row in rows]


class Figures(unittest.TestCase):
    def test_classes_one_by_one(self):
        counts = np.array([[8, 2, 0], [1, 4, 5], [0, 0, 12]])
        self.assertEqual(cells(classes.per_class(counts, ["a", "b", "c"])), [
            ["class", "rows", "recall", "precision"], ["b", "10", "40.00%", "66.67%"], ["a", "10", "80.00%", "88.89%"],
            ["c", "12", "100.00%", "70.59%"]])

    def test_a_class_that_nothing_is_taken_for(self):
        self.assertEqual(cells(classes.per_class(np.array([[0, 3], [0, 0]]), ["a", "b"]))[1:],
                         [["a", "3", "0.00%", "–"], ["b", "0", "–", "0.00%"]])

    def test_what_is_said_of_the_worst_rows(self):
        found = answer("cross_entropy", np.array([0, 1, 1]), probability=[[0.75, 0.25], [0.5, 0.5], [0.875, 0.125]])
        found.values["class"] = np.array([0, 0, 0])
        losses, said, _ = classes.losses_of(found)
        np.testing.assert_allclose(losses, -np.log([0.75, 0.5, 0.125]))
        np.testing.assert_allclose(said, [0.75, 0.5, 0.125])
        self.assertIn("Of 3 rows 2 are wrong", str(classes.worst(VIEW, found, ["a", "b"])))
        found = answer("hinge", np.array([0, 2]), score=[[1.5, 0.5, 1.25], [2, -1, 0.5]])
        found.values["class"] = np.array([0, 0])
        np.testing.assert_allclose(classes.losses_of(found)[1], [0.25, -1.5])
        found = answer("hinge", np.array([0, 1]), score=[[1.5], [2]])
        found.values["class"] = np.array([1, 1])
        np.testing.assert_allclose(classes.losses_of(found)[1], [-1.5, 2])

    def test_yes_and_no_one_by_one(self):
        # yes 4 times, said 3 times, 2 of them rightly; of 8 rows 5 are right
        truth = np.array([[1, 1, 1, 1, 0, 0, 0, 0]]).T.astype(float)
        said = np.array([[0.9, 0.75, 0.25, 0.125, 0.8, 0.3, 0.2, 0.1]]).T
        found = [cells(panel) for panel in classes.binary_panels(VIEW, answer("binary_cross_entropy", truth, probability=said), {})]
        self.assertEqual(found[0], [["output", "yes", "accuracy", "recall", "precision"], ["0", "4", "62.50%", "50.00%", "66.67%"]])
        self.assertEqual(found[1][1:3], [["103", "0", "yes", "0.125"], ["104", "0", "no", "0.2"]])

    def test_sizes_of_clusters(self):
        found = answer("distortion", cluster=[2, 2, 2, 0, 2, 0, 1, 2], distance=[1, 2, 6, 3, 7, 5, 9, 4])
        self.assertEqual(cells(clusters.sizes(found)), [
            ["cluster", "rows", "share", "median distance"], ["2", "5", "62.5%", "4"], ["0", "2", "25.0%", "4"], ["1", "1", "12.5%", "9"]])
        self.assertEqual(cells(clusters.unusual(VIEW, found))[1:3], [["106", "1", "9"], ["104", "2", "7"]])
        found = answer("density", cluster=[0, 1, 0], log_density=[-2, -7, 1])
        self.assertEqual(cells(clusters.unusual(VIEW, found))[1], ["101", "1", "−7"])
        self.assertIn("Mean loss of the test rows: <code>2.667</code>.", str(clusters.panels(VIEW, found, {"loss": 8 / 3})[-1]))

    def test_residuals(self):
        # true - predicted: 3, -1, 4, 0
        found = answer(truth=np.array([[4.0, 1, 6, 3]]).T, prediction=[[1.0], [2], [2], [3]])
        self.assertIn("mean 1.5, RMSE 2.55, MAE 2.", str(numbers.residuals(found, 0, "")[0]))
        self.assertEqual(cells(numbers.worst(VIEW, found))[:3], [["row", "true", "predicted"], ["102", "6", "2"], ["100", "4", "1"]])

    def test_what_predictions_claim(self):
        low, high, words = numbers.reach(answer(prediction=[[10.0]], std=[[1.5]]))
        self.assertEqual((low[0, 0], high[0, 0], words), (7, 13, "± 2 standard deviations"))
        found = answer(**{"quantile_0.9": [[5.0]], "quantile_0.05": [[1.0]], "quantile_0.4": [[3.0]]})
        low, high, words = numbers.reach(found)
        self.assertEqual((low[0, 0], high[0, 0], words), (1, 5, "quantiles 0.05 to 0.9"))
        self.assertEqual(numbers.central(found)[0, 0], 3)
        self.assertIsNone(numbers.reach(answer(prediction=[[1.0]])))

    def test_accuracy_of_forecasts_without_a_model(self):
        figures = {"accuracy": 0.75, "persistence": {"accuracy": 0.5}, "seasonal_naive": {"accuracy": 0.625}}
        self.assertIn("Accuracy of the forecasts: 75.00%; without a model that of the last class 50.00%, that of a season ago 62.50%.",
                      str(forecast.class_baselines(figures)[0]))
        self.assertEqual(forecast.class_baselines({"accuracy": 0.75}), [])

    def test_forecasts_without_a_model(self):
        # a season of 2 steps, three steps ahead from row 14: 2 back, 2 back, 4 back
        window = argparse.Namespace(targets=np.arange(50.0).reshape(-1, 1), first_row=10, horizon=3, season=2)
        rows = argparse.Namespace(window=window, numbers=np.array([14, 20]))
        found = forecast.baselines(rows, argparse.Namespace(columns=(0,)), 0)
        self.assertEqual(found["persistence"].tolist(), [[3, 3, 3], [9, 9, 9]])
        self.assertEqual(found["seasonal naive"].tolist(), [[2, 3, 2], [8, 9, 8]])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
