/* Derivatives of predictions by the inputs, in reverse: from a prediction through its loss's function, the
 * network and the basis functions to the scaled features, and from these to the columns of x.
 *
 *   x --scale, encode--> features --basis--> inputs --network--> z --predict--> p --unscale--> prediction
 *
 * The network is built once more, with deltas down to its inputs. */
#include "library/library_impl.h"

#include "base/float_mode.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sensitivity {
  graph_t *graph;
  float **members; /* (n_members): parameters in the layout of this graph, with copies for backward */
  int64_t n_members;
  graph_worker_t *worker;
  tape_t *tape;
  features_t plain;                       /* the model's, but without basis functions; borrowed arrays */
  float *features, *work, *inputs, *down; /* (rows, encoded), (rows, inputs) twice, (rows, encoded) */
  float *p, *slopes;                      /* (outputs) */
  double *found;                          /* (rows, columns of x): derivatives of one output */
  arena_t arena;
};

/* ---- creation ---- */

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for derivatives");
}

/* Copies parameters from one graph's layout to that of the other. */
static ls_status copy_parameters(const graph_t *from, const float *parameters, const graph_t *to, float *out,
                                 ls_error *error) {
  size_t most = 1;
  for (size_t i = 0; i < graph_parameter_count(from); i++) {
    size_t n = parameter_values(graph_parameter(from, i));
    if (n > most) most = n;
  }
  float *plain = malloc(most * sizeof *plain);
  if (plain == NULL) return no_memory(error);
  for (size_t i = 0; i < graph_parameter_count(from); i++) {
    graph_unpack(from, i, parameters, plain);
    graph_pack(to, i, plain, out);
  }
  free(plain);
  graph_transpose(to, out, 0, graph_floats(to));
  return LS_OK;
}

static ls_status make_members(const model_t *model, sensitivity_t *s, ls_error *error) {
  s->n_members = model->n_members;
  s->members = arena_new(&s->arena, (size_t)s->n_members, sizeof *s->members);
  if (s->members == NULL) return no_memory(error);
  for (int64_t m = 0; m < s->n_members; m++) {
    s->members[m] = arena_new(&s->arena, graph_buffer_floats(s->graph), sizeof(float));
    if (s->members[m] == NULL) return no_memory(error);
    TRY(copy_parameters(model->graph, model->members[m], s->graph, s->members[m], error));
  }
  return LS_OK;
}

static ls_status make_buffers(const ls_predictor *predictor, sensitivity_t *s, ls_error *error) {
  size_t rows = (size_t)predictor->rows, inputs = (size_t)graph_inputs(s->graph);
  size_t encoded = (size_t)s->plain.inputs, outputs = (size_t)graph_outputs(s->graph);
  s->features = arena_new(&s->arena, rows * encoded, sizeof(float));
  s->work = arena_new(&s->arena, rows * inputs, sizeof(float));
  s->inputs = arena_new(&s->arena, rows * inputs, sizeof(float));
  s->down = arena_new(&s->arena, rows * encoded, sizeof(float));
  s->p = arena_new(&s->arena, outputs, sizeof(float));
  s->slopes = arena_new(&s->arena, outputs, sizeof(float));
  s->found = arena_new(&s->arena, rows * (size_t)s->plain.columns, sizeof(double));
  return s->features != NULL && s->work != NULL && s->inputs != NULL && s->down != NULL && s->p != NULL &&
                 s->slopes != NULL && s->found != NULL
             ? LS_OK
             : no_memory(error);
}

static ls_status make(const ls_predictor *predictor, sensitivity_t *s, ls_error *error) {
  const model_t *model = predictor->model;
  const layer_settings_t *layers = model->settings->model.layers;
  TRY(graph_create_for_inputs(layers, model->settings->model.n_layers, model->features.inputs,
                              model->features.tables, model->features.n_lookups, &s->graph, error));
  TRY(make_members(model, s, error));
  s->plain = model->features;
  s->plain.basis = (basis_t){0};
  if (model->features.basis.kind != NULL) s->plain.inputs = model->features.basis.inputs;
  TRY(make_buffers(predictor, s, error));
  TRY(tape_create(s->graph, predictor->rows, predictor->rows, &s->tape, error));
  return graph_worker_create(s->graph, predictor->rows, 1, true, &s->worker, error);
}

ls_status sensitivity_create(const ls_predictor *predictor, sensitivity_t **out, ls_error *error) {
  if (predictor->mixture.samples > 0 ||
      (predictor->mixture.temperatures != NULL && predictor->mixture.n_members > 1))
    return error_set(error, LS_USAGE,
                     "derivatives are known neither for samples of dropout nor for an ensemble with "
                     "temperatures");
  sensitivity_t *s = calloc(1, sizeof *s);
  if (s == NULL) return no_memory(error);
  ls_status status = make(predictor, s, error);
  if (status != LS_OK) {
    sensitivity_destroy(&s);
    return status;
  }
  *out = s;
  return LS_OK;
}

