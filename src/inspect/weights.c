#include "inspect/weights.h"

#include "base/arena.h"
#include "base/show.h"
#include "model/frozen.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 64, SHOWN_ROWS = 12, SHOWN_COLUMNS = 8 };

typedef struct {
  const model_t *model;
  const weights_print_t *options;
  FILE *out;
} printing_t;

/* Whether item i of n is shown: the first ones and the last one. */
static bool is_shown(const printing_t *printing, int64_t i, int64_t n, int64_t shown) {
  return printing->options->is_full || n <= shown || i < shown - 2 || i == n - 1;
}

/* The dots between the first ones and the last one stand for item i. */
static bool is_gap(const printing_t *printing, int64_t i, int64_t n, int64_t shown) {
  return !printing->options->is_full && n > shown && i == shown - 2;
}

/* ---- names ---- */

/* Whether a layer reads the rows of x as they are: no basis, no vectors, no windows. */
static bool reads_features(const model_t *model, const parameter_t *parameter) {
  const features_t *features = &model->features;
  return strncmp(parameter->name, "dense1/", strlen("dense1/")) == 0 && parameter->dims == 2 &&
         features->basis.kind == NULL && features->n_lookups == 0 && features->steps <= 1 &&
         parameter->shape[1] == features->encoded;
}

/* The name of input i of a layer: that of the column, with the category that a one-hot input stands for. */
static void input_name(const model_t *model, const parameter_t *parameter, int64_t i, char out[NAME_SIZE]) {
  const features_t *features = &model->features;
  const int64_t column =
      features->source != NULL && reads_features(model, parameter) ? features->source[i] : i;
  snprintf(out, NAME_SIZE, "%" PRId64, i);
  if (!reads_features(model, parameter) || model->feature_names == NULL) return;
  const char *name = model->feature_names[column];
  const value_kind_t kind = features->kind != NULL ? (value_kind_t)features->kind[i] : VALUE_NUMBER;
  const codes_t *codes = features->codes != NULL ? &features->codes[column] : NULL;
  const int64_t category = kind == VALUE_CATEGORY ? (int64_t)features->category[i] : -1;
  if (category >= 0 && codes != NULL && category < (int64_t)codes->names.n)
    snprintf(out, NAME_SIZE, "%.30s=%.30s", name, codes->names.names[category]);
  else if (kind == VALUE_CATEGORY)
    snprintf(out, NAME_SIZE, "%.30s=%g", name, features->category[i]);
  else
    snprintf(out, NAME_SIZE, "%.50s%s", name, kind == VALUE_MISSING ? " missing" : "");
}

/* The name of unit o: that of a class for the last layer, its number otherwise. */
static void unit_name(const model_t *model, const parameter_t *parameter, int64_t o, char out[NAME_SIZE]) {
  const objective_t *objective = &model->objective;
  size_t last = 0;
  snprintf(out, NAME_SIZE, "%" PRId64, o);
  for (size_t i = 0; i < graph_parameter_count(model->graph); i++)
    if (graph_parameter(model->graph, i)->is_weight) last = i;
  if (objective->n != 1 || model->class_names[0] == NULL ||
      parameter->shape[0] != objective->heads[0].classes)
    return;
  const char *name = graph_parameter(model->graph, last)->name;
  if (strncmp(name, parameter->name, strcspn(name, "/") + 1) == 0)
    snprintf(out, NAME_SIZE, "%.60s", model->class_names[0][o]);
}

/* ---- tables ---- */

static void print_header(const printing_t *printing, const parameter_t *parameter) {
  const int64_t n = parameter->dims == 2 ? parameter->shape[1] : 1;
  fprintf(printing->out, "  %-16s", parameter->dims == 2 ? "unit \\ input" : "unit");
  for (int64_t i = 0; i < n && parameter->dims == 2; i++) {
    char name[NAME_SIZE];
    input_name(printing->model, parameter, i, name);
    if (is_gap(printing, i, n, SHOWN_COLUMNS)) fputs("  ...", printing->out);
    if (is_shown(printing, i, n, SHOWN_COLUMNS)) show(printing->out, " %14.14s", name);
  }
  fputc('\n', printing->out);
}

