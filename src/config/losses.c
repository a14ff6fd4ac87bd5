/* loss: a loss with its keys, or a list of losses with one per head. In both cases the settings hold a list.
 * loss/objective.c checks which outputs and targets the heads take, because only there are their numbers
 * known. */
#include "config/keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LOSS_PATH_SIZE = 64 };

/* Letters allowed in a head's name. The name is used as a JSON key, a CSV column and an HDF5 group. */
static const char name_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define FIELD(field)  offsetof(loss_settings_t, field)
#define CHOICES(list) .choices = offsetof(settings_choices_t, list)

static bool class_weights_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"none", "all rows count the same"},
      {"balanced", "a row counts N / (K n) if its class, one of K, has n of the N training rows: all classes "
                   "count the same"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool targets_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"auto", "as many columns of y as the loss needs, after those of the previous head"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static const key_row_t rows[] = {
    {"name", &type_choice, FIELD(name), NULL, .meaning = "loss function", CHOICES(loss)},
    {"delta", &type_number, FIELD(delta), "1", .used_with = "name", .used_by = "huber",
     .meaning = "error at which the square turns into a line", .range = {0, INFINITY, .low_open = true}},
    {"label_smoothing", &type_number, FIELD(label_smoothing), "0", .used_with = "name",
     .used_by = "cross_entropy, binary_cross_entropy",
     .meaning = "share of each label that is spread over all classes", .range = {0, 1, .high_open = true}},
    {"class_weights", &type_numbers, FIELD(class_weights), "none",
     .meaning = "weight of the rows of each class: none, balanced, or a list with one number per class",
     .list = class_weights_choice, .range = {0, .high = INFINITY}, .example = "balanced"},
    {"quantiles", &type_numbers, FIELD(quantiles), "[0.1, 0.5, 0.9]", .used_with = "name",
     .used_by = "quantile", .meaning = "the levels; each target has one output per level",
     .range = {0, 1, .low_open = true, .high_open = true}, .example = "[0.1, 0.9]"},
    {"head", &type_name, FIELD(head), "auto",
     .meaning = "several heads: name of this head in files and reports; auto: head1, head2, ..."},
    {"weight", &type_number, FIELD(weight), "1",
     .meaning = "factor of this loss in the sum over heads, which training minimises",
     .range = {0, .high = INFINITY}},
    {"outputs", &type_integer, FIELD(outputs), "auto",
     .meaning =
         "number of outputs of the last layer, after those of the previous head; auto: all that are left",
     .range = {.low = 1, .high = INT32_MAX}, .or_auto = true},
    {"targets", &type_numbers, FIELD(targets), "auto",
     .meaning = "columns of y (with data.window: of the forecast columns), counted from 0: one column with "
                "class numbers, or as many as the loss needs",
     .list = targets_choice, .range = {.low = 0, .high = INT32_MAX}, .example = "[0, 1]"},
};

const key_table_t loss_keys = {rows, sizeof rows / sizeof rows[0]};

/* ---- reading ---- */

static ls_status read_loss(const reading_t *reading, const char *path, const yaml_value_t *value,
                           loss_settings_t *loss) {
  yaml_value_t table = *value; /* shallow copy: the entries stay shared */
  if (table.kind == YAML_TEXT && !yaml_is_null(&table) && !yaml_nest(reading->scratch, &table, "name"))
    return setting_no_memory(reading);
  TRY(keys_read(reading, loss_keys, path, &table, loss));
  for (size_t i = 0; i < loss->targets.n; i++)
    if (floor(loss->targets.values[i]) < loss->targets.values[i])
      return setting_refuse(reading, yaml_find(&table, "targets", strlen("targets")), path,
                            "targets are column numbers of y, counted from 0, not %g",
                            loss->targets.values[i]);
  return LS_OK;
}

static ls_status check_names(const setting_t *setting, const loss_settings_t *losses, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (strspn(losses[i].head, name_letters) < strlen(losses[i].head))
      return setting_refuse(setting->reading, setting->value, setting->path,
                            "head '%.60s': a head's name consists of letters, digits, - and _",
                            losses[i].head);
    for (size_t k = 0; k < i; k++)
      if (strcmp(losses[i].head, "auto") != 0 && strcmp(losses[i].head, losses[k].head) == 0)
        return setting_refuse(setting->reading, setting->value, setting->path,
                              "two heads are called '%.60s': give each head its own name", losses[i].head);
  }
  return LS_OK;
}

static ls_status read_losses(const setting_t *setting, void *field) {
  settings_t *settings = field;
  const reading_t *reading = setting->reading;
  const yaml_value_t *value = setting->value;
  bool is_list = value->kind == YAML_LIST;
  size_t n = is_list ? value->n : 1;
  if (n == 0 || n > MOST_HEADS)
    return setting_refuse(reading, value, setting->path, "%zu losses; expected 1 to %d, one per head", n,
                          MOST_HEADS);
  loss_settings_t *losses = arena_new(reading->arena, n, sizeof *losses);
  if (losses == NULL) return setting_no_memory(reading);
  size_t i = 0;
  for (const yaml_value_t *item = is_list ? value->first : value; i < n; item = item->next, i++) {
    char path[LOSS_PATH_SIZE];
    snprintf(path, sizeof path, is_list ? "%.40s[%zu]" : "%.40s", setting->path, i);
    TRY(read_loss(reading, path, item, &losses[i]));
  }
  TRY(check_names(setting, losses, n));
  settings->losses = losses;
  settings->n_losses = n;
  return LS_OK;
}

/* ---- writing ---- */

static yaml_value_t *write_losses(arena_t *arena, const key_row_t *row, const void *field) {
  const settings_t *settings = field;
  (void)row;
  if (settings->n_losses == 1) return keys_write(arena, loss_keys, false, settings->losses);
  yaml_value_t *list = yaml_new(arena, YAML_LIST);
  for (size_t i = 0; list != NULL && i < settings->n_losses; i++)
    if (!yaml_add(arena, list, NULL, 0, keys_write(arena, loss_keys, true, &settings->losses[i])))
      return NULL;
  return list;
}

const value_type_t type_losses = {"a loss, or a list of losses", read_losses, write_losses, "cross_entropy"};
