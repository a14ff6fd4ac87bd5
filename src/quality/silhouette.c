#include "quality/silhouette.h"

#include <math.h>
#include <string.h>

enum { LANES_OF_A_BLOCK = 64 };

int64_t silhouette_stride(int64_t rows) {
  return (rows + LANES_OF_A_BLOCK - 1) / LANES_OF_A_BLOCK * LANES_OF_A_BLOCK;
}

/* distances[j] = |x_i - x_j| of all rows j. Columns come in order for every j, some rows side by side. */
static void find_distances(const silhouette_t *all, int64_t i, double *distances) {
  for (int64_t first = 0; first < all->stride; first += LANES_OF_A_BLOCK) {
    double squares[LANES_OF_A_BLOCK] = {0};
    for (int64_t c = 0; c < all->columns; c++) {
      const float *column = all->x + c * all->stride;
      const double own = (double)column[i];
      for (int64_t j = 0; j < LANES_OF_A_BLOCK; j++) {
        const double difference = (double)column[first + j] - own;
        squares[j] += difference * difference;
      }
    }
    for (int64_t j = 0; j < LANES_OF_A_BLOCK; j++) distances[first + j] = sqrt(squares[j]);
  }
}

/* s of row i from the sums of its distances to each cluster. */
static double silhouette_of(const silhouette_t *all, int64_t i, const double *sums) {
  const int32_t own = all->cluster[i];
  const double others = all->sizes[own] - (all->weights == NULL || all->are_whole ? 1 : all->weights[i]);
  double b = INFINITY;
  for (int64_t k = 0; k < all->clusters; k++)
    if (k != own && all->sizes[k] > 0) b = fmin(b, sums[k] / all->sizes[k]);
  if (isinf(b)) return NAN;
  if (!(others > 0)) return 0;
  const double a = sums[own] / others, larger = fmax(a, b);
  return larger > 0 ? (b - a) / larger : 0;
}

void silhouette_find(const silhouette_t *all, int64_t first, int64_t count, double *distances, double *sums,
                     double *out) {
  for (int64_t i = first; i < first + count; i++) {
    find_distances(all, i, distances);
    memset(sums, 0, (size_t)all->clusters * sizeof *sums);
    for (int64_t j = 0; j < all->rows; j++)
      sums[all->cluster[j]] += all->weights == NULL ? distances[j] : all->weights[j] * distances[j];
    out[i - first] = silhouette_of(all, i, sums);
  }
}
