/* Private to the table room: what the columns of tables mean.
 *
 *   header    whether the first record names the columns
 *   roles     which columns are features, targets, weights, series
 *   columns   the kind of each column, from all of its cells in all tables
 *   classes   numbers of classes
 *   fill      arrays of rows
 *   report    what was found, for the user */
#ifndef TABLE_TABLE_IMPL_H
#define TABLE_TABLE_IMPL_H

#include "table/csv_forms.h"
#include "table/table.h"

typedef enum {
  COLUMN_FEATURE,
  COLUMN_TARGET,
  COLUMN_WEIGHTS,
  COLUMN_SERIES,
  COLUMN_INDEX,   /* it only numbers or names the rows, and is left out */
  COLUMN_DROPPED, /* the user leaves it out */
  COLUMN_UNASKED  /* a model does not ask for it */
} column_role_t;

/* What the user says of a column's kind. */
typedef enum { WISH_NONE, WISH_CATEGORICAL, WISH_NUMERIC, WISH_ORDERED } column_wish_t;

/* One file. */
typedef struct table_sheet {
  csv_scan_t scan;
  const table_made_t *made;            /* or NULL */
  int header;                          /* as in table_cells_t */
  const char **names;                  /* (columns); NULL without a header */
  bool numbers_are_names, is_doubtful; /* how the header was found */
  bool first_is_row;                   /* there is no header */
  char *const *class_names;            /* (n_class_names) from a scikit-learn header; NULL: none */
  size_t n_class_names;
  csv_mode_t *modes;       /* (columns) */
  column_role_t *roles;    /* (columns) */
  column_wish_t *wishes;   /* (columns) */
  bool *is_cyclic;         /* (columns) */
  const char **orders;     /* (columns) texts after COLUMN= of --ordered, or NULL */
  int64_t *features;       /* (n_features) columns */
  int64_t *targets;        /* (n_targets) columns */
  int64_t weights, series; /* columns, -1: none */
  int64_t unlabelled;      /* rows left out */
} sheet_t;

/* ---- header.c ---- */

/* Finds the names of the columns before the rows are read, if the first record has names. */
ls_status header_expect(sheet_t *sheet, ls_error *error);

/* Decides whether the first record is a header, from all rows; makes it a row otherwise. `label` is the
 * column of the label or -1; is_named: the user names a column as the first record does. */
ls_status header_decide(sheet_t *sheet, const tables_t *tables, int64_t label, bool is_named,
                        ls_error *error);

/* ---- roles.c ---- */

/* Fills roles, wishes and modes. With `tentative` the names may be no names. *is_named: an option names a
 * column as the first record does. *label is the column of the first label, or -1. */
ls_status roles_find(sheet_t *sheet, const tables_t *tables, bool tentative, bool *is_named, int64_t *label,
                     ls_error *error);

/* Finds first columns that only number or name the rows. */
void roles_find_index(tables_t *tables);

/* Whether the cells of a column are texts because the caller says so. */
bool roles_is_text(const sheet_t *sheet, const tables_t *tables, size_t column);

/* Makes the lists of features and targets, and checks that all tables have the same. */
ls_status roles_align(tables_t *tables, ls_error *error);

/* ---- columns.c ---- */

/* Decides the kinds of all columns. *again: some columns must be read again as words. */
ls_status columns_decide(tables_t *tables, bool *again, ls_error *error);

/* Error "FILE:LINE: column N (NAME): 'cell' what". */
ls_status column_error(const sheet_t *sheet, int64_t column, int64_t line, const char *cell, const char *what,
                       ls_error *error);

/* ---- classes.c ---- */

/* The distinct labels of one table, and the class numbers assigned to them. */
typedef struct {
  const char *path;
  const char *const *labels; /* (n) */
  size_t n;
  char *const *class_names; /* names of class 0, 1, … if the file itself gives them, or NULL */
  size_t n_class_names;
  int32_t *classes; /* (n) output: class numbers */
} class_column_t;

/* Numbers the classes of all columns together: text labels in alphabetical order, whole numbers in numerical
 * order. names->names is malloc'd, with pointers to texts of the columns; it is NULL if labels are the
 * numbers 0 … K-1 and no file names them. */
ls_status classes_number(class_column_t *columns, size_t n_columns, table_names_t *names, ls_error *error);

/* ---- fill.c ---- */

ls_status tables_fill(tables_t *tables, ls_error *error);

#endif
