/* The way of a user with a table: import, check, train, eval, predict, info, diff; what each says agrees with
 * what the others say, and with what NumPy makes of the same files. */
#include "system/run.h"

#include "base/error.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(commands, .init = place_make, .fini = place_remove);

/* Three kinds of flowers that lie apart in two of four measures. */
static void write_flowers(const char *path, int rows) {
  static const char *const names[] = {"aster", "bellis", "carex, small"};
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file);
  fputs("length,width,height,weight,kind\n", file);
  for (int i = 0; i < rows; i++) {
    int kind = i * 3 / rows;
    const uint64_t n = 4 * (uint64_t)i;
    fprintf(file, "%.3f,%.3f,%.3f,%.1f,\"%s\"\n", kind + noise(n), 5 - 2 * kind + 2 * noise(n + 1),
            noise(n + 2), 1000 * noise(n + 3), names[kind]);
  }
  fclose(file);
}

static void train_flowers(int ranks) {
  write_flowers("flowers.csv", 300);
  run_well(ALONE,
           "import flowers.csv flowers.h5 --label kind --shuffle 3 --split train=0.7,valid=0.1,test=0.2");
  write_text("flowers.yaml", "data: {file: flowers.h5, scaling: standard}\n"
                             "model: {layers: [{dense: {units: 12, activation: tanh}}, {dense: 3}]}\n"
                             "loss: cross_entropy\n"
                             "optimizer: {name: adam, learning_rate: 0.02}\n"
                             "train: {epochs: 20, global_batch_size: 32, top_k: 2}\n"
                             "parallel: {shards: 4, threads: 1}\n");
  run_well(ranks, "train flowers.yaml");
}

Test(commands, check_shows_the_run_without_running) {
  write_flowers("flowers.csv", 300);
  run_well(ALONE, "import flowers.csv flowers.h5 --label kind");
  write_text("flowers.yaml", "data: {file: flowers.h5}\n"
                             "model: {layers: [{dense: {units: 12, activation: tanh}}, {dense: 3}]}\n"
                             "loss: cross_entropy\n"
                             "train: {global_batch_size: 32}\n"
                             "parallel: {shards: 4, threads: 1}\n");
  for (int ranks = 1; ranks <= 2; ranks++) {
    result_t result = run_well(ranks, "check flowers.yaml");
    cr_expect_not_null(strstr(result.out, "99"), "4 x 12 + 12 + 12 x 3 + 3 parameters:\n%s", result.out);
    cr_expect_not_null(strstr(result.out, "300"), "%s", result.out);
  }
  cr_expect_not(file_exists("runs"));
}

Test(commands, eval_and_summary_agree) {
  char summary[64], eval[64];
  train_flowers(2);
  json_value(file_text("runs/flowers/summary.json"), "test_loss", summary);
  run_well(ALONE, "eval runs/flowers --json eval.json");
  json_value(file_text("eval.json"), "loss", eval);
  cr_assert_str_eq(eval, summary, "eval says %s, the run's summary %s", eval, summary);
  run_well(3, "eval runs/flowers/model.h5 flowers.h5 --split test --json eval.json");
  json_value(file_text("eval.json"), "loss", eval);
  cr_assert_str_eq(eval, summary, "eval on 3 ranks says %s, the run's summary %s", eval, summary);
  cr_assert_gt(json_double(file_text("eval.json"), "accuracy"), 0.95);
  run_well(ALONE, "eval runs/flowers --split valid --json eval.json");
  cr_assert_float_eq(json_double(file_text("eval.json"), "rows"), 30, 0);
  json_value(file_text("eval.json"), "loss", eval);
  json_value(file_text("runs/flowers/summary.json"), "valid_loss", summary);
  cr_assert_str_eq(eval, summary, "eval says %s of the validation rows, the run's summary %s", eval, summary);
}

