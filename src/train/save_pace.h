/* When the next checkpoint is due by the clock. Rank 0 alone asks; a meeting that takes place anyway tells
 * the others. Which steps have checkpoints thus depends on the clock, but no step does. */
#ifndef TRAIN_SAVE_PACE_H
#define TRAIN_SAVE_PACE_H

#include "config/settings.h"

typedef struct {
  double every;   /* seconds between checkpoints; infinity: not by an interval */
  bool by_share;  /* as often as SAVE_SHARE of the time allows, at the end of an epoch */
  double began;   /* times by clock_seconds: when training began, */
  double last;    /* ... and when the last checkpoint was complete */
  double spent;   /* seconds of all checkpoints so far */
  double longest; /* seconds of the longest, or an estimate */
} save_pace_t;

/* The share of the time that checkpoints take with `checkpoint.every: auto`. */
#define SAVE_SHARE 0.01

/* A pace that begins now. checkpoint_bytes: for the first estimate. */
save_pace_t save_pace_begin(const interval_t *every, double now, double checkpoint_bytes);

/* Whether a checkpoint is due: in the middle of an epoch, or at its end. */
bool save_pace_due(const save_pace_t *pace, double now, bool at_end_of_epoch);

/* Records a checkpoint that took `seconds`. */
void save_pace_saved(save_pace_t *pace, double now, double seconds);

#endif
