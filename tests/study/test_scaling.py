"""Scaling studies: formulas against hand calculations, and a tiny study whose report is worked out again from its CSV.

    test_scaling.py SCALING.PY LOCKSTEP [CLASS…]
"""
import contextlib
import csv
import io
import itertools
import json
import os
import pathlib
import re
import statistics
import sys
import tempfile
import types
import unittest
import unittest.mock

SCALING, PROGRAM = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
sys.path.insert(0, str(pathlib.Path(SCALING).parent))

import h5py  # noqa: E402
import numpy as np  # noqa: E402

import scaling as scaling_script  # noqa: E402
from study import analysis, laws, prediction, report, results, stats, words  # noqa: E402

STUDY = """
config: net.yaml
repeats: 3
warmup_steps: 1
steps: 9
grid: {ranks: [1, 2], threads: [1, 2], reduce: [shared]}
cores_per_node: 2
studies:
  same: {scaling: strong, global_batch_size: 64}
  grown:
    scaling: weak
    steps: 6
    rows_per_core: 32
    rows_per_shard: 16
    learning_rate: {rule: linear, value: 0.05}
    target_loss: 0.75
    epochs: 4
    seeds: [1, 2]
"""

NETWORK = """
data: {file: data.h5, validation: 0.2}
model: {layers: [{dense: {units: 32, activation: tanh}}, {dense: 3}]}
loss: cross_entropy
optimizer: {name: sgd, learning_rate: 0.05}
"""

UNITS = {"s": 1, "ms": 1e-3, "µs": 1e-6}