/* A made set is divided like any other, gives the same file again, and says what it is. */
Test(commands, import_makes_synthetic_sets_and_says_so) {
  run_well(
      ALONE,
      "import --make spirals one.h5 --rows 90 --classes 3 --noise 0.1 --seed 5 --split train=0.7,test=0.3");
  run_well(
      ALONE,
      "import --make spirals two.h5 --rows 90 --classes 3 --noise 0.1 --seed 5 --split train=0.7,test=0.3");
  cr_assert_eq(run_command("cmp one.h5 two.h5").code, 0);
  result_t result = run_well(ALONE, "info one.h5");
  cr_expect_not_null(strstr(result.out, "synthetic: spirals, 90 rows, 2 features, noise 0.1, seed 5"), "%s",
                     result.out);
  cr_expect_not_null(strstr(result.out, "63"), "%s", result.out);
  result = run_well(ALONE, "import --help");
  cr_expect_not_null(strstr(result.out, "moons, circles,"), "%s", result.out);
  cr_expect_eq(run(ALONE, "import --make moons out.h5 --source 'Berlin, 1912'").code, 2);
  cr_expect_eq(run(ALONE, "import --rows 5 a.csv out.h5").code, 2);
  cr_expect_eq(run(ALONE, "import --make moons a.csv out.h5").code, 2);
  cr_expect_not(file_exists("out.h5"));
}

static int64_t read_array(const char *path, const char *name, store_type_t type, int64_t most, void *out) {
  ls_error error = {0};
  store_t *store = NULL;
  store_array_t array;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_describe(store, name, &array, &error), LS_OK, "%s", error.message);
  cr_assert_leq(array.shape[0], most);
  cr_assert_eq(store_read_rows(store, name, 0, array.shape[0], type, out, &error), LS_OK, "%s",
               error.message);
  store_close(&store);
  return array.shape[0];
}

Test(commands, predictions_are_the_same_in_csv_and_hdf5_and_fit_the_accuracy) {
  enum { MOST = 100 };
  static const char *const names[] = {"aster", "bellis", "\"carex, small\""};
  int32_t classes[MOST];
  int64_t labels[MOST], right = 0;
  float probabilities[MOST * 3];
  train_flowers(ALONE);
  run_well(2, "predict runs/flowers flowers.h5 --x test/x --out p.csv");
  run_well(ALONE, "predict runs/flowers/model.h5 flowers.h5 --out p.h5");
  int64_t n = read_array("p.h5", "class", STORE_I32, MOST, classes);
  cr_assert_eq(n, 60);
  cr_assert_eq(read_array("p.h5", "probability", STORE_F32, MOST, probabilities), n);
  read_array("flowers.h5", "test/y", STORE_I64, MOST, labels);
  const char *line = file_text("p.csv");
  for (int64_t i = 0; i < n; i++) {
    char start[64], *end;
    line = strchr(line, '\n') + 1;
    int length = snprintf(start, sizeof start, "%d,%s,", (int)i, names[classes[i]]);
    cr_assert_eq(strncmp(line, start, (size_t)length), 0, "row %d: %s in %.80s", (int)i, start, line);
    const char *at = line + length;
    for (int k = 0; k < 3; k++, at = end + 1) {
      float value = strtof(at, &end);
      cr_assert_eq(value, probabilities[i * 3 + k], "row %d: %.60s", (int)i, line);
    }
    right += classes[i] == labels[i];
  }
  /* what the summary says follows from the probabilities */
  double loss = 0;
  int64_t in_two = 0;
  for (int64_t i = 0; i < n; i++) {
    const float *p = probabilities + 3 * i, own = p[labels[i]];
    loss -= log((double)own) / (double)n;
    in_two += (p[0] > own) + (p[1] > own) + (p[2] > own) < 2;
  }
  const char *json = file_text("runs/flowers/summary.json");
  cr_assert_float_eq(json_double(json, "test_accuracy"), (double)right / (double)n, 1e-12);
  cr_assert_float_eq(json_double(json, "test_top_k"), (double)in_two / (double)n, 1e-12);
  cr_assert_float_eq(json_double(json, "test_loss"), loss, 1e-6);
}

enum { LAW_ROWS = 200 };

/* y = 700,000 + 20 a - 400,000 b, some 892,000 to 906,000; float holds it to 0.06. */
static void train_law(int epochs) {
  FILE *file = fopen("law.csv", "w");
  cr_assert_not_null(file);
  fputs("a;b;y\n", file);
  for (uint64_t i = 0; i < LAW_ROWS; i++) {
    double a = 1e4 + 300 * noise(2 * i), b = 0.02 * noise(2 * i + 1);
    fprintf(file, "%.9g;%.9g;%.9g\n", a, b, 7e5 + 20 * a - 4e5 * b);
  }
  fclose(file);
  run_well(ALONE, "import law.csv law.h5 --label y --regression");
  write_text("law.yaml",
             "data: {file: law.h5, scaling: standard, target_scaling: {name: minmax, range: [-1, 1]}}\n"
             "model: {layers: [{dense: 1}]}\n"
             "loss: mse\n"
             "optimizer: {name: sgd, learning_rate: 0.1, momentum: 0.5}\n"
             "train: {epochs: %d, global_batch_size: 50}\n"
             "parallel: {threads: 1, shards: 2}\n",
             epochs);
  run_well(2, "train law.yaml");
  run_well(2, "predict runs/law law.h5 --x train/x --out p.h5");
}

