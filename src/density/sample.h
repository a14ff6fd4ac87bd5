/* Many rows drawn from a model, by all ranks and threads, and the file that holds them. */
#ifndef DENSITY_SAMPLE_H
#define DENSITY_SAMPLE_H

#include "comm/world.h"
#include "density/draw.h"

/* Rows on rank 0; malloc'd. */
typedef struct {
  int64_t rows, columns;
  double *x; /* (rows, columns) */
  bool has_components;
  int64_t *component; /* (rows); without components -1 */
} drawn_rows_t;

/* Draws rows 0 .. rows - 1 of the seed. Each rank draws a part; *out is filled on rank 0 and caller-owned
 * (sample_free) on every rank, untouched on failure. Collective. */
ls_status sample_run(world_t *world, const row_draw_t *draw, int threads, int64_t rows, uint64_t seed,
                     drawn_rows_t *out, ls_error *error);
void sample_free(drawn_rows_t *sample);

/* Writes FILE.csv, a table with the names of the model's columns, or FILE.h5, a dataset with the arrays x and
 * component. On rank 0. */
ls_status sample_write(const char *path, const model_t *model, const drawn_rows_t *sample, ls_error *error);

#endif
