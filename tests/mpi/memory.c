/* Memory that runs out on one rank alone, in each call that ranks make together: the first allocation of
 * lockstep's own code after each exchange between ranks fails, on each rank in turn, while the other ranks
 * have enough. All ranks must return with the same error. Ranks that do not agree on it wait for each other
 * in different calls, until the time limit of the world.
 *
 * The linker puts the functions below in place of the allocator's (--wrap in tests/CMakeLists.txt). Libraries
 * such as MPI and HDF5 keep the allocator's. An argument picks the calls that have it in their names. */
#include "anomaly/quantile.h"
#include "cluster/bandwidth.h"
#include "cluster/cross.h"
#include "cluster/fit.h"
#include "components/components.h"
#include "landscape/landscape.h"
#include "quality/quality.h"
#include "store/store.h"
#include "study/gradcheck.h"
#include "study/lr_find.h"
#include "sums/normal.h"
#include "train/choices.h"

#include "mpi/check.h"

#include <mpi.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 300, COLUMNS = 3, SHARDS = 7, K = 4, THREADS = 2, PATH = 64, MOST = 400 };
static const double TIMEOUT = 20; /* seconds: for ranks that do not agree */

/* ---- the allocator ---- */

static atomic_long allocations, failing; /* since the call began; which one fails, 0: none */
static atomic_long exchanges, noted;     /* between ranks; when the last allocation came */
static long chosen[MOST];                /* the first allocation after each exchange */
static atomic_int n_chosen;

static bool fails(void) {
  const long n = atomic_fetch_add(&allocations, 1) + 1, now = atomic_load(&exchanges);
  if (atomic_exchange(&noted, now) != now) {
    const int i = atomic_fetch_add(&n_chosen, 1);
    if (i < MOST) chosen[i] = n;
  }
  return n == atomic_load(&failing);
}

static void call_begins(long which_fails) {
  atomic_store(&failing, which_fails);
  atomic_store(&allocations, 0);
  atomic_store(&noted, -1);
  atomic_store(&n_chosen, 0);
}

/* Every exchange of a world is made of these two, or follows one of them. */
int MPI_Iallreduce(const void *send, void *receive, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request *request) {
  atomic_fetch_add(&exchanges, 1);
  return PMPI_Iallreduce(send, receive, n, type, op, comm, request);
}
int MPI_Ibcast(void *buffer, int n, MPI_Datatype type, int root, MPI_Comm comm, MPI_Request *request) {
  atomic_fetch_add(&exchanges, 1);
  return PMPI_Ibcast(buffer, n, type, root, comm, request);
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size) {
  return fails() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t n, size_t size) {
  return fails() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *block, size_t size) {
  return fails() ? NULL : __real_realloc(block, size);
}
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* ---- what the calls work on ---- */

typedef struct {
  world_t *world;
  split_t split;
  features_t features;
  gather_t gather;
  settings_t settings;
  settings_t *training; /* of a small network */
  graph_t *graph;       /* a layer whose outputs are clusters */
  float *parameters;
  char out[PATH];
} place_t;

static float value(int64_t r, int64_t c) {
  return (float)((r * 7919 + c * c * 104729 + r * r * 31) % 10007) / 2001.0F + (float)(r % K * (c + 3));
}

/* The ranks have different numbers of rows. */
static void make_rows(place_t *place) {
  static const float one = 1;
  ls_error error = {0};
  const int rank = world_rank(place->world), ranks = world_size(place->world);
  split_t *split = &place->split;
  *split = (split_t){.partition = {ROWS, SHARDS},
                     .first_shard = rank_first_shard(SHARDS, ranks, rank),
                     .shards = rank_shards(SHARDS, ranks, rank),
                     .features = COLUMNS,
                     .type = ELEMENT_F32,
                     .width = 1,
                     .y_type = ELEMENT_F32,
                     .factors = &one};
  const int64_t first = shard_first(split->partition, split->first_shard);
  split->rows = shard_first(split->partition, split->first_shard + split->shards) - first;
  float *x = malloc((size_t)split->rows * COLUMNS * sizeof *x);
  split->targets = malloc((size_t)split->rows * sizeof *x);
  split->weights = malloc((size_t)split->rows * sizeof *x);
  for (int64_t r = 0; r < split->rows; r++) {
    for (int c = 0; c < COLUMNS; c++) x[r * COLUMNS + c] = value(first + r, c);
    split->targets[r] = (float)((first + r) % K);
    split->weights[r] = 1 + (float)((first + r) % 2);
  }
  split->x = x;
  split->y = split->targets;
  place->features = (features_t){.columns = COLUMNS, .encoded = COLUMNS, .inputs = COLUMNS};
  CHECK_OK(gather_create(split, &place->features, &place->gather, &error));
}

