/* Internal to import: a table in another format, written as CSV text in memory. Such a table then takes the
 * same way as a CSV file: one set of rules for labels, categories, missing cells and names.
 *
 * Numbers keep their value: a double is written with 17 significant digits, an integer with all of its own.
 */
#ifndef IMPORT_TABLE_TEXT_H
#define IMPORT_TABLE_TEXT_H

#include "import/import_impl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that grows. After the first failure nothing more is added, and table_text_end reports it. {0} with
 * `most` set is an empty one. */
typedef struct {
  file_bytes_t content; /* caller-owned: file_bytes_free */
  size_t room;
  size_t most; /* bytes that it may have */
  bool in_line, too_large, no_memory, has_nul;
} table_text_t;

void table_text_integer(table_text_t *text, int64_t value);
void table_text_unsigned(table_text_t *text, uint64_t value);
/* NaN is a missing value. */
void table_text_real(table_text_t *text, double value);
/* A quoted cell. */
void table_text_cell(table_text_t *text, const char *bytes, size_t size);
void table_text_line(table_text_t *text);

/* Ends the text with a NUL and frees it after an error. LS_BAD_DATA or LS_NO_MEMORY if a cell could not be
 * added. */
ls_status table_text_end(table_text_t *text, const char *path, ls_error *error);

/* The same; the text becomes the table of an input. `made` says what its columns are; is_text is malloc'd and
 * freed after an error. */
ls_status table_text_take(table_text_t *text, const char *path, table_made_t made, import_content_t *out,
                          ls_error *error);

#endif
