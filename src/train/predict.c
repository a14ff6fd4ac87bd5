/* Predictions with what is known of their uncertainty. */
#include "train/predict.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>

void predictions_free(predictions_t *predictions) {
  arena_free(&predictions->arena);
  *predictions = (predictions_t){0};
}

static ls_status make_room(bool has_deviations, predictions_t *predictions, ls_error *error) {
  float **const arrays[] = {&predictions->mean, &predictions->aleatoric, &predictions->epistemic};
  size_t n = (size_t)(predictions->rows * predictions->outputs);
  for (int i = 0; i < (has_deviations ? 3 : 1); i++)
    if ((*arrays[i] = arena_new(&predictions->arena, n, sizeof(float))) == NULL)
      return error_set(error, LS_NO_MEMORY, "no memory for the predictions of %" PRId64 " rows",
                       predictions->rows);
  return LS_OK;
}

/* ---- Bayesian linear regression ---- */

/* One thread's buffers. */
typedef struct {
  float *x;                   /* (inputs) */
  double *scratch, *variance; /* (inputs), (outputs) */
} row_t;

static ls_status make_rows(const posterior_t *posterior, int threads, arena_t *arena, row_t **out,
                           ls_error *error) {
  row_t *rows = arena_new(arena, (size_t)threads, sizeof *rows);
  bool all = rows != NULL;
  for (int t = 0; all && t < threads; t++) {
    rows[t].x = arena_new(arena, (size_t)posterior->inputs, sizeof(float));
    rows[t].scratch = arena_new(arena, (size_t)posterior->inputs, sizeof(double));
    rows[t].variance = arena_new(arena, (size_t)posterior->outputs, sizeof(double));
    all = rows[t].x != NULL && rows[t].scratch != NULL && rows[t].variance != NULL;
  }
  *out = rows;
  return all ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for predictions");
}

/* From the units of scaled targets to the original ones. */
static float original(const scaler_t *targets, int64_t k, double variance) {
  double scale = targets->n > 0 ? fabs(targets->scale[k]) : 1;
  return (float)(sqrt(variance) / scale);
}

static ls_status posterior_deviations(const model_t *model, const split_t *split, int threads,
                                      predictions_t *predictions, ls_error *error) {
  const posterior_t *posterior = &model->posterior;
  int64_t outputs = posterior->outputs;
  gather_t gather = {0};
  arena_t arena = {0};
  row_t *rows = NULL;
  ls_status status = gather_create(split, &model->features, &gather, error);
  if (status == LS_OK) status = make_rows(posterior, threads, &arena, &rows, error);
  if (status == LS_OK) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < split->rows; r++) {
      row_t *row = &rows[omp_get_thread_num()];
      gather_range(&gather, r, 1, row->x);
      posterior_variance(posterior, row->x, row->scratch, row->variance);
      for (int64_t k = 0; k < outputs; k++) {
        predictions->aleatoric[r * outputs + k] = original(&model->targets, k, posterior->noise[k]);
        predictions->epistemic[r * outputs + k] = original(&model->targets, k, row->variance[k]);
      }
    }
  }
  gather_free(&gather);
  arena_free(&arena);
  return status;
}

ls_status predictions_make(const model_t *model, evaluator_t *evaluator, const split_t *split, int threads,
                           predictions_t *out, ls_error *error) {
  predictions_t predictions = {.rows = split->rows, .outputs = graph_outputs(model->graph)};
  bool is_bayesian = model->posterior.inputs > 0;
  ls_status status = make_room(is_bayesian, &predictions, error);
  if (status == LS_OK)
    status = evaluator_predict(evaluator, split, model->parameters, predictions.mean, error);
  if (status == LS_OK && is_bayesian)
    status = posterior_deviations(model, split, threads, &predictions, error);
  if (status != LS_OK) {
    predictions_free(&predictions);
    return status;
  }
  *out = predictions;
  return LS_OK;
}
