/* Saving: checkpoints are written while training goes on.
 *
 *   steps   | copy | next steps ...                          | copy | next steps ...
 *   thread         | write, read back, seal, sync, rename, prune |  | write ...
 *
 * At the end of a step all ranks copy the state of the run; this is the pause. A thread of rank 0 writes the
 * copy (run/background.h). At most one checkpoint is being written. If another one is due before, the ranks
 * wait for the first; a checkpoint that is due by the clock comes later instead. The end of a run, and a
 * request to stop, wait until their checkpoint is on the disk.
 *
 * Large states are written in parts, by all ranks (run/checkpoint_part.h). When all ranks have found, at the
 * next look, that their parts are on the disk, rank 0 writes the checkpoint that lists them.
 *
 * With checkpoint.copies, a checkpoint that is complete is copied to other hosts (run/partner.h): before the
 * next one is begun, or earlier at a look.
 *
 * A checkpoint that cannot be written is reported, and training goes on: the one before is still there. Only
 * the last checkpoint of a run must succeed.
 *
 * While a checkpoint is being written, nothing else writes to the run directory but log.jsonl: the thread
 * removes temporary files of this process. */
#ifndef RUN_SAVER_H
#define RUN_SAVER_H

#include "comm/world.h"
#include "run/background.h"
#include "run/checkpoint.h"
#include "run/partner.h"
#include "run/run_directory.h"
#include "step/engine.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What became of a checkpoint. */
typedef struct {
  bool is_saved;
  int64_t step;
  double pause;           /* seconds that the steps paused for it */
  background_cost_t cost; /* of writing it */
  const char *reason;     /* why it was not saved */
} save_news_t;

/* Called on rank 0, in one of the calls below, when a checkpoint is complete or has failed. */
typedef void save_tell_t(const save_news_t *news, void *context);

/* All are borrowed for the life of the saver. */
typedef struct {
  world_t *world;
  const run_directory_t *run;
  const settings_t *settings;
  const graph_t *graph;
  const optimizer_t *optimizer;
  engine_t *engine;
  const log_t *log;
  size_t n_sums;        /* shards * heads */
  int64_t resumed_step; /* of the checkpoint that the run goes on from; -1: none */
  int64_t resumed_best; /* the step of its best parameters; -1: none */
  bool replaces;        /* an earlier run is removed, and copies of its checkpoints too */
  save_tell_t *tell;
  void *context;
} saver_inputs_t;

/* The state to be saved. `position` and `is_last` on all ranks, all else on rank 0. Borrowed for the call;
 * parameters and best parameters until the checkpoint is complete. */
typedef struct {
  bool is_last; /* nothing will change the state before the checkpoint is complete, which must succeed */
  const position_t *position;
  model_parts_t model;
  const float *best;  /* the best parameters, of position->best_step, or NULL if they are in a file */
  int64_t best_epoch; /* their epoch */
  const double *sums; /* (n_sums): loss sums of the epoch */
  const history_t *history;
} save_state_t;

/* What a checkpoint is made of: copies that do not change while it is written. */
typedef struct {
  float *parameters;                   /* rank 0: room for a copy of the parameters */
  float *states[OPTIMIZER_MAX_STATES]; /* whole on rank 0, or in parts: those of this rank */
  double *sums;                        /* rank 0: (shards, heads) */
  history_t history;                   /* rank 0 */
  position_t position;
} save_copies_t;

/* What the thread writes. */
typedef struct {
  model_parts_t model;
  const float *states[OPTIMIZER_MAX_STATES];
  bool has_best;            /* first write the best parameters to a file of their own, */
  model_parts_t best;       /* ... which are these */
  atomic_bool best_is_done; /* ... and may change now */
  uint64_t seal;            /* of this rank's part, once it is written */
} save_job_t;

/* For messages and the summary. On rank 0. */
typedef struct {
  int64_t saved, failed;
  double pause;      /* seconds of steps that all checkpoints have cost */
  double last_pause; /* the same of the present one */
  int64_t good_step; /* the newest checkpoint on the disk; -1: none */
  int64_t good_time; /* when it was made, in seconds since 1970 */
  int64_t good_best; /* the step of its best parameters; -1: none */
} save_record_t;

typedef struct {
  saver_inputs_t in;
  background_t *thread; /* NULL on a rank that writes nothing */
  bool in_parts;        /* the same on all ranks */
  int64_t part, parts;  /* in parts: this rank's part, 0: none; and their number */
  int64_t part_floats;
  part_list_t list;       /* rank 0, in parts: the parts of the present checkpoint */
  bool parts_pending;     /* parts are being written; the same on all ranks */
  bool is_pending;        /* rank 0: the checkpoint itself is being written */
  double looked;          /* time of the last saver_look */
  background_cost_t cost; /* of this rank's part of the present checkpoint */
  ls_error failure;       /* rank 0: what must end the run, at the next checkpoint */
  save_copies_t copies;
  save_job_t job;
  save_record_t record;
  partner_t partner;
} saver_t;

/* Whether a run keeps checkpoints. */
bool saver_keeps(const settings_t *settings);

/* Whether the states of a network with `floats` parameters are written in parts, if all ranks see the
 * directory.
 */
bool saver_in_parts(const settings_t *settings, size_t floats, int ranks);

/* Bytes that a rank needs to save, besides the state itself: the best parameters and copies. `states`:
 * vectors of the optimiser. Not collective. */
double saver_memory(const settings_t *settings, int states, size_t floats, int rank, int ranks);

/* Takes memory and starts threads, once the run directory exists. `saver` must stay where it is; saver_free
 * also after a failure. Collective. */
ls_status saver_create(const saver_inputs_t *inputs, saver_t *saver, ls_error *error);
void saver_free(saver_t *saver); /* waits for the thread; also of {0} */

/* Saves a checkpoint. If it is the last one, waits until it is on the disk and fails if it does not get
 * there. Otherwise only begins, and fails only if the run has lost its directory or a rank. Collective. */
ls_status saver_save(saver_t *saver, const save_state_t *state, ls_error *error);

/* Takes note of a checkpoint that is complete, or has failed, without waiting. Called where all ranks
 * meet in any case. Collective. */
ls_status saver_look(saver_t *saver, ls_error *error);

/* Whether a meeting would find something new. Any thread may ask. */
bool saver_wants_look(const saver_t *saver);

/* Waits for what is still being written, and takes note of it. Does nothing with {0}. Collective. */
void saver_finish(saver_t *saver);

/* Whether a checkpoint is being written, so that the run directory belongs to the thread. On rank 0. */
bool saver_is_busy(const saver_t *saver);

/* Waits until the thread no longer reads the best parameters. On rank 0. */
void saver_release_best(const saver_t *saver);

#endif
