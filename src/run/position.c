#include "run/position.h"

#include <inttypes.h>
#include <math.h>

/* No run has more than this; sums of a few such numbers fit. Shards: as parallel.shards. */
#define MOST_COUNT  ((int64_t)1 << 60)
#define MOST_EPOCHS INT32_MAX
#define MOST_SHARDS 1048576

static ls_status refuse(const char *path, const char *name, int64_t value, int64_t least, int64_t most,
                        ls_error *error) {
  return error_set(
      error, LS_BAD_DATA,
      "%s: its position is impossible: %s is %" PRId64 ", not between %" PRId64 " and %" PRId64
      "; remove this checkpoint to resume from the one before it, or start anew without --resume",
      path, name, value, least, most);
}

/* A number of a position, and where it must lie. */
typedef struct {
  const char *name;
  int64_t value, least, most;
} bound_t;

static ls_status check_bounds(const bound_t *bounds, size_t n, const char *path, ls_error *error) {
  for (size_t i = 0; i < n; i++)
    if (bounds[i].value < bounds[i].least || bounds[i].value > bounds[i].most)
      return refuse(path, bounds[i].name, bounds[i].value, bounds[i].least, bounds[i].most, error);
  return LS_OK;
}

ls_status position_check(const position_t *position, const char *path, ls_error *error) {
  const loss_window_t *window = &position->window;
  const skips_t *skips = &position->skips;
  const bound_t bounds[] = {{"step", position->step, 0, MOST_COUNT},
                            {"epoch", position->epoch, 0, MOST_EPOCHS},
                            {"step_in_epoch", position->step_in_epoch, 0, position->step},
                            {"shards", position->shards, 1, MOST_SHARDS},
                            {"rows", position->rows, 0, MOST_COUNT},
                            {"best_step", position->best_step, -1, position->step},
                            {"window_steps", window->steps, 0, INT32_MAX},
                            {"window_begin", window->begin, 0, position->step},
                            {"window_rows", window->rows, 0, position->rows},
                            {"skipped_steps", skips->steps, 0, position->step},
                            {"skipped_rows", skips->rows, 0, MOST_COUNT},
                            {"skipped_in_a_row", skips->in_a_row, 0, skips->steps}};
  TRY(check_bounds(bounds, sizeof bounds / sizeof bounds[0], path, error));
  if (position->seconds >= 0 && isfinite(position->seconds) && !isnan(position->best_loss)) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: its position is impossible: seconds %g, best_loss %g", path,
                   position->seconds, position->best_loss);
}

ls_status position_check_rows(const position_t *position, partition_t partition, int64_t batch,
                              const char *path, ls_error *error) {
  const int64_t steps = epoch_steps(partition, batch), in_epoch = position->step_in_epoch;
  const bound_t step_bound = {"step_in_epoch", in_epoch, 0, steps > 0 ? steps - 1 : 0};
  TRY(check_bounds(&step_bound, 1, path, error));
  int64_t step = 0, rows = 0;
  int64_t of_epoch = in_epoch > partition.rows / batch ? partition.rows : in_epoch * batch;
  bool overflows = __builtin_mul_overflow(position->epoch, steps, &step) ||
                   __builtin_add_overflow(step, in_epoch, &step) ||
                   __builtin_mul_overflow(position->epoch, partition.rows, &rows) ||
                   __builtin_add_overflow(rows, of_epoch, &rows);
  const int64_t least_rows = position->skips.steps > 0 ? 0 : rows;
  const bound_t bounds[] = {{"step", position->step, step, step},
                            {"rows", position->rows, least_rows, rows},
                            {"skipped_rows", position->skips.rows, 0, partition.rows}};
  if (!overflows) return check_bounds(bounds, sizeof bounds / sizeof bounds[0], path, error);
  return error_set(error, LS_BAD_DATA,
                   "%s: its position is impossible: epoch %" PRId64 " of %" PRId64 " rows", path,
                   position->epoch, partition.rows);
}
