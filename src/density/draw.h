/* Rows drawn from a model. Of a model whose last layer is `gaussians`: a component by the weights of all,
 * then a normal row around its mean. Of a variational autoencoder: a standard normal code, and what the
 * decoder makes of it, without the noise that its loss supposes around that.
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

/* Whether rows belong to components. */
bool draw_has_components(const row_draw_t *draw);

/* The memory of a thread. Call it in the thread that will use it. *out is caller-owned (draw_thread_destroy),
 * untouched on failure. */
typedef struct draw_thread draw_thread_t;
ls_status draw_thread_create(const row_draw_t *draw, draw_thread_t **out, ls_error *error);
void draw_thread_destroy(draw_thread_t **thread);

/* Row number `row` of those that belong to the seed: out (columns of the file), in original units; returns
 * the number of its component, or -1. Thread-safe for different threads. */
int64_t draw_row(const row_draw_t *draw, draw_thread_t *thread, uint64_t seed, int64_t row, double *out);

#endif
