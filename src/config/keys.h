/* Keys: the rows of a table of settings, and the functions that read such a table from YAML and write it
 * back.
 *
 * A row names a key by its path within the table ("train.epochs"; "units" for a layer). It also states the
 * field that the key fills and the rules for its value. The settings of a run form one table, and each kind
 * of layer has a small table of its own. The same functions read, check, write and document all of them. */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "config/settings.h"
#include "config/yaml.h"

typedef struct value_type value_type_t;

/* Range of allowed numbers, from low to high; an open end is excluded. All zero: any finite number. */
typedef struct {
  double low, high;
  bool low_open, high_open;
} range_t;

typedef struct {
  const char *path;
  const value_type_t *type;
  size_t offset;       /* offset of the field in the struct that the table fills */
  const char *initial; /* default as YAML; NULL: the key is required */
  const char *meaning;
  range_t range;
  /* The key has an effect only if the key `used_with` of the same table has one of the names in `used_by`
   * (separated by ", "), or, if `used_by` is NULL, if it or the key `used_also` has anything but its default.
   * All NULL: it always has. */
  const char *used_with, *used_by, *used_also;
  bool may_change;     /* a resumed run may have another value than the run that it goes on with */
  bool or_auto;        /* "auto" is also allowed */
  bool is_named;       /* a text stands for a table with this `name`, as for a path with a row PATH.name */
  bool of_head;        /* a choice may name one of several heads: HEAD.name */
  choice_list_t list;  /* choices: list of names, or NULL ... */
  size_t choices;      /* ... then the list is at this offset in settings_choices_t */
  const char *example; /* a value to show; NULL: that of the type, or one made from the default */
} key_row_t;

typedef struct {
  const key_row_t *rows;
  size_t n;
} key_table_t;

/* Context for reading a settings file. */
typedef struct {
  const char *source;
  const settings_choices_t *choices;
  arena_t *arena;              /* owns the settings */
  arena_t *scratch;            /* owns the YAML tree */
  bool is_stored;              /* resolved settings in a model: keys without effect are accepted */
  const char *const *defaults; /* as settings_load takes them, or NULL */
  ls_error *error;
} reading_t;

/* One key that is being read. */
typedef struct {
  const reading_t *reading;
  const key_row_t *row;
  const char *path; /* full path: "model.layers[1].dense.units" */
  const yaml_value_t *value;
} setting_t;

/* A type of value: how it is read, written and named in the reference. The table of types is in types.c. */
struct value_type {
  const char *name;
  ls_status (*read)(const setting_t *setting, void *field);
  yaml_value_t *(*write)(arena_t *arena, const key_row_t *row,
                         const void *field); /* returns NULL when memory is exhausted */
  const char *example;                       /* a value to show, or NULL */
};

extern const value_type_t type_number, type_integer, type_batch, type_seed, type_bool, type_text, type_name,
    type_choice, type_numbers, type_texts, type_bytes, type_every, type_period, type_span;
/* These types fill several fields. Their `field` is the settings_t; for type_range it is the
 * scaling_settings_t. */
extern const value_type_t type_validation, type_range, type_columns, type_layers, type_losses;

/* embeddings.c: an integer or none; for type_widths the field is an embedding_settings_t. */
extern const value_type_t type_limit, type_widths;

/* values.c: a table from names of weights to numbers. */
extern const value_type_t type_weights;

/* The settings of a run, in the order in which they are written. */
extern const key_table_t settings_keys;

/* words.c: lists of the words that a value may be. */
bool shuffle_choice(size_t i, choice_t *out);
bool reduce_choice(size_t i, choice_t *out);
bool parts_choice(size_t i, choice_t *out);
bool on_nan_choice(size_t i, choice_t *out);
bool covariance_choice(size_t i, choice_t *out);
bool window_targets_choice(size_t i, choice_t *out);
bool bandwidth_choice(size_t i, choice_t *out);
bool data_targets_choice(size_t i, choice_t *out);
bool missing_choice(size_t i, choice_t *out);
bool components_choice(size_t i, choice_t *out);
bool init_layers_choice(size_t i, choice_t *out);

