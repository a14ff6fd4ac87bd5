#include "study/worked.h"

#include "base/arena.h"
#include "math/activation.h"
#include "train/training.h"

#include <inttypes.h>
#include <string.h>

/* One step of the way: z = W a + b and a = f(z) for a dense layer, a = f(z) with z = a of before for an
 * activation. */
typedef struct {
  char name[64];
  const activation_t *activation;
  bool is_dense;
  size_t weight, bias; /* numbers of the arrays; bias of use with has_bias */
  bool has_bias;
  int64_t in, out;
  const double *x;       /* (in): the activations before it */
  double *w, *b;         /* (out, in), (out) */
  double *z, *a, *delta; /* (out): delta = dL/dz */
} layer_step_t;

typedef struct {
  const training_t *training;
  const worked_options_t *options;
  double *x; /* (inputs) */
  float *inputs, *values;
  int32_t label;
  float weight;
  double loss;
  float *outputs, *slopes; /* (outputs): of the network, and dL/d output */
  layer_step_t *stages;
  size_t n_stages; /* 0: not a chain of dense layers and activations */
  arena_t arena;
  FILE *out;
} example_t;

settings_t worked_settings(const settings_t *settings) {
  settings_t own = *settings;
  own.data.shuffle = "none";
  own.data.memory_limit = 0;
  own.train.global_batch_size = 2; /* of one row alone, batch_norm would find no deviation */
  own.train.precision = "fp32";
  own.train.members = 1;
  own.train.l1 = own.train.l2 = 0;
  own.model.freeze.n = 0;
  own.optimizer.name = "sgd"; /* plain descent is shown; lbfgs would ask for all rows */
  own.parallel.shards = 1;
  own.parallel.threads = 1;
  own.parallel.reduce = "shared";
  own.parallel.ranks_per_node = SETTINGS_AUTO;
  own.train.verify_every = (interval_t){0};
  return own;
}

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the numbers of a row");
}

/* ---- the row and the stages ---- */

static ls_status read_row(example_t *example, ls_error *error) {
  const training_t *training = example->training;
  enum { ROWS = 2 };
  const int64_t rows = training->partition.rows, row = example->options->row;
  const size_t inputs = (size_t)graph_inputs(training->graph),
               outputs = (size_t)graph_outputs(training->graph);
  const size_t targets = (size_t)training->objective->targets;
  int32_t labels[ROWS] = {0};
  float weights[ROWS] = {1, 1};
  if (row >= rows)
    return error_set(error, LS_USAGE,
                     "--row %" PRId64 ": there are %" PRId64 " training rows, numbered from 0 to %" PRId64,
                     row, rows, rows - 1);
  float *both = arena_new(&example->arena, ROWS * inputs, sizeof *both);
  float *values = arena_new(&example->arena, ROWS * targets, sizeof *values);
  example->x = arena_new(&example->arena, inputs, sizeof *example->x);
  example->outputs = arena_new(&example->arena, outputs, sizeof *example->outputs);
  example->slopes = arena_new(&example->arena, outputs, sizeof *example->slopes);
  if (both == NULL || values == NULL || example->x == NULL || example->outputs == NULL ||
      example->slopes == NULL)
    return no_memory(error);
  engine_begin_epoch(training->engine, 0);
  engine_rows(training->engine, row / ROWS, 0, both, labels, values, weights);
  example->inputs = both + (size_t)(row % ROWS) * inputs;
  example->values = values + (size_t)(row % ROWS) * targets;
  example->label = labels[row % ROWS];
  example->weight = weights[row % ROWS];
  for (size_t i = 0; i < inputs; i++) example->x[i] = (double)example->inputs[i];
  return LS_OK;
}

/* The array LAYER/NAME in double; NULL without memory. */
static double *unpack(example_t *example, size_t array) {
  const graph_t *graph = example->training->graph;
  const size_t n = parameter_values(graph_parameter(graph, array));
  float *plain = arena_new(&example->arena, n, sizeof *plain);
  double *values = arena_new(&example->arena, n, sizeof *values);
  if (plain == NULL || values == NULL) return NULL;
  graph_unpack(graph, array, engine_parameters(example->training->engine), plain);
  for (size_t i = 0; i < n; i++) values[i] = (double)plain[i];
  return values;
}

static size_t find_array(const graph_t *graph, const char *layer, const char *name) {
  char wanted[80];
  size_t i = 0;
  snprintf(wanted, sizeof wanted, "%.60s/%s", layer, name);
  while (i < graph_parameter_count(graph) && strcmp(graph_parameter(graph, i)->name, wanted) != 0) i++;
  return i;
}

