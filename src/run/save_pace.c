#include "run/save_pace.h"

#include <math.h>

/* Estimate until a checkpoint has been timed: a disk, plus the time to open and sync files. */
#define GUESS_BYTES_PER_SECOND 500e6
#define GUESS_SECONDS          0.01

save_pace_t save_pace_begin(const interval_t *every, double now, double checkpoint_bytes) {
  return (save_pace_t){.every = every->seconds > 0 ? every->seconds : INFINITY,
                       .by_share = every->is_auto,
                       .began = now,
                       .last = now,
                       .longest = GUESS_SECONDS + checkpoint_bytes / GUESS_BYTES_PER_SECOND};
}

bool save_pace_due(const save_pace_t *pace, double now, bool at_end_of_epoch) {
  if (pace->busy) return false;
  if (now - pace->last >= pace->every) return true;
  return at_end_of_epoch && pace->by_share && now - pace->last >= SAVE_SECONDS &&
         pace->spent + pace->longest <= SAVE_SHARE * (now - pace->began);
}

void save_pace_saves(save_pace_t *pace, double now) {
  pace->busy = true;
  pace->last = now;
}

void save_pace_saved(save_pace_t *pace, double seconds) {
  pace->longest = pace->spent > 0 ? fmax(pace->longest, seconds) : seconds;
  pace->spent += seconds;
  pace->busy = false;
}
