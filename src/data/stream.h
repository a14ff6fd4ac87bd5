/* Rows that do not stay in memory: a thread reads them ahead of those who want them.
 *
 * A rank has one reader: a thread and a buffer of data.memory_limit bytes, in which the rows of one walk at a
 * time pass by. There are two walks. Steps: every step of an epoch takes its slice of each shard in the order
 * of the epoch, as if all rows were in memory; each shard has a ring of slots, and the reader fills whatever
 * finished steps have left. Parts: all rows as they lie, for evaluation and fitting, one half of the buffer
 * after the other. A walk neither knows nor changes which rows come when, so results do not depend on it.
 *
 * The reader does its best without the HDF5 library (see data/row_reader.h). Where it needs it, the library
 * is its own from stream_resume (and the beginning of a walk) to stream_rest (and the end of the walk), and
 * everybody else's in between. What goes wrong with the reader ends its walk; whoever waits for rows is let
 * through, and must ask. */
#ifndef DATA_STREAM_H
#define DATA_STREAM_H

#include "data/dataset.h"
#include "math/scaler.h"

typedef struct stream_thread stream_thread_t;

/* Memory for `bytes` bytes of rows, and the thread. *out is caller-owned (stream_thread_destroy); its memory
 * comes from the arena. */
ls_status stream_thread_create(const char *path, int64_t bytes, arena_t *arena, stream_thread_t **out,
                               ls_error *error);
void stream_thread_destroy(stream_thread_t **reader);

/* ---- steps: one thread begins, rests and resumes; waiting for rows is thread-safe ---- */

/* Takes the memory that walks over steps need. LS_BAD_SETTINGS, with the limit that would do, when two steps
 * have no room. */
ls_status stream_plan_steps(stream_t *stream, order_t order, uint64_t seed, int64_t batch, ls_error *error);

/* Begins to read for the steps of an epoch, from step `from` on. */
void stream_begin_steps(stream_t *stream, int64_t epoch, int64_t from);

/* Resident rows of own shard s's positions [position, position + n), which belong to step `step`. Waits until
 * they are there. They stay until the step is released. */
void stream_rows(stream_t *stream, int64_t step, int s, int64_t position, int64_t n, uint32_t *rows);

/* Steps up to and including this one need their rows no more. */
void stream_release(stream_t *stream, int64_t step);

void stream_rest(stream_t *stream);
void stream_resume(stream_t *stream);

bool stream_failed(const stream_t *stream);
/* LS_OK, or what went wrong in the present walk. */
ls_status stream_status(const stream_t *stream, ls_error *error);

/* ---- parts: a split's rows as they lie, whether they are in memory (then there is one part) or not ---- */

/* A part ends where a shard does, or after a multiple of so many rows of a shard. */
enum { PART_ROWS = 256 };

typedef struct {
  int64_t first, rows; /* which of the rank's rows */
  int64_t resident;    /* where the first of them is */
} part_t;

void parts_begin(const split_t *split);
/* The next part; the one before is gone. rows 0 is the end, also after a failure. Called by one thread. */
ls_status parts_next(const split_t *split, part_t *part, ls_error *error);
void parts_end(const split_t *split);

/* Raw targets become scaled ones, and split->scaled_by says so: at once when they are in memory, else as they
 * are read; those of windows as they are gathered. A scaler of no columns leaves them as they are. The scaler
 * is borrowed for the split's life. LS_FAILED when the targets are scaled already. Not collective. */
ls_status split_scale_targets(split_t *split, const scaler_t *scaler, ls_error *error);

#endif