void sensitivity_destroy(sensitivity_t **sensitivity) {
  if (sensitivity == NULL || *sensitivity == NULL) return;
  graph_worker_destroy(&(*sensitivity)->worker);
  tape_destroy(&(*sensitivity)->tape);
  graph_destroy(&(*sensitivity)->graph);
  arena_free(&(*sensitivity)->arena);
  free(*sensitivity);
  *sensitivity = NULL;
}

/* ---- from a prediction to the outputs of the network ---- */

/* The head that column k of the predictions belongs to; *within: its column of the head's outputs. */
static const head_t *head_of(const objective_t *objective, int64_t k, size_t *h, int64_t *within) {
  *h = 0;
  while (predictions_first(objective, *h + 1) <= k) ++*h;
  *within = k - predictions_first(objective, *h);
  return &objective->heads[*h];
}

/* What one unit of the scaled target is in original units. */
static double unit_of(const scaler_t *targets, const head_t *head, int64_t within) {
  if (!loss_is_regression(head->loss) || targets->n == 0) return 1;
  return 1 / targets->scale[head->first_target + within % head->targets];
}

/* Fills the deltas of n rows: d prediction k / d z. */
static void start(const ls_predictor *predictor, int64_t k, int64_t n) {
  const objective_t *objective = &predictor->model->objective;
  sensitivity_t *s = predictor->sensitivity;
  size_t h = 0;
  int64_t within = 0, width = objective->outputs;
  const head_t *head = head_of(objective, k, &h, &within);
  double temperature = predictor->mixture.temperatures != NULL ? predictor->mixture.temperatures[h] : 0;
  float unit = (float)unit_of(&predictor->model->targets, head, within);
  float *delta = tape_output_delta(s->tape, 0);
  const float *z = tape_output(s->tape, 0);
  memset(delta, 0, (size_t)(n * width) * sizeof *delta);
  for (int64_t r = 0; r < n; r++) {
    float *d = delta + r * width + head->first;
    if (head->loss->slope == NULL) {
      d[within] = unit;
      continue;
    }
    memcpy(s->p, z + r * width + head->first, (size_t)head->outputs * sizeof *s->p);
    for (int64_t j = 0; j < head->outputs && temperature > 0; j++) s->p[j] /= (float)temperature;
    if (head->loss->predict != NULL) head->loss->predict(&head->params, head->outputs, s->p);
    head->loss->slope(head->outputs, s->p, within, s->slopes);
    for (int64_t j = 0; j < head->outputs; j++)
      d[j] = s->slopes[j] * unit / (temperature > 0 ? (float)temperature : 1.0F);
  }
}

/* ---- from scaled features to columns of x ---- */

/* Whether column c of a row holds a number that the features follow: not a category, and not missing. */
static bool is_number(const features_t *features, int64_t c, double x) {
  if (isnan(x)) return false;
  return features->codes == NULL || features->codes[c % features_file_columns(features)].names.n == 0;
}

static double value_at(const gather_t *gather, int64_t resident, int64_t c) {
  int64_t at = gather->begin + resident * gather->stride + c;
  return element_at(gather->split->x, gather->split->type, at);
}

/* Adds the derivatives by scaled features to those by columns of x. */
static void add_columns(const gather_t *gather, int64_t resident, int64_t n, const float *down,
                        double *found) {
  const features_t *features = gather->features;
  for (int64_t r = 0; r < n; r++)
    for (int64_t i = 0; i < features->encoded; i++) {
      int64_t c = features->source != NULL ? features->source[i] : i;
      if (features->kind != NULL && features->kind[i] != VALUE_NUMBER) continue;
      if (!is_number(features, c, value_at(gather, resident + r, c))) continue;
      double scale = features->scaler.n > 0 ? features->scaler.scale[c] : 1;
      found[r * features->columns + c] += (double)down[r * features->encoded + i] * scale;
    }
}

/* ---- the whole ---- */

