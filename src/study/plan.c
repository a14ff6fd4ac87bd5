/* The facts of a plan. Every figure of a rank comes from functions of its layout and its place among the
 * ranks, so a rank that is only planned has the figures of one that has been started. Only the memory of the
 * program is measured: by each rank for itself, or by the planning process for all. */
#include "study/plan.h"

#include "comm/imagine.h"
#include "data/window.h"
#include "layout/shard.h"
#include "run/saver.h"
#include "score/evaluate.h"
#include "step/engine.h"
#include "host/host.h"
#include "train/trainer.h"

#include <stdlib.h>
#include <string.h>

/* ---- the rows of a rank ---- */

static int64_t own_rows(int64_t rows, const layout_t *layout) {
  partition_t partition = {rows, layout->shards};
  return shard_first(partition, layout->first_shard + layout->own_shards) -
         shard_first(partition, layout->first_shard);
}

static double steps_bytes(const run_plan_t *plan, int64_t rows, int64_t steps, int64_t own,
                          bool has_weights) {
  const dataset_shape_t *shape = &plan->training.shape;
  size_t step = (size_t)shape->step_columns * element_size(shape->type);
  bool is_label =
      plan->training.objective->has_labels && shape->step_targets > 0; /* also for one-hot targets */
  step += is_label ? sizeof(int32_t) : (size_t)shape->step_targets * element_size(shape->y_type);
  step += has_weights ? sizeof(float) : 0;
  return windows_bytes(&plan->settings.data.window, rows, steps, shape->series > 1, own, step);
}

/* Bytes that a rank's rows of a split take when the whole split is in memory. The split has `rows` rows, or
 * `rows` windows over `steps` steps. */
static double split_bytes(const run_plan_t *plan, const layout_t *layout, int64_t rows, int64_t steps,
                          bool has_weights) {
  const dataset_shape_t *shape = &plan->training.shape;
  int64_t own = own_rows(rows, layout);
  if (shape->step_columns > 0) return steps_bytes(plan, rows, steps, own, has_weights);
  double row = (double)shape->features * (double)element_size(shape->type);
  bool is_scaled = strcmp(plan->settings.data.target_scaling.name, "none") != 0;
  row += plan->training.objective->has_labels ? sizeof(int32_t)
         : plan->training.objective->of_x
             ? 0
             : (double)targets_bytes(plan->training.objective->targets, shape->y_type, is_scaled);
  row += has_weights ? sizeof(float) : 0;
  return row * (double)own;
}

/* Bytes of a rank's data: the rows or the buffer they are streamed through, the row order, and the landmarks
 * of basis functions. */
static double data_bytes(const run_plan_t *plan, const layout_t *layout) {
  const dataset_shape_t *shape = &plan->training.shape;
  const features_width_t *width = &plan->training.width;
  double limit = (double)plan->settings.data.memory_limit;
  double all = split_bytes(plan, layout, shape->train_rows, shape->train_steps, shape->train_weights) +
               split_bytes(plan, layout, shape->valid_rows, shape->valid_steps, shape->valid_weights) +
               split_bytes(plan, layout, shape->test_rows, shape->test_steps, shape->test_weights);
  bool is_streamed = limit > 0 && all > limit;
  bool is_ordered = !is_streamed || strcmp(plan->settings.data.shuffle, "full") == 0;
  return (is_streamed ? limit : all) + (is_ordered ? 4 * (double)own_rows(shape->train_rows, layout) : 0) +
         basis_bytes(&plan->settings.data.basis, width->encoded, width->inputs);
}

/* ---- a rank ---- */

/* Measures the memory of a rank before it holds rows or parameters. The function creates the kernels for
 * `threads` threads, as training does, and reads the memory of the process. Collective. */
