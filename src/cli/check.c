/* lockstep check: reports everything about a run that is known without training: the model, the division of
 * rows into steps and shards, the placement of ranks on the machine, and the memory needed. */
#include "cli/command.h"

#include "data/window.h"
#include "step/engine.h"
#include "score/evaluate.h"
#include "train/host.h"
#include "train/preflight.h"
#include "run/saver.h"
#include "train/trainer.h"
#include "train/training.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What each rank sends to rank 0. Plain values only. */
typedef struct {
  layout_t layout;
  int node;
  int64_t rows;   /* training rows */
  double data;    /* bytes of the rank's rows */
  double program; /* bytes: the program and its libraries after set-up */
  double private; /* bytes: partial sums, optimiser state, tape, whole vectors */
} rank_t;

typedef struct {
  const settings_t *settings; /* points to `own` once the rows are known */
  settings_t own;             /* a copy in which `global_batch_size: all` is a number */
  const arguments_t *arguments;
  const session_t *session;
  world_t *world;      /* the ranks that would have work */
  training_t training; /* planned; its rows are read last */
  dataset_shape_t shape;
  engine_memory_t memory;
  double files;  /* bytes that this rank needs to write files */
  rank_t *ranks; /* (world_size) */
} check_t;

/* ---- this rank ---- */

static int64_t own_rows(int64_t rows, const layout_t *layout) {
  partition_t partition = {rows, layout->shards};
  return shard_first(partition, layout->first_shard + layout->own_shards) -
         shard_first(partition, layout->first_shard);
}

static double steps_bytes(const check_t *check, int64_t rows, int64_t steps, int64_t own, bool has_weights) {
  const dataset_shape_t *shape = &check->shape;
  size_t step = (size_t)shape->step_columns * element_size(shape->type);
  bool is_label =
      check->training.objective->has_labels && shape->step_targets > 0; /* also for one-hot targets */
  step += is_label ? sizeof(int32_t) : (size_t)shape->step_targets * element_size(shape->y_type);
  step += has_weights ? sizeof(float) : 0;
  return windows_bytes(&check->settings->data.window, rows, steps, shape->series > 1, own, step);
}

/* Bytes that this rank's rows of a split take when the whole split is in memory. The split has `rows` rows,
 * or `rows` windows over `steps` steps. */
static double split_bytes(const check_t *check, int64_t rows, int64_t steps, bool has_weights) {
  const dataset_shape_t *shape = &check->shape;
  int64_t own = own_rows(rows, check->training.layout);
  if (shape->step_columns > 0) return steps_bytes(check, rows, steps, own, has_weights);
  double row = (double)shape->features * (double)element_size(shape->type);
  bool is_scaled = strcmp(check->settings->data.target_scaling.name, "none") != 0;
  row += check->training.objective->has_labels
             ? sizeof(int32_t)
             : (double)targets_bytes(check->training.objective->targets, shape->y_type, is_scaled);
  row += has_weights ? sizeof(float) : 0;
  return row * (double)own;
}

static double row_bytes(const check_t *check) {
  const dataset_shape_t *shape = &check->shape;
  return split_bytes(check, shape->train_rows, shape->train_steps, shape->train_weights) +
         split_bytes(check, shape->valid_rows, shape->valid_steps, shape->valid_weights) +
         split_bytes(check, shape->test_rows, shape->test_steps, shape->test_weights);
}

/* Bytes of this rank's data: the rows or the buffer they are streamed through, the row order, and the
 * landmarks of basis functions. */
static double data_bytes(const check_t *check) {
  const dataset_shape_t *shape = &check->shape;
  const layout_t *layout = check->training.layout;
  double limit = (double)check->settings->data.memory_limit;
  int64_t train = own_rows(shape->train_rows, layout);
  double all = row_bytes(check);
  bool is_streamed = limit > 0 && all > limit;
  bool is_ordered = !is_streamed || strcmp(check->settings->data.shuffle, "full") == 0;
  return (is_streamed ? limit : all) + (is_ordered ? 4 * (double)train : 0) +
         basis_bytes(&check->settings->data.basis, check->training.width.encoded,
                     check->training.width.inputs);
}

/* Measures the memory of a rank before it holds rows or parameters: creates the kernels as training does and
 * reads the memory of the process. Collective. */
