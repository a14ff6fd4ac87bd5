/* What the tests of this room share: layer settings in C, a network with random parameters, data and targets
 * made for it, its gradient by the kernels, and its loss by the plain definitions in double. */
#ifndef TESTS_MODEL_FIXTURE_H
#define TESTS_MODEL_FIXTURE_H

#include "base/random.h"
#include "model/graph.h"
#include "loss/loss.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DENSE(n, f)                                                                                          \
  { .kind = LAYER_DENSE, .units = (n), .activation = (f), .init = "auto", .bias = true }
#define DENSE_WITHOUT_BIAS(n, f)                                                                             \
  { .kind = LAYER_DENSE, .units = (n), .activation = (f), .init = "auto" }
#define TIED(name, f)                                                                                        \
  { .kind = LAYER_TIED, .to = (name), .activation = (f), .bias = true }
#define ACTIVATION(f)                                                                                        \
  { .kind = LAYER_ACTIVATION, .activation = (f) }
#define SOFTMAX()                                                                                            \
  { .kind = LAYER_SOFTMAX }
#define LAYER_NORM()                                                                                         \
  { .kind = LAYER_LAYER_NORM, .epsilon = 1e-5 }
#define BATCH_NORM()                                                                                         \
  { .kind = LAYER_BATCH_NORM, .epsilon = 1e-5, .momentum = 0.1 }
#define DROPOUT(p)                                                                                           \
  { .kind = LAYER_DROPOUT, .rate = (p) }
#define NOISE(d, p)                                                                                          \
  { .kind = LAYER_NOISE, .deviation = (d), .rate = (p) }
#define SAMPLE(b)                                                                                            \
  { .kind = LAYER_SAMPLE, .beta = (b) }
#define PENALTY(a, b)                                                                                        \
  { .kind = LAYER_PENALTY, .l1 = (a), .l2 = (b) }
#define RESIDUAL(list)                                                                                       \
  { .kind = LAYER_RESIDUAL, .layers = (list), .n_layers = sizeof(list) / sizeof((list)[0]) }
#define BRANCH(list)                                                                                         \
  { .kind = LAYER_BRANCH, .layers = (list), .n_layers = sizeof(list) / sizeof((list)[0]) }
#define BRANCHES(list)                                                                                       \
  { .kind = LAYER_BRANCHES, .layers = (list), .n_layers = sizeof(list) / sizeof((list)[0]) }
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

#define CHECK(call)                                                                                          \
  do {                                                                                                       \
    ls_error error_ = {0};                                                                                   \
    ls_error *error = &error_;                                                                               \
    cr_assert_eq((call), LS_OK, "%s", error->message);                                                       \
  } while (0)

/* A network, `rows` rows of input, and room for what is made of them. */
typedef struct {
  graph_t *graph;
  graph_worker_t *worker;
  tape_t *tape;
  int64_t rows, inputs, outputs;
  size_t n;      /* parameters */
  float *vector; /* the parameter vector, and the copies behind it */
  double *plain; /* the same, plain arrays one after the other */
  double *x;     /* (rows, inputs) */
  pass_t pass;
} network_t;

/* The vector's plain arrays, one after the other. */
static inline void network_unpack(const graph_t *graph, const float *vector, double *plain) {
  float *array = calloc((size_t)graph_parameters(graph), sizeof *array);
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const parameter_t *parameter = graph_parameter(graph, i);
    size_t n = parameter_values(parameter);
    graph_unpack(graph, i, vector, array);
    for (size_t k = 0; k < n; k++) *plain++ = (double)array[k];
  }
  free(array);
}

/* Random parameters, biases too, of a size at which activations bend. */
static inline void network_randomise(network_t *net) {
  for (size_t i = 0; i < graph_parameter_count(net->graph); i++) {
    const parameter_t *parameter = graph_parameter(net->graph, i);
    size_t n = parameter_values(parameter);
    random_stream_t stream = {.seed = 7, .purpose = RANDOM_INIT, .shard = i};
    double *drawn = calloc(n, sizeof *drawn);
    float *array = calloc(n, sizeof *array);
    random_normal(&stream, n, drawn);
    for (size_t k = 0; k < n; k++) array[k] = (float)(1.5 * drawn[k] / sqrt((double)parameter->fan_in));
    for (size_t k = 0; k < n && parameter->is_statistic; k++) array[k] = 0.5F + fabsf(array[k]);
    graph_pack(net->graph, i, array, net->vector);
    free(array);
    free(drawn);
  }
  graph_transpose(net->graph, net->vector, 0, graph_floats(net->graph));
  network_unpack(net->graph, net->vector, net->plain);
}

