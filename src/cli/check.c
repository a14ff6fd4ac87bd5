/* lockstep check: reports everything about a run that is known without training (study/plan.h), for the ranks
 * that it is started with or for ranks that it only plans. */
#include "cli/command.h"

#include "base/show.h"
#include "cluster/kernel_density.h"
#include "study/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  KEY_RANKS = FIRST_KEY,
  KEY_NODES,
  KEY_THREADS,
  KEY_CORES,
  KEY_MEMORY,
  KEY_DENSITY,
  MOST_RANKS = 1 << 18
};

typedef struct {
  arguments_t arguments;
  int64_t ranks, nodes, threads, cores; /* 0: not given */
  double memory;
  bool is_density;
} check_arguments_t;

static const struct argp_option options[] = {
    {"ranks", KEY_RANKS, "N", 0, "plan for N ranks that need not be there; start it without mpirun", 0},
    {"nodes", KEY_NODES, "M", 0, "with --ranks: on M hosts; default 1", 0},
    {"threads", KEY_THREADS, "T", 0, "with --ranks: T threads a rank; default parallel.threads", 0},
    {"cores", KEY_CORES, "C", 0, "with --ranks: a host has C cores; default: as many as this one", 0},
    {"memory", KEY_MEMORY, "BYTES", 0,
     "with --ranks: a host has so much memory for the run, like 240GB; default: as much as is free here", 0},
    {"density", KEY_DENSITY, NULL, 0, "what `lockstep density` would do with these settings", 0},
    {0},
};

static error_t check_options(check_arguments_t *a) {
  const bool is_planned = a->ranks > 0;
  const char *without = a->nodes > 0     ? "nodes"
                        : a->threads > 0 ? "threads"
                        : a->cores > 0   ? "cores"
                        : a->memory > 0  ? "memory"
                                         : NULL;
  if (!is_planned && without != NULL)
    return arguments_refuse(&a->arguments, "--%s goes with --ranks, which plans a run", without);
  if (a->nodes > a->ranks)
    return arguments_refuse(&a->arguments, "--nodes %d: every node needs a rank, and --ranks is %d",
                            (int)a->nodes, (int)a->ranks);
  return 0;
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  check_arguments_t *a = state->input;
  switch (key) {
  case KEY_RANKS:
    return arguments_count(&a->arguments, "ranks", arg, 1, MOST_RANKS, &a->ranks);
  case KEY_NODES:
    return arguments_count(&a->arguments, "nodes", arg, 1, MOST_RANKS, &a->nodes);
  case KEY_THREADS:
    return arguments_count(&a->arguments, "threads", arg, 1, MOST_COUNT, &a->threads);
  case KEY_CORES:
    return arguments_count(&a->arguments, "cores", arg, 1, MOST_RANKS, &a->cores);
  case KEY_MEMORY:
    if (text_bytes(arg, &a->memory) && a->memory >= 1) return 0;
    return arguments_refuse(&a->arguments, "--memory: '%.60s' is not a size like 240GB or 64GiB", arg);
  case KEY_DENSITY:
    a->is_density = true;
    a->arguments.command = &command_density; /* whose settings they are */
    return 0;
  case ARGP_KEY_END:
    return check_options(a);
  default:
    return arguments_key(key, arg, state);
  }
}

/* ---- the command ---- */

typedef struct {
  const check_arguments_t *arguments;
  arguments_t words; /* with --threads as an override */
  const session_t *session;
  const settings_t *settings;
} check_t;

static void print_launch(const check_t *check, const run_plan_t *plan, const launch_line_t *line) {
  const char *command = check->arguments->is_density ? "density" : run_plan_fits(plan) ? "cluster" : "train";
  show(stdout, "launch  %s %s %s", line->text, program_invocation_name, command);
  for (size_t i = 0; i < check->words.n; i++) {
    putchar(' ');
    show_word(stdout, check->words.words[i]);
  }
  putchar('\n');
}

/* Prints the hosts, and the command that starts the training on all their cores, or as many as the settings
 * can use. Collective. */
