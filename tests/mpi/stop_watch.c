/* Requests to stop: of each rank alone, early enough before a deadline to save, and the same on all ranks. */
#include "run/stop_watch.h"

#include "base/clock.h"
#include "base/signals.h"
#include "mpi/check.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A look at a watch that has just begun; seconds from now, 0: none. All ranks find the same. */
static stop_reason_t look(world_t *world, stop_watch_t *watch) {
  ls_error error = {0};
  stop_reason_t stop = STOP_NOT;
  int64_t most[2], least[2];
  CHECK_OK(stop_watch_look(watch, &stop, &error));
  most[0] = least[0] = stop;
  most[1] = least[1] = watch->steps_left;
  CHECK_OK(world_max_i64(world, most, 2, &error));
  CHECK_OK(world_min_i64(world, least, 2, &error));
  CHECK(most[0] == least[0], "some ranks stop, others do not");
  CHECK(most[1] == least[1], "ranks do other numbers of steps");
  return stop;
}

static stop_reason_t look_with(world_t *world, double time_limit, int64_t job_end, double bytes) {
  stop_watch_t watch;
  stop_watch_begin(&watch, world, clock_seconds(), time_limit, job_end, bytes);
  return look(world, &watch);
}

/* A checkpoint of 10 GB takes about 100 s, until one has been timed. Time is kept for two of them. */
static void check_time_to_save(world_t *world) {
  CHECK(look_with(world, 1000, 0, 10e9) == STOP_NOT, "a limit far away stops the run");
  CHECK(look_with(world, 100, 0, 0) == STOP_NOT, "100 s suffice for a checkpoint of nothing");
  CHECK(look_with(world, 150, 0, 10e9) == STOP_TIME_LIMIT, "150 s do not suffice for 10 GB");
  CHECK(look_with(world, 0, time(NULL) + 150, 0) == STOP_NOT, "a job that ends in 150 s stops");
  CHECK(look_with(world, 0, time(NULL) + 150, 10e9) == STOP_JOB_END, "150 s do not suffice for 10 GB");
  CHECK(look_with(world, 0, time(NULL) + 14, 0) == STOP_JOB_END, "15 s are kept for the end of the job");
  stop_watch_t watch;
  stop_watch_begin(&watch, world, clock_seconds(), 100, 0, 0);
  stop_watch_saved(&watch, 1, &(background_cost_t){.wall = 2});
  CHECK(look(world, &watch) == STOP_NOT, "a checkpoint of 3 s");
  stop_watch_saved(&watch, 1, &(background_cost_t){.wall = 60});
  CHECK(look(world, &watch) == STOP_TIME_LIMIT, "a checkpoint of 61 s, and 100 s are left");
}

/* In a pass, the time of the first share says how many follow until the next look, at most all of them. */
static void check_pass(world_t *world) {
  stop_watch_t watch;
  stop_watch_begin(&watch, world, clock_seconds(), 0, 0, 0);
  stop_watch_pass(&watch, 64);
  CHECK(watch.steps_left == 1, "the first share is followed by a look");
  CHECK(look(world, &watch) == STOP_NOT && watch.steps_left == 64, "a fast pass: %lld shares",
        (long long)watch.steps_left);
  stop_watch_pass(&watch, 64);
  watch.last_look -= 0.06; /* four shares in a quarter of a second */
  CHECK(look(world, &watch) == STOP_NOT && watch.steps_left >= 1 && watch.steps_left <= 4, "%lld shares",
        (long long)watch.steps_left);
  stop_watch_pass(&watch, 64);
  watch.last_look -= 100;
  CHECK(look(world, &watch) == STOP_NOT && watch.steps_left == 1, "%lld shares", (long long)watch.steps_left);
}

/* As after each epoch of a fit, whatever steps there are: the steps to the next look grow, but not for ever.
 */
static void check_many_looks(world_t *world) {
  stop_watch_t watch;
  stop_watch_begin(&watch, world, clock_seconds(), 0, 0, 0);
  for (int i = 0; i < 100; i++) {
    CHECK(look(world, &watch) == STOP_NOT, "look %d", i);
    CHECK(watch.steps_left >= 1, "%lld steps to the next look", (long long)watch.steps_left);
  }
}

static void check_each_rank(world_t *world) {
  for (int r = 0; r < world_size(world); r++) {
    const bool is_it = world_rank(world) == r;
    char expected[48];
    stop_watch_t watch;
    CHECK(look_with(world, is_it ? 1e-3 : 0, 0, 0) == STOP_TIME_LIMIT, "the limit of rank %d", r);
    CHECK(look_with(world, 0, is_it ? 1 : 0, 0) == STOP_JOB_END, "the job of rank %d", r);
    stop_watch_begin(&watch, world, clock_seconds(), 0, 0, 0);
    if (is_it) raise(SIGTERM);
    CHECK(look(world, &watch) == STOP_SIGNAL, "the signal of rank %d", r);
    snprintf(expected, sizeof expected, "SIGTERM came to rank %d on ", r);
    char text[160];
    stop_watch_text(&watch, STOP_SIGNAL, text, sizeof text);
    CHECK(strncmp(text, expected, strlen(expected)) == 0, "rank %d: %s", world_rank(world), text);
    stop_watch_begin(&watch, world, clock_seconds(), 0, 0, 0);
    if (is_it) raise(SIGCONT);
    CHECK(look(world, &watch) == STOP_NOT, "SIGCONT stops nothing");
    CHECK(watch.save_due, "rank %d does not know that rank %d wants a checkpoint", world_rank(world), r);
    CHECK(look(world, &watch) == STOP_NOT && !watch.save_due, "it is asked for once");
  }
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  signals_note();
  check_time_to_save(world);
  check_pass(world);
  check_many_looks(world);
  check_each_rank(world);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
