/* Products of the Hessian of the loss with vectors, from differences of gradients:
 *
 *   H v = (g(w + e v) - g(w - e v)) / 2e + O(e^2)
 *
 * e is chosen once for a Hessian, so large that the two gradients differ by more than their rounding errors.
 * Gradients are those of steps, so they have the same bits on any layout. Vectors are those of rank 0, in
 * double; the other ranks only help with gradients. */
#ifndef STUDY_HESSIAN_H
#define STUDY_HESSIAN_H

#include "base/arena.h"
#include "step/engine.h"

typedef struct {
  engine_t *engine;
  world_t *world;
  const settings_t *settings;
  const graph_t *graph;
  partition_t partition;
  size_t n;         /* floats of the parameter vector that are trained; of vectors */
  int64_t steps;    /* batches that the gradient is a mean over */
  float *w, *moved; /* whole parameter vectors, on every rank */
  float *gradient;  /* whole; used on rank 0 */
  double *sums[2];  /* (n) on rank 0: mean gradients at w + e v and at w - e v */
  double e;
} hessian_t;

/* Whether the vectors are on this rank. */
bool hessian_is_root(const hessian_t *hessian);

/* The Hessian of the mean loss with penalties over the first `steps` batches of the first epoch, at the
 * engine's present parameters. Memory comes from the arena. Collective. */
ls_status hessian_open(engine_t *engine, int64_t steps, arena_t *arena, hessian_t *out, ls_error *error);

/* Gives the engine its parameters back, and ends with the first failure. Collective. */
ls_status hessian_close(hessian_t *hessian, ls_status status, ls_error *error);

/* A random direction v (n) of length 1, the k-th of the settings' seed, in which parameters are trained: 0
 * for frozen layers and padding. On rank 0. */
ls_status hessian_direction(const hessian_t *hessian, int k, arena_t *arena, double *v, ls_error *error);
/* Parameters that are trained. On rank 0. */
ls_status hessian_rank(const hessian_t *hessian, arena_t *arena, size_t *out, ls_error *error);

/* Chooses e with direction v, the same on every rank, and leaves H v in `product`. Both (n) on rank 0.
 * Collective. */
ls_status hessian_choose_distance(hessian_t *hessian, const double *v, double *product, ls_error *error);

/* H v. Afterwards the engine has other parameters. Collective. */
ls_status hessian_multiply(hessian_t *hessian, const double *v, double *product, ls_error *error);

/* The scalar product of two vectors, and x scaled. Pure. */
double hessian_dot(const double *x, const double *y, size_t n);
void hessian_scale(double *x, double factor, size_t n);

#endif