static ls_status measure_program(check_t *check, double *bytes, ls_error *error) {
  const settings_t *settings = check->settings;
  const features_t features = {0};
  const scaler_t targets = {.name = "none"};
  slice_shape_t slice = slice_shape(settings->train.global_batch_size, check->training.layout->shards);
  evaluator_t *evaluator = NULL;
  graph_worker_t *worker = NULL;
  ls_status status =
      evaluator_create(check->training.graph, check->training.objective, &features, &targets,
                       check->training.layout->threads, settings->train.top_k, &evaluator, error);
  if (status == LS_OK)
    status =
        graph_worker_create(check->training.graph, slice.call_rows, slice.together, true, &worker, error);
  status = world_agree(check->world, status, error);
  *bytes = host_memory().now;
  graph_worker_destroy(&worker);
  evaluator_destroy(&evaluator);
  TRY(status);
  return world_barrier(check->world, error);
}

static rank_t describe_rank(const check_t *check, double program) {
  const engine_memory_t *memory = &check->memory;
  rank_t rank;
  memset(&rank, 0, sizeof rank); /* clear the padding too: the struct is sent as bytes */
  rank.layout = *check->training.layout;
  rank.layout.openmp = NULL;
  rank.node = world_node(check->world);
  rank.rows = own_rows(check->shape.train_rows, check->training.layout);
  rank.data = data_bytes(check);
  rank.program = program;
  rank.private = memory->partials + memory->states + memory->tape + memory->exchange + check->files;
  return rank;
}

