/* clang-format off */
/* The engine: one training step, which all threads of all ranks share, from gather to update.
 *
 *   rows      each thread takes calls of rows of the rank's shards: gather, forward, loss, backward
 *   fold      each thread takes tiles of the gradient, computes a tile for one shard after the other, and adds
 *             the shards up in the order of the tree while the tile is in cache: the rank's partial sums
 *   update    the rank that owns the parameters adds up the partial sums of all ranks in the order of the tree,
 *             divides by the rows, adds penalties, and applies the optimiser
 *
 * A strategy decides how fold and update follow each other (strategy.h). On one node both are one phase, tile
 * by tile, through a ring of slots. With several nodes buckets of the gradient travel between nodes while the
 * ranks compute. No number depends on which thread or rank computes it, so the bits are the same on any layout.
 *
 * All memory is allocated at set-up. The steps of one engine_run are one OpenMP region. Unless a function
 * says otherwise, only the thread that created the engine calls it, between runs. */
/* clang-format on */
#ifndef STEP_ENGINE_H
#define STEP_ENGINE_H

#include "comm/world.h"
#include "config/settings.h"
#include "features/gather.h"
#include "data/stream.h"
#include "model/graph.h"
#include "loss/objective.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "layout/layout.h"

typedef struct engine engine_t;

/* How a slice (a shard's rows of a batch) is cut into kernel calls. Depends only on the batch and S. */
typedef struct {
  int64_t slice_rows; /* most rows of a shard in a step */
  int64_t calls;      /* kernel calls per slice */
  int64_t call_rows;  /* rows of one call */
  int64_t padded;     /* calls * call_rows: rows on the tape per shard; rows beyond the slice are zero */
  int64_t together;   /* most calls that a thread makes at once; the bits do not depend on it */
} slice_shape_t;

slice_shape_t slice_shape(int64_t batch, int shards);

/* Everything is borrowed for the engine's life. Targets of the split are already scaled. */
typedef struct {
  world_t *world;
  const settings_t *settings;
  const layout_t *layout;
  const graph_t *graph;
  const objective_t *objective;
  const split_t *train;
  const features_t *features;
  int64_t timed_steps; /* most steps whose seconds are recorded (timing.h); 0: none */
} engine_inputs_t;

/* *out is caller-owned (engine_destroy) and untouched on failure. Collective. */
ls_status engine_create(const engine_inputs_t *inputs, engine_t **out, ls_error *error);
void engine_destroy(engine_t **engine); /* collective */

const engine_inputs_t *engine_inputs(const engine_t *engine); /* borrowed */

/* Bytes of memory that an engine needs, for `check`. Not collective. */
typedef struct {
  double parameters; /* once per node */
  double partials;   /* per rank */
  double states;     /* per rank: its share of the optimiser's state */
  double tape;       /* per rank */
  double exchange;   /* per rank: sums of other nodes, and of several ranks of this one */
} engine_memory_t;
engine_memory_t engine_memory(const settings_t *settings, const layout_t *layout, const graph_t *graph,
                              const world_t *world);

/* The parameter vector (graph_floats). The ranks of a node share it; with reduce: mpi each rank has its own.
 * Valid between runs. Borrowed. */
const float *engine_parameters(const engine_t *engine);

/* Sets the parameters. Every rank passes the same whole vector (graph_floats). Collective. */
ls_status engine_set_parameters(engine_t *engine, const float *vector, ls_error *error);
/* State vector k of the optimiser, whole (graph_floats). engine_set_state: every rank passes the same vector,
 * or NULL for zeros; not collective. engine_get_state: rank 0 passes a buffer, other ranks may pass NULL;
 * collective. */
void engine_set_state(engine_t *engine, int k, const float *vector);
ls_status engine_get_state(engine_t *engine, int k, float *vector, ls_error *error);

/* A range of the parameter vector, in floats. */
typedef struct {
  size_t first, count;
} state_range_t;

/* The ranges whose states a rank holds, in its order: writes them to `out`, unless that is NULL, and returns
 * their number. Ranges may be empty. Not collective. */
size_t engine_state_ranges(const engine_t *engine, int rank, state_range_t *out);
/* State vector k of this rank's ranges, one after the other. Valid between runs. Borrowed. */
float *engine_own_state(engine_t *engine, int k);

/* Makes the order of rows of an epoch and clears its sums of losses. Not collective. */
void engine_begin_epoch(engine_t *engine, int64_t epoch);

/* Runs steps [from, to) of the epoch. updates_before: updates of the whole run before step `from`. want_norm:
 * compute the gradient's norm in the last step. Collective: all ranks make the same calls. */
ls_status engine_run(engine_t *engine, int64_t from, int64_t to, int64_t updates_before, bool want_norm,
                     ls_error *error);

/* With several nodes, engine_run may return before `to` because a rank asks for it. One thread of each rank
 * calls `wants` in every step, and all ranks return after the step in which any call returned true. With
 * L-BFGS this never happens. Either every rank sets `wants` or none does; without it, engine_run returns at
 * `to`. */
typedef bool engine_wants_t(void *context);
void engine_set_halt(engine_t *engine, engine_wants_t *wants, void *context);
bool engine_can_halt(const engine_t *engine);
/* Whether a rank asked for the end in the last step. Not collective. */
bool engine_halted(engine_t *engine);
int64_t engine_steps_done(const engine_t *engine); /* of the epoch */

