/* `section.key=value` on the command line. The value is YAML and is inserted in the tree before any check, so
 * overrides and files obey the same rules. */
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

static ls_status refuse_form(const reading_t *reading, const char *override) {
  return error_set(reading->error, LS_BAD_SETTINGS,
                   "override '%.200s': expected section.key=value, as in train.epochs=3", override);
}

/* Replaces the contents of `old` with those of `value`; `old` keeps its key and its neighbours. */
static void replace(yaml_value_t *old, const yaml_value_t *value) {
  const char *key = old->key;
  yaml_value_t *next = old->next;
  *old = *value;
  old->key = key;
  old->next = next;
}

/* The override of a key inside `value` that a later override of the whole value would silently undo; NULL if
 * there is none. */
static const char *undone_by(const char *override, const yaml_value_t *value) {
  for (const yaml_value_t *child = value->first; child != NULL; child = child->next) {
    bool is_deeper = child->kind == YAML_TEXT && child->override != NULL &&
                     strcspn(child->override, "=") > strcspn(override, "=");
    const char *undone = is_deeper ? child->override : undone_by(override, child);
    if (undone != NULL) return undone;
  }
  return NULL;
}

/* Descends to the table at the key `word` and creates it if it does not exist. */
static ls_status enter(const reading_t *reading, const char *override, size_t path_length, const char *word,
                       size_t length, yaml_value_t **tree) {
  char path[256];
  yaml_value_t *child = yaml_find(*tree, word, length);
  if (child == NULL) {
    child = yaml_new(reading->scratch, YAML_TABLE);
    if (!yaml_add(reading->scratch, *tree, word, length, child)) return setting_no_memory(reading);
    child->override = override;
  }
  snprintf(path, sizeof path, "%.*s", (int)(path_length < sizeof path ? path_length : 0), override);
  TRY(keys_open(reading, settings_keys, path, child));
  if (yaml_is_null(child)) replace(child, &(yaml_value_t){.kind = YAML_TABLE, .override = override});
  if (child->kind != YAML_TABLE)
    return error_set(reading->error, LS_BAD_SETTINGS, "override '%.200s': %.200s has no keys of its own",
                     override, path);
  *tree = child;
  return LS_OK;
}

static bool is_path(const char *text, const char *end) {
  if (end == NULL || end == text || end[-1] == '.') return false;
  for (const char *c = text; c < end; c++)
    if (*c == '.' && (c == text || c[-1] == '.')) return false;
  return true;
}

ls_status override_apply(const reading_t *reading, const char *override, yaml_value_t *tree) {
  const char *end = strchr(override, '=');
  if (!is_path(override, end)) return refuse_form(reading, override);
  yaml_value_t *value = NULL;
  TRY(yaml_read(reading->scratch, end + 1, strlen(end + 1), reading->source, override, &value,
                reading->error));
  const char *word = override;
  size_t length = strcspn(word, ".=");
  for (; word[length] == '.'; length = strcspn(word, ".=")) {
    TRY(enter(reading, override, (size_t)(word - override) + length, word, length, &tree));
    word += length + 1;
  }
  yaml_value_t *old = yaml_find(tree, word, length);
  const char *undone = old != NULL ? undone_by(override, old) : NULL;
  if (undone != NULL)
    return error_set(
        reading->error, LS_BAD_SETTINGS,
        "override '%.200s' replaces all of %.*s, and so undoes '%.200s' before it: put the whole "
        "first, or set single keys",
        override, (int)strcspn(override, "="), override, undone);
  if (old != NULL)
    replace(old, value);
  else if (!yaml_add(reading->scratch, tree, word, length, value))
    return setting_no_memory(reading);
  return LS_OK;
}
