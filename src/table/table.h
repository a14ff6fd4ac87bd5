/* Tables in text (CSV) as typed columns. Tables that belong together, like those of training and test rows,
 * are read together, because they share kinds of columns, categories and classes. Every column gets a kind
 * from all of its cells: a number (also a boolean, a date, a number with a sign or separators), or a
 * category. What cannot be decided is an error that says what to do.
 *
 * Nothing here is collective. Threads share the work; the result does not depend on their number. */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include "base/error.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what is asked for ---- */

/* Texts that the caller owns. */
typedef struct {
  const char *const *texts; /* (n) */
  size_t n;
} table_list_t;

/* How cells are written. */
typedef struct {
  int header; /* 1: yes, 0: no, -1: detected. Unless 0 is given, scikit-learn's first line "rows, features,
                 class names" is recognised by its figures */
  char delimiter;     /* table_may_separate; 0: detected among , ; tab | and blanks, of which several count as
                         one */
  table_list_t marks; /* texts of missing cells, beside the usual ones */
  const char *dates;  /* "dmy" or "mdy" for dates like 1/2/2020; NULL: the cells decide, or it is an error */
  char decimal;       /* '.' or ',' for numbers like 1,234; 0: the cells decide, or it is an error */
} table_cells_t;

/* How files are read. */
typedef struct {
  bool latin1;  /* texts are ISO 8859-1, not UTF-8 */
  int threads;  /* 0: as many as cores */
  size_t most;  /* bytes that the cells of one table may take; 0: any number */
  size_t piece; /* bytes that a thread takes at a time; 0: the default */
} table_reading_t;

/* What a model expects of a table. Columns are found by name, others are ignored; codes and class numbers
 * follow the given lists. A text that is no category has code -1 and is counted in a message; a class that is
 * not in the list, and a column that is missing, are LS_BAD_DATA. */
typedef struct {
  size_t n_features;
  const char *const *feature_names; /* (n_features) */
  const table_list_t *categories;   /* (n_features); n 0: a number */
  table_list_t classes;             /* of labels; n 0: labels are numbered as usual */
} table_like_t;

/* A text names columns by name or by index (from 0; negative counts from the end: -1 is the last), several
 * with commas between them. Columns that no text names are features, and their cells decide what they are. */
typedef struct {
  table_list_t labels; /* one column: classes, or with `regression` a target; several: targets, each a number
                          or a class, in the order of the table */
  const char *series;  /* one column: the series of each row; NULL: none */
  const char *weights; /* one column: how much a row counts, 0 or more; NULL: none */
  table_list_t categorical; /* texts, however many there are, and numbers, are categories */
  table_list_t numeric;     /* a text is an error */
  table_list_t drop;        /* left out */
  table_list_t cyclic;      /* dates: sine and cosine of the time of year, week and day as well */
  table_list_t ordered;     /* COLUMN=first,second,…: categories in this order */
  bool regression;          /* keep a numeric label as a target instead of forming classes */
  bool keep_index;          /* keep a first column that only numbers or names the rows */
  bool drop_unlabelled;     /* leave rows without a label or target out; otherwise they are an error */
  bool is_y; /* all columns are labels or targets; the options above that name columns are not used */
  table_cells_t cells;
  table_reading_t reading;
  const table_like_t *like; /* or NULL */
} table_options_t;

/* What is known of a text in memory that the caller wrote itself, from a table in another format: cells with
 * commas between them, texts in double quotes. The options on how cells are written do not hold for it,
 * except the marks of missing cells. */
typedef struct {
  bool has_names;      /* the first record names the columns */
  bool is_utf8;        /* even if the options name another encoding */
  const bool *is_text; /* (columns) cells are texts even if they look like numbers, unless an option says that
                          the column is numeric or cyclic; NULL: no column */
} table_made_t;

/* A file, or text in memory. */
typedef struct {
  const char *path;   /* also for messages */
  const char *memory; /* the content, borrowed; NULL: the file is read */
  size_t size;
  const table_made_t *made; /* borrowed until the tables are freed; NULL: others wrote the text */
} table_place_t;

/* ---- what is found ---- */

typedef enum { KIND_NUMBER, KIND_CATEGORY, KIND_EMPTY, KIND_NAMES } column_kind_t;

/* Sine and cosine of the time of year, of week, of day. */
enum { TABLE_CYCLES = 6 };

/* A column as all tables have it. */
typedef struct {
  const char *name; /* "": none */
  column_kind_t kind;
  const struct csv_form *form; /* how a number is written; NULL: plainly */
  const char **texts;          /* (n_texts) categories in the order of their codes */
  size_t n_texts;
  bool is_ordered;
  double low, high;          /* of numbers */
  int64_t present, missing;  /* cells */
  int64_t unknown;           /* cells that are no category of the model */
  bool cycles[TABLE_CYCLES]; /* features made of a date */
  bool is_left_out;          /* empty, or names: no feature */
} table_column_t;

/* A feature as x has it. */
typedef struct {
  size_t column; /* of `features` */
  int cycle;     /* -1: the column itself */
  char *name;    /* malloc'd; "" without names */
} table_feature_t;

/* The number of classes and their names. names is NULL if the classes are the numbers 0 … n-1. */
typedef struct {
  const char **names;
  size_t n;
} table_names_t;

/* The rows of one table. The arrays are malloc'd; a caller may take one and leave NULL. */
typedef struct {
  int64_t rows;
  double *x;        /* (rows, n_x); a missing cell is NaN, a category its code */
  int32_t *classes; /* (rows) with has_classes; otherwise NULL */
  double *targets;  /* (rows, n_targets) with targets; otherwise NULL */
  int64_t *series;  /* (rows), or NULL */
  double *weights;  /* (rows), or NULL */
} table_rows_t;

typedef struct {
  table_options_t options;
  table_rows_t *rows;         /* (n_tables) */
  struct table_sheet *sheets; /* (n_tables) */
  size_t n_tables;
  bool has_names;           /* a header names the features */
  table_column_t *features; /* (n_features) */
  size_t n_features;
  table_column_t *targets; /* (n_targets) */
  size_t n_targets;
  table_feature_t *x; /* (n_x) */
  size_t n_x;
  bool has_classes;              /* one column of classes, not targets */
  table_names_t classes;         /* with has_classes */
  table_names_t *target_classes; /* (n_targets) classes of targets, n 0: a number; NULL with has_classes */
  table_names_t series;          /* names NULL: series keep the numbers of the table */
} tables_t;

/* Whether a character can separate cells: no end of a line, no quote. */
bool table_may_separate(char c);

/* Reads tables that belong together. On success *out is caller-owned (tables_free). LS_BAD_DATA names file,
 * line and column, and says what to do; LS_USAGE names the option. */
ls_status tables_read(const table_place_t *places, size_t n, const table_options_t *options, tables_t **out,
                      ls_error *error);
void tables_free(tables_t **tables);

/* Messages about what was left out, and a table of columns. */
void tables_report(const tables_t *tables, const log_t *log);

#endif
