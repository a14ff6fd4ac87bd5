/* Compares two models or runs bit by bit. */
#include "inspect/difference.h"

#include "base/show.h"
#include "inspect/names.h"
#include "score/model_file.h"
#include "store/store.h"
#include "train/choices.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096 };

/* ---- parameters ---- */

/* Running result of the comparison. */
typedef struct {
  int64_t values, differing;
  double largest;
  float *a, *b; /* buffers for one array of each model */
} comparison_t;

static void print_place(const parameter_t *array, int64_t i, float a, float b) {
  show(stdout, "first difference: %s", array->name);
  if (array->dims == 2)
    printf("[%" PRId64 ", %" PRId64 "]", i / array->shape[1], i % array->shape[1]);
  else
    printf("[%" PRId64 "]", i);
  printf(": %a and %a (%.9g and %.9g)\n", (double)a, (double)b, (double)a, (double)b);
}

/* Compares bits, not values: 0 and -0 differ, and a NaN equals itself. */
static void compare_array(const parameter_t *array, comparison_t *comparison) {
  int64_t n = (int64_t)parameter_values(array);
  comparison->values += n;
  for (int64_t i = 0; i < n; i++) {
    float a = comparison->a[i], b = comparison->b[i];
    if (memcmp(&a, &b, sizeof a) == 0) continue;
    if (comparison->differing++ == 0) print_place(array, i, a, b);
    comparison->largest = fmax(comparison->largest, fabs((double)a - (double)b));
  }
}

/* Whether both networks have the same arrays; prints the first difference. */
static bool same_arrays(const graph_t *a, const graph_t *b) {
  size_t n = graph_parameter_count(a), m = graph_parameter_count(b);
  for (size_t i = 0; i < n && i < m; i++) {
    const parameter_t *p = graph_parameter(a, i), *q = graph_parameter(b, i);
    if (strcmp(p->name, q->name) == 0 && p->dims == q->dims && p->shape[0] == q->shape[0] &&
        p->shape[1] == q->shape[1])
      continue;
    printf("the networks differ: %s (%" PRId64 ", %" PRId64 ") and %s (%" PRId64 ", %" PRId64 ")\n", p->name,
           p->shape[0], p->dims == 2 ? p->shape[1] : 1, q->name, q->shape[0], q->dims == 2 ? q->shape[1] : 1);
    return false;
  }
  if (n != m) printf("the networks differ: %zu and %zu parameter arrays\n", n, m);
  return n == m;
}

static ls_status compare_parameters(const model_t *a, const model_t *b, int64_t member,
                                    comparison_t *comparison, ls_error *error) {
  for (size_t i = 0; i < graph_parameter_count(a->graph); i++) {
    const parameter_t *array = graph_parameter(a->graph, i);
    size_t bytes = parameter_values(array) * sizeof(float);
    free(comparison->a);
    free(comparison->b);
    comparison->a = malloc(bytes);
    comparison->b = malloc(bytes);
    if (comparison->a == NULL || comparison->b == NULL)
      return error_set(error, LS_NO_MEMORY, "no memory to compare %s", array->name);
    graph_unpack(a->graph, i, a->members[member], comparison->a);
    graph_unpack(b->graph, i, b->members[member], comparison->b);
    compare_array(array, comparison);
  }
  return LS_OK;
}

static ls_status compare_models(const model_t *a, const model_t *b, bool *same, ls_error *error) {
  comparison_t comparison = {0};
  *same = same_arrays(a->graph, b->graph);
  if (!*same) return LS_OK;
  if (a->n_members != b->n_members) {
    printf("the ensembles differ: %" PRId64 " and %" PRId64 " members\n", a->n_members, b->n_members);
    *same = false;
    return LS_OK;
  }
  ls_status status = LS_OK;
  for (int64_t m = 0; m < a->n_members && status == LS_OK; m++)
    status = compare_parameters(a, b, m, &comparison, error);
  free(comparison.a);
  free(comparison.b);
  if (status != LS_OK) return status;
  *same = comparison.differing == 0;
  if (*same)
    printf("bit-identical: %" PRId64 " parameters, checksum %s\n", comparison.values, a->checksum);
  else
    printf("%" PRId64 " of %" PRId64 " parameters differ, by at most %.9g\n", comparison.differing,
           comparison.values, comparison.largest);
  if (a->step != b->step) printf("steps: %" PRId64 " and %" PRId64 "\n", a->step, b->step);
  return LS_OK;
}

/* What makes predictions of the parameters: scaling, categories, basis functions, names, the posterior. */
static bool is_around(const char *name) {
  static const char *const begins[] = {"/scaling/",      "/basis",        "/posterior",      "/heads/",
                                       "/class_weights", "/@class_names", "/@feature_names", "/@inputs"};
  for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
    if (strncmp(name, begins[i], strlen(begins[i])) == 0) return true;
  return false;
}

