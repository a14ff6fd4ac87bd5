/* The beginning of a run: checkpoint, data, network, scalers, engine, parameters, and the run directory last,
 * so that bad input leaves nothing behind. */
#include "train/trainer_impl.h"

#include "base/clock.h"
#include "base/size.h"
#include "layout/shard.h"
#include "model/penalty.h"
#include "data/window.h"
#include "features/features_fit.h"
#include "train/choices.h"
#include "train/finite.h"
#include "train/fitting.h"
#include "run/data_check.h"
#include "run/predecessor.h"
#include "host/preflight.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The network's inputs. They are known before rows are read, so that a mistake in the settings costs no
 * reading, unless only the rows can say how many there are. */
static ls_status find_inputs(trainer_t *trainer, const dataset_shape_t *shape, features_width_t *out,
                             ls_error *error) {
  const settings_t *settings = trainer->settings;
  trainer_data_t *data = &trainer->data;
  if (trainer->resumed) TRY(trainer_agree(trainer, training_read_scalers(trainer, error), error));
  if (!trainer->resumed && origin_takes_all(settings)) {
    ls_status status =
        origin_features(settings, settings_choices(), shape, &data->features, &data->targets, error);
    data->has_features = status == LS_OK;
    TRY(trainer_agree(trainer, status, error));
  }
  *out = features_width(settings, shape);
  if (out->inputs == 0 && !data->has_features) {
    TRY(features_fit_file(trainer->world, settings, trainer->layout.shards, &data->features, error));
    data->has_features = true;
  }
  if (data->has_features)
    *out = (features_width_t){data->features.columns, data->features.encoded, data->features.inputs};
  return basis_check(&settings->data.basis, out->encoded, shape->train_rows, error);
}

/* What the losses and the rules ask of the data, as far as its headers tell. encoded: the values that the
 * features of a row become, 0 where only the rows can say. */
static ls_status check_objective(const trainer_t *trainer, const dataset_shape_t *shape, int64_t encoded,
                                 ls_error *error) {
  const settings_t *settings = trainer->settings;
  const objective_t *objective = &trainer->objective;
  TRY(class_weights_check(settings, objective, error));
  TRY(objective_check_classes(objective, settings->data.file, shape->class_names, error));
  TRY(objective_check_top_k(objective, settings->train.top_k, error));
  TRY(dataset_check_choice(settings, error));
  if (objective->of_x && encoded > 0)
    TRY(features_check_targets(&(features_t){.encoded = encoded}, objective->targets, error));
  if (!objective_is_scaled(objective) && strcmp(settings->data.target_scaling.name, "none") != 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.target_scaling is for regression; %s takes %s: leave it out",
                     objective->heads->loss->name,
                     objective->targets == 0               ? "no targets"
                     : objective->heads->loss->fixed_units ? "counts"
                                                           : "classes");
  return stop_rules_check(settings, shape->valid_rows > 0, objective, error);
}

static ls_status check_frozen(const trainer_t *trainer, ls_error *error) {
  frozen_t frozen;
  arena_t arena = {0};
  ls_status status = frozen_create(trainer->graph, &trainer->settings->model.freeze, &arena, &frozen, error);
  arena_free(&arena);
  return status;
}

static ls_status make_graph(trainer_t *trainer, int64_t inputs, ls_error *error) {
  const features_t *features = &trainer->data.features; /* empty unless they say how many inputs there are */
  const settings_t *settings = trainer->settings;
  ls_status status = graph_create_with_tables(settings->model.layers, settings->model.n_layers, inputs,
                                              features->tables, features->n_lookups, &trainer->graph, error);
  TRY(trainer_agree(trainer, status, error));
  return trainer_agree(trainer, graph_choose_precision(trainer->graph, settings->train.precision, error),
                       error);
}

static ls_status make_network(trainer_t *trainer, const dataset_shape_t *shape, const features_width_t *width,
                              ls_error *error) {
  const settings_t *settings = trainer->settings;
  const bool fits = fitting_is_wanted(settings) && trainer->solution == NULL;
  trainer->optimizer = fits ? fitting_optimizer() : optimizer_find(settings->optimizer.name);
  int64_t rows = slice_shape(settings->train.global_batch_size, trainer->layout.shards).call_rows;
  TRY(make_graph(trainer, width->inputs, error));
  ls_status status = graph_check_rows(trainer->graph, rows, error);
  if (status == LS_OK)
    status = objective_create(settings, graph_outputs(trainer->graph), &trainer->objective, error);
  if (status == LS_OK) status = check_objective(trainer, shape, width->encoded, error);
  if (status == LS_OK) status = penalties_check(&trainer->objective, trainer->graph, error);
  trainer->record.history.objective = &trainer->objective;
  if (status == LS_OK) status = check_frozen(trainer, error);
  TRY(trainer_agree(trainer, status, error));
  return trainer->resumed ? LS_OK : trainer_take_origin(trainer, NULL, error);
}