/* Row o of an array: plain (columns). */
static void print_row(const printing_t *printing, const parameter_t *parameter, int64_t o,
                      const float *plain) {
  const int64_t n = parameter->dims == 2 ? parameter->shape[1] : 1;
  char name[NAME_SIZE];
  unit_name(printing->model, parameter, o, name);
  show(printing->out, "  %-16.16s", name);
  for (int64_t i = 0; i < n; i++) {
    if (is_gap(printing, i, n, SHOWN_COLUMNS)) fputs("  ...", printing->out);
    if (is_shown(printing, i, n, SHOWN_COLUMNS)) fprintf(printing->out, " %14.9g", (double)plain[i]);
  }
  fputc('\n', printing->out);
}

static ls_status print_array(const printing_t *printing, size_t array, ls_error *error) {
  const graph_t *graph = printing->model->graph;
  const parameter_t *parameter = graph_parameter(graph, array);
  const int64_t rows = parameter->shape[0], columns = parameter->dims == 2 ? parameter->shape[1] : 1;
  const int layer = (int)strcspn(parameter->name, "/");
  float *plain = malloc(parameter_values(parameter) * sizeof *plain);
  if (plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the weights of a layer");
  graph_unpack(graph, array, printing->model->members[printing->options->member - 1], plain);
  fprintf(printing->out, "\n%.*s.%s (%" PRId64, layer, parameter->name, parameter->name + layer + 1, rows);
  if (parameter->dims == 2) fprintf(printing->out, ", %" PRId64, columns);
  fputs(")\n", printing->out);
  print_header(printing, parameter);
  for (int64_t o = 0; o < rows; o++) {
    if (is_gap(printing, o, rows, SHOWN_ROWS)) fputs("  ...\n", printing->out);
    if (is_shown(printing, o, rows, SHOWN_ROWS)) print_row(printing, parameter, o, plain + o * columns);
  }
  free(plain);
  return LS_OK;
}

/* ---- a linear model in original units ---- */

/* A single dense layer without an activation whose inputs are columns of x, each scaled or not. */
static bool is_line(const model_t *model) {
  const settings_t *settings = model->settings;
  const features_t *features = &model->features;
  return settings->model.n_layers == 1 && settings->model.layers[0].kind == LAYER_DENSE &&
         strcmp(settings->model.layers[0].activation, "identity") == 0 && model->objective.n == 1 &&
         loss_is_regression(model->objective.heads[0].loss) &&
         model->objective.heads[0].loss->predict == NULL && features->basis.kind == NULL &&
         features->source == NULL && features->fill == NULL && features->n_lookups == 0 &&
         features->steps <= 1 && graph_outputs(model->graph) == model->objective.targets;
}

/* The k-th entry of a scaler's array, or what leaves a value as it is. */
static double entry(const scaler_t *scaler, const double *values, int64_t k, double otherwise) {
  return scaler->n > 0 ? values[k] : otherwise;
}

/* With u_i = (x_i - s_i) c_i + o_i and (y - S) C + O = sum of w_i u_i + b:
 *
 *   y = sum of (w_i c_i / C) x_i + (b + sum of w_i (o_i - s_i c_i) - O) / C + S */
static void print_line(const printing_t *printing, const float *w, const float *b, int64_t k) {
  const scaler_t *x = &printing->model->features.scaler, *y = &printing->model->targets;
  const int64_t n = printing->model->features.columns;
  const double C = entry(y, y->scale, k, 1);
  double constant = b != NULL ? (double)b[k] : 0;
  fprintf(printing->out, "  y%" PRId64 " =", k);
  for (int64_t i = 0; i < n; i++) {
    const double slope = (double)w[k * n + i] * entry(x, x->scale, i, 1);
    constant += (double)w[k * n + i] * entry(x, x->offset, i, 0) - slope * entry(x, x->shift, i, 0);
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "x%" PRId64, i);
    if (printing->model->feature_names != NULL)
      snprintf(name, sizeof name, "%.60s", printing->model->feature_names[i]);
    if (is_gap(printing, i, n, SHOWN_COLUMNS)) fputs(" + ...", printing->out);
    if (is_shown(printing, i, n, SHOWN_COLUMNS))
      show(printing->out, "%s%.9g %s",
           i == 0          ? " "
           : slope / C < 0 ? " - "
                           : " + ",
           i == 0 ? slope / C : fabs(slope / C), name);
  }
  constant = (constant - entry(y, y->offset, k, 0)) / C + entry(y, y->shift, k, 0);
  fprintf(printing->out, " %c %.9g\n", constant < 0 ? '-' : '+', fabs(constant));
}

