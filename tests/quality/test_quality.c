/* Figures that judge clusterings, against scikit-learn's (tests/figures/quality.py) and closed forms. */
#include "figures/quality.h"
#include "quality/agreement.h"
#include "quality/criteria.h"
#include "quality/quality.h"
#include "quality/separation.h"
#include "quality/silhouette.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR(a, b) cr_expect_float_eq(a, b, 1e-12 * (1 + fabs(b)), "%.17g, not %.17g", a, b)

static void check_agreement(const char *name, int64_t classes, int64_t clusters, const int64_t *table,
                            const double *figures) {
  agreement_t found = {0};
  cr_assert_eq(agreement_find(classes, clusters, table, NULL, &found, NULL), LS_OK);
  cr_expect_float_eq(found.adjusted_rand, figures[0], 1e-12, "%s: %.17g", name, found.adjusted_rand);
  cr_expect_float_eq(found.mutual_information, figures[1], 1e-12, "%s: %.17g", name,
                     found.mutual_information);
  cr_expect_float_eq(found.purity, figures[2], 1e-12, "%s: %.17g", name, found.purity);
}

Test(quality, agreement_is_that_of_scikit_learn) {
  check_agreement("mixed", 3, 4, mixed_table, mixed_agreement);
  check_agreement("random", 5, 6, random_table, random_agreement);
  check_agreement("large", 3, 4, large_table, large_agreement);
  check_agreement("split", 2, 3, split_table, split_agreement);
  check_agreement("one cluster", 2, 1, one_cluster_table, one_cluster_agreement);
}

Test(quality, the_same_groups_under_other_numbers_agree_perfectly) {
  check_agreement("renamed", 3, 3, (int64_t[]){0, 7, 0, 0, 0, 2, 4, 0, 0}, (double[]){1, 1, 1});
  check_agreement("one group", 1, 1, (int64_t[]){9}, (double[]){1, 1, 1});
}

static silhouette_t rows_of_figures(float *x, int32_t *cluster, double *sizes) {
  silhouette_t all = {.rows = QUALITY_ROWS,
                      .columns = QUALITY_COLUMNS,
                      .clusters = QUALITY_CLUSTERS,
                      .stride = silhouette_stride(QUALITY_ROWS),
                      .x = x,
                      .cluster = cluster,
                      .sizes = sizes};
  for (int64_t r = 0; r < QUALITY_ROWS; r++) {
    for (int64_t c = 0; c < QUALITY_COLUMNS; c++) x[c * all.stride + r] = quality_x[r * QUALITY_COLUMNS + c];
    cluster[r] = (int32_t)quality_cluster[r];
    sizes[cluster[r]]++;
  }
  return all;
}

Test(quality, silhouettes_are_those_of_scikit_learn) {
  float x[QUALITY_COLUMNS * 64] = {0};
  int32_t cluster[QUALITY_ROWS];
  double sizes[QUALITY_CLUSTERS] = {0};
  double distances[64], sums[QUALITY_CLUSTERS], found[QUALITY_ROWS];
  const silhouette_t all = rows_of_figures(x, cluster, sizes);
  cr_assert_eq(all.stride, 64);
  silhouette_find(&all, 0, 20, distances, sums, found);
  silhouette_find(&all, 20, QUALITY_ROWS - 20, distances, sums, found + 20);
  for (int r = 0; r < QUALITY_ROWS; r++) NEAR(found[r], quality_silhouettes[r]);
}

/* The definition, distance by distance (Rousseeuw 1987). */
static double silhouette_of(int rows, const float *x, const int32_t *cluster, int i) {
  double sums[3] = {0}, sizes[3] = {0}, b = INFINITY;
  for (int j = 0; j < rows; j++) {
    sums[cluster[j]] += fabs((double)x[i] - (double)x[j]);
    sizes[cluster[j]]++;
  }
  for (int k = 0; k < 3; k++)
    if (k != cluster[i]) b = fmin(b, sums[k] / sizes[k]);
  const double a = sums[cluster[i]] / (sizes[cluster[i]] - 1);
  return (b - a) / fmax(a, b);
}