/* The most steps that are still to be done. */
static int64_t steps_left(const trainer_t *trainer) {
  const settings_t *settings = trainer->settings;
  int64_t all = count_product(settings->train.epochs, epoch_steps(trainer->data.dataset->train.partition,
                                                                  settings->train.global_batch_size));
  if (settings->train.steps > 0 && settings->train.steps < all) all = settings->train.steps;
  return all > trainer->position.step ? all - trainer->position.step : 0;
}

static ls_status make_engines(trainer_t *trainer, ls_error *error) {
  const settings_t *settings = trainer->settings;
  engine_inputs_t inputs = {.world = trainer->world,
                            .settings = settings,
                            .layout = &trainer->layout,
                            .graph = trainer->graph,
                            .objective = &trainer->objective,
                            .train = &trainer->data.dataset->train,
                            .features = &trainer->data.features,
                            .timed_steps = trainer->options->timing ? steps_left(trainer) : 0};
  if (trainer->optimizer == fitting_optimizer()) {
    TRY(fitting_open(trainer, error));
  } else {
    TRY(graph_check_trained(trainer->graph, error));
    TRY(engine_create(&inputs, &trainer->engine, error));
  }
  TRY(trainer_agree(trainer,
                    evaluator_create(trainer->graph, &trainer->objective, &trainer->data.features,
                                     &trainer->data.targets, trainer->layout.threads, settings->train.top_k,
                                     &trainer->evaluator, error),
                    error));
  return trainer_agree(trainer, trainer_make_buffers(trainer, error), error);
}

static void describe_layout(const trainer_t *trainer, char *out, size_t size) {
  const world_t *world = trainer->world;
  const char *openmp = trainer->layout.openmp;
  snprintf(out, size, "%d node%s x %d rank%s x %d thread%s%s%s, %d shard%s", world_nodes(world),
           world_nodes(world) == 1 ? "" : "s", world_places(world), world_places(world) == 1 ? "" : "s",
           trainer->layout.threads, trainer->layout.threads == 1 ? "" : "s", openmp != NULL ? " by " : "",
           openmp != NULL ? openmp : "", trainer->layout.shards, trainer->layout.shards == 1 ? "" : "s");
}

static ls_status open_directory(trainer_t *trainer, ls_error *error) {
  TRY(run_lock_check(trainer->run.lock, error));
  if (!trainer->resumed && !(trainer->options->rewrites && run_is_finished(&trainer->run)))
    TRY(run_directory_fresh(&trainer->run, trainer->options->replace, trainer->options->log, error));
  return run_write_settings(&trainer->run, trainer->settings, error);
}

/* The run directory appears last, when nothing in the settings or the data can go wrong any more. */
static ls_status open_run(trainer_t *trainer, ls_error *error) {
  char layout[128];
  const bool has_files = trainer_has_files(trainer);
  if (!is_root(trainer)) return LS_OK;
  host_facts(&trainer->host);
  if (has_files) TRY(open_directory(trainer, error));
  TRY(report_open(&trainer->record.report, has_files ? &trainer->run : NULL, trainer->options,
                  trainer->settings->train.epochs, error));
  describe_layout(trainer, layout, sizeof layout);
  report_start(&trainer->record.report, trainer->position.step, layout);
  log_info(trainer->options->log, "%s: %" PRId64 " rows, %" PRId64 " parameters, %s", trainer->settings->name,
           trainer->data.dataset->train.partition.rows, graph_parameters(trainer->graph), layout);
  if (trainer->data.dataset->dropped > 0)
    log_info(trainer->options->log, "%" PRId64 " rows with missing values are left out",
             trainer->data.dataset->dropped);
  if (trainer->data.dataset->short_series > 0)
    log_info(trainer->options->log, "%" PRId64 " series are too short for a window of training",
             trainer->data.dataset->short_series);
  if (trainer->layout.advice[0] != '\0') log_warn(trainer->options->log, "%s", trainer->layout.advice);
  const position_t *position = &trainer->position;
  if (trainer->resumed && position->epoch >= trainer->settings->train.epochs)
    log_info(trainer->options->log, "all %" PRId64 " epochs are done already", position->epoch);
  else if (trainer->resumed)
    log_info(trainer->options->log, "going on from step %" PRId64 " (epoch %" PRId64 ")", position->step,
             position->epoch + 1);
  return LS_OK;
}

static double checkpoint_bytes(const trainer_t *trainer) {
  return (double)graph_floats(trainer->graph) * sizeof(float) * (1 + trainer->optimizer->states);
}

