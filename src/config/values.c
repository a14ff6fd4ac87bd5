/* model.init_values: a table from names of weights to a number, a list of numbers, or a list of such lists.
 * Which names there are, the network knows (score/given.h). */
#include "config/keys.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const key_row_t number_row = {.path = "", .type = &type_number};

/* What is being read: one weight, or one array of weights. */
typedef struct {
  const setting_t *setting;
  char path[PATH_SIZE];
  double *next;    /* where the next number goes */
  int64_t columns; /* of the first row */
} values_reader_t;

static ls_status read_value(values_reader_t *reader, const yaml_value_t *value) {
  const setting_t number = {reader->setting->reading, &number_row, reader->path, value};
  double found = 0;
  TRY(type_number.read(&number, &found));
  if (fabs(found) > (double)FLT_MAX)
    return setting_refuse(number.reading, value, reader->path,
                          "out of range: weights are single precision, at most %.3g", (double)FLT_MAX);
  *reader->next++ = found;
  return LS_OK;
}

/* The numbers in a value that is a list of numbers, or of lists. */
static size_t count_values(const yaml_value_t *list) {
  size_t n = 0;
  for (const yaml_value_t *row = list->first; row != NULL; row = row->next)
    n += row->kind == YAML_LIST ? row->n : 1;
  return n;
}

/* Reads one row of a matrix; all rows have as many columns as the first one. */
static ls_status read_row(values_reader_t *reader, const yaml_value_t *row, bool is_first) {
  if (row->kind != YAML_LIST || row->n == 0 || (!is_first && (int64_t)row->n != reader->columns))
    return setting_refuse(reader->setting->reading, row, reader->path,
                          "expected rows of equally many numbers, as in [[1, 2], [3, 4]]");
  reader->columns = (int64_t)row->n;
  for (const yaml_value_t *value = row->first; value != NULL; value = value->next)
    TRY(read_value(reader, value));
  return LS_OK;
}

static ls_status read_list(values_reader_t *reader, const yaml_value_t *list, given_weight_t *out) {
  if (list->n == 0)
    return setting_refuse(reader->setting->reading, list, reader->path,
                          "expected a number, a list of numbers, or a list of lists, not an empty list");
  out->rows = (int64_t)list->n;
  for (const yaml_value_t *row = list->first; row != NULL; row = row->next) {
    if (list->first->kind == YAML_LIST)
      TRY(read_row(reader, row, row == list->first));
    else
      TRY(read_value(reader, row));
  }
  out->columns = reader->columns;
  return LS_OK;
}

static ls_status read_weight(const setting_t *setting, const yaml_value_t *value, given_weight_t *out) {
  const reading_t *reading = setting->reading;
  values_reader_t reader = {.setting = setting};
  snprintf(reader.path, sizeof reader.path, "%.100s.%.100s", setting->path, value->key);
  const size_t n = value->kind == YAML_LIST ? count_values(value) : 1;
  double *values = arena_new(reading->arena, n + 1, sizeof *values);
  out->name = arena_text(reading->arena, value->key);
  if (values == NULL || out->name == NULL) return setting_no_memory(reading);
  reader.next = values;
  out->values = values;
  return value->kind == YAML_LIST ? read_list(&reader, value, out) : read_value(&reader, value);
}

static ls_status read_weights(const setting_t *setting, void *field) {
  const yaml_value_t *table = setting->value;
  if (table->kind != YAML_TABLE) return value_refuse(setting, setting->row->type->name);
  given_weight_t *all = arena_new(setting->reading->arena, table->n + 1, sizeof *all), *next = all;
  if (all == NULL) return setting_no_memory(setting->reading);
  for (const yaml_value_t *value = table->first; value != NULL; value = value->next, next++)
    TRY(read_weight(setting, value, next));
  *(given_weights_t *)field = (given_weights_t){.items = all, .n = table->n};
  return LS_OK;
}

/* n numbers as a list; NULL without memory. */
static yaml_value_t *write_row(arena_t *arena, const double *values, int64_t n) {
  yaml_value_t *list = yaml_new(arena, YAML_LIST);
  if (list == NULL) return NULL;
  list->is_flow = true;
  for (int64_t i = 0; i < n; i++)
    if (!yaml_add(arena, list, NULL, 0, type_number.write(arena, &number_row, &values[i]))) return NULL;
  return list;
}

static yaml_value_t *write_weight(arena_t *arena, const given_weight_t *weight) {
  if (weight->rows == 0) return type_number.write(arena, &number_row, weight->values);
  if (weight->columns == 0) return write_row(arena, weight->values, weight->rows);
  yaml_value_t *list = yaml_new(arena, YAML_LIST);
  if (list == NULL) return NULL;
  list->is_flow = true;
  for (int64_t r = 0; r < weight->rows; r++)
    if (!yaml_add(arena, list, NULL, 0,
                  write_row(arena, weight->values + r * weight->columns, weight->columns)))
      return NULL;
  return list;
}

static yaml_value_t *write_weights(arena_t *arena, const key_row_t *row, const void *field) {
  const given_weights_t *weights = field;
  yaml_value_t *table = yaml_new(arena, YAML_TABLE);
  (void)row;
  if (table == NULL) return NULL;
  table->is_flow = true;
  for (size_t i = 0; i < weights->n; i++) {
    const char *name = weights->items[i].name;
    if (!yaml_add(arena, table, name, strlen(name), write_weight(arena, &weights->items[i]))) return NULL;
  }
  return table;
}

const value_type_t type_weights = {"names of weights with numbers", read_weights, write_weights,
                                   "{dense1.bias: [0.5]}"};
