/* The facts of a plan. Every figure of a rank comes from functions of its layout and its place among the
 * ranks, so a rank that is only planned has the figures of one that has been started. Only the memory of the
 * program is measured: by each rank for itself, or by the planning process for all. */
#include "study/plan.h"

#include "cluster/fit_memory.h"
#include "comm/imagine.h"
#include "data/window.h"
#include "layout/shard.h"
#include "quality/quality.h"
#include "run/saver.h"
#include "score/evaluate.h"
#include "step/engine.h"
#include "host/host.h"
#include "train/trainer.h"

#include <stdlib.h>
#include <string.h>

bool run_plan_fits(const run_plan_t *plan) {
  return plan->settings.cluster.k > 0;
}

/* Vectors of the optimiser, which a fit has not. */
static int states_of(const run_plan_t *plan) {
  return run_plan_fits(plan) ? 0 : optimizer_find(plan->settings.optimizer.name)->states;
}

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

/* Bytes of all rows of a rank. */
static double rows_bytes(const run_plan_t *plan, const layout_t *layout) {
  const dataset_shape_t *shape = &plan->training.shape;
  return split_bytes(plan, layout, shape->train_rows, shape->train_steps, shape->train_weights) +
         split_bytes(plan, layout, shape->valid_rows, shape->valid_steps, shape->valid_weights) +
         split_bytes(plan, layout, shape->test_rows, shape->test_steps, shape->test_weights);
}

static bool is_streamed(const run_plan_t *plan, const layout_t *layout) {
  const double limit = (double)plan->settings.data.memory_limit;
  return limit > 0 && rows_bytes(plan, layout) > limit;
}

/* Bytes of a rank's data: the rows or the buffer they are streamed through, the row order, and the landmarks
 * of basis functions. A fit counts its order itself. */
static double data_bytes(const run_plan_t *plan, const layout_t *layout) {
  const features_width_t *width = &plan->training.width;
  const bool streams = is_streamed(plan, layout);
  const bool is_ordered =
      !run_plan_fits(plan) && (!streams || strcmp(plan->settings.data.shuffle, "full") == 0);
  return (streams ? (double)plan->settings.data.memory_limit : rows_bytes(plan, layout)) +
         (is_ordered ? 4 * (double)own_rows(plan->training.shape.train_rows, layout) : 0) +
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
  if (status == LS_OK && !run_plan_fits(plan))
    status = graph_worker_create(training->graph, slice.call_rows, slice.together, true, &worker, error);
  status = world_agree(plan->job, status, error);
  *out = host_memory();
  graph_worker_destroy(&worker);
  evaluator_destroy(&evaluator);
  TRY(status);
  return world_barrier(plan->job, error);
}

/* What training takes: parameters once a node, the rest once a rank. */
static void add_engine(const run_plan_t *plan, const world_t *world, plan_rank_t *rank) {
  const settings_t *settings = &plan->settings;
  const engine_memory_t memory = engine_memory(settings, &rank->layout, plan->training.graph, world);
  rank->partials = memory.partials;
  rank->states = memory.states;
  rank->tape = memory.tape;
  rank->exchange = memory.exchange;
  rank->parameters = memory.parameters;
  if (strcmp(settings->parallel.reduce, "shared") == 0)
    rank->shared = memory.partials + (world_place(world) == 0 ? memory.parameters : 0);
}

/* What a fit takes (train/fitting.c): each rank has its parameters twice, as the network and as model files
 * have them. */
static void add_fit(const run_plan_t *plan, const world_t *world, plan_rank_t *rank) {
  const fit_size_t size = {.settings = &plan->settings,
                           .rows = rank->rows,
                           .all_rows = plan->training.shape.train_rows,
                           .inputs = plan->training.width.inputs,
                           .threads = rank->layout.threads,
                           .shards = rank->layout.own_shards,
                           .ranks = world_size(world),
                           .is_root = world_rank(world) == 0,
                           .is_streamed = is_streamed(plan, &rank->layout)};
  const fit_memory_t memory = fit_memory(&size);
  const bool has_figures = strcmp(plan->settings.cluster.method, "kernels") != 0;
  const quality_size_t judged = {
      plan->settings.cluster.k, size.inputs, size.rows, size.all_rows, size.threads, size.shards};
  rank->copies = 2 * (double)graph_floats(plan->training.graph) * sizeof(float);
  rank->states = memory.rows;
  rank->partials = memory.sums + (has_figures ? quality_bytes(&judged) : 0);
  rank->tape = memory.blocks;
}

/* The rank that `world` stands for. */
static plan_rank_t describe_rank(const run_plan_t *plan, const world_t *world, const layout_t *layout,
                                 double program) {
  const settings_t *settings = &plan->settings;
  const graph_t *graph = plan->training.graph;
  plan_rank_t rank;
  memset(&rank, 0, sizeof rank); /* clear the padding too: the struct is sent as bytes */
  rank.layout = *layout;
  rank.layout.openmp = NULL;
  rank.node = world_node(world);
  rank.rows = own_rows(plan->training.shape.train_rows, layout);
  rank.program = program;
  rank.data = data_bytes(plan, layout);
  rank.files =
      saver_memory(settings, states_of(plan), graph_floats(graph), world_rank(world), world_size(world));
  if (run_plan_fits(plan))
    add_fit(plan, world, &rank);
  else
    add_engine(plan, world, &rank);
  return rank;
}

double plan_rank_bytes(const plan_rank_t *rank) {
  return rank->program + rank->data + rank->partials + rank->states + rank->tape + rank->exchange +
         rank->copies + rank->files;
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

/* The memory that MPI takes in a rank, for plans of a process that has not started MPI. Measured with Open
 * MPI 4.1.4: `check` on 2 and on 4 ranks announced this much more for a rank than a plan of 2 and 4 ranks
 * without MPI. */
static const double mpi_bytes = 6.5e6;

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
    const double mpi = plan->request.ranks > 1 && !world_has_mpi(plan->job) ? mpi_bytes : 0;
    plan->ranks[r] = describe_rank(plan, plan->world, &layout, program.now - program.files * others + mpi);
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
  const int vectors = 1 + states_of(plan);
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
  plan_rank_t rank = {.layout = *plan->training.layout,
                      .rows = own_rows(plan->training.shape.train_rows, plan->training.layout)};
  if (run_plan_fits(plan))
    add_fit(plan, plan->job, &rank);
  else
    add_engine(plan, plan->job, &rank);
  return plan_rank_bytes(&rank) + rank.parameters < host_free_memory() / 2;
}

ls_status run_plan_read_rows(run_plan_t *plan, const log_t *log, bool *whole, ls_error *error) {
  *whole = plan->world == plan->job || fits_here(plan);
  TRY(*whole ? training_load(&plan->training, error) : training_load_rows(&plan->training, error));
  TRY(training_read_rows(&plan->training, error));
  return training_advise(&plan->training, log, error);
}
