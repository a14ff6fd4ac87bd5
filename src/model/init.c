/* Initial weights. A rule is a variance and a distribution. Each array has its own random stream, in plain
 * (out, in) order, so the initial weights depend neither on the layout in memory nor on which rank fills
 * them. */
#include "model/init.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>

typedef void (*draw_t)(const random_stream_t *stream, double variance, size_t n, double *out);

/* Uniform in [-a, a) has variance a^2/3. */
static void draw_uniform(const random_stream_t *stream, double variance, size_t n, double *out) {
  double a = sqrt(3.0 * variance);
  random_uniform(stream, n, out);
  for (size_t i = 0; i < n; i++) out[i] = a * (2.0 * out[i] - 1.0);
}

static void draw_normal(const random_stream_t *stream, double variance, size_t n, double *out) {
  double deviation = sqrt(variance);
  random_normal(stream, n, out);
  for (size_t i = 0; i < n; i++) out[i] *= deviation;
}

static void draw_zeros(const random_stream_t *stream, double variance, size_t n, double *out) {
  (void)stream;
  (void)variance;
  for (size_t i = 0; i < n; i++) out[i] = 0;
}

static void draw_ones(const random_stream_t *stream, double variance, size_t n, double *out) {
  (void)stream;
  (void)variance;
  for (size_t i = 0; i < n; i++) out[i] = 1;
}

/* variance = numerator / (in * fan_in + out * fan_out) */
typedef struct {
  const char *name, *meaning;
  double numerator, in, out;
  draw_t draw;
} rule_t;

static const rule_t rule_table[] = {
    {"glorot_uniform", "uniform, variance 2/(fan_in + fan_out) (Glorot and Bengio 2010)", 2, 1, 1,
     draw_uniform},
    {"glorot_normal", "normal, variance 2/(fan_in + fan_out) (Glorot and Bengio 2010)", 2, 1, 1, draw_normal},
    {"he_uniform", "uniform, variance 2/fan_in (He et al. 2015)", 2, 1, 0, draw_uniform},
    {"he_normal", "normal, variance 2/fan_in (He et al. 2015)", 2, 1, 0, draw_normal},
    {"lecun_uniform", "uniform, variance 1/fan_in (LeCun et al. 1998)", 1, 1, 0, draw_uniform},
    {"lecun_normal", "normal, variance 1/fan_in (LeCun et al. 1998)", 1, 1, 0, draw_normal},
    {"zeros", "all zero", 0, 1, 0, draw_zeros},
    {"ones", "all one", 0, 1, 0, draw_ones},
};

bool init_choice(size_t i, choice_t *out) {
  if (i >= sizeof rule_table / sizeof rule_table[0]) return false;
  *out = (choice_t){.name = rule_table[i].name, .meaning = rule_table[i].meaning};
  return true;
}

/* Fills one array. drawn and plain are work space, each with room for the array. */
static ls_status init_array(const graph_t *graph, size_t i, uint64_t seed, double *drawn, float *plain,
                            float *vector, ls_error *error) {
  const parameter_t *parameter = graph_parameter(graph, i);
  int found = choice_find(init_choice, parameter->init);
  if (found < 0)
    return error_set(error, LS_BAD_SETTINGS, "%s: unknown initialisation '%s'", parameter->name,
                     parameter->init);
  const rule_t *rule = &rule_table[found];
  random_stream_t stream = {.seed = seed, .purpose = RANDOM_INIT, .shard = i};
  double fan = rule->in * (double)parameter->fan_in + rule->out * (double)parameter->fan_out;
  size_t n = parameter_values(parameter);
  rule->draw(&stream, rule->numerator / fan, n, drawn);
  for (size_t k = 0; k < n; k++) plain[k] = (float)drawn[k];
  graph_pack(graph, i, plain, vector);
  return LS_OK;
}

ls_status init_parameters(const graph_t *graph, uint64_t seed, float *vector, ls_error *error) {
  ls_status status = LS_OK;
  size_t largest = 0;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    size_t n = parameter_values(graph_parameter(graph, i));
    if (n > largest) largest = n;
  }
  double *drawn = malloc(largest * sizeof *drawn);
  float *plain = malloc(largest * sizeof *plain);
  if (drawn == NULL || plain == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for the initial weights of the largest layer"));
  for (size_t i = 0; i < graph_floats(graph); i++) vector[i] = 0;
  for (size_t i = 0; i < graph_parameter_count(graph); i++)
    TRY_OR_DONE(init_array(graph, i, seed, drawn, plain, vector, error));
done:
  free(plain);
  free(drawn);
  return status;
}
