/* Inside of bench: the threads of a node, and the parts of a measurement. */
#ifndef STUDY_BENCH_IMPL_H
#define STUDY_BENCH_IMPL_H

#include "comm/barrier.h"
#include "comm/window.h"
#include "study/bench.h"
#include "train/training.h"

enum { REPEATS = 5 };

/* All threads of all ranks of this node, and what they share. */
typedef struct {
  world_t *world;
  int threads;        /* of this rank */
  int first;          /* number, in the node, of this rank's first thread */
  int all;            /* threads of the node */
  double seconds;     /* how long a part is measured, about */
  window_t *window;   /* the barriers */
  barrier_t *barrier; /* of all threads of the node */
  barrier_t *places;  /* of one thread of each rank of the node */
} team_t;

/* Collective. */
ls_status team_create(world_t *world, int threads, double seconds, team_t *out, ls_error *error);
void team_destroy(team_t *team);

double median(double *values, int n); /* sorts them */

/* The sum, or the mean, of a figure over all ranks, on every rank. Collective. */
ls_status sum_over_ranks(world_t *world, double mine, double *out, ls_error *error);

/* The precision whose instruction limits the products of the run: fp32 where the run's own has none here. */
int bench_peak_precision(const bench_t *bench);

/* bench_machine.c. bench_peak: FLOP/s of all threads at work for a precision's instruction, 0 for one that
 * this CPU has not; takes about `seconds` (twice with the search for how many rounds that is). */
ls_status bench_peak(const team_t *team, int precision, double seconds, double *out, ls_error *error);
ls_status bench_machine(const team_t *team, bench_t *out, ls_error *error);
/* bench_node.c: what threads and ranks of a node cost each other */
ls_status bench_node(const team_t *team, bench_t *out, ls_error *error);
/* bench_network.c */
ls_status bench_layers(const team_t *team, const training_t *training, bench_t *out, ls_error *error);
ls_status bench_steps(const team_t *team, const training_t *training, bench_t *out, ls_error *error);

#endif
