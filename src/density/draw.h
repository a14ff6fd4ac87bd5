/* Rows drawn from the density of a model, for a model whose last layer is `gaussians`: a component by the
 * weights of all, then a normal row around its mean.
 *
 * Each row has random numbers of its own (base/random.h: RANDOM_SAMPLE), so it depends on the seed and its
 * number alone, not on which rank or thread draws it. */
#ifndef DENSITY_DRAW_H
#define DENSITY_DRAW_H

#include "features/restore.h"
#include "score/model_file.h"

typedef struct draw row_draw_t;

/* LS_BAD_SETTINGS for a model that has no density of its rows. The model is borrowed for the life of *out,
 * which is caller-owned (draw_destroy), untouched on failure. Not collective. */
ls_status draw_create(const model_t *model, row_draw_t **out, ls_error *error);
void draw_destroy(row_draw_t **draw);

/* Columns of a row of the file. */
int64_t draw_columns(const row_draw_t *draw);

/* Doubles of scratch memory for draw_row. */
int64_t draw_scratch(const row_draw_t *draw);

/* Row number `row` of those that belong to the seed: out (columns of the file), in original units; returns
 * the number of its component. Thread-safe with scratch memory of the thread's own. */
int64_t draw_row(const row_draw_t *draw, uint64_t seed, int64_t row, double *scratch, double *out);

#endif
