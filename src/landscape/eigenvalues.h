/* The largest eigenvalues of the Hessian at a point, and what they say of it, as a file. */
#ifndef LANDSCAPE_EIGENVALUES_H
#define LANDSCAPE_EIGENVALUES_H

#include "landscape/point.h"
#include "study/spectrum.h"

#define EIGENVALUES_FORMAT "lockstep eigenvalues 1"

typedef struct {
  spectrum_t spectrum;
  double loss;  /* mean over the training rows, without penalties */
  double limit; /* 2 / largest eigenvalue: gradient descent diverges above this rate where the loss is
                   quadratic; NaN if the largest eigenvalue is not positive */
} eigenvalues_t;

/* Of the start of a point that was opened with wants_gradient, over all of its training rows. LS_STOPPED
 * after a signal. The same on every rank. Collective. */
ls_status eigenvalues_find(point_t *point, int64_t k, eigenvalues_t *out, ls_error *error);

/* On rank 0. */
ls_status eigenvalues_write(const eigenvalues_t *found, const point_t *point, const char *path,
                            ls_error *error);

#endif
