/* The small texts of a run: settings in YAML, a summary and a log in JSON. JSON is YAML, so one reader reads
 * them all, and its limits of depth and size hold. A text that is damaged is an error, and nothing more can
 * come of it. */
#ifndef RUN_DOCUMENT_H
#define RUN_DOCUMENT_H

#include "base/arena.h"
#include "base/error.h"
#include "config/yaml.h"

#include <stdbool.h>

/* Reads a file that holds one table. *out is NULL if there is no such file; LS_BAD_DATA if it is no table or
 * larger than 1 MiB, LS_NO_MEMORY. What is read lives in the arena. */
ls_status document_read(const char *path, arena_t *arena, yaml_value_t **out, ls_error *error);

/* The same of a text, for example a line; `source` names it in messages. */
ls_status document_parse(const char *text, const char *source, arena_t *arena, yaml_value_t **out,
                         ls_error *error);

/* A member of a table (which may be NULL): as a number, NaN if there is none; as a text, NULL if there is
 * none. */
double document_number(const yaml_value_t *table, const char *key);
const char *document_text(const yaml_value_t *table, const char *key);
const yaml_value_t *document_find(const yaml_value_t *table, const char *key);

/* Calls visit for every complete line of a file, without its newline. Lines of more than 1 MiB are left out.
 * Stops at the first failure. A file that does not exist has no lines. LS_IO, LS_NO_MEMORY. */
typedef ls_status document_line_t(const char *line, void *context, ls_error *error);
ls_status document_lines(const char *path, document_line_t *visit, void *context, ls_error *error);

#endif