/* Kernels for `rows` rows at once, the tape holds them all, one slice. */
static inline network_t network_create_with_tables(const layer_settings_t *layers, size_t n_layers,
                                                   int64_t inputs, const graph_table_t *tables,
                                                   size_t n_tables, int64_t rows) {
  network_t net = {
      .rows = rows, .inputs = inputs, .pass = {.training = true, .seed = 3, .step = 5, .shard = 2}};
  CHECK(graph_create_with_tables(layers, n_layers, inputs, tables, n_tables, &net.graph, error));
  CHECK(graph_worker_create(net.graph, rows, 1, true, &net.worker, error));
  CHECK(tape_create(net.graph, rows, rows, &net.tape, error));
  net.outputs = graph_outputs(net.graph);
  net.n = (size_t)graph_parameters(net.graph);
  net.vector = aligned_alloc(64, graph_buffer_floats(net.graph) * sizeof(float));
  memset(net.vector, 0, graph_buffer_floats(net.graph) * sizeof(float));
  net.plain = calloc(graph_plain_floats(net.graph), sizeof(double));
  net.x = calloc((size_t)(rows * inputs), sizeof(double));
  network_randomise(&net);
  random_stream_t stream = {.seed = 11, .purpose = RANDOM_INIT};
  random_normal(&stream, (size_t)(rows * inputs), net.x);
  for (int64_t i = 0; i < rows * inputs; i++) {
    tape_input(net.tape, 0)[i] = (float)net.x[i];
    net.x[i] = (double)tape_input(net.tape, 0)[i];
  }
  return net;
}

static inline network_t network_create(const layer_settings_t *layers, size_t n_layers, int64_t inputs,
                                       int64_t rows) {
  return network_create_with_tables(layers, n_layers, inputs, NULL, 0, rows);
}

static inline void network_destroy(network_t *net) {
  graph_worker_destroy(&net->worker);
  tape_destroy(&net->tape);
  graph_destroy(&net->graph);
  free(net->vector);
  free(net->plain);
  free(net->x);
}

/* For any loss: what the settings would say. */
static const double any_levels[] = {0.1, 0.5, 0.8};
static const loss_params_t any_params = {.delta = 0.5, .levels = any_levels, .n_levels = 3};

/* Targets for a network's outputs, for any loss: labels, values (in [0, 1] for binary_cross_entropy, counts
 * for poisson_nll, half of the others far from the outputs), and the same in double, `width` a row. */
typedef struct {
  int32_t *labels;
  float *values;
  double *plain;
  int64_t width;
} targets_t;

static inline targets_t targets_create(const loss_t *loss, int64_t rows, int64_t outputs) {
  bool is_label = loss->target == TARGET_LABELS;
  bool is_share = loss->target == TARGET_VALUES && loss->is_classification;
  targets_t t = {.width = is_label ? 1 : loss_targets(loss, &any_params, outputs)};
  size_t n = (size_t)(rows * t.width);
  random_stream_t stream = {.seed = 13, .purpose = RANDOM_INIT};
  t.labels = calloc(n, sizeof *t.labels);
  t.values = calloc(n, sizeof *t.values);
  t.plain = calloc(n, sizeof *t.plain);
  random_uniform(&stream, n, t.plain);
  for (size_t i = 0; i < n; i++) {
    t.labels[i] = (int32_t)(t.plain[i] * (double)loss_classes(loss, outputs));
    t.values[i] = (float)(is_share ? t.plain[i] : 4 * t.plain[i] - 2);
    if (loss->fixed_units) t.values[i] = (float)(int)(4 * t.plain[i]);
    t.plain[i] = is_label ? (double)t.labels[i] : (double)t.values[i];
  }
  return t;
}

static inline target_t targets_from(const targets_t *t, int64_t row) {
  return (target_t){.labels = t->labels + row, .values = t->values + row * t->width};
}

static inline void targets_destroy(targets_t *t) {
  free(t->labels);
  free(t->values);
  free(t->plain);
}

/* How much the penalties of a row count. */
static inline double fixture_count(int64_t row) {
  return 0.5 * (double)(row % 4);
}

