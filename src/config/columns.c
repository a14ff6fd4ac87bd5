/* data.scaling.columns: a table from columns to their scaling. */
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

static const key_row_t scaling_rows[] = {
    {"name", &type_choice, offsetof(scaling_settings_t, name), NULL, .meaning = "scaling of these columns",
     .choices = offsetof(settings_choices_t, scaling)},
    {"range", &type_range, 0, "[0, 1]", .used_with = "name", .used_by = "minmax",
     .meaning = "the values that the smallest and the largest value are mapped to"},
};

/* The keys of one scaling, which fill a scaling_settings_t. */
static const key_table_t scaling_keys = {scaling_rows, sizeof scaling_rows / sizeof scaling_rows[0]};

static ls_status read_columns(const setting_t *setting, void *field) {
  const reading_t *reading = setting->reading;
  settings_t *settings = field;
  const yaml_value_t *table = setting->value;
  if (table->kind != YAML_TABLE) return value_refuse(setting, setting->row->type->name);
  column_scaling_t *all = arena_new(reading->arena, table->n, sizeof *all), *next = all;
  if (all == NULL) return setting_no_memory(reading);
  for (yaml_value_t *value = table->first; value != NULL; value = value->next, next++) {
    char path[256];
    snprintf(path, sizeof path, "%.100s.%.100s", setting->path, value->key);
    next->columns = arena_text(reading->arena, value->key);
    bool is_name = value->kind == YAML_TEXT && !yaml_is_null(value);
    if (next->columns == NULL || (is_name && !yaml_nest(reading->scratch, value, "name")))
      return setting_no_memory(reading);
    TRY(keys_read(reading, scaling_keys, path, value, &next->scaling));
  }
  settings->data.columns = all;
  settings->data.n_columns = table->n;
  return LS_OK;
}

static yaml_value_t *write_columns(arena_t *arena, const key_row_t *row, const void *field) {
  const settings_t *settings = field;
  yaml_value_t *table = yaml_new(arena, YAML_TABLE);
  (void)row;
  if (table == NULL) return NULL;
  table->is_flow = true;
  for (size_t i = 0; i < settings->data.n_columns; i++) {
    const column_scaling_t *column = &settings->data.columns[i];
    yaml_value_t *value = keys_write(arena, scaling_keys, true, &column->scaling);
    if (!yaml_add(arena, table, column->columns, strlen(column->columns), value)) return NULL;
  }
  return table;
}

const value_type_t type_columns = {"columns with their scaling", read_columns, write_columns, "{0: robust}"};
