/* A dataset file as a rank sees it. Rank 0 makes the plan from the headers and gives it to all; then each
 * rank reads its own rows, and all agree on how that went before anybody goes on. */
#include "data/dataset_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- planning ---- */

typedef struct {
  int splits;
  target_request_t targets;
} request_t;

static ls_status plan_file(const settings_t *settings, const request_t *request, plan_t *plan,
                           ls_error *error) {
  store_t *store = NULL;
  TRY(store_open(settings->data.file, &store, error));
  ls_status status = plan_make(store, settings, plan, error);
  if (status == LS_OK) status = plan_check(store, settings, plan, request->splits, request->targets, error);
  store_close(&store);
  return status;
}

static ls_status share_plan(world_t *world, ls_status status, plan_t *plan, ls_error *error) {
  TRY(world_agree(world, status, error));
  return world_broadcast(world, plan, sizeof *plan, 0, error);
}

static ls_status plan_everywhere(world_t *world, const settings_t *settings, const request_t *request,
                                 plan_t *plan, ls_error *error) {
  ls_status status = LS_OK;
  memset(plan, 0, sizeof *plan);
  if (world_rank(world) == 0) status = plan_file(settings, request, plan, error);
  return share_plan(world, status, plan, error);
}

ls_status dataset_describe(world_t *world, const settings_t *settings, dataset_shape_t *shape,
                           ls_error *error) {
  plan_t plan;
  TRY(plan_everywhere(world, settings, &(request_t){.splits = 0}, &plan, error));
  const source_t *train = &plan.split[TRAIN];
  *shape = (dataset_shape_t){
      .features = train->features,
      .train_rows = train->rows,
      .valid_rows = plan.split[VALID].rows,
      .test_rows = plan.split[TEST].rows,
      .has_y = train->has_y,
      .y_is_integer = train->y_is_integer,
      .y_width = train->y_width,
      .type = train->type,
  };
  return LS_OK;
}

/* ---- this rank's rows ---- */

/* The k-th row (from 0) that is chosen or not, as `wanted` says; `end` when there are not so many. */
static int64_t find_row(const bool *chosen, bool wanted, int64_t k, int64_t end) {
  for (int64_t i = 0; i < end; i++)
    if (chosen[i] == wanted && k-- == 0) return i;
  return end;
}

/* Rows [first, first + n) of a split as rows of its array. */
static rows_t rows_of_array(const source_t *source, const bool *chosen, bool wanted, int64_t first,
                            int64_t n) {
  if (chosen == NULL || n == 0) return (rows_t){first, first + n, NULL, false};
  int64_t begin = find_row(chosen, wanted, first, source->array_rows);
  int64_t last = begin + find_row(chosen + begin, wanted, n - 1, source->array_rows - begin);
  return (rows_t){begin, last + 1, chosen, wanted};
}

static ls_status deal(world_t *world, const store_t *store, const source_t *source, int shards,
                      split_t *split, ls_error *error) {
  int rank = world_rank(world), ranks = world_size(world);
  split->partition = (partition_t){source->rows, shards};
  split->first_shard = rank_first_shard(shards, ranks, rank);
  split->shards = rank_shards(shards, ranks, rank);
  split->rows = shard_first(split->partition, split->first_shard + split->shards) -
                shard_first(split->partition, split->first_shard);
  split->features = source->features;
  split->type = source->type;
  if (split->rows > UINT32_MAX)
    return error_set(error, LS_BAD_DATA,
                     "%s: %" PRId64 " rows are too many for one rank (at most 2^32 - 1): start "
                     "more ranks",
                     store_path(store), split->rows);
  return LS_OK;
}

static ls_status take_memory(dataset_t *dataset, const store_t *store, size_t count, size_t size, void *out,
                             ls_error *error) {
  void *memory = arena_new(&dataset->arena, count, size);
  if (memory == NULL)
    return error_set(error, LS_NO_MEMORY,
                     "%s: no memory for this rank's rows (%.1f GiB more): start more ranks on more nodes",
                     store_path(store), (double)count * (double)size / 0x1p30);
  memcpy(out, &memory, sizeof memory);
  return LS_OK;
}

