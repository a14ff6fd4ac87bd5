/* Runs the program: finds the subcommand, starts MPI if there is a launcher, runs the command, prints an
 * error once, and returns the exit code of the status. No other file ends the program. */
#include "cli/command.h"

#include "base/activity.h"
#include "base/float_mode.h"
#include "base/isa.h"
#include "base/progress.h"
#include "base/show.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/openmp.h"
#include "cli/program.h"
#include "comm/crew.h"
#include "comm/watch.h"
#include "pages/pages.h"
#include "train/choices.h"
#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const command_t *const commands[] = {
    &command_import,    &command_check,      &command_train,     &command_sweep,   &command_cluster,
    &command_solve,     &command_components, &command_density,   &command_eval,    &command_predict,
    &command_anomalies, &command_sample,     &command_gradcheck, &command_lr_find, &command_landscape,
    &command_connect,   &command_bench,      &command_runs,      &command_info,    &command_history,
    &command_watch,     &command_weights,    &command_diff,      &command_adopt,   &command_reference,
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static bool command_choice(size_t i, choice_t *out) {
  if (i >= COMMANDS) return false;
  *out = (choice_t){commands[i]->name, commands[i]->meaning};
  return true;
}

static ls_status find_command(const char *name, const command_t **out, ls_error *error) {
  if (name == NULL) return error_set(error, LS_USAGE, "name a command; `lockstep --help` lists them");
  int i = choice_find(command_choice, name);
  const char *nearest = choice_nearest(command_choice, name);
  if (i < 0 && nearest != NULL)
    return error_set(error, LS_USAGE, "there is no command '%.80s'; did you mean '%s'?", name, nearest);
  const char *dot = strrchr(name, '.');
  if (i < 0 && dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0))
    return error_set(error, LS_USAGE, "'%.80s' is no command: put one before it, as in lockstep train %.80s",
                     name, name);
  if (i < 0)
    return error_set(error, LS_USAGE, "there is no command '%.80s'; `lockstep --help` lists them", name);
  *out = commands[i];
  return LS_OK;
}

/* ---- help ---- */

static void print_overview(void) {
  puts("Usage: lockstep COMMAND ARGUMENTS, alone or under mpirun or srun\n"
       "\n"
       "Trains neural networks on CPUs, from a laptop to a cluster, with the same bits on any layout.\n"
       "\n"
       "Commands:");
  for (size_t i = 0; i < COMMANDS; i++) printf("  %-10s %s\n", commands[i]->name, commands[i]->meaning);
  puts("\n"
       "`lockstep help COMMAND` or `lockstep COMMAND --help` explains a command, `lockstep reference KEY` a "
       "setting.\n"
       "`lockstep version` lists the libraries.\n"
       "`lockstep --man FOLDER` writes man pages, `lockstep --completions bash` (zsh, fish) what completes "
       "commands.\n"
       "Exit codes: 0 done, 1 failed, 2 bad usage or settings, 3 bad data, 75 stopped early on request.");
}

/* The value of --NAME=VALUE or --NAME VALUE at the beginning of the arguments; NULL when there is another
 * word, "" when the value is missing. */
static const char *first_option(int argc, char **argv, const char *name) {
  size_t length = strlen(name);
  if (argc < 2 || strncmp(argv[1], name, length) != 0) return NULL;
  if (argv[1][length] == '=' && argc == 2) return argv[1] + length + 1;
  if (argv[1][length] != '\0') return NULL;
  return argc == 3 ? argv[2] : "";
}

static void print_command_help(const command_t *command) {
  char name[64];
  snprintf(name, sizeof name, "lockstep %s", command->name);
  argp_help(command->argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, name);
  if (command->shows_settings)
    printf("\nSettings: `lockstep %s --help=KEY` explains one, such as train.epochs, or a section, such as "
           "train;\n`lockstep reference` lists all of them.\n",
           command->name);
}

