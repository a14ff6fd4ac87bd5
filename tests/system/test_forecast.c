/* Forecasting: windows over a series. What is learnt is what NumPy makes of the same windows; it has the same
 * bits on any layout; and what does not suit is refused. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(forecast, .init = place_make, .fini = place_remove);

/* A network of the given layers on a made series of `steps` steps. */
static void configure(int steps, const char *window, const char *layers, const char *more) {
  run_well(ALONE, "import --overwrite --make ar series.h5 --rows %d --noise 2 --seed 7", steps);
  write_text("config.yaml",
             "data:\n"
             "  {file: series.h5, scaling: standard, target_scaling: standard, validation: 0.15,\n"
             "   window: {%s, test: 0.2}}\n"
             "model: {layers: [%s]}\n"
             "loss: mse\n"
             "optimizer: {name: adam, learning_rate: 0.01}\n"
             "train: {epochs: 3, global_batch_size: 86}\n"
             "parallel: {threads: 1, shards: 6}\n%s",
             window, layers, more);
}

#define NETWORK "{dense: {units: 24, activation: relu}}, {dropout: 0.1}, {dense: 5}"

Test(forecast, the_same_bits_on_any_layout_and_resumed) {
  configure(1500, "length: 13, horizon: 5, season: 12", NETWORK, "");
  run_well(ALONE, "train config.yaml name=one 'checkpoint.every=5 steps' checkpoint.keep=9");
  outcome_t one = outcome_of("one");
  static const struct {
    int ranks;
    const char *words;
  } layouts[] = {{2, ""}, {ALONE, "parallel.threads=2"}, {3, ""}, {4, "parallel.ranks_per_node=2"}};
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
    run_well(layouts[i].ranks, "train config.yaml name=other %s", layouts[i].words);
    outcome_t other = outcome_of("other");
    outcome_expect_same(&one, &other, layouts[i].words);
    cr_expect_eq(json_double(file_text("runs/other/summary.json"), "test_persistence_rmse"),
                 json_double(file_text("runs/one/summary.json"), "test_persistence_rmse"));
  }
  for (int step = 15; step <= 40; step += 5) { /* all but those of the first epoch */
    char path[64];
    snprintf(path, sizeof path, "runs/one/checkpoint-%08d.h5", step);
    unlink(path);
  }
  run_well(2, "train --resume config.yaml name=one");
  outcome_t resumed = outcome_of("one");
  outcome_expect_same(&one, &resumed, "resumed");
  result_t result = run(ALONE, "train --resume config.yaml name=one data.window.test=0.1");
  cr_expect(result.code == 2 && strstr(result.err, "data.window") != NULL, "%s", result.err);
}

/* A window is a row, but for the memory: on a file that holds every window the same run has the same bits. A
 * window's weight is that of the last step of its inputs. */
Test(forecast, the_same_bits_as_of_rows_that_numpy_has_cut) {
  const char *python = run_python();
  if (python == NULL) cr_skip_test("no Python with h5py and numpy here");
  run_well(ALONE, "import --overwrite --make ar series.h5 --rows 2000");
  result_t result = run_command("%s -c '"
                                "import h5py, numpy\n"
                                "w = numpy.random.default_rng(1).integers(0, 5, 2000) / 4\n"
                                "with h5py.File(\"series.h5\", \"r+\") as f:\n"
                                "  x, f[\"train/weights\"] = f[\"train/x\"][:, 0], w\n"
                                "cut = numpy.lib.stride_tricks.sliding_window_view(x, 16)[::3]\n"
                                "with h5py.File(\"rows.h5\", \"w\") as f:\n"
                                "  f[\"train/x\"], f[\"train/y\"] = cut[:, :12], cut[:, 12:]\n"
                                "  f[\"train/weights\"] = w[11::3][:len(cut)]'",
                                python);
  cr_assert_eq(result.code, 0, "%s", result.err);
  write_text("config.yaml", "data: {file: rows.h5}\n"
                            "model: {layers: [{dense: {units: 24, activation: relu}}, {dense: 4}]}\n"
                            "loss: mse\n"
                            "train: {epochs: 2, global_batch_size: 86}\n"
                            "parallel: {threads: 1, shards: 6}\n");
  static const char *const commands[] = {"train", "train", "solve"};
  static const char *const words[] = {"", "data.weights=train/weights",
                                      "data.weights=train/weights 'model.layers=[dense: 4]'"};
  char previous[64] = "";
  for (int i = 0; i < 3; i++) {
    char rows[64], windows[64];
    run_well(ALONE, "%s config.yaml name=rows %s", commands[i], words[i]);
    run_well(2,
             "%s config.yaml name=windows data.file=series.h5 %s 'data.window={length: 12, horizon: 4, "
             "stride: 3}'",
             commands[i], words[i]);
    json_value(file_text("runs/rows/summary.json"), "parameters_checksum", rows);
    json_value(file_text("runs/windows/summary.json"), "parameters_checksum", windows);
    cr_expect_str_eq(rows, windows, "%s", words[i]);
    cr_expect_str_neq(rows, previous);
    snprintf(previous, sizeof previous, "%s", rows);
  }
}

