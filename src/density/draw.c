#include "density/draw.h"

#include "base/random.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Kinds of draws: `time` of the streams. */
enum { DRAW_COMPONENT, DRAW_NORMALS };

struct draw_thread {
  double *values;         /* (the more of codes and inputs; then values of an encoded row) */
  double *row;            /* (values of an encoded row), behind them */
  float *outputs;         /* of a decoder */
  graph_worker_t *worker; /* of a decoder */
  tape_t *tape;
};

struct draw {
  const model_t *model;
  restore_t restore;
  size_t decoder; /* the node whose values are the code, or 0: the last layer is gaussians */
  int64_t components, inputs;
  int64_t factor_step, row_step; /* floats from the factor of a component to the next, and of a column */
  bool is_triangular;            /* a factor is a matrix (inputs, inputs) */
  float *mean, *factor, *offset; /* as model files have them */
  double *ends;                  /* (components): the sum of the weights up to here */
  arena_t arena;
};

/* ---- what the model is ---- */

/* The array FOLDER/NAME of the last layer, if it is gaussians. */
static const parameter_t *find_array(const graph_t *graph, const char *name, size_t *number) {
  for (size_t i = graph_parameter_count(graph); i > 0; i--) {
    const parameter_t *parameter = graph_parameter(graph, i - 1);
    const char *slash = strrchr(parameter->name, '/');
    if (strncmp(parameter->name, "gaussians", strlen("gaussians")) != 0 || slash == NULL) continue;
    if (strcmp(slash + 1, name) != 0) continue;
    *number = i - 1;
    return parameter;
  }
  return NULL;
}

static ls_status refuse(const model_t *model, ls_error *error) {
  return error_set(error, LS_BAD_SETTINGS,
                   "the model (loss %s) has no density to draw rows from: take a Gaussian mixture (`lockstep "
                   "cluster`), a kernel density (`lockstep density`) or a variational autoencoder",
                   model->objective.heads[0].loss->name);
}

