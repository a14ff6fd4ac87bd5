/* Parts of a checkpoint: files in which each rank has written its share of the optimiser's state.
 *
 *   checkpoint-STEP.h5                  model, position, history, and the list of parts
 *   checkpoint-STEP-part-1-of-N.h5      the state of some ranges of the parameter vector
 *   ...
 *   checkpoint-STEP-part-N-of-N.h5
 *
 * All parts exist before the checkpoint that lists them, so a checkpoint that exists is complete. The list
 * says which ranges each part holds, so ranks of any number can read what they need, and it holds the
 * checksum of each part's seal, so a part of another checkpoint is not taken for one of this. Nothing here is
 * collective. */
#ifndef RUN_CHECKPOINT_PART_H
#define RUN_CHECKPOINT_PART_H

#include "optim/optimizer.h"
#include "step/engine.h"
#include "store/store.h"

/* A range of the parameter vector, in floats, and the part that holds it, from 1. A part holds its ranges one
 * after the other in the order of the list. */
typedef struct {
  int64_t part, first, count;
} part_range_t;

/* {0}: no parts; the state is in the checkpoint itself. */
typedef struct {
  int64_t n;       /* parts */
  uint64_t *seals; /* (n) */
  size_t n_ranges;
  part_range_t *ranges; /* (n_ranges) */
} part_list_t;

/* The path of a part of the checkpoint at `checkpoint` (…/checkpoint-STEP.h5). */
void part_path(const char *checkpoint, int64_t part, int64_t parts, char *out, size_t size);

/* Writes a part: `floats` values of each state of the optimiser. */
ls_status part_write(const char *path, const optimizer_t *optimizer, const float *const *states,
                     int64_t floats, ls_error *error);

/* Allocates a list; its members are to be filled. LS_NO_MEMORY. */
ls_status part_list_create(int64_t parts, size_t ranges, part_list_t *out, ls_error *error);
void part_list_free(part_list_t *list);

/* In a checkpoint. Reading gives {0} if the checkpoint has no parts. */
ls_status part_list_write(const part_list_t *list, store_t *store, ls_error *error);
ls_status part_list_read(const store_t *store, part_list_t *out, ls_error *error);

/* Compares every byte of every part with what was written. LS_BAD_DATA if a part is missing or damaged. */
ls_status part_list_check(const part_list_t *list, const char *checkpoint, ls_error *error);

/* Reads the state of own ranges (n), which follow each other in the vectors of `states`. Opens only parts
 * that hold some of them. LS_BAD_DATA if no part holds a value. */
ls_status part_list_load(const part_list_t *list, const char *checkpoint, const optimizer_t *optimizer,
                         const state_range_t *own, size_t n, float *const *states, ls_error *error);

#endif