/* Heads of a forecast take columns, each with all of its steps. The rows that NumPy makes hold those columns
 * side by side. */
Test(forecast, heads_of_windows_are_those_of_rows_that_numpy_has_cut) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  result_t result =
      run_command("%s -c '"
                  "import h5py, numpy\n"
                  "x = numpy.random.default_rng(2).normal(size=(900, 3)).cumsum(0).astype(\"f4\")\n"
                  "cut = numpy.lib.stride_tricks.sliding_window_view(x, 9, axis=0)[::2]\n"
                  "with h5py.File(\"series.h5\", \"w\") as f: f[\"train/x\"] = x\n"
                  "with h5py.File(\"rows.h5\", \"w\") as f:\n"
                  "  f[\"train/x\"] = cut[:, :, :6].transpose(0, 2, 1).reshape(len(cut), -1)\n"
                  "  f[\"train/y\"] = numpy.c_[cut[:, 2, 6:], cut[:, 0, 6:]]'",
                  run_python());
  cr_assert_eq(result.code, 0, "%s", result.err);
  write_text("config.yaml",
             "data: {file: rows.h5}\n"
             "model: {layers: [{dense: {units: 24, activation: relu}}, {dense: 12}]}\n"
             "loss: [{name: quantile, quantiles: [0.2, 0.5, 0.9], outputs: 9}, {name: mse, weight: 2}]\n"
             "train: {epochs: 2, global_batch_size: 86}\n"
             "parallel: {threads: 1, shards: 6}\n");
  run_well(ALONE, "train config.yaml name=rows");
  static const char window[] =
      "data.file=series.h5 'data.window={length: 6, horizon: 3, stride: 2, targets: [2, 0]}'";
  run_well(2, "train config.yaml name=chosen %s", window);
  run_well(ALONE,
           "train config.yaml name=named %s data.window.targets=x 'loss=[{name: quantile, quantiles: "
           "[0.2, 0.5, 0.9], outputs: 9, targets: [2]}, {name: mse, weight: 2, targets: [0]}]'",
           window);
  char rows[64], windows[64];
  json_value(file_text("runs/rows/summary.json"), "parameters_checksum", rows);
  json_value(file_text("runs/chosen/summary.json"), "parameters_checksum", windows);
  cr_expect_str_eq(rows, windows);
  json_value(file_text("runs/named/summary.json"), "parameters_checksum", windows);
  cr_expect_str_eq(rows, windows);
  run_well(3, "train config.yaml name=scaled %s data.target_scaling=standard data.validation=0.3", window);
  run_well(2, "eval runs/scaled --split valid --json eval.json");
  result = run_command("%s -c '"
                       "import h5py, json, numpy\n"
                       "x = h5py.File(\"series.h5\")[\"train/x\"][624:].astype(float)\n"
                       "cut = numpy.lib.stride_tricks.sliding_window_view(x, 9, axis=0)[::2]\n"
                       "for head, column in zip(json.load(open(\"eval.json\"))[\"heads\"], (2, 0)):\n"
                       "  e = cut[:, column, 6:] - cut[:, column, 5:6]\n"
                       "  found = [head[\"persistence\"][k] for k in (\"mae\", \"rmse\")]\n"
                       "  expected = [abs(e).mean(), (e**2).mean()**0.5]\n"
                       "  history = h5py.File(\"runs/scaled/history.h5\")[\"heads\"][head[\"head\"]]\n"
                       "  kept = [history[\"valid_persistence_\" + k][-1] for k in (\"mae\", \"rmse\")]\n"
                       "  assert numpy.allclose([found, kept], [expected, expected], rtol=1e-5)'",
                       run_python());
  cr_expect_eq(result.code, 0, "%s", result.err);
}