/* Once memory has been taken: what is left to go wrong is the file system, and bits on CPUs that differ. */
static ls_status look_at_hosts(trainer_t *trainer, ls_error *error) {
  const settings_t *settings = trainer->settings;
  preflight_needs_t needs = {.directory = trainer_has_files(trainer) ? settings->runs : NULL,
                             .precision = settings->train.precision,
                             .files = (double)(settings->checkpoint.keep + 2) * checkpoint_bytes(trainer)};
  return preflight_hosts(trainer->world, &trainer->layout, &needs, trainer->options->log->out,
                         trainer->options->log, error);
}

/* What must be known before it is clear which ranks have work: the rows, and from them the shards. */
static ls_status find_shards(trainer_t *trainer, ls_error *error) {
  TRY(dataset_describe(trainer->world, trainer->settings, &trainer->shape, error));
  const settings_t settings = fitting_settings(trainer->settings);
  if (fitting_is_wanted(&settings)) TRY(trainer_agree(trainer, fitting_check(&settings, error), error));
  trainer->own = settings_for_rows(&settings, trainer->shape.train_rows);
  trainer->settings = &trainer->own;
  return layout_shards(trainer->settings, trainer->position.shards, trainer->shape.train_rows,
                       &trainer->position.shards, error);
}

/* All that the settings and the headers of the data tell of the ranks that have work. */
static ls_status plan(trainer_t *trainer, features_width_t *width, ls_error *error) {
  const settings_t *settings = trainer->settings;
  int64_t ranks_per_node = settings->parallel.ranks_per_node;
  TRY(world_group(trainer->world, ranks_per_node == SETTINGS_AUTO ? 0 : (int)ranks_per_node, error));
  TRY(layout_plan(trainer->world, settings, trainer->position.shards, &trainer->layout, error));
  TRY(find_inputs(trainer, &trainer->shape, width, error));
  if (trainer->solution != NULL && trainer->solution->plan_layers != NULL)
    TRY(trainer->solution->plan_layers(trainer, width, error));
  return make_network(trainer, &trainer->shape, width, error);
}

/* What a closed form finds in the rows may decide how many units its layers have. */
static ls_status fit_rows(trainer_t *trainer, ls_error *error) {
  if (trainer->solution == NULL || trainer->solution->fit_rows == NULL) return LS_OK;
  TRY(trainer->solution->fit_rows(trainer, error));
  graph_destroy(&trainer->graph);
  return make_graph(trainer, trainer->data.features.inputs, error);
}

/* All else that comes before the first step, but for the run directory. */
static ls_status load(trainer_t *trainer, ls_error *error) {
  TRY(trainer_load_data(trainer, error));
  TRY(fit_rows(trainer, error));
  if (trainer->resumed) TRY(training_check_position(trainer, error));
  TRY(make_engines(trainer, error));
  return trainer_load(trainer, error);
}

ls_status training_lock(world_t *world, const settings_t *settings, const log_t *log, run_lock_t **out,
                        ls_error *error) {
  run_directory_t run;
  world_set_timeout(world, settings->parallel.timeout);
  TRY(world_agree(world, run_directory_of(settings, &run, error), error));
  TRY(run_lock_share(world, run.path, log, out, error));
  if (*out != NULL) run_tidy(&run);
  return LS_OK;
}

void training_teardown(trainer_t *trainer) {
  saver_free(&trainer->copies.saver);
  part_list_free(&trainer->copies.list);
  report_close(&trainer->record.report);
  history_free(&trainer->record.history);
  trainer_free_vector(trainer);
  free(trainer->copies.sums);
  evaluator_destroy(&trainer->evaluator);
  fitting_close(trainer);
  engine_destroy(&trainer->engine);
  features_free(&trainer->data.features);
  scaler_free(&trainer->data.targets);
  free(trainer->data.class_weights.values);
  dataset_destroy(&trainer->data.dataset);
  objective_free(&trainer->objective);
  graph_destroy(&trainer->graph);
}

ls_status training_setup(trainer_t *trainer, ls_error *error) {
  features_width_t width = {0};
  TRY(plan(trainer, &width, error));
  TRY(load(trainer, error));
  if (trainer->options->data_name != NULL) trainer->own.data.file = trainer->options->data_name;
  TRY(look_at_hosts(trainer, error));
  TRY(trainer_agree(trainer, open_run(trainer, error), error));
  if (trainer->solution == NULL && trainer_has_files(trainer)) TRY(trainer_open_saver(trainer, error));
  if (trainer->settings->train.members == 1 &&
      trainer->fitting == NULL) /* members have been advised one by one */
    TRY(trainer_advise(trainer, trainer->options->log, error));
  const double began = trainer->options->began > 0 ? trainer->options->began : trainer->record.began;
  stop_watch_begin(&trainer->watch, trainer->world, began, trainer->settings->train.time_limit,
                   trainer->options->job_end, checkpoint_bytes(trainer));
  if (is_root(trainer))
    trainer->watch.pace =
        save_pace_begin(&trainer->settings->checkpoint.every, clock_seconds(), checkpoint_bytes(trainer));
  return LS_OK;
}

