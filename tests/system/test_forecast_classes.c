/* Forecasts of classes: a class is that of the last step of the horizon. What is learnt from windows is what
 * is learnt from rows that NumPy has cut, in memory and streamed; and the baselines are judged like the
 * network. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(forecast_classes, .init = place_make, .fini = place_remove);

/* series.h5: x with two values, a state of three and a flag of two; y with the states as labels, hot the same
 * one-hot. rows.h5: its windows of 6 steps, every second one; y with the state 3 steps ahead; heads with the
 * first column at these steps, the state and the flag at each of them. */
static void make_series(void) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  result_t result =
      run_command("%s -c '"
                  "import h5py, numpy\n"
                  "rng = numpy.random.default_rng(4)\n"
                  "v = rng.normal(size=(6000, 2)).cumsum(0) %% 7\n"
                  "state = (v[:, 0] > 2).astype(int) + (v[:, 0] > 5)\n"
                  "x = numpy.c_[v, state, v[:, 1] > 3].astype(\"f4\")\n"
                  "w = rng.integers(0, 5, 6000) / 4\n"
                  "cut = numpy.lib.stride_tricks.sliding_window_view(x, 9, axis=0)[::2]\n"
                  "with h5py.File(\"series.h5\", \"w\") as f:\n"
                  "  f[\"train/x\"], f[\"train/y\"], f[\"train/weights\"] = x, state, w\n"
                  "  f[\"train/hot\"] = numpy.eye(3, dtype=\"u1\")[state]\n"
                  "with h5py.File(\"rows.h5\", \"w\") as f:\n"
                  "  f[\"train/x\"] = cut[:, :, :6].transpose(0, 2, 1).reshape(len(cut), -1)\n"
                  "  f[\"train/y\"], f[\"train/weights\"] = cut[:, 2, 8].astype(int), w[5::2][:len(cut)]\n"
                  "  f[\"train/heads\"] = numpy.c_[cut[:, 0, 6:], cut[:, 2, 8], cut[:, 3, 6:]]'",
                  run_python());
  cr_assert_eq(result.code, 0, "%s", result.err);
}

static void configure(const char *loss, int outputs) {
  write_text("config.yaml",
             "data: {file: rows.h5, weights: train/weights}\n"
             "model: {layers: [{dense: {units: 24, activation: relu}}, {dense: %d}]}\n"
             "loss: %s\n"
             "train: {epochs: 2, global_batch_size: 86}\n"
             "parallel: {threads: 1, shards: 6}\n",
             outputs, loss);
}

#define WINDOW "data.file=series.h5 'data.window={length: 6, horizon: 3, stride: 2, season: 4}' "
#define LIMIT  "data.memory_limit=56KB "

/* Trains with each of the words, to the same bits as of rows. */
static void compare(const char *const *words, int n) {
  run_well(ALONE, "train config.yaml name=rows");
  char rows[64], windows[64], loss[64], rows_loss[64];
  json_value(file_text("runs/rows/summary.json"), "parameters_checksum", rows);
  json_value(file_text("runs/rows/summary.json"), "train_loss", rows_loss);
  for (int i = 0; i < n; i++) {
    run_well(i % 3, "train config.yaml name=windows " WINDOW "%s", words[i]);
    json_value(file_text("runs/windows/summary.json"), "parameters_checksum", windows);
    json_value(file_text("runs/windows/summary.json"), "train_loss", loss);
    cr_expect_str_eq(windows, rows, "%s", words[i]);
    cr_expect_str_eq(loss, rows_loss, "%s", words[i]);
  }
}

Test(forecast_classes, are_those_of_rows_that_numpy_has_cut) {
  static const char *const words[] = {
      "data.window.targets=[2]",
      "data.window.targets=y parallel.ranks_per_node=1",
      "data.window.targets=y data.y=train/hot",
      "data.window.targets=[2] " LIMIT,
      "data.window.targets=y data.shuffle=full " LIMIT,
      "data.window.targets=y data.y=train/hot parallel.threads=2 " LIMIT,
      "data.window.targets=x 'loss={name: cross_entropy, class_weights: balanced, targets: [2]}'",
  };
  make_series();
  configure("{name: cross_entropy, class_weights: balanced}", 3);
  compare(words, sizeof words / sizeof words[0]);
}

Test(forecast_classes, and_values_are_heads_side_by_side) {
  static const char *const words[] = {
      "data.window.targets=[0,2,3]",
      "data.window.targets=x 'loss=[{name: mse, outputs: 3, targets: [0]}, {name: cross_entropy, outputs: 3, "
      "weight: 0.5, targets: [2]}, {name: binary_cross_entropy, targets: [3]}]'",
      "data.window.targets=[0,2,3] " LIMIT,
  };
  make_series();
  configure("[{name: mse, outputs: 3}, {name: cross_entropy, outputs: 3, weight: 0.5}, {name: "
            "binary_cross_entropy}]\n",
            9);
  result_t result = run_command("%s -c '"
                                "import h5py\n"
                                "with h5py.File(\"rows.h5\", \"r+\") as f:\n"
                                "  f.move(\"train/y\", \"train/label\")\n"
                                "  f.move(\"train/heads\", \"train/y\")'",
                                run_python());
  cr_assert_eq(result.code, 0, "%s", result.err);
  compare(words, sizeof words / sizeof words[0]);
}