static ls_status read_x(dataset_t *dataset, const store_t *store, const char *x, rows_t rows,
                        const source_t *source, split_t *split, ls_error *error) {
  size_t row_size = (size_t)split->features * element_size(split->type);
  TRY(take_memory(dataset, store, (size_t)split->rows, row_size, &split->x, error));
  return rows_read_features(store, x, rows, source, split->x, error);
}

static ls_status read_y(dataset_t *dataset, const store_t *store, const char *y, rows_t rows,
                        const source_t *source, const request_t *request, split_t *split, ls_error *error) {
  size_t n = (size_t)split->rows;
  if (request->targets.kind == TARGET_LABELS) {
    TRY(take_memory(dataset, store, n, sizeof(int32_t), &split->labels, error));
    return rows_read_labels(store, y, rows, source, request->targets.width, split->labels, error);
  }
  split->width = source->y_width;
  TRY(take_memory(dataset, store, n, (size_t)split->width * sizeof(float), &split->targets, error));
  return rows_read_targets(store, y, rows, source, request->targets, split->targets, error);
}

/* ---- loading ---- */

typedef struct {
  world_t *world;
  const settings_t *settings;
  const store_t *store;
  const plan_t *plan;
  const request_t *request;
  const bool *chosen; /* validation rows of the training arrays, NULL without a share */
  int shards;
} loading_t;

static ls_status load_split(const loading_t *load, int which, dataset_t *dataset, split_t *split,
                            ls_error *error) {
  const source_t *source = &load->plan->split[which];
  if ((load->request->splits & 1 << which) == 0 || !source->there) return LS_OK;
  bool shared = load->plan->by_share && which != TEST;
  split_names_t names;
  split_names(load->settings, shared ? TRAIN : which, &names);
  TRY(deal(load->world, load->store, source, load->shards, split, error));
  rows_t rows = rows_of_array(source, shared ? load->chosen : NULL, which == VALID,
                              shard_first(split->partition, split->first_shard), split->rows);
  TRY(read_x(dataset, load->store, names.x, rows, source, split, error));
  if (load->request->targets.kind == TARGET_NONE) return LS_OK;
  TRY(read_y(dataset, load->store, names.y, rows, source, load->request, split, error));
  if (names.weights[0] == '\0') return LS_OK;
  TRY(take_memory(dataset, load->store, (size_t)split->rows, sizeof(float), &split->weights, error));
  return rows_read_weights(load->store, names.weights, rows, split->weights, error);
}

static ls_status load_class_names(const store_t *store, dataset_t *dataset, ls_error *error) {
  char **names = NULL;
  size_t n = 0;
  if (!store_has_attribute(store, "/", "class_names")) return LS_OK;
  TRY(store_read_texts(store, "/", "class_names", &names, &n, error));
  char **copies = arena_new(&dataset->arena, n + 1, sizeof *copies);
  bool copied = copies != NULL;
  for (size_t i = 0; i < n && copied; i++)
    copied = (copies[i] = arena_text(&dataset->arena, names[i])) != NULL;
  free(names);
  if (!copied) return error_set(error, LS_NO_MEMORY, "%s: no memory for the class names", store_path(store));
  dataset->class_names = copies;
  dataset->n_classes = n;
  return LS_OK;
}

static ls_status choose_rows(const loading_t *load, bool **chosen, ls_error *error) {
  if (!load->plan->by_share) return LS_OK;
  int64_t n = load->plan->split[TRAIN].array_rows;
  bool *choice = malloc((size_t)n);
  if (choice == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory to choose validation rows",
                     load->settings->data.file);
  int64_t own = load->settings->data.validation_seed;
  uint64_t seed = own == SETTINGS_AUTO ? load->settings->train.seed : (uint64_t)own;
  validation_choice(n, load->settings->data.validation, seed, choice);
  *chosen = choice;
  return LS_OK;
}

