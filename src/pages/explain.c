/* What a setting means: `lockstep reference KEY`, `lockstep COMMAND --help=KEY`. */
#include "pages/pages.h"

#include "config/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key of any table. */
typedef struct {
  char path[PATH_SIZE];  /* as messages name it: train.epochs, loss.delta, dense.units */
  const char *table;     /* what is put in front of the row's path: "", "loss", "dense" */
  const char *overrides; /* what an override has in front of the path */
  const key_row_t *row;
} explained_t;

static bool layer_entry(size_t i, explained_t *out) {
  layer_row_t layer;
  for (size_t l = 0; layer_row(l, &layer); i -= layer.keys.n, l++) {
    if (i >= layer.keys.n) continue;
    *out = (explained_t){.table = layer.name, .overrides = "model.layers.0.", .row = &layer.keys.rows[i]};
    path_join(out->path, layer.name, out->row->path);
    return true;
  }
  return false;
}

/* The i-th key: those of a run, of a loss, of layers; false past the end. */
static bool entry(size_t i, explained_t *out) {
  *out = (explained_t){.table = "", .overrides = ""};
  if (i < settings_keys.n) {
    out->row = &settings_keys.rows[i];
  } else if (i - settings_keys.n < loss_keys.n) {
    out->row = &loss_keys.rows[i - settings_keys.n];
    out->table = "loss";
  } else {
    return layer_entry(i - settings_keys.n - loss_keys.n, out);
  }
  path_join(out->path, out->table, out->row->path);
  return true;
}

static const char *last_word(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot != NULL ? dot + 1 : path;
}

/* ---- an example ---- */

enum { VALUE_SIZE = 128, OVERRIDE_SIZE = 2 * VALUE_SIZE };

static bool is_inside(range_t range, double value) {
  if (range.low == 0 && range.high == 0) return true;
  return (range.low_open ? value > range.low : value >= range.low) &&
         (range.high_open ? value < range.high : value <= range.high);
}

/* A number other than the default: twice as much, or half if that is out of range. */
static void example_number(const key_row_t *row, bool is_whole, char out[VALUE_SIZE]) {
  double initial = 0;
  if (row->initial == NULL || !text_double(row->initial, &initial)) initial = is_whole ? 32 : 0;
  double value = initial == 0 ? (is_whole ? 10 : 0.1) : 2 * initial;
  if (!is_inside(row->range, value)) value = initial / 2;
  snprintf(out, VALUE_SIZE, "%.6g", value);
}

static void example_value(const key_row_t *row, const settings_choices_t *choices, char out[VALUE_SIZE]) {
  const char *initial = row->initial != NULL ? row->initial : "", *named = row->example;
  if (named == NULL) named = row->type->example;
  choice_list_t list = row->type == &type_choice ? key_choices(row, choices) : NULL;
  choice_t choice = {.name = initial};
  for (size_t i = 0; list != NULL && strcmp(choice.name, initial) == 0 && list(i, &choice);) i++;
  if (named != NULL || list != NULL)
    snprintf(out, VALUE_SIZE, "%s", named != NULL ? named : choice.name);
  else if (row->type == &type_bool)
    snprintf(out, VALUE_SIZE, "%s", strcmp(initial, "true") == 0 ? "false" : "true");
  else if (row->type == &type_integer || row->type == &type_batch || row->type == &type_limit)
    example_number(row, true, out);
  else if (row->type == &type_number)
    example_number(row, false, out);
  else
    snprintf(out, VALUE_SIZE, "%s", initial);
}

/* An override, in quotes if a shell would change it. */
static void put_override(FILE *out, const char *before, const char *table, const char *path,
                         const char *value) {
  const char *quote = strpbrk(value, " {}[],") != NULL ? "'" : "";
  fprintf(out, "%s%s%s%s%s=%s%s", quote, before, table, table[0] == '\0' ? "" : ".", path, value, quote);
}

/* The key of the same table that says whether `of` has an effect; false if it always has one. */
static bool find_condition(const explained_t *of, explained_t *out) {
  for (size_t i = 0; of->row->used_with != NULL && entry(i, out); i++)
    if (strcmp(out->table, of->table) == 0 && strcmp(out->row->path, of->row->used_with) == 0) return true;
  return false;
}

/* Overrides that give the key an effect, if it needs any that are not the defaults. */
static void put_conditions(FILE *out, const explained_t *key, const settings_choices_t *choices) {
  explained_t with;
  char value[VALUE_SIZE], path[PATH_SIZE];
  const char *by = key->row->used_by;
  if (!find_condition(key, &with)) return;
  put_conditions(out, &with, choices);
  snprintf(path, sizeof path, "%s", with.row->path);
  if (strcmp(last_word(path), "name") == 0) path[path == last_word(path) ? 0 : strlen(path) - 5] = '\0';
  if (by == NULL)
    example_value(with.row, choices, value);
  else
    snprintf(value, sizeof value, "%.*s", (int)strcspn(by, ","), by);
  if (with.row->initial != NULL && strcmp(value, with.row->initial) == 0) return;
  put_override(out, path[0] == '\0' ? key->table : "", path[0] == '\0' ? "" : key->table, path, value);
  fputc(' ', out);
}

/* An override of the key, after those that give it an effect. */
static void put_example(FILE *out, const explained_t *key, const settings_choices_t *choices) {
  char value[VALUE_SIZE];
  put_conditions(out, key, choices);
  example_value(key->row, choices, value);
  put_override(out, key->overrides, key->table, key->row->path, value);
}

