/* A row with the weight 3 is as good as three equal rows, for all that learns without labels and for the
 * figures that judge it: fits, components in front of a network, silhouettes, agreement with labels, BIC and
 * AIC. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 150, GROUPS = 3, COLUMNS = 3 };

static double part(int row, int column) {
  return noise((uint64_t)(row * COLUMNS + column)) + noise((uint64_t)(10000 + row * COLUMNS + column)) - 1;
}

/* The first rows, which fits begin with, count once. */
static int weight_of(int row) {
  return row < GROUPS ? 1 : (int)(4 * noise((uint64_t)(90000 + row)));
}

/* Rows around three places; labels that often agree. */
static void write_row(FILE *file, int row) {
  const int group = row % GROUPS, label = noise((uint64_t)(50000 + row)) < 0.2 ? (group + 1) % GROUPS : group;
  for (int c = 0; c < COLUMNS; c++) fprintf(file, "%.9g,", (c + 1) * part(row, c) + (c == group ? 1.7 : 0));
  fprintf(file, "%d", label);
}

static void write_tables(void) {
  FILE *weighted = fopen("weighted.csv", "w"), *repeated = fopen("repeated.csv", "w");
  cr_assert(weighted != NULL && repeated != NULL);
  fputs("a,b,c,label,w\n", weighted);
  fputs("a,b,c,label\n", repeated);
  for (int row = 0; row < ROWS; row++) {
    write_row(weighted, row);
    fprintf(weighted, ",%d\n", weight_of(row));
    for (int i = 0; i < weight_of(row); i++) {
      write_row(repeated, row);
      fputc('\n', repeated);
    }
  }
  fclose(weighted);
  fclose(repeated);
  run_well(ALONE, "import weighted.csv weighted.h5 --label label --weights w");
  run_well(ALONE, "import repeated.csv repeated.h5 --label label");
  write_text("weighted.yaml",
             "data: {file: weighted.h5, weights: train/weights}\ncheckpoint: {every: never}\n");
  write_text("repeated.yaml", "data: {file: repeated.h5}\ncheckpoint: {every: never}\n");
}

static void begin(void) {
  place_make();
  write_tables();
}

TestSuite(repetition, .init = begin, .fini = place_remove);

static void make_both(const char *words) {
  run_well(ALONE, words, "weighted", "weighted");
  run_well(ALONE, words, "repeated", "repeated");
}

static void expect_same_figure(const char *file, const char *key, double tolerance) {
  char path[2][128];
  const char *const names[] = {"weighted", "repeated"};
  double found[2];
  for (int i = 0; i < 2; i++) {
    snprintf(path[i], sizeof path[i], file, names[i]);
    found[i] = json_double(file_text(path[i]), key);
  }
  cr_expect(fabs(found[0] - found[1]) <= tolerance * fabs(found[1]), "%s: %.10g, with repeated rows %.10g",
            key, found[0], found[1]);
}

static void expect_same_array(const char *name, int64_t rows, double tolerance) {
  float a[64] = {0}, b[64] = {0};
  cr_assert_leq(rows * COLUMNS, 64);
  read_floats("runs/weighted/model.h5", name, rows, a);
  read_floats("runs/repeated/model.h5", name, rows, b);
  for (int i = 0; i < 64; i++)
    cr_expect(fabs((double)a[i] - (double)b[i]) <= tolerance * (1 + fabs((double)b[i])), "%s: %.9g, not %.9g",
              name, (double)a[i], (double)b[i]);
}

static void expect_same_figures(void) {
  static const char *const keys[] = {
      "silhouette", "davies_bouldin", "adjusted_rand", "normalised_mutual_information", "purity", "loss"};
  make_both("eval runs/%s --split train --json %s.json");
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) expect_same_figure("%s.json", keys[i], 1e-6);
}

Test(repetition, clusters_are_those_of_repeated_rows) {
  make_both("cluster %s.yaml name=%s cluster.k=3 cluster.init=rows");
  expect_same_array("parameters/centres1/centre", GROUPS, 1e-6);
  expect_same_figures();
  make_both("cluster %s.yaml name=%s cluster.k=3 cluster.init=rows cluster.method=mixture "
            "cluster.tolerance=0 train.epochs=30");
  expect_same_array("parameters/gaussians1/mean", GROUPS, 1e-5);
  expect_same_figures();
  expect_same_figure("%s.json", "bic", 1e-6);
  expect_same_figure("%s.json", "aic", 1e-6);
}

/* The log-density of a row by all kernels. Bandwidths by rules or cross-validation take no weight for a copy.
 */
Test(repetition, densities_are_those_of_repeated_rows) {
  make_both("density %s.yaml name=%s density.bandwidth=0.5");
  make_both("eval runs/%s --split train --json %s.json");
  expect_same_figure("%s.json", "loss", 1e-6);
}

Test(repetition, components_are_those_of_repeated_rows) {
  make_both("components %s.yaml name=%s components.n=2 components.whiten=true");
  expect_same_array("components/explained_variance", 1, 1e-6);
  expect_same_array("parameters/dense1/weight", 2, 1e-6);
  make_both("train %s.yaml name=%s 'data.basis={name: pca, size: 2, whiten: true}' 'model.layers=[dense: 3]' "
            "loss=cross_entropy train.epochs=1");
  expect_same_array("basis/centres", 2, 1e-6);
}

/* Weights that are no whole numbers have no unit: twice the weights, or a tenth, are the same. */
Test(repetition, other_weights_have_no_unit) {
  static const char *const tables[] = {"weighted", "repeated"};
  static const double scales[] = {0.5, 0.035};
  for (int i = 0; i < 2; i++) {
    char path[64];
    snprintf(path, sizeof path, "%s.csv", tables[i]);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("a,b,c,label,w\n", file);
    for (int row = 0; row < ROWS; row++) {
      write_row(file, row);
      fprintf(file, ",%.9g\n", scales[i] * (1 + weight_of(row)));
    }
    fclose(file);
    run_well(ALONE, "import %s.csv %s.h5 --label label --weights w --overwrite", tables[i], tables[i]);
    write_text(i == 0 ? "weighted.yaml" : "repeated.yaml",
               "data: {file: %s.h5, weights: train/weights}\ncheckpoint: {every: never}\n", tables[i]);
  }
  make_both("cluster %s.yaml name=%s cluster.k=3 cluster.init=rows cluster.method=mixture "
            "cluster.tolerance=0 train.epochs=30");
  expect_same_figures();
  expect_same_figure("%s.json", "bic", 1e-6);
}