/* Of validation windows the last and the seasonal class are right as often as NumPy counts; so they are for
 * the events of a head with a decision at each step. */
Test(forecast_classes, beside_what_the_last_class_and_that_of_a_season_ago_are_worth) {
  make_series();
  configure("[{name: cross_entropy, outputs: 3}, {name: binary_cross_entropy}]", 6);
  run_well(2, "train config.yaml name=two " WINDOW "data.validation=0.3 data.window.test=0.1 "
              "data.window.targets=[2,3]");
  run_well(3, "eval runs/two --split valid --json two.json");
  run_well(2, "train config.yaml name=one " WINDOW "data.validation=0.3 data.window.test=0.1 "
              "data.window.targets=y loss=cross_entropy 'model.layers=[dense: 3]'");
  run_well(ALONE, "eval runs/one --split valid --json one.json");
  run_well(2, "predict runs/one series.h5 --out forecasts.csv");
  result_t result = run_command(
      "%s -c '"
      "import h5py, json, numpy\n"
      "x = h5py.File(\"series.h5\")[\"train/x\"][...]\n"
      "cut = numpy.lib.stride_tricks.sliding_window_view(x[3594:5400], 9, axis=0)[::2]\n"
      "state, flag = cut[:, 2], cut[:, 3]\n"
      "worth = [[(state[:, 8] == state[:, k]).mean() for k in (5, 4)],\n"
      "         [(flag[:, 6:] == flag[:, k]).mean() for k in ([5], [2, 3, 4])]]\n"
      "two, one = json.load(open(\"two.json\")), json.load(open(\"one.json\"))\n"
      "summary = json.load(open(\"runs/one/summary.json\"))\n"
      "assert one[\"rows\"] == len(cut)\n"
      "names = (\"persistence\", \"seasonal_naive\")\n"
      "for found, expected in ((two[\"heads\"][0], worth[0]), (two[\"heads\"][1], worth[1]), (one, "
      "worth[0])):\n"
      "  assert numpy.allclose([found[k][\"accuracy\"] for k in names], expected, rtol=1e-12)\n"
      "with h5py.File(\"runs/one/history.h5\") as f:\n"
      "  assert numpy.allclose([f[f\"valid_{k}_accuracy\"][-1] for k in names], worth[0], rtol=1e-12)\n"
      "cut = numpy.lib.stride_tricks.sliding_window_view(x[5394:], 9, axis=0)[::2]\n"
      "assert numpy.isclose(summary[\"test_persistence_accuracy\"], (cut[:, 2, 8] == cut[:, 2, 5]).mean())\n"
      "table = numpy.genfromtxt(\"forecasts.csv\", delimiter=\",\", names=True)\n"
      "called = numpy.stack([table[n] for n in table.dtype.names if n.startswith(\"prob\")], 1).argmax(1)\n"
      "at = table[\"time\"].astype(int) + 2\n"
      "is_valid = (at >= 3602) & (at < 5400)\n"
      "assert one[\"confusion\"] == [[int(((x[at[is_valid], 2] == i) & (called[is_valid] == j)).sum())\n"
      "                             for j in range(3)] for i in range(3)], (one, called)'",
      run_python());
  cr_expect_eq(result.code, 0, "%s", result.err);
}

Test(forecast_classes, what_is_no_class_is_refused) {
  static const struct {
    const char *words, *said;
    int code;
  } cases[] = {
      {"data.window.targets=[0]", "column 0: series.h5: train/x row 0 (counted from 0) is ", 3},
      {"data.window.targets=[0] " LIMIT, "column 0: series.h5: train/x row 0 (counted from 0) is ", 3},
      {"data.window.targets=x", "data.window.targets gives 4 columns", 2},
      {"data.window.targets=[2,3]", "data.window.targets gives 2 columns", 2},
      {"data.window.targets=y 'model.layers=[dense: 2]'", "has label 2, but the network knows 2 classes", 3},
      {"data.window.targets=y 'model.layers=[dense: 2]' " LIMIT,
       "has label 2, but the network knows 2 classes", 3},
      {"'loss={name: cross_entropy, targets: [0, 1]}'", "names 2 columns of those that are forecast", 2},
  };
  make_series();
  configure("cross_entropy", 3);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    result_t result = run(i % 4 == 3 ? 2 : ALONE, "train config.yaml " WINDOW "%s", cases[i].words);
    cr_expect(result.code == cases[i].code && strstr(result.err, cases[i].said) != NULL, "%s: %d: %s",
              cases[i].words, result.code, result.err);
  }
}
