#include "run/timing.h"

#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row per step: the phases, and the time that a rank waited for messages, which one of its threads sends
 * and receives. */
enum { EXPOSED = PHASES, WIDTH = STEP_SECONDS, CHUNK = 1024 /* steps that are collected at once */ };

/* rows[0 .. count): means over all ranks of the steps from `first` on; only rank 0 gets them. */
static ls_status collect(world_t *world, const engine_t *engine, int64_t first, int64_t count, double *rows,
                         ls_error *error) {
  size_t ranks = (size_t)world_size(world), n = (size_t)count * WIDTH;
  double *own = calloc(n, sizeof *own);
  double *all = world_rank(world) == 0 ? malloc(ranks * n * sizeof *all) : NULL;
  size_t *sizes = malloc(ranks * sizeof *sizes);
  ls_status status = LS_OK;
  if (own == NULL || sizes == NULL || (all == NULL && world_rank(world) == 0))
    status =
        error_set(error, LS_NO_MEMORY, "no memory to collect the seconds of %lld steps", (long long)count);
  TRY_OR_DONE(world_agree(world, status, error));
  for (int64_t t = 0; t < count; t++) engine_step_seconds(engine, first + t, own + t * WIDTH);
  for (size_t r = 0; r < ranks; r++) sizes[r] = n * sizeof *own;
  TRY_OR_DONE(world_gather_pieces(world, own, sizes, all, 0, error));
  for (size_t i = 0; i < n && all != NULL; i++) {
    double sum = 0;
    for (size_t r = 0; r < ranks; r++) sum += all[r * n + i];
    rows[i] = sum / (double)ranks;
  }
done:
  free(own);
  free(all);
  free(sizes);
  return status;
}

static ls_status write_columns(store_t *store, const engine_t *engine, const double *rows, double *column,
                               ls_error *error) {
  const int64_t *step_rows = NULL, steps = engine_timed_steps(engine, &step_rows), shape[] = {steps};
  TRY(store_write(store, "rows", STORE_I64, 1, shape, step_rows, error));
  memset(column, 0, (size_t)steps * sizeof *column);
  for (int64_t t = 0; t < steps; t++)
    for (int p = 0; p < PHASES; p++) column[t] += rows[t * WIDTH + p];
  TRY(store_write(store, "seconds", STORE_F64, 1, shape, column, error));
  for (int c = 0; c < WIDTH; c++) {
    char name[64];
    snprintf(name, sizeof name, "seconds_%s",
             c == EXPOSED ? "exposed" : engine_phase_name((engine_phase_t)c));
    for (int64_t t = 0; t < steps; t++) column[t] = rows[t * WIDTH + c];
    TRY(store_write(store, name, STORE_F64, 1, shape, column, error));
  }
  return LS_OK;
}

static ls_status write_file(const engine_t *engine, const double *rows, double *column, const char *path,
                            ls_error *error) {
  store_t *store = NULL;
  ls_status status = store_create(path, &store, error);
  if (status == LS_OK) status = write_columns(store, engine, rows, column, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

ls_status timing_write(world_t *world, const engine_t *engine, const char *path, ls_error *error) {
  bool root = world_rank(world) == 0;
  const int64_t *step_rows = NULL, steps = engine_timed_steps(engine, &step_rows);
  double *rows = root ? malloc((size_t)(steps * WIDTH + 1) * sizeof *rows) : NULL;
  double *column = root ? malloc((size_t)(steps + 1) * sizeof *column) : NULL;
  ls_status status = LS_OK;
  if (root && (rows == NULL || column == NULL))
    status = error_set(error, LS_NO_MEMORY, "no memory for the seconds of %lld steps", (long long)steps);
  TRY_OR_DONE(world_agree(world, status, error));
  for (int64_t first = 0; first < steps; first += CHUNK) {
    int64_t count = steps - first < CHUNK ? steps - first : CHUNK;
    TRY_OR_DONE(collect(world, engine, first, count, root ? rows + first * WIDTH : NULL, error));
  }
  status = world_agree(world, root ? write_file(engine, rows, column, path, error) : LS_OK, error);
done:
  free(rows);
  free(column);
  return status;
}