static void make_network(place_t *place) {
  const layer_settings_t layer = {
      .kind = LAYER_DENSE, .units = K, .activation = "identity", .init = "auto", .bias = true};
  ls_error error = {0};
  CHECK_OK(graph_create(&layer, 1, COLUMNS, &place->graph, &error));
  place->parameters = aligned_alloc(ARENA_ALIGNMENT, graph_floats(place->graph) * sizeof(float));
  for (size_t i = 0; i < graph_floats(place->graph); i++) place->parameters[i] = (float)(i % 7) - 3;
}

static void make_settings(place_t *place, const char *path) {
  static const char text[] =
      "data: {file: %s, scaling: standard}\nloss: mse\n"
      "model: {layers: [{dense: {units: 5, activation: tanh}}, {dropout: 0.5}, {dense: 2}]}\n"
      "train: {global_batch_size: 16}\nparallel: {shards: 5, threads: 2}\n";
  static float x[ROWS * COLUMNS], y[ROWS * 2];
  const int64_t shape[] = {60, COLUMNS}, targets[] = {60, 2};
  ls_error error = {0};
  store_t *store = NULL;
  char words[512];
  for (int i = 0; i < 60 * COLUMNS; i++) x[i] = value(i, 1);
  for (int i = 0; i < 60 * 2; i++) y[i] = value(i, 2);
  if (world_rank(place->world) == 0) {
    CHECK_OK(store_create(path, &store, &error));
    CHECK_OK(store_write(store, "train/x", STORE_F32, 2, shape, x, &error));
    CHECK_OK(store_write(store, "train/y", STORE_F32, 2, targets, y, &error));
    CHECK_OK(store_publish(&store, &error));
  }
  CHECK_OK(world_barrier(place->world, &error));
  snprintf(words, sizeof words, text, path);
  CHECK_OK(
      settings_parse(words, strlen(words), "test", NULL, 0, settings_choices(), &place->training, &error));
}

/* ---- the calls: each frees what it has made ---- */

static ls_status call_normal(place_t *place, ls_error *error) {
  arena_t arena = {0};
  normal_equations_t equations;
  ls_status status = normal_equations(place->world, &place->gather, THREADS, true, &arena, &equations, error);
  arena_free(&arena);
  return status;
}

/* Two epochs of a start. */
static ls_status fit(place_t *place, const char *method, const char *init, ls_error *error) {
  const fit_inputs_t inputs = {
      .world = place->world, .settings = &place->settings, .gather = &place->gather, .threads = THREADS};
  float values[K * (COLUMNS * COLUMNS + COLUMNS + 1)];
  double objective = 0;
  cluster_fit_t made = {0};
  place->settings.cluster.method = method;
  place->settings.cluster.init = init;
  ls_status status = fit_create(&inputs, &made, error);
  if (status == LS_OK) status = made.method->seed(made.own, 0, values, error);
  for (int64_t epoch = 0; epoch < 2 && status == LS_OK; epoch++)
    status = fit_epoch(&made, (fit_place_t){0, epoch}, epoch, values, &objective, error);
  if (made.method != NULL) fit_destroy(&made);
  return status;
}

static ls_status call_kmeans(place_t *place, ls_error *error) {
  return fit(place, "kmeans", "k-means++", error);
}
static ls_status call_parallel(place_t *place, ls_error *error) {
  return fit(place, "kmeans", "k-means||", error);
}
static ls_status call_minibatch(place_t *place, ls_error *error) {
  return fit(place, "minibatch", "random", error);
}
static ls_status call_mixture(place_t *place, ls_error *error) {
  return fit(place, "mixture", "k-means++", error);
}
static ls_status call_tied(place_t *place, ls_error *error) {
  place->settings.cluster.covariance = "tied";
  ls_status status = fit(place, "mixture", "rows", error);
  place->settings.cluster.covariance = "full";
  return status;
}

