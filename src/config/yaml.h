/* YAML text as a small tree of values, each with the place where it was given.
 *
 * Settings need only text, lists and tables. Other YAML features (anchors, aliases, tags, several documents)
 * are rejected, and depth and size are limited, so that no input can do more than fail. Values live in the
 * caller's arena. Only yaml.c uses libyaml. */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum { YAML_TEXT, YAML_LIST, YAML_TABLE } yaml_kind_t;

typedef struct yaml_value {
  yaml_kind_t kind;
  int line;             /* first line is 1; 0: not from a file */
  const char *override; /* the override that it comes from, or NULL */
  const char *key;      /* its key in a table, or NULL */
  const char *text;     /* for YAML_TEXT, otherwise NULL */
  bool is_quoted;       /* quoted text: never a number */
  bool is_flow;         /* written as [...] or {...} */
  size_t n;             /* entries of a list or table */
  struct yaml_value *first, *last, *next;
} yaml_value_t;

/* Reads one document. Messages begin with "source:LINE", or with `override` when that is not NULL. The values
 * keep the pointer `override`, which must outlive them. Keys must be unique. Errors are LS_BAD_SETTINGS. */
ls_status yaml_read(arena_t *arena, const char *text, size_t length, const char *source, const char *override,
                    yaml_value_t **out, ls_error *error);

/* Writes a table as YAML text; *text is malloc'd, caller-owned and NUL-terminated. */
ls_status yaml_write(const yaml_value_t *table, char **text, ls_error *error);

/* The value of the key given by the first `length` bytes of `key`; NULL when there is none. */
yaml_value_t *yaml_find(const yaml_value_t *table, const char *key, size_t length);

/* Constructors; return NULL when memory is exhausted. */
yaml_value_t *yaml_new(arena_t *arena, yaml_kind_t kind);
yaml_value_t *yaml_new_text(arena_t *arena, const char *text);

/* Appends a value to a list (key NULL) or a table; false when `value` is NULL or memory is exhausted. */
bool yaml_add(arena_t *arena, yaml_value_t *parent, const char *key, size_t length, yaml_value_t *value);

/* Wraps a value in a table that holds it under `key`, which must outlive it; false when memory is
 * exhausted. */
bool yaml_nest(arena_t *arena, yaml_value_t *value, const char *key);

/* Whether the value is empty, ~ or null. */
bool yaml_is_null(const yaml_value_t *value);

/* Parses true, false, yes, no, on or off, in any case. */
bool yaml_bool(const char *text, bool *out);

#endif
