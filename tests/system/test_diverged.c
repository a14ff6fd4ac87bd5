/* Numbers that are not finite. A step with such a loss or gradient ends the run, which says where it was, or
 * is skipped as if its rows were not in the file. No checkpoint and no model ever holds one. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Rows in file order, in shards of 64: step t of an epoch has rows 16 t to 16 t + 15 of every shard. */
enum { SHARDS = 4, SHARD_ROWS = 64, SLICE = 16, ROWS = SHARDS * SHARD_ROWS, WIDTH = 6, VALUES = 2 };
enum { BAD_ROW = SHARD_ROWS + 20, BAD_STEP = 2 }; /* in shard 1 */

/* The first inputs of the bad row. */
typedef struct {
  float value;
  int inputs; /* 0: the row is as good as the others */
} bad_t;

static void write_group(store_t *store, const char *group, bad_t bad, int without_step) {
  static float x[ROWS * WIDTH], y[ROWS * VALUES], weights[ROWS];
  ls_error error = {0};
  char name[32];
  int64_t n = 0;
  for (int row = 0; row < ROWS; row++) {
    if (row % SHARD_ROWS / SLICE + 1 == without_step) continue;
    for (int c = 0; c < WIDTH; c++) x[n * WIDTH + c] = (float)noise((uint64_t)(row * WIDTH + c)) - 0.5F;
    for (int c = 0; c < VALUES; c++) y[n * VALUES + c] = x[n * WIDTH + c] - 2 * x[n * WIDTH + c + 1];
    for (int c = 0; c < bad.inputs && row == BAD_ROW; c++) x[n * WIDTH + c] = bad.value;
    if (bad.inputs == WIDTH && row == BAD_ROW - SHARD_ROWS) x[n * WIDTH] = 2e6F; /* harmless, in shard 0 */
    weights[n] = 1; /* the mean must be 1, because weights are divided by it */
    if (bad.inputs > 0 && row == BAD_ROW) weights[n] = 1e-25F;
    if (bad.inputs > 0 && row == BAD_ROW + 1) weights[n] = 2;
    n++;
  }
  const int64_t x_shape[] = {n, WIDTH}, y_shape[] = {n, VALUES};
  snprintf(name, sizeof name, "%s/x", group);
  cr_assert_eq(store_write(store, name, STORE_F32, 2, x_shape, x, &error), LS_OK, "%s", error.message);
  snprintf(name, sizeof name, "%s/weights", group);
  cr_assert_eq(store_write(store, name, STORE_F32, 1, x_shape, weights, &error), LS_OK, "%s", error.message);
  snprintf(name, sizeof name, "%s/y", group);
  cr_assert_eq(store_write(store, name, STORE_F32, 2, y_shape, y, &error), LS_OK, "%s", error.message);
}

/* Writes the training rows of all steps of an epoch, or of all but one, with a bad row among them, and
 * validation rows if they have a bad one. */
static void write_rows(const char *path, bad_t train, bad_t valid, int without_step) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_create(path, &store, &error), LS_OK, "%s", error.message);
  write_group(store, "train", train, without_step);
  if (valid.inputs > 0) write_group(store, "valid", valid, 0);
  write_group(store, "test", (bad_t){0}, 0);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
}

/* What the bad row spoils: GRADIENT, the gradient alone, nine times its input, while the loss is a sum of
 * doubles; LOSS, the loss alone, while the gradient of mae is the input times a tiny weight; BOTH. Each has a
 * network and a file. */
typedef enum { GRADIENT, LOSS, BOTH } case_t;
static const char *const configs[] = {"gradient.yaml", "loss.yaml", "both.yaml"};

static void write_config(const char *path, const char *weights, const char *layers, const char *loss) {
  write_text(path,
             "data: {file: good.h5, shuffle: none, weights: %s}\n"
             "model: {layers: [%s]}\n"
             "loss: %s\n"
             "optimizer: {name: adam, learning_rate: 0.01}\n"
             "train: {epochs: 3, global_batch_size: %d}\n"
             "parallel: {shards: %d, threads: 1}\n"
             "checkpoint: {every: 1 steps}\n",
             weights, layers, loss, SHARDS * SLICE, SHARDS);
}

