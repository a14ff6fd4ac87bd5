/* Inside import: what its chapters (idx.c, npy.c, csv.c, import_classes.c, import_write.c) and import.c hand
 * each other. */
#ifndef IMPORT_IMPORT_IMPL_H
#define IMPORT_IMPORT_IMPL_H

#include "import/import.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file's content, unpacked, with a NUL behind it that `size` does not count. */
typedef struct {
  unsigned char *bytes; /* malloc'd */
  size_t size;
} import_bytes_t;

/* An array in one of the types that the store writes. */
typedef struct {
  store_type_t type;
  int dims; /* 0: there is none */
  int64_t shape[STORE_MAX_DIMS];
  void *values; /* malloc'd */
} import_array_t;

/* What one element is in the input. */
typedef struct {
  char kind; /* b, u, i, f: as in NumPy's type strings */
  size_t bytes;
  bool big_endian;
} import_element_t;

typedef enum { FORMAT_CSV, FORMAT_IDX, FORMAT_NPY } import_format_t;

/* ---- import_file.c ---- */

/* The whole file, gzipped or not; *out is caller-owned (import_bytes_free). */
ls_status import_read_file(const char *path, import_bytes_t *out, ls_error *error);
void import_bytes_free(import_bytes_t *content);

/* By content; LS_BAD_DATA for formats that are known but not read. */
ls_status import_format(const char *path, const import_bytes_t *content, import_format_t *out,
                        ls_error *error);

/* ---- import_array.c ---- */

/* Makes an array of the elements that start at `offset`; takes content->bytes over. LS_BAD_DATA when the size
 * does not agree with the shape, or nothing can store the type. */
ls_status import_array_take(const char *path, import_bytes_t *content, size_t offset,
                            import_element_t element, int dims, const int64_t *shape, import_array_t *out,
                            ls_error *error);
void import_array_free(import_array_t *array);

/* Elements of a row. */
int64_t import_array_width(const import_array_t *array);

/* ---- the formats: content is taken over, *out is caller-owned ---- */

ls_status idx_read(const char *path, import_bytes_t *content, import_array_t *out, ls_error *error);
ls_status npy_read(const char *path, import_bytes_t *content, import_array_t *out, ls_error *error);

typedef struct {
  const char *label, *series; /* as in import_options_t */
  bool regression;
  int header;
  char delimiter;
  bool missing;
  bool is_y; /* the file holds labels or targets alone */
} csv_options_t;

typedef struct {
  import_array_t values;  /* (rows, features) float64; dims 0 for a file of labels alone */
  import_array_t targets; /* (rows, 1) float64: the label column with `regression` */
  char **labels;          /* (rows), in text; NULL without a label */
  char **series;          /* (rows), in text; NULL without a column of series */
  char **classes; /* (rows, features), in text, of a table of targets: NULL where there is a number, the same
                     columns in all rows; NULL: none */
  int64_t rows;
  char **names;       /* (features), in text; NULL without a header */
  char **class_names; /* (n_class_names), in text, from a scikit-learn header; else NULL */
  size_t n_class_names;
  int64_t label_column; /* -1 for none */
  char *text;           /* the file, cut into cells */
} csv_table_t;

ls_status csv_read(const char *path, import_bytes_t *content, const csv_options_t *options, csv_table_t *out,
                   ls_error *error);
void csv_table_free(csv_table_t *table);

/* ---- synthetic.c ---- */

/* Fills x (rows, features) and y: (rows) labels, (rows, 1) values or none. *set is settled. */
ls_status synthetic_make(const synthetic_t *set, import_array_t *x, import_array_t *y, ls_error *error);

/* ---- an import on its way ---- */

/* How many classes there are, and their names, or NULL: they are the numbers 0 … n-1. */
typedef struct {
  const char **names;
  size_t n;
} import_names_t;

typedef struct {
  const import_input_t *input;
  import_array_t x, y;        /* y.dims == 0: there is none (yet) */
  import_array_t series;      /* (rows) int64: the number of each row's series; dims 0: none */
  csv_table_t table, y_table; /* what remains of CSV files: labels, names, text */
  bool is_table;              /* x comes from CSV */
} import_part_t;

typedef struct {
  const import_options_t *options;
  import_part_t *parts; /* (options->n_inputs) */
  size_t n_parts;
  const char **class_names;
  size_t n_classes;        /* 0: y is no classes of CSV labels */
  import_names_t *columns; /* (columns of y): of the classes in a table of targets; NULL: none */
  const char **series_names;
  size_t n_series_names; /* 0: series have the numbers that the input gives them */
} import_t;

enum { IMPORT_GROUP_SIZE = 128 }; /* bytes of a group's name, with its end */

/* Writes options->output and publishes it, saying on the log what it holds. */
ls_status import_write(const import_t *import, const log_t *log, ls_error *error);

/* ---- import_series.c ---- */

/* Fills part->series of all parts: whole numbers as they are, other names numbered in alphabetical order. */
ls_status import_series(import_t *import, ls_error *error);

/* The rows of a part in the order of their series. *out is malloc'd. */
ls_status import_series_order(const import_part_t *part, uint32_t **out, ls_error *error);

/* ---- import_classes.c ---- */

/* The labels of one input, and the class numbers that they become. */
typedef struct {
  const char *path;
  char *const *labels; /* (n) */
  int64_t n;
  char *const *class_names; /* of class 0, 1, … as the file itself gives them, or NULL */
  size_t n_class_names;
  int32_t *classes; /* (n), filled */
} class_column_t;

/* Numbers the classes of all columns together. *names (malloc'd, n_names pointers to texts of the columns)
 * are the classes' names, NULL when labels are the numbers 0 … K-1 and nothing names them; *n_classes counts
 * them. */
ls_status import_classes(class_column_t *columns, size_t n_columns, const char ***names, size_t *n_classes,
                         ls_error *error);

#endif
