/* timing.h5: the means over ranks of what an engine has measured, over more steps than are collected at once.
 * The engine is a fake one: this file has its figures. */
#include "run/timing.h"

#include "mpi/check.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Steps are collected 1,024 at a time: two whole blocks, and a rest. */
enum { STEPS = 2 * 1024 + 37 };

struct engine {
  int rank;
};

static int64_t rows_of_steps[STEPS];

int64_t engine_timed_steps(const engine_t *engine, const int64_t **rows) {
  (void)engine;
  *rows = rows_of_steps;
  return STEPS;
}

/* Ranks are of different speed. */
static double seconds_of(int rank, int64_t t, int c) {
  return 1e-3 * (double)(t + 1) + 0.1 * c + 10 * rank * rank;
}

void engine_step_seconds(const engine_t *engine, int64_t t, double seconds[STEP_SECONDS]) {
  for (int c = 0; c < STEP_SECONDS; c++) seconds[c] = seconds_of(engine->rank, t, c);
}

static void check_column(const store_t *store, const char *name, int first, int n, int ranks) {
  static double found[STEPS];
  ls_error error = {0};
  CHECK_OK(store_read_rows(store, name, 0, STEPS, STORE_F64, found, &error));
  for (int64_t t = 0; t < STEPS; t++) {
    double expected = 0;
    for (int c = first; c < first + n; c++)
      for (int r = 0; r < ranks; r++) expected += seconds_of(r, t, c) / ranks;
    CHECK(fabs(found[t] - expected) <= 1e-9 * expected, "%s of step %d: %g, not %g", name, (int)t, found[t],
          expected);
    if (failures > 5) return;
  }
}

static void check_file(const char *path, int ranks) {
  static int64_t rows[STEPS];
  ls_error error = {0};
  store_t *store = NULL;
  CHECK_OK(store_open(path, &store, &error));
  if (store == NULL) return;
  CHECK_OK(store_read_rows(store, "rows", 0, STEPS, STORE_I64, rows, &error));
  CHECK(memcmp(rows, rows_of_steps, sizeof rows) == 0, "other rows");
  for (int p = 0; p < PHASES; p++) {
    char name[64];
    snprintf(name, sizeof name, "seconds_%s", engine_phase_name((engine_phase_t)p));
    check_column(store, name, p, 1, ranks);
  }
  check_column(store, "seconds_exposed", PHASES, 1, ranks);
  check_column(store, "seconds", 0, PHASES, ranks);
  store_close(&store);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  char path[64];
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  const engine_t engine = {world_rank(world)};
  for (int64_t t = 0; t < STEPS; t++) rows_of_steps[t] = 100 - t % 7;
  snprintf(path, sizeof path, "/tmp/lockstep-timing-%ld.h5", (long)getpid());
  CHECK_OK(world_broadcast(world, path, sizeof path, 0, &error));
  CHECK_OK(timing_write(world, &engine, path, &error));
  if (world_rank(world) == 0) check_file(path, world_size(world));
  if (world_rank(world) == 0) unlink(path);
  world_set_timeout(world, 20);
  ls_status status = timing_write(world, &engine, "/tmp/lockstep-missing/timing.h5", &error);
  CHECK(status == LS_IO, "rank %d does not know that rank 0 cannot write: %d", world_rank(world),
        (int)status);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