static ls_status print_lines(const printing_t *printing, ls_error *error) {
  const graph_t *graph = printing->model->graph;
  const bool has_bias = graph_parameter_count(graph) == 2;
  const float *vector = printing->model->members[printing->options->member - 1];
  float *w = malloc(parameter_values(graph_parameter(graph, 0)) * sizeof *w);
  float *b = malloc((size_t)graph_outputs(graph) * sizeof *b);
  ls_status status = LS_OK;
  if (w == NULL || b == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for the weights of a layer"));
  graph_unpack(graph, 0, vector, w);
  if (has_bias) graph_unpack(graph, 1, vector, b);
  fputs("\nthe same in the original units of x and y\n", printing->out);
  for (int64_t k = 0; k < graph_outputs(graph); k++) print_line(printing, w, has_bias ? b : NULL, k);
done:
  free(w);
  free(b);
  return status;
}

/* ---- the whole ---- */

static void list_layers(const graph_t *graph, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < graph_parameter_count(graph) && used < size; i++) {
    const char *name = graph_parameter(graph, i)->name;
    const int length = (int)strcspn(name, "/");
    if (graph_parameter(graph, i)->is_statistic) continue;
    if (i > 0 && strncmp(name, graph_parameter(graph, i - 1)->name, (size_t)length + 1) == 0) continue;
    used += (size_t)snprintf(out + used, size - used, "%s%.*s", i > 0 ? ", " : "", length, name);
  }
}

static void print_units(const printing_t *printing) {
  const model_t *model = printing->model;
  const bool x = model->features.scaler.n > 0, y = model->targets.n > 0;
  if (x)
    fprintf(printing->out, "The first layer acts on scaled columns (data.scaling: %s).\n",
            model->features.scaler.name);
  if (y)
    fprintf(printing->out, "Outputs are scaled targets (data.target_scaling: %s).\n", model->targets.name);
  if (!x && !y) fputs("Weights act on columns as they are in the file; nothing is scaled.\n", printing->out);
}

ls_status weights_print(const model_t *model, const weights_print_t *options, FILE *out, ls_error *error) {
  const printing_t printing = {model, options, out};
  const graph_t *graph = model->graph;
  char list[400];
  bool any = false;
  for (size_t i = 0; i < graph_parameter_count(graph); i++)
    any |= options->layer == NULL || parameter_is_of(graph_parameter(graph, i), options->layer);
  if (!any) {
    list_layers(graph, list, sizeof list);
    return error_set(error, LS_USAGE, "--layer: the network has no layer '%.60s' with weights; it has %s",
                     options->layer, list);
  }
  print_units(&printing);
  for (size_t i = 0; i < graph_parameter_count(graph); i++)
    if (options->layer == NULL || parameter_is_of(graph_parameter(graph, i), options->layer))
      TRY(print_array(&printing, i, error));
  return is_line(model) ? print_lines(&printing, error) : LS_OK;
}