static ls_status measure_program(run_plan_t *plan, int threads, host_memory_t *out, ls_error *error) {
  const settings_t *settings = &plan->settings;
  const training_t *training = &plan->training;
  const features_t features = {0};
  const scaler_t targets = {.name = "none"};
  slice_shape_t slice = slice_shape(settings->train.global_batch_size, training->layout->shards);
  evaluator_t *evaluator = NULL;
  graph_worker_t *worker = NULL;
  ls_status status = evaluator_create(training->graph, training->objective, &features, &targets, threads,
                                      settings->train.top_k, &evaluator, error);
  if (status == LS_OK)
    status = graph_worker_create(training->graph, slice.call_rows, slice.together, true, &worker, error);
  status = world_agree(plan->job, status, error);
  *out = host_memory();
  graph_worker_destroy(&worker);
  evaluator_destroy(&evaluator);
  TRY(status);
  return world_barrier(plan->job, error);
}

/* The rank that `world` stands for. */
static plan_rank_t describe_rank(const run_plan_t *plan, const world_t *world, const layout_t *layout,
                                 double program) {
  const settings_t *settings = &plan->settings;
  const graph_t *graph = plan->training.graph;
  const engine_memory_t memory = engine_memory(settings, layout, graph, world);
  const bool is_shared = strcmp(settings->parallel.reduce, "shared") == 0;
  plan_rank_t rank;
  memset(&rank, 0, sizeof rank); /* clear the padding too: the struct is sent as bytes */
  rank.layout = *layout;
  rank.layout.openmp = NULL;
  rank.node = world_node(world);
  rank.rows = own_rows(plan->training.shape.train_rows, layout);
  rank.program = program;
  rank.data = data_bytes(plan, layout);
  rank.partials = memory.partials;
  rank.states = memory.states;
  rank.tape = memory.tape;
  rank.exchange = memory.exchange;
  rank.files = saver_memory(settings, graph_floats(graph), world_rank(world), world_size(world));
  rank.parameters = memory.parameters;
  if (is_shared) rank.shared = memory.partials + (world_place(world) == 0 ? memory.parameters : 0);
  return rank;
}

double plan_rank_bytes(const plan_rank_t *rank) {
  return rank->program + rank->data + rank->partials + rank->states + rank->tape + rank->exchange +
         rank->files;
}

/* ---- all ranks ---- */

static ls_status take_table(run_plan_t *plan, ls_error *error) {
  plan->ranks = calloc((size_t)world_size(plan->world), sizeof *plan->ranks);
  return plan->ranks != NULL ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for the table of ranks");
}

static ls_status gather_ranks(run_plan_t *plan, ls_error *error) {
  const layout_t *layout = plan->training.layout;
  host_memory_t program = {0};
  TRY(measure_program(plan, layout->threads, &program, error));
  const plan_rank_t mine = describe_rank(plan, plan->job, layout, program.now);
  TRY(world_agree(plan->job, take_table(plan, error), error));
  return world_gather(plan->job, &mine, sizeof mine, plan->ranks, error);
}

static ls_status imagine_ranks(run_plan_t *plan, ls_error *error) {
  const settings_t *settings = &plan->settings;
  const int64_t group = settings->parallel.ranks_per_node;
  const int shards = plan->training.layout->shards;
  const imagined_t job = {.ranks = plan->request.ranks,
                          .hosts = plan->request.hosts,
                          .ranks_per_node = group == SETTINGS_AUTO ? 0 : (int)group,
                          .working = shards};
  host_memory_t program = {0};
  plan->world = NULL;
  TRY(world_imagine(&job, &plan->world, error));
  TRY(take_table(plan, error));
  for (int r = 0; r < world_size(plan->world); r++) {
    layout_t layout;
    world_imagine_rank(plan->world, r);
    TRY(layout_imagine(plan->world, settings, shards, plan->request.cores, &layout, error));
    if (r == 0) TRY(measure_program(plan, layout.threads, &program, error));
    /* the ranks of a host share the pages of the program and its libraries */
    const double others = 1 - 1.0 / world_host_ranks(plan->world);
    plan->ranks[r] = describe_rank(plan, plan->world, &layout, program.now - program.files * others);
  }
  world_imagine_rank(plan->world, 0);
  return LS_OK;
}

