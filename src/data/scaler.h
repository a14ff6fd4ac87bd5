/* Scaling of columns: y = (x - shift) * scale + offset, fitted on training rows alone. Targets have a scaler;
 * that of features is part of features_t (data/features.h). */
#ifndef DATA_SCALER_H
#define DATA_SCALER_H

#include "base/arena.h"
#include "base/error.h"
#include "comm/world.h"
#include "config/settings.h"
#include "data/dataset.h"
#include "store/store.h"

typedef struct {
  const char *name;               /* of the scaling; where columns differ, of the others */
  int64_t n;                      /* columns; 0: nothing is scaled */
  double *shift, *scale, *offset; /* (n) each */
  arena_t arena;
} scaler_t;

/* Fits on the training rows of all ranks. standard: mean and population standard deviation in two passes
 * (mean first, then squares of differences from it), sums per shard in double, added by the tree: the same
 * bits on any layout, sound for huge offsets. robust: quartiles are exact, found by counting
 * (data/scaler_fit.h). A constant column gets scale 1, so that it becomes the offset (with maxabs: 1, -1 or
 * 0). Collective. */
ls_status scaler_fit_targets(world_t *world, const scaling_settings_t *settings, const split_t *train,
                             scaler_t *out, ls_error *error);
void scaler_free(scaler_t *scaler);

/* Column c stays as it is: class numbers among the targets. */
void scaler_leave(scaler_t *scaler, int64_t c);

/* Makes it one for `times` times as many columns, which repeat the present ones in order. */
ls_status scaler_repeat(scaler_t *scaler, int64_t times, ls_error *error);

/* Makes it one for n columns, the present ones as these say. */
ls_status scaler_pick(scaler_t *scaler, const target_column_t *columns, int64_t n, ls_error *error);

/* In place, n rows of scaler->n columns. Targets of a split are scaled by split_scale_targets
 * (data/stream.h), after fitting. */
void scaler_apply(const scaler_t *scaler, int64_t rows, float *values);
/* Back, in place: the n values of one row that belong to columns first .. first + n. */
void scaler_invert(const scaler_t *scaler, int64_t first, int64_t n, float *values);

/* Arrays group/shift, group/scale, group/offset and attribute name. */
ls_status scaler_write(const scaler_t *scaler, store_t *store, const char *group, ls_error *error);
ls_status scaler_read(const store_t *store, const char *group, scaler_t *out, ls_error *error);

bool scaling_choice(size_t i, choice_t *out);

#endif
