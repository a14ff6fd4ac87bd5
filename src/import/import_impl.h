/* Internal to import: declarations shared by its files. */
#ifndef IMPORT_IMPORT_IMPL_H
#define IMPORT_IMPORT_IMPL_H

#include "import/import.h"
#include "store/store.h"
#include "table/file.h"
#include "table/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An array of a type that the store can write. */
typedef struct {
  store_type_t type;
  int dims; /* 0: no array */
  int64_t shape[STORE_MAX_DIMS];
  void *values; /* malloc'd */
} import_array_t;

/* Type of an element in the input. */
typedef struct {
  char kind; /* b, u, i or f, as in NumPy's type strings */
  size_t bytes;
  bool big_endian;
} import_element_t;

typedef enum { FORMAT_CSV, FORMAT_IDX, FORMAT_NPY } import_format_t;

/* ---- import_file.c ---- */

/* Detects the format from the first bytes; LS_BAD_DATA for a known format that cannot be imported. */
ls_status import_format(const char *path, const unsigned char *bytes, size_t size, import_format_t *out,
                        ls_error *error);

/* ---- import_array.c ---- */

/* Makes an array of the elements that start at `offset`. On success it takes ownership of content->bytes.
 * LS_BAD_DATA if the size does not match the shape or the type cannot be stored. */
ls_status import_array_take(const char *path, file_bytes_t *content, size_t offset, import_element_t element,
                            int dims, const int64_t *shape, import_array_t *out, ls_error *error);
void import_array_free(import_array_t *array);

/* Number of elements per row. */
int64_t import_array_width(const import_array_t *array);

/* ---- the formats: on success they take ownership of `content`; *out is caller-owned ---- */

ls_status idx_read(const char *path, file_bytes_t *content, import_array_t *out, ls_error *error);
ls_status npy_read(const char *path, file_bytes_t *content, import_array_t *out, ls_error *error);

/* ---- synthetic.c ---- */

/* Fills x (rows, features) and y: (rows) labels, (rows, 1) values, or no array. *set comes from
 * synthetic_settle. */
ls_status synthetic_make(const synthetic_t *set, import_array_t *x, import_array_t *y, ls_error *error);

/* ---- an import in progress ---- */

typedef struct {
  const import_input_t *input;
  import_array_t x, y;    /* y.dims == 0: none, or not filled yet */
  import_array_t series;  /* (rows) int64: series number of each row; dims 0: none */
  import_array_t weights; /* (rows) float64; dims 0: none */
  bool is_table;          /* x comes from CSV */
  bool y_is_table;        /* y comes from a CSV file of its own */
} import_part_t;

typedef struct {
  const import_options_t *options;
  import_part_t *parts; /* (options->n_inputs) */
  size_t n_parts;
  tables_t *x, *y; /* the CSV files of features, and of labels or targets; NULL: none */
} import_t;

enum { IMPORT_GROUP_SIZE = 128 }; /* bytes of a group's name including the NUL */

/* Writes options->output and publishes it; logs what the file holds. */
ls_status import_write(const import_t *import, const log_t *log, ls_error *error);

/* ---- import_split.c ---- */

enum { MOST_COUNTED_SPLITS = 16 };

/* Rows of each class in one split. */
typedef struct {
  const char *name;
  int64_t *rows; /* (classes), malloc'd */
  size_t classes;
} split_counts_t;

typedef struct {
  split_counts_t splits[MOST_COUNTED_SPLITS];
  size_t n_splits;
} class_counts_t;

/* The tables that hold labels or targets; NULL: none does. */
const tables_t *import_labels(const import_t *import);

/* Whether y holds class numbers. */
bool import_has_labels(const import_part_t *part);

/* An order of the part's rows in which every cut gives both sides their share of each class. `number` is the
 * part's; *out is malloc'd, (rows). */
ls_status import_stratified_order(const import_part_t *part, uint64_t seed, size_t number, uint32_t **out,
                                  ls_error *error);

/* Counts the classes among rows [first, first + rows) of the order (NULL: the order of the input). Parts
 * without labels add nothing. */
ls_status class_counts_add(class_counts_t *counts, const import_part_t *part, const char *split,
                           const uint32_t *order, int64_t first, int64_t rows, ls_error *error);
/* Logs a table of the counts, and a warning for each split that lacks a class of another split. */
void class_counts_report(const class_counts_t *counts, const import_t *import, const log_t *log);
void class_counts_free(class_counts_t *counts);

/* ---- import_series.c ---- */

/* Computes the order of a part's rows sorted by series. *out is malloc'd. */
ls_status import_series_order(const import_part_t *part, uint32_t **out, ls_error *error);

#endif