# srun as it is called here, by mpirun
SRUN = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do case $1 in --ntasks=*) n=${1#*=} ;; esac; shift; done
exec mpirun --oversubscribe --bind-to none -n "$n" "$@"
"""
SBATCH = """#!/bin/sh
for task in $(seq 1 "$(sed -n 's/^#SBATCH --array=1-//p' "$1")"); do SLURM_ARRAY_TASK_ID=$task bash "$1" || exit 1; done
echo "Submitted batch job 1"
"""


def scaling(command, *arguments, study="study.yaml", path=""):
    """What scaling.py prints of a study. It runs in this process, since its modules take longer to load than most commands do."""
    said = io.StringIO()
    with (unittest.mock.patch.dict(os.environ, PATH=path + os.environ["PATH"]), contextlib.redirect_stdout(said),
          unittest.mock.patch.object(sys, "argv", [SCALING, command, study, *arguments])):
        scaling_script.main()
    return said.getvalue()


class Formulas(unittest.TestCase):
    def test_karp_flatt_of_a_worked_example(self):
        # T = 10 s + 90 s / p on p = 4: 32.5 s, so S = 100 / 32.5; a tenth is serial
        self.assertAlmostEqual(laws.karp_flatt(100 / 32.5, 4), 0.1)
        # S = 1.6 on two cores: (0.625 - 0.5) / 0.5
        self.assertAlmostEqual(laws.karp_flatt(1.6, 2), 0.25)

    def test_amdahl_is_fitted_by_least_squares(self):
        cores, times = np.array([2, 4, 8]), np.array([55.0, 33.0, 20.0])
        # y = s x by the library's own solver
        x, y = 1 - 1 / cores, times / 100 - 1 / cores
        expected = np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]
        self.assertAlmostEqual(laws.fit_amdahl(cores, times, 100.0), expected)
        exact = 100 * (0.07 + 0.93 / cores)
        self.assertAlmostEqual(laws.fit_amdahl(cores, exact, 100.0), 0.07)
        self.assertAlmostEqual(laws.amdahl(0.07, 1e12), 1 / 0.07, places=6)
        samples = laws.fit_amdahl(cores, np.stack([times, exact], axis=1), np.array([100.0, 100.0]))
        np.testing.assert_allclose(samples, [expected, 0.07])

    def test_gustafson_is_fitted_by_least_squares(self):
        cores, speedups = np.array([2, 4, 8]), np.array([1.9, 3.5, 6.8])
        expected = np.linalg.lstsq((cores - 1.0)[:, None], cores - speedups, rcond=None)[0][0]
        self.assertAlmostEqual(laws.fit_gustafson(cores, speedups), expected)
        self.assertAlmostEqual(laws.fit_gustafson(cores, laws.gustafson(0.2, cores)), 0.2)

    def test_quantiles_are_those_of_the_tables(self):
        # 97.5 % of Student's t, from the table in Fisher's Statistical Methods for Research Workers
        for freedom, quantile in ((1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (30, 2.042)):
            self.assertAlmostEqual(float(stats.student_quantile(0.975, freedom)), quantile, delta=6e-4)
            self.assertAlmostEqual(float(stats.student_quantile(0.025, freedom)), -quantile, delta=6e-4)
        try:
            from scipy.stats import t
        except ImportError:
            return
        shares = np.linspace(0.001, 0.999, 51)
        for freedom in range(1, 40):
            np.testing.assert_allclose(stats.student_quantile(shares, freedom), t.ppf(shares, freedom), rtol=1e-7, atol=1e-9)

    def test_interval_of_runs_is_that_of_student(self):
        generator = np.random.default_rng(3)
        # e^0, e^0.1, e^0.2: mean 0.1, deviation 0.1, 4.303 of 0.1 / sqrt(3)
        found = stats.Estimate.of_runs(np.exp([0.0, 0.1, 0.2]), generator)
        self.assertAlmostEqual(found.value, np.exp(0.1))
        self.assertAlmostEqual(found.high, np.exp(0.1 + 4.30265 * 0.1 / np.sqrt(3)), places=5)
        self.assertAlmostEqual(found.low, np.exp(0.1 - 4.30265 * 0.1 / np.sqrt(3)), places=5)
        np.testing.assert_allclose(stats.interval(found.samples), (found.low, found.high), rtol=1e-3)
        alone = stats.Estimate.of_runs([2.0], generator)
        self.assertEqual((alone.value, alone.is_known), (2.0, False))
        self.assertEqual(words.time_with_interval(alone), "2 s")
        self.assertFalse(stats.combine(lambda a, b: a / b, found, alone).is_known)
        exact = stats.combine(lambda a, b: a / b, stats.Estimate.exact(3), stats.Estimate.exact(2))
        self.assertEqual((exact.value, exact.low, exact.high), (1.5, 1.5, 1.5))

    def test_interval_of_a_ratio_has_the_level(self):
        """Of 200 pairs of cases of 4 runs, whose true ratio is 2, about 95 % of the intervals hold it."""
        generator, held = np.random.default_rng(5), 0
        for _ in range(200):
            one, other = (stats.Estimate.of_runs(scale * np.exp(0.05 * generator.normal(size=4)), generator) for scale in (2, 1))
            ratio = stats.combine(lambda a, b: a / b, one, other)
            held += ratio.low <= 2 <= ratio.high
        self.assertGreater(held / 200, 0.93)  # Behrens and Fisher's is on the safe side
        self.assertLess(held / 200, 0.995)

    def test_a_law_fits_only_speedups_that_it_can_have(self):
        self.assertIn("the speed-up is 0.5, so 2 cores are slower", laws.no_law([2, 4], [0.5, 1.2]))
        self.assertIn("on 4 cores the speed-up is 4.2, more than 4", laws.no_law([2, 4], [1.9, 4.2]))
        self.assertIsNone(laws.no_law([2, 4], [1, 4]))
        # for all speed-ups from 1 to p, s is in [0, 1]
        generator = np.random.default_rng(7)
        cores = np.array([2, 4, 8])
        for _ in range(200):
            speedups = 1 + generator.random(3) * (cores - 1)
            for s in laws.fit_amdahl(cores, 1 / speedups, 1.0), laws.fit_gustafson(cores, speedups):
                self.assertTrue(0 <= s <= 1, (speedups, s))

    def test_figures_are_written_in_the_unit_that_suits(self):
        for seconds, text in ((2.5, "2.5 s"), (0.0025, "2.5 ms"), (2.5e-6, "2.5 µs"), (1, "1 s"), (0.9996e-3, "999.6 µs")):
            self.assertEqual(words.milli(seconds), text)
        for count, text in ((12, "12 B"), (1548, "1.548 kB"), (2e6, "2 MB"), (3.25e9, "3.25 GB")):
            self.assertEqual(words.size(count), text)
        for share, text in ((0.5, "50.0%"), (0.00046, "0.046%"), (0, "0.0%")):
            self.assertEqual(words.percent(share), text)
        self.assertEqual((words.growth(0.25), words.growth(2)), ("+25.0%", "3 times the"))
        self.assertEqual((words.faster(2), words.faster(0.25)), ("2 times as fast", "4 times as slow"))

    def test_node_sends_sums_and_parameters_to_all_others(self):
        # 8 MB on 4 nodes of 2 shards: 3 times 2 MB of sums, 3 times 2 MB of parameters
        self.assertEqual(prediction.exchange_bytes(8e6, 4, 8), 12e6)
        self.assertEqual(prediction.exchange_bytes(8e6, 2, 6), 12e6)  # two sums a node: 2 x 4 MB, and 4 MB
        self.assertEqual(prediction.exchange_bytes(8e6, 1, 8), 0)

    def test_exchange_of_a_worked_example(self):
        network = {"between_nodes": {"bytes": [8, 1e6, 2e6], "seconds": [1e-5, 1e-3, 3e-3]}}
        # 8 MB on 4 nodes of 2 shards: 3 messages of 2 MB each way
        self.assertAlmostEqual(prediction.exchange_seconds(network, 8e6, 4, 8), 6 * 3e-3)
        # on 2 nodes messages of 4 MB, beyond the largest: 2 ns a byte more
        self.assertAlmostEqual(prediction.exchange_seconds(network, 8e6, 2, 8), 2 * 7e-3)
        # 3 shards a node, of 6: the tree is (((0 1) (2 3)) (4 5)), so nodes have (0 1) 2 and 3 (4 5): sums of two pieces
        self.assertAlmostEqual(prediction.exchange_seconds(network, 2e6, 2, 6), 3e-3 + 1e-3)
        self.assertAlmostEqual(prediction.exchange_seconds(network, 1e6, 2, 2), 2 * (1e-5 + 0.99e-3 * (5e5 - 8) / (1e6 - 8)))
        self.assertEqual(prediction.exchange_seconds(network, 8e6, 1, 8), 0)

    def test_prediction_of_a_worked_example(self):
        """1 MB of parameters, 1 ns a byte between nodes: on N nodes (N - 1) 2 V / N bytes. A node alone takes 8 ms."""
        network = {"between_nodes": {"bytes": [1, 1e6], "seconds": [1e-9, 1e-3]}}
        cases = [types.SimpleNamespace(reduce="shared", nodes=n, cores=2 * n, shards=4, time=stats.Estimate(t))
                 for n, t in ((1, 8e-3), (2, 5e-3))]
        for scaling, own, nodes in (("strong", [8e-3, 4e-3, 2e-3], [1, 2, 4]), ("weak", [8e-3] * 6, [1, 2, 4, 8, 16, 32])):
            part = types.SimpleNamespace(scaling=scaling, parameters=250000, cases=cases)
            found = prediction.predict(part, network)
            self.assertEqual((found.nodes, found.measured_nodes), (nodes, 2))
            np.testing.assert_allclose(found.sent, [2e6 * (n - 1) / n for n in nodes])
            np.testing.assert_allclose(found.exchange, [2e-3 * (n - 1) / n for n in nodes], rtol=1e-6)
            np.testing.assert_allclose(found.plain, np.add(own, found.exchange))
            np.testing.assert_allclose(found.hidden, np.maximum(own, found.exchange))

    def test_steps_that_count_are_whole_and_after_the_warm_up(self):
        np.testing.assert_array_equal(results.measured_steps([8, 8, 8, 3, 8, 8], 2, 8), [0, 0, 1, 0, 1, 1])
        row = {"rows": [8, 8, 3, 8], "seconds": [9, 2, 1, 4], "batch": 8, "flops_per_row": 1e9, "cores": 2,
               "peak_gflops_per_core": 4}
        study = types.SimpleNamespace(warmup_steps=1)
        self.assertAlmostEqual(results.fraction_of_peak(study, row), 8 / 3 / (2 * 4))

    def test_subtrees_are_those_that_cover_the_leaves(self):
        # over 6 leaves ((0 1) (2 3)) (4 5): 1 … 4 are 1, (2 3), 4
        self.assertEqual(prediction.subtrees(0, 6, 1, 5), 3)
        self.assertEqual([prediction.subtrees(0, 64, 16 * i, 16 * i + 16) for i in range(4)], [1] * 4)

    def test_rows_to_a_target_lie_on_the_line_between_epochs(self):
        self.assertAlmostEqual(laws.rows_to_target([100, 200, 300], [1.0, 0.8, 0.4], 0.5), 275)
        self.assertTrue(np.isnan(laws.rows_to_target([100, 200], [1.0, 0.8], 0.5)))
        self.assertTrue(np.isnan(laws.rows_to_target([100, 200], [0.4, 0.3], 0.5)))


PHASES = ("read", "gather", "forward", "backward", "fold", "wait", "exchange", "update")
HAND_SETTINGS = {"name": "hand", "config": "net.yaml", "settings": {}, "repeats": 3, "warmup_steps": 1, "steps": 4, "seed": 1,
                 "other_cores": "idle", "cores_per_node": 4, "left_out": [], "reduces": ["shared"], "missing": 0}
HAND_PLANS = {"strong": {"scaling": "strong", "steps": 4},
              "weak": {"scaling": "weak", "steps": 4, "rows_per_core": 10, "rows_per_shard": 5, "target_loss": None,
                       "learning_rate": {"rule": "none", "value": 0.1}}}


class ByHand(unittest.TestCase):
    """study.h5 made by hand: steps of seconds that are known, of which a tenth is fold and the rest forward."""

    def parts(self, scaling, seconds):
        """seconds: by cores, one for each repeat. The first step of a run is slow, and does not count."""
        rows = [(p, repeat, time) for p, times in seconds.items() for repeat, time in enumerate(times, 1)]
        n, batch = len(rows), [100 * (p if scaling == "weak" else 1) for p, _, _ in rows]
        steps = np.array([[10 * time] + 4 * [time] for _, _, time in rows])
        points = {"study": scaling, "layout": [f"1x{p}x1" for p, _, _ in rows], "reduce": "shared", "started": "2026",
                  "command": "lockstep", "nodes": 1, "ranks": 1, "threads": 1, "cores": [p for p, _, _ in rows],
                  "repeat": [repeat for _, repeat, _ in rows], "batch": batch, "shards": 4, "environment": 0, "load": 0.0,
                  "flops_per_row": 1e6, "parameters": 1000, "peak_gflops_per_core": 10.0,
                  "fraction_of_peak": [b * 1e6 / time / (1e10 * p) for (p, _, time), b in zip(rows, batch)],
                  "rows": np.repeat(np.array(batch)[:, None], 5, axis=1), "seconds": steps, "seconds_exposed": 0 * steps}
        for phase in PHASES:
            points[f"seconds_{phase}"] = steps * {"fold": 0.1, "forward": 0.9}.get(phase, 0)
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.place.name))
        self.drawn = {}
        with h5py.File(folder / "study.h5", "w") as file:
            file.attrs["settings"] = json.dumps(HAND_SETTINGS | {"studies": {scaling: HAND_PLANS[scaling]}})
            file.attrs["environments"] = json.dumps([{"host": "desk"}])
            for name, value in points.items():
                column = np.array(value) if np.ndim(value) else np.array([value] * n)
                kind = h5py.string_dtype() if column.dtype.kind == "U" else None
                file.create_dataset(f"points/{name}", data=column.astype(object) if kind else column, dtype=kind)
            file.create_group("targets"), file.create_group("peaks")
        with unittest.mock.patch.object(report.draw, "save", self.sketch):  # drawn, but not written
            report.write(folder / "study.h5")
        return (analysis.analyse(results.Results(folder / "study.h5"))[0],
                (folder / "report.md").read_text(encoding="utf-8"))

    def sketch(self, figure, folder, name):
        """In place of writing: keeps what is drawn. By panel: its title, the values of its lines, the ends of its bars."""
        self.drawn[name] = [(axes.get_title("left"), [line.get_xydata() for line in axes.lines],
                             [bar.get_x() + bar.get_width() for bar in axes.patches]) for axes in figure.axes]
        report.draw.plt.close(figure)
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.svg").write_text("<svg/>", encoding="utf-8")
        return folder / f"{name}.svg"

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def heights(self, figure, panel):
        """The values of all lines of a panel."""
        return [np.round(line[:, 1], 9).tolist() for line in self.drawn[figure][panel][1]]

    def test_pictures_show_the_figures_in_the_unit_of_their_title(self):
        """100, 55, 32.5 ms: lines of the fastest cases, a dot for each repeat, the ideal."""
        times = (100, 55, 32.5)
        self.parts("strong", {p: [t / 1000] * 5 for p, t in zip((1, 2, 4), times)})
        self.assertEqual(self.drawn["strong-scaling"][0][0], "ms per step")
        lines = self.heights("strong-scaling", 0)
        self.assertIn(list(times), lines)
        for time in times:
            self.assertIn([time] * 5, lines)
        ideal = next(line for line in lines if len(line) == 50)
        self.assertEqual((ideal[0], ideal[-1]), (100, 25))
        speedups = [round(100 / t, 9) for t in times]
        self.assertIn(speedups, self.heights("strong-scaling", 1))
        self.assertIn([round(s / p, 9) for s, p in zip(speedups, (1, 2, 4))], self.heights("strong-scaling", 2))
        self.assertIn([0.1, 0.1], self.heights("strong-scaling", 3))
        title, _, ends = self.drawn["strong-phases"][0]
        self.assertEqual(title, "ms per step")
        np.testing.assert_allclose(sorted(ends), sorted([0.9 * t for t in times] + list(times)))
        np.testing.assert_allclose(max(self.drawn["strong-phases"][1][2]), 4 * 0.325)
        title, lines, _ = self.drawn["strong-steps"][0]
        self.assertTrue(title.startswith("ms of every"))
        self.assertEqual({round(x, 9) for line in lines for x in line[:, 0]}, set(times))

    def test_report_names_the_level_of_its_intervals(self):
        """Of three runs the interval is 4.303 deviations of the mean, wherever it is shown."""
        part, text = self.parts("strong", {1: np.exp([-0.1, 0, 0.1]), 2: [0.5] * 3})
        low, high = np.exp(-4.30265 * 0.1 / np.sqrt(3)), np.exp(4.30265 * 0.1 / np.sqrt(3))
        self.assertAlmostEqual(part.cases[0].time.low, low, places=5)
        self.assertAlmostEqual(part.cases[0].time.high, high, places=5)
        self.assertIn(f"1 [{low:.4g}, {high:.4g}] s", text)
        self.assertAlmostEqual(part.cases[1].speedup.low / (2 * low), 1, places=3)
        self.assertAlmostEqual(part.cases[1].speedup.high / (2 * high), 1, places=3)
        self.assertIn("Student's t at 95 %", text)

    def test_strong_study_of_amdahl(self):
        """s = 0.1: 100, 55, 32.5 ms."""
        part, text = self.parts("strong", {p: [t / 1000] * 5 for p, t in ((1, 100), (2, 55), (4, 32.5))})
        one, two, four = part.cases
        self.assertAlmostEqual(two.speedup.value, 100 / 55)
        self.assertAlmostEqual(four.efficiency.value, 100 / 32.5 / 4)
        self.assertAlmostEqual(four.serial.value, 0.1)
        self.assertAlmostEqual(four.rate, 100 / 0.0325)
        self.assertAlmostEqual(one.peak_share.value, 0.1)
        self.assertAlmostEqual(part.fits["shared"].serial.value, 0.1)
        for shown in ("| 1x4x1 | shared | 4 | 100 | 32.5 [32.5, 32.5] ms | 32.5 ms – 32.5 ms | 3,077 | 3.08 [3.08, 3.08] | "
                      "0.769 [0.769, 0.769] | 0.1 [0.1, 0.1] | 0.0% | 7.7% [7.7%, 7.7%] |",
                      "s = 0.1 [0.1, 0.1]; its limit is a speed-up of 10.",
                      "| nodes x ranks x threads | reduce | forward | fold | step, ms |",
                      "| 1x2x1 | shared | 49.5 | 5.5 | 55 |",
                      "takes +30.0% core time against the base case",
                      "forward +27.0%, fold +3.0%"):
            self.assertIn(shown, text)
        self.assertNotIn("repeats**", text)

    def test_weak_study_of_gustafson(self):
        """s = 0.2: S = 1.8 on two cores, a step of 100 2 / 1.8 ms."""
        part, text = self.parts("weak", {1: [0.1] * 5, 2: [0.2 / 1.8] * 5})
        self.assertAlmostEqual(part.cases[1].speedup.value, 1.8)
        self.assertAlmostEqual(part.fits["shared"].serial.value, 0.2)
        self.assertIn("Gustafson's law, S = p − s (p − 1), for `reduce: shared`: s = 0.2 [0.2, 0.2]", text)

    def test_no_law_where_more_cores_are_slower(self):
        for scaling, law, times in (("strong", "Amdahl", {1: [0.1] * 5, 2: [0.94] * 5}),
                                    ("weak", "Gustafson", {1: [0.1] * 5, 2: [0.5] * 5})):
            part, text = self.parts(scaling, times)
            self.assertIsNone(part.fits["shared"].serial)
            self.assertRegex(text, rf"{law}'s law.* does not fit `reduce: shared`: on 2 cores the speed-up is 0\.")
            self.assertIn("| none: S < 1 |", text)
            self.assertNotIn("s = ", text.split("## How it was measured")[0])

    def test_no_law_where_cores_do_more_than_their_share(self):
        part, text = self.parts("strong", {1: [0.1] * 5, 2: [0.04] * 5})
        self.assertIsNone(part.fits["shared"].serial)
        self.assertIn("on 2 cores the speed-up is 2.5, more than 2", text)

    def test_interval_of_s_ends_with_the_law(self):
        part, _ = self.parts("strong", {1: [0.1, 0.102, 0.098], 2: [0.051, 0.05, 0.052]})
        fit = part.fits["shared"].serial
        self.assertTrue(0 == fit.low <= fit.value <= fit.high <= 1, (fit.low, fit.value, fit.high))

    def test_phases_add_up_to_the_step(self):
        part, _ = self.parts("strong", {1: [0.1, 0.13, 0.11], 2: [0.07, 0.06, 0.09]})
        for case in part.cases:
            self.assertAlmostEqual(sum(case.phases.values()), case.time.value, places=12)
            self.assertAlmostEqual(case.phases["fold"], 0.1 * case.time.value, places=12)
        self.assertAlmostEqual(part.cases[0].time.value, (0.1 * 0.13 * 0.11) ** (1 / 3))

    def test_few_repeats_are_warned_of(self):
        for repeats, shown in ((1, "**A case was run only once**"), (2, "**Only 2 repeats**"), (4, "**Only 4 repeats**")):
            _, text = self.parts("strong", {1: [0.1] * repeats, 2: [0.06] * repeats})
            self.assertIn(shown, text)
        _, text = self.parts("strong", {1: [0.1], 2: [0.06]})
        self.assertIn("| 60 ms | 60 ms – 60 ms |", text)  # no interval of one run
        self.assertNotIn("nan", text)


class Studies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        os.chdir(cls.place.name)
        generator = np.random.default_rng(1)
        x = generator.normal(size=(400, 8)).astype("f4")
        with h5py.File("data.h5", "w") as file:
            file["train/x"], file["train/y"] = x, (x @ generator.normal(size=(8, 3))).argmax(axis=1)
        pathlib.Path("net.yaml").write_text(NETWORK, encoding="utf-8")
        pathlib.Path("study.yaml").write_text(STUDY, encoding="utf-8")
        scaling("run", "--lockstep", PROGRAM)
        cls.out = pathlib.Path("studies/study")
        cls.report = (cls.out / "report.md").read_text(encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        cls.place.cleanup()

    def medians(self, study):
        """By layout: the batch, and the geometric mean over repeats of each repeat's median step, in seconds."""
        runs, batches = {}, {}
        with open(self.out / "steps.csv", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["study"] == study and int(row["step"]) > 1 and row["rows"] == row["batch"]:
                    runs.setdefault(row["layout"], {}).setdefault(row["repeat"], []).append(float(row["seconds"]))
                    batches[row["layout"]] = int(row["batch"])
        self.assertEqual(set(runs), {"1x1x1", "1x1x2", "1x2x1"})
        for layout, repeats in runs.items():
            self.assertEqual(len(repeats), 3, layout)
            for steps in repeats.values():  # of 400 rows in batches of 64 the seventh step is short
                short = study == "same" or layout != "1x1x1"
                self.assertEqual(len(steps), {"same": 9, "grown": 6}[study] - short)
        return {layout: (batches[layout], statistics.geometric_mean(statistics.median(s) for s in repeats.values()))
                for layout, repeats in runs.items()}

    def table(self, heading):
        """The rows of the table of cases below a heading: cells by column."""
        section = self.report.split(f"\n## {heading}")[1].split("\n## ")[0]
        lines = [[cell.strip() for cell in line.strip("|").split("|")]
                 for line in section.split("\n") if line.startswith("|")]
        header = lines[0]
        return {cells[0]: dict(zip(header, cells)) for cells in lines[2:5]}

    @staticmethod
    def seconds(cell):
        """Of "VALUE [LOW, HIGH] UNIT" the value."""
        words = cell.split()
        return float(words[0]) * UNITS[words[-1]]

    def check_table(self, heading, study, weak):
        medians, table = self.medians(study), self.table(heading)
        base = medians["1x1x1"][1]
        for layout, (batch, time) in medians.items():
            row, cores = table[layout], 1 if layout == "1x1x1" else 2
            speedup = base / time * (cores if weak else 1)
            self.assertAlmostEqual(self.seconds(row["time per step"]) / time, 1, delta=1e-3)
            self.assertEqual(row["batch"], str(32 * cores if weak else 64))
            self.assertAlmostEqual(float(row["rows/s"].replace(",", "")), batch / time, delta=1)
            for column, expected in (("speed-up", speedup), ("efficiency", speedup / cores)):
                value, low, high = (float(v) for v in re.findall(r"[-+.\de]+", row[column]))
                self.assertAlmostEqual(value / expected, 1, delta=6e-3)
                self.assertTrue(low <= value <= high, row[column])
            if cores == 2 and speedup < 1:
                self.assertEqual(row["Karp–Flatt"], "none: S < 1")
            elif cores == 2:
                serial = float(row["Karp–Flatt"].split()[0])
                expected = (1 / speedup - 1 / 2) / (1 - 1 / 2)
                self.assertAlmostEqual(serial, expected, delta=max(0.06 * abs(expected), 1e-3))
        return medians

    def test_table_of_strong_scaling_follows_from_the_csv(self):
        medians = self.check_table("same: strong scaling", "same", False)
        best = min(medians["1x1x2"][1], medians["1x2x1"][1])
        # least squares through one point: T(2) / T(1) = s + (1 - s) / 2
        serial = 2 * best / medians["1x1x1"][1] - 1
        if not 0 <= serial <= 1:
            self.assertRegex(self.report, r"Amdahl's law.* does not fit `reduce: shared`: on 2 cores the speed-up is")
            return
        found = float(re.search(r"Amdahl's law.*?: s = ([-.\de]+)", self.report)[1])
        self.assertAlmostEqual(found, serial, delta=max(6e-3 * abs(serial), 1e-3))

    def test_table_of_weak_scaling_follows_from_the_csv(self):
        self.check_table("grown: weak scaling", "grown", True)

    def test_time_to_the_target_is_that_of_its_rows(self):
        with h5py.File(self.out / "study.h5") as file:
            targets = {name: array[:] for name, array in file["targets"].items()}
        self.assertEqual(sorted(zip(targets["cores"], targets["seed"])), [(1, 1), (1, 2), (2, 1), (2, 2)])
        np.testing.assert_array_equal(targets["rows"][0], [320, 640, 960, 1280])
        medians = self.medians("grown")
        lines = re.findall(r"^\| (\d) \| (\d+) \| 2 \| ([^|]*) \|[^|]*\| ([^|]*) \|$", self.report, re.M)
        self.assertEqual([line[:2] for line in lines], [("1", "32"), ("2", "64")])
        for cores, batch, rows, time in lines:
            own = targets["cores"] == int(cores)
            every = [laws.rows_to_target(r, v, 0.75) for r, v in zip(targets["rows"][own], targets["valid_loss"][own])]
            if np.isnan(every).any():
                self.assertIn("not at all", rows)
                continue
            expected = statistics.geometric_mean(every)
            self.assertAlmostEqual(float(rows.split()[0].replace(",", "")), expected, delta=0.5)
            step = min(time for layout, (_, time) in medians.items() if (layout == "1x1x1") == (cores == "1"))
            self.assertAlmostEqual(self.seconds(time) / (expected / int(batch) * step), 1, delta=1e-3)
        self.assertTrue(any("not at all" not in line[2] for line in lines), "no target was reached")

    def test_everything_is_in_the_results(self):
        with h5py.File(self.out / "study.h5") as file:
            self.assertEqual(file["points/seconds"].shape, (18, 10))
            ends = 10 - np.isnan(file["points/seconds"][:]).sum(axis=1)
            self.assertEqual(set(zip(file["points/study"].asstr()[:], ends)), {("same", 10), ("grown", 7)})
            phases = sum(file[f"points/seconds_{p}"][:] for p in
                         ("read", "gather", "forward", "backward", "fold", "wait", "exchange", "update"))
            np.testing.assert_allclose(phases, file["points/seconds"][:], rtol=1e-9)
            (facts,) = json.loads(file.attrs["environments"])
            self.assertEqual(file.attrs["study"], STUDY)
        for key in ("commit", "flags", "libraries", "host"):
            self.assertIn(key, facts)
        for text in (self.report, (self.out / "report.html").read_text(encoding="utf-8")):
            self.assertIn(facts["flags"], text)
        page = (self.out / "report.html").read_text(encoding="utf-8")
        self.assertEqual(re.findall(r'(?:src|href)="(?!data:)[^"]*"', page), [], "the page needs other files")
        drawn = sorted(path.name for path in (self.out / "figures").iterdir())
        names = [f"{study}-{what}" for study in ("grown", "same") for what in ("phases", "scaling", "steps")]
        self.assertEqual(drawn, sorted(f"{n}.{e}" for n in names + ["grown-target"] for e in ("png", "svg")))

    def test_share_of_the_peak_is_of_the_peak_beside_each_run(self):
        with h5py.File(self.out / "study.h5") as file:
            peaks = {name: array[:] for name, array in file["peaks"].items()}
            points = {name: array[:] for name, array in file["points"].items()}
        # before each of the three rounds and behind the last, with one core at work and with two
        self.assertEqual(sorted(peaks["cores"]), [1] * 4 + [2] * 4)
        self.assertTrue((np.diff(peaks["clock"]) > 0).all())
        for cores in 1, 2:
            rates = peaks["gflops_per_core"][peaks["cores"] == cores]
            for i in np.flatnonzero(points["cores"] == cores):
                r = points["repeat"][i]
                self.assertEqual(points["peak_gflops_per_core"][i], max(rates[r - 1], rates[r]))
        weights = 8 * 32 + 32 * 3  # 2 operations each, three times, but for the first layer's backward-data
        with open(self.out / "steps.csv", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if int(row["step"]) > 1 and row["rows"] == row["batch"]]
        for key, run in itertools.groupby(rows, lambda row: [row[k] for k in ("study", "layout", "repeat")]):
            run = list(run)
            step = statistics.median(float(row["seconds"]) for row in run)
            flops = int(run[0]["batch"]) * (6 * weights - 2 * 8 * 32) / step
            peak = 1e9 * float(run[0]["peak_gflops_per_core"]) * int(run[0]["cores"])
            self.assertAlmostEqual(float(run[0]["fraction_of_peak"]) / (flops / peak), 1, places=6, msg=key)
        for study in "same: strong", "grown: weak":
            for row in self.table(f"{study} scaling").values():
                self.assertRegex(row["of peak"], r"^\d+(\.\d+)?% \[\d+(\.\d+)?%, \d+(\.\d+)?%\]$")

    def test_order_is_random_and_each_round_has_every_case(self):
        with h5py.File(self.out / "study.h5") as file:
            points = {name: array[:] for name, array in file["points"].items()}
        rounds = [[(points["study"][i], points["layout"][i]) for i in np.flatnonzero(points["repeat"] == r)]
                  for r in (1, 2, 3)]
        self.assertEqual(sorted(rounds[0]), sorted(rounds[1]))
        self.assertNotEqual(rounds[0], rounds[1])

    def test_job_array_measures_all_and_goes_on_where_it_was(self):
        tools = pathlib.Path("tools")
        tools.mkdir()
        for name, text in (("srun", SRUN), ("sbatch", SBATCH)):
            (tools / name).write_text(text, encoding="utf-8")
            (tools / name).chmod(0o755)
        pathlib.Path("array.yaml").write_text(
            STUDY.split("  grown:")[0].replace("repeats: 3", "repeats: 2"), encoding="utf-8")
        points, words = pathlib.Path("studies/array/points"), ["--lockstep", PROGRAM]
        said = scaling("submit", *words, study="array.yaml", path=f"{tools.resolve()}:")
        self.assertIn("Submitted", said)
        self.assertEqual(sorted(path.name for path in points.glob("same-*")),
                         [f"same-{layout}-shared-{repeat}.json" for layout in ("1x1x1", "1x1x2", "1x2x1")
                          for repeat in (1, 2)])
        record = json.loads((points / "same-1x2x1-shared-1.json").read_text(encoding="utf-8"))
        for word in ("srun --mpi=pmix", "--ntasks=2", "--cpus-per-task=1"):
            self.assertIn(word, record["command"])
        self.assertNotIn("missing", scaling("collect", study="array.yaml"))
        # one run is lost, one is of something else
        before = {path.name: path.stat().st_mtime_ns for path in points.glob("same-*")}
        lost, other = points / "same-1x2x1-shared-2.json", points / "same-1x1x1-shared-1.json"
        lost.unlink()
        other.write_text(other.read_text(encoding="utf-8").replace('"digest": "', '"digest": "0'), encoding="utf-8")
        self.assertIn("2 of 6 runs are missing", scaling("collect", study="array.yaml"))
        for repeat in "1", "2":
            self.assertIn("2 of 3 runs are there already",
                          scaling("run", *words, "--repeat", repeat, study="array.yaml"))
        after = {path.name: path.stat().st_mtime_ns for path in points.glob("same-*")}
        self.assertEqual({name for name in after if after[name] != before[name]}, {lost.name, other.name})

    def test_wrong_files_are_refused_with_the_key(self):
        for old, new, words in (("repeats: 3", "repeat: 3", "'repeat'; the nearest is 'repeats'"),
                                ("steps: 9", "steps: none", "steps is 'none'"),
                                ("rule: linear", "rule: cubic", "rule is 'cubic'"),
                                ("ranks: [1, 2]", "ranks: [2]", "against one core"),
                                ("scaling: strong", "scaling: some", "strong or weak")):
            pathlib.Path("wrong.yaml").write_text(STUDY.replace(old, new, 1), encoding="utf-8")
            said = io.StringIO()
            with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as ended:
                scaling("plot", study="wrong.yaml")
            self.assertEqual(ended.exception.code, 2, said.getvalue())
            self.assertIn(words, said.getvalue())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
