/* Quantiles of numbers that are spread unevenly over ranks, against NumPy's: tests/figures/detection.py. */
#include "anomaly/quantile.h"

#include "figures/detection.h"
#include "mpi/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 1500, LEVELS = sizeof detection_levels / sizeof detection_levels[0] };

/* Row i, as detection.py makes it. */
static double score(int i, int kinds) {
  const bool is_anomalous = i % 5 == 3;
  const double value = ((double)((int64_t)i * 7919 % kinds) - kinds / 3.0) / 8;
  return value + (is_anomalous && i % 3 > 0 ? kinds / 24.0 : 0);
}

/* This rank's rows: rank 1 has none where there are others. */
static int64_t deal(const world_t *world, int rows, int kinds, double *own) {
  const int rank = world_rank(world), shares = world_size(world) > 1 ? world_size(world) - 1 : 1;
  int64_t count = 0;
  for (int i = 0; i < rows && rank != 1; i++)
    if (i % shares == rank - (rank > 1)) own[count++] = score(i, kinds);
  return count;
}

static void check_levels(world_t *world) {
  ls_error error = {0};
  double own[MOST_ROWS], found = NAN;
  for (size_t c = 0; c < sizeof detections / sizeof detections[0]; c++) {
    const int64_t n = deal(world, detections[c].rows, detections[c].kinds, own);
    for (int q = 0; q < LEVELS; q++) {
      CHECK_OK(quantile_find(world, own, n, detection_levels[q], &found, &error));
      CHECK(found == detections[c].quantiles[q], "case %zu, level %g: %.17g, not %.17g", c,
            detection_levels[q], found, detections[c].quantiles[q]);
    }
  }
}

static void check_odd_values(world_t *world) {
  ls_error error = {0};
  const bool is_root = world_rank(world) == 0;
  double found = NAN;
  const double infinite[] = {-INFINITY, -0.0, 1, INFINITY, INFINITY};
  CHECK_OK(quantile_find(world, infinite, is_root ? 5 : 0, 1, &found, &error));
  CHECK(found == INFINITY, "%g", found);
  CHECK_OK(quantile_find(world, infinite, is_root ? 5 : 0, 0.25, &found, &error));
  CHECK(found == 0, "%g", found);
  CHECK_OK(quantile_find(world, infinite, is_root ? 5 : 0, 0.375, &found, &error));
  CHECK(found == 0.5, "%g", found);
  CHECK(quantile_find(world, infinite, 0, 0.5, &found, &error) == LS_BAD_DATA, "no numbers");
  const double wrong[] = {1, NAN};
  const bool is_last = world_rank(world) == world_size(world) - 1;
  CHECK(quantile_find(world, wrong, is_last ? 2 : 1, 0.5, &found, &error) == LS_BAD_DATA, "NaN");
  CHECK(strstr(error.message, "1 of ") != NULL, "%s", error.message);
  CHECK(found == 0.5, "the output is untouched");
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  check_levels(world);
  check_odd_values(world);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
