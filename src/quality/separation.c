#include "quality/separation.h"

#include <math.h>

static double distance(int64_t columns, const double *a, const double *b) {
  double sum = 0;
  for (int64_t c = 0; c < columns; c++) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return sqrt(sum);
}

/* The largest ratio of cluster k with another one; negative if there is no other. */
static double worst_ratio(int64_t k, int64_t clusters, int64_t columns, const double *counts,
                          const double *means, const double *widths) {
  double worst = -1;
  for (int64_t l = 0; l < clusters; l++) {
    if (l == k || !(counts[l] > 0)) continue;
    const double width = widths[k] + widths[l];
    const double ratio = width > 0 ? width / distance(columns, means + k * columns, means + l * columns) : 0;
    if (ratio > worst) worst = ratio;
  }
  return worst;
}

double separation_find(int64_t clusters, int64_t columns, const double *counts, const double *means,
                       const double *widths) {
  double sum = 0;
  int64_t there = 0;
  for (int64_t k = 0; k < clusters; k++) {
    if (!(counts[k] > 0)) continue;
    sum += worst_ratio(k, clusters, columns, counts, means, widths);
    there++;
  }
  return there > 1 ? sum / (double)there : (double)NAN;
}
