/* A dataset file as a rank sees it. Rank 0 makes the plan from the headers and gives it to all; then each
 * rank reads its own rows, and all agree on how that went before anybody goes on. */
#include "data/stream_impl.h"

#include "base/activity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- planning ---- */

static void free_series(series_t series[SPLITS]) {
  for (int s = 0; s < SPLITS; s++) series_free(&series[s]);
}

static ls_status plan_file(const settings_t *settings, const request_t *request, dataset_plan_t *plan,
                           series_t series[SPLITS], ls_error *error) {
  store_t *store = NULL;
  TRY(store_open(settings->data.file, &store, error));
  ls_status status = plan_make(store, settings, plan, series, error);
  if (status == LS_OK) status = plan_check(store, settings, plan, request->splits, request->targets, error);
  store_close(&store);
  return status;
}

static ls_status share_plan(world_t *world, ls_status status, dataset_plan_t *plan, ls_error *error) {
  TRY(world_agree(world, status, error));
  return world_broadcast(world, plan, sizeof *plan, 0, error);
}

/* The caller frees the series, which rank 0 alone has so far, also after an error. */
static ls_status plan_everywhere(world_t *world, const settings_t *settings, const request_t *request,
                                 dataset_plan_t *plan, series_t series[SPLITS], ls_error *error) {
  ls_status status = LS_OK;
  memset(plan, 0, sizeof *plan);
  if (world_rank(world) == 0) status = plan_file(settings, request, plan, series, error);
  return share_plan(world, status, plan, error);
}

/* ---- describing ---- */

/* A row is a window. */
static void describe_windows(const window_settings_t *window, const source_t *source,
                             dataset_shape_t *shape) {
  shape->features = window->length * source->features;
  shape->has_y = true;
  shape->y_is_integer = false;
  shape->y_width = window->horizon * windows_target_columns(window, source);
  shape->step_columns = source->features;
  shape->step_targets = windows_use_y(window) ? source->y_width : 0;
}

ls_status dataset_describe(world_t *world, const settings_t *settings, dataset_shape_t *shape,
                           ls_error *error) {
  dataset_plan_t plan;
  series_t series[SPLITS] = {0};
  ls_status status = plan_everywhere(world, settings, &(request_t){.splits = 0}, &plan, series, error);
  free_series(series);
  TRY(status);
  const source_t *train = &plan.split[TRAIN];
  *shape = (dataset_shape_t){
      .features = train->features,
      .train_rows = train->rows,
      .valid_rows = plan.split[VALID].rows,
      .test_rows = plan.split[TEST].rows,
      .has_y = train->has_y,
      .y_is_integer = train->y_is_integer,
      .y_width = train->y_width,
      .class_names = plan.class_names,
      .has_categories = plan.has_categories,
      .type = train->type,
      .y_type = train->y_type,
      .train_steps = train->steps,
      .valid_steps = plan.split[VALID].steps,
      .test_steps = plan.split[TEST].steps,
      .series = plan.series,
      .train_series = train->parts,
      .train_weights = train->has_weights,
      .valid_weights = plan.split[VALID].has_weights,
      .test_weights = plan.split[TEST].has_weights,
  };
  if (settings->data.window.length > 0) describe_windows(&settings->data.window, train, shape);
  return LS_OK;
}

/* ---- this rank's rows ---- */

/* The k-th row (from 0) of a kind; `end` if there are fewer. */
static int64_t find_row(const uint8_t *kinds, uint8_t wanted, int64_t k, int64_t end) {
  for (int64_t i = 0; i < end; i++)
    if (kinds[i] == wanted && k-- == 0) return i;
  return end;
}

/* Rows [first, first + n) of a split as rows of its array. */
static rows_t rows_of_array(const source_t *source, const uint8_t *kinds, uint8_t wanted, int64_t first,
                            int64_t n) {
  if (kinds == NULL || n == 0) return (rows_t){first, first + n, NULL, ROW_KEPT, NULL};
  int64_t begin = find_row(kinds, wanted, first, source->array_rows);
  int64_t last = begin + find_row(kinds + begin, wanted, n - 1, source->array_rows - begin);
  return (rows_t){begin, last + 1, kinds, wanted, NULL};
}

static int64_t row_features(const loading_t *load, const source_t *source) {
  return load->window->length > 0 ? load->window->length * source->features : source->features;
}

/* Rows of a split that rank r holds. */
static int64_t rows_of_rank(const loading_t *load, const source_t *source, int r) {
  partition_t partition = {source->rows, load->shards};
  int ranks = world_size(load->world), first = rank_first_shard(load->shards, ranks, r);
  return shard_first(partition, first + rank_shards(load->shards, ranks, r)) - shard_first(partition, first);
}