/* Two columns, so that inputs and targets are interleaved, and a stride that leaves steps out at the end. */
Test(forecast, a_linear_model_is_the_autoregression_of_numpy) {
  const char *python = run_python();
  if (python == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure(1500, "length: 6, horizon: 4, stride: 2, season: 3", "{dense: 8}", "");
  result_t result = run_command("%s -c '"
                                "import h5py, numpy\n"
                                "with h5py.File(\"series.h5\", \"r+\") as f:\n"
                                "  x = f[\"train/x\"][:, 0].astype(float)\n"
                                "  del f[\"train/x\"]\n"
                                "  f[\"train/x\"] = numpy.c_[1000 + x, numpy.roll(x, 5)**2]'",
                                python);
  cr_assert_eq(result.code, 0, "%s", result.err);
  run_well(3, "solve config.yaml");
  run_well(2, "eval runs/config --json eval.json");
  run_well(2, "predict runs/config series.h5 --out forecasts.csv");
  result = run_command("%s %s/system/forecast.py series.h5 runs/config eval.json forecasts.csv", python,
                       TESTS_FOLDER);
  cr_assert_eq(result.code, 0, "%s", result.err);
}

/* Stations of many lengths, some too short for a window, their rows interleaved as in a log: NumPy cuts each
 * by itself. */
static void make_stations(void) {
  result_t result = run_command("%s -c '"
                                "import numpy\n"
                                "rng = numpy.random.default_rng(3)\n"
                                "rows = []\n"
                                "for i, n in enumerate([300, 7, 180, 420, 33, 260, 12]):\n"
                                "  e, x = rng.normal(size=n), numpy.zeros(n)\n"
                                "  for t in range(2, n): x[t] = 1.5 * x[t - 1] - 0.75 * x[t - 2] + e[t]\n"
                                "  rows += [(t, 90 - 7 * i, 4 * i + x[t], x[t]**2) for t in range(n)]\n"
                                "rows.sort(key=lambda row: row[0])\n"
                                "with open(\"stations.csv\", \"w\") as f:\n"
                                "  f.write(\"height,station,square\\n\")\n"
                                "  for t, i, x, s in rows: f.write(f\"{x:.5f},{i},{s:.5f}\\n\")'",
                                run_python());
  cr_assert_eq(result.code, 0, "%s", result.err);
  result = run_well(ALONE, "import --overwrite stations.csv series.h5 --series station");
  cr_expect(strstr(result.out, "7 series") != NULL, "%s", result.out);
}

Test(forecast, several_series_are_cut_each_by_itself_as_numpy_cuts_them) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure(100, "length: 6, horizon: 4, stride: 2, season: 3, series: series", "{dense: 8}", "");
  make_stations();
  run_well(3, "solve config.yaml");
  run_well(2, "eval runs/config --json eval.json");
  run_well(2, "predict runs/config series.h5 --out forecasts.csv");
  result_t result = run_command("%s %s/system/forecast.py series.h5 runs/config eval.json forecasts.csv",
                                run_python(), TESTS_FOLDER);
  cr_expect_eq(result.code, 0, "%s", result.err);
  result = run_well(ALONE, "check config.yaml");
  cr_expect(strstr(result.out, "series  7, 5 of them long enough") != NULL, "%s", result.out);
  run_well(ALONE, "train config.yaml name=one loss=mae");
  run_well(3, "train config.yaml name=other loss=mae");
  outcome_t one = outcome_of("one"), other = outcome_of("other");
  outcome_expect_same(&one, &other, "3 ranks");
  cr_expect_eq(json_double(file_text("runs/other/summary.json"), "test_seasonal_naive_mae"),
               json_double(file_text("runs/one/summary.json"), "test_seasonal_naive_mae"));
  run_well(ALONE, "import --overwrite --make ar single.h5 --rows 50");
  result = run(2, "predict runs/one single.h5 --out single.csv");
  cr_expect(result.code == 3 && strstr(result.err, "data.window.series is none") != NULL, "%s", result.err);
  result = run(2, "predict runs/one single.h5 --out single.csv data.window.series=none");
  cr_expect(result.code == 3 && strstr(result.err, "1 features") != NULL, "%s", result.err);
}

