/* The largest curvature of the loss: the largest eigenvalue of its Hessian H at the present parameters.
 *
 * Plain gradient descent on a quadratic loss converges only if the learning rate is below 2 / lambda, for its
 * largest eigenvalue lambda (Nesterov 2004, section 2.1.5). Near any point a smooth loss is like a quadratic.
 *
 * Only products H v are needed, which differences of gradients give:
 *
 *   H v = (g(w + e v) - g(w - e v)) / 2e + O(e^2)
 *
 * The method of Lanczos (Golub and Van Loan 2013, algorithm 10.1.1) makes a small tridiagonal matrix of them,
 * whose largest eigenvalue grows towards lambda within some ten products. Gradients are those of steps, with
 * the same bits on any layout; rank 0 does the rest in double, one number after the other. */
#ifndef STUDY_CURVATURE_H
#define STUDY_CURVATURE_H

#include "train/training.h"

/* The largest eigenvalue of the Hessian of the mean loss with penalties over the first rows of the first
 * epoch: all batches, or as many as have some thousand rows. Frozen layers do not count. Same on every rank;
 * NaN if a gradient is not finite, and if the gradient is rounded to bf16, whose differences tell nothing.
 * Afterwards the parameters are as before. Collective. LS_NO_MEMORY and the errors of steps. */
ls_status curvature_largest(const training_t *training, double *out, ls_error *error);

/* The largest eigenvalue of the symmetric tridiagonal matrix with this diagonal (n) and the n - 1 numbers
 * beside it. Pure. */
double curvature_of_tridiagonal(const double *diagonal, const double *beside, int n);

/* The learning rate from which on sgd with this momentum diverges on a quadratic loss of this curvature:
 * 2 / lambda; with Nesterov momentum 2 (1 + momentum) / (1 + 2 momentum) / lambda, which is less. Without
 * Nesterov's form momentum would allow more. NaN for a curvature that is not positive. Pure. */
double curvature_limit(const optimizer_settings_t *optimizer, double lambda);

#endif