/* ---- what is printed ---- */

static void put_choices(FILE *out, const key_row_t *row, const settings_choices_t *choices) {
  choice_list_t list = row->type == &type_choice ? key_choices(row, choices) : row->list;
  choice_t choice;
  for (size_t i = 0; list != NULL && list(i, &choice); i++)
    fprintf(out, "    %-20s %s\n", choice.name, choice.meaning);
}

static void put_key(FILE *out, const explained_t *key, const settings_choices_t *choices) {
  const key_row_t *row = key->row;
  char values[640];
  key_values(row, choices, values, sizeof values);
  fprintf(out, "%s\n  %s\n\n", key->path, row->meaning);
  if (row->used_with != NULL)
    fprintf(out, "  only with  %s%s%s: %s\n", key->table, key->table[0] == '\0' ? "" : ".", row->used_with,
            row->used_by != NULL ? row->used_by : "set");
  if (row->type == &type_choice && key_choices(row, choices) != NULL)
    fprintf(out, "  values     one of these%s\n", row->or_auto ? ", or auto" : "");
  else
    fprintf(out, "  values     %s\n", values);
  put_choices(out, row, choices);
  fprintf(out, "  default    %s\n  example    ",
          row->initial != NULL ? row->initial : "none: it is required");
  put_example(out, key, choices);
  fputc('\n', out);
  if (row->type == &type_layers || row->type == &type_losses) fputc('\n', out);
}

/* Whether a key belongs to a section: data, data.scaling, loss, dense. */
static bool is_below(const char *path, const char *section) {
  const size_t length = strlen(section);
  return strncmp(path, section, length) == 0 && path[length] == '.';
}

static void put_line(FILE *out, const explained_t *key, const settings_choices_t *choices) {
  char values[640];
  key_values(key->row, choices, values, sizeof values);
  fprintf(out, "  %-28s %s\n  %-28s   %s (%s%s)\n", key->path, key->row->meaning, "", values,
          key->row->initial == NULL ? "required" : "default ",
          key->row->initial == NULL ? "" : key->row->initial);
}

static bool find_key(const char *path, explained_t *out) {
  for (size_t i = 0; entry(i, out); i++)
    if (strcmp(out->path, path) == 0) return true;
  return false;
}

/* The keys of a section, or the kinds of layers, below a title, unless the section is a key itself. Returns
 * their number. */
static int put_section(FILE *out, const char *section, const settings_choices_t *choices) {
  explained_t key;
  layer_row_t layer;
  int n = find_key(section, &key);
  for (size_t i = 0; layer_row(i, &layer); i++)
    if (strcmp(layer.name, section) == 0 || strcmp("model.layers", section) == 0)
      n += fprintf(out, "%s\n  %s\n", layer.name, layer.meaning) > 0;
  for (size_t i = 0; entry(i, &key); i++) {
    if (!is_below(key.path, section)) continue;
    if (n++ == 0) fprintf(out, "%s\n", section);
    put_line(out, &key, choices);
  }
  return n;
}

/* ---- which one is meant ---- */

/* The keys whose last word this is. Returns their number, and the last of them. */
static int find_short(const char *word, explained_t *out) {
  explained_t key;
  int n = 0;
  for (size_t i = 0; entry(i, &key); i++)
    if (strcmp(last_word(key.path), word) == 0) {
      *out = key;
      n++;
    }
  return n;
}

static ls_status refuse(const char *word, ls_error *error) {
  char near[PATH_SIZE] = "";
  size_t best = strlen(word) / 3 + 2; /* as choice_nearest */
  explained_t key;
  for (size_t i = 0; entry(i, &key); i++) {
    char section[PATH_SIZE];
    snprintf(section, sizeof section, "%.*s", (int)strcspn(key.path, "."), key.path);
    const char *const names[] = {key.path, last_word(key.path), section};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
      const size_t distance = text_distance(word, names[k]);
      if (distance >= best) continue;
      best = distance;
      snprintf(near, sizeof near, "%s", k == 1 ? key.path : names[k]);
    }
  }
  return error_set(error, LS_USAGE, "there is no setting '%.80s'; %s%.120s%s`lockstep reference` lists them",
                   word, near[0] == '\0' ? "" : "did you mean ", near, near[0] == '\0' ? "" : "? ");
}

/* An override's path: model.layers.0.dense.units is dense.units. */
static const char *without_numbers(const char *word) {
  for (const char *c = word; *c != '\0'; c++) {
    const size_t digits = strspn(c, "-0123456789");
    if (digits > 0 && c > word && c[-1] == '.' && c[digits] == '.') word = c + digits + 1;
  }
  return word;
}

ls_status explain_print(FILE *out, const settings_choices_t *choices, const char *word, ls_error *error) {
  explained_t key;
  const bool is_loss = is_below(word, "loss");
  const char *name = is_loss ? word : without_numbers(word);
  if (find_key(name, &key)) {
    put_key(out, &key, choices);
    put_section(out, name, choices);
    return LS_OK;
  }
  if (put_section(out, name, choices) > 0) return LS_OK;
  const int n = find_short(name, &key);
  if (n == 0) return refuse(word, error);
  if (n == 1) {
    put_key(out, &key, choices);
    return LS_OK;
  }
  fprintf(out, "%s ends the names of several settings:\n", name);
  for (size_t i = 0; entry(i, &key); i++)
    if (strcmp(last_word(key.path), name) == 0) put_line(out, &key, choices);
  return LS_OK;
}
