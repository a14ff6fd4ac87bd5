/* Measures how fast the machine is and how much of that speed a network reaches.
 *
 * Everything is measured in one run with all threads of all ranks at work, and each figure is the median of
 * several repeats. Shares of the peak therefore compare figures taken under the same conditions. */
#ifndef STUDY_BENCH_H
#define STUDY_BENCH_H

#include "comm/world.h"
#include "config/settings.h"
#include "step/engine.h"

#include <stdio.h>

enum { BENCH_SIZES = 8, BENCH_LAYERS = 64 };

/* The three passes of a dense layer, in FLOP/s of one thread while all threads work. backward_data is 0 for a
 * layer that passes no delta on. */
typedef struct {
  char name[64];
  int64_t in, out;
  double forward, backward_data, backward_weights;
} bench_layer_t;

/* Seconds to sum a vector over the ranks of a node: in a shared-memory window, and by MPI_Allreduce. */
typedef struct {
  size_t bytes;
  double window, library;
} bench_reduction_t;

/* What the machine can do, with all threads of the job at work. */
typedef struct {
  double peak_fp32;                /* FLOP/s of all threads */
  double peak_bf16, peak_bf16_dot; /* the same with bf16 instructions; 0 if the CPU has none */
  double bandwidth; /* memory bandwidth in bytes/s, all threads: two streams read, one written */
  double cross_read, cross_write; /* bytes/s of one core for cache lines that another core wrote (or read) */
  double own_read;                /* the same lines read from the core's own cache */
  double barrier;                 /* seconds, all threads of a node */
} bench_machine_t;

/* Training steps of the network. */
typedef struct {
  int64_t steps;       /* measured */
  double step_seconds; /* wall time of one step */
  double rows, flops;  /* per second, over whole steps */
  double share; /* share of the peak: median over chunks of steps, each relative to the peak measured around
                   it */
  double mean_seconds;   /* one step: mean over steps and ranks; the reference for the phases */
  double phases[PHASES]; /* seconds per step: mean over steps, threads and ranks */
  double update_bytes;   /* least bytes that the sums and the update of one step move */
} bench_steps_t;

/* Figures of the whole job unless noted otherwise. Rates are per second, sizes in bytes; 0: not measured. */
typedef struct {
  int nodes, ranks, threads; /* threads: total over all ranks */
  int precision;             /* precision of layers and steps: index of its row (math/precision.h) */
  bench_machine_t machine;
  size_t n_reductions;
  bench_reduction_t reductions[BENCH_SIZES];
  size_t n_layers;
  bench_layer_t layers[BENCH_LAYERS];
  int64_t block_rows, slice_rows; /* rows per kernel call; rows per weight gradient of a shard */
  int64_t parameters;
  bench_steps_t run;
  double startup;   /* seconds from the launch of rank 0's process to the end of its first step */
  double load_rate; /* bytes/s of reading training features from file to memory; 0: too few to measure */
} bench_t;

/* Measures the machine and the network of the settings, about `seconds` per part. Writes no file of a run.
 * All ranks get the figures of rank 0. Collective. */
ls_status bench_run(world_t *world, const settings_t *settings, double seconds, bench_t *out,
                    ls_error *error);

/* Prints a table, followed by a sentence about what limits the speed of a step. */
void bench_print(const bench_t *bench, FILE *out);

/* Writes the figures as one JSON object. Errors are LS_IO. */
ls_status bench_write_json(const bench_t *bench, const char *path, ls_error *error);

#endif
