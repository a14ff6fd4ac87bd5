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

/* ---- import_file.c ---- */

/* Splits FILE:PART. *file is malloc'd; *part points into `path`, NULL if the whole path is a file. */
ls_status import_split_path(const char *path, char **file, const char **part, ls_error *error);

/* Reads the first bytes of a file as they are; none of what can be read only once. */
enum { IMPORT_FIRST_BYTES = 8 };
ls_status import_first_bytes(const char *file, unsigned char out[IMPORT_FIRST_BYTES], size_t *n,
                             ls_error *error);

/* Reads the beginning of a file, unpacked: whole lines, if it has any. *out is empty for what can be read
 * only once, and caller-owned (file_bytes_free). LS_BAD_DATA for an empty file. */
ls_status import_read_sample(const char *file, file_bytes_t *out, ls_error *error);

/* The most bytes of one input in memory: the option, otherwise half of the machine's memory. */
size_t import_most_memory(const import_options_t *options);

/* ---- import_array.c ---- */

/* Makes an array of the elements that start at `offset`. On success it takes ownership of content->bytes.
 * LS_BAD_DATA if the size does not match the shape, the type cannot be stored, or a wider type for it takes
 * more than `most` bytes. */
ls_status import_array_take(const char *path, file_bytes_t *content, size_t offset, import_element_t element,
                            int dims, const int64_t *shape, size_t most, import_array_t *out,
                            ls_error *error);
void import_array_free(import_array_t *array);

/* Counts the elements of a shape. LS_BAD_DATA unless `bytes_there` are exactly their bytes. */
ls_status import_count_elements(const char *path, size_t bytes_there, size_t element, int dims,
                                const int64_t *shape, size_t *out, ls_error *error);

/* Puts elements of 1, 2, 4 or 8 bytes that lie column by column (Fortran order) into the order of rows. The
 * content then begins with the first element. */
ls_status import_array_transpose(const char *path, file_bytes_t *content, size_t offset, size_t element,
                                 int dims, const int64_t *shape, ls_error *error);

/* Number of elements per row. */
int64_t import_array_width(const import_array_t *array);

/* ---- import_format.c: what a file can hold ---- */

/* The numbers of a file in libsvm format. */
typedef struct {
  int64_t rows;         /* 0: the input is of another format */
  size_t *starts;       /* (rows + 1) where a row begins in the two arrays below */
  uint32_t *columns;    /* as the file numbers them */
  double *values;       /* the numbers that are not given are 0 */
  uint32_t least, most; /* column numbers that occur; least > most: none */
  bool has_queries;     /* qid:N, which is not used */
} sparse_t;

/* A table: a CSV file, or a text in memory. */
typedef struct {
  file_bytes_t text; /* bytes NULL: a file, which is read later, piece by piece */
  bool is_made;      /* the text was written by table_text.h */
  table_made_t made; /* with is_made; made.is_text is malloc'd or NULL */
} import_table_t;

/* What one input holds: an array, sparse rows with their labels, or a table. */
typedef struct {
  import_array_t array; /* dims 0: none */
  sparse_t sparse;      /* rows 0: none */
  import_table_t table; /* with is_table, or the labels of sparse rows */
  bool is_table;
} import_content_t;

/* Reads an input of any format, whose content may have `most` bytes. *out is caller-owned
 * (import_content_free). */
ls_status import_read(const char *path, size_t most, import_content_t *out, ls_error *error);
void import_content_free(import_content_t *content);
void import_table_free(import_table_t *table);

/* ---- the formats: on success they take ownership of `content`; *out is caller-owned ---- */

ls_status idx_read(const char *path, file_bytes_t *content, size_t most, import_content_t *out,
                   ls_error *error);
ls_status npy_read(const char *path, file_bytes_t *content, size_t most, import_content_t *out,
                   ls_error *error);

/* ---- libsvm.c ---- */

/* Whether text has rows "label index:value index:value ...". */
bool libsvm_is(const file_bytes_t *content);
ls_status libsvm_read(const char *path, file_bytes_t *content, size_t most, import_content_t *out,
                      ls_error *error);
void sparse_free(sparse_t *sparse);

/* ---- npz.c ---- */

/* Whether the first bytes are those of a zip archive. */
bool npz_is(const unsigned char *bytes, size_t n);

/* Replaces the bytes of an archive by those of the array `name` in it. */
ls_status npz_take(const char *path, const char *name, size_t most, file_bytes_t *content, ls_error *error);

/* Names the arrays of archives that were given without one: x and y, or those of several splits. *expanded is
 * NULL if there is no such input; otherwise a malloc'd block of *n inputs, free it with one call. */
ls_status npz_expand(const import_options_t *options, import_input_t **expanded, size_t *n, ls_error *error);

/* ---- hdf5.c ---- */

/* Reads an array or a table of an HDF5 file. */
ls_status hdf5_read(const char *path, const char *file, const char *part, size_t most, import_content_t *out,
                    ls_error *error);

/* ---- synthetic.c ---- */

/* Fills x (rows, features) and y: (rows) labels, (rows, 1) values, or no array. *set comes from
 * synthetic_settle. */
ls_status synthetic_make(const synthetic_t *set, import_array_t *x, import_array_t *y, ls_error *error);

/* ---- an import in progress ---- */

typedef struct {
  const import_input_t *input;
  import_array_t x, y;           /* y.dims == 0: none, or not filled yet */
  import_array_t series;         /* (rows) int64: series number of each row; dims 0: none */
  import_array_t weights;        /* (rows) float64; dims 0: none */
  sparse_t sparse;               /* x, until import_settle_sparse */
  import_table_t table, y_table; /* x with is_table, y with y_is_table */
  bool is_table;
  bool y_is_table; /* y comes from a table of its own: a file, or the labels of sparse rows */
} import_part_t;

typedef struct {
  const import_options_t *options;
  import_part_t *parts; /* (options->n_inputs) */
  size_t n_parts;
  tables_t *x, *y; /* the tables of features, and of labels or targets; NULL: none */
} import_t;

enum { IMPORT_GROUP_SIZE = 128 }; /* bytes of a group's name including the NUL */

/* Writes options->output and publishes it; logs what the file holds. Features of tables become float first if
 * that loses nothing. */
ls_status import_write(import_t *import, const log_t *log, ls_error *error);

/* ---- sparse.c ---- */

/* Makes x of the parts in libsvm format: all get the same columns. LS_BAD_DATA if they need more than `most`
 * bytes together. */
ls_status import_settle_sparse(import_t *import, size_t most, const log_t *log, ls_error *error);

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
