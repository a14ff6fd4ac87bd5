/* Extreme eigenvalues of the Hessian of the loss: the k largest, and the smallest, whose sign tells a minimum
 * from a saddle.
 *
 * The method of Lanczos with full reorthogonalisation (Golub and Van Loan 2013, section 10.3): products H v
 * (hessian.h) make an orthonormal basis Q and the tridiagonal matrix T = Qᵀ H Q. Its eigenvalues, the Ritz
 * values, converge to those of H from both ends. Without reorthogonalisation, rounding errors would let
 * copies of one eigenvalue appear, which does not matter for the largest alone (curvature.h). A Ritz value t
 * with the eigenvector s of T is within |beta s_last| of an eigenvalue of H, for the length beta of the next
 * direction. */
#ifndef STUDY_SPECTRUM_H
#define STUDY_SPECTRUM_H

#include "step/engine.h"

enum { SPECTRUM_MOST = 100 }; /* of k */

typedef struct {
  int64_t k;                    /* fewer than asked for if the network has fewer parameters */
  double values[SPECTRUM_MOST]; /* (k), descending; NaN if a gradient is not finite */
  double errors[SPECTRUM_MOST]; /* (k): bounds as above; they know nothing of errors of differences */
  double smallest, smallest_error;
  int64_t products, parameters; /* products H v that were made; parameters that are trained */
  bool has_converged;           /* all errors are at most a thousandth of the largest eigenvalue's size */
} spectrum_t;

/* Whether to stop early; asked on rank 0 before each product. NULL: never. */
typedef bool spectrum_stop_t(void *context);

/* The k largest eigenvalues (1 to SPECTRUM_MOST) and the smallest of the Hessian of the mean loss with
 * penalties over the first `steps` batches of the first epoch, at the engine's parameters, which are the same
 * afterwards. Frozen layers do not count. The same on every rank. LS_STOPPED if `stop` says so. Rank 0 keeps
 * a vector for each product. Collective. */
ls_status spectrum_find(engine_t *engine, int64_t steps, int64_t k, spectrum_stop_t *stop, void *context,
                        spectrum_t *out, ls_error *error);

#endif
