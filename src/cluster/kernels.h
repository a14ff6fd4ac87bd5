/* The kernels of a kernel density: one Gaussian around each training row, or around each row of a random
 * choice of them. Every rank holds all of them, as the network sees them. */
#ifndef CLUSTER_KERNELS_H
#define CLUSTER_KERNELS_H

#include "sums/sums.h"

typedef struct {
  int64_t n, inputs;
  float *rows;  /* (n, inputs), in the order of the training rows */
  double *logs; /* (n): the logarithm of the row's share of the weight of all kernels; -1e30 for weight 0 */
  int64_t *numbers; /* (n): of the rows, among all training rows */
  arena_t arena;
} kernel_rows_t;

/* Collects `n` of the training rows, which follow from the seed; all of them if n is their number.
 * LS_BAD_DATA if n is larger, or if no chosen row has a weight. *out is caller-owned (kernels_free),
 * untouched on failure. Collective. */
ls_status kernels_collect(world_t *world, const gather_t *gather, int threads, int64_t n, uint64_t seed,
                          kernel_rows_t *out, ls_error *error);
void kernels_free(kernel_rows_t *kernels);

/* 1 / h, as the layer has it. Pure. */
float kernels_factor(double h);

/* The parameters of the layer `gaussians` with spherical covariances: factor (n) = 1 / h, and offset (n) =
 * log w_k - d log h - (d / 2) log 2 pi. h is rounded so that its inverse is a float. Pure. */
void kernels_layer(const kernel_rows_t *kernels, double h, float *factor, float *offset);

#endif
