"""Scaling studies: formulas against hand calculations, and a tiny study whose report is worked out again from its CSV.

    test_scaling.py SCALING.PY LOCKSTEP
"""
import csv
import itertools
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import unittest

SCALING, PROGRAM = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
sys.path.insert(0, str(pathlib.Path(SCALING).parent))

import h5py  # noqa: E402
import numpy as np  # noqa: E402

from study import laws, prediction, stats  # noqa: E402

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
    environment = dict(os.environ, PATH=path + os.environ["PATH"])
    done = subprocess.run([sys.executable, SCALING, command, study, *arguments], capture_output=True, text=True,
                          check=False, env=environment)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


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

    def test_bootstrap_comes_close_to_all_resamples(self):
        values = [3.0, 1.0, 4.0, 1.5, 9.0]
        every = [statistics.median(draw) for draw in itertools.product(values, repeat=5)]
        drawn = stats.resampled_medians(values, np.random.default_rng(3))
        for value in values:  # the distribution, value by value
            self.assertAlmostEqual(np.mean(drawn == value), every.count(value) / len(every), delta=0.02)
        self.assertEqual(stats.interval(drawn), tuple(np.percentile(every, [2.5, 97.5])))

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

    def test_subtrees_are_those_that_cover_the_leaves(self):
        # over 6 leaves ((0 1) (2 3)) (4 5): 1 … 4 are 1, (2 3), 4
        self.assertEqual(prediction.subtrees(0, 6, 1, 5), 3)
        self.assertEqual([prediction.subtrees(0, 64, 16 * i, 16 * i + 16) for i in range(4)], [1] * 4)

    def test_rows_to_a_target_lie_on_the_line_between_epochs(self):
        self.assertAlmostEqual(laws.rows_to_target([100, 200, 300], [1.0, 0.8, 0.4], 0.5), 275)
        self.assertTrue(np.isnan(laws.rows_to_target([100, 200], [1.0, 0.8], 0.5)))
        self.assertTrue(np.isnan(laws.rows_to_target([100, 200], [0.4, 0.3], 0.5)))


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
        """By layout: the batch, and the median over repeats of each repeat's median step, in seconds."""
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
        return {layout: (batches[layout], statistics.median(statistics.median(s) for s in repeats.values()))
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
            if cores == 2:
                serial = float(row["Karp–Flatt"].split()[0])
                expected = (1 / speedup - 1 / 2) / (1 - 1 / 2)
                self.assertAlmostEqual(serial, expected, delta=max(0.06 * abs(expected), 1e-3))
        return medians

    def test_table_of_strong_scaling_follows_from_the_csv(self):
        medians = self.check_table("same: strong scaling", "same", False)
        best = min(medians["1x1x2"][1], medians["1x2x1"][1])
        # least squares through one point: T(2) / T(1) = s + (1 - s) / 2
        serial = 2 * best / medians["1x1x1"][1] - 1
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
            expected = statistics.median(laws.rows_to_target(r, v, 0.75) for r, v in
                                         zip(targets["rows"][own], targets["valid_loss"][own]))
            if np.isnan(expected):
                self.assertIn("not at all", rows)
                continue
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
                self.assertRegex(row["of peak"], r"^\d+\.\d% \[\d+\.\d%, \d+\.\d%\]$")

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
            done = subprocess.run([sys.executable, SCALING, "plot", "wrong.yaml"], capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
