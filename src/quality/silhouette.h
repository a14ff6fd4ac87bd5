/* The silhouette of rows (Rousseeuw 1987): how much nearer a row is to its own cluster than to the next one.
 *
 *   a = mean distance to the other rows of its cluster, b = the least mean distance to the rows of another
 *   cluster, s = (b - a) / max(a, b)
 *
 * s is between -1 (in the wrong cluster) and 1 (far from all others), and 0 for a row that is alone in its
 * cluster. Means are those of weights if rows have some. All pairs of rows count, so callers take a sample of
 * the rows. Pure; thread-safe. */
#ifndef QUALITY_SILHOUETTE_H
#define QUALITY_SILHOUETTE_H

#include <stdbool.h>
#include <stdint.h>

/* Rows and their clusters. */
typedef struct {
  int64_t rows, columns, clusters;
  int64_t stride;         /* of columns: rows, rounded up by silhouette_stride */
  const float *x;         /* (columns, stride): by columns; the rest of a column may hold anything finite */
  const int32_t *cluster; /* (rows) */
  const double *sizes;    /* (clusters): how many of these rows are in each; with weights, their sum */
  const double *weights;  /* (rows), or NULL: all 1 */
  bool are_whole;         /* a weight w means w equal rows, so that a row has copies in its cluster */
} silhouette_t;

int64_t silhouette_stride(int64_t rows);

/* out (count): the silhouettes of rows [first, first + count). distances (stride) and sums (clusters) are
 * scratch memory. Fewer than two clusters with rows: NaN. */
void silhouette_find(const silhouette_t *all, int64_t first, int64_t count, double *distances, double *sums,
                     double *out);

#endif