static bool is_chain(const training_t *training) {
  const model_settings_t *model = &training->settings->model;
  for (size_t i = 0; i < model->n_layers; i++)
    if (model->layers[i].kind != LAYER_DENSE && model->layers[i].kind != LAYER_ACTIVATION) return false;
  return training->features->n_lookups == 0;
}

static ls_status make_stage(example_t *example, const layer_settings_t *layer, int number, const double *x,
                            int64_t in, layer_step_t *stage, ls_error *error) {
  const graph_t *graph = example->training->graph;
  const bool is_dense = layer->kind == LAYER_DENSE;
  const size_t out = (size_t)(is_dense ? layer->units : in);
  *stage = (layer_step_t){.activation = activation_find(layer->activation),
                          .is_dense = is_dense,
                          .has_bias = is_dense && layer->bias,
                          .in = in,
                          .out = (int64_t)out,
                          .x = x};
  snprintf(stage->name, sizeof stage->name, is_dense ? "dense%d" : "activation layer %d", number);
  stage->z = arena_new(&example->arena, out, sizeof(double));
  stage->a = arena_new(&example->arena, out, sizeof(double));
  stage->delta = arena_new(&example->arena, out, sizeof(double));
  bool all = stage->z != NULL && stage->a != NULL && stage->delta != NULL;
  if (all && is_dense) {
    stage->weight = find_array(graph, stage->name, "weight");
    all = (stage->w = unpack(example, stage->weight)) != NULL;
  }
  if (all && stage->has_bias) {
    stage->bias = find_array(graph, stage->name, "bias");
    all = (stage->b = unpack(example, stage->bias)) != NULL;
  }
  return all ? LS_OK : no_memory(error);
}

static ls_status make_stages(example_t *example, ls_error *error) {
  const model_settings_t *model = &example->training->settings->model;
  int64_t in = graph_inputs(example->training->graph);
  const double *x = example->x;
  int numbers[2] = {0, 0};
  if (!is_chain(example->training)) return LS_OK;
  example->stages = arena_new(&example->arena, model->n_layers, sizeof *example->stages);
  if (example->stages == NULL) return no_memory(error);
  for (size_t i = 0; i < model->n_layers; i++) {
    const layer_settings_t *layer = &model->layers[i];
    layer_step_t *stage = &example->stages[i];
    TRY(make_stage(example, layer, ++numbers[layer->kind == LAYER_DENSE], x, in, stage, error));
    x = stage->a;
    in = stage->out;
  }
  example->n_stages = model->n_layers;
  return LS_OK;
}

/* ---- forward, loss, backward ---- */

/* z_o = sum over i of w_oi x_i + b_o, a = f(z) */
static void forward(layer_step_t *stage) {
  for (int64_t o = 0; o < stage->out; o++) {
    double sum = stage->has_bias ? stage->b[o] : 0;
    for (int64_t i = 0; i < stage->in && stage->is_dense; i++)
      sum += stage->w[o * stage->in + i] * stage->x[i];
    stage->z[o] = stage->is_dense ? sum : stage->x[o];
    stage->a[o] = stage->activation->value(stage->z[o]);
  }
}

/* L of the row for the outputs in example->outputs; slopes (outputs) = dL/d output unless NULL. */
static double loss_of(const example_t *example, float *slopes) {
  const objective_t *objective = example->training->objective;
  double sums[MOST_HEADS] = {0};
  const target_t target = {.labels = objective->has_labels ? &example->label : NULL,
                           .values = objective->has_labels ? NULL : example->values,
                           .weights = &example->weight,
                           .factors = example->training->factors};
  objective_evaluate(objective, 1, example->outputs, target, slopes, sums);
  return objective_total(objective, sums);
}

static double run_forward(example_t *example, float *slopes) {
  const layer_step_t *last = &example->stages[example->n_stages - 1];
  for (size_t i = 0; i < example->n_stages; i++) forward(&example->stages[i]);
  for (int64_t k = 0; k < last->out; k++) example->outputs[k] = (float)last->a[k];
  return loss_of(example, slopes);
}

/* The last layer: delta = f'(z) dL/da. Before it: delta = f'(z) (W'^T delta') of the layer behind. */
static void run_backward(example_t *example) {
  for (size_t s = example->n_stages; s-- > 0;) {
    layer_step_t *stage = &example->stages[s];
    const layer_step_t *next = s + 1 < example->n_stages ? stage + 1 : NULL;
    for (int64_t k = 0; k < stage->out; k++) {
      double slope = next == NULL ? (double)example->slopes[k] : 0;
      for (int64_t o = 0; next != NULL && next->is_dense && o < next->out; o++)
        slope += next->w[o * next->in + k] * next->delta[o];
      if (next != NULL && !next->is_dense) slope = next->delta[k];
      /* an activation without a slope comes before all that is trained: training passes nothing on */
      double (*derivative)(double z) = stage->activation->derivative;
      stage->delta[k] = derivative != NULL ? slope * derivative(stage->z[k]) : 0;
    }
  }
}