/* What the crew does of a run. */
typedef struct {
  trainer_t *trainer;
  training_work_t *work;
} run_crew_t;

static ls_status run_crew(world_t *world, void *context, ls_error *error) {
  const run_crew_t *crew = context;
  crew->trainer->world = world;
  ls_status status = training_setup(crew->trainer, error);
  status = crew->work(crew->trainer, status, error);
  training_teardown(crew->trainer);
  return status;
}

ls_status training_prepare(trainer_t *trainer, bool *is_finished, ls_error *error) {
  world_set_timeout(trainer->world, trainer->settings->parallel.timeout);
  if (trainer_has_files(trainer))
    TRY(trainer_agree(trainer, run_directory_of(trainer->settings, &trainer->run, error), error));
  TRY(training_find_checkpoint(trainer, error));
  TRY(training_find_finished(trainer, is_finished, error));
  return *is_finished ? LS_OK : find_shards(trainer, error);
}

ls_status training_run(trainer_t *trainer, training_work_t *work, ls_error *error) {
  run_crew_t crew = {trainer, work};
  bool is_finished = false;
  TRY(training_prepare(trainer, &is_finished, error));
  if (is_finished) return LS_OK;
  /* those who collect an ensemble do not need all ranks that trained it */
  const log_t *log = trainer->settings->train.members > 1 ? NULL : trainer->options->log;
  return layout_crew(trainer->world, trainer->position.shards, log, run_crew, &crew, error);
}

ls_status training_crew(world_t *world, const settings_t *settings, const log_t *log, crew_work_t *work,
                        void *context, ls_error *error) {
  trainer_t trainer = {.world = world, .settings = settings};
  TRY(find_shards(&trainer, error));
  return layout_crew(world, trainer.position.shards, log, work, context, error);
}

static void borrow_plan(trainer_t *trainer, training_t *out) {
  *out = (training_t){.world = trainer->world,
                      .settings = trainer->settings,
                      .layout = &trainer->layout,
                      .graph = trainer->graph,
                      .objective = &trainer->objective,
                      .shape = trainer->shape,
                      .width = out->width,
                      .trainer = trainer};
}

ls_status training_plan(world_t *world, const settings_t *settings, training_t *out, ls_error *error) {
  static const train_options_t options = {0};
  training_t training = {0};
  trainer_t *trainer = calloc(1, sizeof *trainer);
  ls_status status = trainer == NULL ? error_set(error, LS_NO_MEMORY, "no memory for a training") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  *trainer = (trainer_t){.world = world, .settings = settings, .options = &options};
  TRY_OR_DONE(trainer_agree(trainer, run_directory_of(settings, &trainer->run, error), error));
  TRY_OR_DONE(find_shards(trainer, error));
  TRY_OR_DONE(plan(trainer, &training.width, error));
  borrow_plan(trainer, &training);
  *out = training;
done:
  if (status != LS_OK && trainer != NULL) training_teardown(trainer);
  if (status != LS_OK) free(trainer);
  return status;
}

static void borrow_rows(training_t *training) {
  const trainer_data_t *data = &training->trainer->data;
  training->dataset = data->dataset;
  training->partition = data->dataset->train.partition;
  training->factors = data->dataset->train.factors;
  training->features = &data->features;
  training->targets = &data->targets;
}

ls_status training_load(training_t *training, ls_error *error) {
  trainer_t *trainer = training->trainer;
  TRY(load(trainer, error));
  borrow_rows(training);
  training->engine = trainer->engine;
  return LS_OK;
}

ls_status training_load_rows(training_t *training, ls_error *error) {
  TRY(trainer_load_data(training->trainer, error));
  borrow_rows(training);
  return LS_OK;
}

ls_status training_advise(training_t *training, const log_t *log, ls_error *error) {
  return trainer_advise(training->trainer, log, error);
}

ls_status training_read_rows(training_t *training, ls_error *error) {
  return trainer_read_rows(training->trainer, error);
}

ls_status training_open(world_t *world, const settings_t *settings, training_t *out, ls_error *error) {
  training_t training = {0};
  TRY(training_plan(world, settings, &training, error));
  ls_status status = training_load(&training, error);
  if (status == LS_OK)
    *out = training;
  else
    training_close(&training);
  return status;
}

void training_close(training_t *training) {
  if (training->trainer == NULL) return;
  training_teardown(training->trainer);
  free(training->trainer);
  training->trainer = NULL;
}
