/* Landscapes as a user computes them: closed forms for a line, the same bits on any layout, a line that leads
 * nowhere, trajectories against NumPy, kills and signals, two owners, and mistakes. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(landscape, .init = place_make, .fini = place_remove);

/* ---- files ---- */

static void read_doubles(const char *path, const char *name, int64_t rows, double *out) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open_whole(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, name, 0, rows, STORE_F64, out, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

static double number_of(const char *path, const char *name) {
  ls_error error = {0};
  store_t *store = NULL;
  double value = NAN;
  int64_t count = 0;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  if (store_read_double(store, "/", name, &value, &error) != LS_OK) {
    cr_assert_eq(store_read_int(store, "/", name, &count, &error), LS_OK, "%s", error.message);
    value = (double)count;
  }
  store_close(&store);
  return value;
}

enum { POINTS = 40 };
static float line_x[POINTS], line_y[POINTS];

/* One input, one target: a line has two weights. */
static void write_line(float slope) {
  ls_error error = {0};
  store_t *store = NULL;
  const int64_t shape[] = {POINTS, 1};
  for (int i = 0; i < POINTS; i++) {
    line_x[i] = (float)(2 * noise((uint64_t)i) - 0.5);
    line_y[i] = slope * line_x[i] + 0.5F + (float)(0.3 * noise((uint64_t)(1000 + i)));
  }
  cr_assert_eq(store_create("line.h5", &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_write(store, "train/x", STORE_F32, 2, shape, line_x, &error), LS_OK);
  cr_assert_eq(store_write(store, "train/y", STORE_F32, 2, shape, line_y, &error), LS_OK);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
  write_text("line.yaml", "data: {file: line.h5}\n"
                          "model: {layers: [dense: 1]}\n"
                          "loss: mse\n"
                          "optimizer: {name: sgd, learning_rate: 0.1}\n"
                          "train: {epochs: 2, global_batch_size: 16}\n"
                          "parallel: {threads: 1}\n");
}

static void write_network(const char *name, const char *scaling) {
  write_text(name,
             "data: {file: data.h5, scaling: %s}\n"
             "model: {layers: [{dense: {units: 11, activation: tanh}}, {dropout: 0.3}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "optimizer: {name: adam, learning_rate: 0.01}\n"
             "train: {epochs: 6, global_batch_size: 64}\n"
             "checkpoint: {every: 1 epochs, keep: 20}\n"
             "parallel: {threads: 1}\n",
             scaling, CLASSES);
}

/* ---- known answers ---- */

Test(landscape, bowl_and_eigenvalues_of_a_line_are_those_of_the_closed_form) {
  enum { NX = 9, NY = 7 };
  double loss[NX * NY], rmse[NX * NY], x[NX], y[NY], eigenvalues[2], sums[2] = {0};
  write_line(1.5F);
  run_well(2,
           "landscape line.yaml --weight dense1.weight[0,0] --weight dense1.bias[0] --x=-1:3:9 --y=-1:2:7");
  read_doubles("landscape.h5", "xcoordinates", NX, x);
  read_doubles("landscape.h5", "ycoordinates", NY, y);
  read_doubles("landscape.h5", "train_loss", NY, loss);
  read_doubles("landscape.h5", "train_rmse", NY, rmse);
  cr_expect(x[0] == -1 && x[NX - 1] == 3 && y[0] == -1 && y[NY - 1] == 2);
  for (int j = 0; j < NY; j++)
    for (int i = 0; i < NX; i++) {
      double sum = 0;
      for (int r = 0; r < POINTS; r++)
        sum += pow(x[i] * (double)line_x[r] + y[j] - (double)line_y[r], 2) / POINTS;
      cr_expect_float_eq(loss[j * NX + i], sum, 1e-6 * (1 + sum), "loss at (%g, %g)", x[i], y[j]);
      cr_expect_float_eq(rmse[j * NX + i], sqrt(sum), 1e-6 * (1 + sum), "rmse at (%g, %g)", x[i], y[j]);
    }
  for (int r = 0; r < POINTS; r++) {
    sums[0] += 2 * (double)line_x[r] / POINTS;
    sums[1] += 2 * pow((double)line_x[r], 2) / POINTS;
  }
  const double middle = (sums[1] + 2) / 2, distance = hypot((sums[1] - 2) / 2, sums[0]);
  result_t result = run_well(ALONE, "landscape line.yaml --eigenvalues 5"); /* there are but two */
  cr_expect_not_null(strstr(result.out, "diverges above"), "%s", result.out);
  read_doubles("eigenvalues.h5", "eigenvalues", 2, eigenvalues);
  cr_expect_float_eq(eigenvalues[0], middle + distance, 1e-3 * middle, "%g", eigenvalues[0]);
  cr_expect_float_eq(eigenvalues[1], middle - distance, 1e-3 * middle, "%g", eigenvalues[1]);
  cr_expect_float_eq(number_of("eigenvalues.h5", "smallest"), middle - distance, 1e-3 * middle);
  cr_expect_float_eq(number_of("eigenvalues.h5", "limit"), 2 / (middle + distance), 1e-3);
  run_well(ALONE, "lr-find line.yaml");
  cr_expect_float_eq(number_of("lr-find.h5", "limit"), number_of("eigenvalues.h5", "limit"), 1e-3,
                     "lr-find agrees");
  run_well(3, "landscape line.yaml --eigenvalues 5 --out three.h5 parallel.shards=4");
  run_well(ALONE, "landscape line.yaml --eigenvalues 5 --out one.h5 parallel.shards=4 parallel.threads=2");
  double one[2], three[2];
  read_doubles("one.h5", "eigenvalues", 2, one);
  read_doubles("three.h5", "eigenvalues", 2, three);
  cr_expect_eq(memcmp(one, three, sizeof one), 0, "other eigenvalues on three ranks");
}

/* Two outputs of one input: each row of the weights is a number w_r, which a direction scaled to its norm
 * changes by t w_r or -t w_r. Targets are what the network says at t = 0. */
Test(landscape, random_directions_have_the_norms_of_the_rows) {
  enum { N = 5 };
  static float y[2 * POINTS];
  const int64_t x_shape[] = {POINTS, 1}, y_shape[] = {POINTS, 2};
  double loss[N], squares = 0;
  ls_error error = {0};
  store_t *store = NULL;
  write_line(1);
  for (int i = 0; i < POINTS; i++) {
    y[2 * i] = 3 * line_x[i];
    y[2 * i + 1] = 0.5F * line_x[i];
    squares += pow((double)line_x[i], 2) / POINTS;
  }
  cr_assert_eq(store_create("pair.h5", &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_write(store, "train/x", STORE_F32, 2, x_shape, line_x, &error), LS_OK);
  cr_assert_eq(store_write(store, "train/y", STORE_F32, 2, y_shape, y, &error), LS_OK);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
  write_text("pair.yaml",
             "data: {file: pair.h5}\n"
             "model: {layers: [dense: 2], init_values: {dense1.weight: [[3], [0.5]], dense1.bias: 0}}\n"
             "loss: mse\n");
  run_well(ALONE, "landscape pair.yaml --random 1 --x=-1:1:5");
  read_doubles("landscape.h5", "train_loss", N, loss);
  for (int i = 0; i < N; i++) {
    const double t = -1 + 0.5 * i, expected = t * t * squares * (9 + 0.25) / 2;
    cr_expect_float_eq(loss[i], expected, 1e-6, "at %g: %g, not %g", t, loss[i], expected);
  }
}

static double eval_loss(const char *model) {
  run_well(ALONE, "eval %s --split train --json eval.json", model);
  return json_double(file_text("eval.json"), "loss");
}

Test(landscape, lines_begin_and_end_at_the_models_they_are_named_for) {
  enum { N = 5 };
  double loss[N], first, at[3 * 3];
  write_dataset("data.h5", (spec_t){.rows = 300});
  write_network("net.yaml", "standard");
  run_well(ALONE, "train net.yaml name=a");
  run_well(ALONE, "train net.yaml name=b train.seed=2");
  run_well(ALONE, "train net.yaml name=c train.seed=3");
  run_well(2, "landscape a --towards a --x=-0.5:1.5:5");
  read_doubles("landscape.h5", "train_loss", N, loss);
  first = number_of("landscape.h5", "train_loss_at_origin");
  for (int i = 0; i < N; i++)
    cr_expect_eq(memcmp(&loss[i], &first, sizeof first), 0, "%.17g, %.17g", loss[i], first);
  const double a = eval_loss("a"), b = eval_loss("b"), c = eval_loss("c");
  cr_expect_float_eq(first, a, 1e-8 * a, "%.17g, eval says %.17g", first, a);
  run_well(ALONE, "landscape a --towards b --towards c --x=-1:1:3 --y=-1:1:3");
  read_doubles("landscape.h5", "train_loss", 3, at);
  cr_expect_float_eq(at[1 * 3 + 1], a, 1e-8 * a, "at (0, 0): %g, not %g", at[4], a);
  cr_expect_float_eq(at[1 * 3 + 2], b, 1e-6 * b, "at (1, 0): %g, not %g", at[5], b);
  cr_expect_float_eq(at[2 * 3 + 1], c, 1e-6 * c, "at (0, 1): %g, not %g", at[7], c);
}

/* ---- layouts ---- */

Test(landscape, same_bits_on_any_layout) {
  enum { NX = 6, NY = 5 };
  static const char *const names[] = {"train_loss", "train_acc", "test_loss", "test_acc"};
  static const char words[] =
      "landscape net.yaml --x=-1:1:6 --y=-2:2:5 --test --with-biases parallel.shards=7";
  write_dataset("data.h5", (spec_t){.rows = 1300});
  write_network("net.yaml", "standard");
  run_well(ALONE, "%s --out one.h5 parallel.threads=2", words);
  run_well(2, "%s --out two.h5", words);
  run_well(3, "%s --out three.h5", words);
  run_well(2, "%s --out streamed.h5 data.memory_limit=66KB", words); /* no rank can hold all rows */
  for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
    double one[NX * NY], two[NX * NY], three[NX * NY], streamed[NX * NY];
    read_doubles("one.h5", names[k], NY, one);
    read_doubles("two.h5", names[k], NY, two);
    read_doubles("three.h5", names[k], NY, three);
    read_doubles("streamed.h5", names[k], NY, streamed);
    cr_expect_eq(memcmp(one, streamed, sizeof one), 0, "another %s of rows that are streamed", names[k]);
    cr_expect(memcmp(one, two, sizeof one) == 0 && memcmp(one, three, sizeof one) == 0, "another %s",
              names[k]);
    cr_expect(one[0] > 0 && (k % 2 == 0 || one[0] <= 100), "%s is %g", names[k], one[0]);
  }
  cr_expect_eq(number_of("two.h5", "test_rows"), TEST_ROWS);
  run_well(2, "landscape net.yaml --random 1 --x=-1:1:3 --rows 50 --out rows.h5");
  cr_expect_eq(number_of("rows.h5", "train_rows"), 50);
}

/* ---- trajectories ---- */

Test(landscape, trajectory_is_that_of_numpy) {
  const char *python = run_python();
  if (python == NULL) cr_skip_test("no Python with h5py and numpy here");
  write_dataset("data.h5", (spec_t){.rows = 300});
  write_network("net.yaml", "standard");
  run_well(ALONE, "train net.yaml name=start train.epochs=0");
  run_well(ALONE, "train net.yaml name=a");
  run_well(2, "landscape a --trajectory --rows 20 --out way.h5");
  result_t result = run_command("%s %s/system/landscape.py way.h5 runs/start runs/a", python, TESTS_FOLDER);
  cr_expect_eq(result.code, 0, "%s%s", result.out, result.err);
}

/* ---- interruptions ---- */

static const char long_words[] = "landscape net.yaml --x=-1:1:60 --y=-1:1:60 --out long.h5";

/* Starts a landscape and waits until it computes points. */
static pid_t start_long(int ranks, const char *more) {
  pid_t running = run_start(ranks, "%s %s", long_words, more);
  for (int i = 0; i < 2000 && !file_exists(".long.h5.lock"); i++) usleep(5000);
  return running;
}

static void expect_reference(const char *when) {
  enum { N = 60 * 60 };
  static double reference[N], found[N];
  read_doubles("reference.h5", "train_loss", 60, reference);
  read_doubles("long.h5", "train_loss", 60, found);
  cr_expect_eq(memcmp(reference, found, sizeof found), 0, "another landscape %s", when);
  cr_expect_eq(number_of("long.h5", "done"), N, "%s", when);
}

Test(landscape, goes_on_after_kills_and_signals) {
  bool was_killed = false, was_stopped = false;
  write_dataset("data.h5", (spec_t){.rows = 300});
  write_network("net.yaml", "standard");
  run_well(ALONE, "landscape net.yaml --x=-1:1:60 --y=-1:1:60 --out reference.h5");
  for (int i = 0; i < ATTEMPTS && !was_killed; i++) {
    unlink("long.h5");
    pid_t running = start_long(2, "");
    for (int k = 0; k < 400 && !file_exists("long.h5"); k++) {
      run_signal_ranks(running, SIGCONT, ANY_RANKS); /* asks for a publication */
      usleep(20000);
    }
    run_kill_ranks(running);
    run_finish(running, LIMIT_SECONDS);
    was_killed = file_exists("long.h5") && number_of("long.h5", "done") < 60 * 60;
  }
  cr_assert(was_killed, "every landscape was over before the kill");
  run_well(3, "%s --resume", long_words);
  expect_reference("after a kill");
  for (int i = 0; i < ATTEMPTS && !was_stopped; i++) {
    unlink("long.h5");
    pid_t running = start_long(ALONE, "--resume");
    result_t second = run(ALONE, "%s --resume", long_words);
    run_signal_ranks(running, SIGTERM, ANY_RANKS);
    result_t result = run_finish(running, LIMIT_SECONDS);
    was_stopped = result.code == 75;
    if (!was_stopped) continue;
    cr_expect_not_null(strstr(result.err, "--resume goes on"), "%s", result.err);
    cr_expect(number_of("long.h5", "done") < 60 * 60);
    cr_expect_eq(second.code, 1, "two owners: %d", second.code);
  }
  cr_assert(was_stopped, "every landscape was over before the signal");
  run_well(ALONE, "%s --resume parallel.threads=2", long_words);
  expect_reference("after a signal");
}

/* ---- mistakes ---- */

typedef struct {
  const char *words;
  int code;
  const char *says;
} mistake_t;

static void expect_mistakes(const mistake_t *cases, size_t n) {
  for (size_t i = 0; i < n; i++) {
    result_t result = run(ALONE, "landscape %s", cases[i].words);
    cr_expect_eq(result.code, cases[i].code, "%s: %d", cases[i].words, result.code);
    cr_expect_not_null(strstr(result.err, cases[i].says), "%s: %s", cases[i].words, result.err);
  }
}

Test(landscape, mistakes_are_answered_with_what_is_right) {
  static const mistake_t cases[] = {
      {"line.yaml --weight dense1.wieght[0,0]", 2, "did you mean dense1.weight?"},
      {"line.yaml --weight dense1.weight[0,1]", 2, "the array has the shape (1, 1)"},
      {"line.yaml --weight dense1.bias --weight dense1.bias[0]", 2, "twice"},
      {"line.yaml --weight a --weight b --weight c", 2, "twice at most"},
      {"line.yaml --weight dense1.bias --random 2", 2, "exclude each other"},
      {"line.yaml --x=1:0:5", 2, "--x: 1 is not below 0"},
      {"line.yaml --x=0:nan:5", 2, "LOW:HIGH:N"},
      {"line.yaml --random 1 --y=0:1:5", 2, "--y is for a plane"},
      {"line.yaml --weight dense1.bias --seed 3", 2, "--seed is for random directions"},
      {"line.yaml --norm filtre", 2, "none of filter, layer, none"},
      {"line.yaml --eigenvalues 3 --resume", 2, "--resume is for lines and planes"},
      {"line.yaml --out line.h5", 2, "would be overwritten"},
      {"line.yaml --out nowhere/a.h5", 1, "--out"},
      {"line.yaml --test", 3, "neither test rows nor validation rows"},
      {"line.yaml --trajectory", 2, "takes a run"},
      {"line.yaml checkpoint.keep=5", 2, "has no effect in `lockstep landscape`"},
      {"nosuch", 3, "nosuch"},
      {"line train.seed=5", 2, "train.seed has no effect here"},
      {"line --trajectory", 3, "a plane needs 3"},
      {"line --towards wide", 3, "is another network"},
      {"line --towards scaled", 3, "scales or encodes"},
      {"line --towards bent", 3, "bent/model.h5 is another network: its layers have other activations"},
      {"line --towards nosuch", 3, "nosuch"},
      {"line data.file=two.h5 --random 1", 3, "13 features"},
      {"many --random 1", 2, "ensemble"},
      {"line --random 1 --x=-1:1:3 --out l.h5 --resume", 2, "holds another landscape"},
      {"line --random 1 --x=-1:1:3 --out eigenvalues.h5 --resume", 3, "no landscape"},
      {"line --weight dense1.bias --x=0:1:3 --out l.h5 --resume data.file=other.h5", 2, "another landscape"},
  };
  write_line(1.5F);
  run_well(ALONE, "train line.yaml");
  run_well(ALONE, "train line.yaml name=wide 'model.layers=[dense: 3, dense: 1]'");
  run_well(ALONE, "train line.yaml name=bent 'model.layers=[dense: {units: 1, activation: softplus}]'");
  run_well(ALONE, "train line.yaml name=scaled data.scaling=standard");
  run_well(ALONE, "train line.yaml name=many train.members=2");
  run_well(ALONE, "landscape line --weight dense1.bias --x=0:1:3 --out l.h5");
  run_well(ALONE, "landscape line --eigenvalues 1");
  write_dataset("two.h5", (spec_t){.rows = 30, .regression = true});
  rename("line.h5", "kept.h5");
  write_line(2);
  rename("line.h5", "other.h5");
  rename("kept.h5", "line.h5");
  expect_mistakes(cases, sizeof cases / sizeof cases[0]);
}

/* Far away losses overflow: such points are NaN or infinite in the file, and counted. */
Test(landscape, losses_that_are_not_finite_are_kept_and_counted) {
  double loss[3];
  write_line(1.5F);
  result_t result = run_well(ALONE, "landscape line.yaml --weight dense1.bias --x=-1e30:1e30:3");
  read_doubles("landscape.h5", "train_loss", 3, loss);
  cr_expect(!isfinite(loss[0]) && isfinite(loss[1]) && !isfinite(loss[2]), "%g %g %g", loss[0], loss[1],
            loss[2]);
  cr_expect_not_null(strstr(result.out, "2 points have no finite loss"), "%s", result.out);
}
