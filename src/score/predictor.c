#include "score/predictor.h"

#include "loss/mixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct predictor {
  const graph_t *graph;
  int64_t rows; /* of a call, at most */
  const objective_t *objective;
  int64_t kept; /* columns of predictions */
  const scaler_t *targets;
  mixture_t mixture;
  graph_worker_t *kernels;
  tape_t *tape;
  float *parts;                       /* (parts, n, outputs) of the last n rows, of several parts */
  int64_t has_parts;                  /* that there is room for */
  double *values, *spread;            /* (rows, outputs) */
  float *row;                         /* (outputs) */
  double *scratch, *variance;         /* (inputs), (outputs): of a posterior */
  double *penalties, *part_penalties; /* (rows) */
  arena_t arena;
};

/* ---- life ---- */

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for predictions");
}

/* Whether predictions describe rows instead of giving a value for each output. */
static bool describes(const objective_t *objective) {
  return objective->heads[0].loss->describe != NULL; /* such a head stands alone */
}

static ls_status make(predictor_t *predictor, ls_error *error) {
  size_t rows = (size_t)predictor->rows, inputs = (size_t)graph_inputs(predictor->graph),
         outputs = (size_t)graph_outputs(predictor->graph);
  if (describes(predictor->objective)) outputs = 0; /* descriptions of rows need no room of their own */
  predictor->values = arena_new(&predictor->arena, rows * outputs, sizeof(double));
  predictor->spread = arena_new(&predictor->arena, rows * outputs, sizeof(double));
  predictor->row = arena_new(&predictor->arena, outputs, sizeof(float));
  predictor->scratch = arena_new(&predictor->arena, inputs, sizeof(double));
  predictor->variance = arena_new(&predictor->arena, outputs, sizeof(double));
  predictor->penalties = arena_new(&predictor->arena, rows, sizeof(double));
  predictor->part_penalties = arena_new(&predictor->arena, rows, sizeof(double));
  if (predictor->penalties == NULL || predictor->part_penalties == NULL || predictor->values == NULL ||
      predictor->spread == NULL || predictor->row == NULL || predictor->scratch == NULL ||
      predictor->variance == NULL)
    return no_memory(error);
  TRY(tape_create(predictor->graph, predictor->rows, 0, &predictor->tape, error));
  return graph_worker_create(predictor->graph, predictor->rows, 1, false, &predictor->kernels, error);
}

ls_status predictor_create(const graph_t *graph, const objective_t *objective, const scaler_t *targets,
                           int64_t rows, predictor_t **out, ls_error *error) {
  predictor_t *predictor = calloc(1, sizeof *predictor);
  if (predictor == NULL) return no_memory(error);
  predictor->graph = graph;
  predictor->rows = rows;
  predictor->objective = objective;
  predictor->kept = predictions_first(objective, objective->n);
  predictor->targets = targets;
  ls_status status = make(predictor, error);
  if (status != LS_OK) {
    predictor_destroy(&predictor);
    return status;
  }
  *out = predictor;
  return LS_OK;
}

void predictor_destroy(predictor_t **predictor) {
  if (predictor == NULL || *predictor == NULL) return;
  graph_worker_destroy(&(*predictor)->kernels);
  tape_destroy(&(*predictor)->tape);
  free((*predictor)->parts);
  arena_free(&(*predictor)->arena);
  free(*predictor);
  *predictor = NULL;
}

static int64_t samples_of(const mixture_t *mixture) {
  return mixture->samples > 0 ? mixture->samples : 1;
}

int64_t mixture_parts(const mixture_t *mixture) {
  return mixture->n_members * samples_of(mixture);
}

