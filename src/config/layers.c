/* model.layers: a list whose items name a kind of layer and its settings. Each kind is a row of a table and
 * has a small table of keys. A residual block instead holds a list of layers, and branches hold several such
 * lists. A kind without required settings may be written alone: `- softmax`. */
#include "config/keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LAYER_PATH_SIZE = 180, MOST_NESTED = 16 };

#define FIELD(field)  offsetof(layer_settings_t, field)
#define CHOICES(list) .choices = offsetof(settings_choices_t, list)
#define KEYS(rows)                                                                                           \
  { rows, sizeof rows / sizeof rows[0] }

static const key_row_t dense_keys[] = {
    {"units", &type_integer, FIELD(units), NULL, .meaning = "outputs of the layer",
     .range = {.low = 1, .high = INT32_MAX}},
    {"activation", &type_choice, FIELD(activation), "identity", .meaning = "applied to each output",
     CHOICES(activation)},
    {"init", &type_choice, FIELD(init), "auto", .meaning = "initial weights; auto: chosen for the activation",
     CHOICES(init), .or_auto = true},
    {"bias", &type_bool, FIELD(bias), "true", .meaning = "whether a bias is added"},
};
static const key_row_t tied_keys[] = {
    {"to", &type_text, FIELD(to), NULL, .meaning = "name of an earlier dense layer, whose weights it uses",
     .example = "dense1"},
    {"activation", &type_choice, FIELD(activation), "identity", .meaning = "applied to each output",
     CHOICES(activation)},
    {"bias", &type_bool, FIELD(bias), "true", .meaning = "whether a bias of its own is added"},
};
static const key_row_t activation_keys[] = {
    {"name", &type_choice, FIELD(activation), NULL, .meaning = "the function", CHOICES(activation)},
};
static const key_row_t dropout_keys[] = {
    {"rate", &type_number, FIELD(rate), NULL, .meaning = "share of the values that training sets to zero",
     .range = {0, 1, .high_open = true}},
};
static const key_row_t noise_keys[] = {
    {"deviation", &type_number, FIELD(deviation), "0",
     .meaning = "standard deviation of the normal numbers that are added", .range = {0, .high = INFINITY}},
    {"mask", &type_number, FIELD(rate), "0", .meaning = "share of the values that become zero",
     .range = {0, 1, .high_open = true}},
};
static const key_row_t sample_keys[] = {
    {"beta", &type_number, FIELD(beta), "1",
     .meaning = "factor of the divergence from a standard normal distribution, which is added to the loss of "
                "a row",
     .range = {0, .high = INFINITY}},
};
static const key_row_t penalty_keys[] = {
    {"l1", &type_number, FIELD(l1), "0", .meaning = "factor of the sum of |x| that is added to a row's loss",
     .range = {0, .high = INFINITY}},
    {"l2", &type_number, FIELD(l2), "0", .meaning = "factor of the sum of squares, the same",
     .range = {0, .high = INFINITY}},
};

#define EPSILON                                                                                              \
  {                                                                                                          \
    "epsilon", &type_number, FIELD(epsilon), "1e-5", .meaning = "added to the variance", .range = {          \
      .low = 1e-30,                                                                                          \
      .high = 1                                                                                              \
    }                                                                                                        \
  }
static const key_row_t layer_norm_keys[] = {EPSILON};
static const key_row_t batch_norm_keys[] = {
    {"momentum", &type_number, FIELD(momentum), "0.1",
     .meaning = "weight of each step in the running mean and variance, which the trained network uses",
     .range = {0, 1, .low_open = true}},
    EPSILON,
};

static const key_row_t centres_keys[] = {
    {"units", &type_integer, FIELD(units), NULL, .meaning = "number of centres",
     .range = {.low = 1, .high = INT32_MAX}},
};

