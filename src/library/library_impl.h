/* Inside of the library: what a model and a predictor are. */
#ifndef LIBRARY_LIBRARY_IMPL_H
#define LIBRARY_LIBRARY_IMPL_H

#include "lockstep/lockstep.h"

#include "features/gather.h"
#include "score/model_file.h"
#include "score/predictor.h"

struct ls_model {
  model_t *model;
};

/* What derivatives need beside a predictor (sensitivity.c). */
typedef struct sensitivity sensitivity_t;

struct ls_predictor {
  const model_t *model;
  predictor_t *predictor;
  mixture_t mixture;
  double temperatures[MOST_HEADS];
  int64_t rows; /* of a block, at most */
  split_t splits[2];
  gather_t gathers[2];     /* of float32 and of float64 */
  ls_error unusable;       /* why rows of float32 cannot be scaled; LS_OK: they can */
  double *block;           /* (rows, inputs), of either type */
  int64_t *places;         /* (columns): which column of a table is column c */
  prediction_rows_t found; /* (rows, outputs) each */
  uncertainty_t uncertainty;
  sensitivity_t *sensitivity; /* NULL: options.derivatives was not set */
  arena_t arena;
};

/* ---- model.c ---- */

enum { TEMPORARY_PATH_SIZE = 64 };

/* HDF5 and the seal read files by their names, so bytes become a file for a moment: in memory where the
 * system offers that. Returns its descriptor; -1 with errno, and an empty path, if there can be none. */
int temporary_open(const char *what, char path[TEMPORARY_PATH_SIZE]);

/* ---- rows.c ---- */

/* The gather for rows of a type, which begin at `x` and are `stride` elements apart. LS_BAD_DATA if float32
 * cannot be scaled. */
ls_status gather_of(ls_predictor *predictor, ls_type type, const void *x, int64_t stride, gather_t **out,
                    ls_error *error);

/* Rows as the library takes them: a gather whose resident rows [*resident, + n) are rows [first, first + n)
 * of x. Copies them to predictor->block unless their values lie next to each other. */
ls_status rows_open(ls_predictor *predictor, int64_t rows, const ls_input *x, gather_t **gather,
                    ls_error *error);
int64_t rows_take(ls_predictor *predictor, const ls_input *x, int64_t first, int64_t n);
/* How many rows a block from `first` on has. */
int64_t block_rows(const ls_predictor *predictor, int64_t rows, int64_t first);

/* Copies found (n, columns) to rows [first, first + n) of the caller's matrix. */
void output_put(const ls_output *out, int64_t first, int64_t n, int64_t columns, const double *found);

/* ---- sensitivity.c ---- */

/* LS_USAGE where the mixture has no simple derivative. *out is caller-owned (sensitivity_destroy). */
ls_status sensitivity_create(const ls_predictor *predictor, sensitivity_t **out, ls_error *error);
void sensitivity_destroy(sensitivity_t **sensitivity);

#endif