static ls_status read_array(row_draw_t *draw, const char *name, float **out, size_t *values,
                            ls_error *error) {
  const graph_t *graph = draw->model->graph;
  size_t number = 0;
  const parameter_t *parameter = find_array(graph, name, &number);
  if (parameter == NULL) return refuse(draw->model, error);
  *values = parameter_values(parameter);
  *out = arena_new(&draw->arena, *values, sizeof **out);
  if (*out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %s", parameter->name);
  graph_unpack(graph, number, draw->model->parameters, *out);
  return LS_OK;
}

/* Full factors are matrices one below the other, a tied one is a single matrix, diagonal ones are rows and
 * spherical ones numbers: told apart by the settings of the layer. */
static void set_steps(row_draw_t *draw) {
  const settings_t *settings = draw->model->settings;
  const char *covariance = settings->model.layers[settings->model.n_layers - 1].covariance;
  const int64_t d = draw->inputs;
  draw->is_triangular = strcmp(covariance, "full") == 0 || strcmp(covariance, "tied") == 0;
  draw->factor_step = strcmp(covariance, "full") == 0       ? d * d
                      : strcmp(covariance, "tied") == 0     ? 0
                      : strcmp(covariance, "diagonal") == 0 ? d
                                                            : 1;
  draw->row_step = draw->is_triangular ? d + 1 : strcmp(covariance, "diagonal") == 0 ? 1 : 0;
}

/* The logarithm of det U_k: of the numbers on its diagonal. */
static double log_determinant(const row_draw_t *draw, int64_t k) {
  const float *factor = draw->factor + k * draw->factor_step;
  double sum = 0;
  for (int64_t i = 0; i < draw->inputs; i++) sum += log((double)factor[i * draw->row_step]);
  return sum;
}

/* offset_k = log w_k + log det U_k - (d / 2) log 2 pi, where the last term is the same for all. */
static void find_ends(row_draw_t *draw) {
  double largest = -INFINITY, sum = 0;
  for (int64_t k = 0; k < draw->components; k++) {
    draw->ends[k] = (double)draw->offset[k] - log_determinant(draw, k);
    largest = fmax(largest, draw->ends[k]);
  }
  for (int64_t k = 0; k < draw->components; k++) {
    sum += exp(draw->ends[k] - largest);
    draw->ends[k] = sum;
  }
}

static ls_status make_components(row_draw_t *draw, ls_error *error) {
  const model_t *model = draw->model;
  size_t values = 0;
  TRY(read_array(draw, "offset", &draw->offset, &values, error));
  draw->components = (int64_t)values;
  TRY(read_array(draw, "mean", &draw->mean, &values, error));
  draw->inputs = (int64_t)values / draw->components;
  TRY(read_array(draw, "factor", &draw->factor, &values, error));
  if (model->settings->model.n_layers > 1)
    return error_set(error, LS_BAD_SETTINGS,
                     "the density is one of the values of another layer, from which there is no way back to "
                     "rows: rows are drawn from a density of the features themselves");
  set_steps(draw);
  draw->ends = arena_new(&draw->arena, (size_t)draw->components, sizeof *draw->ends);
  if (draw->ends == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the weights of components");
  find_ends(draw);
  return LS_OK;
}

/* The last layer `sample` of a network whose targets are its features; 0: there is none. */
static size_t find_decoder(const model_t *model) {
  for (size_t node = graph_nodes(model->graph); model->objective.of_x && node > 1; node--)
    if (strncmp(graph_node_name(model->graph, node - 1), "sample", strlen("sample")) == 0) return node - 1;
  return 0;
}

static ls_status make(row_draw_t *draw, ls_error *error) {
  const model_t *model = draw->model;
  draw->decoder = model->n_members == 1 ? find_decoder(model) : 0;
  if (draw->decoder > 0)
    TRY(graph_check_cut(model->graph, draw->decoder, error));
  else
    TRY(make_components(draw, error));
  if (model->features.steps > 1)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.window: the model describes windows, and steps of a series cannot be put together "
                     "from windows that are drawn one by one: rows are drawn from a model of rows");
  return restore_create(&model->features, draw->decoder > 0, &draw->restore, error);
}

ls_status draw_create(const model_t *model, row_draw_t **out, ls_error *error) {
  row_draw_t *draw = calloc(1, sizeof *draw);
  if (draw == NULL) return error_set(error, LS_NO_MEMORY, "no memory to draw rows");
  draw->model = model;
  ls_status status = make(draw, error);
  if (status == LS_OK)
    *out = draw;
  else
    draw_destroy(&draw);
  return status;
}

void draw_destroy(row_draw_t **draw) {
  if (draw == NULL || *draw == NULL) return;
  restore_free(&(*draw)->restore);
  arena_free(&(*draw)->arena);
  free(*draw);
  *draw = NULL;
}

/* ---- drawing ---- */

int64_t draw_columns(const row_draw_t *draw) {
  return draw->model->features.columns;
}

bool draw_has_components(const row_draw_t *draw) {
  return draw->decoder == 0;
}

static ls_status make_thread(const row_draw_t *draw, draw_thread_t *thread, ls_error *error) {
  const graph_t *graph = draw->model->graph;
  const size_t codes = (size_t)graph_node_width(graph, draw->decoder);
  const size_t encoded = (size_t)draw->model->features.encoded;
  const size_t seen = codes > encoded ? codes : encoded; /* codes of node 0 are the inputs */
  thread->values = malloc((seen + encoded) * sizeof *thread->values);
  if (thread->values == NULL) return error_set(error, LS_NO_MEMORY, "no memory to draw rows");
  thread->row = thread->values + seen;
  if (draw->decoder == 0) return LS_OK;
  thread->outputs = malloc((size_t)graph_outputs(graph) * sizeof *thread->outputs);
  if (thread->outputs == NULL) return error_set(error, LS_NO_MEMORY, "no memory to draw rows");
  TRY(graph_worker_create(graph, 1, 1, false, &thread->worker, error));
  return tape_create(graph, 1, 1, &thread->tape, error);
}

ls_status draw_thread_create(const row_draw_t *draw, draw_thread_t **out, ls_error *error) {
  draw_thread_t *thread = calloc(1, sizeof *thread);
  if (thread == NULL) return error_set(error, LS_NO_MEMORY, "no memory to draw rows");
  ls_status status = make_thread(draw, thread, error);
  if (status == LS_OK)
    *out = thread;
  else
    draw_thread_destroy(&thread);
  return status;
}

void draw_thread_destroy(draw_thread_t **thread) {
  if (thread == NULL || *thread == NULL) return;
  tape_destroy(&(*thread)->tape);
  graph_worker_destroy(&(*thread)->worker);
  free((*thread)->values);
  free((*thread)->outputs);
  free(*thread);
  *thread = NULL;
}

/* The first component whose end is beyond u times the sum of all weights. */
static int64_t find_component(const row_draw_t *draw, double u) {
  const double at = u * draw->ends[draw->components - 1];
  int64_t low = 0, high = draw->components - 1;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (draw->ends[middle] > at)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/* x = m + U^-1 x: of normal numbers x, a row of the component (by substitution from the first column on). */
static void shape(const row_draw_t *draw, int64_t k, double *x) {
  const float *mean = draw->mean + k * draw->inputs, *factor = draw->factor + k * draw->factor_step;
  for (int64_t i = 0; i < draw->inputs; i++) {
    const float *row = factor + i * draw->inputs;
    for (int64_t j = 0; draw->is_triangular && j < i; j++) x[i] -= (double)row[j] * x[j];
    x[i] /= (double)factor[i * draw->row_step];
  }
  for (int64_t i = 0; i < draw->inputs; i++) x[i] += (double)mean[i];
}

/* What the decoder makes of a standard normal code. */
static void decode(const row_draw_t *draw, draw_thread_t *thread, const random_stream_t *stream) {
  const graph_t *graph = draw->model->graph;
  const int64_t codes = graph_node_width(graph, draw->decoder);
  random_normal(stream, (size_t)codes, thread->values);
  float *code = tape_node(thread->tape, draw->decoder, 0);
  for (int64_t i = 0; i < codes; i++) code[i] = (float)thread->values[i];
  graph_forward_from(thread->worker, draw->decoder, draw->model->parameters, thread->tape, 0);
  const head_t *head = draw->model->objective.heads; /* one loss: its first part is a value for each target */
  const loss_part_t point =
      loss_part(head->loss, &head->params, head->outputs, loss_point(head->loss, &head->params));
  memcpy(thread->outputs, tape_output(thread->tape, 0), (size_t)head->outputs * sizeof *thread->outputs);
  if (head->loss->predict != NULL) head->loss->predict(&head->params, head->outputs, thread->outputs);
  for (int64_t i = 0; i < draw->model->features.encoded; i++)
    thread->values[i] = (double)thread->outputs[point.first + i];
}

int64_t draw_row(const row_draw_t *draw, draw_thread_t *thread, uint64_t seed, int64_t row, double *out) {
  random_stream_t stream = {
      .seed = seed, .purpose = RANDOM_SAMPLE, .time = DRAW_NORMALS, .shard = (uint64_t)row};
  int64_t component = -1;
  if (draw->decoder > 0) {
    decode(draw, thread, &stream);
  } else {
    double u = 0;
    stream.time = DRAW_COMPONENT;
    random_uniform(&stream, 1, &u);
    component = find_component(draw, u);
    stream.time = DRAW_NORMALS;
    random_normal(&stream, (size_t)draw->inputs, thread->values);
    shape(draw, component, thread->values);
  }
  restore_row(&draw->restore, thread->values, thread->row, out);
  return component;
}