static ls_status deal(const loading_t *load, const source_t *source, split_t *split, ls_error *error) {
  int rank = world_rank(load->world), ranks = world_size(load->world);
  split->partition = (partition_t){source->rows, load->shards};
  split->first_shard = rank_first_shard(load->shards, ranks, rank);
  split->shards = rank_shards(load->shards, ranks, rank);
  split->rows = rows_of_rank(load, source, rank);
  split->features = source->features;
  split->type = source->type;
  if (split->rows > UINT32_MAX)
    return error_set(error, LS_BAD_DATA,
                     "%s: %" PRId64 " rows are too many for one rank (at most 2^32 - 1): start "
                     "more ranks",
                     load->file, split->rows);
  return LS_OK;
}

static bool is_asked(const loading_t *load, int which) {
  return (load->request->splits & 1 << which) != 0 && load->plan->split[which].there;
}

/* Values of a row's targets in memory. */
static int64_t target_width(const target_request_t *targets, const source_t *source) {
  return targets->columns != NULL ? targets->width : source->y_width;
}

/* Of a row of the file. */
static size_t row_bytes(const loading_t *load, const source_t *source) {
  const target_request_t *targets = &load->request->targets;
  size_t y = 0, weight = source->has_weights ? sizeof(float) : 0;
  bool is_window = load->window->length > 0;
  if (targets->of_x) return (size_t)source->features * element_size(source->type) + weight;
  if (targets->kind == TARGET_LABELS) y = sizeof(int32_t);
  if (targets->kind == TARGET_VALUES && is_window) y = (size_t)source->y_width * element_size(source->y_type);
  if (targets->kind == TARGET_VALUES && !is_window)
    y = targets_bytes(target_width(targets, source), source->y_type, load->is_scaled);
  if (is_window && !windows_use_y(load->window)) y = 0;
  return (size_t)source->features * element_size(source->type) + y + weight;
}

/* What rank r holds of a split when it is all in memory. */
static double bytes_of_rank(const loading_t *load, const source_t *source, int r) {
  int64_t rows = rows_of_rank(load, source, r);
  if (load->window->length == 0) return (double)rows * (double)row_bytes(load, source);
  return windows_bytes(load->window, source->rows, source->steps, source->parts > 1, rows,
                       row_bytes(load, source));
}

/* Either no rank streams or all do, so that all meet in the same places. */
static bool is_over_limit(const loading_t *load) {
  for (int r = 0; r < world_size(load->world) && load->limit > 0; r++) {
    double bytes = 0;
    for (int which = 0; which < SPLITS; which++)
      if (is_asked(load, which)) bytes += bytes_of_rank(load, &load->plan->split[which], r);
    if (bytes > (double)load->limit) return true;
  }
  return false;
}

/* ---- loading ---- */

static ls_status load_split(const loading_t *load, const split_names_t *names, int which, dataset_t *dataset,
                            split_t *split, ls_error *error) {
  const source_t *source = &load->plan->split[which];
  int array = array_of(load->plan, which);
  TRY(deal(load, source, split, error));
  if (load->window->length > 0) return windows_load(load, names, which, dataset, split, error);
  rows_t rows = rows_of_array(source, load->choice->kinds[array], array == which ? ROW_KEPT : ROW_VALIDATES,
                              shard_first(split->partition, split->first_shard), split->rows);
  row_format_t formats[ARRAYS] = {[ARRAY_X] = features_format(names->x, source)};
  target_kind_t kind = load->request->targets.kind;
  if (kind == TARGET_LABELS) formats[ARRAY_Y] = labels_format(names->y, source, load->request->targets.width);
  split->y_is_x = load->request->targets.of_x;
  if (split->y_is_x) {
    split->width = load->request->targets.width;
    split->y_type = source->type == ELEMENT_F64 ? ELEMENT_F64 : ELEMENT_F32;
  } else if (kind == TARGET_VALUES) {
    split->width = target_width(&load->request->targets, source);
    split->y_type = source->y_type;
    formats[ARRAY_Y] = targets_format(names->y, source, load->request->targets);
  }
  if (source->has_weights) formats[ARRAY_WEIGHT] = weights_format(names->weights);
  if (dataset->reader != NULL)
    return stream_create(dataset->reader, load->store, &rows, formats, split, error);
  return arrays_load(dataset, load, formats, &rows, split->rows, split, error);
}

/* Opens the file, and the reader where one is needed. Values are compared with the file's seal first; each
 * rank compares a part of the file. */
