/* Internal to import: declarations shared by its files. */
#ifndef IMPORT_IMPORT_IMPL_H
#define IMPORT_IMPORT_IMPL_H

#include "import/import.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file's uncompressed content, followed by a NUL that `size` does not count. */
typedef struct {
  unsigned char *bytes; /* malloc'd */
  size_t size;
} import_bytes_t;

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

/* Reads the whole file, compressed with gzip or not; *out is caller-owned (import_bytes_free). */
ls_status import_read_file(const char *path, import_bytes_t *out, ls_error *error);
void import_bytes_free(import_bytes_t *content);

/* Detects the format from the content; LS_BAD_DATA for a known format that cannot be imported. */
ls_status import_format(const char *path, const import_bytes_t *content, import_format_t *out,
                        ls_error *error);

/* ---- import_array.c ---- */

/* Makes an array of the elements that start at `offset`. On success it takes ownership of content->bytes.
 * LS_BAD_DATA if the size does not match the shape or the type cannot be stored. */
ls_status import_array_take(const char *path, import_bytes_t *content, size_t offset,
                            import_element_t element, int dims, const int64_t *shape, import_array_t *out,
                            ls_error *error);
void import_array_free(import_array_t *array);

/* Number of elements per row. */
int64_t import_array_width(const import_array_t *array);

/* ---- the formats: on success they take ownership of `content`; *out is caller-owned ---- */

ls_status idx_read(const char *path, import_bytes_t *content, import_array_t *out, ls_error *error);
ls_status npy_read(const char *path, import_bytes_t *content, import_array_t *out, ls_error *error);

typedef struct {
  const char *label, *series; /* as in import_options_t */
  bool regression;
  int header;
  char delimiter;
  bool missing;
  bool keep_index;
  bool is_y; /* the file holds only labels or targets */
} csv_options_t;

typedef struct {
  import_array_t values;  /* (rows, features) float64; dims 0 for a file with labels only */
  import_array_t targets; /* (rows, 1) float64: the label column if `regression` is set */
  char **labels;          /* (rows) pointers into `text`; NULL without a label */
  char **series;          /* (rows) pointers into `text`; NULL without a column of series */
  char **classes; /* (rows, features) class names of a table of targets, pointers into `text`. NULL for
                     numbers, in the same columns of all rows; NULL: no class names */
  int64_t rows;
  char **names;       /* (features) pointers into `text`; NULL without a header */
  char **class_names; /* (n_class_names) pointers into `text`, from a scikit-learn header; otherwise NULL */
  size_t n_class_names;
  int64_t label_column; /* -1 for none */
  const char *index;    /* name of a first column that was left out because it only numbers or names the rows;
                           NULL: none was */
  bool numbers_are_names; /* the first line, of numbers only, was taken for a header */
  char *text;             /* the file's content, cut into cells */
} csv_table_t;

/* The whole cell as a decimal number; nan and inf are numbers, 0x1F is not. */
bool csv_number(const char *cell, double *out);

ls_status csv_read(const char *path, import_bytes_t *content, const csv_options_t *options, csv_table_t *out,
                   ls_error *error);
void csv_table_free(csv_table_t *table);

/* ---- synthetic.c ---- */

/* Fills x (rows, features) and y: (rows) labels, (rows, 1) values, or no array. *set comes from
 * synthetic_settle. */
ls_status synthetic_make(const synthetic_t *set, import_array_t *x, import_array_t *y, ls_error *error);

/* ---- an import in progress ---- */

/* The number of classes and their names. names is NULL if the classes are the numbers 0 … n-1. */
typedef struct {
  const char **names;
  size_t n;
} import_names_t;

typedef struct {
  const import_input_t *input;
  import_array_t x, y;        /* y.dims == 0: none, or not filled yet */
  import_array_t series;      /* (rows) int64: series number of each row; dims 0: none */
  csv_table_t table, y_table; /* the other content of CSV files: labels, names, text */
  bool is_table;              /* x comes from CSV */
} import_part_t;

typedef struct {
  const import_options_t *options;
  import_part_t *parts; /* (options->n_inputs) */
  size_t n_parts;
  const char **class_names;
  size_t n_classes;        /* 0: y does not hold classes from CSV labels */
  import_names_t *columns; /* (columns of y) classes in a table of targets; NULL: none */
  const char **series_names;
  size_t n_series_names; /* 0: series keep the numbers of the input */
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

/* Fills part->series of all parts. Whole numbers are kept; other names are numbered in alphabetical order. */
ls_status import_series(import_t *import, ls_error *error);

/* Computes the order of a part's rows sorted by series. *out is malloc'd. */
ls_status import_series_order(const import_part_t *part, uint32_t **out, ls_error *error);

/* ---- import_classes.c ---- */

/* The labels of one input, and the class numbers assigned to them. */
typedef struct {
  const char *path;
  char *const *labels; /* (n) */
  int64_t n;
  char *const *class_names; /* names of class 0, 1, … if the file itself gives them, or NULL */
  size_t n_class_names;
  int32_t *classes; /* (n) output: class numbers */
} class_column_t;

/* Numbers the classes of all columns together and counts them in *n_classes. *names are the classes' names:
 * malloc'd, with pointers to texts of the columns. It is NULL if labels are the numbers 0 … K-1 and no file
 * names them. */
ls_status import_classes(class_column_t *columns, size_t n_columns, const char ***names, size_t *n_classes,
                         ls_error *error);

#endif
