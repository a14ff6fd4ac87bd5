/* Predictions for all rows of a split: every thread has a predictor and takes blocks of rows. */
#include "score/predict.h"

#include "base/activity.h"
#include "base/size.h"
#include "score/block_walk.h"
#include "score/threads.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void predictions_free(predictions_t *predictions) {
  arena_free(&predictions->arena);
  *predictions = (predictions_t){0};
}

static ls_status make_room(uncertainty_t uncertainty, predictions_t *predictions, ls_error *error) {
  void **const arrays[] = {&predictions->mean, &predictions->aleatoric, &predictions->epistemic};
  const bool wanted[] = {true, uncertainty.aleatoric, uncertainty.epistemic};
  const int64_t shape[] = {predictions->rows, predictions->columns};
  size_t n = 0;
  bool fits = size_of_shape(1, 2, shape, &n);
  for (int i = 0; i < 3; i++)
    if (wanted[i] &&
        (!fits || (*arrays[i] = arena_new(&predictions->arena, n, element_size(predictions->type))) == NULL))
      return error_set(error, LS_NO_MEMORY, "no memory for the predictions of %" PRId64 " rows",
                       predictions->rows);
  return LS_OK;
}

/* ---- threads ---- */

/* One thread's part. */
typedef struct {
  predictor_t *predictor;
  prediction_rows_t rows; /* (PREDICT_ROWS, columns) each */
  ls_status status;
  ls_error error;
} seat_t;

typedef struct {
  const model_t *model;
  const mixture_t *mixture;
  gather_t gather;
  seat_t *seats; /* (threads) */
  predictions_t *predictions;
  size_t node; /* whose values are wanted; 0: predictions are */
} predicting_t;

static void take_seat(void *context, int thread) {
  predicting_t *predicting = context;
  const model_t *model = predicting->model;
  seat_t *seat = &predicting->seats[thread];
  seat->status = predictor_create(model->graph, &model->objective, &model->targets, PREDICT_ROWS,
                                  &seat->predictor, &seat->error);
  if (seat->status == LS_OK)
    seat->status = predictor_take(seat->predictor, predicting->mixture, &seat->error);
}

/* values (n) as elements [at, at + n) of an array of predictions, or of none. */
static void put(const predictions_t *out, void *array, int64_t at, int64_t n, const double *values) {
  if (array == NULL) return;
  if (out->type == ELEMENT_F64)
    memcpy((double *)array + at, values, (size_t)n * sizeof *values);
  else
    for (int64_t i = 0; i < n; i++) ((float *)array)[at + i] = (float)values[i];
}

static void predict_block(void *context, int thread, const row_block_t *block) {
  predicting_t *predicting = context;
  predictions_t *out = predicting->predictions;
  const seat_t *seat = &predicting->seats[thread];
  int64_t at = block->row * out->columns, n = block->n * out->columns;
  if (predicting->node > 0) {
    predictor_outputs(seat->predictor, &predicting->gather, block->resident, block->n, block->place);
    memcpy((float *)out->mean + at, predictor_node(seat->predictor, predicting->node),
           (size_t)n * sizeof(float));
    return;
  }
  predictor_predict(seat->predictor, &predicting->gather, block->resident, block->n, block->place,
                    &seat->rows);
  put(out, out->mean, at, n, seat->rows.mean);
  put(out, out->aleatoric, at, n, seat->rows.aleatoric);
  put(out, out->epistemic, at, n, seat->rows.epistemic);
}