static ls_status open_file(loading_t *load, dataset_t *dataset, store_t **store, ls_error *error) {
  bool sealed = false;
  TRY(store_check(load->file, world_rank(load->world), world_size(load->world), &sealed, error));
  TRY(store_open(load->file, store, error));
  load->store = *store;
  if (!is_over_limit(load)) return LS_OK;
  return stream_thread_create(load->file, load->limit, &dataset->arena, &dataset->reader, error);
}

/* Not collective. */
static ls_status load_rows(loading_t *load, const settings_t *settings, dataset_t *dataset, ls_error *error) {
  store_t *store = NULL;
  split_t *const splits[SPLITS] = {&dataset->train, &dataset->valid, &dataset->test};
  ls_status status = LS_OK;
  TRY_OR_DONE(open_file(load, dataset, &store, error));
  dataset->features = row_features(load, &load->plan->split[TRAIN]);
  for (int which = 0; which < SPLITS; which++) {
    split_names_t names;
    if (!is_asked(load, which)) continue;
    split_names(settings, array_of(load->plan, which), &names);
    TRY_OR_DONE(load_split(load, &names, which, dataset, splits[which], error));
  }
  TRY_OR_DONE(names_load(store, settings->data.x, &load->plan->split[TRAIN], dataset, error));
done:
  store_close(&store);
  return status;
}

/* Every rank gets an empty dataset, or none does. Collective. */
static ls_status dataset_new(world_t *world, dataset_t **out, ls_error *error) {
  *out = calloc(1, sizeof **out);
  ls_status status = *out == NULL ? error_set(error, LS_NO_MEMORY, "no memory for a dataset") : LS_OK;
  status = world_agree(world, status, error);
  if (status != LS_OK) dataset_destroy(out);
  return status;
}

/* All ranks keep what they have read, or none does. Collective. */
static ls_status finish(world_t *world, ls_status status, dataset_t *dataset, dataset_t **out,
                        ls_error *error) {
  status = world_agree(world, status, error);
  if (status != LS_OK) {
    dataset_destroy(&dataset);
    return status;
  }
  dataset->resident_bytes = dataset->arena.bytes;
  *out = dataset;
  return LS_OK;
}

/* Sends the series that rank 0 has found to all ranks, which make the splits' timelines of them. Collective.
 */
static ls_status make_timelines(world_t *world, const settings_t *settings, const dataset_plan_t *plan,
                                series_t series[SPLITS], dataset_t *dataset, timeline_t timelines[SPLITS],
                                ls_error *error) {
  ls_status status = LS_OK;
  if (settings->data.window.length == 0) return LS_OK;
  for (int s = 0; s < SPLITS; s++) TRY(series_share(world, &series[s], error));
  for (int s = 0; s < SPLITS && status == LS_OK; s++)
    if (plan->split[s].there)
      status = windows_timeline(settings, plan, s, &series[array_of(plan, s)], &dataset->arena, &timelines[s],
                                error);
  dataset->short_series = plan->series - plan->split[TRAIN].parts;
  return world_agree(world, status, error);
}

ls_status dataset_load(world_t *world, const settings_t *settings, int splits, target_request_t targets,
                       int shards, dataset_t **out, ls_error *error) {
  dataset_plan_t plan;
  request_t request = {splits, targets};
  series_t series[SPLITS] = {0};
  timeline_t timelines[SPLITS] = {0};
  row_choice_t choice = {0};
  dataset_t *dataset = NULL;
  data_identity_t identity;
  ls_status status = plan_everywhere(world, settings, &request, &plan, series, error);
  loading_t load = {.world = world,
                    .file = settings->data.file,
                    .plan = &plan,
                    .request = &request,
                    .choice = &choice,
                    .window = &settings->data.window,
                    .timelines = timelines,
                    .shards = shards,
                    .limit = settings->data.memory_limit,
                    .is_scaled = strcmp(settings->data.target_scaling.name, "none") != 0};
  TRY_OR_DONE(status);
  activity_set("reading the rows of %s", settings->data.file);
  TRY_OR_DONE(identity_of_splits(world, settings, &plan, splits, &identity, error));
  TRY_OR_DONE(rows_choose(world, settings, &request, &plan, &choice, error));
  TRY_OR_DONE(dataset_new(world, &dataset, error));
  dataset->identity = identity;
  dataset->dropped = choice.dropped;
  status = make_timelines(world, settings, &plan, series, dataset, timelines, error);
  if (status == LS_OK) status = load_rows(&load, settings, dataset, error);
  status = finish(world, status, dataset, out, error);
done:
  row_choice_free(&choice);
  free_series(series);
  return status;
}

