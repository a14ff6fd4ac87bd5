/* What a subcommand is: a row that says what it is called, which arguments it takes and what it does. main.c
 * holds the table of them; everything else in this room is one of the rows, or helps them. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/log.h"
#include "comm/launch.h"
#include "comm/world.h"
#include "config/settings.h"
#include "score/evaluate.h"
#include "step/layout.h"
#include "score/model_file.h"

#include <argp.h>

/* Where a command runs. Results go to stdout, by the root alone; messages to the log. */
typedef struct {
  world_t *world;
  launch_t launch;
  bool is_root; /* rank 0 */
  log_t log;    /* stderr on rank 0, silent elsewhere */
} session_t;

/* The first member of every command's options. */
typedef struct {
  char **words; /* arguments that are no options, in order; they are argv's */
  size_t n;
  ls_error error; /* why parsing stopped */
} arguments_t;

typedef struct {
  const char *name;
  const char *meaning; /* one line */
  const struct argp *argp;
  size_t options_size; /* of the struct that argp's parser fills; zero at first */
  size_t fewest, most; /* words that it takes */
  bool in_order;       /* words belong to the option before them */
  bool is_parallel;    /* collective; else rank 0 works alone */
  bool shows_settings; /* --help ends with the settings */
  bool fills_job;      /* all tasks of a job are to be its ranks */
  bool takes_signals;  /* looks for them by signals_take, in place of being ended by them */
  ls_status (*run)(const session_t *session, void *options, ls_error *error);
} command_t;

extern const command_t command_import, command_check, command_train, command_eval, command_predict,
    command_info, command_diff, command_solve, command_gradcheck, command_lr_find, command_bench;

enum { ANY_NUMBER = 1 << 30 };

/* ---- arguments.c ---- */

/* Fills *options from the command line; argv[0] is the command's name. LS_USAGE. */
ls_status arguments_parse(const command_t *command, int argc, char **argv, arguments_t *options,
                          ls_error *error);

/* What every command's argp parser ends with: the words, and errors. */
error_t arguments_key(int key, char *arg, struct argp_state *state);

/* For parsers: stops with LS_USAGE and this message. */
error_t arguments_refuse(arguments_t *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For parsers: the value of an option that is a whole number from `least`, or a number above 0. */
error_t arguments_count(arguments_t *arguments, const char *option, const char *text, int64_t least,
                        int64_t *out);
error_t arguments_positive(arguments_t *arguments, const char *option, const char *text, double *out);

/* ---- settings.c ---- */

/* The settings that a command's words mean: a file and what is said over it. Rank 0 reads the file; all ranks
 * get equal settings. Collective. *out is caller-owned. */
ls_status settings_everywhere(const session_t *session, const arguments_t *arguments, settings_t **out,
                              ls_error *error);

/* The end of a command that has settings: what is wrong with them is told with the place where it was given.
 * Destroys them and returns `status`. */
ls_status settings_end(settings_t **settings, ls_status status, ls_error *error);

/* ---- model.c: a trained model, ready on all ranks ---- */

/* The model file that a word means: a run directory's model.h5, else the word itself. */
ls_status model_path(const char *word, char *out, size_t size, ls_error *error);

typedef struct {
  model_t *model;
  settings_t *settings; /* the model's, with this command's overrides */
  layout_t layout;
  evaluator_t *evaluator;
} ready_t;

/* Collective. */
ls_status ready_open(const session_t *session, const char *word, char *const *overrides, size_t n_overrides,
                     ready_t *out, ls_error *error);
void ready_close(ready_t *ready);

/* ---- temperature.c: (heads), 0 where logits stay as they are; LS_USAGE ---- */

/* Whether any head gives probabilities. */
ls_status temperatures_check(const objective_t *objective, ls_error *error);
/* `text`: T, for all heads that give probabilities, or HEAD=T,HEAD=T. The caller says in front of the message
 * what its option takes. */
ls_status temperatures_parse(const objective_t *objective, const char *text, double out[MOST_HEADS],
                             ls_error *error);

/* Whether a file's features are the network's inputs. */
ls_status ready_check_features(const ready_t *ready, const char *file, int64_t features, ls_error *error);

#endif