/* Distances are found for 64 rows at a time. */
Test(quality, silhouettes_among_many_rows_are_those_of_the_definition) {
  enum { ROWS = 150, STRIDE = 192 };
  float x[STRIDE] = {0};
  int32_t cluster[ROWS];
  double sizes[3] = {0};
  double distances[STRIDE], sums[3], found[ROWS];
  for (int r = 0; r < ROWS; r++) {
    cluster[r] = r * 7 % 11 % 3;
    x[r] = (float)(r * r % 101) / 16 + (float)(2 * cluster[r]);
    sizes[cluster[r]]++;
  }
  const silhouette_t all = {.rows = ROWS,
                            .columns = 1,
                            .clusters = 3,
                            .stride = STRIDE,
                            .x = x,
                            .cluster = cluster,
                            .sizes = sizes};
  cr_assert_eq(silhouette_stride(ROWS), STRIDE);
  silhouette_find(&all, 0, ROWS, distances, sums, found);
  for (int r = 0; r < ROWS; r++) NEAR(found[r], silhouette_of(ROWS, x, cluster, r));
}

Test(quality, a_single_cluster_has_no_silhouette) {
  float x[QUALITY_COLUMNS * 64] = {0};
  int32_t cluster[QUALITY_ROWS];
  double sizes[QUALITY_CLUSTERS] = {0};
  double distances[64], sums[QUALITY_CLUSTERS], found[1];
  const silhouette_t all = rows_of_figures(x, cluster, sizes);
  for (int r = 0; r < QUALITY_ROWS; r++) cluster[r] = 1;
  for (int k = 0; k < QUALITY_CLUSTERS; k++) sizes[k] = k == 1 ? QUALITY_ROWS : 0;
  silhouette_find(&all, 3, 1, distances, sums, found);
  cr_expect(isnan(found[0]));
}

Test(quality, equal_rows_in_two_clusters_have_silhouette_zero) {
  float x[64] = {0};
  const silhouette_t all = {.rows = 4,
                            .columns = 1,
                            .clusters = 2,
                            .stride = 64,
                            .x = x,
                            .cluster = (int32_t[]){0, 0, 1, 1},
                            .sizes = (double[]){2, 2}};
  double distances[64], sums[2], found[4];
  silhouette_find(&all, 0, 4, distances, sums, found);
  for (int r = 0; r < 4; r++) cr_expect_eq(found[r], 0);
}

/* Means and mean distances, plainly. */
static double davies_bouldin_of_figures(void) {
  double counts[QUALITY_CLUSTERS] = {0}, means[QUALITY_CLUSTERS * QUALITY_COLUMNS] = {0};
  double widths[QUALITY_CLUSTERS] = {0};
  for (int r = 0; r < QUALITY_ROWS; r++) counts[quality_cluster[r]]++;
  for (int r = 0; r < QUALITY_ROWS; r++)
    for (int c = 0; c < QUALITY_COLUMNS; c++)
      means[quality_cluster[r] * QUALITY_COLUMNS + c] +=
          (double)quality_x[r * QUALITY_COLUMNS + c] / counts[quality_cluster[r]];
  for (int r = 0; r < QUALITY_ROWS; r++) {
    double square = 0;
    for (int c = 0; c < QUALITY_COLUMNS; c++)
      square += pow(
          (double)quality_x[r * QUALITY_COLUMNS + c] - means[quality_cluster[r] * QUALITY_COLUMNS + c], 2);
    widths[quality_cluster[r]] += sqrt(square) / counts[quality_cluster[r]];
  }
  return separation_find(QUALITY_CLUSTERS, QUALITY_COLUMNS, counts, means, widths);
}