ls_status dataset_folds(world_t *world, const settings_t *settings, int64_t strata, uint16_t **fold,
                        int64_t *rows, ls_error *error) {
  dataset_plan_t plan;
  const request_t request = {0, {.kind = TARGET_NONE, .strata = strata}};
  series_t series[SPLITS] = {0};
  row_choice_t choice = {0};
  ls_status status = plan_everywhere(world, settings, &request, &plan, series, error);
  free_series(series);
  if (status == LS_OK) status = rows_choose(world, settings, &request, &plan, &choice, error);
  if (status == LS_OK) {
    *fold = choice.folds;
    *rows = plan.split[TRAIN].array_rows;
    choice.folds = NULL;
  }
  row_choice_free(&choice);
  return status;
}

void dataset_destroy(dataset_t **dataset) {
  if (dataset == NULL || *dataset == NULL) return;
  stream_thread_destroy(&(*dataset)->reader);
  arena_free(&(*dataset)->arena);
  free(*dataset);
  *dataset = NULL;
}

/* ---- rows to predict ---- */

static ls_status plan_features(const char *file, const char *x, const window_settings_t *window,
                               int64_t features, source_t *source, series_t *series, ls_error *error) {
  store_t *store = NULL;
  char name[ARRAY_NAME_SIZE];
  windows_series_name(window, x, name);
  TRY(store_open(file, &store, error));
  ls_status status = source_describe(store, x, source, error);
  if (status == LS_OK && window->length > 0)
    status = series_read(store, name[0] != '\0' ? name : NULL, source->array_rows, series, error);
  store_close(&store);
  TRY(status);
  if (window->length > 0) features /= window->length;
  if (source->features == features) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: %s has %" PRId64 " features but the model takes %" PRId64, file,
                   x, source->features, features);
}

/* All that x has inputs for. Collective. */
static ls_status find_windows(const loading_t *load, const char *x, series_t *series, dataset_t *dataset,
                              source_t *source, timeline_t *out, ls_error *error) {
  if (load->window->length == 0) return LS_OK;
  TRY(series_share(load->world, series, error));
  ls_status status = timeline_make(load->window, series, 0, SPAN_WHOLE, &dataset->arena, out, error);
  TRY(world_agree(load->world, status, error));
  source->steps = timeline_steps(out);
  source->rows = timeline_windows(out);
  source->parts = out->n;
  dataset->short_series = series->n - out->n;
  if (source->rows > 0) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: no series of %s has the %" PRId64
                   " time steps that a forecast takes (data.window.length); all have %" PRId64 " rows",
                   load->file, x, load->window->length, source->array_rows);
}

static ls_status load_features(loading_t *load, const char *x, dataset_t *dataset, ls_error *error) {
  store_t *store = NULL;
  split_names_t names = {0};
  snprintf(names.x, sizeof names.x, "%s", x);
  dataset->features = row_features(load, &load->plan->split[TEST]);
  ls_status status = open_file(load, dataset, &store, error);
  if (status == LS_OK) status = load_split(load, &names, TEST, dataset, &dataset->test, error);
  if (status == LS_OK)
    status = feature_names_load(store, x, load->plan->split[TEST].features, dataset, error);
  store_close(&store);
  return status;
}

ls_status dataset_load_features(world_t *world, const char *file, const char *x,
                                const window_settings_t *window, int64_t features, bool has_missing,
                                int shards, int64_t limit, dataset_t **out, ls_error *error) {
  dataset_plan_t plan;
  window_settings_t inputs = *window;
  inputs.horizon = 0; /* what follows need not be there */
  dataset_t *dataset = NULL;
  series_t series = {0};
  timeline_t timelines[SPLITS] = {0};
  ls_status status = LS_OK;
  memset(&plan, 0, sizeof plan);
  if (world_rank(world) == 0)
    status = plan_features(file, x, &inputs, features, &plan.split[TEST], &series, error);
  TRY_OR_DONE(share_plan(world, status, &plan, error));
  TRY_OR_DONE(identity_of_features(world, file, x, &inputs, error));
  plan.split[TEST].has_missing = has_missing;
  const request_t request = {.splits = SPLIT_TEST};
  const row_choice_t choice = {0};
  loading_t load = {.world = world,
                    .file = file,
                    .plan = &plan,
                    .request = &request,
                    .choice = &choice,
                    .window = &inputs,
                    .timelines = timelines,
                    .shards = shards,
                    .limit = limit};
  activity_set("reading the rows of %s in %s", x, file);
  TRY_OR_DONE(dataset_new(world, &dataset, error));
  status = find_windows(&load, x, &series, dataset, &plan.split[TEST], &timelines[TEST], error);
  if (status == LS_OK) status = load_features(&load, x, dataset, error);
  status = finish(world, status, dataset, out, error);
done:
  series_free(&series);
  return status;
}
