#include "landscape/weight_name.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The name of array i with a dot: dense1.weight. */
static void array_name(const graph_t *graph, size_t i, char out[WEIGHT_NAME_SIZE]) {
  snprintf(out, WEIGHT_NAME_SIZE, "%s", graph_parameter(graph, i)->name);
  for (char *at = out; *at != '\0'; at++)
    if (*at == '/') *at = '.';
}

/* The array that is named most like `name`. */
static void nearest_array(const graph_t *graph, const char *name, char out[WEIGHT_NAME_SIZE]) {
  size_t least = SIZE_MAX;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    char found[WEIGHT_NAME_SIZE];
    array_name(graph, i, found);
    const size_t distance = text_distance(name, found);
    if (distance >= least) continue;
    least = distance;
    memcpy(out, found, sizeof found);
  }
}

static ls_status find_array(const graph_t *graph, const char *word, size_t length, size_t *out,
                            ls_error *error) {
  char name[WEIGHT_NAME_SIZE], found[WEIGHT_NAME_SIZE], nearest[WEIGHT_NAME_SIZE] = "";
  snprintf(name, sizeof name, "%.*s", (int)length, word);
  for (char *at = name; *at != '\0'; at++)
    if (*at == '/') *at = '.';
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    array_name(graph, i, found);
    if (strcmp(found, name) != 0) continue;
    *out = i;
    return LS_OK;
  }
  nearest_array(graph, name, nearest);
  return error_set(error, LS_USAGE, "the network has no parameters '%.80s'; did you mean %s?", name, nearest);
}

/* Reads "[2]" or "[0,2]"; returns the number of indices, 0 for another text. */
static int read_indices(const char *text, int64_t out[2]) {
  int end = 0;
  if (sscanf(text, "[%" SCNd64 "]%n", &out[0], &end) == 1 && end > 0 && text[end] == '\0') return 1;
  end = 0;
  bool fits = sscanf(text, "[%" SCNd64 " ,%" SCNd64 "]%n", &out[0], &out[1], &end) == 2 && end > 0;
  return fits && text[end] == '\0' ? 2 : 0;
}

/* "dense1.weight[I,J] with I below 3 and J below 784" */
static ls_status refuse_indices(const graph_t *graph, size_t array, const char *word, ls_error *error) {
  const parameter_t *about = graph_parameter(graph, array);
  char name[WEIGHT_NAME_SIZE];
  array_name(graph, array, name);
  if (about->dims == 1)
    return error_set(error, LS_USAGE,
                     "'%.80s' is no single parameter: name one as %s[I], I from 0 to %" PRId64, word, name,
                     about->shape[0] - 1);
  return error_set(error, LS_USAGE,
                   "'%.80s' is no single parameter: name one as %s[I,J], output I from 0 to %" PRId64
                   ", input J from 0 to %" PRId64,
                   word, name, about->shape[0] - 1, about->shape[1] - 1);
}

ls_status weight_find(const graph_t *graph, const char *word, weight_place_t *out, ls_error *error) {
  const size_t length = strcspn(word, "[");
  weight_place_t place = {0};
  int64_t at[2] = {0};
  TRY(find_array(graph, word, length, &place.array, error));
  const parameter_t *about = graph_parameter(graph, place.array);
  const int n = read_indices(word + length, at);
  const bool is_only = word[length] == '\0' && parameter_values(about) == 1;
  bool is_inside = n == about->dims;
  for (int d = 0; d < about->dims && is_inside; d++) is_inside = at[d] >= 0 && at[d] < about->shape[d];
  if (!is_inside && !is_only) return refuse_indices(graph, place.array, word, error);
  place.element = (size_t)(about->dims == 2 ? at[0] * about->shape[1] + at[1] : at[0]);
  *out = place;
  return LS_OK;
}

void weight_name(const graph_t *graph, weight_place_t place, char out[WEIGHT_NAME_SIZE]) {
  const parameter_t *about = graph_parameter(graph, place.array);
  char name[WEIGHT_NAME_SIZE];
  array_name(graph, place.array, name);
  const int64_t element = (int64_t)place.element;
  if (about->dims == 2)
    snprintf(out, WEIGHT_NAME_SIZE, "%.80s[%" PRId64 ",%" PRId64 "]", name, element / about->shape[1],
             element % about->shape[1]);
  else
    snprintf(out, WEIGHT_NAME_SIZE, "%.80s[%" PRId64 "]", name, element);
}