/* w becomes w - rate dL/dw */
static void descend(example_t *example, double rate) {
  for (size_t s = 0; s < example->n_stages; s++) {
    const layer_step_t *stage = &example->stages[s];
    for (int64_t o = 0; o < stage->out && stage->is_dense; o++) {
      for (int64_t i = 0; i < stage->in; i++)
        stage->w[o * stage->in + i] -= rate * stage->delta[o] * stage->x[i];
      if (stage->has_bias) stage->b[o] -= rate * stage->delta[o];
    }
  }
}

/* ---- printing ---- */

enum { SHOWN = 8, FIRST = 6 }; /* of a wide list: the first ones, and the last one */

/* Whether number i of n is printed. */
static bool is_shown(const example_t *example, int64_t i, int64_t n) {
  return example->options->is_full || n <= SHOWN || i < FIRST || i == n - 1;
}

static double list_value(const double *values, const double *factor, int64_t i) {
  return factor != NULL ? *factor * values[i] : values[i];
}

/* "  z          0.1  -0.2": n numbers, times a factor unless that is NULL. */
static void print_list(const example_t *example, const char *name, int64_t n, const double *values,
                       const double *factor) {
  fprintf(example->out, "  %-11s", name);
  for (int64_t i = 0; i < n; i++) {
    if (is_shown(example, i, n))
      fprintf(example->out, " %12.7g", list_value(values, factor, i));
    else if (i == FIRST)
      fprintf(example->out, "  ... (%" PRId64 " numbers) ...", n);
  }
  fputc('\n', example->out);
}

/* Rows of numbers, the name at the first; with factors (rows) row r is factors[r] times `values` (columns).
 */
static void print_matrix(const example_t *example, const char *name, int64_t rows, int64_t columns,
                         const double *values, const double *factors) {
  for (int64_t r = 0; r < rows; r++) {
    if (is_shown(example, r, rows))
      print_list(example, r == 0 ? name : "", columns, factors != NULL ? values : values + r * columns,
                 factors != NULL ? &factors[r] : NULL);
    else if (r == FIRST)
      fprintf(example->out, "              ... (%" PRId64 " rows) ...\n", rows);
  }
}

static void print_title(const example_t *example, const layer_step_t *stage, bool is_backward) {
  const char *f = stage->activation->name;
  const bool is_identity = activation_is_identity(stage->activation);
  fprintf(example->out, "\n%s (%" PRId64 " -> %" PRId64 "): ", stage->name, stage->in, stage->out);
  if (is_backward)
    fprintf(example->out, "delta = dL/dz%s\n",
            stage->is_dense ? ", dW = delta aT with the a before this layer, db = delta" : "");
  else if (is_identity)
    fputs(stage->has_bias ? "z = W a + b, a = z\n" : "z = W a, a = z\n", example->out);
  else
    fprintf(example->out, "%s, a = %s(z)\n",
            !stage->is_dense  ? "z = a"
            : stage->has_bias ? "z = W a + b"
                              : "z = W a",
            f);
}

static void print_weights(const example_t *example, const layer_step_t *stage) {
  if (stage->is_dense) print_matrix(example, "W", stage->out, stage->in, stage->w, NULL);
  if (stage->has_bias) print_list(example, "b", stage->out, stage->b, NULL);
}

static void print_forward(const example_t *example) {
  for (size_t s = 0; s < example->n_stages; s++) {
    const layer_step_t *stage = &example->stages[s];
    print_title(example, stage, false);
    print_weights(example, stage);
    print_list(example, "z", stage->out, stage->z, NULL);
    print_list(example, "a", stage->out, stage->a, NULL);
  }
}

static void print_targets(const example_t *example) {
  const objective_t *objective = example->training->objective;
  FILE *out = example->out;
  if (objective->has_labels)
    fprintf(out, "  %-11s %12" PRId32 "\n", "class", example->label);
  else {
    fprintf(out, "  %-11s", "target");
    for (int64_t k = 0; k < objective->targets; k++)
      if (is_shown(example, k, objective->targets)) fprintf(out, " %12.7g", (double)example->values[k]);
    fputc('\n', out);
  }
  if (example->weight != 1.0F) fprintf(out, "  %-11s %12.7g\n", "weight", (double)example->weight);
}