/* The sum of the penalties of all rows, after forward and before backward. */
static inline double network_penalize(network_t *net) {
  double *penalties = calloc((size_t)net->rows, sizeof *penalties), sum = 0;
  float *weights = tape_weights(net->tape, 0);
  graph_penalties(net->graph, net->tape, 0, net->rows, penalties);
  for (int64_t r = 0; r < net->rows && weights != NULL; r++) {
    weights[r] = (float)fixture_count(r);
    sum += fixture_count(r) * penalties[r];
  }
  free(penalties);
  return sum;
}

/* Sum of the loss over rows, and of penalties, by the definitions in double. */
static inline double network_reference_loss(const network_t *net, const loss_t *loss,
                                            const loss_params_t *params, const targets_t *t) {
  double *y = calloc((size_t)(net->rows * net->outputs), sizeof *y);
  double *penalties = calloc((size_t)net->rows, sizeof *penalties);
  CHECK(graph_reference(net->graph, net->plain, net->rows, net->x, &net->pass, y, penalties, error));
  double sum = 0;
  for (int64_t r = 0; r < net->rows; r++)
    sum += loss->reference(params, net->outputs, y + r * net->outputs, t->plain + r * t->width) +
           fixture_count(r) * penalties[r];
  free(y);
  free(penalties);
  return sum;
}

/* The gradient vector over the slice of the tape that begins at `row`, tile after tile. */
static inline void slice_gradient(const graph_t *graph, graph_worker_t *worker, const tape_t *tape,
                                  int64_t row, float *gradient) {
  for (size_t i = 0; i < graph_tiles(graph); i++) {
    tile_t tile = graph_tile(graph, i);
    dense_sum_t out = {gradient + tile.offset, (int64_t)tile.stride};
    graph_tile_gradient(worker, tape, row, i, &out, 0);
  }
}

/* The same over all rows, by forward and backward; returns the sum of the loss. */
static inline double network_gradient(network_t *net, const loss_t *loss, const loss_params_t *params,
                                      const targets_t *t, float *gradient) {
  graph_forward(net->worker, net->vector, net->tape, 0, 1, &net->pass);
  double sum = loss->evaluate(params, net->rows, net->outputs, tape_output(net->tape, 0), targets_from(t, 0),
                              tape_output_delta(net->tape, 0));
  sum += network_penalize(net);
  graph_backward(net->worker, net->vector, net->tape, 0, 1);
  slice_gradient(net->graph, net->worker, net->tape, 0, gradient);
  return sum;
}

/* Every element of the kernels' gradient against (L(w + h) - L(w - h)) / 2h in double:
 * |g - g_num| <= 1e-4 max |g_num|; and the loss itself. */
static inline void network_check_gradient(network_t *net, const char *loss_name, const char *what) {
  const double h = 1e-5;
  const loss_t *loss = loss_find(loss_name);
  const loss_params_t params = any_params;
  targets_t t = targets_create(loss, net->rows, net->outputs);
  float *vector = aligned_alloc(64, graph_floats(net->graph) * sizeof *vector);
  double *gradient = calloc(graph_plain_floats(net->graph), sizeof *gradient),
         *numeric = calloc(net->n, sizeof *numeric);
  memset(vector, 0, graph_floats(net->graph) * sizeof *vector);
  double value = network_gradient(net, loss, &params, &t, vector);
  double expected = network_reference_loss(net, loss, &params, &t);
  cr_expect(fabs(value - expected) <= 1e-5 * fabs(expected) + 1e-6, "%s: loss %.9g, not %.9g", what, value,
            expected);
  network_unpack(net->graph, vector, gradient);
  double largest = 0, worst = 0;
  for (size_t i = 0; i < net->n; i++) {
    double w = net->plain[i];
    net->plain[i] = w + h;
    double above = network_reference_loss(net, loss, &params, &t);
    net->plain[i] = w - h;
    numeric[i] = (above - network_reference_loss(net, loss, &params, &t)) / (2 * h);
    net->plain[i] = w;
    largest = fmax(largest, fabs(numeric[i]));
    worst = fmax(worst, fabs(numeric[i] - gradient[i]));
  }
  cr_expect(largest > 0 && worst <= 1e-4 * largest, "%s: gradient off by %.3g of %.3g", what, worst, largest);
  free(vector);
  free(gradient);
  free(numeric);
  targets_destroy(&t);
}

#endif
