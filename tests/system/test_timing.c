/* timing.h5 against what the same run says elsewhere of its time: the history adds up the same seconds on its
 * own, and the summary takes the wall time around whole runs of steps. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

enum { ROWS = 1013, BATCH = 86, STEPS = 30 }; /* 12 steps an epoch, the last with 67 rows */

static const char *const phases[] = {"gather", "forward", "backward", "fold", "update", "exchange", "wait"};
enum { PHASES = sizeof phases / sizeof phases[0] };

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = ROWS});
  write_text("config.yaml",
             "data: {file: data.h5}\n"
             "model: {layers: [{dense: {units: 64, activation: relu}}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 4, global_batch_size: %d}\n"
             "parallel: {shards: 6, threads: 1}\n"
             "checkpoint: {every: never}\n",
             CLASSES, BATCH);
}

TestSuite(timing, .init = set_up, .fini = place_remove);

/* values has room for STEPS. */
static int64_t read_column(const char *path, const char *column, double *values) {
  ls_error error = {0};
  store_t *store = NULL;
  store_array_t array;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_describe(store, column, &array, &error), LS_OK, "%s", error.message);
  cr_assert_leq(array.shape[0], STEPS, "%s: %d values", column, (int)array.shape[0]);
  cr_assert_eq(store_read_rows(store, column, 0, array.shape[0], STORE_F64, values, &error), LS_OK, "%s",
               error.message);
  store_close(&store);
  return array.shape[0];
}

/* Every step's seconds are the sum of its phases; returns the sum of all steps. */
static double check_phases(const char *path) {
  double seconds[STEPS], exposed[STEPS], own[STEPS], total = 0, sums[STEPS] = {0};
  cr_assert_eq(read_column(path, "seconds", seconds), STEPS);
  read_column(path, "seconds_exposed", exposed);
  for (int p = 0; p < PHASES; p++) {
    char name[64];
    snprintf(name, sizeof name, "seconds_%s", phases[p]);
    read_column(path, name, own);
    for (int t = 0; t < STEPS; t++) {
      cr_assert_geq(own[t], 0, "%s of step %d: %g", name, t, own[t]);
      sums[t] += own[t];
      if (p == 5) cr_assert_leq(own[t], exposed[t], "a mean over threads is not above the longest");
    }
  }
  for (int t = 0; t < STEPS; t++) {
    cr_assert_gt(seconds[t], 0);
    cr_assert_float_eq(sums[t], seconds[t], 1e-9);
    total += seconds[t];
  }
  return total;
}

Test(timing, of_all_steps_adds_up_to_the_history) {
  double history[STEPS], own[STEPS], rows[STEPS];
  run_well(ALONE, "train config.yaml name=alone --timing parallel.threads=2 train.epochs=2");
  cr_assert_eq(read_column("runs/alone/timing.h5", "rows", rows), 24);
  for (int t = 0; t < 24; t++) cr_assert_float_eq(rows[t], t % 12 == 11 ? 67 : BATCH, 0);
  for (int p = 0; p < PHASES; p++) {
    char name[64];
    double in_steps = 0;
    snprintf(name, sizeof name, "seconds_%s", phases[p]);
    int64_t epochs = read_column("runs/alone/history.h5", name, history);
    cr_assert_eq(epochs, 2);
    read_column("runs/alone/timing.h5", name, own);
    for (int t = 0; t < 24; t++) in_steps += own[t];
    cr_assert_float_eq(in_steps, history[0] + history[1], 1e-9, "%s: %g in steps, %g in epochs", name,
                       in_steps, history[0] + history[1]);
  }
}

Test(timing, of_several_ranks_fits_the_wall_time) {
  run_well(3, "train config.yaml name=shared --timing train.steps=%d", STEPS);
  run_well(4, "train config.yaml name=nodes --timing train.steps=%d parallel.ranks_per_node=2", STEPS);
  run_well(2, "train config.yaml name=mpi --timing train.steps=%d parallel.reduce=mpi", STEPS);
  static const char *const runs[] = {"shared", "nodes", "mpi"};
  for (int r = 0; r < 3; r++) {
    char path[64];
    snprintf(path, sizeof path, "runs/%s/summary.json", runs[r]);
    double rate = json_double(file_text(path), "rows_per_second"), rows = 2 * ROWS + 6 * BATCH;
    snprintf(path, sizeof path, "runs/%s/timing.h5", runs[r]);
    double total = check_phases(path), wall = rows / rate;
    /* the wall time also has the start and end of the threads' common region */
    cr_expect(total < 1.02 * wall && total > 0.3 * wall, "%s: steps took %g s, all of them %g s", runs[r],
              total, wall);
  }
}

/* Steps of all epochs count, and nothing else does. */
Test(timing, rate_of_a_run_is_that_of_all_its_epochs) {
  double seconds[STEPS], all = 0;
  run_well(ALONE, "train config.yaml name=rate");
  cr_assert_eq(read_column("runs/rate/history.h5", "seconds", seconds), 4);
  for (int e = 0; e < 4; e++) all += seconds[e];
  const double rate = json_double(file_text("runs/rate/summary.json"), "rows_per_second");
  cr_expect_float_eq(rate, 4 * ROWS / all, 1e-6 * rate, "%g rows/s, not %g", rate, 4 * ROWS / all);
}

Test(timing, is_not_kept_unasked) {
  run_well(ALONE, "train config.yaml name=plain");
  cr_assert_not(file_exists("runs/plain/timing.h5"));
}
