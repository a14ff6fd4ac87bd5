/* When a checkpoint is due: by an interval, or as often as a share of the time allows. The clock is the
 * test's. */
#include "run/save_pace.h"

#include <criterion/criterion.h>

Test(save_pace, an_interval_counts_from_the_last_checkpoint) {
  const interval_t every = {.seconds = 100};
  save_pace_t pace = save_pace_begin(&every, 1000, 0);
  cr_assert_not(save_pace_due(&pace, 1099, false));
  cr_assert(save_pace_due(&pace, 1100, false));
  save_pace_saves(&pace, 1105);
  cr_assert_not(save_pace_due(&pace, 5000, false), "the last one is still being written");
  save_pace_saved(&pace, 30);
  cr_assert_not(save_pace_due(&pace, 1204, false));
  cr_assert(save_pace_due(&pace, 1205, false));
}

/* A checkpoint of so many seconds is due when all of them, the next included, have a share of the time. */
Test(save_pace, a_share_of_the_time_counts_all_checkpoints) {
  const interval_t every = {.is_auto = true};
  save_pace_t pace = save_pace_begin(&every, 0, 0);
  const double cost = 10 * SAVE_SHARE * SAVE_SECONDS;
  save_pace_saves(&pace, 0);
  save_pace_saved(&pace, cost);
  const double due = 2 * cost / SAVE_SHARE;
  cr_assert_not(save_pace_due(&pace, 2 * due, false), "within an epoch");
  cr_assert_not(save_pace_due(&pace, 0.99 * due, true));
  cr_assert(save_pace_due(&pace, 1.01 * due, true));
  save_pace_saves(&pace, due);
  save_pace_saved(&pace, 3 * cost); /* the next one may take as long as the longest */
  cr_assert_not(save_pace_due(&pace, 0.99 * 7 * cost / SAVE_SHARE, true));
  cr_assert(save_pace_due(&pace, 1.01 * 7 * cost / SAVE_SHARE, true));
}

Test(save_pace, small_checkpoints_are_some_seconds_apart) {
  const interval_t every = {.is_auto = true};
  save_pace_t pace = save_pace_begin(&every, 0, 0);
  save_pace_saves(&pace, 0);
  save_pace_saved(&pace, 1e-9);
  cr_assert_not(save_pace_due(&pace, 0.99 * SAVE_SECONDS, true));
  cr_assert(save_pace_due(&pace, 1.01 * SAVE_SECONDS, true));
}