static ls_status compare_around(char paths[2][PATH_SIZE], bool *same, ls_error *error) {
  store_t *stores[2] = {NULL, NULL};
  char *name = NULL;
  ls_status status = LS_OK;
  for (int i = 0; i < 2 && status == LS_OK; i++) status = store_open(paths[i], &stores[i], error);
  if (status == LS_OK) status = store_difference(stores[0], stores[1], is_around, &name, error);
  if (name != NULL) show(stdout, "what is around the parameters differs, first in %s\n", name);
  if (name != NULL) *same = false;
  free(name);
  for (int i = 0; i < 2; i++) store_close(&stores[i]);
  return status;
}

static ls_status compare_files(const char *words[2], bool *same, ls_error *error) {
  model_t *models[2] = {NULL, NULL};
  char paths[2][PATH_SIZE];
  ls_status status = LS_OK;
  for (int i = 0; i < 2 && status == LS_OK; i++) {
    status = model_path(words[i], paths[i], sizeof paths[i], error);
    if (status == LS_OK) status = model_read(paths[i], settings_choices(), &models[i], error);
  }
  if (status == LS_OK) status = compare_models(models[0], models[1], same, error);
  if (status == LS_OK) status = compare_around(paths, same, error);
  for (int i = 0; i < 2; i++) model_destroy(&models[i]);
  return status;
}

/* ---- histories ---- */

/* The columns that are compared for each epoch, in the order in which training produces them. Each value has
 * 8 bytes. */
static const struct {
  const char *name;
  store_type_t type;
} columns[] = {{"train_loss", STORE_F64}, {"parameters_checksum", STORE_U64}, {"valid_loss", STORE_F64}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

typedef struct {
  int64_t epochs;
  uint64_t *columns[COLUMNS]; /* (epochs) raw bits */
} histories_t;

static void histories_free(histories_t *history) {
  for (int c = 0; c < COLUMNS; c++) free(history->columns[c]);
}

static ls_status read_columns(const store_t *store, histories_t *history, ls_error *error) {
  store_array_t array = {0};
  TRY(store_describe(store, columns[0].name, &array, error));
  history->epochs = array.shape[0];
  for (int c = 0; c < COLUMNS; c++) {
    history->columns[c] = calloc((size_t)history->epochs + 1, sizeof **history->columns);
    if (history->columns[c] == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a history");
    if (history->epochs > 0 && store_has(store, columns[c].name))
      TRY(store_read_rows(store, columns[c].name, 0, history->epochs, columns[c].type, history->columns[c],
                          error));
  }
  return LS_OK;
}

static ls_status read_history(const char *word, histories_t *history, ls_error *error) {
  char run[NAMED_PATH_SIZE], path[NAMED_PATH_SIZE + 16];
  store_t *store = NULL;
  TRY(run_named(word, run, error));
  snprintf(path, sizeof path, "%s/history.h5", run);
  TRY(store_open(path, &store, error));
  ls_status status = read_columns(store, history, error);
  store_close(&store);
  return status;
}

static void print_epoch(int64_t epoch, int column, uint64_t a, uint64_t b) {
  double x, y;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  printf("the histories first differ in epoch %" PRId64 ", %s: ", epoch + 1, columns[column].name);
  if (columns[column].type == STORE_F64)
    printf("%a and %a (%.17g and %.17g)\n", x, y, x, y);
  else
    printf("%016" PRIx64 " and %016" PRIx64 "\n", a, b);
}

static bool same_epochs(const histories_t *a, const histories_t *b) {
  int64_t n = a->epochs < b->epochs ? a->epochs : b->epochs;
  for (int64_t e = 0; e < n; e++)
    for (int c = 0; c < COLUMNS; c++)
      if (a->columns[c][e] != b->columns[c][e]) {
        print_epoch(e, c, a->columns[c][e], b->columns[c][e]);
        return false;
      }
  printf("the first %" PRId64 " epochs are bit-identical: losses and parameters\n", n);
  if (a->epochs != b->epochs) printf("epochs: %" PRId64 " and %" PRId64 "\n", a->epochs, b->epochs);
  return a->epochs == b->epochs;
}

static ls_status compare_histories(const char *words[2], bool *same, ls_error *error) {
  histories_t a = {0}, b = {0};
  ls_status status = read_history(words[0], &a, error);
  if (status == LS_OK) status = read_history(words[1], &b, error);
  if (status == LS_OK) *same = same_epochs(&a, &b);
  histories_free(&a);
  histories_free(&b);
  return status;
}

/* Whether the run has a history. Runs of `lockstep solve` and the collecting run of an ensemble have none. */
static bool has_history(const char *word) {
  char run[NAMED_PATH_SIZE], path[NAMED_PATH_SIZE + 16];
  struct stat info;
  if (!run_find(word, run)) return false;
  snprintf(path, sizeof path, "%s/history.h5", run);
  return stat(path, &info) == 0;
}

ls_status inspect_difference(const char *words[2], bool *same, ls_error *error) {
  bool same_parameters = false, same_history = true;
  TRY(compare_files(words, &same_parameters, error));
  if (has_history(words[0]) && has_history(words[1])) TRY(compare_histories(words, &same_history, error));
  *same = same_parameters && same_history;
  return LS_OK;
}
