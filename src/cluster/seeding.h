/* The centres that k-means begins with. cluster.init names a row of the table in seeding.c. All draws are
 * made as picks (picks.h), so the centres are the same on any layout. */
#ifndef CLUSTER_SEEDING_H
#define CLUSTER_SEEDING_H

#include "cluster/fit.h"
#include "cluster/picks.h"
#include "nearest/nearest.h"

/* Candidates for the next centre, all of which a pass over the rows judges. */
typedef struct {
  int64_t n;             /* most candidates of a step */
  dense_layout_t layout; /* (inputs, n) */
  float *panels;         /* the candidates as squares_from_points takes them */
  float **squares;       /* (threads): (SUMS_BLOCK, n) */
  double *potentials;    /* (n) */
} trials_t;

typedef struct {
  fit_inputs_t in;
  int64_t k, inputs;
  sums_t *scan;     /* borrowed: a pass with one sum */
  picks_t *picks;   /* borrowed: room for k rows */
  double *distance; /* (rows of this rank): squared, to the nearest centre so far */
  int64_t start;    /* number of the start */
  int64_t draw;     /* and of the draw in it */
  int64_t n_new;    /* centres chosen in the last draw, whose distances are not known yet; -1: none at all */
  float *chosen;    /* greedy, k-means||: (candidates, inputs) */
  double *weights;  /* k-means||: (candidates): the rows that are nearest to each */
  float *norms;     /* k-means||: (rows of this rank) */
  nearest_t nearest;
  sums_t *counts;  /* greedy, k-means||: a pass with one sum for each candidate */
  trials_t trials; /* greedy */
  arena_t arena;
} seeding_t;

/* Collective. After a failure, seeding_free frees what there is. */
ls_status seeding_create(const fit_inputs_t *inputs, sums_t *scan, picks_t *picks, seeding_t *out,
                         ls_error *error);
void seeding_free(seeding_t *seeding);

/* centres (k, inputs) of start number `start`, from 0. LS_BAD_DATA if there are fewer different rows than
 * centres. Collective. */
ls_status seeding_run(seeding_t *seeding, int64_t start, float *centres, ls_error *error);

/* Candidates of a step of `greedy`, for k clusters. Pure. */
int64_t seeding_trials(int64_t k);

/* Lists cluster.init. */
bool seeding_choice(size_t i, choice_t *out);

/* The failure for rows of which only n are different. */
ls_status seeding_too_few(const fit_inputs_t *inputs, int64_t n, ls_error *error);

#endif