/* What is wrong with the numbers of series is said, and where. */
Test(forecast, series_that_do_not_suit_are_refused) {
  static const struct {
    const char *ids, *words, *said;
    int code;
  } cases[] = {
      {"numpy.arange(300) // 100", "data.window.series=none", NULL, 0},
      {"numpy.arange(300) // 100 % 2", "", "series 0 begins in row 0 (counted from 0) and again in row 200",
       3},
      {"numpy.arange(300) / 100", "", "must hold an integer for each of the 300 rows", 3},
      {"numpy.arange(200) // 100", "", "must hold an integer for each of the 300 rows", 3},
      {"numpy.arange(300) // 100", "data.window.series=station", "data.window.series", 3},
      {"numpy.arange(300) // 16", "", "none of 19 series is long enough for a window of 17", 3},
  };
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure(300, "length: 12, horizon: 5, series: series", NETWORK, "");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    result_t result = run_command("%s -c '"
                                  "import h5py, numpy\n"
                                  "with h5py.File(\"series.h5\", \"r+\") as f:\n"
                                  "  if \"train/series\" in f: del f[\"train/series\"]\n"
                                  "  f[\"train/series\"] = %s'",
                                  run_python(), cases[i].ids);
    cr_assert_eq(result.code, 0, "%s", result.err);
    result = run(i % 2 == 0 ? 2 : ALONE, "check config.yaml %s", cases[i].words);
    cr_expect(result.code == cases[i].code &&
                  (cases[i].said == NULL || strstr(result.err, cases[i].said) != NULL),
              "%s %s: %d: %s", cases[i].ids, cases[i].words, result.code, result.err);
  }
}

/* By hand, beside the solution: training comes to the autoregression that made the series. */
Test(forecast, training_finds_the_autoregression_that_made_the_series) {
  configure(4000, "length: 3", "{dense: {units: 1, bias: false}}",
            "schedule: {name: cosine}\ncheckpoint: {every: never}\n");
  run_well(ALONE, "solve config.yaml name=solved");
  run_well(2, "train config.yaml name=trained train.epochs=30 optimizer.learning_rate=0.05");
  double solved = json_double(file_text("runs/solved/summary.json"), "test_rmse");
  double trained = json_double(file_text("runs/trained/summary.json"), "test_rmse");
  double naive = json_double(file_text("runs/trained/summary.json"), "test_persistence_rmse");
  cr_expect_float_eq(solved, 2, 0.1, "the noise has a deviation of 2, not %g", solved);
  cr_expect_float_eq(trained, solved, 1e-3 * solved, "%g beside %g", trained, solved);
  cr_expect_gt(naive, 1.2 * solved);
}

/* The hour of the day as categories beside the series, and basis functions of whole windows: what is done to
 * columns is done to each of their steps. */