static void print_version(void) {
  char libraries[512];
  host_libraries("\n", libraries, sizeof libraries);
  puts(libraries);
  char isa[160];
  isa_describe(isa, sizeof isa);
  printf("isa %s\n", isa);
  if (isa_denied() != NULL) printf("note %s\n", isa_denied());
  printf("commit %s\nflags %s\n", host_commit, host_flags);
}

static bool is_help(const char *word) {
  return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "-?") == 0;
}

/* `help COMMAND`: the same as `COMMAND --help`. */
static ls_status help_about(int argc, char **argv, ls_error *error) {
  const command_t *command = NULL;
  if (argc == 2)
    print_overview();
  else if (argc > 3)
    return error_set(error, LS_USAGE, "'%.80s' is one argument too many: lockstep help COMMAND", argv[3]);
  else {
    TRY(find_command(argv[2], &command, error));
    print_command_help(command);
  }
  return LS_OK;
}

/* `COMMAND --help=KEY` */
static ls_status help_about_key(const command_t *command, const char *key, ls_error *error) {
  if (command->shows_settings) return explain_print(stdout, settings_choices(), key, error);
  return error_set(error, LS_USAGE,
                   "--help=%.80s: `lockstep %s` takes no settings; `lockstep reference %.80s` explains one",
                   key, command->name, key);
}

/* Man pages into `folder`, or, if that is NULL, completions for `shell`. */
static ls_status write_pages(const char *folder, const char *shell, ls_error *error) {
  page_command_t rows[COMMANDS];
  for (size_t i = 0; i < COMMANDS; i++)
    rows[i] =
        (page_command_t){commands[i]->name, commands[i]->meaning, commands[i]->argp, commands[i]->choices};
  const page_tables_t tables = {rows, COMMANDS, settings_choices()};
  if (folder == NULL) return completions_print(&tables, shell, error);
  if (folder[0] == '\0')
    return error_set(error, LS_USAGE, "--man needs a folder for the pages, and nothing else");
  return man_write(&tables, folder, error);
}

/* Answers help, version and what is made of their tables, without MPI; false when there is a command to
 * run. */
static bool answer_at_once(int argc, char **argv, ls_status *status, ls_error *error) {
  const command_t *command = NULL;
  const char *folder = first_option(argc, argv, "--man"), *shell = first_option(argc, argv, "--completions");
  if (folder != NULL || shell != NULL) {
    *status = write_pages(folder, shell, error);
    return true;
  }
  if (argc >= 2 && is_help(argv[1])) {
    print_overview();
    return true;
  }
  if (argc >= 2 && strcmp(argv[1], "help") == 0) {
    *status = help_about(argc, argv, error);
    return true;
  }
  if (argc >= 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)) {
    print_version();
    return true;
  }
  if (argc < 3 || find_command(argv[1], &command, NULL) != LS_OK) return false;
  for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
    const bool has_key = strncmp(argv[i], "--help=", strlen("--help=")) == 0;
    if (has_key)
      *status = help_about_key(command, argv[i] + strlen("--help="), error);
    else if (is_help(argv[i]))
      print_command_help(command);
    else
      continue;
    return true;
  }
  return false;
}

/* ---- work ---- */

/* Starts to record signals. Called before MPI starts, because starting MPI may take a while, and once more
 * after: MPICH takes SIGUSR1 for the news that a process has died, and a process without a launcher then
 * waits for ever. */
static void note_signals(int argc, char **argv) {
  const command_t *command = NULL;
  if (argc > 1 && find_command(argv[1], &command, NULL) == LS_OK && command->takes_signals) signals_note();
}

/* Parses the arguments. All ranks agree on the result before any rank goes on. */
static ls_status prepare(const session_t *session, int argc, char **argv, const command_t **command,
                         arguments_t **options, ls_error *error) {
  TRY(world_agree(session->world, isa_check(error), error));
  TRY(request_compare(session, argc, argv, error));
  ls_status status = find_command(argc > 1 ? argv[1] : NULL, command, error);
  if (status == LS_OK) {
    *options = calloc(1, (*command)->options_size);
    status = *options == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the options")
                              : arguments_parse(*command, argc - 1, argv + 1, *options, error);
  }
  return world_agree(session->world, status, error);
}