static ls_status call_kernels(place_t *place, ls_error *error) {
  static const double h[] = {0.5, 1, 2};
  kernel_rows_t kernels = {0};
  spread_t spread;
  double scores[3];
  ls_status status = spread_find(place->world, &place->gather, THREADS, &spread, error);
  if (status == LS_OK)
    status = kernels_collect(place->world, &place->gather, THREADS, ROWS / 3, 1, &kernels, error);
  if (status == LS_OK)
    status = cross_validate(place->world, &place->gather, THREADS, &kernels, NULL, NULL, h, 3, scores, error);
  kernels_free(&kernels);
  return status;
}

static ls_status find_components(place_t *place, const char *method, ls_error *error) {
  const components_settings_t settings = {.n = 2, .method = method, .oversampling = 1, .iterations = 1};
  const components_inputs_t inputs = {
      .world = place->world, .gather = &place->gather, .threads = THREADS, .settings = &settings};
  components_t components = {.n = 0};
  ls_status status = components_fit(&inputs, &components, error);
  if (status == LS_OK) components_free(&components);
  return status;
}

static ls_status call_exact(place_t *place, ls_error *error) {
  return find_components(place, "exact", error);
}
static ls_status call_randomized(place_t *place, ls_error *error) {
  return find_components(place, "randomized", error);
}

static ls_status call_quality(place_t *place, ls_error *error) {
  quality_t found;
  const quality_inputs_t inputs = {.world = place->world,
                                   .graph = place->graph,
                                   .parameters = place->parameters,
                                   .gather = &place->gather,
                                   .threads = THREADS,
                                   .has_labels = true};
  return quality_find(&inputs, &found, error);
}

static ls_status call_quantile(place_t *place, ls_error *error) {
  double numbers[ROWS], found;
  for (int64_t r = 0; r < place->split.rows; r++) numbers[r] = (double)place->split.targets[r];
  return quantile_find(place->world, numbers, place->split.rows, 0.5, &found, error);
}

static ls_status call_training(place_t *place, ls_error *error) {
  training_t training = {.trainer = NULL};
  ls_status status = training_open(place->world, place->training, &training, error);
  if (status == LS_OK) training_close(&training);
  return status;
}

static ls_status call_gradcheck(place_t *place, ls_error *error) {
  const gradcheck_options_t options = {.elements = 3, .tolerance = 0.1};
  FILE *out = fopen("/dev/null", "w");
  ls_status status = gradcheck_run(place->world, place->training, &options, out, error);
  if (out != NULL) fclose(out);
  return status;
}

static ls_status call_lr_find(place_t *place, ls_error *error) {
  const lr_find_options_t options = {.low = 1e-4, .high = 1e-2, .steps = 3};
  lr_find_t found;
  ls_status status = lr_find_run(place->world, place->training, &options, &found, error);
  if (status == LS_OK) lr_find_free(&found);
  return status;
}

static ls_status call_landscape(place_t *place, ls_error *error) {
  static const log_t quiet = {0};
  const point_inputs_t inputs = {
      .world = place->world, .settings = place->training, .rows = 0, .wants_gradient = true};
  const landscape_options_t options = {.plane = {.kind = PLANE_RANDOM, .axes = 1, .seed = 7},
                                       .axis = {{-1, 1, 3}},
                                       .out = place->out,
                                       .log = &quiet};
  landscape_t landscape;
  point_t *point = NULL;
  ls_status status = point_open(&inputs, &point, error);
  if (status != LS_OK) return status;
  status = landscape_run(point, &options, &landscape, error);
  if (status == LS_OK) landscape_free(&landscape);
  point_close(&point);
  return status;
}

/* ---- all of them ---- */

typedef struct {
  const char *name;
  ls_status (*call)(place_t *place, ls_error *error);
  ls_status (*after)(place_t *place, ls_error *error); /* a call that it begins with, or NULL */
  int every; /* 1: all exchanges are tried; 3: every third one, another on each rank, since they are many */
} call_t;

