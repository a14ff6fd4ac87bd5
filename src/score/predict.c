/* Predictions with what is known of their uncertainty. */
#include "score/predict.h"

#include "data/stream.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <string.h>

void predictions_free(predictions_t *predictions) {
  arena_free(&predictions->arena);
  *predictions = (predictions_t){0};
}

static ls_status make_room(bool has_aleatoric, bool has_epistemic, predictions_t *predictions,
                           ls_error *error) {
  float **const arrays[] = {&predictions->mean, &predictions->aleatoric, &predictions->epistemic};
  const bool wanted[] = {true, has_aleatoric, has_epistemic};
  size_t n = (size_t)(predictions->rows * predictions->columns);
  for (int i = 0; i < 3; i++)
    if (wanted[i] && (*arrays[i] = arena_new(&predictions->arena, n, sizeof(float))) == NULL)
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

/* The rows that are resident. */
static void resident_deviations(const model_t *model, const gather_t *gather, const part_t *part, int threads,
                                row_t *rows, predictions_t *predictions) {
  const posterior_t *posterior = &model->posterior;
  int64_t outputs = posterior->outputs;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < part->rows; i++) {
    row_t *row = &rows[omp_get_thread_num()];
    gather_range(gather, part->resident + i, 1, row->x);
    posterior_variance(posterior, row->x, row->scratch, row->variance);
    for (int64_t k = 0; k < outputs; k++) {
      int64_t at = (part->first + i) * outputs + k;
      predictions->aleatoric[at] = original(&model->targets, k, posterior->noise[k]);
      predictions->epistemic[at] = original(&model->targets, k, row->variance[k]);
    }
  }
}

static ls_status posterior_deviations(const model_t *model, const split_t *split, int threads,
                                      predictions_t *predictions, ls_error *error) {
  gather_t gather = {0};
  arena_t arena = {0};
  part_t part = {0};
  row_t *rows = NULL;
  ls_status status = gather_create(split, &model->features, &gather, error);
  if (status == LS_OK) status = make_rows(&model->posterior, threads, &arena, &rows, error);
  parts_begin(split);
  if (status == LS_OK) status = parts_next(split, &part, error);
  while (status == LS_OK && part.rows > 0) {
    resident_deviations(model, &gather, &part, threads, rows, predictions);
    status = parts_next(split, &part, error);
  }
  parts_end(split);
  gather_free(&gather);
  arena_free(&arena);
  return status;
}

static bool has_dropout(const layer_settings_t *layers, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (layers[i].rate > 0 || has_dropout(layers[i].layers, layers[i].n_layers)) return true;
  return false;
}

bool head_has_deviations(const head_t *head) {
  return loss_parts(head->loss, &head->params) == 2 &&
         loss_part(head->loss, &head->params, head->outputs, 1).is_deviation;
}

/* Columns of a head's predictions: its outputs but for deviations, which have an array of their own. */
static int64_t kept_columns(const head_t *head) {
  return head_has_deviations(head) ? head->targets : head->outputs;
}

int64_t predictions_first(const objective_t *objective, size_t h) {
  int64_t columns = 0;
  for (size_t i = 0; i < h; i++) columns += kept_columns(&objective->heads[i]);
  return columns;
}

/* One row of a head whose outputs are means and deviations: the latter become the aleatoric part, once the
 * spread of the means, which a mixture's deviations hold too, is taken out. row, spread: (outputs). */
static void split_row(const head_t *head, const float *row, const float *spread, float *aleatoric) {
  for (int64_t i = 0; i < head->targets; i++) {
    double whole = (double)row[head->targets + i], between = spread != NULL ? (double)spread[i] : 0;
    aleatoric[i] = (float)sqrt(fmax(whole * whole - between * between, 0));
  }
}

/* Deviations among the outputs move to the aleatoric part, NaN for heads without. In place: a row becomes
 * shorter. */
static ls_status part_deviations(const model_t *model, predictions_t *predictions, ls_error *error) {
  const objective_t *objective = &model->objective;
  int64_t outputs = predictions->columns, kept = predictions_first(objective, objective->n);
  float *mean = predictions->mean, *spread = predictions->epistemic;
  if (kept == outputs) return LS_OK;
  predictions->aleatoric = arena_new(&predictions->arena, (size_t)(predictions->rows * kept), sizeof(float));
  if (predictions->aleatoric == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the predictions of %" PRId64 " rows",
                     predictions->rows);
  for (int64_t r = 0; r < predictions->rows; r++)
    for (size_t h = 0; h < objective->n; h++) {
      const head_t *head = &objective->heads[h];
      int64_t from = r * outputs + head->first, to = r * kept + predictions_first(objective, h);
      size_t bytes = (size_t)kept_columns(head) * sizeof(float);
      for (int64_t i = 0; i < kept_columns(head); i++) predictions->aleatoric[to + i] = NAN;
      if (head_has_deviations(head))
        split_row(head, mean + from, spread != NULL ? spread + from : NULL, predictions->aleatoric + to);
      memmove(mean + to, mean + from, bytes);
      if (spread != NULL) memmove(spread + to, spread + from, bytes);
    }
  predictions->columns = kept;
  return LS_OK;
}

ls_status predictions_make(const model_t *model, evaluator_t *evaluator, const split_t *split, int threads,
                           const asking_t *asking, predictions_t *out, ls_error *error) {
  const settings_t *settings = model->settings;
  predictions_t predictions = {.rows = split->rows, .columns = graph_outputs(model->graph)};
  const mixture_t mixture = {.members = (const float *const *)model->members,
                             .n_members = model->n_members,
                             .samples = asking->samples,
                             .temperatures = asking->temperatures,
                             .seed = settings->train.seed};
  bool is_bayesian = model->posterior.inputs > 0, is_mixture = model->n_members > 1 || asking->samples > 1;
  if (asking->samples > 0 && !has_dropout(settings->model.layers, settings->model.n_layers))
    return error_set(error, LS_USAGE,
                     "--samples: this network has no dropout, so all samples would be the same");
  ls_status status = make_room(is_bayesian, is_bayesian || is_mixture, &predictions, error);
  if (status == LS_OK)
    status = evaluator_predict(evaluator, split, &mixture, predictions.mean,
                               is_mixture ? predictions.epistemic : NULL, error);
  if (status == LS_OK) status = part_deviations(model, &predictions, error);
  if (status == LS_OK && is_bayesian)
    status = posterior_deviations(model, split, threads, &predictions, error);
  if (status != LS_OK) {
    predictions_free(&predictions);
    return status;
  }
  *out = predictions;
  return LS_OK;
}
