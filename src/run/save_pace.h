/* When the next checkpoint is due by the clock. Rank 0 alone asks; a collective call that takes place in any
 * case tells the others. Which steps have checkpoints thus depends on the clock, but no step does. */
#ifndef RUN_SAVE_PACE_H
#define RUN_SAVE_PACE_H

#include "config/settings.h"

#include <stdbool.h>

typedef struct {
  double every;  /* seconds between checkpoints; infinity: not by an interval */
  bool by_share; /* as often as SAVE_SHARE of the time allows, at the end of an epoch */
  double began;  /* times by clock_seconds: when training began, */
  double last;   /* ... and of which time the last checkpoint is */
  bool busy;     /* it is still being written */
  double
      spent; /* seconds of all checkpoints so far: pauses of the steps, and work of the thread that writes */
  double longest; /* seconds of the longest, or an estimate */
} save_pace_t;

/* The share of the time that checkpoints take with `checkpoint.every: auto`, and the fewest seconds between
 * two of them. */
#define SAVE_SHARE   0.01
#define SAVE_SECONDS 1.0

/* A pace that begins now. checkpoint_bytes: for the first estimate. */
save_pace_t save_pace_begin(const interval_t *every, double now, double checkpoint_bytes);

/* Whether a checkpoint is due: in the middle of an epoch, or at its end. */
bool save_pace_due(const save_pace_t *pace, double now, bool at_end_of_epoch);

/* Records that a checkpoint begins; until save_pace_saved no other one is due. */
void save_pace_saves(save_pace_t *pace, double now);
/* Records that it is complete, or has failed, and that it took `seconds` of the training's time. */
void save_pace_saved(save_pace_t *pace, double seconds);

#endif
