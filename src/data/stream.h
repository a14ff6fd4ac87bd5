/* Rows that do not stay in memory: a thread reads them ahead of their use.
 *
 * A rank has one reader: a thread and a buffer of data.memory_limit bytes. At any time the buffer serves one
 * walk over the rows. There are two kinds of walks. A walk over steps delivers the slices of every step of an
 * epoch in the order of the epoch, as if all rows were in memory. Each shard has a ring of slots; the reader
 * refills the slots that finished steps have released. A walk over parts delivers all rows in file order, for
 * evaluation and fitting, and alternates between the two halves of the buffer. A walk does not change the
 * order of rows, so results do not depend on the walk or the size of the buffer.
 *
 * The reader avoids the HDF5 library if it can (data/row_reader.h). If it needs the library, other threads
 * must not use HDF5 between stream_resume, or the beginning of a walk, and stream_rest, or the end of the
 * walk. If the reader fails, its walk ends: threads that wait for rows return and must check for the failure.
 */
#ifndef DATA_STREAM_H
#define DATA_STREAM_H

#include "data/dataset.h"
#include "math/scaler.h"

typedef struct stream_thread stream_thread_t;

/* Creates a buffer of `bytes` bytes for rows, and the thread. *out is caller-owned (stream_thread_destroy);
 * its memory comes from the arena. */
ls_status stream_thread_create(const char *path, int64_t bytes, arena_t *arena, stream_thread_t **out,
                               ls_error *error);
void stream_thread_destroy(stream_thread_t **reader);

/* ---- walks over steps: one thread begins, pauses and resumes them; waiting for rows is thread-safe ---- */

/* Allocates the memory of walks over steps. LS_BAD_SETTINGS if the buffer cannot hold two steps; the message
 * names the smallest limit that can. */
ls_status stream_plan_steps(stream_t *stream, order_t order, uint64_t seed, int64_t batch, ls_error *error);

/* Begins a walk over the steps of an epoch, from step `from` on. */
void stream_begin_steps(stream_t *stream, int64_t epoch, int64_t from);

/* Returns the resident rows at positions [position, position + n) of own shard s, which belong to step
 * `step`. Waits until they are read. They stay valid until the step is released. */
void stream_rows(stream_t *stream, int64_t step, int s, int64_t position, int64_t n, uint32_t *rows);

/* Releases the rows of all steps up to and including this one. */
void stream_release(stream_t *stream, int64_t step);

void stream_rest(stream_t *stream);
void stream_resume(stream_t *stream);

bool stream_failed(const stream_t *stream);
/* LS_OK, or the error of the present walk. */
ls_status stream_status(const stream_t *stream, ls_error *error);

/* ---- walks over parts: a split's rows in file order; a split in memory has one part ---- */

/* A part ends at the end of a shard, or after a multiple of PART_ROWS rows of a shard. */
enum { PART_ROWS = 256 };

typedef struct {
  int64_t first, rows; /* rows of this rank */
  int64_t resident;    /* resident row of the first of them */
} part_t;

void parts_begin(const split_t *split);
/* Returns the next part. The previous part is no longer valid. rows is 0 at the end and after a failure.
 * Called by one thread. */
ls_status parts_next(const split_t *split, part_t *part, ls_error *error);
void parts_end(const split_t *split);

/* Decides what a loss takes as targets: y scaled. For rows in memory, split->targets holds them from now on;
 * with windows or a stream the gather makes them. A scaler without columns changes no value. The scaler is
 * borrowed for the split's life; memory comes from the arena. LS_FAILED if the function was called before.
 * Not collective. */
ls_status split_scale_targets(split_t *split, const scaler_t *scaler, arena_t *arena, ls_error *error);

#endif