static const key_row_t gaussians_keys[] = {
    {"units", &type_integer, FIELD(units), NULL, .meaning = "number of components",
     .range = {.low = 1, .high = INT32_MAX}},
    {"covariance", &type_choice, FIELD(covariance), "full", .meaning = "form of the covariances",
     .list = covariance_choice},
};

static const layer_row_t layer_table[] = {
    {"dense", LAYER_DENSE, "y = activation(W x + b)", KEYS(dense_keys)},
    {"tied", LAYER_TIED,
     "y = activation(W' x + b), where W' is the transpose of the weights of an earlier dense layer, which "
     "both train; for the decoder of an autoencoder",
     KEYS(tied_keys)},
    {"activation", LAYER_ACTIVATION, "y = f(x), element by element", KEYS(activation_keys)},
    {"softmax", LAYER_SOFTMAX, "y = exp(x) / sum of exp(x), over the values of a row", {NULL, 0}},
    {"layer_norm", LAYER_LAYER_NORM,
     "brings every row to mean 0 and variance 1, then applies a scale and a shift to each value",
     KEYS(layer_norm_keys)},
    {"batch_norm", LAYER_BATCH_NORM,
     "brings every value to mean 0 and variance 1 over a block of a shard's rows (ghost batches), then "
     "applies a scale and a shift",
     KEYS(batch_norm_keys)},
    {"dropout", LAYER_DROPOUT,
     "sets values to zero at random in training, and scales the others up to compensate", KEYS(dropout_keys)},
    {"noise", LAYER_NOISE,
     "adds normal numbers and sets values to zero at random, in training alone; for denoising autoencoders",
     KEYS(noise_keys)},
    {"sample", LAYER_SAMPLE,
     "2 K values are K means and K logarithms of variances; draws K normal numbers in training, else gives "
     "the means; for variational autoencoders",
     KEYS(sample_keys)},
    {"penalty", LAYER_PENALTY, "y = x, and adds a penalty on x to the loss of a row; for sparse codes",
     KEYS(penalty_keys)},
    {"residual",
     LAYER_RESIDUAL,
     "y = x + layers(x), where layers is a list of layers that keeps the width",
     {NULL, 0}},
    {"branches",
     LAYER_BRANCHES,
     "y = (layers1(x), layers2(x), ...), lists of layers side by side; for heads with layers of their own",
     {NULL, 0}},
    {"centres", LAYER_CENTRES,
     "z_k = -|x - c_k|^2 / 2 for centres c_k of clusters; fitted, not trained, and last in a network",
     KEYS(centres_keys)},
    {"gaussians", LAYER_GAUSSIANS,
     "z_k = log w_k + log N(x; m_k, C_k), the components of a Gaussian mixture; fitted, not trained, and "
     "last "
     "in a network",
     KEYS(gaussians_keys)},
};

enum { LAYER_KINDS = sizeof layer_table / sizeof layer_table[0] };

bool layer_row(size_t i, layer_row_t *out) {
  if (i >= LAYER_KINDS) return false;
  *out = layer_table[i];
  return true;
}

static bool kind_choice(size_t i, choice_t *out) {
  if (i >= LAYER_KINDS) return false;
  *out = (choice_t){layer_table[i].name, layer_table[i].meaning};
  return true;
}

/* ---- reading ---- */

static ls_status read_list(const reading_t *reading, const char *path, int depth, const yaml_value_t *list,
                           layer_settings_t **layers, size_t *n_layers);

static ls_status refuse_kind(const reading_t *reading, const char *path, const yaml_value_t *value,
                             const char *kind) {
  char names[128];
  choice_names(kind_choice, names, sizeof names);
  const char *near = choice_nearest(kind_choice, kind);
  return setting_refuse(reading, value, path, "unknown layer '%.60s'; %s%s%s the kinds are %s", kind,
                        near == NULL ? "" : "did you mean ", near == NULL ? "" : near,
                        near == NULL ? "" : "?", names);
}