typedef struct {
  const session_t *session;
  const command_t *command;
  arguments_t *options;
} lone_command_t;

/* The work of rank 0, for which the other ranks wait without a limit. */
static ls_status run_alone(world_t *world, void *context, ls_error *error) {
  const lone_command_t *lone = context;
  session_t session = *lone->session;
  session.world = world; /* of rank 0 alone: what is collective must not wait for the others */
  return lone->command->run(&session, lone->options, error);
}

static ls_status run_command(const session_t *session, int argc, char **argv, ls_error *error) {
  const command_t *command = NULL;
  arguments_t *options = NULL;
  ls_status status = prepare(session, argc, argv, &command, &options, error);
  if (status == LS_OK && command->fills_job)
    status = launch_check_tasks(&session->launch, session->world, error);
  char ignored[192];
  if (status == LS_OK && command->is_parallel && openmp_ignored(ignored, sizeof ignored) != NULL)
    log_info(&session->log,
             "ignored %s: the launcher decides on which cores a rank runs, and parallel.threads how many "
             "threads it has; those that wait sleep",
             ignored);
  if (status == LS_OK) activity_set("running lockstep %s", command->name);
  if (status == LS_OK && command->is_parallel)
    status = command->run(session, options, error);
  else if (status == LS_OK)
    status = crew_run(session->world, 1, run_alone, &(lone_command_t){session, command, options}, error);
  free(options);
  progress_end(); /* also of work that has failed */
  return status;
}

/* Fails when results could not be written to stdout. */
static ls_status flush_results(ls_error *error) {
  if (fflush(stdout) == 0 && ferror(stdout) == 0) return LS_OK;
  return error_set(error, LS_IO, "the results could not be written to the standard output");
}

static int report(ls_status status, const ls_error *error) {
  if (status != LS_OK)
    show(stderr, "lockstep: %s\n", error->message[0] != '\0' ? error->message : ls_status_text(status));
  return ls_status_exit_code(status);
}

/* Starts MPI, unless this process is alone. Fails when processes were launched together but MPI does not
 * connect them. */
static ls_status start(session_t *session, int *argc, char ***argv, ls_error *error) {
  TRY(watch_check_timeout(error));
  TRY(launch_check_library(&session->launch, error));
  if (launch_is_alone(&session->launch)) return world_alone(&session->world, error);
  TRY(world_create(argc, argv, &session->world, error));
  ls_status status = launch_check_ranks(&session->launch, session->world, error);
  if (status != LS_OK) world_destroy(&session->world);
  return status;
}

int program_run(int argc, char **argv) {
  ls_error error = {0};
  float_mode_begin(); /* threads inherit the mode from the thread that creates them */
  session_t session = {.launch = launch_read()};
  ls_status status = session.launch.launcher == NULL ? isa_check(&error) : LS_OK; /* others agree on it */
  if (status != LS_OK) return report(status, &error);
  if (answer_at_once(argc, argv, &status, &error)) {
    if (status == LS_OK) status = flush_results(&error);
    return report(status, &error);
  }
  signals_as_errors();
  note_signals(argc, argv);
  watch_begin(session.launch.rank, session.launch.launcher != NULL);
  status = start(&session, &argc, &argv, &error);
  if (status != LS_OK) {
    watch_end();
    return session.launch.rank == 0 ? report(status, &error) : ls_status_exit_code(status);
  }
  note_signals(argc, argv);
  session.is_root = world_rank(session.world) == 0;
  session.log.out = session.is_root ? stderr : NULL;
  if (session.is_root) session.results = (log_t){.out = stdout, .warnings = stderr};
  if (session.is_root) progress_open(stderr);
  status = run_command(&session, argc, argv, &error);
  if (status == LS_OK) status = flush_results(&error);
  status = world_reason(session.world, status, &error);
  int code = world_reports(session.world) ? report(status, &error) : ls_status_exit_code(status);
  world_destroy(&session.world);
  watch_end();
  return code;
}