/* What the loss makes of the outputs, such as probabilities. */
static ls_status print_loss(example_t *example, ls_error *error) {
  char name[32];
  const objective_t *objective = example->training->objective;
  const size_t n = (size_t)objective->outputs;
  float *seen = arena_new(&example->arena, n, sizeof *seen);
  double *wide = arena_new(&example->arena, n, sizeof *wide);
  if (seen == NULL || wide == NULL) return no_memory(error);
  memcpy(seen, example->outputs, n * sizeof *seen);
  objective_predict(objective, 1, seen);
  for (size_t i = 0; i < n; i++) wide[i] = (double)seen[i];
  fprintf(example->out, "\nloss %s\n", objective_name(objective, name));
  if (memcmp(seen, example->outputs, n * sizeof *seen) != 0)
    print_list(example, objective->n == 1 ? objective->heads[0].loss->prediction : "predicted",
               objective->outputs, wide, NULL);
  print_targets(example);
  fprintf(example->out, "  %-11s %12.7g\n", "L", example->loss);
  return LS_OK;
}

static void print_backward(const example_t *example) {
  for (size_t s = example->n_stages; s-- > 0;) {
    const layer_step_t *stage = &example->stages[s];
    print_title(example, stage, true);
    print_list(example, "delta", stage->out, stage->delta, NULL);
    if (stage->is_dense) print_matrix(example, "dW", stage->out, stage->in, stage->x, stage->delta);
    if (stage->has_bias) print_list(example, "db", stage->out, stage->delta, NULL);
  }
}

static void print_step(example_t *example) {
  const double rate = example->training->settings->optimizer.learning_rate;
  fprintf(example->out,
          "\none step of gradient descent on this row, rate %.7g (optimizer.learning_rate): w - rate dL/dw\n",
          rate);
  descend(example, rate);
  for (size_t s = 0; s < example->n_stages; s++) {
    if (!example->stages[s].is_dense) continue;
    fprintf(example->out, "\n%s\n", example->stages[s].name);
    print_weights(example, &example->stages[s]);
  }
  fprintf(example->out, "\nloss of this row with these weights\n  %-11s %12.7g\n", "L",
          run_forward(example, NULL));
}

/* ---- other networks: what every node computes ---- */

static ls_status print_nodes(example_t *example, ls_error *error) {
  const graph_t *graph = example->training->graph;
  tape_t *tape = NULL;
  graph_worker_t *worker = NULL;
  const pass_t pass = {0};
  ls_status status = tape_create(graph, 1, 0, &tape, error);
  if (status == LS_OK) status = graph_worker_create(graph, 1, 1, false, &worker, error);
  if (status == LS_OK) {
    memcpy(tape_input(tape, 0), example->inputs, (size_t)graph_inputs(graph) * sizeof(float));
    graph_forward(worker, engine_parameters(example->training->engine), tape, 0, 1, &pass);
    memcpy(example->outputs, tape_output(tape, 0), (size_t)graph_outputs(graph) * sizeof(float));
  }
  for (size_t node = 1; status == LS_OK && node < graph_nodes(graph); node++) {
    const int64_t n = graph_node_width(graph, node);
    double *wide = arena_new(&example->arena, (size_t)n, sizeof *wide);
    if (wide == NULL) TRY_OR_DONE(no_memory(error));
    for (int64_t i = 0; i < n; i++) wide[i] = (double)tape_values(tape, node, 0)[i];
    fprintf(example->out, "\n%s\n", graph_node_name(graph, node));
    print_list(example, "a", n, wide, NULL);
  }
done:
  graph_worker_destroy(&worker);
  tape_destroy(&tape);
  return status;
}

/* ---- the whole ---- */

static ls_status print_example(example_t *example, ls_error *error) {
  TRY(read_row(example, error));
  TRY(make_stages(example, error));
  fprintf(example->out, "row %" PRId64 " of the training rows\n\ninput%s\n", example->options->row,
          example->training->features->scaler.n > 0 || example->training->features->source != NULL
              ? " (as the network gets it: scaled, encoded)"
              : "");
  print_list(example, "a", graph_inputs(example->training->graph), example->x, NULL);
  if (example->n_stages == 0) {
    TRY(print_nodes(example, error));
    example->loss = loss_of(example, NULL);
    TRY(print_loss(example, error));
    fputs(
        "\nDeltas and gradients are shown for networks of dense layers and activations alone. Dropout is off "
        "here,\nand batch_norm uses its running statistics.\n",
        example->out);
    return LS_OK;
  }
  example->loss = run_forward(example, example->slopes);
  print_forward(example);
  TRY(print_loss(example, error));
  run_backward(example);
  print_backward(example);
  print_step(example);
  return LS_OK;
}

ls_status worked_run(world_t *world, const settings_t *settings, const worked_options_t *options, FILE *out,
                     ls_error *error) {
  training_t training;
  TRY(training_open(world, settings, &training, error));
  example_t example = {.training = &training, .options = options, .out = out};
  const ls_status status = world_rank(world) == 0 ? print_example(&example, error) : LS_OK;
  arena_free(&example.arena);
  training_close(&training);
  return world_agree(world, status, error);
}