ls_status predictor_take(predictor_t *predictor, const mixture_t *mixture, ls_error *error) {
  int64_t parts = mixture_parts(mixture);
  if (parts > 1 && parts > predictor->has_parts) {
    size_t bytes = (size_t)(parts * predictor->rows * graph_outputs(predictor->graph)) * sizeof(float);
    float *room =
        aligned_alloc(ARENA_ALIGNMENT, (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT);
    if (room == NULL) return no_memory(error);
    free(predictor->parts);
    predictor->parts = room;
    predictor->has_parts = parts;
  }
  predictor->mixture = *mixture;
  return LS_OK;
}

/* ---- outputs ---- */

/* The outputs of one part of the mixture, on the tape. */
static const float *part_outputs(predictor_t *predictor, int64_t part, row_place_t place) {
  const mixture_t *mixture = &predictor->mixture;
  const uint64_t first_step = UINT64_C(1) << 63; /* of the dropout stream; training does not get there */
  pass_t pass = {.sampling = mixture->samples > 0,
                 .seed = mixture->seed,
                 .step = first_step + (uint64_t)(part % samples_of(mixture)),
                 .shard = (uint64_t)place.shard,
                 .row = place.row,
                 .has_copies = mixture->has_copies};
  graph_forward(predictor->kernels, mixture->members[part / samples_of(mixture)], predictor->tape, 0, 1,
                &pass);
  return tape_output(predictor->tape, 0);
}

/* Divides the logits of each head by its temperature. */
static void temper(const predictor_t *predictor, int64_t n, float *out) {
  const objective_t *objective = predictor->objective;
  for (size_t h = 0; h < objective->n && predictor->mixture.temperatures != NULL; h++) {
    const head_t *head = &objective->heads[h];
    double temperature = predictor->mixture.temperatures[h];
    for (int64_t r = 0; r < n && temperature > 0; r++)
      for (int64_t k = 0; k < head->outputs; k++) {
        float *z = out + r * objective->outputs + head->first + k;
        *z = (float)((double)*z / temperature);
      }
  }
}

/* Adds the share of the part that is on the tape. */
static void add_penalties(predictor_t *predictor, int64_t n, int64_t parts) {
  graph_penalties(predictor->graph, predictor->tape, 0, n, predictor->part_penalties);
  for (int64_t r = 0; r < n; r++) predictor->penalties[r] += predictor->part_penalties[r] / (double)parts;
}

const double *predictor_penalties(const predictor_t *predictor) {
  return graph_has_penalty(predictor->graph) ? predictor->penalties : NULL;
}

float *predictor_outputs(predictor_t *predictor, const gather_t *gather, int64_t first, int64_t n,
                         row_place_t place) {
  int64_t parts = mixture_parts(&predictor->mixture), values = n * graph_outputs(predictor->graph);
  float *x = tape_input(predictor->tape, 0), *out = tape_output(predictor->tape, 0);
  gather_range(gather, first, n, x);
  graph_worker_rows(predictor->kernels, n);
  memset(predictor->penalties, 0, (size_t)n * sizeof *predictor->penalties);
  for (int64_t p = 0; p < parts; p++) {
    const float *z = part_outputs(predictor, p, place);
    if (graph_has_penalty(predictor->graph)) add_penalties(predictor, n, parts);
    if (parts > 1) memcpy(predictor->parts + p * values, z, (size_t)values * sizeof *z);
  }
  if (parts > 1) mixture_outputs(predictor->objective, parts, n, predictor->parts, out);
  temper(predictor, n, out);
  return out;
}

const float *predictor_inputs(const predictor_t *predictor) {
  return tape_input(predictor->tape, 0);
}

const float *predictor_node(const predictor_t *predictor, size_t node) {
  return tape_values(predictor->tape, node, 0);
}

/* ---- predictions ---- */

/* The predictions of a head's regression in n rows, from the units of scaled targets to their own. */
static void unscale(const scaler_t *scaler, const head_t *head, int64_t n, int64_t stride, double *values) {
  const size_t parts = loss_parts(head->loss, &head->params);
  for (size_t p = 0; p < parts; p++) {
    const loss_part_t part = loss_part(head->loss, &head->params, head->outputs, p);
    double *row = values + part.first;
    for (int64_t i = 0; i < n; i++, row += stride)
      (part.is_deviation ? scaler_invert_widths : scaler_invert)(scaler, head->first_target, part.width, row);
  }
}

void predictor_values(const predictor_t *predictor, size_t h, int64_t n, const float *z, double *out) {
  const head_t *head = &predictor->objective->heads[h];
  int64_t stride = predictor->objective->outputs;
  float *row = predictor->row;
  for (int64_t i = 0; i < n; i++) {
    double *values = out + i * stride + head->first;
    memcpy(row, z + i * stride + head->first, (size_t)head->outputs * sizeof *row);
    if (head->loss->predict != NULL) head->loss->predict(&head->params, head->outputs, row);
    for (int64_t k = 0; k < head->outputs; k++) values[k] = (double)row[k];
  }
  if (loss_is_regression(head->loss)) unscale(predictor->targets, head, n, stride, out + head->first);
}

/* How far the parts' predictions for n rows lie apart, in original units. */
static void find_spread(const predictor_t *predictor, int64_t n, double *spread) {
  const objective_t *objective = predictor->objective;
  int64_t width = objective->outputs, parts = mixture_parts(&predictor->mixture);
  objective_predict(objective, parts * n, predictor->parts);
  mixture_deviation(parts, n * width, n * width, predictor->parts, spread);
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    for (int64_t i = 0; i < n && loss_is_regression(head->loss); i++)
      for (int64_t k = 0; k < head->outputs; k += head->targets) /* part by part */
        scaler_invert_widths(predictor->targets, head->first_target, head->targets,
                             spread + i * width + head->first + k);
  }
}

bool head_has_deviations(const head_t *head) {
  return head->targets > 0 && loss_has_deviations(head->loss);
}