double run_plan_host_bytes(const run_plan_t *plan, int first, int *end, double *shared) {
  double bytes = 0, common = 0;
  int r = first;
  for (; r < world_size(plan->world); r++) {
    if (strcmp(world_host(plan->world, r), world_host(plan->world, first)) != 0) break;
    const plan_rank_t *rank = &plan->ranks[r];
    const bool is_first = r == 0 || rank[-1].node != rank->node;
    bytes += plan_rank_bytes(rank) + (is_first ? rank->parameters : 0);
    common += rank->shared;
  }
  *end = r;
  if (shared != NULL) *shared = common;
  return bytes;
}

/* The memory this rank needs, and the disk space the run needs. Each checkpoint holds the parameters and the
 * optimiser's state; model.h5 holds the parameters. Besides the checkpoints that are kept, one is being
 * written, and the best one may be an older one. */
preflight_needs_t run_plan_needs(const run_plan_t *plan) {
  const settings_t *settings = &plan->settings;
  const plan_rank_t *rank = &plan->ranks[world_rank(plan->job)];
  double vector = (double)graph_floats(plan->training.graph) * sizeof(float);
  int vectors = 1 + optimizer_find(settings->optimizer.name)->states;
  return (preflight_needs_t){.directory = settings->runs,
                             .precision = settings->train.precision,
                             .files = vector * (1 + (double)(settings->checkpoint.keep + 2) * vectors),
                             .memory =
                                 plan_rank_bytes(rank) + (world_place(plan->job) == 0 ? rank->parameters : 0),
                             .shared = rank->shared};
}

/* ---- the plan ---- */

/* Rows may be more than the memory of this machine, and a plan must not take all of it: what does not fit
 * into half of the free memory is streamed, which changes neither what is refused nor why. */
static ls_status find_limit(world_t *job, const settings_t *settings, int64_t *out, ls_error *error) {
  *out = settings->data.memory_limit;
  if (*out == 0) *out = (int64_t)(host_free_memory() / 2 / world_host_ranks(job));
  return world_broadcast(job, out, sizeof *out, 0, error); /* all ranks stream or none does */
}

ls_status run_plan_open(world_t *job, const settings_t *settings, const plan_request_t *request,
                        run_plan_t *plan, ls_error *error) {
  const bool is_imagined = request->ranks > 0;
  *plan = (run_plan_t){.settings = *settings, .request = *request, .job = job, .world = job};
  TRY(find_limit(job, settings, &plan->settings.data.memory_limit, error));
  /* threads of a planned rank may be more than this host can have */
  if (is_imagined) plan->settings.parallel.threads = SETTINGS_AUTO;
  TRY(train_check_name(settings, error));
  TRY(training_plan(job, &plan->settings, &plan->training, error));
  plan->settings = *plan->training.settings;
  plan->settings.data.memory_limit = settings->data.memory_limit;
  plan->settings.parallel.threads = settings->parallel.threads;
  if (plan->request.cores == 0) plan->request.cores = plan->training.layout->cores_online;
  if (plan->request.memory == 0) plan->request.memory = host_free_memory();
  return is_imagined ? imagine_ranks(plan, error) : gather_ranks(plan, error);
}

void run_plan_close(run_plan_t *plan) {
  training_close(&plan->training);
  if (plan->world != plan->job) world_forget(&plan->world);
  free(plan->ranks);
  plan->ranks = NULL;
}

/* Whether this process alone can take the memory of a step. */
static bool fits_here(const run_plan_t *plan) {
  const training_t *training = &plan->training;
  const engine_memory_t memory = engine_memory(&plan->settings, training->layout, training->graph, plan->job);
  return memory.parameters + memory.partials + memory.states + memory.tape < host_free_memory() / 2;
}

ls_status run_plan_read_rows(run_plan_t *plan, const log_t *log, bool *whole, ls_error *error) {
  *whole = plan->world == plan->job || fits_here(plan);
  TRY(*whole ? training_load(&plan->training, error) : training_load_rows(&plan->training, error));
  TRY(training_read_rows(&plan->training, error));
  return training_advise(&plan->training, log, error);
}