/* The keys of one loss. The setting `loss` is one such table or a list of them. */
extern const key_table_t loss_keys;

/* Default shown for the key `name`, whose value comes from the name of the settings file. */
extern const char name_from_file[];

/* The i-th kind of layer; false past the end. Residual blocks and branches have no keys; they hold layers. */
typedef struct {
  const char *name;
  layer_kind_t kind;
  const char *meaning;
  key_table_t keys; /* the first key may be given without its name: `dense: 10` */
} layer_row_t;
bool layer_row(size_t i, layer_row_t *out);

/* Expands an item of a list of layers that is a text: `- softmax` becomes `- softmax: {}`. Other values stay
 * as they are. */
ls_status layer_open(const reading_t *reading, const char *path, yaml_value_t *item);

/* Checks that the YAML table has only known keys, and reads every row into *base; absent keys get their
 * default. `prefix` is the path of the table, "" for the top level. */
ls_status keys_read(const reading_t *reading, key_table_t table, const char *prefix, yaml_value_t *tree,
                    void *base);

/* Whether the fields of a row have the same value in two structs. */
ls_status keys_same(const key_row_t *row, const void *a, const void *b, bool *out, ls_error *error);

/* Writes every row of *base to a YAML table. Returns NULL when memory is exhausted. */
yaml_value_t *keys_write(arena_t *arena, key_table_t table, bool is_flow, const void *base);

/* Expands a short form: `optimizer: sgd` becomes `optimizer: {name: sgd}`. Applies to a text at a path with a
 * row PATH.name, and to `loss`. Other values stay as they are. */
ls_status keys_open(const reading_t *reading, key_table_t table, const char *path, yaml_value_t *value);

/* Applies the override `section.key=value` to the tree. Words of the path that are numbers are items of
 * lists. */
ls_status override_apply(const reading_t *reading, const char *override, yaml_value_t *tree);

/* The list of names that a choice may have; NULL when this room does not know them. */
choice_list_t key_choices(const key_row_t *row, const settings_choices_t *choices);

/* The last word of the key that other programs call `name`: learning_rate for lr; else `name` itself. */
const char *key_name_here(const char *name);

/* The value at a path, or NULL; *nearest is the innermost existing section of the path. */
const yaml_value_t *keys_find(const yaml_value_t *tree, const char *path, const yaml_value_t **nearest);

/* Joins "optimizer" and "name" to "optimizer.name"; either may be empty. */
enum { PATH_SIZE = 256 };
void path_join(char out[PATH_SIZE], const char *prefix, const char *key);

enum { RANGE_TEXT_SIZE = 64 };
/* "in [0, 1)", "at least 1", "" for any number. */
void range_text(range_t range, char out[RANGE_TEXT_SIZE]);

/* Writes the values that a key may have: its type and range, or a list of names. */
void key_values(const key_row_t *row, const settings_choices_t *choices, char *out, size_t size);

/* Writes "FILE:LINE" or "override '...'". `value` may be NULL: then there is no line. */
enum { PLACE_SIZE = 512 };
void setting_place(const reading_t *reading, const yaml_value_t *value, char out[PLACE_SIZE]);

/* Sets LS_BAD_SETTINGS with the message "FILE:LINE: path: ..." or "override '...': path: ...". `value` may be
 * NULL: then there is no line. */
ls_status setting_refuse(const reading_t *reading, const yaml_value_t *value, const char *path,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same for a value that is not what was expected: "expected a list of numbers, not 'x'". */
ls_status value_refuse(const setting_t *setting, const char *expected);
ls_status setting_no_memory(const reading_t *reading);

/* clusters.c: sets what follows from `cluster`, and the horizon of windows that are their own targets, where
 * the tree does not say otherwise. */
ls_status cluster_complete(const reading_t *reading, yaml_value_t *tree);

#endif
