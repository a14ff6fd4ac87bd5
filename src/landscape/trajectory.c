#include "landscape/trajectory.h"

#include "math/jacobi.h"
#include "model/init.h"
#include "run/run_directory.h"
#include "score/model_file.h"
#include "store/store.h"
#include "train/choices.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEWEST = 3 };

/* The points of a trajectory but the last, on rank 0 alone. */
typedef struct {
  point_t *point;
  const char *run;
  size_t size;
  int64_t n, most;
  int64_t *step; /* (most + 1) */
  double **row;  /* (n): differences from the final weights, (size) each */
  double *mean;  /* (size): of the rows */
  arena_t *arena;
} path_t;

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the trajectory of a run");
}

/* ---- the checkpoints ---- */

static int64_t step_of(const char *name) {
  int64_t step = -1;
  int end = 0;
  bool fits = sscanf(name, "checkpoint-%" SCNd64 ".h5%n", &step, &end) == 1 && end > 0 && name[end] == '\0';
  return fits ? step : -1;
}

static int by_step(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

/* The steps of the run's checkpoints, ascending, with one place before them. On rank 0. */
static ls_status list_steps(path_t *path, ls_error *error) {
  struct dirent **entries = NULL;
  const int found = scandir(path->run, &entries, NULL, NULL);
  if (found < 0) return error_set(error, LS_IO, "%.200s: cannot be listed: %s", path->run, strerror(errno));
  path->step = arena_new(path->arena, (size_t)found + 2, sizeof *path->step);
  int64_t n = 0;
  for (int i = 0; i < found; i++) {
    const int64_t step = step_of(entries[i]->d_name);
    if (step >= 0 && path->step != NULL) path->step[1 + n++] = step;
    free(entries[i]);
  }
  free(entries);
  if (path->step == NULL) return no_memory(error);
  qsort(path->step + 1, (size_t)n, sizeof *path->step, by_step);
  path->most = n + 1;
  path->row = arena_new(path->arena, (size_t)path->most + 1, sizeof *path->row);
  path->mean = arena_new(path->arena, path->size, sizeof *path->mean);
  return path->row != NULL && path->mean != NULL ? LS_OK : no_memory(error);
}

/* Adds a point, unless it is the final one. */
static ls_status add_point(path_t *path, int64_t step, const float *parameters, ls_error *error) {
  const float *final = point_start(path->point);
  double *row = arena_new(path->arena, path->size, sizeof *row);
  bool is_final = true;
  if (row == NULL) return no_memory(error);
  for (size_t i = 0; i < point_arrays(path->point); i++) {
    const point_array_t array = point_array(path->point, i);
    if (array.about->is_statistic) continue;
    for (size_t k = array.first; k < array.first + array.count; k++) {
      row[k] = (double)parameters[k] - (double) final[k];
      is_final = is_final && row[k] == 0;
    }
  }
  if (is_final) return LS_OK;
  path->row[path->n] = row;
  path->step[path->n++] = step;
  return LS_OK;
}

/* The weights that the run has begun with, if its seed alone decided them. */
static ls_status add_initial(path_t *path, const char *checkpoint, float *plain, ls_error *error) {
  const graph_t *graph = point_training(path->point)->graph;
  store_t *store = NULL;
  settings_t *settings = NULL;
  char *text = NULL;
  float *vector = arena_new(path->arena, graph_floats(graph), sizeof *vector);
  if (vector == NULL) return no_memory(error);
  TRY(model_open(checkpoint, MODEL_FORMAT, &store, error));
  ls_status status = store_read_text(store, "/", "settings", &text, error);
  store_close(&store);
  if (status == LS_OK)
    status = settings_restore(text, strlen(text), checkpoint, NULL, 0, settings_choices(), &settings, error);
  free(text);
  if (status == LS_OK && strcmp(settings->model.init_from, "none") == 0) {
    status = init_parameters(graph, settings->train.seed, vector, error);
    for (size_t i = 0; i < point_arrays(path->point); i++)
      graph_unpack(graph, i, vector, plain + point_array(path->point, i).first);
    if (status == LS_OK) status = add_point(path, 0, plain, error);
  }
  settings_destroy(&settings);
  return status;
}

/* Reads all points to rank 0. Collective. */
static ls_status read_points(path_t *path, ls_error *error) {
  world_t *world = point_training(path->point)->world;
  const bool is_root = world_rank(world) == 0;
  run_directory_t directory = {.lock = NULL};
  float *plain = arena_new(path->arena, path->size, sizeof *plain);
  snprintf(directory.path, sizeof directory.path, "%s", path->run);
  ls_status status = plain == NULL ? no_memory(error) : is_root ? list_steps(path, error) : LS_OK;
  TRY(world_agree(world, status, error));
  TRY(world_broadcast(world, &path->most, sizeof path->most, 0, error));
  for (int64_t i = 1; i < path->most; i++) {
    char file[RUN_FILE_SIZE] = "";
    if (is_root) run_checkpoint(&directory, path->step[i], file);
    TRY(point_read(path->point, file, plain, error));
    if (is_root && i == 1) {
      float *initial = arena_new(path->arena, path->size, sizeof *initial);
      status = initial == NULL ? no_memory(error) : add_initial(path, file, initial, error);
    }
    if (is_root && status == LS_OK) status = add_point(path, path->step[i], plain, error);
    TRY(world_agree(world, status, error));
  }
  return LS_OK;
}

/* ---- principal components, on rank 0 ---- */

static double product(const path_t *path, int64_t i, int64_t j) {
  double sum = 0;
  for (size_t k = 0; k < path->size; k++)
    sum += (path->row[i][k] - path->mean[k]) * (path->row[j][k] - path->mean[k]);
  return sum;
}

/* direction = sum over points of share_i (row_i - mean), of length 1, pointing away from the first point. */
static void make_direction(const path_t *path, const double *share, double *direction) {
  double length = 0, first = 0;
  for (size_t k = 0; k < path->size; k++) {
    double sum = 0;
    for (int64_t i = 0; i < path->n; i++) sum += share[i] * (path->row[i][k] - path->mean[k]);
    direction[k] = sum;
    length += sum * sum;
    first += sum * path->row[0][k];
  }
  const double factor = (first > 0 ? -1 : 1) / sqrt(length);
  for (size_t k = 0; k < path->size; k++) direction[k] *= factor;
}

static void project(const path_t *path, const double *direction, double *out) {
  for (int64_t i = 0; i < path->n; i++) {
    out[i] = 0;
    for (size_t k = 0; k < path->size; k++) out[i] += path->row[i][k] * direction[k];
  }
  out[path->n] = 0;
}

static ls_status find_components(path_t *path, double *direction[2], trajectory_t *out, ls_error *error) {
  const int64_t n = path->n;
  const size_t square = (size_t)(n * n);
  double *matrix = arena_new(path->arena, square, sizeof *matrix), all = 0;
  double *vectors = arena_new(path->arena, square, sizeof *vectors);
  double *values = arena_new(path->arena, (size_t)n, sizeof *values);
  if (matrix == NULL || vectors == NULL || values == NULL) return no_memory(error);
  for (int64_t i = 0; i < n; i++)
    for (size_t k = 0; k < path->size; k++) path->mean[k] += path->row[i][k] / (double)n;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = product(path, i, j);
  jacobi_eigen(n, matrix, vectors, values);
  for (int64_t i = 0; i < n; i++) all += values[i];
  if (!(values[n - 2] > 1e-12 * values[n - 1]))
    return error_set(error, LS_BAD_DATA,
                     "the weights of %s moved along one line, so there is no plane to show", path->run);
  for (int a = 0; a < 2; a++) {
    make_direction(path, vectors + (n - 1 - a) * n, direction[a]);
    project(path, direction[a], a == 0 ? out->x : out->y);
    out->explained[a] = values[n - 1 - a] / all;
  }
  return LS_OK;
}

/* ---- the whole ---- */

static ls_status take_memory(int64_t n, arena_t *arena, trajectory_t *out, ls_error *error) {
  out->n = n + 1;
  out->x = arena_new(arena, (size_t)n + 1, sizeof *out->x);
  out->y = arena_new(arena, (size_t)n + 1, sizeof *out->y);
  out->step = arena_new(arena, (size_t)n + 1, sizeof *out->step);
  return out->x != NULL && out->y != NULL && out->step != NULL ? LS_OK : no_memory(error);
}

static ls_status read_step(const char *model, int64_t *out, ls_error *error) {
  store_t *store = NULL;
  TRY(store_open(model, &store, error));
  ls_status status = store_read_int(store, "/", "step", out, error);
  store_close(&store);
  return status;
}

/* Collective. */
static ls_status share(const path_t *path, world_t *world, double *direction[2], trajectory_t *out,
                       ls_error *error) {
  const size_t n = (size_t)out->n;
  for (int a = 0; a < 2; a++)
    TRY(world_broadcast(world, direction[a], path->size * sizeof **direction, 0, error));
  TRY(world_broadcast(world, out->x, n * sizeof *out->x, 0, error));
  TRY(world_broadcast(world, out->y, n * sizeof *out->y, 0, error));
  TRY(world_broadcast(world, out->step, n * sizeof *out->step, 0, error));
  return world_broadcast(world, out->explained, sizeof out->explained, 0, error);
}

/* On rank 0. */
static ls_status find(path_t *path, double *direction[2], trajectory_t *out, ls_error *error) {
  char model[RUN_FILE_SIZE];
  run_directory_t directory = {.lock = NULL};
  snprintf(directory.path, sizeof directory.path, "%s", path->run);
  run_file(&directory, "model.h5", model);
  memcpy(out->step, path->step, (size_t)path->n * sizeof *out->step);
  TRY(read_step(model, &out->step[path->n], error));
  return find_components(path, direction, out, error);
}

ls_status trajectory_find(point_t *point, const char *run, arena_t *arena, double *direction[2],
                          trajectory_t *out, ls_error *error) {
  world_t *world = point_training(point)->world;
  const bool is_root = world_rank(world) == 0;
  arena_t scratch = {0};
  path_t path = {.point = point, .run = run, .size = point_size(point), .arena = &scratch};
  trajectory_t found = {0};
  ls_status status = read_points(&path, error);
  if (status == LS_OK) status = world_broadcast(world, &path.n, sizeof path.n, 0, error);
  if (status == LS_OK && path.n < FEWEST)
    status =
        error_set(error, LS_BAD_DATA,
                  "%s keeps %" PRId64
                  " states that differ from its final weights, and a plane needs %d: train with a larger "
                  "checkpoint.keep and a smaller checkpoint.every",
                  run, path.n, FEWEST);
  if (status == LS_OK) status = world_agree(world, take_memory(path.n, arena, &found, error), error);
  if (status == LS_OK)
    status = world_agree(world, is_root ? find(&path, direction, &found, error) : LS_OK, error);
  if (status == LS_OK) status = share(&path, world, direction, &found, error);
  arena_free(&scratch);
  if (status == LS_OK) *out = found;
  return status;
}
