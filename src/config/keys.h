/* Keys: what a row of a table of settings says, and how a table of rows is read from YAML and written back.
 *
 * A row names a key by its path inside its table ("train.epochs"; "units" for a layer), the field that it
 * fills and the rules for its value. The run's settings are one such table, and each kind of layer has a
 * small one of its own; all are read, checked, written and described by the same few functions. */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "config/settings.h"
#include "config/yaml.h"

typedef struct value_type value_type_t;

/* Allowed numbers: from low to high, an open end excluded. All zero means any finite number. */
typedef struct {
  double low, high;
  bool low_open, high_open;
} range_t;

typedef struct {
  const char *path;
  const value_type_t *type;
  size_t offset;       /* of the field in the struct that the table fills */
  const char *initial; /* default as YAML, NULL: the key is required */
  const char *meaning;
  range_t range;
  /* The key has an effect only if the key `used_with` of the same table is one of `used_by`: names, with ", "
   * between; NULL: anything but its default. Both NULL: it always has. */
  const char *used_with, *used_by;
  bool or_auto;       /* "auto" is allowed too */
  bool of_head;       /* a choice may be of one of several heads: HEAD.name */
  choice_list_t list; /* choices: the names, or NULL ... */
  size_t choices;     /* ... and the list is at this offset in settings_choices_t */
} key_row_t;

typedef struct {
  const key_row_t *rows;
  size_t n;
} key_table_t;

/* What reading a file needs all the way down. */
typedef struct {
  const char *source;
  const settings_choices_t *choices;
  arena_t *arena;   /* of the settings */
  arena_t *scratch; /* of the YAML tree */
  bool is_stored;   /* resolved settings in a model: keys without effect are no fault */
  ls_error *error;
} reading_t;

/* One key about to be read. */
typedef struct {
  const reading_t *reading;
  const key_row_t *row;
  const char *path; /* from the top: "model.layers[1].dense.units" */
  const yaml_value_t *value;
} setting_t;

/* How a value is read, written and named in the reference: a row of the table in types.c. */
struct value_type {
  const char *name;
  ls_status (*read)(const setting_t *setting, void *field);
  yaml_value_t *(*write)(arena_t *arena, const key_row_t *row, const void *field); /* NULL: no memory */
};

extern const value_type_t type_number, type_integer, type_batch, type_seed, type_bool, type_text, type_name,
    type_choice, type_numbers, type_bytes, type_every, type_span;
/* These fill several fields; theirs is the settings_t (range: the scaling_settings_t). */
extern const value_type_t type_validation, type_range, type_columns, type_layers, type_losses;

/* The keys of one scaling, which fill a scaling_settings_t: for columns that have their own. */
extern const key_table_t scaling_keys;

/* The settings of a run, in the order in which they are written. */
extern const key_table_t settings_keys;

/* The keys of a loss: `loss` is one such table, or a list of them. */
extern const key_table_t loss_keys;

/* What `name` defaults to stands in the file's name, not in the table. */
extern const char name_from_file[];

/* The kinds of layers, for the reference; false past the end. A residual block has layers
 * instead of keys. */
typedef struct {
  const char *name;
  layer_kind_t kind;
  const char *meaning;
  key_table_t keys; /* the first also stands alone: `dense: 10` */
} layer_row_t;
bool layer_row(size_t i, layer_row_t *out);

/* Checks that the YAML table has known keys only and reads every row into *base, its default where it is
 * absent. `prefix` is the path of the table, "" for the top. */
ls_status keys_read(const reading_t *reading, key_table_t table, const char *prefix, yaml_value_t *tree,
                    void *base);

/* Every row of *base as a YAML table; NULL: no memory. */
yaml_value_t *keys_write(arena_t *arena, key_table_t table, bool is_flow, const void *base);

/* `optimizer: sgd` stands for `optimizer: {name: sgd}`: turns a text at a path that has a row PATH.name, or
 * at that of `loss`, into that table. Other values stay. */
ls_status keys_open(const reading_t *reading, key_table_t table, const char *path, yaml_value_t *value);

/* Sets `section.key=value` in the tree. */
ls_status override_apply(const reading_t *reading, const char *override, yaml_value_t *tree);

/* The names that a choice may have; NULL when they are not known here. */
choice_list_t key_choices(const key_row_t *row, const settings_choices_t *choices);

/* The value at a path, or NULL; *nearest is the innermost section of the path that is there. */
const yaml_value_t *keys_find(const yaml_value_t *tree, const char *path, const yaml_value_t **nearest);

/* "optimizer.name" of "optimizer" and "name"; either may be empty. */
enum { PATH_SIZE = 256 };
void path_join(char out[PATH_SIZE], const char *prefix, const char *key);

enum { RANGE_TEXT_SIZE = 64 };
/* "in [0, 1)", "at least 1", "" for any number. */
void range_text(range_t range, char out[RANGE_TEXT_SIZE]);

/* "FILE:LINE" or "override '...'"; value may be NULL (no line). */
enum { PLACE_SIZE = 512 };
void setting_place(const reading_t *reading, const yaml_value_t *value, char out[PLACE_SIZE]);

/* LS_BAD_SETTINGS with "FILE:LINE: path: ..." or "override '...': path: ..."; value may be NULL (no line). */
ls_status setting_refuse(const reading_t *reading, const yaml_value_t *value, const char *path,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));
ls_status setting_no_memory(const reading_t *reading);

#endif
