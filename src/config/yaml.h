/* YAML text as a small tree of values that know where they stand.
 *
 * Settings need only text, lists and tables; what YAML has beyond that (anchors, aliases, tags, several
 * documents) is refused, and depth and size are bounded, so that no text, however odd, does more than fail.
 * Values live in the caller's arena. yaml.c is the only file that knows libyaml. */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum { YAML_TEXT, YAML_LIST, YAML_TABLE } yaml_kind_t;

typedef struct yaml_value {
  yaml_kind_t kind;
  int line;             /* 1 for the first, 0 when it does not come from a file */
  const char *override; /* the command-line override that it comes from, else NULL */
  const char *key;      /* its key in a table, else NULL */
  const char *text;     /* YAML_TEXT, else NULL */
  bool is_quoted;       /* text in quotes: certainly not a number */
  bool is_flow;         /* written as [...] or {...} */
  size_t n;             /* entries of a list or table */
  struct yaml_value *first, *last, *next;
} yaml_value_t;

/* Reads one document. Messages begin with "source:LINE", or, when override is not NULL, with the override,
 * which the values then remember (the pointer must outlive them). Keys are unique. LS_BAD_SETTINGS. */
ls_status yaml_read(arena_t *arena, const char *text, size_t length, const char *source, const char *override,
                    yaml_value_t **out, ls_error *error);

/* A table as YAML text, malloc'd, caller-owned, NUL-terminated. */
ls_status yaml_write(const yaml_value_t *table, char **text, ls_error *error);

/* The value of the key that is the first `length` bytes of `key`, NULL when there is none. */
yaml_value_t *yaml_find(const yaml_value_t *table, const char *key, size_t length);

/* Makers; NULL when memory is short. */
yaml_value_t *yaml_new(arena_t *arena, yaml_kind_t kind);
yaml_value_t *yaml_new_text(arena_t *arena, const char *text);

/* Adds a value at the end of a list (key NULL) or table; false when value is NULL or memory is short. */
bool yaml_add(arena_t *arena, yaml_value_t *parent, const char *key, size_t length, yaml_value_t *value);

/* Turns a value into a table that holds it under `key`, which must outlive it; false when memory is short. */
bool yaml_nest(arena_t *arena, yaml_value_t *value, const char *key);

/* An empty value, ~ or null. */
bool yaml_is_null(const yaml_value_t *value);

/* true, false, yes, no, on or off, in any case. */
bool yaml_bool(const char *text, bool *out);

#endif
