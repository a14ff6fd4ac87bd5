/* lockstep bench: what the machine can do, to compare runs with. */
#include "cli/command.h"

#include "store/store.h"
#include "study/network.h"
#include "train/history.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_NETWORK = 256, KEY_JSON, KEY_RANKS_PER_NODE };

typedef struct {
  arguments_t arguments;
  bool network;
  const char *json;
  int64_t ranks_per_node; /* 0: all that share memory */
} bench_arguments_t;

static const struct argp_option options[] = {
    {"network", KEY_NETWORK, NULL, 0,
     "latency and bandwidth between ranks of a node, of different nodes, and of the exchange of gradients",
     0},
    {"ranks-per-node", KEY_RANKS_PER_NODE, "N", 0,
     "groups of N ranks stand for nodes, as parallel.ranks_per_node", 0},
    {"json", KEY_JSON, "FILE", 0, "write the figures to FILE as JSON too", 0},
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
      return arguments_refuse(&a->arguments, "--ranks-per-node=%.40s: a number from 1 is needed", arg);
  } else if (key == ARGP_KEY_END && !a->network) {
    return arguments_refuse(&a->arguments, "bench: say what to measure: --network");
  } else {
    return arguments_key(key, arg, state);
  }
  return 0;
}

static void print_lines(const network_line_t lines[NETWORK_LEVEL_COUNT]) {
  puts("a message of n bytes takes alpha + beta n seconds");
  for (int level = 0; level < NETWORK_LEVEL_COUNT; level++) {
    const network_line_t *line = &lines[level];
    if (line->sizes == 0) continue;
    printf("%s: latency alpha %.3g us, bandwidth 1 / beta %.3g GB/s\n", network_text((network_level_t)level),
           line->alpha * 1e6, 1e-9 / line->beta);
  }
}

static void json_array(FILE *out, const char *key, const double *values, int n) {
  fprintf(out, ", \"%s\": [", key);
  for (int i = 0; i < n; i++) fprintf(out, "%s%.9g", i > 0 ? ", " : "", values[i]);
  fputc(']', out);
}

static void json_lines(FILE *out, const session_t *session, const network_line_t lines[NETWORK_LEVEL_COUNT]) {
  fputc('{', out);
  json_integer(out, true, "nodes", world_nodes(session->world));
  json_integer(out, false, "ranks", world_size(session->world));
  for (int level = 0; level < NETWORK_LEVEL_COUNT; level++) {
    const network_line_t *line = &lines[level];
    if (line->sizes == 0) continue;
    fprintf(out, ", \"%s\": {", network_name((network_level_t)level));
    json_number(out, true, "alpha", line->alpha);
    json_number(out, false, "beta", line->beta);
    json_array(out, "bytes", line->bytes, line->sizes);
    json_array(out, "seconds", line->seconds, line->sizes);
    fputc('}', out);
  }
  fputs("}\n", out);
}

static ls_status write_json(const session_t *session, const char *path,
                            const network_line_t lines[NETWORK_LEVEL_COUNT], ls_error *error) {
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

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const bench_arguments_t *a = input;
  network_line_t lines[NETWORK_LEVEL_COUNT];
  ls_status status = LS_OK;
  TRY(world_group(session->world, (int)a->ranks_per_node, error));
  if (world_size(session->world) < 2)
    status = error_set(error, LS_USAGE,
                       "bench --network needs two ranks or more: mpirun -n 2 lockstep bench --network");
  TRY(status);
  TRY(network_measure(session->world, lines, error));
  if (session->is_root) {
    print_lines(lines);
    if (a->json != NULL) status = write_json(session, a->json, lines, error);
  }
  return world_agree(session->world, status, error);
}

static const struct argp argp = {.options = options,
                                 .parser = parse_key,
                                 .doc =
                                     "Measures the machine.\v"
                                     "--network, under mpirun or srun with the layout of a run: messages "
                                     "from 8 bytes to 4 MiB, and the exchange "
                                     "of gradients between nodes, each fitted by a latency and a bandwidth."};

const command_t command_bench = {
    .name = "bench",
    .meaning = "measure the machine",
    .argp = &argp,
    .options_size = sizeof(bench_arguments_t),
    .fewest = 0,
    .most = 0,
    .is_parallel = true,
    .run = run,
};
