/* Heads whose classes have weights, beside those of rows, against PyTorch and scikit-learn: losses,
 * parameters after some steps and a fit to its end; in memory or not, on any layout. */
#include "figures/class_weights.h"

#include "store/store.h"
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The text of a YAML list of heads. */
#define HEADS_TEXT                                                                                           \
  "[{head: kind, name: cross_entropy, outputs: 3, targets: [1], class_weights: balanced}, "                  \
  "{head: flag, name: binary_cross_entropy, outputs: 1, targets: [2], class_weights: [1, 2.5], weight: "     \
  "0.5}, {head: size, name: mse, targets: [0]}]"

static void write_part(store_t *store, const char *group, int64_t first, int64_t rows) {
  ls_error error = {0};
  const struct {
    const char *name;
    int64_t width;
    const double *values;
  } arrays[] = {{"x", INPUTS, figure_x}, {"y", 3, figure_y}, {"weights", 1, figure_weights}};
  for (int i = 0; i < 3; i++) {
    char name[32];
    const int64_t shape[] = {rows, arrays[i].width};
    snprintf(name, sizeof name, "%s/%s", group, arrays[i].name);
    cr_assert_eq(store_write(store, name, STORE_F64, arrays[i].width > 1 ? 2 : 1, shape,
                             arrays[i].values + first * arrays[i].width, &error),
                 LS_OK, "%s", error.message);
  }
}

static void set_up(void) {
  ls_error error = {0};
  store_t *store = NULL;
  place_make();
  cr_assert_eq(store_create("data.h5", &store, &error), LS_OK, "%s", error.message);
  write_part(store, "train", 0, ROWS);
  write_part(store, "test", ROWS, TESTS);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
  write_text("config.yaml",
             "data: {file: data.h5, weights: train/weights, test_weights: test/weights}\n"
             "model: {layers: [dense: {units: 5, init: zeros}]}\n"
             "loss: %s\n"
             "optimizer: {name: sgd, learning_rate: %g}\n"
             "train: {epochs: %d, global_batch_size: all}\n"
             "checkpoint: {best: none}\n"
             "parallel: {shards: 5, threads: 1}\n",
             HEADS_TEXT, rate, STEPS);
}

TestSuite(class_weights, .init = set_up, .fini = place_remove);

/* n doubles of an array of a file of the run. */
static void read_values(const char *path, const char *name, int64_t n, double *out) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, name, 0, n, STORE_F64, out, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

/* Weights, then biases, of the only layer. */
static void expect_parameters(const double *expected, int outputs, double tolerance) {
  double found[5 * (INPUTS + 1)];
  read_values("runs/config/model.h5", "parameters/dense1/weight", outputs, found);
  read_values("runs/config/model.h5", "parameters/dense1/bias", outputs, found + outputs * INPUTS);
  for (int i = 0; i < outputs * (INPUTS + 1); i++)
    cr_expect_float_eq(found[i], expected[i], tolerance, "parameter %d: %.9g, not %.9g", i, found[i],
                       expected[i]);
}

/* The loss of a head on the test rows, from a list of heads in JSON. */
static double test_loss_of(const char *json, const char *head, const char *key) {
  char name[64];
  snprintf(name, sizeof name, "\"head\": \"%s\"", head);
  const char *from = strstr(json, name);
  cr_assert_not_null(from, "%s: %s", head, json);
  return json_double(from, key);
}

Test(class_weights, of_several_heads_give_the_losses_and_steps_of_pytorch) {
  const char *const heads[HEADS] = {"kind", "flag", "size"};
  const double of_total[HEADS] = {1, head_weight, 1};
  double total[STEPS], found[STEPS];
  run_well(2, "train config.yaml");
  read_values("runs/config/history.h5", "train_loss", STEPS, total);
  for (int h = 0; h < HEADS; h++) {
    char name[64];
    snprintf(name, sizeof name, "heads/%s/train_loss", heads[h]);
    read_values("runs/config/history.h5", name, STEPS, found);
    for (int e = 0; e < STEPS; e++) {
      double expected = figure_losses[HEADS * e + h];
      cr_expect_float_eq(found[e], expected, 1e-6 * expected, "%s, step %d: %.9g, not %.9g", heads[h], e,
                         found[e], expected);
      total[e] -= of_total[h] * found[e];
    }
    double loss = test_loss_of(file_text("runs/config/summary.json"), heads[h], "test_loss");
    cr_expect_float_eq(loss, figure_test_losses[h], 1e-6, "%s, test: %.9g", heads[h], loss);
  }
  for (int e = 0; e < STEPS; e++) cr_expect_float_eq(total[e], 0, 1e-12);
  expect_parameters(figure_parameters, 5, 1e-6);
  run_well(3, "eval runs/config --json eval.json");
  for (int h = 0; h < HEADS; h++)
    cr_expect_float_eq(test_loss_of(file_text("eval.json"), heads[h], "loss"), figure_test_losses[h], 1e-6);
}

Test(class_weights, of_one_head_lead_where_those_of_scikit_learn_do) {
  run_well(2,
           "train config.yaml 'model.layers=[dense: {units: 3, init: zeros}]' 'loss={name: cross_entropy, "
           "targets: [1], class_weights: balanced}' optimizer=lbfgs train.epochs=200 train.l2=%.17g",
           penalty);
  expect_parameters(figure_logistic, 3, 2e-4);
}

Test(class_weights, do_not_touch_the_gradients_of_other_heads_and_are_those_of_central_differences) {
  double with[STEPS], without[STEPS];
  run_well(2, "gradcheck config.yaml --elements all");
  run_well(ALONE, "train config.yaml name=with");
  run_well(ALONE, "train config.yaml name=without 'loss=[{head: kind, name: cross_entropy, outputs: 3, "
                  "targets: [1]}, {head: flag, name: binary_cross_entropy, outputs: 1, targets: [2]}, "
                  "{head: size, name: mse, targets: [0]}]'");
  read_values("runs/with/history.h5", "heads/size/train_loss", STEPS, with);
  read_values("runs/without/history.h5", "heads/size/train_loss", STEPS, without);
  cr_expect_arr_eq(with, without, sizeof with); /* heads share no parameter here */
}
