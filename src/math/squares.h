/* Squared distances between rows and points, and between rows and means in the metric of a covariance: what
 * clusters and Gaussian densities are made of.
 *
 * Differences are taken first and squared afterwards. The usual short cut |x|^2 - 2 x c + |c|^2 is a product,
 * which needs one instruction where the difference needs two, but its error grows with the distance of the
 * rows from the origin instead of with the result: clusters of deviation 1 at a distance of 1,000 from the
 * origin keep one digit of seven in floats, and with the origin moved to their mean the same happens to
 * clusters that lie 1,000 deviations apart. Sums of squared differences keep six digits at any distance.
 *
 * An element of a result is one chain of operations in the order of the columns, so its bits depend neither
 * on the instruction set nor on the number of rows and points in a call. All functions are pure and
 * thread-safe, and take no rows too. Points are in panels, as the weights of a dense layer (dense.h): point k
 * is output k. */
#ifndef MATH_SQUARES_H
#define MATH_SQUARES_H

#include "math/dense.h"

/* out[r][k] = sum over i of (s_ki (x_ri - c_ki))^2 for x (rows, in), points c and scales s of the layout
 * (out, in); scales NULL: 1. out (rows, layout->out). */
void squares_from_points(const dense_layout_t *layout, int64_t rows, const float *x, const float *points,
                         const float *scales, float *out);

/* The same squares in double, right to fifteen digits: out[r stride + k]. At some two thirds to a third of
 * the speed. */
void squares_in_double(const dense_layout_t *layout, int64_t rows, const float *x, const float *points,
                       const float *scales, int64_t stride, double *out);

/* v (rows, d) = (x (rows, d) - m (d)) U' for a lower triangular U in the layout (d, d), of which only the
 * panels on and below the diagonal are read. work (rows, d). */
void squares_transform(const dense_layout_t *layout, int64_t rows, const float *x, const float *m,
                       const float *factor, float *work, float *v);

/* out[r stride] = |v_r|^2 for v (rows, d), in sixteen sums that are added in pairs. */
void squares_of_rows(int64_t rows, int64_t d, const float *v, float *out, int64_t stride);

#endif
