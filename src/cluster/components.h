/* The loops of Gaussian mixtures: rows are floats, sums are doubles. Rows have `width` numbers, a multiple of
 * 8; arrays of doubles are aligned to 64 bytes. Each element of a result is one chain in a fixed order: the
 * same bits on every CPU. Pure; thread-safe. */
#ifndef CLUSTER_COMPONENTS_H
#define CLUSTER_COMPONENTS_H

#include <stdint.h>

/* z[r stride] = |y_r - m|², for y (rows, width). The sum has eight lanes, column mod 8, which are added in
 * pairs. */
void component_distances(int64_t width, int64_t rows, const double *y, const double *m, int64_t stride,
                         double *z);

/* y (rows, width) = (x - m) Uᵀ for a lower-triangular U in panels (gaussians_t.factor). differences: scratch
 * memory of component_turn_scratch doubles. */
void component_turn(int64_t width, const double *u, int64_t rows, const float *x, const double *m,
                    double *differences, double *y);
int64_t component_turn_scratch(int64_t width, int64_t rows);

/* One row's part in the sums of a component. */
typedef struct {
  int64_t row;
  double share, root; /* responsibility times the row's weight; its square root */
} share_t;

/* For n shares of rows of x: sums (width) += share (x - m), squares (width) += share (x - m)². */
void component_share(int64_t width, int64_t n, const share_t *shares, const float *x, const double *m,
                     double *sums, double *squares);

/* The same sums, and rows root (x - m), whose products with each other are shares of a covariance: panels of
 * `capacity` >= n rows (math/panels.h). */
void component_scale(int64_t width, int64_t n, int64_t capacity, const share_t *shares, const float *x,
                     const double *m, double *sums, double *rows);

#endif
