"""The study of labels on a few points: every way is there, its accuracies are those of the runs, and the picture says what they are.

    test_labels.py LABELS.PY LOCKSTEP
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

import numpy as np

SCRIPT, PROGRAM = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
sys.path.insert(0, str(pathlib.Path(SCRIPT).parent))

import labels  # noqa: E402

DIGITS = pathlib.Path("/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz")


class Labels(unittest.TestCase):
    def test_labelled_rows_are_as_many_of_each_class(self):
        y = np.random.default_rng(3).integers(0, 10, 700)
        rows = labels.choose(y, 50, 1)
        self.assertEqual(np.bincount(y[rows], minlength=10).tolist(), [5] * 10)
        self.assertEqual(len(set(rows)), 50)
        self.assertNotEqual(set(rows), set(labels.choose(y, 50, 2)))

    @unittest.skipUnless(DIGITS.exists(), "no data sets of scikit-learn here")
    def test_points_table_and_picture(self):
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            done = subprocess.run([sys.executable, SCRIPT, "digits", "--small", "--out", place, "--lockstep", PROGRAM],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            points = json.loads((folder / "results.json").read_text())["digits"]
            self.assertEqual(len(points), 2 * 2 * 3)
            for point in points:
                self.assertGreater(point["accuracy"], 0.1 if point["way"] == "frozen" else 0.3, point)
            last = json.loads((folder / "runs/digits-random/summary.json").read_text())["test_accuracy"]
            self.assertEqual(last, [p["accuracy"] for p in points if p["way"] == "random"][-1])
            self.assertIn("| digits | 100 |", done.stdout)
            picture = "".join(ElementTree.parse(folder / "labels.svg").getroot().itertext())
            for word in ("digits", "random weights", "encoder, frozen", "labelled rows"):
                self.assertIn(word, picture)

    def test_says_what_it_does_not_know(self):
        done = subprocess.run([sys.executable, SCRIPT, "letters"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no set letters", done.stderr)


unittest.main(argv=sys.argv[:1])
