/* `section.key=value` on the command line. The value is YAML and is inserted in the tree before any check, so
 * overrides and files obey the same rules. A number in the path is an item of a list, counted from 0, or from
 * -1 at the end: `model.layers.0.dense.units=64`. */
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

/* What a value on the way of a path is: it tells how a short form is written out, and what lies below. */
typedef enum { SECTION, LAYERS, LAYER, KIND, BRANCHES, LOSSES, LOSS, COLUMNS, SCALING, OTHER } place_kind_t;

/* A path on its way down the tree. */
typedef struct {
  const reading_t *reading;
  const char *override;
  const char *word; /* the next word of the path, in the override */
  size_t length;    /* of that word */
  yaml_value_t *tree;
  place_kind_t kind; /* of the tree */
} descent_t;

static ls_status refuse_form(const reading_t *reading, const char *override) {
  return error_set(reading->error, LS_BAD_SETTINGS,
                   "override '%.200s': expected section.key=value, as in train.epochs=3", override);
}

/* The length of the path so far, without and with the next word. */
static int length_before(const descent_t *descent) {
  size_t length = (size_t)(descent->word - descent->override);
  return length == 0 ? 0 : (int)length - 1;
}

static int length_with(const descent_t *descent) {
  return (int)((size_t)(descent->word - descent->override) + descent->length);
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

/* ---- items of lists ---- */

/* Reads a whole number that is a word of a path. */
static bool is_index(const char *word, size_t length, int64_t *out) {
  char text[24];
  if (length == 0 || length >= sizeof text) return false;
  snprintf(text, sizeof text, "%.*s", (int)length, word);
  return strspn(text, "-0123456789") == length && text_int64(text, out);
}

/* Finds the item of the list that the next word numbers. */
static ls_status find_item(const descent_t *descent, yaml_value_t **out) {
  const yaml_value_t *list = descent->tree;
  const char *path = descent->override;
  const int before = length_before(descent);
  int64_t i = 0, n = (int64_t)list->n;
  if (!is_index(descent->word, descent->length, &i))
    return error_set(descent->reading->error, LS_BAD_SETTINGS,
                     "override '%.200s': %.*s is a list of %zu: name an item by its number, as in %.*s.0",
                     path, before, path, list->n, before, path);
  if (i < -n || i >= n)
    return error_set(descent->reading->error, LS_BAD_SETTINGS,
                     "override '%.200s': %.*s has %zu item%s, numbered from 0 to %d, so there is no %.*s. A "
                     "number cannot append: to have more items replace the list, '%.*s=[...]'",
                     path, before, path, list->n, n == 1 ? "" : "s", (int)n - 1, (int)descent->length,
                     descent->word, before, path);
  yaml_value_t *item = list->first;
  for (i = i < 0 ? i + n : i; i > 0; i--) item = item->next;
  *out = item;
  return LS_OK;
}

/* ---- short forms, and what lies below a value ---- */

static const key_row_t *row_at(const char *path, int length) {
  for (size_t i = 0; i < settings_keys.n; i++)
    if (strncmp(settings_keys.rows[i].path, path, (size_t)length) == 0 &&
        settings_keys.rows[i].path[length] == '\0')
      return &settings_keys.rows[i];
  return NULL;
}

/* The kind of a value, from the kind of what holds it and its path. */
static place_kind_t kind_below(const descent_t *descent, const yaml_value_t *child) {
  static const place_kind_t items[] = {
      [LAYERS] = LAYER, [BRANCHES] = LAYERS, [LOSSES] = LOSS, [COLUMNS] = SCALING};
  layer_row_t layer = {0};
  if (descent->kind == SECTION) {
    const key_row_t *row = row_at(descent->override, length_with(descent));
    if (row == NULL) return SECTION;
    if (row->type == &type_layers) return LAYERS;
    if (row->type == &type_columns) return COLUMNS;
    if (row->type == &type_losses) return child->kind == YAML_LIST ? LOSSES : LOSS;
    return OTHER;
  }
  if (descent->kind == LAYER) {
    for (size_t i = 0; layer_row(i, &layer) && strcmp(layer.name, child->key) != 0;) i++;
    if (layer.kind == LAYER_RESIDUAL) return LAYERS;
    return layer.kind == LAYER_BRANCHES ? BRANCHES : KIND;
  }
  return descent->kind == KIND || descent->kind == LOSS || descent->kind == SCALING || descent->kind == OTHER
             ? OTHER
             : items[descent->kind];
}

/* Writes out the short form of a value that a path leads into: `softmax` becomes `softmax: {}`, `dense: 10`
 * becomes `dense: {units: 10}`, `mse` becomes `name: mse`. */
static ls_status open_value(const descent_t *descent, place_kind_t kind, yaml_value_t *value) {
  const reading_t *reading = descent->reading;
  layer_row_t layer = {0};
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%.*s", length_with(descent), descent->override);
  if (kind == LAYER) return layer_open(reading, path, value);
  if (kind == SECTION || kind == OTHER) TRY(keys_open(reading, settings_keys, path, value));
  if (value->kind != YAML_TEXT || yaml_is_null(value)) return LS_OK;
  const char *first = kind == LOSS || kind == SCALING ? "name" : NULL;
  if (kind == KIND)
    for (size_t i = 0; layer_row(i, &layer); i++)
      if (strcmp(layer.name, value->key) == 0 && layer.keys.n > 0) first = layer.keys.rows[0].path;
  return first == NULL || yaml_nest(reading->scratch, value, first) ? LS_OK : setting_no_memory(reading);
}

/* ---- the way down ---- */

/* A key of a layer behind its number alone, or another kind than the layer's: suggests the path. */
static ls_status check_kind(const descent_t *descent) {
  const yaml_value_t *layer = descent->tree;
  const char *word = descent->word, *path = descent->override;
  layer_row_t row = {0};
  if (descent->kind != LAYER || layer->kind != YAML_TABLE || layer->n != 1 ||
      yaml_find(layer, word, descent->length) != NULL)
    return LS_OK;
  const char *kind = layer->first->key;
  const int before = length_before(descent), length = (int)descent->length;
  for (size_t i = 0; layer_row(i, &row) && strcmp(row.name, kind) != 0;) i++;
  for (size_t k = 0; k < row.keys.n; k++)
    if (strlen(row.keys.rows[k].path) == descent->length &&
        strncmp(row.keys.rows[k].path, word, descent->length) == 0)
      return error_set(
          descent->reading->error, LS_BAD_SETTINGS,
          "override '%.200s': %.*s is a layer of the kind %s, and %.*s is a key of that: did you "
          "mean %.*s.%s.%.*s?",
          path, before, path, kind, length, word, before, path, kind, length, word);
  return error_set(descent->reading->error, LS_BAD_SETTINGS,
                   "override '%.200s': %.*s is a layer of the kind %s, so its keys are below %.*s.%s; to put "
                   "another layer in its place: '%.*s={dense: 10}'",
                   path, before, path, kind, before, path, kind, before, path);
}

/* Finds the value at the next word; NULL if there is none yet. */
static ls_status find_child(const descent_t *descent, yaml_value_t **out) {
  int64_t number = 0;
  if (descent->tree->kind == YAML_LIST) return find_item(descent, out);
  TRY(check_kind(descent));
  *out = yaml_find(descent->tree, descent->word, descent->length);
  const bool is_single = *out == NULL && descent->kind == LOSS;
  if (is_single && is_index(descent->word, descent->length, &number))
    return error_set(descent->reading->error, LS_BAD_SETTINGS,
                     "override '%.200s': there is one loss here, not a list of them: leave the number out, "
                     "as in loss.weight",
                     descent->override);
  return LS_OK;
}

/* Descends to the value at the next word and creates a table if there is none. */
static ls_status enter(descent_t *descent) {
  const reading_t *reading = descent->reading;
  const char *override = descent->override, *next = descent->word + descent->length + 1;
  yaml_value_t *child = NULL;
  int64_t number = 0;
  TRY(find_child(descent, &child));
  const key_row_t *row = descent->kind == SECTION ? row_at(override, length_with(descent)) : NULL;
  const bool holds_columns = row != NULL && (row->type == &type_columns || row->type == &type_widths);
  const bool is_missing = child == NULL || yaml_is_null(child);
  const bool may_be_list = descent->kind != SECTION || (row != NULL && !holds_columns);
  if (is_missing && may_be_list && is_index(next, strcspn(next, ".="), &number))
    return error_set(
        reading->error, LS_BAD_SETTINGS,
        "override '%.200s': %.*s is not given in %.200s, so it has no items to change: set all of "
        "it, '%.*s=...'",
        override, length_with(descent), override, reading->source, length_with(descent), override);
  if (child == NULL) {
    child = yaml_new(reading->scratch, YAML_TABLE);
    if (!yaml_add(reading->scratch, descent->tree, descent->word, descent->length, child))
      return setting_no_memory(reading);
    child->override = override;
  }
  const place_kind_t kind = kind_below(descent, child);
  TRY(open_value(descent, kind, child));
  if (yaml_is_null(child)) replace(child, &(yaml_value_t){.kind = YAML_TABLE, .override = override});
  if (child->kind == YAML_TEXT)
    return error_set(reading->error, LS_BAD_SETTINGS, "override '%.200s': %.*s has no keys of its own",
                     override, length_with(descent), override);
  descent->tree = child;
  descent->kind = kind;
  descent->word = next;
  descent->length = strcspn(next, ".=");
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
  descent_t descent = {reading, override, override, strcspn(override, ".="), tree, SECTION};
  while (descent.word[descent.length] == '.') TRY(enter(&descent));
  yaml_value_t *old = NULL;
  TRY(find_child(&descent, &old));
  const char *undone = old != NULL ? undone_by(override, old) : NULL;
  if (undone != NULL)
    return error_set(
        reading->error, LS_BAD_SETTINGS,
        "override '%.200s' replaces all of %.*s, and so undoes '%.200s' before it: put the whole "
        "first, or set single keys",
        override, (int)strcspn(override, "="), override, undone);
  if (old != NULL)
    replace(old, value);
  else if (!yaml_add(reading->scratch, descent.tree, descent.word, descent.length, value))
    return setting_no_memory(reading);
  return LS_OK;
}