/* s->found (n, columns of x) = the derivatives of output k for n rows of the gather. */
static void derive_block(ls_predictor *predictor, const gather_t *gather, int64_t resident, int64_t k,
                         int64_t n) {
  sensitivity_t *s = predictor->sensitivity;
  const basis_t *basis = &predictor->model->features.basis;
  gather_t plain = *gather;
  const pass_t pass = {0};
  plain.features = &s->plain;
  memset(s->found, 0, (size_t)(n * s->plain.columns) * sizeof *s->found);
  graph_worker_rows(s->worker, n);
  for (int64_t m = 0; m < s->n_members; m++) {
    gather_range(gather, resident, n, tape_input(s->tape, 0));
    graph_forward(s->worker, s->members[m], s->tape, 0, 1, &pass);
    start(predictor, k, n);
    graph_backward(s->worker, s->members[m], s->tape, 0, 1);
    const float *down = tape_input_delta(s->tape, 0);
    if (basis->kind != NULL) {
      memcpy(s->inputs, down, (size_t)(n * basis->outputs) * sizeof *down);
      gather_range(&plain, resident, n, s->features);
      basis_backward(basis, n, s->features, s->work, s->inputs, s->down);
      down = s->down;
    }
    add_columns(&plain, resident, n, down, s->found);
  }
  for (int64_t i = 0; i < n * s->plain.columns; i++) s->found[i] /= (double)s->n_members;
}

static ls_status check(const ls_predictor *predictor, const ls_output *out, ls_error *error) {
  if (predictor->sensitivity == NULL)
    return error_set(error, LS_USAGE, "this predictor was made without options.derivatives");
  if (out->values == NULL || (out->type != LS_FLOAT32 && out->type != LS_FLOAT64))
    return error_set(error, LS_USAGE,
                     "the output has no values, or a type that is neither LS_FLOAT32 nor LS_FLOAT64");
  return LS_OK;
}

ls_status ls_derivative(ls_predictor *predictor, int64_t rows, const ls_input *x, int64_t k,
                        const ls_output *out, ls_error *error) {
  gather_t *gather = NULL;
  int64_t outputs = predictions_first(&predictor->model->objective, predictor->model->objective.n);
  TRY(check(predictor, out, error));
  if (k < 0 || k >= outputs)
    return error_set(error, LS_USAGE, "output %" PRId64 " is not one of 0 to %" PRId64, k, outputs - 1);
  TRY(rows_open(predictor, rows, x, &gather, error));
  for (int64_t first = 0, n; first < rows; first += n) {
    n = block_rows(predictor, rows, first);
    int64_t resident = rows_take(predictor, x, first, n);
    float_mode_t mode = float_mode_enter();
    derive_block(predictor, gather, resident, k, n);
    output_put(out, first, n, predictor->model->features.columns, predictor->sensitivity->found);
    float_mode_restore(mode);
  }
  return LS_OK;
}

static double direction_at(const ls_input *direction, int64_t columns, int64_t r, int64_t c) {
  int64_t at = r * (direction->row_stride != 0 ? direction->row_stride : columns) +
               c * (direction->column_stride != 0 ? direction->column_stride : 1);
  return element_at(direction->values, direction->type == LS_FLOAT64 ? ELEMENT_F64 : ELEMENT_F32, at);
}

/* predictor->found.mean (n, outputs) = the Jacobian of n rows times the direction. */
static void multiply_block(ls_predictor *predictor, const gather_t *gather, int64_t resident, int64_t first,
                           int64_t n, const ls_input *direction) {
  int64_t columns = predictor->model->features.columns;
  int64_t outputs = predictions_first(&predictor->model->objective, predictor->model->objective.n);
  for (int64_t k = 0; k < outputs; k++) {
    derive_block(predictor, gather, resident, k, n);
    for (int64_t r = 0; r < n; r++) {
      double sum = 0;
      for (int64_t c = 0; c < columns; c++)
        sum +=
            predictor->sensitivity->found[r * columns + c] * direction_at(direction, columns, first + r, c);
      predictor->found.mean[r * outputs + k] = sum;
    }
  }
}

ls_status ls_directional(ls_predictor *predictor, int64_t rows, const ls_input *x, const ls_input *direction,
                         const ls_output *out, ls_error *error) {
  gather_t *gather = NULL;
  int64_t outputs = predictions_first(&predictor->model->objective, predictor->model->objective.n);
  TRY(check(predictor, out, error));
  if (direction->values == NULL || (direction->type != LS_FLOAT32 && direction->type != LS_FLOAT64))
    return error_set(error, LS_USAGE,
                     "the direction has no values, or a type that is neither LS_FLOAT32 nor LS_FLOAT64");
  TRY(rows_open(predictor, rows, x, &gather, error));
  for (int64_t first = 0, n; first < rows; first += n) {
    n = block_rows(predictor, rows, first);
    int64_t resident = rows_take(predictor, x, first, n);
    float_mode_t mode = float_mode_enter();
    multiply_block(predictor, gather, resident, first, n, direction);
    output_put(out, first, n, outputs, predictor->found.mean);
    float_mode_restore(mode);
  }
  return LS_OK;
}
