/* Functions that walk over a table of keys: they find unknown keys, read values and defaults, and write
 * YAML. */
#include "config/keys.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* ---- messages ---- */

void setting_place(const reading_t *reading, const yaml_value_t *value, char out[PLACE_SIZE]) {
  if (value != NULL && value->override != NULL)
    snprintf(out, PLACE_SIZE, "override '%.200s'", value->override);
  else if (value != NULL && value->line > 0)
    snprintf(out, PLACE_SIZE, "%.480s:%d", reading->source, value->line);
  else
    snprintf(out, PLACE_SIZE, "%.500s", reading->source);
}

ls_status setting_refuse(const reading_t *reading, const yaml_value_t *value, const char *path,
                         const char *format, ...) {
  char message[LS_MESSAGE_SIZE], place[PLACE_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  const char *colon = path[0] == '\0' ? "" : ": ";
  setting_place(reading, value, place);
  return error_set(reading->error, LS_BAD_SETTINGS, "%s: %s%s%s", place, path, colon, message);
}

ls_status setting_no_memory(const reading_t *reading) {
  return error_set(reading->error, LS_NO_MEMORY, "no memory for the settings");
}

void range_text(range_t range, char out[RANGE_TEXT_SIZE]) {
  out[0] = '\0';
  if (range.low == 0 && range.high == 0) return;
  if (isinf(range.high))
    snprintf(out, RANGE_TEXT_SIZE, "%s %.10g", range.low_open ? "greater than" : "at least", range.low);
  else
    snprintf(out, RANGE_TEXT_SIZE, "in %c%.10g, %.10g%c", range.low_open ? '(' : '[', range.low, range.high,
             range.high_open ? ')' : ']');
}

choice_list_t key_choices(const key_row_t *row, const settings_choices_t *choices) {
  if (row->list != NULL) return row->list;
  choice_list_t list = NULL;
  memcpy(&list, (const char *)choices + row->choices, sizeof list);
  return list;
}

/* ---- paths ---- */

void path_join(char out[PATH_SIZE], const char *prefix, const char *key) {
  snprintf(out, PATH_SIZE, "%.180s%s%.60s", prefix, prefix[0] == '\0' || key[0] == '\0' ? "" : ".", key);
}

static const key_row_t *find_row(key_table_t table, const char *path) {
  for (size_t i = 0; i < table.n; i++)
    if (strcmp(table.rows[i].path, path) == 0) return &table.rows[i];
  return NULL;
}

/* The part of a row's path below a section; NULL when the row is not in the section. The top-level section is
 * "". */
static const char *below(const char *row_path, const char *section) {
  size_t length = strlen(section);
  if (length == 0) return row_path;
  return strncmp(row_path, section, length) == 0 && row_path[length] == '.' ? row_path + length + 1 : NULL;
}

static bool is_section(key_table_t table, const char *path) {
  for (size_t i = 0; i < table.n; i++)
    if (below(table.rows[i].path, path) != NULL) return true;
  return false;
}

/* ---- unknown keys ---- */

/* Names that other programs give to keys, and their last words here. */
static const struct {
  const char *name, *key;
} elsewhere[] = {{"lr", "learning_rate"},
                 {"rate", "learning_rate"},
                 {"bs", "global_batch_size"},
                 {"batch", "global_batch_size"},
                 {"batch_size", "global_batch_size"}};

const char *key_name_here(const char *name) {
  for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
    if (strcmp(elsewhere[i].name, name) == 0) return elsewhere[i].key;
  return name;
}

/* Finds the known key that is most similar to `key` and stores its path in *out; false when none is similar.
 * Also finds a correct key that was given in the wrong section. */
static bool nearest_key(key_table_t table, const char *section, const char *name, char out[PATH_SIZE]) {
  const char *key = key_name_here(name);
  size_t best = strlen(key) / 3 + 2;
  bool found = false;
  for (size_t i = 0; i < table.n; i++) {
    const char *path = table.rows[i].path;
    const char *rest = below(path, section), *last = strrchr(path, '.');
    if (strcmp(path, key) == 0 || (last != NULL && best > 0 && strcmp(last + 1, key) == 0)) {
      path_join(out, path, "");
      best = 0;
      found = true;
    }
    if (rest == NULL) continue;
    char word[PATH_SIZE];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(rest, "."), rest);
    bool is_part =
        strlen(key) > 3 && strstr(word, key) != NULL; /* for example batch_size in global_batch_size */
    size_t distance = is_part ? 1 : text_distance(key, word);
    if (distance >= best) continue;
    best = distance;
    found = true;
    path_join(out, section, word);
  }
  return found;
}

static void list_keys(key_table_t table, const char *section, char *out, size_t size) {
  const char *before = "";
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < table.n; i++) {
    const char *rest = below(table.rows[i].path, section);
    if (rest == NULL) continue;
    size_t length = strcspn(rest, ".");
    if (strncmp(before, rest, length) == 0 && strcspn(before, ".") == length) continue;
    if (used < size)
      used += (size_t)snprintf(out + used, size - used, "%s%.*s", used == 0 ? "" : ", ", (int)length, rest);
    before = rest;
  }
}

