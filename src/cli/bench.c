/* lockstep bench: measures the machine and a network's steps on it, or only the messages between ranks. */
#include "cli/command.h"

#include "base/json.h"
#include "store/store.h"
#include "study/bench.h"
#include "study/interconnect.h"
#include "train/training.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_NETWORK = FIRST_KEY, KEY_JSON, KEY_RANKS_PER_NODE, KEY_SECONDS };

typedef struct {
  arguments_t arguments;
  bool network;
  const char *json;
  int64_t ranks_per_node; /* 0: all ranks that share memory */
  double seconds;         /* 0: the default */
} bench_arguments_t;

static const struct argp_option options[] = {
    {"network", KEY_NETWORK, NULL, 0,
     "instead of CONFIG: measure latency and bandwidth between two ranks of a node, between two ranks of "
     "different nodes, and of an exchange between all nodes",
     0},
    {"ranks-per-node", KEY_RANKS_PER_NODE, "N", 0,
     "with --network: treat groups of N ranks as nodes, like parallel.ranks_per_node", 0},
    {"seconds", KEY_SECONDS, "S", 0, "with CONFIG: approximate time for each part; default 0.5", 0},
    {"json", KEY_JSON, "FILE", 0, "also write the figures to FILE as JSON", 0},
    {0},
};

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  bench_arguments_t *a = state->input;
  if (key == KEY_NETWORK) {
    a->network = true;
  } else if (key == KEY_JSON) {
    a->json = arg;
  } else if (key == KEY_RANKS_PER_NODE) {
    if (!text_int64(arg, &a->ranks_per_node) || a->ranks_per_node < 1)
      return arguments_refuse(&a->arguments, "--ranks-per-node: '%.40s' is not a whole number of at least 1",
                              arg);
  } else if (key == KEY_SECONDS) {
    return arguments_positive(&a->arguments, "seconds", arg, &a->seconds);
  } else if (key == ARGP_KEY_END && a->network == (a->arguments.n > 0)) {
    return arguments_refuse(&a->arguments,
                            "bench: name what to measure: CONFIG, or --network without CONFIG");
  } else if (key == ARGP_KEY_END && a->network && a->seconds > 0) {
    return arguments_refuse(&a->arguments, "--seconds goes with CONFIG, not with --network");
  } else if (key == ARGP_KEY_END && !a->network && a->ranks_per_node > 0) {
    return arguments_refuse(&a->arguments,
                            "--ranks-per-node goes with --network; with CONFIG set parallel.ranks_per_node");
  } else if (key == ARGP_KEY_END) {
    if (a->seconds == 0) a->seconds = 0.5;
  } else {
    return arguments_key(key, arg, state);
  }
  return 0;
}

static void print_lines(const interconnect_line_t lines[INTERCONNECT_LEVEL_COUNT]) {
  puts("a message of n bytes takes alpha + beta n seconds");
  for (int level = 0; level < INTERCONNECT_LEVEL_COUNT; level++) {
    const interconnect_line_t *line = &lines[level];
    if (line->sizes == 0) continue;
    printf("%s: latency alpha %.3g us, bandwidth 1 / beta %.3g GB/s\n",
           interconnect_text((interconnect_level_t)level), line->alpha * 1e6, 1e-9 / line->beta);
  }
}

static void json_array(FILE *out, const char *key, const double *values, int n) {
  fprintf(out, ", \"%s\": [", key);
  for (int i = 0; i < n; i++) fprintf(out, "%s%.9g", i > 0 ? ", " : "", values[i]);
  fputc(']', out);
}

static void json_lines(FILE *out, const session_t *session,
                       const interconnect_line_t lines[INTERCONNECT_LEVEL_COUNT]) {
  fputc('{', out);
  json_integer(out, true, "nodes", world_nodes(session->world));
  json_integer(out, false, "ranks", world_size(session->world));
  for (int level = 0; level < INTERCONNECT_LEVEL_COUNT; level++) {
    const interconnect_line_t *line = &lines[level];
    if (line->sizes == 0) continue;
    fprintf(out, ", \"%s\": {", interconnect_name((interconnect_level_t)level));
    json_number(out, true, "alpha", line->alpha);
    json_number(out, false, "beta", line->beta);
    json_array(out, "bytes", line->bytes, line->sizes);
    json_array(out, "seconds", line->seconds, line->sizes);
    fputc('}', out);
  }
  fputs("}\n", out);
}

static ls_status write_json(const session_t *session, const char *path,
                            const interconnect_line_t lines[INTERCONNECT_LEVEL_COUNT], ls_error *error) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the figures");
  json_lines(out, session, lines);
  ls_status status = fclose(out) == 0 ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for the figures");
  if (status == LS_OK) status = store_write_file(path, text, error);
  free(text);
  return status;
}

static ls_status run_network(const session_t *session, const bench_arguments_t *a, ls_error *error) {
  interconnect_line_t lines[INTERCONNECT_LEVEL_COUNT];
  TRY(world_group(session->world, (int)a->ranks_per_node, error));
  if (world_size(session->world) < 2)
    return error_set(error, LS_USAGE,
                     "bench --network needs two ranks or more: mpirun -n 2 lockstep bench --network");
  TRY(output_check(session, "json", a->json, NULL, 0, error));
  TRY(interconnect_measure(session->world, lines, error));
  if (!session->is_root) return LS_OK;
  print_lines(lines);
  return a->json == NULL ? LS_OK : write_json(session, a->json, lines, error);
}

typedef struct {
  const settings_t *settings;
  double seconds;
  bench_t bench; /* the result */
} bench_work_t;

static ls_status measure(world_t *world, void *context, ls_error *error) {
  bench_work_t *work = context;
  return bench_run(world, work->settings, work->seconds, &work->bench, error);
}

static ls_status run_config(const session_t *session, const bench_arguments_t *a, ls_error *error) {
  settings_t *settings = NULL;
  TRY(settings_everywhere(session, &a->arguments, &settings, error));
  const char *const inputs[] = {a->arguments.words[0], settings->data.file};
  bench_work_t work = {.settings = settings, .seconds = a->seconds};
  ls_status status = output_check(session, "json", a->json, inputs, 2, error);
  if (status == LS_OK) status = training_crew(session->world, settings, &session->log, measure, &work, error);
  settings_end(&settings, status, error);
  if (status != LS_OK || !session->is_root) return status;
  bench_print(&work.bench, stdout);
  return a->json == NULL ? LS_OK : bench_write_json(&work.bench, a->json, error);
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const bench_arguments_t *a = input;
  ls_status status = a->network ? run_network(session, a, error) : run_config(session, a, error);
  fflush(stdout);
  return world_agree(session->world, status, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]\n--network",
    .doc = "Measures the machine, and the neural network of CONFIG on it, with all threads of all ranks at "
           "once: the peak of the cores, memory, communication between ranks and threads, the passes of each "
           "layer, and whole steps by phase. It reports what limits the speed of a step. With --network it "
           "instead measures messages from 8 bytes to 4 MiB and an exchange between all nodes, and fits a "
           "latency and a bandwidth to each.\vLaunch it like the run of interest, with mpirun or srun, on an "
           "idle machine. It writes no file of a run."};

const command_t command_bench = {
    .name = "bench",
    .meaning = "measure the machine, and a network's steps on it",
    .argp = &argp,
    .options_size = sizeof(bench_arguments_t),
    .fewest = 0,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .run = run,
};
