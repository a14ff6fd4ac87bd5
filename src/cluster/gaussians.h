/* A Gaussian mixture as the fit sees it: in double, laid out for its loops.
 *
 * The density of a row x is sum over k of exp z_k with z_k = offset_k - ½ |U_k (x - m_k)|², as the layer
 * `gaussians` has it; U_kᵀ U_k is the inverse covariance of component k, and offset_k its log-weight and the
 * logarithm of the constant in front of its exponential.
 *
 * Between two iterations a mixture is three arrays of floats, the parameters of the layer: the state of the
 * fit. gaussians_read makes doubles of them. */
#ifndef CLUSTER_GAUSSIANS_H
#define CLUSTER_GAUSSIANS_H

#include "base/arena.h"
#include "base/error.h"
#include "math/dense.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  COVARIANCE_FULL,
  COVARIANCE_TIED,
  COVARIANCE_DIAGONAL,
  COVARIANCE_SPHERICAL
} covariance_form_t;

/* By its name in the settings. LS_BAD_SETTINGS. */
ls_status covariance_form_find(const char *name, covariance_form_t *out, ls_error *error);

/* The parameters as model files have them. Borrowed. */
typedef struct {
  float *mean;   /* (k, d) */
  float *factor; /* full (k d, d): rows k d … k d + d - 1 are the lower-triangular U_k; tied (d, d): one U;
                  * diagonal (k, d), spherical (k): 1 / standard deviation */
  float *offset; /* (k) */
} gaussians_floats_t;

enum { GAUSSIANS_PANEL = 8 }; /* columns are padded with zeros to a multiple of it: a vector of doubles */

typedef struct {
  covariance_form_t covariance;
  int64_t k, d, width; /* components, columns, padded columns */
  double *mean;        /* (k, width) */
  /* full (k, panels, width, 8) and tied (panels, width, 8): row j of panel p holds column j of rows 8 p … of
   * U; diagonal and spherical (k, width) */
  double *factor;
  double *offset;         /* (k) */
  double *centre;         /* (width): the mean of the means, from which `tied` measures */
  double *turned;         /* (k, width): U (m_k - centre), of `tied` */
  double *work;           /* of `tied`: scratch memory of gaussians_read */
  float *rounded;         /* (k, width): scratch memory of gaussians_read */
  dense_layout_t layout;  /* diagonal and spherical: (width, k) of the following */
  float *points, *scales; /* means and factors in panels */
} gaussians_t;

int64_t gaussians_width(int64_t d);
/* Values of `factor` in a model file. */
int64_t gaussians_factor_values(covariance_form_t covariance, int64_t k, int64_t d);

/* Memory from the arena. LS_NO_MEMORY. */
ls_status gaussians_create(covariance_form_t covariance, int64_t k, int64_t d, arena_t *arena,
                           gaussians_t *out, ls_error *error);

/* Takes over the parameters. */
void gaussians_read(gaussians_t *gaussians, const gaussians_floats_t *floats);

/* Round components of variance 1 and weight 1 around centres (k, d): the nearest centre has the largest z.
 * The covariance of `gaussians` must be diagonal or spherical. */
void gaussians_take_centres(gaussians_t *gaussians, const float *centres);

/* Doubles of scratch memory that gaussians_logs needs for `rows` rows. */
int64_t gaussians_scratch(const gaussians_t *gaussians, int64_t rows);

/* z (rows, k) of rows x (rows, width), whose padding is zero. Every element of z is computed alone, in a
 * fixed order. */
void gaussians_logs(const gaussians_t *gaussians, int64_t rows, const float *x, double *scratch, double *z);

#endif