Test(commands, a_linear_law_is_found_and_predicted_in_its_own_units) {
  float found[LAW_ROWS], y[LAW_ROWS];
  train_law(60);
  cr_assert_eq(read_array("p.h5", "prediction", STORE_F32, LAW_ROWS, found), LAW_ROWS);
  cr_assert_eq(read_array("law.h5", "train/y", STORE_F32, LAW_ROWS, y), LAW_ROWS);
  for (int i = 0; i < LAW_ROWS; i++)
    cr_assert_float_eq(found[i], y[i], 2, "row %d: %f for %f", i, (double)found[i], (double)y[i]);
}

/* After one epoch, so that errors are larger than the roundings of predictions. */
Test(commands, errors_of_a_regression_are_those_of_its_predictions) {
  float found[LAW_ROWS], y[LAW_ROWS];
  double sum = 0, absolute = 0, squares = 0, variation = 0;
  train_law(1);
  read_array("p.h5", "prediction", STORE_F32, LAW_ROWS, found);
  read_array("law.h5", "train/y", STORE_F32, LAW_ROWS, y);
  for (int i = 0; i < LAW_ROWS; i++) {
    double residual = (double)found[i] - (double)y[i];
    sum += (double)y[i];
    absolute += fabs(residual);
    squares += residual * residual;
  }
  for (int i = 0; i < LAW_ROWS; i++) variation += pow((double)y[i] - sum / LAW_ROWS, 2);
  run_well(2, "eval runs/law --split train --json eval.json");
  const char *json = file_text("eval.json");
  cr_assert_gt(absolute / LAW_ROWS, 100);
  cr_expect_float_eq(json_double(json, "mae"), absolute / LAW_ROWS, 0.06);
  cr_expect_float_eq(json_double(json, "rmse"), sqrt(squares / LAW_ROWS), 0.06);
  cr_expect_float_eq(json_double(json, "r2"), 1 - squares / variation, 1e-4);
}

Test(commands, info_tells_what_a_file_is) {
  train_flowers(ALONE);
  result_t result = run_well(ALONE, "info flowers.h5");
  cr_expect_not_null(strstr(result.out, "/train/x"), "%s", result.out);
  cr_expect_not_null(strstr(result.out, "(210, 4)"), "%s", result.out);
  cr_expect_not_null(strstr(result.out, "bellis"), "%s", result.out);
  char checksum[64];
  json_value(file_text("runs/flowers/summary.json"), "parameters_checksum", checksum);
  result = run_well(2, "info runs/flowers/model.h5");
  cr_expect_not_null(strstr(result.out, checksum), "%s", result.out);
  char *first = strstr(result.out, checksum);
  cr_expect_null(strstr(first + 1, checksum), "two ranks both print:\n%s", result.out);
  result = run_well(ALONE, "info runs/flowers");
  cr_expect_not_null(strstr(result.out, "history.h5"), "%s", result.out);
}

Test(commands, diff_tells_whether_and_where_runs_part) {
  train_flowers(ALONE);
  run_well(2, "train flowers.yaml name=again");
  run_well(ALONE, "train flowers.yaml name=other train.seed=2");
  run_well(ALONE, "train flowers.yaml name=longer train.epochs=21");
  result_t result = run_well(ALONE, "diff runs/flowers runs/again");
  cr_expect_not_null(strstr(result.out, "bit-identical"), "%s", result.out);
  run_well(ALONE, "diff runs/flowers/model.h5 runs/again/model.h5");
  result = run(ALONE, "diff runs/flowers runs/other");
  cr_expect_eq(result.code, 1, "%s", result.out);
  cr_expect_not_null(strstr(result.out, "epoch 1"), "%s", result.out);
  cr_expect_not_null(strstr(result.out, "dense"), "%s", result.out);
  cr_expect_eq(run(ALONE, "diff runs/flowers/model.h5 runs/other/model.h5").code, 1);
  cr_expect_eq(run(ALONE, "diff runs/flowers runs/longer").code, 1);
  run_well(ALONE, "train flowers.yaml name=zero train.epochs=0");
  run_well(ALONE, "train flowers.yaml name=unscaled train.epochs=0 data.scaling=none");
  result = run(ALONE, "diff runs/zero/model.h5 runs/unscaled/model.h5"); /* the same parameters */
  cr_expect_eq(result.code, 1, "%s", result.out);
  cr_expect_not_null(strstr(result.out, "the parameters differs, first in /scaling/features"), "%s",
                     result.out);
  cr_expect_eq(run(ALONE, "diff runs/flowers runs/nowhere").code, 3);
}

