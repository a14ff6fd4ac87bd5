/* The centres of k-means beside those of scikit-learn, from the same rows to begin with, also in batches. */
#include "figures/kmeans.h"
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static void check_centres(int k, const double expected[KMEANS_MOST][KMEANS_COLUMNS], const char *what) {
  float centres[KMEANS_MOST * KMEANS_COLUMNS];
  read_floats("runs/config/model.h5", "parameters/centres1/centre", k, centres);
  for (int j = 0; j < k; j++)
    for (int c = 0; c < KMEANS_COLUMNS; c++) {
      const double found = (double)centres[j * KMEANS_COLUMNS + c];
      cr_expect_float_eq(found, expected[j][c], 1e-5 * fabs(expected[j][c]),
                         "%s, k %d: centre %d, %d: %.9g, not %.9g", what, k, j, c, found, expected[j][c]);
    }
}

TestSuite(kmeans, .init = place_make, .fini = place_remove);

Test(kmeans, centres_are_those_of_scikit_learn) {
  FILE *table = fopen("rows.csv", "w");
  cr_assert_not_null(table);
  for (long r = 0; r < KMEANS_ROWS; r++)
    for (long c = 0; c < KMEANS_COLUMNS; c++)
      fprintf(table, "%ld%s", (r * 7919 + c * 104729) % 1000 + 800 * (r % 5 * (c + 2) % 7),
              c + 1 < KMEANS_COLUMNS ? "," : "\n");
  fclose(table);
  run_well(ALONE, "import rows.csv rows.h5 --header=no");
  write_text("config.yaml", "data: {file: rows.h5}\n"
                            "cluster: {k: 2, init: rows, starts: 1, tolerance: 0}\n");
  for (int i = 0; i < KMEANS_CASES; i++) {
    const int k = kmeans_figures[i].k;
    run_well(ALONE, "cluster config.yaml cluster.k=%d", k);
    check_centres(k, kmeans_figures[i].centres, "rows");
    const double loss = json_double(file_text("runs/config/summary.json"), "train_loss");
    cr_expect_float_eq(loss, kmeans_figures[i].inertia, 1e-9 * loss, "k %d: %.12g", k, loss);
    run_well(ALONE,
             "cluster config.yaml cluster.k=%d cluster.method=minibatch cluster.batch=%d data.shuffle=none "
             "parallel.shards=1 train.epochs=1",
             k, KMEANS_BATCH);
    check_centres(k, kmeans_figures[i].batched, "batches");
  }
}
