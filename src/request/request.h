/* What a user asks for on the command line, and what all commands do with it: read the options, distribute
 * the settings, check the output files, and open a model or a table.
 *
 * A command is a row of a table (cli/command.h): its name, its options and its function. */
#ifndef REQUEST_REQUEST_H
#define REQUEST_REQUEST_H

#include "base/log.h"
#include "comm/launch.h"
#include "comm/world.h"
#include "config/settings.h"
#include "data/split.h"
#include "score/evaluate.h"
#include "layout/layout.h"
#include "score/model_file.h"

#include <argp.h>

/* Where a command runs. Only the root writes results to stdout; messages go to the log. */
typedef struct {
  world_t *world;
  launch_t launch;
  bool is_root;  /* rank 0 */
  log_t log;     /* stderr on rank 0, silent elsewhere */
  log_t results; /* stdout on rank 0, with warnings in the log; silent elsewhere */
} session_t;

/* The first member of every command's options struct. */
typedef struct {
  char **words; /* positional arguments in order; borrowed from argv */
  size_t n;
  ls_error error;                /* why parsing stopped */
  const struct command *command; /* for parsing, as is the rest */
  bool given[64];                /* options, by their key from FIRST_KEY on */
} arguments_t;

/* Keys of options begin here: below are characters. */
enum { FIRST_KEY = 256 };

typedef struct command {
  const char *name;
  const char *meaning; /* one line */
  const struct argp *argp;
  size_t options_size;         /* size of the options struct that argp's parser fills; zeroed first */
  size_t fewest, most;         /* number of positional arguments */
  bool in_order;               /* each positional argument belongs to the option before it */
  bool is_parallel;            /* runs collectively; otherwise rank 0 works alone */
  bool shows_settings;         /* takes settings: --help says how to see them */
  bool fills_job;              /* requires that all tasks of the job are ranks */
  const char *const *defaults; /* settings that the command makes itself: overrides of keys that are not
                                  given, NULL at the end; or NULL */
  bool (*may_repeat)(int key); /* options that may be given several times; NULL: none */
  choice_list_t (*choices)(
      int key);       /* the names that an option's value may be, or NULL; NULL: none has any */
  bool takes_signals; /* polls for signals with signals_take instead of being killed by them */
  ls_status (*run)(const session_t *session, void *options, ls_error *error);
} command_t;

enum { ANY_NUMBER = 1 << 30 };

/* ---- arguments.c ---- */

/* Fills *options from the command line; argv[0] is the command's name. Fails with LS_USAGE. */
ls_status arguments_parse(const command_t *command, int argc, char **argv, arguments_t *options,
                          ls_error *error);

/* Default case of every command's argp parser: stores the positional arguments and reports errors. */
error_t arguments_key(int key, char *arg, struct argp_state *state);

/* For parsers: ends parsing with LS_USAGE and this message. */
error_t arguments_refuse(arguments_t *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For parsers: read the value of an option: a whole number from `least` to `most`, or a number above 0. */
enum { MOST_COUNT = INT32_MAX };
error_t arguments_count(arguments_t *arguments, const char *option, const char *text, int64_t least,
                        int64_t most, int64_t *out);
error_t arguments_positive(arguments_t *arguments, const char *option, const char *text, double *out);

/* ---- same_request.c ---- */

/* Fails with LS_USAGE, on every rank, unless all ranks run the same program with the same arguments.
 * Collective. */
ls_status request_compare(const session_t *session, int argc, char **argv, ls_error *error);

/* ---- unused.c ---- */

/* Fails with LS_BAD_SETTINGS if one of the n overrides sets a key that the command does not use. */
ls_status unused_check(const command_t *command, char *const *overrides, size_t n, ls_error *error);

/* ---- settings.c ---- */

/* Reads the settings file named by the first word and applies the overrides in the other words, which the
 * command must use. Rank 0 reads the file; all ranks get equal settings. *out is caller-owned. Collective. */
ls_status settings_everywhere(const session_t *session, const arguments_t *arguments, settings_t **out,
                              ls_error *error);

/* Applies the settings that hold for the whole process, and logs what these leave of the variables of OpenMP.
 */
void settings_settle(const session_t *session, const settings_t *settings);

/* Ends a command that has settings: if the settings are at fault, adds to the error message where the setting
 * was given. Destroys the settings and returns `status`. */
ls_status settings_end(settings_t **settings, ls_status status, ls_error *error);

/* ---- outputs.c ---- */

/* Fails unless a file can be written at `path`, the value of --OPTION, and `path` is none of the n files that
 * the command reads. NULL: the option was not given. Call before any work, because the file is written at the
 * end. Rank 0 looks. Collective. */
ls_status output_check(const session_t *session, const char *option, const char *path,
                       const char *const *inputs, size_t n, ls_error *error);

/* ---- collect.c ---- */

/* Gathers what each rank has of its rows of a split, `row_bytes` per row: in `all` on rank 0, in the order of
 * rows. `all` may be NULL elsewhere. Collective. */
ls_status rows_collect(world_t *world, const split_t *split, size_t row_bytes, const void *mine, void *all,
                       ls_error *error);

/* ---- ready.c: a trained model, ready on all ranks ---- */

typedef struct {
  model_t *model;
  settings_t *settings; /* the model's settings with this command's overrides */
  layout_t layout;
  evaluator_t *evaluator;
} ready_t;

/* A model as the command line names it. */
typedef struct {
  const char *word;
  char *const *overrides;
  size_t n_overrides;
  const char *const *uses; /* keys that the command uses, ending in NULL; all others belong to the model */
} model_request_t;

/* What a command does with a model. `session` has the ranks that work. Collective. */
typedef ls_status ready_work_t(const session_t *session, ready_t *ready, void *context, ls_error *error);

/* Every rank reads the model file and applies the overrides. An override of a key that the command does not
 * use is LS_BAD_SETTINGS. Then the layout is planned and the work is done, by as many ranks as there are
 * shards (layout_crew). Collective. */
ls_status ready_run(const session_t *session, const model_request_t *request, ready_work_t *work,
                    void *context, ls_error *error);

/* Fails with LS_BAD_DATA unless the file has as many features as the network was trained on. */
ls_status ready_check_features(const ready_t *ready, const char *file, int64_t features, ls_error *error);

/* ---- temperature.c: one temperature per head; 0 leaves the logits unchanged; errors are LS_USAGE ---- */

/* Fails unless at least one head gives probabilities. */
ls_status temperatures_check(const objective_t *objective, ls_error *error);
/* Reads T (for all heads that give probabilities) or HEAD=T,HEAD=T. The caller prefixes the message with what
 * its option accepts. */
ls_status temperatures_parse(const objective_t *objective, const char *text, double out[MOST_HEADS],
                             ls_error *error);

#endif