static void set_up(void) {
  place_make();
  const bad_t none = {0}, one = {3e38F, 1}, all = {3e38F, WIDTH};
  write_rows("good.h5", none, none, 0);
  write_rows("bad-0.h5", one, none, 0);
  write_rows("bad-1.h5", all, none, 0);
  write_rows("bad-2.h5", all, none, 0);
  write_rows("bad-valid.h5", none, all, 0);
  write_rows("rest.h5", none, none, BAD_STEP);
  write_config("gradient.yaml", "none", "{dense: {units: 1, init: ones}}, {dense: {units: 2, init: ones}}",
               "[{name: mae, outputs: 1, weight: 9}, {name: mae, weight: 9}]");
  write_config("loss.yaml", "train/weights", "{dense: {units: 2, init: ones}}", "mae");
  write_config("both.yaml", "none", "{dense: 19}, {batch_norm: {}}, {dense: 2}", "mse");
}

TestSuite(diverged, .init = set_up, .fini = place_remove);

/* ranks, settings; the first is a single process */
static const struct {
  int ranks;
  const char *settings;
} layouts[] = {{ALONE, ""}, {2, ""}, {3, "parallel.ranks_per_node=2"}, {2, "parallel.reduce=mpi"}};
enum { LAYOUTS = sizeof layouts / sizeof layouts[0], SAME_BITS = LAYOUTS - 1 };

/* One kind is tried on all layouts. Of the others, two ranks of a node show nothing that three ranks do not.
 */
static int layout_after(case_t kind, int l) {
  return kind != GRADIENT && l == 0 ? 2 : l + 1;
}

static void check_says(const result_t *result, const char *const *words) {
  cr_expect_eq(result->code, 1, "exit code %d: %s", result->code, result->err);
  for (; *words != NULL; words++)
    cr_expect_not_null(strstr(result->err, *words), "'%s' is not in:\n%s", *words, result->err);
}

/* ---- stop ---- */

static void check_stop(case_t kind, const char *const *words) {
  for (int l = 0; l < LAYOUTS; l = layout_after(kind, l)) {
    result_t result = run(layouts[l].ranks, "train %s name=stop%d data.file=bad-%d.h5 %s", configs[kind], l,
                          kind, layouts[l].settings);
    check_says(&result, words);
    cr_expect_not(file_exists("runs/stop0/model.h5"));
    cr_expect_not(file_exists("runs/stop0/checkpoint-00000002.h5"), "a diverged state was saved");
  }
}

static const char newest[] = "The newest checkpoint holds finite numbers, of step 1: runs/";

Test(diverged, gradient_is_named_with_step_array_shard_and_row) {
  check_stop(GRADIENT,
             (const char *const[]){"diverged in step 2: the gradient of dense1/weight is not finite; "
                                   "training row 84, of shard 1, has the input 3e+38 in column 0",
                                   newest, NULL});
}

Test(diverged, loss_is_named_with_step_shard_and_row) {
  check_stop(LOSS, (const char *const[]){
                       "diverged in step 2: the loss of shard 1 is not finite; training row 84, of "
                       "shard 1, has the input 3e+38 in column 0",
                       newest, NULL});
}

