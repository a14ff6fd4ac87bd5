/* What becomes of a row of x on its way to the network: missing values are filled in, numbers scaled, columns
 * of categories replaced by one of 0 and 1 for each category or by the number of a vector, basis functions
 * computed. Fitted on the training rows (features/features_fit.h), kept in the model; the gather
 * (features/gather.h) applies it.
 *
 * The values of a row that is scaled and encoded, in order:
 *
 *   | columns of x: a number, or 0 and 1 for each category | missing? 0 and 1 | numbers of vectors |
 *   |--------------------- each column in its place --------|- some columns --|- last: lookups ---| */
#ifndef FEATURES_FEATURES_H
#define FEATURES_FEATURES_H

#include "config/settings.h"
#include "data/dataset.h"
#include "features/basis.h"
#include "math/scaler.h"
#include "model/graph.h"
#include "store/store.h"

/* What a value of an encoded row says of its column. */
typedef enum {
  VALUE_NUMBER,   /* the number, scaled */
  VALUE_CATEGORY, /* 1 where the column holds a category, else 0 */
  VALUE_MISSING,  /* 1 where the column's value is missing, else 0 */
  VALUE_VECTOR,   /* the number of the vector that a category has, -1 where it has none */
} value_kind_t;

/* What the numbers in a column of x mean. */
typedef struct {
  category_names_t names; /* of the model's categories; n 0: the column holds numbers that mean themselves */
  int64_t known;          /* numbers 0 .. known - 1 are those of categories of the file whose rows come */
  double *meaning;        /* (known): the model's number of each, -1 for none; NULL: the same */
} codes_t;

/* A column whose categories are vectors. */
typedef struct {
  int64_t column, n;
  double *values; /* (n), ascending: the category of vector i */
} lookup_t;

typedef struct {
  int64_t columns;  /* values of a row of x, as it lies in the file */
  int64_t encoded;  /* values of a row once it is scaled: more where columns are one-hot */
  int64_t inputs;   /* of the network: the same, or as many as there are basis functions */
  int64_t steps;    /* of time in a row: column c is column c % (columns / steps) of the file; 0: one */
  scaler_t scaler;  /* of the columns; n == 0: none is scaled */
  double *fill;     /* (columns): what stands for a missing value, NaN for nothing; NULL: there are none */
  int64_t *source;  /* (encoded): the column that a value comes from; NULL when each is its column's number */
  uint8_t *kind;    /* (encoded): a value_kind_t; NULL with source */
  double *category; /* (encoded): of a VALUE_CATEGORY; NULL with source */
  codes_t *codes;   /* (columns of the file); NULL when all hold numbers */
  lookup_t *lookups;     /* (n_lookups): of the last values, in their order */
  graph_table_t *tables; /* (n_lookups): of their vectors */
  size_t n_lookups;
  basis_t basis;
  arena_t arena;
} features_t;

/* The widths of a row before, between and after the transformations, as in features_t. */
typedef struct {
  int64_t columns, encoded, inputs;
} features_width_t;

/* For the training rows of a dataset; inputs is 0 when only the rows can say. Not collective. */
features_width_t features_width(const settings_t *settings, const dataset_shape_t *shape);

/* Columns of the file. */
int64_t features_file_columns(const features_t *features);

/* Makes them those of a file that has column c of the present file's columns at place at[c]; at is a
 * permutation. */
ls_status features_reorder(features_t *features, const int64_t *at, ls_error *error);

/* Makes them those of a file with these names of categories (columns of the file), or NULL: a category is
 * found by its name. Both have categories in the same columns. */
ls_status features_rename(features_t *features, const category_names_t *names, ls_error *error);

/* The model's number of the category that column c (of the file) holds where its value is x: -1 for one that
 * the model does not know. x itself in a column of numbers, and when it is NaN. */
double features_meaning(const features_t *features, int64_t c, double x);

/* ---- features as targets (data.targets: x) ---- */

/* LS_BAD_SETTINGS unless a row, once scaled and encoded, is `targets` numbers that a loss can compare. */
ls_status features_check_targets(const features_t *features, int64_t targets, ls_error *error);

/* How these targets are scaled: each as the column that it comes from, 0 and 1 of categories not at all. *out
 * is caller-owned (scaler_free). */
ls_status features_target_scaler(const features_t *features, bool is_double, scaler_t *out, ls_error *error);

void features_free(features_t *features);

/* ---- features_file.c: the group scaling/features ---- */

ls_status features_write(const features_t *features, store_t *store, ls_error *error);
ls_status features_read(const store_t *store, features_t *out, ls_error *error);

#endif