static bool stands_alone(const layer_row_t *row) {
  for (size_t i = 0; i < row->keys.n; i++)
    if (row->keys.rows[i].initial == NULL) return false;
  return row->kind != LAYER_RESIDUAL && row->kind != LAYER_BRANCHES;
}

ls_status layer_open(const reading_t *reading, const char *path, yaml_value_t *item) {
  if (item->kind != YAML_TEXT || yaml_is_null(item)) return LS_OK;
  const char *kind = item->text;
  int i = choice_find(kind_choice, kind);
  if (i < 0) return refuse_kind(reading, path, item, kind);
  if (!stands_alone(&layer_table[i])) return LS_OK;
  item->kind = YAML_TABLE;
  item->text = NULL;
  yaml_value_t *value = yaml_new(reading->scratch, YAML_TABLE);
  if (!yaml_add(reading->scratch, item, kind, strlen(kind), value)) return setting_no_memory(reading);
  value->line = item->line;
  value->override = item->override;
  return LS_OK;
}

/* Checks that an item has exactly one entry, and finds the kind that the entry names. */
static ls_status check_item(const reading_t *reading, const char *path, const yaml_value_t *item, int *kind) {
  char names[128];
  choice_names(kind_choice, names, sizeof names);
  if (item->kind != YAML_TABLE || item->n == 0)
    return setting_refuse(reading, item, path,
                          "a layer is a kind (%s) with its settings: `dense: {units: 10}`", names);
  if (item->n > 1)
    return setting_refuse(reading, item, path,
                          "a layer is one kind with its settings, but here are %s and %s side by side: write "
                          "`dense: {units: 10}`, or indent the settings deeper than their kind",
                          item->first->key, item->first->next->key);
  *kind = choice_find(kind_choice, item->first->key);
  return *kind >= 0 ? LS_OK : refuse_kind(reading, path, item->first, item->first->key);
}

static ls_status note_where(const reading_t *reading, const yaml_value_t *value, layer_settings_t *layer) {
  char place[PLACE_SIZE];
  setting_place(reading, value, place);
  layer->where = arena_text(reading->arena, place);
  return layer->where != NULL ? LS_OK : setting_no_memory(reading);
}

/* Reads a list of lists of layers. */
static ls_status read_branches(const reading_t *reading, const char *path, int depth,
                               const yaml_value_t *list, layer_settings_t *layer) {
  if (list->kind != YAML_LIST || list->n < 2)
    return setting_refuse(reading, list, path,
                          "expected two lists of layers or more, as in `[[dense: 3], [dense: 1]]`");
  layer_settings_t *all = arena_new(reading->arena, list->n, sizeof *all);
  if (all == NULL) return setting_no_memory(reading);
  size_t i = 0;
  for (yaml_value_t *item = list->first; item != NULL; item = item->next, i++) {
    char branch[LAYER_PATH_SIZE];
    snprintf(branch, sizeof branch, "%.150s[%zu]", path, i);
    all[i] = (layer_settings_t){.kind = LAYER_BRANCH};
    TRY(note_where(reading, item, &all[i]));
    TRY(read_list(reading, branch, depth + 1, item, &all[i].layers, &all[i].n_layers));
  }
  layer->layers = all;
  layer->n_layers = list->n;
  return LS_OK;
}

static ls_status read_item(const reading_t *reading, const char *item_path, int depth, yaml_value_t *item,
                           layer_settings_t *layer) {
  int kind = -1;
  TRY(layer_open(reading, item_path, item));
  TRY(check_item(reading, item_path, item, &kind));
  const layer_row_t *row = &layer_table[kind];
  yaml_value_t *value = item->first;
  char path[LAYER_PATH_SIZE];
  snprintf(path, sizeof path, "%.150s.%s", item_path, row->name);
  *layer = (layer_settings_t){.kind = row->kind};
  TRY(note_where(reading, value, layer));
  if (row->kind == LAYER_RESIDUAL)
    return read_list(reading, path, depth + 1, value, &layer->layers, &layer->n_layers);
  if (row->kind == LAYER_BRANCHES) return read_branches(reading, path, depth + 1, value, layer);
  if (value->kind == YAML_TEXT && !yaml_is_null(value) && row->keys.n > 0 &&
      !yaml_nest(reading->scratch, value, row->keys.rows[0].path))
    return setting_no_memory(reading);
  return keys_read(reading, row->keys, path, value, layer);
}

