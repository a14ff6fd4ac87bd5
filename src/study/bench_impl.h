/* Internals of bench: the threads of a node, and the parts of a measurement. */
#ifndef STUDY_BENCH_IMPL_H
#define STUDY_BENCH_IMPL_H

#include "comm/barrier.h"
#include "comm/window.h"
#include "study/bench.h"
#include "train/training.h"

enum { REPEATS = 5 };

/* All threads of all ranks of this node, and the data they share. */
typedef struct {
  world_t *world;
  int threads;        /* of this rank */
  int first;          /* number of this rank's first thread within the node */
  int all;            /* total threads of the node */
  double seconds;     /* approximate time for each part */
  window_t *window;   /* holds the barriers */
  barrier_t *barrier; /* for all threads of the node */
  barrier_t *places;  /* for one thread of each rank of the node */
} team_t;

/* Collective. */
ls_status team_create(world_t *world, int threads, double seconds, team_t *out, ls_error *error);
void team_destroy(team_t *team);

/* Waits for all threads at one of the team's barriers. If some do not come in time, ranks are lost
 * (world_abandon): what is measured then means nothing, and the next collective call fails. */
void bench_meet(const team_t *team, barrier_t *barrier);

double median(double *values, int n); /* sorts the values */

/* Sums a figure over all ranks; every rank gets the sum. Collective. */
ls_status sum_over_ranks(world_t *world, double mine, double *out, ls_error *error);
/* The same sum divided by `count`, over all ranks, of what `mine` is made of: with 1 the mean of the ranks,
 * with the threads of each rank that of all threads. Collective. */
ls_status mean_over_ranks(world_t *world, double mine, double count, double *out, ls_error *error);

/* The precision whose instruction limits the products of the run; fp32 if this CPU has no instruction for the
 * run's precision. */
int bench_peak_precision(const bench_t *bench);

/* bench_machine.c. bench_peak: FLOP/s of all threads at work with the instruction of a precision; 0 if this
 * CPU lacks it. Takes about `seconds`, or twice that including the search for the number of rounds. */
ls_status bench_peak(const team_t *team, int precision, double seconds, double *out, ls_error *error);
ls_status bench_machine(const team_t *team, bench_t *out, ls_error *error);
/* bench_node.c: the cost of communication between threads and ranks of a node */
ls_status bench_node(const team_t *team, bench_t *out, ls_error *error);
/* bench_network.c */
ls_status bench_layers(const team_t *team, const training_t *training, bench_t *out, ls_error *error);
ls_status bench_steps(const team_t *team, const training_t *training, bench_t *out, ls_error *error);

#endif
