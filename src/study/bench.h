/* How fast the machine is and how much of it a network uses: the place where speed is measured.
 *
 * Everything is measured with all threads of all ranks at work, in one run, each figure as the median of
 * repeats; so shares of the peak compare like with like. */
#ifndef STUDY_BENCH_H
#define STUDY_BENCH_H

#include "comm/world.h"
#include "config/settings.h"
#include "step/engine.h"

#include <stdio.h>

enum { BENCH_SIZES = 8, BENCH_LAYERS = 64 };

/* A dense layer's three passes, FLOP/s of one thread while all are at work; backward_data is 0 for a layer
 * that hands no delta on. */
typedef struct {
  char name[64];
  int64_t in, out;
  double forward, backward_data, backward_weights;
} bench_layer_t;

/* Seconds to add up a vector over the ranks of a node, in a shared window and by MPI_Allreduce. */
typedef struct {
  size_t bytes;
  double window, library;
} bench_reduction_t;

/* Of the whole job unless it says otherwise; rates per second, sizes in bytes. 0: not measured here. */
typedef struct {
  int nodes, ranks, threads;       /* threads: of all ranks */
  int precision;                   /* of the layers and steps: its row (math/precision.h) */
  double peak_fp32;                /* FLOP/s of all threads */
  double peak_bf16, peak_bf16_dot; /* the same of the instructions for bf16; 0 where the CPU has none */
  double bandwidth;                /* memory, bytes/s of all threads: two streams read, one written */
  double cross_read, cross_write;  /* bytes/s of one core, of lines that another one wrote, or read */
  double own_read;                 /* the same lines from its own cache */
  double barrier;                  /* seconds: all threads of a node */
  size_t n_reductions;
  bench_reduction_t reductions[BENCH_SIZES];
  size_t n_layers;
  bench_layer_t layers[BENCH_LAYERS];
  int64_t block_rows, slice_rows; /* rows of a kernel call; of a shard's weight gradient */
  int64_t parameters;
  int64_t steps;
  double step_seconds; /* of one step, wall time */
  double rows, flops;  /* per second, of whole steps */
  double share;        /* of the peak: median of chunks of steps, each over the peak just before and after */
  double mean_seconds; /* of one step: mean over steps and ranks, the measure of the phases */
  double phases[PHASES]; /* seconds of one step: mean over steps, threads and ranks */
  double update_bytes;   /* that one step's sums and update move, at the least */
  double startup;        /* seconds from the launch of rank 0's process to the end of its first step */
  double load_rate;      /* bytes/s of the training features from file to memory; 0: too few to measure */
} bench_t;

/* seconds: how long each part is measured, about. Nothing that it does reaches a file of a run. Collective;
 * every rank gets the figures of rank 0. */
ls_status bench_run(world_t *world, const settings_t *settings, double seconds, bench_t *out,
                    ls_error *error);

/* A table for people, ending in words about what bounds the step. */
void bench_print(const bench_t *bench, FILE *out);

/* The same as one JSON object. LS_IO. */
ls_status bench_write_json(const bench_t *bench, const char *path, ls_error *error);

#endif