static ls_status refuse_unknown(const reading_t *reading, key_table_t table, const char *prefix,
                                const char *section, const yaml_value_t *child) {
  char near[PATH_SIZE], path[PATH_SIZE], full[PATH_SIZE], names[512];
  path_join(path, section, child->key);
  path_join(full, prefix, path);
  if (nearest_key(table, section, child->key, near)) {
    path_join(path, prefix, near);
    return setting_refuse(reading, child, full, "unknown key; did you mean %s?", path);
  }
  list_keys(table, section, names, sizeof names);
  return setting_refuse(reading, child, full, "unknown key; %s%s",
                        names[0] == '\0' ? "there are none here" : "the keys here are ", names);
}

ls_status keys_open(const reading_t *reading, key_table_t table, const char *path, yaml_value_t *value) {
  char name[PATH_SIZE];
  path_join(name, path, "name");
  const key_row_t *row = find_row(table, path);
  bool has_name = find_row(table, name) != NULL || (row != NULL && row->is_named);
  if (path[0] == '\0' || value->kind != YAML_TEXT || yaml_is_null(value) || !has_name) return LS_OK;
  return yaml_nest(reading->scratch, value, "name") ? LS_OK : setting_no_memory(reading);
}

/* Checks that every key in a section is a row of the table or a section. */
static ls_status check_section(const reading_t *reading, key_table_t table, const char *prefix,
                               const char *section, yaml_value_t *tree) {
  char path[PATH_SIZE], names[512];
  TRY(keys_open(reading, table, section, tree));
  if (tree->kind != YAML_TABLE) {
    path_join(path, prefix, section);
    list_keys(table, section, names, sizeof names);
    return setting_refuse(reading, tree, path, "expected keys with values (%s)", names);
  }
  for (yaml_value_t *child = tree->first; child != NULL; child = child->next) {
    path_join(path, section, child->key);
    bool is_word = strchr(child->key, '.') == NULL;
    if (is_word && find_row(table, path) != NULL) continue;
    if (!is_word || !is_section(table, path)) return refuse_unknown(reading, table, prefix, section, child);
    TRY(check_section(reading, table, prefix, path, child));
  }
  return LS_OK;
}

/* ---- reading ---- */

const yaml_value_t *keys_find(const yaml_value_t *tree, const char *path, const yaml_value_t **nearest) {
  *nearest = tree;
  for (;;) {
    size_t length = strcspn(path, ".");
    const yaml_value_t *child = yaml_find(*nearest, path, length);
    if (child == NULL || path[length] == '\0') return child;
    *nearest = child;
    path += length + 1;
  }
}

static ls_status read_row(const reading_t *reading, const key_row_t *row, const char *prefix,
                          const yaml_value_t *tree, void *base) {
  char path[PATH_SIZE];
  path_join(path, prefix, row->path);
  const yaml_value_t *section;
  const yaml_value_t *value = keys_find(tree, row->path, &section);
  if (value == NULL && row->initial == NULL) {
    const char *example = row->example != NULL ? row->example : row->type->example;
    return setting_refuse(reading, section == tree && prefix[0] == '\0' ? NULL : section, path,
                          "this key is required (%s)%s%s%s", row->meaning, example != NULL ? ", as in `" : "",
                          example != NULL ? example : "", example != NULL ? "`" : "");
  }
  yaml_value_t *initial = NULL;
  if (value == NULL) {
    TRY(yaml_read(reading->scratch, row->initial, strlen(row->initial), "default", NULL, &initial,
                  reading->error));
    initial->line = 0; /* not in the file */
    value = initial;
  }
  setting_t setting = {reading, row, path, value};
  return row->type->read(&setting, (char *)base + row->offset);
}

/* ---- keys without effect ---- */

static bool same_value(const yaml_value_t *a, const yaml_value_t *b) {
  if (a->kind != b->kind || a->n != b->n) return false;
  if ((a->key == NULL) != (b->key == NULL) || (a->key != NULL && strcmp(a->key, b->key) != 0)) return false;
  if (a->kind == YAML_TEXT) return strcmp(a->text, b->text) == 0;
  const yaml_value_t *of_b = b->first;
  for (const yaml_value_t *of_a = a->first; of_a != NULL; of_a = of_a->next, of_b = of_b->next)
    if (!same_value(of_a, of_b)) return false;
  return true;
}

