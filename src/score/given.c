#include "score/given.h"

#include "base/checksum.h"
#include "score/weight_name.h"
#include "score/weights_csv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 512 };

/* Adds ", NAME" to a list, as far as there is room. */
static void add_name(char list[NAMES], const char *name) {
  const size_t used = strlen(list);
  snprintf(list + used, NAMES - used, "%s%s", used > 0 ? ", " : "", name);
}

/* ---- literal numbers ---- */

static ls_status check_shape(const given_weight_t *given, const weight_name_t *name,
                             const parameter_t *parameter, ls_error *error) {
  if (given->rows == 0) return LS_OK; /* one number, for one weight or for all of the array */
  const bool is_matrix = given->columns > 0;
  if (!name->is_whole)
    return error_set(error, LS_BAD_SETTINGS, "model.init_values.%.80s: one weight is one number, not a list",
                     given->name);
  if (parameter->dims == (is_matrix ? 2 : 1) && parameter->shape[0] == given->rows &&
      (!is_matrix || parameter->shape[1] == given->columns))
    return LS_OK;
  if (parameter->dims == 2)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.init_values.%.80s: the array has the shape (%" PRId64 ", %" PRId64
                     "): give a list for each of the %" PRId64 " units, with %" PRId64
                     " numbers each, as in [[1, 2], [3, 4]]; a single number sets all of them",
                     given->name, parameter->shape[0], parameter->shape[1], parameter->shape[0],
                     parameter->shape[1]);
  return error_set(error, LS_BAD_SETTINGS,
                   "model.init_values.%.80s: the array has %" PRId64
                   " numbers: give one list of them, as in [1, 2]; a single number sets all of them",
                   given->name, parameter->shape[0]);
}

/* Sets what one entry gives in a plain array. */
static void set_plain(const given_weight_t *given, const weight_name_t *name, size_t n, float *plain) {
  if (!name->is_whole) plain[name->at] = (float)given->values[0];
  for (size_t i = 0; i < n && name->is_whole; i++) plain[i] = (float)given->values[given->rows > 0 ? i : 0];
}

static ls_status set_entry(const given_weight_t *given, const graph_t *graph, float *vector,
                           ls_error *error) {
  weight_name_t name = {0};
  ls_status status = weight_name_read(graph, given->name, &name, error);
  if (status != LS_OK) return error_prefix(error, status, "model.init_values");
  const parameter_t *parameter = graph_parameter(graph, name.array);
  TRY(check_shape(given, &name, parameter, error));
  if (vector == NULL) return LS_OK;
  float *plain = malloc(parameter_values(parameter) * sizeof *plain);
  if (plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the weights of a layer");
  graph_unpack(graph, name.array, vector, plain);
  set_plain(given, &name, parameter_values(parameter), plain);
  graph_pack(graph, name.array, plain, vector);
  free(plain);
  return LS_OK;
}

ls_status given_values_set(const settings_t *settings, const graph_t *graph, float *vector, const log_t *log,
                           ls_error *error) {
  const given_weights_t *given = &settings->model.init_values;
  char names[NAMES] = "";
  for (size_t i = 0; i < given->n; i++) {
    TRY(set_entry(&given->items[i], graph, vector, error));
    add_name(names, given->items[i].name);
  }
  if (given->n > 0 && vector != NULL) log_info(log, "weights of model.init_values: %s", names);
  return LS_OK;
}

/* ---- a table ---- */

bool given_is_table(const settings_t *settings) {
  const char *dot = strrchr(settings->model.init_from, '.');
  return dot != NULL && strcmp(dot, ".csv") == 0;
}

ls_status given_checksum(const char *path, char checksum[17], ls_error *error) {
  enum { PIECE = 1 << 16 };
  FILE *in = fopen(path, "rb");
  checksum_t *sum = checksum_begin();
  char *bytes = malloc(PIECE);
  ls_status status = LS_OK;
  if (in == NULL)
    status = error_set(error, LS_BAD_DATA, "%s: cannot be opened: %s", path, strerror(errno));
  else if (sum == NULL || bytes == NULL)
    status = error_set(error, LS_NO_MEMORY, "%s: no memory for its checksum", path);
  for (size_t n = 1; status == LS_OK && n > 0;) {
    n = fread(bytes, 1, PIECE, in);
    checksum_add(sum, bytes, n);
  }
  if (status == LS_OK && ferror(in)) status = error_set(error, LS_IO, "%s: cannot be read", path);
  const uint64_t found = checksum_end(&sum);
  if (status == LS_OK) snprintf(checksum, 17, "%016" PRIx64, found);
  if (in != NULL) fclose(in);
  free(bytes);
  return status;
}

/* The first weight that the table does not give. */
static void first_left(const graph_t *graph, const weights_given_t *given, char out[WEIGHT_NAME_SIZE]) {
  size_t start = 0;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const size_t n = parameter_values(graph_parameter(graph, i));
    for (size_t k = 0; k < n; k++)
      if (!given->is_given[start + k]) {
        weight_name_write(graph, i, k, out);
        return;
      }
    start += n;
  }
}

static ls_status check_whole(const settings_t *settings, const graph_t *graph, const weights_given_t *given,
                             ls_error *error) {
  char name[WEIGHT_NAME_SIZE] = "";
  const size_t n = graph_plain_floats(graph);
  if (strcmp(settings->model.init_layers, "all") != 0) {
    if (given->given > 0) return LS_OK;
    return error_set(error, LS_BAD_SETTINGS, "model.init_from: %s gives no weight of this network",
                     settings->model.init_from);
  }
  if (given->given == n) return LS_OK;
  first_left(graph, given, name);
  return error_set(
      error, LS_BAD_SETTINGS,
      "model.init_from: %s gives %zu of the network's %zu weights, and not %s: add the others, or "
      "take what is there with model.init_layers: matching",
      settings->model.init_from, given->given, n, name);
}

ls_status given_table_set(const settings_t *settings, const graph_t *graph, float *vector, const log_t *log,
                          char checksum[17], ls_error *error) {
  const char *path = settings->model.init_from;
  const bool all = strcmp(settings->model.init_layers, "all") == 0;
  weights_given_t given = {0};
  char found[17] = "";
  ls_status status = given_checksum(path, found, error);
  if (status == LS_OK) status = weights_csv_read(path, graph, !all, vector, &given, error);
  if (status != LS_OK) return error_prefix(error, status, "model.init_from");
  status = check_whole(settings, graph, &given, error);
  if (status == LS_OK && checksum[0] != '\0' && strcmp(checksum, found) != 0)
    status = error_set(error, LS_BAD_DATA, "%s has changed since this run began: it had the checksum %s",
                       path, checksum);
  if (status == LS_OK) {
    const size_t n = graph_plain_floats(graph);
    snprintf(checksum, 17, "%s", found);
    if (vector != NULL)
      log_info(log, "weights of %s (checksum %s): %zu of %zu%s%s", path, found, given.given, n,
               given.others[0] != '\0' ? "; layers that are not here: " : "", given.others);
  }
  weights_given_free(&given);
  return status;
}
