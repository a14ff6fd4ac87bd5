/* The sums of an iteration of EM (Dempster, Laird, Rubin 1977): the responsibilities of a block of rows, and
 * what the rows contribute to the moments of each component.
 *
 * r_nk = exp(z_nk - log sum over j of exp z_nj) is the share of row n that component k takes (expectation).
 * Moments are taken around the present mean m_k, not around zero, so a large offset of the data does not
 * cancel digits:
 *
 *   N_k = sum of r_nk,   S_k = sum of r_nk (x_n - m_k),   Q_k = sum of r_nk (x_n - m_k)(x_n - m_k)ᵀ
 *
 * Rows count by their weights. Sums are in double. Thread-safe for different workers and leaves. */
#ifndef CLUSTER_MOMENTS_H
#define CLUSTER_MOMENTS_H

#include "cluster/gaussians.h"
#include "cluster/components.h"

#include <stdbool.h>
#include <stddef.h>

/* Where the sums of a leaf are. */
typedef struct {
  double *log_density; /* (1): sum over rows of log sum over k of exp z */
  double *weight;      /* (1): sum of the rows' weights */
  double *shares;      /* (k): N */
  double *sums;        /* (k, width): S */
  double *squares;     /* Q: full (k, triangle_elements(width)), tiles of math/panels.h; tied: none, the
                        * scatter of all rows stands for it; diagonal and spherical (k, width), the diagonals */
} component_sums_t;

/* Doubles of a leaf, a multiple of 8, and its parts. Leaves are aligned to 64 bytes. */
size_t moments_elements(covariance_form_t covariance, int64_t k, int64_t d);
component_sums_t moments_of(covariance_form_t covariance, int64_t k, int64_t d, double *leaf);

/* The memory of a thread. */
typedef struct {
  float *x;        /* (rows, width): for columns that need padding */
  double *scratch; /* of gaussians_logs, and the rows of a component */
  double *z;       /* (rows, k) */
  share_t *shares; /* (k, rows) */
  int64_t *counts; /* (k) */
} moments_worker_t;

/* For blocks of up to `rows` rows. Memory from the arena. LS_NO_MEMORY. */
ls_status moments_worker_create(const gaussians_t *gaussians, int64_t rows, arena_t *arena,
                                moments_worker_t *out, ls_error *error);

/* How a pass takes rows. */
typedef struct {
  const gaussians_t *gaussians; /* the present components */
  covariance_form_t covariance; /* whose moments are wanted */
  bool is_hard;                 /* each row belongs wholly to its component of the largest z: a start from
                                 * k-means; of equal ones, to the first */
  int64_t most_rows;            /* of a block, as in moments_worker_create */
} moments_pass_t;

/* Adds a block of n rows x (n, d) with weights (n), NULL: all 1, to a leaf. */
void moments_add(const moments_pass_t *pass, moments_worker_t *worker, int64_t n, const float *x,
                 const float *weights, double *leaf);

/* The scatter of all rows around a point, sum of (x - c)(x - c)ᵀ: a leaf is the tiles of math/panels.h. */
size_t scatter_elements(int64_t d);
void scatter_add(int64_t d, moments_worker_t *worker, int64_t n, const float *x, const float *weights,
                 const double *centre, double *leaf);

#endif