Test(commands, help_and_version_answer_without_work) {
  static const char *const commands[] = {"import", "check",     "train",   "eval",  "predict",   "info",
                                         "diff",   "gradcheck", "lr-find", "adopt", "reference", "anomalies"};
  result_t result = run_well(ALONE, "--help");
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    cr_expect_not_null(strstr(result.out, commands[i]), "no %s in\n%s", commands[i], result.out);
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    result = run_well(ALONE, "%s --help", commands[i]);
    cr_expect_not_null(strstr(result.out, "Usage"), "%s", result.out);
  }
  result = run_well(ALONE, "--version");
  static const char *const lines[] = {"HDF5 ", "\ncommit ", "\nflags -"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
    cr_expect_not_null(strstr(result.out, lines[i]), "no %s in\n%s", lines[i], result.out);
}

static int lines_of(const char *text) {
  int n = 0;
  for (; *text != '\0'; text++) n += *text == '\n';
  return n;
}

/* What was asked for did not arrive: the exit code says so, and so does the message. */
Test(commands, results_that_cannot_be_printed_are_an_error) {
  static const char *const words[] = {
      "--help",           "--version",      "train --help", "--completions bash",
      "info --reference", "check net.yaml", "info data.h5"};
  write_dataset("data.h5", (spec_t){.rows = 60});
  write_text("net.yaml",
             "data: {file: data.h5}\nmodel: {layers: [dense: %d]}\nloss: cross_entropy\n"
             "parallel: {threads: 1}\n",
             CLASSES);
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    result_t result = run_command("sh -c '%s %s >/dev/full'", run_launcher(ALONE), words[i]);
    cr_expect_eq(result.code, ls_status_exit_code(LS_IO), "lockstep %s ends with %d", words[i], result.code);
    cr_expect_not_null(strstr(result.err, "standard output"), "lockstep %s: %s", words[i], result.err);
  }
}

Test(commands, help_has_several_names_and_is_short) {
  static const char *const same[][2] = {{"--help", "-h"},
                                        {"--help", "help"},
                                        {"--version", "version"},
                                        {"train --help", "help train"},
                                        {"train --help", "train -h"},
                                        {"train --help", "train net.yaml train.epochs=3 -h"},
                                        {"train --help=epochs", "reference train.epochs"},
                                        {"eval --help=train.top_k", "reference top_k"}};
  for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
    char *first = strdup(run_well(ALONE, "%s", same[i][0]).out);
    cr_expect_str_eq(run_well(ALONE, "%s", same[i][1]).out, first, "%s", same[i][1]);
    free(first);
  }
  result_t result = run_well(ALONE, "train --help");
  cr_expect_lt(lines_of(result.out), 40, "%s", result.out);
  cr_expect_not_null(strstr(result.out, "--help=KEY"), "%s", result.out);
  result = run_well(2, "reference");
  cr_expect_gt(lines_of(result.out), 300, "all settings");
  cr_expect_eq(run(ALONE, "import --help=train.epochs").code, 2);
  cr_expect_eq(run(2, "reference train.epoch").code, 2);
  cr_expect_eq(run(ALONE, "help train eval").code, 2);
}

Test(commands, h5py_reads_every_file_and_numpy_predicts_the_same) {
  const char *interpreter = run_python();
  if (interpreter == NULL) cr_skip_test("no Python with h5py and numpy here");
  train_flowers(2);
  run_well(ALONE, "predict runs/flowers flowers.h5 --x test/x --out p.h5");
  result_t result =
      run_command("%s %s/system/read_files.py runs/flowers flowers.h5 p.h5", interpreter, TESTS_FOLDER);
  cr_assert_eq(result.code, 0, "%s%s", result.out, result.err);
}