/* Columns of a head's predictions: its outputs but for deviations, which have an array of their own. */
static int64_t kept_columns(const head_t *head) {
  return head_has_deviations(head) ? head->targets : loss_columns(head->loss, head->outputs);
}

int64_t predictions_first(const objective_t *objective, size_t h) {
  int64_t columns = 0;
  for (size_t i = 0; i < h; i++) columns += kept_columns(&objective->heads[i]);
  return columns;
}

static bool has_posterior(const mixture_t *mixture) {
  return mixture->posterior != NULL && mixture->posterior->inputs > 0;
}

uncertainty_t predictor_uncertainty(const objective_t *objective, const mixture_t *mixture) {
  bool bayesian = has_posterior(mixture);
  bool has_deviations = false;
  for (size_t h = 0; h < objective->n; h++) has_deviations |= head_has_deviations(&objective->heads[h]);
  return (uncertainty_t){.aleatoric = bayesian || has_deviations,
                         .epistemic = bayesian || (mixture_parts(mixture) > 1 && !describes(objective))};
}

/* One row of a head whose outputs are means and deviations: the latter become the aleatoric part, once the
 * spread of the means, which a mixture's deviations hold too, is taken out. row, spread: (outputs). */
static void split_row(const head_t *head, const double *row, const double *spread, double *aleatoric) {
  for (int64_t i = 0; i < head->targets; i++) {
    double whole = row[head->targets + i], between = spread != NULL ? spread[i] : 0;
    aleatoric[i] = sqrt(fmax(whole * whole - between * between, 0));
  }
}

/* Head h in n rows: deviations among the outputs go to the aleatoric part, NaN for a head without. spread may
 * be NULL. */
static void part_head(const predictor_t *predictor, size_t h, int64_t n, const double *spread,
                      const prediction_rows_t *out) {
  const objective_t *objective = predictor->objective;
  const head_t *head = &objective->heads[h];
  const bool has_deviations = head_has_deviations(head);
  const int64_t columns = kept_columns(head);
  int64_t from = head->first, to = predictions_first(objective, h);
  for (int64_t r = 0; r < n; r++, from += objective->outputs, to += predictor->kept) {
    for (int64_t i = 0; i < columns; i++) out->aleatoric[to + i] = NAN;
    if (has_deviations)
      split_row(head, predictor->values + from, spread != NULL ? spread + from : NULL, out->aleatoric + to);
    memcpy(out->mean + to, predictor->values + from, (size_t)columns * sizeof *out->mean);
    if (spread != NULL) memcpy(out->epistemic + to, spread + from, (size_t)columns * sizeof *out->epistemic);
  }
}

void predictor_deviations(predictor_t *predictor, int64_t n, double *aleatoric, double *epistemic) {
  const posterior_t *posterior = predictor->mixture.posterior;
  const float *x = predictor_inputs(predictor);
  int64_t width = posterior->outputs;
  for (int64_t r = 0; r < n; r++, aleatoric += width, epistemic += width) {
    posterior_variance(posterior, x + r * posterior->inputs, predictor->scratch, predictor->variance);
    for (int64_t k = 0; k < width; k++) {
      aleatoric[k] = sqrt(posterior->noise[k]);
      epistemic[k] = sqrt(predictor->variance[k]);
    }
    scaler_invert_widths(predictor->targets, 0, width, aleatoric);
    scaler_invert_widths(predictor->targets, 0, width, epistemic);
  }
}

void predictor_predict(predictor_t *predictor, const gather_t *gather, int64_t first, int64_t n,
                       row_place_t place, const prediction_rows_t *out) {
  bool is_mixture = mixture_parts(&predictor->mixture) > 1;
  const float *z = predictor_outputs(predictor, gather, first, n, place);
  const head_t *head = predictor->objective->heads;
  if (describes(predictor->objective)) {
    const int64_t columns = loss_columns(head->loss, head->outputs);
    for (int64_t r = 0; r < n; r++)
      head->loss->describe(head->outputs, z + r * head->outputs, out->mean + r * columns);
    for (int64_t i = 0; i < n * columns; i++)
      out->mean[i] = (double)(float)out->mean[i]; /* as files have them */
    return;
  }
  const bool are_parted = predictor->kept < predictor->objective->outputs;
  double *spread = is_mixture ? are_parted ? predictor->spread : out->epistemic : NULL;
  for (size_t h = 0; h < predictor->objective->n; h++)
    predictor_values(predictor, h, n, z, are_parted ? predictor->values : out->mean);
  if (is_mixture) find_spread(predictor, n, spread);
  for (size_t h = 0; h < predictor->objective->n && are_parted; h++) part_head(predictor, h, n, spread, out);
  if (has_posterior(&predictor->mixture)) predictor_deviations(predictor, n, out->aleatoric, out->epistemic);
}