static const call_t calls[] = {{"normal equations", call_normal, NULL, 1},
                               {"k-means", call_kmeans, NULL, 1},
                               {"k-means||", call_parallel, NULL, 1},
                               {"minibatch", call_minibatch, NULL, 1},
                               {"mixture", call_mixture, NULL, 1},
                               {"tied mixture", call_tied, NULL, 1},
                               {"kernels", call_kernels, NULL, 1},
                               {"exact components", call_exact, NULL, 1},
                               {"randomized components", call_randomized, NULL, 1},
                               {"quality", call_quality, NULL, 1},
                               {"quantile", call_quantile, NULL, 1},
                               {"training", call_training, NULL, 3},
                               {"gradcheck", call_gradcheck, call_training, 1},
                               {"lr-find", call_lr_find, call_training, 1},
                               {"landscape", call_landscape, call_training, 3}};

/* Returns how many allocations there were on this rank; those that are tried are in `chosen`. */
static long count(place_t *place, const char *name, ls_status (*call)(place_t *, ls_error *)) {
  ls_error error = {0};
  call_begins(0);
  CHECK(call(place, &error) == LS_OK, "%s: %s", name, error.message);
  return atomic_load(&allocations);
}

/* Allocation n of `rank` fails. */
static void try_failure(place_t *place, const call_t *call, int rank, long n) {
  const int ranks = world_size(place->world);
  ls_error error = {0}, failure = {0};
  int64_t all[64];
  call_begins(world_rank(place->world) == rank ? n : 0);
  const int64_t status = call->call(place, &error);
  call_begins(0);
  if (world_gather(place->world, &status, sizeof status, all, &failure) != LS_OK) {
    fprintf(stderr, "%s: rank %d, allocation %ld: %s\n", call->name, rank, n, failure.message);
    exit(EXIT_FAILURE);
  }
  /* what a file holds is compared after it was written: without memory, it is a file that was not read */
  for (int r = 0; r < ranks; r++)
    CHECK(all[r] != LS_OK && all[r] == all[0],
          "%s: rank %d, allocation %ld: rank %d has status %d, not %d: %s", call->name, rank, n, r,
          (int)all[r], (int)all[0], error.message);
  CHECK(strstr(error.message, "memory") != NULL, "%s: rank %d, allocation %ld: %s", call->name, rank, n,
        error.message);
}

static void try_call(place_t *place, const call_t *call) {
  static struct {
    int n;
    long begin, chosen[MOST];
  } own, list;
  own.begin = call->after != NULL ? count(place, call->name, call->after) : 0;
  count(place, call->name, call->call);
  own.n = atomic_load(&n_chosen);
  CHECK(own.n <= MOST, "%s: %d exchanges", call->name, own.n);
  memcpy(own.chosen, chosen, sizeof chosen);
  for (int rank = 0; rank < world_size(place->world); rank++) {
    ls_error error = {0};
    list = own;
    CHECK_OK(world_broadcast(place->world, &list, sizeof list, rank, &error));
    for (int i = rank % call->every; i < list.n; i += call->every)
      if (list.chosen[i] > list.begin) try_failure(place, call, rank, list.chosen[i]);
  }
}

int main(int argc, char **argv) {
  ls_error error = {0};
  place_t place = {
      .settings = {.cluster = {.k = K, .starts = 1, .covariance = "full", .regularization = 1e-3}}};
  char path[PATH];
  if (world_create(&argc, &argv, &place.world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  world_set_timeout(place.world, TIMEOUT);
  int64_t id = getpid();
  CHECK_OK(world_broadcast(place.world, &id, sizeof id, 0, &error));
  snprintf(path, sizeof path, "/tmp/memory-%d.h5", (int)id);
  snprintf(place.out, sizeof place.out, "/tmp/memory-%d-line.h5", (int)id);
  place.settings.train.seed = 3;
  place.settings.train.global_batch_size = 90;
  place.settings.data.file = "rows.h5";
  place.settings.data.shuffle = "full";
  make_rows(&place);
  make_network(&place);
  make_settings(&place, path);
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    if (argc < 2 || strstr(calls[i].name, argv[1]) != NULL) try_call(&place, &calls[i]);
  gather_free(&place.gather);
  free(place.split.x);
  free(place.split.targets);
  free(place.split.weights);
  settings_destroy(&place.training);
  free(place.parameters);
  graph_destroy(&place.graph);
  if (world_rank(place.world) == 0) {
    unlink(path);
    unlink(place.out);
  }
  world_destroy(&place.world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
