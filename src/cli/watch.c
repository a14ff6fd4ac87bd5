/* lockstep watch: follows a run in the terminal. */
#include "cli/command.h"

#include "inspect/watch.h"

enum { KEY_ONCE = FIRST_KEY, KEY_COLUMNS, KEY_EVERY };

typedef struct {
  arguments_t arguments;
  watch_options_t watch;
} watch_arguments_t;

static const struct argp_option options[] = {
    {"once", KEY_ONCE, NULL, 0, "print the present state, and end", 0},
    {"columns", KEY_COLUMNS, "COLUMN[,COLUMN]", 0,
     "draw these columns of the history; default: train_loss, valid_loss, and a metric", 0},
    {"every", KEY_EVERY, "SECONDS", 0, "look at the run every SECONDS; default 1", 0},
    {0},
};

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  watch_arguments_t *a = state->input;
  switch (key) {
  case KEY_ONCE:
    a->watch.is_once = true;
    return 0;
  case KEY_COLUMNS:
    a->watch.columns = arg;
    return 0;
  case KEY_EVERY:
    return arguments_positive(&a->arguments, "--every", arg, &a->watch.every);
  default:
    return arguments_key(key, arg, state);
  }
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  watch_arguments_t *a = input;
  (void)session;
  a->watch.run = a->arguments.words[0];
  if (!(a->watch.every > 0)) a->watch.every = 1;
  return watch_run(&a->watch, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "RUN",
    .doc =
        "Follows a run until it ends: its curves, how far it is and when it will end, what its time goes "
        "into, "
        "its newest checkpoint, and the process that works on it. RUN is a run directory or the name of a "
        "run, "
        "also one that trains on another host with the same file system.\vA terminal shows a page that is "
        "drawn "
        "in place; Ctrl-C ends it, and the run goes on. Elsewhere there is a line for each new epoch. In a "
        "locale "
        "with UTF-8 the curves have block characters.\n\nExit codes: 0 the run is finished, 75 it was "
        "stopped and can "
        "be resumed, or watching was ended by Ctrl-C, 1 it failed or its process is gone. With --once: 0."};

const command_t command_watch = {
    .name = "watch",
    .meaning = "follow a run in the terminal: curves, progress, time left",
    .argp = &argp,
    .options_size = sizeof(watch_arguments_t),
    .fewest = 1,
    .most = 1,
    .takes_signals = true,
    .run = run,
};
