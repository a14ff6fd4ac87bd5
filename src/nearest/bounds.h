/* What is known of the distances between rows and centres without looking at the rows (Hamerly: "Making
 * k-means even faster", 2010; Ding et al.: "Yinyang k-means", 2015): for each row an upper bound u of the
 * distance to its own centre, and for each group of centres a lower bound l of the distance to the others in
 * the group. When centres move, u grows by the way of the row's centre, and l shrinks by the longest way in
 * the group. While u < l for all groups, the row keeps its centre.
 *
 * Bounds allow for rounding, so the choice is always that of a pass over all distances. They are not part of
 * a checkpoint. */
#ifndef NEAREST_BOUNDS_H
#define NEAREST_BOUNDS_H

#include "base/arena.h"
#include "nearest/nearest.h"

/* A row: at most `upper` from its centre. */
typedef struct {
  int32_t cluster;
  float upper;
  float norm;     /* ‖x‖, rounded up */
  double squares; /* ‖x − m‖², with m amid all rows */
} row_t;

typedef struct {
  int64_t k;
  row_t *rows;   /* (rows of this rank) */
  float *lower;  /* (rows of this rank, NEAREST_GROUPS): at least so far from the other centres of a group */
  float *ways;   /* (k): of the centres since the last pass */
  float *others; /* (k, NEAREST_GROUPS): the longest way in each group, but for that of the centre */
} bounds_t;

/* Memory comes from the arena: 88 bytes a row. Not collective. */
ls_status bounds_create(int64_t k, size_t rows, arena_t *arena, bounds_t *out, ls_error *error);

/* The ways of the centres from `before` to `now`, both (k, inputs). */
void bounds_find_ways(bounds_t *bounds, int64_t inputs, const float *before, const float *now);

/* Moves the bounds of n rows, the first one's number is `first`. Returns how many may have another centre
 * now, and their numbers among the n. By one thread at a time for a row. */
int64_t bounds_move(const bounds_t *bounds, int64_t first, int64_t n, int32_t *which);

/* Sets the bounds of a row from scores −½‖x − c‖² + ½‖x − m‖²: that of its own centre is at least `own`,
 * those of the other centres of group g are at most others[g]. */
void bounds_set(const bounds_t *bounds, int64_t row, double own, const float *others, double error);

#endif
