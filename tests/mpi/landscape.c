/* A point in the space of parameters, on any number of ranks: its gradient and the products with its Hessian
 * agree with differences of its loss; the first rows of a file are those of a shorter file; random directions
 * have the norms of the weights. */
#include "landscape/plane.h"
#include "landscape/point.h"

#include "mpi/check.h"

#include "math/jacobi.h"
#include "store/store.h"
#include "study/hessian.h"
#include "study/spectrum.h"
#include "train/choices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 50, FIRST = 17, WIDTH = 3, TARGETS = 2, MOST = 64 };

static void write_data(const char *path, int64_t rows) {
  static float x[ROWS * WIDTH], y[ROWS * TARGETS];
  ls_error error = {0};
  store_t *store = NULL;
  const int64_t shape[] = {rows, WIDTH}, targets[] = {rows, TARGETS};
  for (int i = 0; i < ROWS * WIDTH; i++) x[i] = (float)(i * 37 % 101) / 50 - 1;
  for (int i = 0; i < ROWS * TARGETS; i++) y[i] = (float)(i * 53 % 97) / 48 - 1;
  CHECK_OK(store_create(path, &store, &error));
  CHECK_OK(store_write(store, "train/x", STORE_F32, 2, shape, x, &error));
  CHECK_OK(store_write(store, "train/y", STORE_F32, 2, targets, y, &error));
  CHECK_OK(store_publish(&store, &error));
}

static point_t *open_point(world_t *world, const char *file, int64_t rows, settings_t **settings) {
  ls_error error = {0};
  char text[512];
  point_t *point = NULL;
  snprintf(text, sizeof text,
           "data: {file: %s}\n"
           "model: {layers: [{dense: {units: 5, activation: tanh}}, {dropout: 0.5}, {dense: 2}]}\n"
           "loss: mse\ntrain: {global_batch_size: 16}\nparallel: {shards: 5, threads: 2}\n",
           file);
  CHECK_OK(settings_parse(text, strlen(text), "test", NULL, 0, settings_choices(), settings, &error));
  point_settle(*settings);
  const point_inputs_t inputs = {.world = world, .settings = *settings, .rows = rows, .wants_gradient = true};
  CHECK_OK(point_open(&inputs, &point, &error));
  return point;
}

static double loss_at(point_t *point, const float *parameters) {
  ls_error error = {0};
  metrics_t metrics = {0};
  CHECK_OK(point_set(point, parameters, &error));
  CHECK_OK(point_metrics(point, POINT_TRAIN, &metrics, &error));
  const double loss = metrics.loss;
  metrics_free(&metrics);
  CHECK(loss > 0, "the loss is %g", loss);
  return loss;
}

static void check_gradient(point_t *point) {
  enum { H = 100 };
  ls_error error = {0};
  double gradient[MOST];
  float moved[MOST];
  const size_t n = point_size(point), bytes = n * sizeof(float);
  CHECK(n == 32, "%zu parameters", n);
  CHECK_OK(point_set(point, point_start(point), &error));
  CHECK_OK(point_gradient(point, gradient, &error));
  for (size_t k = 0; k < n; k++) {
    memcpy(moved, point_start(point), bytes);
    const float w = moved[k];
    moved[k] = w + 1.0F / H;
    const double above = loss_at(point, moved), over = (double)moved[k];
    moved[k] = w - 1.0F / H;
    const double slope = (above - loss_at(point, moved)) / (over - (double)moved[k]);
    CHECK(fabs(slope - gradient[k]) < 2e-4, "parameter %zu: %g, differences give %g", k, gradient[k], slope);
  }
}

/* v H v is the second difference of the loss along v. */
static void check_products(point_t *point) {
  ls_error error = {0};
  arena_t arena = {0};
  hessian_t hessian;
  const training_t *training = point_training(point);
  const bool is_root = world_rank(training->world) == 0;
  const size_t floats = graph_floats(training->graph);
  const double h = 0.03;
  CHECK_OK(point_set(point, point_start(point), &error));
  CHECK_OK(hessian_open(point_engine(point), 4, &arena, &hessian, &error)); /* 50 rows in batches of 16 */
  double *v = arena_new(&arena, hessian.n, sizeof *v),
         *product = arena_new(&arena, hessian.n, sizeof *product);
  float *vector = arena_new(&arena, floats, sizeof *vector);
  float *plain = arena_new(&arena, point_size(point), sizeof *plain), moved[MOST];
  CHECK(v != NULL && product != NULL && vector != NULL && plain != NULL, "no memory");
  if (is_root) CHECK_OK(hessian_direction(&hessian, 0, &arena, v, &error));
  CHECK_OK(hessian_choose_distance(&hessian, v, product, &error));
  CHECK_OK(hessian_close(&hessian, LS_OK, &error));
  double expected = hessian_dot(v, product, hessian.n);
  CHECK_OK(world_broadcast(training->world, &expected, sizeof expected, 0, &error));
  CHECK_OK(world_broadcast(training->world, v, hessian.n * sizeof *v, 0, &error));
  for (size_t k = 0; k < hessian.n; k++) vector[k] = (float)v[k];
  for (size_t i = 0; i < point_arrays(point); i++)
    graph_unpack(training->graph, i, vector, plain + point_array(point, i).first);
  double loss[3];
  for (int s = -1; s <= 1; s++) {
    for (size_t k = 0; k < point_size(point); k++)
      moved[k] = (float)((double)point_start(point)[k] + s * h * (double)plain[k]);
    loss[s + 1] = loss_at(point, moved);
  }
  const double found = (loss[0] - 2 * loss[1] + loss[2]) / (h * h);
  CHECK(fabs(found - expected) < 0.02 * fabs(expected), "v H v is %g, differences of the loss give %g",
        expected, found);
  arena_free(&arena);
}