static ls_status read_list(const reading_t *reading, const char *path, int depth, const yaml_value_t *list,
                           layer_settings_t **layers, size_t *n_layers) {
  if (depth > MOST_NESTED)
    return setting_refuse(reading, list, path, "blocks of layers nested more than %d deep", MOST_NESTED);
  if (list->kind != YAML_LIST || list->n == 0)
    return setting_refuse(reading, list, path, "expected a list of one layer or more, as in `[dense: 10]`");
  layer_settings_t *all = arena_new(reading->arena, list->n, sizeof *all);
  if (all == NULL) return setting_no_memory(reading);
  size_t i = 0;
  for (yaml_value_t *item = list->first; item != NULL; item = item->next, i++) {
    char item_path[LAYER_PATH_SIZE];
    snprintf(item_path, sizeof item_path, "%.150s[%zu]", path, i);
    TRY(read_item(reading, item_path, depth, item, &all[i]));
  }
  *layers = all;
  *n_layers = list->n;
  return LS_OK;
}

static ls_status read_layers(const setting_t *setting, void *field) {
  settings_t *settings = field;
  return read_list(setting->reading, setting->path, 0, setting->value, &settings->model.layers,
                   &settings->model.n_layers);
}

/* ---- writing ---- */

static yaml_value_t *write_list(arena_t *arena, const layer_settings_t *layers, size_t n_layers);

static yaml_value_t *write_branches(arena_t *arena, const layer_settings_t *layer) {
  yaml_value_t *list = yaml_new(arena, YAML_LIST);
  for (size_t i = 0; list != NULL && i < layer->n_layers; i++) {
    const layer_settings_t *branch = &layer->layers[i];
    if (!yaml_add(arena, list, NULL, 0, write_list(arena, branch->layers, branch->n_layers))) return NULL;
  }
  return list;
}

static yaml_value_t *write_settings(arena_t *arena, const layer_row_t *row, const layer_settings_t *layer) {
  if (layer->kind == LAYER_RESIDUAL) return write_list(arena, layer->layers, layer->n_layers);
  return layer->kind == LAYER_BRANCHES ? write_branches(arena, layer)
                                       : keys_write(arena, row->keys, true, layer);
}

static yaml_value_t *write_item(arena_t *arena, const layer_settings_t *layer) {
  const layer_row_t *row = layer_table;
  while (row->kind != layer->kind) row++;
  yaml_value_t *item = yaml_new(arena, YAML_TABLE);
  yaml_value_t *value = write_settings(arena, row, layer);
  if (item == NULL || !yaml_add(arena, item, row->name, strlen(row->name), value)) return NULL;
  return item;
}

static yaml_value_t *write_list(arena_t *arena, const layer_settings_t *layers, size_t n_layers) {
  yaml_value_t *list = yaml_new(arena, YAML_LIST);
  for (size_t i = 0; list != NULL && i < n_layers; i++)
    if (!yaml_add(arena, list, NULL, 0, write_item(arena, &layers[i]))) return NULL;
  return list;
}

static yaml_value_t *write_layers(arena_t *arena, const key_row_t *row, const void *field) {
  const settings_t *settings = field;
  (void)row;
  return write_list(arena, settings->model.layers, settings->model.n_layers);
}

const value_type_t type_layers = {"a list of layers", read_layers, write_layers,
                                  "[dense: {units: 64, activation: relu}, dense: 10]"};