/* The update of the last step leaves infinity, or numbers so large that the next loss would be infinite. */
Test(diverged, last_step_counts) {
  static const struct {
    const char *settings;
    const char *words[3];
  } cases[] = {
      {"optimizer.learning_rate=3e38 train.l2=1000", {"dense1/weight is not finite after this step", NULL}},
      {"optimizer.learning_rate=1e25", {"with the new parameters the loss is not finite", NULL}},
      {"optimizer.learning_rate=1e25 train.global_batch_size=all train.epochs=1",
       {"with the new parameters the loss is not finite", NULL}}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (int l = 0; l < LAYOUTS; l += i == 0 ? 1 : 2) {
      result_t result = run(layouts[l].ranks, "train both.yaml name=last train.steps=1 optimizer=sgd %s %s",
                            cases[i].settings, layouts[l].settings);
      check_says(&result, cases[i].words);
      check_says(&result, (const char *const[]){"diverged in step 1: ", "There is no checkpoint", NULL});
      cr_expect_not(file_exists("runs/last/model.h5"));
    }
}

/* Layers before the last are frozen, so only the rank that has the last one's weights sees what is wrong. */
Test(diverged, numbers_of_another_rank_are_named) {
  result_t result = run(2, "train gradient.yaml name=last train.steps=1 optimizer=sgd "
                           "optimizer.learning_rate=3e38 train.l2=1000 loss=mse "
                           "'model.layers=[dense: 200, dense: 2]' model.freeze=[dense1] "
                           "parallel.ranks_per_node=1");
  check_says(&result, (const char *const[]){"dense2/weight is not finite after this step", NULL});
}

/* ---- skip ---- */

/* A run that skips step 2 of each epoch trains as if the rows of that step were not there: the same bits,
 * although Adam corrects its means by the number of updates, and batch_norm has running statistics. */
static void check_skip(case_t kind) {
  outcome_t rest;
  for (int l = 0; l < LAYOUTS; l = layout_after(kind, l)) {
    const char *settings = layouts[l].settings;
    if (l == 0 || l == SAME_BITS) {
      run_well(layouts[l].ranks, "train %s name=rest data.file=rest.h5 %s", configs[kind], settings);
      rest = outcome_of("rest");
    }
    run_well(layouts[l].ranks, "train %s name=skips data.file=bad-%d.h5 train.on_nan=skip %s", configs[kind],
             kind, settings);
    outcome_t skips = outcome_of("skips");
    cr_expect_eq(json_double(file_text("runs/skips/summary.json"), "skipped_steps"), 3);
    cr_expect_str_eq(skips.checksum, rest.checksum, "%s, layout %d", configs[kind], l);
    for (int64_t e = 0; e < rest.epochs; e++) cr_expect_eq(skips.train_loss[e], rest.train_loss[e]);
  }
}

Test(diverged, bad_gradient_is_skipped) {
  check_skip(GRADIENT);
}
Test(diverged, bad_loss_is_skipped) {
  check_skip(LOSS);
}
Test(diverged, bad_statistics_are_skipped) {
  check_skip(BOTH);
}

Test(diverged, resumed_run_goes_on_counting_skips) {
  run_well(ALONE, "train both.yaml name=whole data.file=bad-2.h5 train.on_nan=skip");
  outcome_t whole = outcome_of("whole");
  for (int steps = 1; steps < 7; steps += 5) {
    run_well(2, "train both.yaml name=part data.file=bad-2.h5 train.on_nan=skip train.steps=%d", steps);
    run_well(3, "train both.yaml name=part data.file=bad-2.h5 train.on_nan=skip --resume");
    outcome_t part = outcome_of("part");
    outcome_expect_same(&whole, &part, "part");
    cr_expect_eq(json_double(file_text("runs/part/summary.json"), "skipped_steps"), 3);
  }
}

/* An epoch of one step, which is skipped: there is no loss, but also nothing wrong with the state that is
 * saved. */
Test(diverged, epoch_without_any_step_goes_on) {
  for (int l = 0; l < LAYOUTS; l = layout_after(BOTH, l)) {
    run_well(layouts[l].ranks,
             "train both.yaml --replace name=none data.file=bad-2.h5 train.on_nan=skip train.epochs=2 "
             "train.global_batch_size=all %s",
             layouts[l].settings);
    cr_expect_eq(json_double(file_text("runs/none/summary.json"), "skipped_steps"), 2);
    cr_expect(file_exists("runs/none/checkpoint-00000002.h5"));
  }
}

/* Every step but the first is skipped. The state that is kept is that after the first. */
Test(diverged, skipping_has_an_end) {
  float kept[2][19 * WIDTH];
  run_well(
      ALONE,
      "train both.yaml name=one train.steps=1 optimizer=sgd optimizer.learning_rate=1e25 train.on_nan=skip");
  read_floats("runs/one/checkpoint-00000001.h5", "parameters/dense1/weight", 19, kept[0]);
  for (int l = 0; l < SAME_BITS; l++) {
    result_t result = run(layouts[l].ranks,
                          "train both.yaml name=cap train.on_nan=skip train.max_skips=3 optimizer=sgd "
                          "optimizer.learning_rate=1e25 checkpoint.every=never %s",
                          layouts[l].settings);
    check_says(&result, (const char *const[]){"diverged in step 4: 3 steps in a row were skipped",
                                              "of step 4: runs/cap/checkpoint-00000004.h5", NULL});
    read_floats("runs/cap/checkpoint-00000004.h5", "parameters/dense1/weight", 19, kept[1]);
    cr_expect_arr_eq(kept[0], kept[1], sizeof kept[0]);
  }
}

/* ---- validation ---- */

/* The bad row is a validation row: its epochs are reported, and none of them is the best. */
Test(diverged, bad_validation_loss_is_never_the_best) {
  result_t result = run(ALONE, "train loss.yaml name=valid data.file=bad-valid.h5");
  cr_expect_eq(result.code, 0, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "warning: the validation loss is infinite although all parameters"),
                     "%s", result.err);
  cr_expect_not_null(strstr(result.out, "model.h5 holds the last parameters, of step 12"), "%s", result.out);
  cr_expect_eq(json_double(file_text("runs/valid/summary.json"), "model_step"), 12);
}