static ls_status gather_ranks(check_t *check, ls_error *error) {
  world_t *world = check->world;
  double program = 0;
  TRY(measure_program(check, &program, error));
  rank_t mine = describe_rank(check, program);
  check->ranks = calloc((size_t)world_size(world), sizeof *check->ranks);
  ls_status status = LS_OK;
  if (check->ranks == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the table of ranks");
  TRY(world_agree(world, status, error));
  return world_gather(world, &mine, sizeof mine, check->ranks, error);
}

/* ---- what rank 0 prints ---- */

static void print_data(const check_t *check) {
  static const char *const types[] = {
      [ELEMENT_U8] = "bytes", [ELEMENT_F32] = "float32", [ELEMENT_F64] = "float64"};
  const settings_t *settings = check->settings;
  const dataset_shape_t *shape = &check->shape;
  const window_settings_t *window = &settings->data.window;
  int64_t batch = settings->train.global_batch_size;
  partition_t partition = {shape->train_rows, check->training.layout->shards};
  int64_t steps = epoch_steps(partition, batch);
  printf("\ndata    %s: %" PRId64 " training, %" PRId64 " validation, %" PRId64 " test rows of %" PRId64
         " features, %s in memory\n",
         settings->data.file, shape->train_rows, shape->valid_rows, shape->test_rows, shape->features,
         types[shape->type]);
  if (check->training.width.inputs != shape->features)
    printf("inputs  %" PRId64 " of the network, computed from these features\n",
           check->training.width.inputs);
  if (strcmp(settings->data.missing, "drop") == 0)
    puts("        these counts include rows with missing values, which will be dropped");
  if (window->length > 0)
    printf("windows of %" PRId64 " steps, %" PRId64 " forecast, one every %" PRId64 ": %" PRId64
           " training steps\n",
           window->length, window->horizon, window->stride, shape->train_steps);
  if (shape->series > 1)
    printf("series  %" PRId64 ", %" PRId64 " of them long enough for a window of training\n", shape->series,
           shape->train_series);
  printf("steps   %" PRId64 " an epoch of %" PRId64 " rows (the last has %" PRId64 "), %" PRId64
         " in %" PRId64 " epochs\n",
         steps, batch, step_rows(partition, batch, steps - 1), steps * settings->train.epochs,
         settings->train.epochs);
  printf("shards  %d, each with %" PRId64 " to %" PRId64 " rows of the data and at most %" PRId64
         " of a batch\n",
         partition.shards, shard_rows(partition, partition.shards - 1), shard_rows(partition, 0),
         slice_rows(batch, partition.shards));
}

static void print_ranks(const check_t *check) {
  const world_t *world = check->world;
  int n = world_size(world);
  int64_t most = 0, sum = 0;
  printf("layout  %d node(s), %d rank(s), %d thread(s) on rank 0; reduce: %s\n\n", world_nodes(world), n,
         check->training.layout->threads, check->settings->parallel.reduce);
  printf("%5s %5s  %-24s %6s %8s %12s %10s %10s\n", "rank", "node", "host", "cores", "threads", "shards",
         "rows", "MB");
  for (int r = 0; r < n; r++) {
    const rank_t *rank = &check->ranks[r];
    char shards[32];
    snprintf(shards, sizeof shards, "%d-%d", rank->layout.first_shard,
             rank->layout.first_shard + rank->layout.own_shards - 1);
    printf("%5d %5d  %-24.24s %6d %8d %12s %10" PRId64 " %10.1f\n", r, rank->node, world_host(world, r),
           rank->layout.cores_allowed, rank->layout.threads, shards, rank->rows,
           (rank->program + rank->data + rank->private) / 1e6);
    if (rank->rows > most) most = rank->rows;
    sum += rank->rows;
  }
  printf("\nbalance the busiest rank has %.3f times the mean rows\n", (double)most * n / (double)sum);
}

/* Every rank counts the node's parameters in full, but with `reduce: shared` a node holds one copy. So
 * parameters are added once per node. */
static void print_memory(const check_t *check) {
  const world_t *world = check->world;
  const engine_memory_t *memory = &check->memory;
  printf(
      "memory  rank 0: program %.1f MB, data %.1f MB, partial sums %.1f MB, optimiser %.1f MB, activations "
      "%.1f MB, exchange %.1f MB, files %.1f MB\n",
      check->ranks[0].program / 1e6, check->ranks[0].data / 1e6, memory->partials / 1e6, memory->states / 1e6,
      memory->tape / 1e6, memory->exchange / 1e6, check->files / 1e6);
  for (int node = 0; node < world_nodes(world); node++) {
    double bytes = memory->parameters;
    for (int r = 0; r < world_size(world); r++)
      if (check->ranks[r].node == node)
        bytes += check->ranks[r].program + check->ranks[r].data + check->ranks[r].private;
    printf("        node %d: %.1f MB, parameters (%.1f MB) included\n", node, bytes / 1e6,
           memory->parameters / 1e6);
  }
}

/* Prints each distinct piece of advice once, with the first rank it applies to. */
static void print_advice(const check_t *check) {
  int n = world_size(check->world);
  for (int r = 0; r < n; r++) {
    const char *advice = check->ranks[r].layout.advice;
    bool is_new = advice[0] != '\0';
    for (int q = 0; q < r && is_new; q++) is_new = strcmp(check->ranks[q].layout.advice, advice) != 0;
    if (is_new) log_warn(&check->session->log, "rank %d: %s", r, advice);
  }
}

/* The memory this rank needs, and the disk space the run needs. Each checkpoint holds the parameters and the
 * optimiser's state; model.h5 holds the parameters. Besides the checkpoints that are kept, one is being
 * written, and the best one may be an older one. */
static preflight_needs_t find_needs(const check_t *check) {
  const settings_t *settings = check->settings;
  const engine_memory_t *memory = &check->memory;
  double vector = (double)graph_floats(check->training.graph) * sizeof(float);
  bool is_shared = strcmp(settings->parallel.reduce, "shared") == 0;
  double parameters = world_place(check->world) == 0 ? memory->parameters : 0;
  const rank_t *rank = &check->ranks[world_rank(check->world)];
  int vectors = 1 + optimizer_find(settings->optimizer.name)->states;
  return (preflight_needs_t){.directory = settings->runs,
                             .precision = settings->train.precision,
                             .files = vector * (1 + (double)(settings->checkpoint.keep + 2) * vectors),
                             .memory = rank->program + rank->data + rank->private + parameters,
                             .shared = is_shared ? memory->partials + parameters : 0};
}

/* A word as a shell takes it. */
static void print_word(const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (*word != '\0' && word[strspn(word, plain)] == '\0') {
    printf(" %s", word);
    return;
  }
  fputs(" '", stdout);
  for (; *word != '\0'; word++) fputs(*word == '\'' ? "'\\''" : (const char[]){*word, '\0'}, stdout);
  putchar('\'');
}

/* Prints the hosts, and the command that starts the training on all their cores, or as many as the settings
 * can use. Collective. */
static ls_status print_hosts(const check_t *check, ls_error *error) {
  const session_t *session = check->session;
  preflight_needs_t needs = find_needs(check);
  launch_line_t line;
  TRY(preflight_hosts(check->world, check->training.layout, &needs, session->is_root ? stdout : NULL,
                      &session->log, error));
  if (!session->is_root) return LS_OK;
  preflight_launch_line(check->world, check->training.layout, check->settings, &line);
  printf("launch  %s %s train", line.text, program_invocation_name);
  for (size_t i = 0; i < check->arguments->n; i++) print_word(check->arguments->words[i]);
  printf("\n        uses %d of %d cores%s\n", line.cores_used, line.cores,
         world_hosts(check->world) > 1 ? "; add the hosts that you gave now" : "");
  return LS_OK;
}

/* ---- the rows ---- */

/* Rows may be more than the memory of this machine, and a check must not take all of it: what does not fit
 * into half of the free memory is streamed, which changes neither what is refused nor why. */
static ls_status find_limit(const check_t *check, int64_t *out, ls_error *error) {
  world_t *world = check->world;
  *out = check->settings->data.memory_limit;
  if (*out == 0) *out = (int64_t)(host_free_memory() / 2 / world_host_ranks(world));
  return world_broadcast(world, out, sizeof *out, 0, error); /* all ranks stream or none does */
}

/* Does what training does before its first step, and reads every row. Collective. */
static ls_status read_rows(check_t *check, ls_error *error) {
  TRY(training_load(&check->training, error));
  TRY(training_read_rows(&check->training, error));
  TRY(training_advise(&check->training, &check->session->log, error));
  if (check->session->is_root) puts("rows    all have been read and can be trained on");
  return LS_OK;
}

/* ---- the command ---- */

static ls_status examine(check_t *check, ls_error *error) {
  const settings_t *settings = check->settings;
  check->own = *settings;
  TRY(find_limit(check, &check->own.data.memory_limit, error));
  TRY(train_check_name(settings, error));
  TRY(training_plan(check->world, &check->own, &check->training, error));
  check->own = *check->training.settings;
  check->own.data.memory_limit = settings->data.memory_limit;
  check->settings = &check->own;
  check->shape = check->training.shape;
  check->memory = engine_memory(check->settings, check->training.layout, check->training.graph, check->world);
  check->files = saver_memory(check->settings, graph_floats(check->training.graph), world_rank(check->world),
                              world_size(check->world));
  return gather_ranks(check, error);
}

static void print_all(const check_t *check) {
  graph_print(check->training.graph, stdout);
  print_data(check);
  print_ranks(check);
  print_memory(check);
  fflush(stdout);
}

static ls_status examine_and_print(world_t *world, void *context, ls_error *error) {
  check_t *check = context;
  const session_t *session = check->session;
  check->world = world;
  ls_status status = examine(check, error);
  if (status == LS_OK && session->is_root) print_all(check);
  if (status == LS_OK) status = print_hosts(check, error);
  if (status == LS_OK && session->is_root) {
    fflush(stdout);
    print_advice(check);
  }
  if (status == LS_OK) status = read_rows(check, error);
  training_close(&check->training);
  free(check->ranks);
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const arguments_t *a = input;
  settings_t *settings = NULL;
  TRY(settings_everywhere(session, a, &settings, error));
  check_t check = {.settings = settings, .arguments = a, .session = session};
  /* members of an ensemble give work to more ranks */
  const log_t *log = settings->train.members > 1 ? NULL : &session->log;
  ls_status status = training_crew(session->world, settings, log, examine_and_print, &check, error);
  return settings_end(&settings, status, error);
}

static const struct argp argp = {
    .parser = arguments_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]",
    .doc = "Shows what `lockstep train` would do with these settings, data and ranks, without training: the "
           "model, steps, shards and their balance, cores and memory. Then reads all rows and refuses what "
           "training would refuse, with the same message.\vLaunch it exactly like the training "
           "itself, with mpirun or srun."};

const command_t command_check = {
    .name = "check",
    .meaning = "preflight: model, layout, balance, memory and rows, no training",
    .argp = &argp,
    .options_size = sizeof(arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .fills_job = true,
    .run = run,
};
