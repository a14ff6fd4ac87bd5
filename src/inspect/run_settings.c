#include "inspect/run_settings.h"

#include "config/settings.h"
#include "run/document.h"
#include "inspect/names.h"
#include "train/choices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 256, VALUE_SIZE = 256, MOST_ITEMS = 20000 };

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the settings of a run");
}

static ls_status add(run_settings_t *settings, arena_t *arena, const char *key, const char *value,
                     ls_error *error) {
  if (settings->n == MOST_ITEMS) return LS_OK;
  if (settings->n == settings->capacity) {
    size_t capacity = 2 * settings->capacity + 128;
    setting_text_t *items = arena_new(arena, capacity, sizeof *items);
    if (items == NULL) return no_memory(error);
    if (settings->n > 0) memcpy(items, settings->items, settings->n * sizeof *items);
    settings->items = items;
    settings->capacity = capacity;
  }
  setting_text_t item = {arena_text(arena, key), arena_text(arena, value)};
  if (item.key == NULL || item.value == NULL) return no_memory(error);
  settings->items[settings->n++] = item;
  return LS_OK;
}

static bool is_plain_list(const yaml_value_t *value) {
  for (const yaml_value_t *item = value->first; item != NULL; item = item->next)
    if (item->kind != YAML_TEXT) return false;
  return true;
}

/* "[0.1, 0.5]" */
static void list_text(const yaml_value_t *list, char out[VALUE_SIZE]) {
  size_t used = (size_t)snprintf(out, VALUE_SIZE, "[");
  for (const yaml_value_t *item = list->first; item != NULL && used < VALUE_SIZE; item = item->next)
    used +=
        (size_t)snprintf(out + used, VALUE_SIZE - used, "%s%s", item == list->first ? "" : ", ", item->text);
  if (used < VALUE_SIZE) snprintf(out + used, VALUE_SIZE - used, "]");
}

/* Adds a value, or what is in it, under the path `key`. */
static ls_status flatten(run_settings_t *settings, arena_t *arena, const yaml_value_t *value, const char *key,
                         ls_error *error) {
  char below[KEY_SIZE], text[VALUE_SIZE] = "{}";
  size_t i = 0;
  if (value->kind == YAML_TEXT) return add(settings, arena, key, value->text, error);
  if (value->kind == YAML_LIST && is_plain_list(value)) {
    list_text(value, text);
    return add(settings, arena, key, text, error);
  }
  if (value->first == NULL) return add(settings, arena, key, text, error);
  for (const yaml_value_t *item = value->first; item != NULL; item = item->next, i++) {
    int length = value->kind == YAML_LIST
                     ? snprintf(below, sizeof below, "%s[%zu]", key, i)
                     : snprintf(below, sizeof below, "%s%s%s", key, key[0] == '\0' ? "" : ".", item->key);
    if (length < (int)sizeof below) TRY(flatten(settings, arena, item, below, error));
  }
  return LS_OK;
}

ls_status run_settings_read(const char *directory, arena_t *arena, run_settings_t *out, ls_error *error) {
  char path[NAMED_PATH_SIZE + 16];
  yaml_value_t *table = NULL;
  run_settings_t settings = {0};
  snprintf(path, sizeof path, "%s/config.yaml", directory);
  TRY(document_read(path, arena, &table, error));
  if (table != NULL) TRY(flatten(&settings, arena, table, "", error));
  *out = settings;
  return LS_OK;
}

ls_status run_settings_default(arena_t *arena, run_settings_t *out, ls_error *error) {
  static const char least[] = "name: run\ndata: {file: data.h5}\nmodel: {layers: [{dense: 1}]}\nloss: mse\n";
  settings_t *settings = NULL;
  yaml_value_t *table = NULL;
  run_settings_t flat = {0};
  char *text = NULL;
  TRY(settings_parse(least, strlen(least), "defaults", NULL, 0, settings_choices(), &settings, error));
  ls_status status = settings_dump(settings, &text, error);
  if (status == LS_OK) status = document_parse(text, "defaults", arena, &table, error);
  if (status == LS_OK) status = flatten(&flat, arena, table, "", error);
  free(text);
  settings_destroy(&settings);
  if (status == LS_OK) *out = flat;
  return status;
}

const char *run_settings_value(const run_settings_t *settings, const char *key) {
  for (size_t i = 0; i < settings->n; i++)
    if (strcmp(settings->items[i].key, key) == 0) return settings->items[i].value;
  return NULL;
}

/* Whether all settings have the same value, or none has any. */
static bool is_same(const run_settings_t *settings, size_t n, const char *key) {
  const char *first = NULL;
  bool is_first = true;
  for (size_t i = 0; i < n; i++) {
    if (settings[i].n == 0) continue;
    const char *value = run_settings_value(&settings[i], key);
    if (!is_first && (first == NULL ? value != NULL : value == NULL || strcmp(first, value) != 0))
      return false;
    first = value;
    is_first = false;
  }
  return true;
}

ls_status run_settings_differing(const run_settings_t *settings, size_t n, arena_t *arena,
                                 const char *const **out, size_t *n_keys, ls_error *error) {
  size_t most = 0, found = 0;
  for (size_t i = 0; i < n; i++) most += settings[i].n;
  const char **keys = arena_new(arena, most + 1, sizeof *keys);
  if (keys == NULL) return no_memory(error);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < settings[i].n; k++) {
      const char *key = settings[i].items[k].key;
      bool is_new = strcmp(key, "name") != 0;
      for (size_t before = 0; before < i && is_new; before++)
        is_new = run_settings_value(&settings[before], key) == NULL;
      if (is_new && !is_same(settings, n, key)) keys[found++] = key;
    }
  *out = keys;
  *n_keys = found;
  return LS_OK;
}