/* All eigenvalues of the 32 x 32 matrix whose columns are products with unit vectors. */
static void check_spectrum(point_t *point) {
  ls_error error = {0};
  spectrum_t found;
  static double matrix[MOST * MOST], vectors[MOST * MOST], values[MOST], above[MOST], below[MOST];
  const size_t n = point_size(point);
  float moved[MOST];
  const double h = 1e-2;
  for (size_t k = 0; k < n; k++) {
    memcpy(moved, point_start(point), n * sizeof *moved);
    for (int s = -1; s <= 1; s += 2) {
      moved[k] = (float)((double)point_start(point)[k] + s * h);
      CHECK_OK(point_set(point, moved, &error));
      CHECK_OK(point_gradient(point, s < 0 ? below : above, &error));
    }
    for (size_t i = 0; i < n; i++) matrix[k * n + i] = (above[i] - below[i]) / (2 * h);
  }
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < i; k++)
      matrix[i * n + k] = matrix[k * n + i] = (matrix[i * n + k] + matrix[k * n + i]) / 2;
  jacobi_eigen((int64_t)n, matrix, vectors, values);
  CHECK_OK(point_set(point, point_start(point), &error));
  CHECK_OK(spectrum_find(point_engine(point), 4, 5, NULL, NULL, &found, &error));
  const double largest = values[n - 1];
  CHECK(found.k == 5 && found.parameters == 32, "%d of %d", (int)found.k, (int)found.parameters);
  for (size_t i = 0; i < 5; i++)
    CHECK(fabs(found.values[i] - values[n - 1 - i]) < 5e-3 * largest, "eigenvalue %zu: %g, not %g", i,
          found.values[i], values[n - 1 - i]);
  CHECK(fabs(found.smallest - values[0]) < 5e-3 * largest, "the smallest: %g, not %g", found.smallest,
        values[0]);
}

static double norm_of(const double *d, const float *w, size_t n) {
  double sum = 0;
  for (size_t k = 0; k < n; k++) sum += d != NULL ? d[k] * d[k] : (double)w[k] * (double)w[k];
  return sqrt(sum);
}

static void check_directions(point_t *point) {
  ls_error error = {0};
  arena_t arena = {0};
  plane_t plane;
  float back[MOST];
  const plane_options_t options = {.kind = PLANE_RANDOM, .axes = 2, .seed = 7};
  CHECK_OK(plane_make(point, &options, &arena, &plane, &error));
  for (int a = 0; a < 2; a++)
    for (size_t i = 0; i < point_arrays(point); i++) {
      const point_array_t array = point_array(point, i);
      const size_t rows = (size_t)array.about->shape[0], columns = array.count / rows;
      for (size_t r = 0; r < rows; r++) {
        const size_t at = array.first + r * columns;
        const double own = norm_of(plane.direction[a] + at, NULL, columns);
        const double wanted = array.about->dims == 2 ? norm_of(NULL, plane.centre + at, columns) : 0;
        CHECK(fabs(own - wanted) <= 1e-9 * wanted, "%s, row %zu: norm %g, weights %g", array.about->name, r,
              own, wanted);
      }
    }
  CHECK(memcmp(plane.direction[0], plane.direction[1], plane.size * sizeof(double)) != 0, "the same twice");
  plane_at(&plane, 0, 0, back);
  CHECK(memcmp(back, point_start(point), plane.size * sizeof *back) == 0, "(0, 0) is not the start");
  arena_free(&arena);
}

static void check_first_rows(world_t *world, const char *whole, const char *part) {
  settings_t *settings[2] = {NULL, NULL};
  point_t *first = open_point(world, whole, FIRST, &settings[0]),
          *all = open_point(world, part, 0, &settings[1]);
  const double a = loss_at(first, point_start(first)), b = loss_at(all, point_start(first));
  ls_error error = {0};
  double gradients[2][MOST];
  CHECK(point_rows(first, POINT_TRAIN) == FIRST && point_rows(all, POINT_TRAIN) == FIRST, "other rows");
  CHECK(memcmp(&a, &b, sizeof a) == 0, "%.17g on the first rows, %.17g on a file of them", a, b);
  CHECK_OK(point_gradient(first, gradients[0], &error));
  CHECK_OK(point_gradient(all, gradients[1], &error));
  CHECK(memcmp(gradients[0], gradients[1], point_size(first) * sizeof(double)) == 0, "other gradients");
  point_close(&first);
  point_close(&all);
  for (int i = 0; i < 2; i++) settings_destroy(&settings[i]);
}

int main(int argc, char **argv) {
  ls_error error = {0};
  world_t *world = NULL;
  settings_t *settings = NULL;
  char whole[64], part[64];
  CHECK_OK(world_create(&argc, &argv, &world, &error));
  int64_t id = getpid();
  CHECK_OK(world_broadcast(world, &id, sizeof id, 0, &error));
  snprintf(whole, sizeof whole, "/tmp/landscape-%d.h5", (int)id);
  snprintf(part, sizeof part, "/tmp/landscape-%d-part.h5", (int)id);
  if (world_rank(world) == 0) {
    write_data(whole, ROWS);
    write_data(part, FIRST);
  }
  CHECK_OK(world_barrier(world, &error));
  point_t *point = open_point(world, whole, 0, &settings);
  if (point != NULL) {
    check_gradient(point);
    check_products(point);
    check_spectrum(point);
    check_directions(point);
    point_close(&point);
  }
  settings_destroy(&settings);
  check_first_rows(world, whole, part);
  if (world_rank(world) == 0) {
    unlink(whole);
    unlink(part);
  }
  world_destroy(&world);
  return failures != 0;
}
