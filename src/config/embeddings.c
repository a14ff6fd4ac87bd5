/* The types of model.embeddings: a limit, and a table from columns to the widths of their vectors. */
#include "config/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- limit: int64_t, EMBEDDINGS_NEVER for none ---- */

static ls_status read_limit(const setting_t *setting, void *field) {
  const yaml_value_t *value = setting->value;
  if (value->kind != YAML_TEXT || strcmp(value->text, "none") != 0) return type_integer.read(setting, field);
  *(int64_t *)field = EMBEDDINGS_NEVER;
  return LS_OK;
}

static yaml_value_t *write_limit(arena_t *arena, const key_row_t *row, const void *field) {
  if (*(const int64_t *)field == EMBEDDINGS_NEVER) return yaml_new_text(arena, "none");
  return type_integer.write(arena, row, field);
}

const value_type_t type_limit = {"a whole number or none", read_limit, write_limit, NULL};

/* ---- widths ---- */

static ls_status read_widths(const setting_t *setting, void *field) {
  const reading_t *reading = setting->reading;
  const key_row_t width_row = {
      .path = "", .type = &type_integer, .range = {.low = 1, .high = 65536}, .or_auto = true};
  embedding_settings_t *embeddings = field;
  const yaml_value_t *table = setting->value;
  if (table->kind != YAML_TABLE) return value_refuse(setting, setting->row->type->name);
  column_width_t *all = arena_new(reading->arena, table->n, sizeof *all), *next = all;
  if (all == NULL) return setting_no_memory(reading);
  for (const yaml_value_t *value = table->first; value != NULL; value = value->next, next++) {
    char path[256];
    snprintf(path, sizeof path, "%.100s.%.100s", setting->path, value->key);
    next->columns = arena_text(reading->arena, value->key);
    if (next->columns == NULL) return setting_no_memory(reading);
    const setting_t width = {reading, &width_row, path, value};
    TRY(type_integer.read(&width, &next->width));
  }
  embeddings->columns = all;
  embeddings->n_columns = table->n;
  return LS_OK;
}

static yaml_value_t *write_widths(arena_t *arena, const key_row_t *row, const void *field) {
  const embedding_settings_t *embeddings = field;
  yaml_value_t *table = yaml_new(arena, YAML_TABLE);
  (void)row;
  if (table == NULL) return NULL;
  table->is_flow = true;
  const key_row_t width_row = {.or_auto = true};
  for (size_t i = 0; i < embeddings->n_columns; i++) {
    const column_width_t *column = &embeddings->columns[i];
    yaml_value_t *value = type_integer.write(arena, &width_row, &column->width);
    if (!yaml_add(arena, table, column->columns, strlen(column->columns), value)) return NULL;
  }
  return table;
}

const value_type_t type_widths = {"columns with the widths of their vectors", read_widths, write_widths,
                                  "{0: 8}"};