/* Not collective. */
static ls_status load_rows(loading_t *load, dataset_t *dataset, ls_error *error) {
  store_t *store = NULL;
  bool *chosen = NULL;
  ls_status status = LS_OK;
  TRY_OR_DONE(store_open(load->settings->data.file, &store, error));
  TRY_OR_DONE(choose_rows(load, &chosen, error));
  load->store = store;
  load->chosen = chosen;
  dataset->features = load->plan->split[TRAIN].features;
  TRY_OR_DONE(load_split(load, TRAIN, dataset, &dataset->train, error));
  TRY_OR_DONE(load_split(load, VALID, dataset, &dataset->valid, error));
  TRY_OR_DONE(load_split(load, TEST, dataset, &dataset->test, error));
  TRY_OR_DONE(load_class_names(store, dataset, error));
done:
  store_close(&store);
  free(chosen);
  return status;
}

static ls_status dataset_new(dataset_t **out, ls_error *error) {
  *out = calloc(1, sizeof **out);
  return *out == NULL ? error_set(error, LS_NO_MEMORY, "no memory for a dataset") : LS_OK;
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

ls_status dataset_load(world_t *world, const settings_t *settings, int splits, target_request_t targets,
                       int shards, dataset_t **out, ls_error *error) {
  plan_t plan;
  request_t request = {splits, targets};
  dataset_t *dataset = NULL;
  TRY(plan_everywhere(world, settings, &request, &plan, error));
  loading_t load = {
      .world = world, .settings = settings, .plan = &plan, .request = &request, .shards = shards};
  ls_status status = dataset_new(&dataset, error);
  if (status == LS_OK) status = load_rows(&load, dataset, error);
  return finish(world, status, dataset, out, error);
}

void dataset_destroy(dataset_t **dataset) {
  if (dataset == NULL || *dataset == NULL) return;
  arena_free(&(*dataset)->arena);
  free(*dataset);
  *dataset = NULL;
}

/* ---- rows to predict ---- */

static ls_status plan_features(const char *file, const char *x, int64_t features, source_t *source,
                               ls_error *error) {
  store_t *store = NULL;
  TRY(store_open(file, &store, error));
  ls_status status = source_describe(store, x, source, error);
  store_close(&store);
  if (status == LS_OK && source->features != features)
    return error_set(error, LS_BAD_DATA, "%s: %s has %" PRId64 " features but the model takes %" PRId64, file,
                     x, source->features, features);
  return status;
}

static ls_status load_features(world_t *world, const char *file, const char *x, const source_t *source,
                               int shards, dataset_t *dataset, ls_error *error) {
  store_t *store = NULL;
  split_t *split = &dataset->test;
  TRY(store_open(file, &store, error));
  ls_status status = deal(world, store, source, shards, split, error);
  dataset->features = source->features;
  int64_t first = shard_first(split->partition, split->first_shard);
  rows_t rows = rows_of_array(source, NULL, false, first, split->rows);
  if (status == LS_OK) status = read_x(dataset, store, x, rows, source, split, error);
  store_close(&store);
  return status;
}

ls_status dataset_load_features(world_t *world, const char *file, const char *x, int64_t features, int shards,
                                dataset_t **out, ls_error *error) {
  plan_t plan;
  dataset_t *dataset = NULL;
  ls_status status = LS_OK;
  memset(&plan, 0, sizeof plan);
  if (world_rank(world) == 0) status = plan_features(file, x, features, &plan.split[TEST], error);
  TRY(share_plan(world, status, &plan, error));
  status = dataset_new(&dataset, error);
  if (status == LS_OK) status = load_features(world, file, x, &plan.split[TEST], shards, dataset, error);
  return finish(world, status, dataset, out, error);
}
