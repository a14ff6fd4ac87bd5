/* lockstep runs: lists and compares runs. */
#include "cli/command.h"

#include "inspect/runs.h"

enum { KEY_SORT = FIRST_KEY, KEY_REVERSE, KEY_COLUMNS, KEY_FORMAT, KEY_ALL, KEY_SETTINGS };

typedef struct {
  arguments_t arguments;
  runs_options_t runs;
} runs_arguments_t;

static const struct argp_option options[] = {
    {"sort", KEY_SORT, "COLUMN[,COLUMN]", 0, "sort by these columns; default: by name", 0},
    {"reverse", KEY_REVERSE, NULL, 0, "with --sort: the largest first", 0},
    {"columns", KEY_COLUMNS, "COLUMN[,COLUMN]", 0, "print these columns, in this order", 0},
    {"format", KEY_FORMAT, "text|csv|json", 0, "default text; csv and json have all digits and all columns",
     0},
    {"all", KEY_ALL, NULL, 0, "also list earlier runs of a name, NAME.1, NAME.2, ...", 0},
    {"settings", KEY_SETTINGS, NULL, 0, "also print the settings in which the runs differ", 0},
    {0},
};

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  runs_arguments_t *a = state->input;
  ls_error error = {0};
  switch (key) {
  case KEY_SORT:
    a->runs.sort = arg;
    return 0;
  case KEY_REVERSE:
    a->runs.descending = true;
    return 0;
  case KEY_COLUMNS:
    a->runs.columns = arg;
    return 0;
  case KEY_FORMAT:
    if (listing_format(arg, &a->runs.format, &error) == LS_OK) return 0;
    return arguments_refuse(&a->arguments, "--format: %s", error.message);
  case KEY_ALL:
    a->runs.all = true;
    return 0;
  case KEY_SETTINGS:
    a->runs.settings = true;
    return 0;
  case ARGP_KEY_END:
    if (a->runs.descending && a->runs.sort == NULL)
      return arguments_refuse(&a->arguments, "--reverse works only with --sort");
    return 0;
  default:
    return arguments_key(key, arg, state);
  }
}

static choice_list_t choices(int key) {
  if (key == KEY_SORT || key == KEY_COLUMNS) return runs_column_choice;
  return key == KEY_FORMAT ? listing_format_choice : NULL;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  runs_arguments_t *a = input;
  a->runs.words = a->arguments.words;
  a->runs.n = a->arguments.n;
  return runs_print(&a->runs, &session->log, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "[DIR] [NAME...]",
    .doc = "Lists the runs below a directory (default: runs), or only those that are named: their status, "
           "losses, "
           "metrics, speed and layout. Several named runs are compared: below the table are the settings in "
           "which they "
           "differ.\vColumns: " RUN_COLUMN_NAMES
           ". On a terminal the least important ones are left out until a line fits. A * "
           "behind the status of a run points to a note below the table: some of its files are damaged."};

const command_t command_runs = {
    .name = "runs",
    .meaning = "list and compare runs",
    .argp = &argp,
    .options_size = sizeof(runs_arguments_t),
    .most = ANY_NUMBER,
    .choices = choices,
    .run = run,
};