ls_status keys_same(const key_row_t *row, const void *a, const void *b, bool *out, ls_error *error) {
  arena_t scratch = {0};
  const yaml_value_t *of_a = row->type->write(&scratch, row, (const char *)a + row->offset);
  const yaml_value_t *of_b = row->type->write(&scratch, row, (const char *)b + row->offset);
  ls_status status = LS_OK;
  if (of_a == NULL || of_b == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory to compare settings");
  else
    *out = same_value(of_a, of_b);
  arena_free(&scratch);
  return status;
}

/* Whether a row's field, which has been read, holds something else than the row's default. */
static ls_status is_changed(const reading_t *reading, const key_row_t *row, const void *base, bool *out) {
  _Alignas(max_align_t) char initial_base[sizeof(settings_t)] = {0}; /* no table fills a larger struct */
  void *field = initial_base + row->offset;
  yaml_value_t *initial = NULL;
  TRY(yaml_read(reading->scratch, row->initial, strlen(row->initial), "default", NULL, &initial,
                reading->error));
  const setting_t setting = {reading, row, row->path, initial};
  TRY(row->type->read(&setting, field));
  const yaml_value_t *now = row->type->write(reading->scratch, row, (const char *)base + row->offset);
  const yaml_value_t *then = row->type->write(reading->scratch, row, field);
  if (now == NULL || then == NULL) return setting_no_memory(reading);
  *out = !same_value(now, then);
  return LS_OK;
}

static bool is_listed(const char *names, const char *name) {
  size_t length = strlen(name);
  for (const char *at = names; (at = strstr(at, name)) != NULL; at += length)
    if ((at == names || at[-1] == ' ') && (at[length] == ',' || at[length] == '\0')) return true;
  return false;
}

/* A key that changes nothing is an error, because its author thinks that it does. A default may be written
 * down anywhere, and so may keys of something that the settings switch off themselves. */
static ls_status check_effect(const reading_t *reading, key_table_t table, const key_row_t *row,
                              const char *prefix, const yaml_value_t *tree, const void *base) {
  const yaml_value_t *section;
  const yaml_value_t *value = keys_find(tree, row->path, &section);
  const key_row_t *with = row->used_with == NULL ? NULL : find_row(table, row->used_with);
  bool is_set = false, is_used = false;
  if (value == NULL || with == NULL || reading->is_stored) return LS_OK;
  TRY(is_changed(reading, row, base, &is_set));
  if (!is_set) return LS_OK;
  char path[PATH_SIZE], key[PATH_SIZE];
  path_join(path, prefix, row->path);
  path_join(key, prefix, with->path);
  if (row->used_by == NULL) {
    if (keys_find(tree, with->path, &section) != NULL) return LS_OK; /* switched off in words */
    TRY(is_changed(reading, with, base, &is_used));
    if (!is_used && row->used_also != NULL)
      TRY(is_changed(reading, find_row(table, row->used_also), base, &is_used));
    if (is_used) return LS_OK;
    return setting_refuse(reading, value, path,
                          "has no effect while %s is %s: set that too, or leave this out", key,
                          with->initial);
  }
  const char *chosen = NULL;
  memcpy(&chosen, (const char *)base + with->offset, sizeof chosen);
  if (is_listed(row->used_by, chosen)) return LS_OK;
  const yaml_value_t *choice = keys_find(tree, with->path, &section);
  char instead[PATH_SIZE] = "leave it out";
  if (choice != NULL && choice->override != NULL && value->override == NULL &&
      strchr(key, '.') != NULL) /* the file chose another name */
    snprintf(instead, sizeof instead, "replace the whole table: '%.*s={%.40s: %.60s}'",
             (int)(strlen(key) - strlen(strrchr(key, '.'))), key, strrchr(key, '.') + 1, chosen);
  return setting_refuse(reading, value, path, "has no effect with %s: %s; it belongs to %s: %s", key, chosen,
                        row->used_by, instead);
}

ls_status keys_read(const reading_t *reading, key_table_t table, const char *prefix, yaml_value_t *tree,
                    void *base) {
  TRY(check_section(reading, table, prefix, "", tree));
  for (size_t i = 0; i < table.n; i++) TRY(read_row(reading, &table.rows[i], prefix, tree, base));
  for (size_t i = 0; i < table.n; i++) TRY(check_effect(reading, table, &table.rows[i], prefix, tree, base));
  return LS_OK;
}

/* ---- writing ---- */

/* Returns the table that holds the last word of a path and creates missing sections; *path is advanced to
 * that word. Top-level sections are written as blocks, nested tables in braces. */
static yaml_value_t *make_sections(arena_t *arena, yaml_value_t *tree, const char **path) {
  for (int depth = 0;; depth++) {
    size_t length = strcspn(*path, ".");
    if ((*path)[length] == '\0') return tree;
    yaml_value_t *section = yaml_find(tree, *path, length);
    if (section == NULL) {
      section = yaml_new(arena, YAML_TABLE);
      if (!yaml_add(arena, tree, *path, length, section)) return NULL;
      section->is_flow = depth > 0;
    }
    tree = section;
    *path += length + 1;
  }
}

yaml_value_t *keys_write(arena_t *arena, key_table_t table, bool is_flow, const void *base) {
  yaml_value_t *tree = yaml_new(arena, YAML_TABLE);
  if (tree == NULL) return NULL;
  tree->is_flow = is_flow;
  for (size_t i = 0; i < table.n; i++) {
    const key_row_t *row = &table.rows[i];
    const char *word = row->path;
    yaml_value_t *section = make_sections(arena, tree, &word);
    yaml_value_t *value = row->type->write(arena, row, (const char *)base + row->offset);
    if (section == NULL || !yaml_add(arena, section, word, strlen(word), value)) return NULL;
  }
  return tree;
}
