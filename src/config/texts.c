/* A list of texts, such as names of layers. */
#include "config/keys.h"

#include <string.h>

static ls_status read_texts(const setting_t *setting, void *field) {
  const yaml_value_t *list = setting->value;
  if (list->kind != YAML_LIST) return value_refuse(setting, setting->row->type->name);
  const char **values = arena_new(setting->reading->arena, list->n + 1, sizeof *values);
  if (values == NULL) return setting_no_memory(setting->reading);
  setting_t one = *setting;
  one.value = list->first;
  for (size_t i = 0; i < list->n; i++, one.value = one.value->next) TRY(type_text.read(&one, &values[i]));
  *(text_list_t *)field = (text_list_t){.values = values, .n = list->n};
  return LS_OK;
}

static yaml_value_t *write_texts(arena_t *arena, const key_row_t *row, const void *field) {
  const text_list_t *texts = field;
  yaml_value_t *list = yaml_new(arena, YAML_LIST);
  if (list == NULL) return NULL;
  list->is_flow = true;
  for (size_t i = 0; i < texts->n; i++)
    if (!yaml_add(arena, list, NULL, 0, type_text.write(arena, row, &texts->values[i]))) return NULL;
  return list;
}

const value_type_t type_texts = {"a list of names", read_texts, write_texts, "[dense1]"};
