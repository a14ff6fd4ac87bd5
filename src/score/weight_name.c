#include "score/weight_name.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LIST_SIZE = 300 };

/* The length of "dense1.weight" in "dense1.weight[0,3]". */
static size_t array_length(const char *text) {
  return strcspn(text, "[");
}

/* Whether the first `length` bytes of a text are the name of an array, with a point or a slash. */
static bool is_array(const parameter_t *parameter, const char *text, size_t length) {
  const size_t layer = strcspn(parameter->name, "/");
  return strlen(parameter->name) == length && strncmp(parameter->name, text, layer) == 0 &&
         (text[layer] == '.' || text[layer] == '/') &&
         strncmp(parameter->name + layer + 1, text + layer + 1, length - layer - 1) == 0;
}

static void shape_text(const parameter_t *parameter, char out[64]) {
  if (parameter->dims == 2)
    snprintf(out, 64, "(%" PRId64 ", %" PRId64 ")", parameter->shape[0], parameter->shape[1]);
  else
    snprintf(out, 64, "(%" PRId64 ")", parameter->shape[0]);
}

static void plain_name(const parameter_t *parameter, char out[sizeof parameter->name]) {
  memcpy(out, parameter->name, sizeof parameter->name);
  out[strcspn(out, "/")] = '.';
}

void weight_names_list(const graph_t *graph, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < graph_parameter_count(graph) && used < size; i++) {
    const parameter_t *parameter = graph_parameter(graph, i);
    char name[sizeof parameter->name], shape[64];
    plain_name(parameter, name);
    shape_text(parameter, shape);
    used += (size_t)snprintf(out + used, size - used, "%s%s %s", i > 0 ? ", " : "", name, shape);
  }
}

/* The name of the array that is most like the first `length` bytes of a text. */
static void nearest_array(const graph_t *graph, const char *text, size_t length, char out[WEIGHT_NAME_SIZE]) {
  char word[WEIGHT_NAME_SIZE];
  size_t least = SIZE_MAX;
  snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), text);
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const parameter_t *parameter = graph_parameter(graph, i);
    char name[sizeof parameter->name];
    plain_name(parameter, name);
    const size_t distance = text_distance(word, name);
    if (distance >= least) continue;
    least = distance;
    snprintf(out, WEIGHT_NAME_SIZE, "%s", name);
  }
}

/* Reads one number from 0 and moves *text behind it. */
static bool read_index(const char **text, int64_t *out) {
  const size_t digits = strspn(*text, "0123456789");
  enum { MOST_DIGITS = 15 };
  if (digits == 0 || digits > MOST_DIGITS) return false;
  *out = 0;
  for (size_t i = 0; i < digits; i++) *out = 10 * *out + (*text)[i] - '0';
  *text += digits;
  return true;
}

/* Reads "[i]" or "[i,j]", blanks allowed after the comma; false if it is written otherwise. */
static bool read_indices(const char *text, int dims, int64_t index[2]) {
  if (*text++ != '[' || !read_index(&text, &index[0])) return false;
  if (dims == 2) {
    if (*text++ != ',') return false;
    text += strspn(text, " ");
    if (!read_index(&text, &index[1])) return false;
  }
  return strcmp(text, "]") == 0;
}

ls_status weight_name_read(const graph_t *graph, const char *text, weight_name_t *out, ls_error *error) {
  const size_t length = array_length(text);
  char list[LIST_SIZE], shape[64], nearest[WEIGHT_NAME_SIZE] = "";
  size_t array = 0;
  while (array < graph_parameter_count(graph) && !is_array(graph_parameter(graph, array), text, length))
    array++;
  if (array == graph_parameter_count(graph)) {
    weight_names_list(graph, list, sizeof list);
    nearest_array(graph, text, length, nearest);
    return error_set(error, LS_BAD_SETTINGS,
                     "%.100s: the network has no array '%.*s'; did you mean %s? It has %s", text,
                     length < 100 ? (int)length : 100, text, nearest, list);
  }
  const parameter_t *parameter = graph_parameter(graph, array);
  weight_name_t name = {.array = array, .is_whole = text[length] == '\0'};
  int64_t index[2] = {0, 0};
  shape_text(parameter, shape);
  if (!name.is_whole && !read_indices(text + length, parameter->dims, index))
    return error_set(error, LS_BAD_SETTINGS, "%.100s: write one weight of this array of shape %s as %.*s%s",
                     text, shape, (int)length, text, parameter->dims == 2 ? "[UNIT,INPUT]" : "[UNIT]");
  if (index[0] >= parameter->shape[0] || (parameter->dims == 2 && index[1] >= parameter->shape[1]))
    return error_set(error, LS_BAD_SETTINGS,
                     "%.100s: there is no such weight: the array has the shape %s, and "
                     "numbers count from 0",
                     text, shape);
  name.row = index[0];
  name.column = index[1];
  name.at = (size_t)(parameter->dims == 2 ? index[0] * parameter->shape[1] + index[1] : index[0]);
  *out = name;
  return LS_OK;
}

ls_status weight_name_single(const graph_t *graph, const char *text, weight_name_t *out, ls_error *error) {
  weight_name_t name = {0};
  if (weight_name_read(graph, text, &name, error) != LS_OK) {
    if (error != NULL) error->status = LS_USAGE;
    return LS_USAGE;
  }
  const parameter_t *parameter = graph_parameter(graph, name.array);
  char shape[64];
  shape_text(parameter, shape);
  if (name.is_whole && parameter_values(parameter) > 1)
    return error_set(error, LS_USAGE, "%.100s: name one weight of this array of shape %s, as in %.100s%s",
                     text, shape, text, parameter->dims == 2 ? "[0,0]" : "[0]");
  *out = name;
  return LS_OK;
}

void weight_name_write(const graph_t *graph, size_t array, size_t at, char out[WEIGHT_NAME_SIZE]) {
  const parameter_t *parameter = graph_parameter(graph, array);
  char name[sizeof parameter->name];
  plain_name(parameter, name);
  if (parameter->dims == 2)
    snprintf(out, WEIGHT_NAME_SIZE, "%s[%zu,%zu]", name, at / (size_t)parameter->shape[1],
             at % (size_t)parameter->shape[1]);
  else
    snprintf(out, WEIGHT_NAME_SIZE, "%s[%zu]", name, at);
}

size_t weight_name_place(const graph_t *graph, const weight_name_t *name) {
  const parameter_t *parameter = graph_parameter(graph, name->array);
  const size_t offset = graph_extent(graph, name->array).offset;
  if (!parameter->is_weight) return offset + name->at;
  const dense_layout_t layout = dense_layout(parameter->shape[1], parameter->shape[0]); /* math/dense.h */
  return offset + (size_t)((name->row / DENSE_PANEL * layout.padded_in + name->column) * DENSE_PANEL +
                           name->row % DENSE_PANEL);
}
