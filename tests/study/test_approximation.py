"""The studies of width, data and depth on a few points: errors go the way that theory says, and the pictures are there.

    test_approximation.py APPROXIMATION.PY LOCKSTEP
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

import numpy as np

SCRIPT, PROGRAM = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
NOISE = 0.3


def study(folder, *words):
    return subprocess.run([sys.executable, SCRIPT, *words, "--small", "--out", folder, "--lockstep", PROGRAM],
                          env=dict(os.environ, OMP_NUM_THREADS="1"), capture_output=True, text=True)


class Approximation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.place.name)
        done = study(cls.place.name)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        cls.results = json.loads((cls.folder / "results.json").read_text())

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def errors(self, dimensions):
        return {p["width"]: p for p in self.results["width"]["points"] if p["dimensions"] == dimensions}

    def test_error_falls_with_width_in_one_and_in_several_dimensions(self):
        line, ball = self.errors(1), self.errors(8)
        self.assertLess(line[16]["test"], line[2]["test"] / 10)
        self.assertLess(ball[16]["test"], ball[2]["test"] / 3)
        self.assertLess(ball[16]["test"], ball[2]["test"] * (16 / 2) ** -0.5)  # Barron's rate, and better

    def test_with_many_rows_and_no_noise_training_and_test_error_are_alike(self):
        for point in self.results["width"]["points"]:
            self.assertLess(abs(point["test"] / point["train"] - 1), 0.3, point)

    def test_a_network_knows_nothing_where_there_were_no_data(self):
        x = np.linspace(-2, 2, 401)
        fit = np.array(self.results["width"]["fits"][-1]["y"])
        sys.path.insert(0, str(pathlib.Path(SCRIPT).parent))
        import approximation
        off = np.abs(fit - approximation.waves(1)(x[:, None]))
        self.assertLess(off[np.abs(x) < 0.95].max(), 0.05)
        self.assertGreater(off[np.abs(x) > 1.5].max(), 0.5)

    def test_rows_close_the_gap_between_training_and_test_error(self):
        few, many = self.results["rows"]["by_rows"]
        self.assertLess(few["train"], NOISE / 3)
        self.assertGreater(few["test"], 2 * NOISE)
        self.assertLess(abs(many["train"] / NOISE - 1), 0.1)
        self.assertLess(many["test"], NOISE / 2)

    def test_width_learns_the_noise_of_few_rows(self):
        narrow, wide = self.results["rows"]["by_width"]
        self.assertGreater(narrow["train"], NOISE)
        self.assertLess(wide["train"], NOISE)
        self.assertGreater(wide["test"] / wide["train"], 1.2 * narrow["test"] / narrow["train"])

    def test_circles_and_xor_need_a_hidden_layer(self):
        for point in self.results["depth"]:
            if point["layers"] == 1:
                self.assertLess(point["accuracy"], 0.7, point["set"])
            else:
                self.assertGreater(point["accuracy"], 0.95, point["set"])
                self.assertEqual(point["parameters"], 162)

    def test_what_is_drawn_is_what_the_network_says(self):
        for point in self.results["depth"]:
            chance, x = np.array(point["chance"]), np.array(point["x"])
            low, high = np.array(point["low"]), np.array(point["high"])
            column, row = np.rint((x - low) / (high - low) * (len(chance) - 1)).astype(int).T
            hits = np.mean((chance[row, column] > 0.5) == (np.array(point["y"]) > 0))
            self.assertLess(abs(hits - point["accuracy"]), 0.08, point["set"])

    def test_pictures_are_there(self):
        for name in ("width", "rows", "depth"):
            picture = (self.folder / f"{name}.png").read_bytes()
            self.assertEqual(picture[:4], b"\x89PNG")
            self.assertGreater(len(picture), 10000)
            self.assertTrue(ElementTree.parse(self.folder / f"{name}.svg").getroot().tag.endswith("svg"))

    def test_an_unknown_study_is_refused(self):
        done = study(self.place.name, "breadth")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("only width, rows, depth", done.stderr)


unittest.main(argv=sys.argv[:1])