/* The mean gradient (penalties added, not clipped) of step `step` of the epoch at the present parameters, by
 * the same kernels and sums as a step, whole on rank 0 (vector may be NULL elsewhere). Nothing is updated.
 * Collective. */
ls_status engine_gradient(engine_t *engine, int64_t step, int64_t updates_before, float *vector,
                          ls_error *error);
/* Copies the rows of own shard s in a step of the epoch and returns their number n, at most slice_rows. x (n,
 * inputs); labels (n) or values (n, width), whichever the loss uses; weights (n) without the factors of
 * heads, all 1 if rows have no weights. Not collective. */
int64_t engine_rows(engine_t *engine, int64_t step, int s, float *x, int32_t *labels, float *values,
                    float *weights);

/* Numbers that are not finite (fault.h). loss_shard and gradient are -1 if there are none. */
typedef struct {
  int64_t loss_step, loss_shard;   /* the first step (updates before it) with a loss that is not finite */
  int64_t gradient_step, gradient; /* the same of the gradient, and its place in the vector, within 16 */
} engine_faults_t;
/* Whether this rank has seen a fault. May be called by the thread that answers `wants`. */
bool engine_has_fault(engine_t *engine);
/* The first faults of all ranks since the last call. Collective. */
ls_status engine_take_faults(engine_t *engine, engine_faults_t *out, ls_error *error);

/* Computes the losses of a step at the present parameters, for engine_step_loss, and changes nothing.
 * Collective. */
ls_status engine_try(engine_t *engine, int64_t step, int64_t updates_before, ls_error *error);

/* Steps that were not applied, because loss or gradient was not finite (train.on_nan=skip), or the gradient's
 * norm above SKIPS_NORM, so that the squares that optimisers keep might not be finite. The same on every
 * rank. engine_run returns early once train.max_skips steps in a row have been skipped. */
typedef struct {
  int64_t steps;    /* of the run; they do not count as updates of the optimiser */
  int64_t rows;     /* rows of those of the epoch */
  int64_t in_a_row; /* at the end */
} skips_t;
#define SKIPS_NORM 1e19
skips_t engine_skips(const engine_t *engine);
void engine_set_skips(engine_t *engine, const skips_t *skips); /* before an epoch; same on every rank */

/* The number of row i of own shard s in a step of the epoch, among the training rows; -1 if they are
 * streamed. Not collective. */
int64_t engine_row_number(const engine_t *engine, int64_t step, int s, int64_t i);

/* Loss sums of every head by shard, all (S, heads) on every rank: of the last step, or of the epoch so far.
 * Collective. */
ls_status engine_step_loss(engine_t *engine, double *sums, ls_error *error);
ls_status engine_epoch_loss(engine_t *engine, double *sums, ls_error *error);
/* Restores the epoch's sums after a resume; all (S, heads). */
void engine_set_epoch_loss(engine_t *engine, const double *sums);

/* The sum over all shards of head h's loss, by the tree, from all sums (S, heads); and the weighted sum of
 * the heads' losses. Pure. */
double engine_head_loss(const engine_t *engine, const double *sums, size_t h);
double engine_total_loss(const engine_t *engine, const double *sums);

/* Mean loss of the epoch so far over this rank's own shards, for the live line. Not collective. */
double engine_live_loss(const engine_t *engine);

double engine_norm(const engine_t *engine); /* of the last step with want_norm, before clipping */
double engine_learning_rate(const engine_t *engine, int64_t updates_before);
/* Changes the schedule from the next step on. Every rank passes the same; `schedule` is borrowed. */
void engine_set_schedule(engine_t *engine, const schedule_t *schedule, const schedule_plan_t *plan);
/* reduce_on_plateau: the factor of the base rate from the next step on. Every rank passes the same. */
void engine_set_plateau(engine_t *engine, double share);

/* Seconds by phase since the engine was created: mean over this rank's computing threads. Not collective. */
#define ENGINE_PHASES(X)                                                                                     \
  X(PHASE_GATHER, "gather")                                                                                  \
  X(PHASE_FORWARD, "forward")                                                                                \
  X(PHASE_BACKWARD, "backward")                                                                              \
  X(PHASE_FOLD, "fold")                                                                                      \
  X(PHASE_UPDATE, "update")                                                                                  \
  X(PHASE_EXCHANGE, "exchange")                                                                              \
  X(PHASE_READ, "read")                                                                                      \
  X(PHASE_WAIT, "wait")
typedef enum {
#define ENGINE_PHASE_CODE(code, name) code,
  ENGINE_PHASES(ENGINE_PHASE_CODE)
#undef ENGINE_PHASE_CODE
      PHASES
} engine_phase_t;
const char *engine_phase_name(engine_phase_t phase);
void engine_seconds(const engine_t *engine, double seconds[PHASES]);

/* The timed steps (engine_inputs_t) that have been run. *rows (steps): rows of each; borrowed. */
int64_t engine_timed_steps(const engine_t *engine, const int64_t **rows);
/* What this rank's threads spent in timed step t: the mean over them for each phase, then the longest time of
 * the exchange. */
enum { STEP_SECONDS = PHASES + 1 };
void engine_step_seconds(const engine_t *engine, int64_t t, double seconds[STEP_SECONDS]);

#endif
