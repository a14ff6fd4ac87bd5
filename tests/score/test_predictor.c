/* Predictions for rows in memory, by one thread and without ranks, against the formula of a linear model. */
#include "model/init.h"
#include "score/predictor.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { ROWS = 150, INPUTS = 3, OUTPUTS = 2, MEMBERS = 2 };

#define OK(call)                                                                                             \
  do {                                                                                                       \
    ls_error error_ = {0}, *error = &error_;                                                                 \
    cr_assert_eq((call), LS_OK, "%s: %s", #call, error->message);                                            \
    (void)error;                                                                                             \
  } while (0)

static float x[ROWS * INPUTS];
static double shift[OUTPUTS] = {2, -1}, scale[OUTPUTS] = {4, -0.5}, offset[OUTPUTS] = {0.25, 0};
static const scaler_t targets = {
    .name = "standard", .n = OUTPUTS, .shift = shift, .scale = scale, .offset = offset};

/* A dense layer without activation, and two vectors of its parameters. */
typedef struct {
  graph_t *graph;
  head_t head;
  objective_t objective;
  features_t features;
  float *members[MEMBERS];
  float weights[MEMBERS][OUTPUTS * INPUTS];
  split_t split;
  gather_t gather;
} linear_t;

static void make(linear_t *linear) {
  const layer_settings_t layer = {
      .kind = LAYER_DENSE, .units = OUTPUTS, .activation = "identity", .init = "auto", .bias = true};
  for (int i = 0; i < ROWS * INPUTS; i++) x[i] = (float)(i * 37 % 101) / 50 - 1;
  *linear = (linear_t){
      .head = {.loss = loss_find("mse"), .weight = 1, .outputs = OUTPUTS, .targets = OUTPUTS, .classes = 1},
      .features = {.columns = INPUTS, .encoded = INPUTS, .inputs = INPUTS}};
  linear->objective =
      (objective_t){.heads = &linear->head, .n = 1, .outputs = OUTPUTS, .targets = OUTPUTS, .factors = 1};
  OK(graph_create(&layer, 1, INPUTS, &linear->graph, error));
  for (int m = 0; m < MEMBERS; m++) {
    linear->members[m] = aligned_alloc(ARENA_ALIGNMENT, graph_floats(linear->graph) * sizeof(float));
    OK(init_parameters(linear->graph, 5 + (uint64_t)m, linear->members[m], error));
    graph_unpack(linear->graph, 0, linear->members[m], linear->weights[m]);
  }
  const split_arrays_t arrays = {.rows = ROWS, .features = INPUTS, .type = ELEMENT_F32, .x = x};
  OK(split_from_memory(&arrays, &linear->split, error));
  OK(gather_create(&linear->split, &linear->features, &linear->gather, error));
}

static void clear(linear_t *linear) {
  gather_free(&linear->gather);
  for (int m = 0; m < MEMBERS; m++) free(linear->members[m]);
  graph_destroy(&linear->graph);
}

/* W x of a member in the targets' own units; biases are 0. */
static double expected(const linear_t *linear, int member, int64_t row, int k) {
  double sum = 0;
  for (int c = 0; c < INPUTS; c++)
    sum += (double)linear->weights[member][k * INPUTS + c] * (double)x[row * INPUTS + c];
  return (sum - offset[k]) / scale[k] + shift[k];
}

Test(predictor, rows_in_memory_give_the_linear_model) {
  linear_t linear;
  predictor_t *predictor = NULL;
  double mean[PREDICT_ROWS * OUTPUTS];
  make(&linear);
  const mixture_t mixture = {.members = (const float *const *)linear.members, .n_members = 1};
  OK(predictor_create(linear.graph, &linear.objective, &targets, PREDICT_ROWS, &predictor, error));
  OK(predictor_take(predictor, &mixture, error));
  uncertainty_t uncertainty = predictor_uncertainty(&linear.objective, &mixture);
  cr_expect(!uncertainty.aleatoric && !uncertainty.epistemic);
  for (int64_t first = 0; first < ROWS; first += PREDICT_ROWS) {
    int64_t n = ROWS - first < PREDICT_ROWS ? ROWS - first : PREDICT_ROWS;
    predictor_predict(predictor, &linear.gather, first, n, (row_place_t){0, first},
                      &(prediction_rows_t){.mean = mean});
    for (int64_t i = 0; i < n; i++)
      for (int k = 0; k < OUTPUTS; k++)
        cr_assert_float_eq(mean[i * OUTPUTS + k], expected(&linear, 0, first + i, k), 1e-5);
  }
  predictor_destroy(&predictor);
  clear(&linear);
}

Test(predictor, two_members_give_their_mean_and_half_their_distance) {
  linear_t linear;
  predictor_t *predictor = NULL;
  double mean[PREDICT_ROWS * OUTPUTS], epistemic[PREDICT_ROWS * OUTPUTS];
  make(&linear);
  const mixture_t mixture = {.members = (const float *const *)linear.members, .n_members = MEMBERS};
  OK(predictor_create(linear.graph, &linear.objective, &targets, PREDICT_ROWS, &predictor, error));
  OK(predictor_take(predictor, &mixture, error));
  cr_expect(predictor_uncertainty(&linear.objective, &mixture).epistemic);
  predictor_predict(predictor, &linear.gather, 7, 5, (row_place_t){0},
                    &(prediction_rows_t){.mean = mean, .epistemic = epistemic});
  for (int64_t i = 0; i < 5; i++)
    for (int k = 0; k < OUTPUTS; k++) {
      double a = expected(&linear, 0, 7 + i, k), b = expected(&linear, 1, 7 + i, k);
      cr_assert_float_eq(mean[i * OUTPUTS + k], (a + b) / 2, 1e-5);
      cr_assert_float_eq(epistemic[i * OUTPUTS + k], fabs(a - b) / 2, 1e-5);
    }
  predictor_destroy(&predictor);
  clear(&linear);
}