Test(forecast, of_windows_with_categories_and_basis_functions) {
  const char *python = run_python();
  if (python == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure(1200, "length: 2, horizon: 1, targets: [1]", "{dense: 1}", "");
  result_t result = run_command("%s -c '"
                                "import h5py, numpy\n"
                                "with h5py.File(\"series.h5\", \"r+\") as f:\n"
                                "  hour = numpy.arange(1200) %% 6\n"
                                "  x = 10 * numpy.array([3, 1, 4, 1, 5, 9])[hour] + f[\"train/x\"][:, 0]\n"
                                "  del f[\"train/x\"]\n"
                                "  f[\"train/x\"] = numpy.c_[hour, x]'",
                                python);
  cr_assert_eq(result.code, 0, "%s", result.err);
  run_well(2, "solve config.yaml name=hours 'data.scaling.columns={0: one_hot}'");
  run_well(ALONE, "solve config.yaml name=same 'data.scaling.columns={0: one_hot}'");
  run_well(ALONE, "solve config.yaml name=number");
  char one[64], other[64];
  json_value(file_text("runs/hours/summary.json"), "parameters_checksum", one);
  json_value(file_text("runs/same/summary.json"), "parameters_checksum", other);
  cr_expect_str_eq(one, other);
  cr_expect_eq(json_double(file_text("runs/hours/summary.json"), "parameters"), 2 * (6 + 1) + 1);
  double hours = json_double(file_text("runs/hours/summary.json"), "test_rmse");
  cr_expect_lt(hours, 2.3, "the noise has a deviation of 2, not %g", hours);
  cr_expect_gt(json_double(file_text("runs/number/summary.json"), "test_rmse"), 2 * hours);
  static const char basis[] = "'data.basis={name: rbf, size: 40}'";
  run_well(3, "solve config.yaml name=one %s solve.method=ridge", basis);
  run_well(ALONE, "solve config.yaml name=other %s solve.method=ridge", basis);
  json_value(file_text("runs/one/summary.json"), "parameters_checksum", one);
  json_value(file_text("runs/other/summary.json"), "parameters_checksum", other);
  cr_expect_str_eq(one, other);
  cr_expect_eq(json_double(file_text("runs/one/summary.json"), "parameters"), 41);
}

/* y goes along with x; the first column is driven by nothing that could be known. */
Test(forecast, of_y_or_of_chosen_columns) {
  const char *python = run_python();
  if (python == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure(900, "length: 6, horizon: 2", "{dense: 2}", "");
  result_t result =
      run_command("%s -c '"
                  "import h5py, numpy\n"
                  "with h5py.File(\"series.h5\", \"r+\") as f:\n"
                  "  x = f[\"train/x\"][:, 0]\n"
                  "  del f[\"train/x\"]\n"
                  "  f[\"train/x\"] = numpy.c_[numpy.random.default_rng(1).normal(size=900), x]\n"
                  "  f[\"train/y\"] = x'",
                  python);
  cr_assert_eq(result.code, 0, "%s", result.err);
  run_well(ALONE, "solve config.yaml name=column data.window.targets=[1]");
  run_well(2, "solve config.yaml name=y data.window.targets=y");
  char column[64], y[64];
  json_value(file_text("runs/column/summary.json"), "parameters_checksum", column);
  json_value(file_text("runs/y/summary.json"), "parameters_checksum", y);
  cr_expect_str_eq(column, y);
  cr_expect_gt(json_double(file_text("runs/y/summary.json"), "test_r2"), 0.5);
  run_well(ALONE, "eval runs/y series.h5 --json whole.json");
  cr_expect_eq(json_double(file_text("whole.json"), "rows"), 900 - 8 + 1);
}

Test(forecast, what_does_not_suit_is_refused) {
  configure(300, "length: 12, horizon: 5", NETWORK, "");
  static const struct {
    const char *words, *said;
    int code;
  } cases[] = {
      {"data.window.season=13", "data.window.season", 2},
      {"data.window.horizon=6", "data.window.horizon", 2},
      {"data.window.targets=y", "data.window.targets", 2},
      {"data.window.targets=[1]", "no column 1", 2},
      {"data.window.test=0.9", "data.window.test", 2},
      {"data.window.length=250", "too few for a window", 3},
      {"data.memory_limit=1100B", "on their way; at least", 2},
      {"data.window.horizon=4", "data.window.horizon", 2},
      {"data.weights=train/x", "must be at least 0", 3},
      {"'loss=[{name: mse, outputs: 2}, {name: mae}]'", "whole columns", 2},
      {"'loss={name: mse, targets: [1]}'", "columns of those that are forecast", 2},
      {"'loss={name: mse, targets: [0]}' data.window.targets=y", "data.window.targets is y", 2},
      {"'loss={name: mse, targets: [0, 1]}'", "names 2 columns of those that are forecast", 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    result_t result =
        run(i % 4 == 0 ? 2 : ALONE, "%s config.yaml %s", i % 2 == 0 ? "train" : "check", cases[i].words);
    cr_expect(result.code == cases[i].code && strstr(result.err, cases[i].said) != NULL, "%s: %d: %s",
              cases[i].words, result.code, result.err);
  }
  cr_expect(!file_exists("runs/config"));
  run_well(ALONE, "import --overwrite --make ar short.h5 --rows 11");
  run_well(ALONE, "train config.yaml");
  result_t result = run(2, "predict runs/config short.h5 --out forecasts.csv");
  cr_expect(result.code == 3 && strstr(result.err, "data.window.length") != NULL, "%s", result.err);
}

Test(forecast, check_tells_of_windows_and_memory_and_history_of_baselines) {
  configure(1000000, "length: 48, horizon: 5, season: 12", NETWORK, "");
  result_t result = run_well(2, "check config.yaml");
  cr_expect(strstr(result.out, "windows of 48 steps, 5 forecast, one every 1: 650000 training steps") != NULL,
            "%s", result.out);
  cr_expect(strstr(result.out, "data 3.3 MB") != NULL,
            "half of a million floats, and an order of 325 thousand: %s", result.out);
  configure(1500, "length: 13, horizon: 5, season: 12", NETWORK, "");
  run_well(ALONE, "train config.yaml name=net");
  run_well(ALONE, "eval runs/net --split valid --json valid.json");
  const char *log = strstr(file_text("runs/net/log.jsonl"), "\"valid_persistence_mae\"");
  cr_assert_not_null(log);
  double mae = json_double(log, "valid_persistence_mae"),
         rmse = json_double(log, "valid_seasonal_naive_rmse");
  const char *eval = file_text("valid.json");
  cr_expect_eq(json_double(strstr(eval, "\"persistence\""), "mae"), mae);
  cr_expect_eq(json_double(strstr(eval, "\"seasonal_naive\""), "rmse"), rmse);
}