static ls_status print_hosts(const check_t *check, const run_plan_t *plan, ls_error *error) {
  const session_t *session = check->session;
  const layout_t *layout = plan->training.layout;
  preflight_needs_t needs = run_plan_needs(plan);
  launch_line_t line;
  TRY(preflight_hosts(plan->job, layout, &needs, session->is_root ? stdout : NULL, &session->log, error));
  if (!session->is_root) return LS_OK;
  run_plan_launch_line(plan, &line);
  print_launch(check, plan, &line);
  printf("        uses %d of %d cores%s\n", line.cores_used, line.cores,
         world_hosts(plan->job) > 1 ? "; add the hosts that you gave now" : "");
  return LS_OK;
}

static ls_status print_all(const check_t *check, const run_plan_t *plan, ls_error *error) {
  const bool is_root = check->session->is_root, is_planned = check->arguments->ranks > 0;
  if (is_root) run_plan_print(plan, stdout);
  if (is_planned) {
    launch_line_t line;
    run_plan_print_limits(plan, stdout);
    run_plan_launch_line(plan, &line);
    print_launch(check, plan, &line);
  } else {
    TRY(print_hosts(check, plan, error));
  }
  if (is_root) fflush(stdout);
  if (is_root) run_plan_warn(plan, &check->session->log);
  return LS_OK;
}

static ls_status plan_and_print(world_t *world, void *context, ls_error *error) {
  const check_t *check = context;
  const check_arguments_t *a = check->arguments;
  const plan_request_t request = {(int)a->ranks, a->nodes > 0 ? (int)a->nodes : 1, (int)a->cores, a->memory};
  run_plan_t plan;
  bool whole = true;
  ls_status status = run_plan_open(world, check->settings, &request, &plan, error);
  if (status == LS_OK) status = print_all(check, &plan, error);
  if (status == LS_OK) status = run_plan_read_rows(&plan, &check->session->log, &whole, error);
  if (status == LS_OK && check->session->is_root)
    puts(whole ? "rows    all have been read and can be trained on"
               : "rows    all have been read; this process has too little memory to try a step");
  run_plan_close(&plan);
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const check_arguments_t *a = input;
  settings_t *settings = NULL;
  if (a->ranks > 0 && world_size(session->world) > 1)
    return error_set(
        error, LS_USAGE,
        "check: --ranks plans a run in one process: start it without mpirun, or leave --ranks out "
        "to check the %d ranks that have been started",
        world_size(session->world));
  if (a->ranks == 0) TRY(launch_check_tasks(&session->launch, session->world, error));
  check_t check = {.arguments = a, .words = a->arguments, .session = session};
  char threads[40], **words = calloc(a->arguments.n + 1, sizeof *words);
  TRY(world_agree(session->world,
                  words == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the arguments") : LS_OK,
                  error));
  memcpy(words, a->arguments.words, a->arguments.n * sizeof *words);
  snprintf(threads, sizeof threads, "parallel.threads=%" PRId64, a->threads);
  check.words.words = words;
  if (a->threads > 0) words[check.words.n++] = threads;
  ls_status status = settings_everywhere(session, &check.words, &settings, error);
  check.settings = settings;
  layer_settings_t layer;
  settings_t own;
  if (status == LS_OK && a->is_density) {
    status = kernels_complete(session->world, settings, &layer, &own, error);
    check.settings = &own;
  }
  /* members of an ensemble give work to more ranks */
  const log_t *log = status == LS_OK && settings->train.members > 1 ? NULL : &session->log;
  if (status == LS_OK)
    status = training_crew(session->world, check.settings, log, plan_and_print, &check, error);
  if (settings != NULL) status = settings_end(&settings, status, error);
  free(words);
  return status;
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]",
    .doc =
        "Shows what `lockstep train` would do with these settings, data and ranks, without training: the "
        "model, steps, shards and their balance, cores and memory. Then reads all rows and refuses what "
        "training would refuse, with the same message.\vLaunch it exactly like the training "
        "itself, with mpirun or srun. Or plan a run before you queue it: `lockstep check CONFIG --ranks 128 "
        "--nodes 2 --cores 64 --memory 240GB`, in one process, also says how many ranks are sensible.",
};

const command_t command_check = {
    .name = "check",
    .meaning = "preflight: model, layout, balance, memory and rows, no training",
    .argp = &argp,
    .options_size = sizeof(check_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .run = run,
};
