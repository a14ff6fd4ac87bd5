/* What the commands that make a run share: --resume and --replace, and the way from the command line to the
 * work. */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include "cli/command.h"
#include "train/trainer.h"

enum { KEY_RESUME = FIRST_KEY, KEY_REPLACE, KEY_TIMING };

/* The options struct of such a command. */
typedef struct {
  arguments_t arguments;
  bool resume, replace;
  bool timing; /* of `train` alone */
} run_arguments_t;

/* Rows of the table of options that argp takes. */
#define RUN_OPTIONS                                                                                          \
  {"resume",                                                                                                 \
   KEY_RESUME,                                                                                               \
   NULL,                                                                                                     \
   0,                                                                                                        \
   "resume from the newest valid checkpoint of the run; start if there is none",                             \
   0},                                                                                                       \
  {                                                                                                          \
    "replace", KEY_REPLACE, NULL, 0,                                                                         \
        "remove an earlier run of this name, even a finished one, instead of keeping it as runs/NAME.1, "    \
        "NAME.2, ...",                                                                                       \
        0                                                                                                    \
  }

/* The parser of all of them. */
error_t run_options_key(int key, char *arg, struct argp_state *state);

/* What a command does with its settings. Collective. */
typedef ls_status run_work_t(const session_t *session, const settings_t *settings,
                             const train_options_t *options, ls_error *error);

/* Reads the settings and does the work. LS_USAGE for --resume with --replace. Collective. */
ls_status run_with_options(const session_t *session, const run_arguments_t *a, run_work_t *work,
                           ls_error *error);

#endif
