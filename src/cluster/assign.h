/* Gives rows to their nearest centres, block by block, and adds them up by clusters.
 *
 * A pass asks as little as it can: bounds tell which rows may have another centre (bounds.h), a sketch tells
 * most of these which one (sketch.h), and few distances or one product of matrices (nearest.h) tell the rest.
 * Which of them tells does not matter: the nearest centre is always that of distances in double. */
#ifndef CLUSTER_ASSIGN_H
#define CLUSTER_ASSIGN_H

#include "cluster/fit.h"
#include "nearest/bounds.h"
#include "nearest/exact.h"
#include "nearest/nearest.h"
#include "nearest/sketch.h"
#include "sums/sums.h"

/* What a thread has of its own, and what it has counted in a pass. */
typedef struct {
  float *x;             /* (SUMS_BLOCK, inputs): rows that are looked at */
  float *room, *scores; /* (SUMS_BLOCK, axes), (SUMS_BLOCK, outputs): of sketches */
  int64_t moved;        /* rows that have changed their cluster */
  sketch_cost_t cost;
} desk_t;

typedef struct {
  int64_t k, inputs;
  int threads;
  const gather_t *gather; /* borrowed, like exact */
  exact_t *exact;
  nearest_t nearest;
  bounds_t bounds;
  sketch_t sketch;
  float *values; /* (k, inputs): the centres of the last pass */
  float *mean;   /* (inputs): that of exact */
  desk_t *desks; /* (threads) */
} assign_t;

/* Memory comes from the arena. Not collective. */
ls_status assign_create(const fit_inputs_t *inputs, exact_t *exact, arena_t *arena, assign_t *out,
                        ls_error *error);

/* The three kinds of a pass. */
typedef enum {
  ASSIGN_FIRST, /* nothing is known of the rows: all distances, all rows are added. Blocks have x */
  ASSIGN_AXES,  /* chooses the axes of a sketch. Blocks have x */
  ASSIGN_SOME,  /* looks at some rows, which it gathers */
} assign_pass_t;

/* Takes the centres of the next pass (k, inputs), and says what kind it is. `is_first`: of a start. */
assign_pass_t assign_begin(assign_t *assign, const float *values, bool is_first);

/* Functions of sums for the kinds of a pass; the context is the assign_t. The first adds up Σ w ‖x − m‖²,
 * the others nothing. */
extern sums_add_t *const assign_blocks[];

/* Ends a pass. Returns the rows of this rank that have another cluster now. */
int64_t assign_end(assign_t *assign);

#endif