static ls_status predict(predicting_t *predicting, const split_t *split, int threads, arena_t *arena,
                         ls_error *error) {
  block_walk_t walk = {0};
  predicting->seats = arena_new(arena, (size_t)threads, sizeof *predicting->seats);
  const int64_t columns = predicting->node > 0 ? 0 : predicting->predictions->columns;
  size_t values = PREDICT_ROWS * (size_t)columns;
  bool all = predicting->seats != NULL;
  for (int t = 0; t < threads && all; t++) {
    double *rows = arena_new(arena, 3 * values, sizeof *rows);
    all = rows != NULL;
    if (all) predicting->seats[t].rows = (prediction_rows_t){rows, rows + values, rows + 2 * values};
  }
  if (!all) return error_set(error, LS_NO_MEMORY, "no memory for predictions");
  TRY(gather_create(split, &predicting->model->features, &predicting->gather, error));
  TRY(block_walk_create(split, arena, &walk, error));
  threads_run(threads, take_seat, predicting);
  for (int t = 0; t < threads; t++)
    if (predicting->seats[t].status != LS_OK) {
      if (error != NULL) *error = predicting->seats[t].error;
      return predicting->seats[t].status;
    }
  ls_status status = block_walk_begin(&walk, error);
  if (status == LS_OK)
    status = block_walk_run(&walk, "predicting", threads, predict_block, predicting, error);
  block_walk_end(&walk);
  return status;
}

/* ---- values of a layer ---- */

/* "dense1, dropout1, dense2": as far as there is room. */
static void list_nodes(const graph_t *graph, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 1; i < graph_nodes(graph) && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i > 1 ? ", " : "", graph_node_name(graph, i));
}

static ls_status find_node(const model_t *model, const asking_t *asking, size_t *node, ls_error *error) {
  char list[400];
  const graph_t *graph = model->graph;
  bool has_temperature = false;
  for (size_t h = 0; asking->temperatures != NULL && h < model->objective.n; h++)
    has_temperature |= asking->temperatures[h] > 0;
  if (asking->samples > 0 || has_temperature)
    return error_set(
        error, LS_USAGE,
        "--layer: the values of a layer do not depend on --samples and --temperature: leave them out");
  if (model->n_members > 1)
    return error_set(error, LS_USAGE,
                     "--layer: each of the %" PRId64
                     " networks of an ensemble has values of its own: name the "
                     "model of one of them, such as RUN-member-1/model.h5",
                     model->n_members);
  for (size_t i = 1; i < graph_nodes(graph); i++)
    if (strcmp(graph_node_name(graph, i), asking->layer) == 0) {
      *node = i;
      return LS_OK;
    }
  list_nodes(graph, list, sizeof list);
  return error_set(error, LS_USAGE, "--layer: the network has no layer '%.60s'; it has %s", asking->layer,
                   list);
}

ls_status predictions_make(const model_t *model, const split_t *split, int threads, const asking_t *asking,
                           predictions_t *out, ls_error *error) {
  const settings_t *settings = model->settings;
  arena_t arena = {0};
  activity_set("predicting %" PRId64 " rows", split->rows);
  predictions_t predictions = {.rows = split->rows,
                               .columns = predictions_first(&model->objective, model->objective.n),
                               .type = model->targets.is_double ? ELEMENT_F64 : ELEMENT_F32};
  const mixture_t mixture = {.members = (const float *const *)model->members,
                             .n_members = model->n_members,
                             .samples = asking->samples,
                             .temperatures = asking->temperatures,
                             .seed = settings->train.seed,
                             .posterior = &model->posterior,
                             .has_copies = true};
  predicting_t predicting = {.model = model, .mixture = &mixture, .predictions = &predictions};
  if (asking->samples > 0 && !graph_has_samples(model->graph))
    return error_set(
        error, LS_USAGE,
        "--samples: this network has no dropout and no layer sample, so all samples would be the same");
  uncertainty_t uncertainty = predictor_uncertainty(&model->objective, &mixture);
  if (asking->layer != NULL) {
    TRY(find_node(model, asking, &predicting.node, error));
    predictions.columns = graph_node_width(model->graph, predicting.node);
    predictions.type = ELEMENT_F32;
    predictions.layer = asking->layer;
    uncertainty = (uncertainty_t){false, false};
  }
  ls_status status = make_room(uncertainty, &predictions, error);
  if (status == LS_OK) status = predict(&predicting, split, threads, &arena, error);
  for (int t = 0; t < threads && predicting.seats != NULL; t++)
    predictor_destroy(&predicting.seats[t].predictor);
  gather_free(&predicting.gather);
  arena_free(&arena);
  if (status != LS_OK) {
    predictions_free(&predictions);
    return status;
  }
  *out = predictions;
  return LS_OK;
}
