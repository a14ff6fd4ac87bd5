/* lockstep history: the epochs of a run as a table, or for TensorBoard. */
#include "cli/command.h"

#include "inspect/history.h"

#include <string.h>

enum { KEY_FORMAT = FIRST_KEY, KEY_COLUMNS };

typedef struct {
  arguments_t arguments;
  history_options_t history;
} history_arguments_t;

static const struct argp_option options[] = {
    {"format", KEY_FORMAT, "text|csv|json|tensorboard", 0,
     "default text, or with --out csv; csv and json have all digits", 0},
    {"columns", KEY_COLUMNS, "COLUMN[,COLUMN]", 0, "print these columns, in this order", 0},
    {"out", 'o', "FILE", 0,
     "write to this file instead of printing; with --format tensorboard: the folder of its runs", 0},
    {0},
};

static error_t check(history_arguments_t *a) {
  history_options_t *history = &a->history;
  bool is_events = history->format == HISTORY_TENSORBOARD;
  if (is_events && history->out == NULL)
    return arguments_refuse(&a->arguments, "--format tensorboard needs --out FOLDER");
  if (is_events && history->columns != NULL)
    return arguments_refuse(&a->arguments,
                            "--columns does not go with --format tensorboard: an event file has all");
  if (history->out != NULL && !a->arguments.given[KEY_FORMAT - FIRST_KEY]) history->format = LISTING_CSV;
  return 0;
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  history_arguments_t *a = state->input;
  switch (key) {
  case KEY_FORMAT:
    a->history.format = choice_find(history_format_choice, arg);
    if (a->history.format >= 0) return 0;
    return arguments_refuse(&a->arguments, "--format: '%.60s' is none of text, csv, json, tensorboard", arg);
  case KEY_COLUMNS:
    a->history.columns = arg;
    return 0;
  case 'o':
    if (a->history.out != NULL) return arguments_refuse(&a->arguments, "--out is given twice");
    a->history.out = arg;
    return 0;
  case ARGP_KEY_END:
    return check(a);
  default:
    return arguments_key(key, arg, state);
  }
}

static choice_list_t choices(int key) {
  return key == KEY_FORMAT ? history_format_choice : NULL;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  history_arguments_t *a = input;
  a->history.run = a->arguments.words[0];
  return history_print(&a->history, &session->log, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "RUN",
    .doc =
        "Prints the epochs of a run, one in each line: losses, metrics, learning rate, time of each phase; "
        "with "
        "several heads also those of each head. RUN is a run directory or the name of a run; it may still be "
        "training.\vThe columns are those of history.h5, as in docs/formats.md. --format tensorboard writes "
        "FOLDER/NAME/events.out.tfevents..., which `tensorboard --logdir FOLDER` shows."};

const command_t command_history = {
    .name = "history",
    .meaning = "print the epochs of a run, also for TensorBoard",
    .argp = &argp,
    .options_size = sizeof(history_arguments_t),
    .fewest = 1,
    .most = 1,
    .choices = choices,
    .run = run,
};