Test(quality, davies_bouldin_is_that_of_scikit_learn) {
  NEAR(davies_bouldin_of_figures(), quality_davies_bouldin[0]);
}

Test(quality, davies_bouldin_has_closed_forms) {
  const double counts[] = {2, 0, 2}, means[] = {0, 9, 4}, widths[] = {1, 0, 0.5};
  NEAR(separation_find(3, 1, counts, means, widths), 1.5 / 4);
  cr_expect(isnan(separation_find(2, 1, counts, means, widths)), "one cluster has no neighbour");
  cr_expect(isinf(separation_find(2, 1, (double[]){1, 3}, (double[]){2, 2}, (double[]){0, 1})));
  cr_expect_eq(separation_find(2, 1, (double[]){1, 3}, (double[]){2, 2}, (double[]){0, 0}), 0);
}

static void check_criteria(const char *covariance, const double *figures) {
  const int64_t p = criteria_parameters(covariance, 3, QUALITY_COLUMNS);
  const criteria_t found = criteria_find(p, QUALITY_ROWS, figures[0]);
  cr_expect_float_eq(found.bic, figures[1], 1e-10 * fabs(figures[1]), "%s: %.17g", covariance, found.bic);
  cr_expect_float_eq(found.aic, figures[2], 1e-10 * fabs(figures[2]), "%s: %.17g", covariance, found.aic);
}

Test(quality, criteria_are_those_of_scikit_learn) {
  check_criteria("full", criteria_full);
  check_criteria("tied", criteria_tied);
  check_criteria("diagonal", criteria_diagonal);
  check_criteria("spherical", criteria_spherical);
  cr_expect_eq(criteria_parameters("round", 3, 2), 0);
}

/* Every figure has its own value, so that none can stand in the place of another. */
static const quality_t all_figures = {.rows = 5000,
                                      .clusters = 7,
                                      .occupied = 6,
                                      .sample = 2000,
                                      .silhouette = 0.3125,
                                      .davies_bouldin = 1.25,
                                      .classes = 4,
                                      .agreement = {0.5, 0.625, 0.75},
                                      .criteria = {.parameters = 62, .bic = -1234.5, .aic = -2345.25}};

static char *written(const quality_t *quality, void (*write)(const quality_t *, FILE *)) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  write(quality, out);
  fclose(out);
  return text;
}

Test(quality, figures_are_printed_where_they_belong) {
  char *text = written(&all_figures, quality_print);
  cr_expect_str_eq(text,
                   "clusters 7 (1 without rows), silhouette 0.3125 (of 2000 rows), Davies-Bouldin 1.2500\n"
                   "against 4 classes: adjusted Rand 0.5000, normalised mutual information 0.6250, purity "
                   "0.7500\n62 parameters: BIC -1234.5, AIC -2345.25\n");
  free(text);
  const quality_t few = {
      .rows = 9, .clusters = 1, .occupied = 1, .sample = 9, .silhouette = NAN, .davies_bouldin = NAN};
  text = written(&few, quality_print);
  cr_expect_str_eq(text, "clusters 1, rows in one cluster alone have no silhouette\n");
  free(text);
}

Test(quality, figures_are_the_members_of_their_names) {
  char *text = written(&all_figures, quality_json);
  const char *const members[] = {"\"clusters\": 7",          "\"clusters_with_rows\": 6",
                                 "\"silhouette\": 0.3125",   "\"silhouette_rows\": 2000",
                                 "\"davies_bouldin\": 1.25", "\"label_classes\": 4",
                                 "\"adjusted_rand\": 0.5",   "\"normalised_mutual_information\": 0.625",
                                 "\"purity\": 0.75",         "\"density_parameters\": 62",
                                 "\"bic\": -1234.5",         "\"aic\": -2345.25"};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    cr_expect_not_null(strstr(text, members[i]), "%s is not in %s", members[i], text);
  free(text);
}
