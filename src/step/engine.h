/* The engine: the step that all threads of all ranks share, from gather to update.
 *
 * On one node a step has three phases, with a barrier after each:
 *   rows     each thread takes blocks of rows (of the rank's shards): gather, forward, loss, backward;
 *   fold     each thread takes tiles of the gradient, computes the tile of one shard after the other and
 * folds them in the order of the tree while they are in cache: the rank's partial sums; update   each thread
 * takes a slice of the parameter vector, adds the partial sums of all ranks in tree order, divides by the
 * rows, penalises, clips, and applies the optimiser. Nothing in it depends on who takes what, so the bits are
 * the same on any layout. With several nodes the same is done layer by layer, so that what nodes send each
 * other is under way meanwhile (staged.c, exchange.c). All memory and kernels are made at set-up; the steps
 * of one engine_run are one OpenMP region. */
#ifndef STEP_ENGINE_H
#define STEP_ENGINE_H

#include "comm/world.h"
#include "config/settings.h"
#include "features/gather.h"
#include "data/stream.h"
#include "model/graph.h"
#include "model/objective.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "step/layout.h"

typedef struct engine engine_t;

/* How the rows of a shard's slice are cut into kernel calls: follows from batch and S alone. */
typedef struct {
  int64_t slice_rows; /* the most a shard gives to a step */
  int64_t blocks;     /* kernel calls per slice */
  int64_t block_rows; /* rows of one call */
  int64_t padded;     /* blocks * block_rows: rows on the tape per shard; those beyond the slice are zero */
  int64_t together;   /* calls that a thread makes at once, at most; no bits depend on it */
} slice_shape_t;

slice_shape_t slice_shape(int64_t batch, int shards);

/* Everything is borrowed for the engine's life. Targets of the split are already scaled. Collective. */
typedef struct {
  world_t *world;
  const settings_t *settings;
  const layout_t *layout;
  const graph_t *graph;
  const objective_t *objective;
  const split_t *train;
  const features_t *features;
  int64_t timed_steps; /* room for the seconds of so many steps (timing.h); 0: they are not kept */
} engine_inputs_t;

ls_status engine_create(const engine_inputs_t *inputs, engine_t **out, ls_error *error);
void engine_destroy(engine_t **engine); /* collective */

/* Bytes that an engine takes: per rank, and of the parameters that a node's ranks share. For `check`. */
typedef struct {
  double parameters; /* once per node */
  double partials;   /* per rank */
  double states;     /* per rank: its share of the optimiser's state */
  double tape;       /* per rank */
  double exchange;   /* per rank: sums of other nodes, and of several ranks of this one */
  double files;      /* rank 0: whole vectors of parameters and state, on their way to files */
} engine_memory_t;
engine_memory_t engine_memory(const settings_t *settings, const layout_t *layout, const graph_t *graph,
                              const world_t *world);

/* The parameter vector that this rank reads (shared by its node, or its own with reduce: mpi). Valid between
 * runs. */
const float *engine_parameters(const engine_t *engine);

/* Every rank gives the same whole vector. Collective. */
ls_status engine_set_parameters(engine_t *engine, const float *vector, ls_error *error);
/* State vector k, whole on every rank when set, whole on rank 0 when got (vector may be NULL elsewhere). */
void engine_set_state(engine_t *engine, int k, const float *vector);
ls_status engine_get_state(engine_t *engine, int k, float *vector, ls_error *error); /* collective */

/* Makes the order of rows of an epoch and clears its loss sums. */
void engine_begin_epoch(engine_t *engine, int64_t epoch);

/* Steps [from, to) of the epoch; updates_before: updates done before the first of them in the whole run.
 * Collective: all ranks make the same calls. want_norm: the gradient's norm is wanted after the last step. */
ls_status engine_run(engine_t *engine, int64_t from, int64_t to, int64_t updates_before, bool want_norm,
                     ls_error *error);

/* Runs of several nodes may end before `to`, since some rank wants it: `wants` is asked in every step by one
 * thread of each rank, and all ranks end after the step in which it was true on any. Not of L-BFGS. Every
 * rank sets it, or none; never set: runs end at `to`. */
typedef bool engine_wants_t(void *context);
void engine_set_halt(engine_t *engine, engine_wants_t *wants, void *context);
bool engine_can_halt(const engine_t *engine);
/* Whether a rank wanted that in the last step; and the steps of the epoch that are done. */
bool engine_halted(const engine_t *engine);
int64_t engine_steps_done(const engine_t *engine);

/* The mean gradient (penalties added, not clipped) of step `step` of the epoch at the present parameters, by
 * the same kernels and sums as a step, whole on rank 0 (vector may be NULL elsewhere). Nothing is updated.
 * Collective. */
ls_status engine_gradient(engine_t *engine, int64_t step, int64_t updates_before, float *vector,
                          ls_error *error);
/* What own shard s gives to a step of the epoch: returns how many rows, at most slice_rows; x (n, inputs) and
 * labels (n) or values (n, width), as the loss takes them; weights (n), 1 where all count the same,
 * without the factors of heads. Not
 * collective. */
int64_t engine_rows(engine_t *engine, int64_t step, int s, float *x, int32_t *labels, float *values,
                    float *weights);

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

/* Mean loss of the epoch so far over this rank's own shards: for the live line. Not collective. */
double engine_live_loss(const engine_t *engine);

double engine_norm(const engine_t *engine); /* of the last step that wanted it, before clipping */
double engine_learning_rate(const engine_t *engine, int64_t updates_before);
/* Another course of the learning rate, from the next step on. Every rank gives the same; borrowed. */
void engine_set_schedule(engine_t *engine, const schedule_t *schedule, const schedule_plan_t *plan);
/* reduce_on_plateau: the share of the base rate from the next step on. Every rank gives the same. */
void engine_set_plateau(engine_t *engine, double share);

/* Seconds by phase since the engine was made: mean over this rank's threads. */
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

#endif
