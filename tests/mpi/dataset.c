/* Datasets and scalers under mpirun: together the ranks hold every row once and in order, a fitted scaler has
 * the same bits as one that each rank computes alone, and an error that one rank meets becomes everyone's. */
#include "features/gather.h"
#include "features/features_fit.h"
#include "features/missing.h"
#include "features/scaler_fit.h"
#include "layout/validation.h"
#include "math/tree.h"
#include "mpi/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 1003, T = 17, F = 4, S = 12, CLASSES = 7 };

static double feature(int64_t row, int64_t column) {
  return 1e6 * (double)column + (double)(row * 389 % 1003) / 7;
}

static void write_rows(store_t *store, const char *x, const char *y, int64_t rows, double spoil,
                       ls_error *error) {
  static double values[N * F];
  static uint8_t labels[N];
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t c = 0; c < F; c++) values[i * F + c] = feature(i, c);
    labels[i] = (uint8_t)(i % CLASSES);
  }
  if (spoil != 0) values[(rows - 1) * F + 1] = spoil;
  CHECK(store_write(store, x, STORE_F64, 2, (int64_t[]){rows, F}, values, error) == LS_OK, "%s",
        error->message);
  CHECK(store_write(store, y, STORE_U8, 1, &rows, labels, error) == LS_OK, "%s", error->message);
}

/* Columns: the number of the row; the same, missing in every fifth; -1, 0 or 1; missing in every fifth from 1
 * on. */
static void write_gaps(store_t *store, ls_error *error) {
  static double values[N * F];
  static uint8_t labels[N], one_hot[N * CLASSES];
  const int64_t rows = N;
  for (int i = 0; i < N; i++) {
    const double row[F] = {i, i % 5 == 0 ? (double)NAN : i, i % 3 - 1, i % 5 == 1 ? (double)NAN : 2 * i};
    memcpy(values + (size_t)i * F, row, sizeof row);
    labels[i] = (uint8_t)(i % CLASSES);
    one_hot[i * CLASSES + i % CLASSES] = 1;
  }
  CHECK(store_write(store, "gaps/x", STORE_F64, 2, (int64_t[]){N, F}, values, error) == LS_OK, "%s",
        error->message);
  CHECK(store_write(store, "gaps/y", STORE_U8, 1, &rows, labels, error) == LS_OK, "%s", error->message);
  CHECK(store_write(store, "gaps/one_hot", STORE_U8, 2, (int64_t[]){N, CLASSES}, one_hot, error) == LS_OK,
        "%s", error->message);
}

/* An array of some blocks of the seal, so that each rank has something to compare. */
static void write_more(store_t *store, ls_error *error) {
  static double values[100000];
  CHECK(store_write(store, "more", STORE_F64, 1, (int64_t[]){100000}, values, error) == LS_OK, "%s",
        error->message);
}

static void write_file(const char *path) {
  ls_error error = {0};
  store_t *store = NULL;
  CHECK(store_create(path, &store, &error) == LS_OK, "%s", error.message);
  write_rows(store, "train/x", "train/y", N, 0, &error);
  write_rows(store, "test/x", "test/y", T, 0, &error);
  write_rows(store, "spoiled/x", "spoiled/y", N, NAN, &error);
  write_gaps(store, &error);
  write_more(store, &error);
  store_write_texts(store, "/", "class_names", (const char *[]){"zero", "one"}, 2, &error);
  CHECK(store_publish(&store, &error) == LS_OK, "%s", error.message);
}

static settings_t settings_for(const char *path) {
  settings_t s = {0};
  s.data.file = path;
  s.data.x = "train/x", s.data.y = "train/y";
  s.data.valid_x = "valid/x", s.data.valid_y = "valid/y";
  s.data.test_x = "test/x", s.data.test_y = "test/y";
  s.data.validation.share = 0.2;
  s.data.validation.seed = SETTINGS_AUTO;
  s.data.missing = "error";
  s.data.basis.name = s.data.target_scaling.name = "none";
  s.data.scaling = (scaling_settings_t){"standard", 0, 1};
  s.train.seed = 3;
  return s;
}

/* This rank's rows against the file rows that it should have, found by counting. */
static void check_rows(const split_t *split, const bool *chosen, bool wanted, int64_t array_rows) {
  int64_t k = 0, first = shard_first(split->partition, split->first_shard);
  for (int64_t i = 0; i < array_rows; i++) {
    if (chosen != NULL && chosen[i] != wanted) continue;
    int64_t mine = k++ - first;
    if (mine < 0 || mine >= split->rows) continue;
    const double *x = (const double *)split->x + mine * F;
    for (int64_t c = 0; c < F; c++) CHECK(x[c] == feature(i, c), "row %ld column %ld", (long)i, (long)c);
    CHECK(split->labels[mine] == i % CLASSES, "row %ld", (long)i);
  }
  CHECK(k == split->partition.rows, "%ld rows", (long)k);
}

static void check_load(world_t *world, const settings_t *settings, const dataset_t *data) {
  bool chosen[N];
  ls_error error = {0};
  validation_choice(N, settings->data.validation.share, settings->train.seed, chosen);
  check_rows(&data->train, chosen, false, N);
  check_rows(&data->valid, chosen, true, N);
  check_rows(&data->test, NULL, false, T);
  int64_t rows[] = {data->train.rows, data->valid.rows, data->test.rows};
  CHECK(world_sum_i64(world, rows, 3, &error) == LS_OK, "%s", error.message);
  CHECK(rows[0] == 802 && rows[1] == 201 && rows[2] == T, "%ld %ld %ld", (long)rows[0], (long)rows[1],
        (long)rows[2]);
  CHECK(data->class_names.n == 2 && strcmp(data->class_names.names[1], "one") == 0, "class names");
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Columns with a scaling of their own: quartiles against sorting, categories against counting. Column 3 holds
 * the numbers 3e6 + k / 7, of which those with whole numbers are few. */
static void check_columns(world_t *world, settings_t *settings, const dataset_t *data, const double *x,
                          int64_t rows) {
  static double sorted[N];
  ls_error error = {0};
  features_t features = {0};
  column_scaling_t columns[] = {{"1-2", {"robust", 0, 1}}, {"-1", {"none", 0, 1}}, {"7", {"one_hot", 0, 1}}};
  settings->data.columns = columns;
  settings->data.n_columns = 2;
  CHECK(features_fit(world, settings, data, &features, &error) == LS_OK, "%s", error.message);
  if (features.scaler.n != F) return;
  for (int64_t i = 0; i < rows; i++) sorted[i] = x[i * F + 2];
  qsort(sorted, (size_t)rows, sizeof *sorted, compare_doubles);
  double places[] = {(double)(rows - 1) / 4, (double)(rows - 1) / 2, 3 * (double)(rows - 1) / 4}, q[3];
  for (int k = 0; k < 3; k++) {
    const double *at = sorted + (int)places[k];
    q[k] = at[0] + (places[k] - floor(places[k])) * (at[1] - at[0]);
  }
  CHECK(features.scaler.shift[2] == q[1] && features.scaler.scale[2] == 1 / (q[2] - q[0]), "quartiles");
  CHECK(features.scaler.scale[3] == 1 && features.scaler.shift[3] == 0 && features.scaler.offset[0] == -1,
        "columns");
  features_free(&features);
  settings->data.n_columns = 3;
  CHECK(features_fit(world, settings, data, &features, &error) == LS_BAD_SETTINGS, "%s", error.message);
  CHECK(strstr(error.message, "no column '7'") != NULL, "%s", error.message);
  columns[2].columns = "3";
  CHECK(features_fit(world, settings, data, &features, &error) == LS_BAD_DATA, "%s", error.message);
  CHECK(strstr(error.message, "column 3 ") != NULL, "%s", error.message);
}

/* The rows of one file with gaps: three fifths of them are whole. Class c's rows are 5 i + c. */
static void check_missing(world_t *world, settings_t settings) {
  dataset_t *data = NULL;
  ls_error error = {0};
  features_t features = {0};
  column_scaling_t columns[] = {{"2", {"one_hot", 0, 1}}};
  settings.data.x = "gaps/x", settings.data.y = "gaps/y";
  settings.data.missing = "drop";
  CHECK(dataset_load(world, &settings, SPLIT_TRAIN | SPLIT_VALID,
                     (target_request_t){.kind = TARGET_LABELS, .width = CLASSES}, S, &data, &error) == LS_OK,
        "%s", error.message);
  if (data == NULL) return;
  CHECK(data->dropped == 2 * N / 5 + 1, "%ld rows dropped", (long)data->dropped);
  int64_t left = N - data->dropped;
  CHECK(data->train.partition.rows + data->valid.partition.rows == left &&
            data->valid.partition.rows == (int64_t)floor(0.2 * (double)left + 0.5),
        "%ld and %ld rows", (long)data->train.partition.rows, (long)data->valid.partition.rows);
  for (int64_t i = 0; i < data->train.rows; i++) {
    const double *row = (const double *)data->train.x + i * F;
    int64_t number = (int64_t)row[0];
    CHECK(number % 5 > 1 && data->train.labels[i] == number % CLASSES, "row %ld", (long)number);
  }
  dataset_destroy(&data);
  settings.data.missing = "mean";
  settings.data.validation.share = 0;
  settings.data.columns = columns;
  settings.data.n_columns = 1;
  CHECK(dataset_load(world, &settings, SPLIT_TRAIN,
                     (target_request_t){.kind = TARGET_LABELS, .width = CLASSES}, S, &data, &error) == LS_OK,
        "%s", error.message);
  CHECK(features_fit(world, &settings, data, &features, &error) == LS_OK, "%s", error.message);
  CHECK(features.inputs == F + 2 && features.category[2] == -1 && features.category[3] == 0 &&
            features.category[4] == 1,
        "%ld inputs", (long)features.inputs);
  double sum = 0;
  for (int64_t i = 0; i < N; i++) sum += i % 5 == 0 ? 0 : (double)i;
  if (features.fill != NULL)
    CHECK(fabs(features.fill[1] - sum / (N - 201)) < 1e-9, "mean %g", features.fill[1]);
  features_free(&features);
  dataset_destroy(&data);
}

/* Rows of one fold, on all ranks: those that one rank alone deals to it, among the rows that are kept. */
static void check_fold(world_t *world, const settings_t *settings, const uint16_t *dealt, const bool *kept) {
  const target_request_t labels = {.kind = TARGET_LABELS, .width = CLASSES, .strata = STRATA_LABELS};
  dataset_t *data = NULL;
  ls_error error = {0};
  CHECK(dataset_load(world, settings, SPLIT_TRAIN | SPLIT_VALID, labels, S, &data, &error) == LS_OK, "%s",
        error.message);
  if (data == NULL) return;
  int64_t rows[] = {data->train.rows, data->valid.rows}, counts[] = {0, 0};
  for (int which = 0; which < 2; which++) {
    const split_t *split = which == 0 ? &data->train : &data->valid;
    for (int64_t i = 0; i < split->rows; i++) {
      int64_t number = (int64_t)((const double *)split->x)[i * F];
      bool is_valid = dealt[number] == settings->data.validation.fold;
      CHECK(kept[number] && is_valid == (which == 1), "row %ld", (long)number);
    }
  }
  for (int64_t i = 0; i < N; i++)
    if (kept[i]) counts[dealt[i] == settings->data.validation.fold]++;
  CHECK_OK(world_sum_i64(world, rows, 2, &error));
  CHECK(rows[0] == counts[0] && rows[1] == counts[1], "fold %ld: %ld and %ld rows",
        (long)settings->data.validation.fold, (long)rows[0], (long)rows[1]);
  dataset_destroy(&data);
}

static void check_folds(world_t *world, settings_t settings, const char *y, const char *missing) {
  enum { FOLDS = 4 };
  double classes[N];
  uint16_t compact[N], dealt[N] = {0}, *found = NULL;
  bool kept[N];
  int64_t n = 0, rows = 0;
  ls_error error = {0};
  settings.data.x = "gaps/x", settings.data.y = y;
  settings.data.missing = missing;
  settings.data.validation = (validation_settings_t){.seed = 8, .folds = FOLDS};
  for (int i = 0; i < N; i++) kept[i] = strcmp(missing, "drop") != 0 || i % 5 > 1;
  for (int i = 0; i < N; i++)
    if (kept[i]) classes[n++] = i % CLASSES;
  CHECK_OK(folds_deal(n, classes, FOLDS, 8, compact, &error));
  n = 0;
  for (int i = 0; i < N; i++)
    if (kept[i]) dealt[i] = compact[n++];
  settings.data.validation.fold = 1;
  CHECK_OK(dataset_folds(world, &settings, STRATA_LABELS, &found, &rows, &error));
  CHECK(rows == N && found != NULL && memcmp(found, dealt, sizeof dealt) == 0, "%s", missing);
  free(found);
  for (int k = 1; k <= FOLDS; k++) {
    settings.data.validation.fold = k;
    check_fold(world, &settings, dealt, kept);
  }
}

/* Columns 0, 1 and 3 of the file with gaps hold hundreds of numbers, each once, so the first of them is the
 * most frequent; a table with little room counts them in many passes. Column 2 holds -1 in 335 rows, 0 and 1
 * in 334. */
static void check_frequent(world_t *world, settings_t settings) {
  const bool wanted[F] = {true, true, true, true};
  dataset_t *data = NULL;
  ls_error error = {0};
  settings.data.x = "gaps/x", settings.data.y = "gaps/y";
  settings.data.missing = "most_frequent";
  settings.data.validation.share = 0;
  CHECK(dataset_load(world, &settings, SPLIT_TRAIN,
                     (target_request_t){.kind = TARGET_LABELS, .width = CLASSES}, S, &data, &error) == LS_OK,
        "%s", error.message);
  if (data == NULL) return;
  const split_t *train = &data->train;
  const columns_view_t table = {train->x, train->type, train->rows, F, 0, F, true};
  for (size_t room = 1; room <= FREQUENT_ROOM; room *= FREQUENT_ROOM) {
    double fill[F] = {-7, -7, -7, -7};
    CHECK(most_frequent_find(world, train, &table, wanted, room, fill, &error) == LS_OK, "%s", error.message);
    CHECK(fill[0] == 0 && fill[1] == 1 && fill[2] == -1 && fill[3] == 0, "%g %g %g %g", fill[0], fill[1],
          fill[2], fill[3]);
  }
  dataset_destroy(&data);
}

/* The sums over all training rows, as one rank alone would add them. */
static void check_scaler(world_t *world, const settings_t *settings, const dataset_t *data) {
  static double x[N * F], sums[S * 2 * F];
  bool chosen[N];
  double scratch[3 * F], mean[F];
  int64_t rows = 0;
  validation_choice(N, settings->data.validation.share, settings->train.seed, chosen);
  for (int64_t i = 0; i < N; i++) {
    if (chosen[i]) continue;
    for (int64_t c = 0; c < F; c++) x[rows * F + c] = feature(i, c);
    rows++;
  }
  partition_t p = {rows, S};
  for (int pass = 0; pass < 2; pass++) {
    memset(sums, 0, sizeof sums);
    for (int j = 0; j < S; j++) {
      columns_view_t table = {x + shard_first(p, j) * F, ELEMENT_F64, shard_rows(p, j), F, 0, F, false};
      if (pass == 0) fit_sums(&table, scratch, sums + j * F);
      if (pass == 1) fit_squares(&table, mean, scratch, sums + j * 2 * F);
    }
    tree_sum_vectors(sums, S, (size_t)F * (size_t)(pass + 1));
    for (int c = 0; c < F && pass == 0; c++) mean[c] = sums[c] / (double)rows;
  }
  features_t features = {0};
  ls_error error = {0};
  settings_t changed = *settings;
  CHECK(features_fit(world, settings, data, &features, &error) == LS_OK, "%s", error.message);
  for (int c = 0; c < F && features.scaler.n == F; c++) {
    double n = (double)rows, d = sums[c];
    CHECK(features.scaler.shift[c] == mean[c] + d / n, "shift %d", c);
    CHECK(features.scaler.scale[c] == 1.0 / sqrt((sums[F + c] - d * d / n) / n), "scale %d", c);
  }
  features_free(&features);
  changed.data.scaling = (scaling_settings_t){"minmax", -1, 1};
  CHECK(features_fit(world, &changed, data, &features, &error) == LS_OK, "%s", error.message);
  for (int c = 0; c < F && features.scaler.n == F; c++) {
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < rows; i++) low = fmin(low, x[i * F + c]), high = fmax(high, x[i * F + c]);
    CHECK(features.scaler.shift[c] == low && features.scaler.scale[c] == 2 / (high - low) &&
              features.scaler.offset[c] == -1,
          "column %d", c);
  }
  features_free(&features);
  check_columns(world, &changed, data, x, rows);
}

/* Only the rank with the last rows meets the NaN. */
static void check_errors(world_t *world, settings_t settings) {
  dataset_t *data = NULL;
  ls_error error = {0};
  settings.data.validation.share = 0;
  settings.data.x = "spoiled/x", settings.data.y = "spoiled/y";
  CHECK(dataset_load(world, &settings, SPLIT_TRAIN,
                     (target_request_t){.kind = TARGET_LABELS, .width = CLASSES}, S, &data,
                     &error) == LS_BAD_DATA &&
            data == NULL,
        "%s", error.message);
  CHECK(strstr(error.message, "NaN in row 1002, column 1") != NULL, "%s", error.message);
  settings.data.file = "/nowhere.h5";
  CHECK(dataset_load(world, &settings, SPLIT_TRAIN,
                     (target_request_t){.kind = TARGET_LABELS, .width = CLASSES}, S, &data,
                     &error) == LS_BAD_DATA,
        "%s", error.message);
  CHECK(strstr(error.message, "/nowhere.h5") != NULL, "%s", error.message);
}

static void check_features(world_t *world, const char *path) {
  const window_settings_t no_window = {0};
  dataset_t *data = NULL;
  ls_error error = {0};
  CHECK(dataset_load_features(world, path, "test/x", &no_window, F, false, S, 0, &data, &error) == LS_OK,
        "%s", error.message);
  if (data != NULL) {
    int64_t first = shard_first(data->test.partition, data->test.first_shard);
    const double *x = data->test.x;
    for (int64_t i = 0; i < data->test.rows; i++)
      CHECK(x[i * F] == feature(first + i, 0), "row %ld", (long)i);
  }
  dataset_destroy(&data);
  CHECK(dataset_load_features(world, path, "test/x", &no_window, F + 1, false, S, 0, &data, &error) ==
            LS_BAD_DATA,
        "%s", error.message);
}

static void flip(const char *path, long at) {
  FILE *file = fopen(path, "r+b");
  fseek(file, at, SEEK_SET);
  int byte = fgetc(file);
  fseek(file, at, SEEK_SET);
  fputc(byte ^ 1 << at % 8, file);
  fclose(file);
}

/* A flipped bit anywhere in the file is an error of every rank, whichever of them compares the place. */
static void check_damage(world_t *world, const char *path) {
  const settings_t settings = settings_for(path);
  const target_request_t labels = {.kind = TARGET_LABELS, .width = CLASSES};
  for (long at = 100; at < 900000; at += 22501) {
    ls_error error = {0};
    dataset_t *data = NULL;
    if (world_rank(world) == 0) flip(path, at);
    CHECK_OK(world_barrier(world, &error));
    ls_status status = dataset_load(world, &settings, SPLIT_TRAIN, labels, S, &data, &error);
    CHECK(status == LS_BAD_DATA, "byte %ld gives %d: %s", at, (int)status, error.message);
    CHECK(data == NULL, "byte %ld", at);
    CHECK_OK(world_barrier(world, &error));
    if (world_rank(world) == 0) flip(path, at);
  }
}

static void check_all(world_t *world, const char *path) {
  settings_t settings = settings_for(path);
  dataset_t *data = NULL;
  dataset_shape_t shape;
  ls_error error = {0};
  CHECK(dataset_describe(world, &settings, &shape, &error) == LS_OK, "%s", error.message);
  CHECK(shape.train_rows == 802 && shape.valid_rows == 201 && shape.test_rows == T && shape.features == F,
        "shape");
  int splits = SPLIT_TRAIN | SPLIT_VALID | SPLIT_TEST;
  ls_status status =
      dataset_load(world, &settings, splits, (target_request_t){.kind = TARGET_LABELS, .width = CLASSES}, S,
                   &data, &error);
  CHECK(status == LS_OK, "%s", error.message);
  if (status == LS_OK) {
    check_load(world, &settings, data);
    check_scaler(world, &settings, data);
  }
  dataset_destroy(&data);
  check_errors(world, settings);
  check_missing(world, settings);
  check_folds(world, settings, "gaps/y", "mean");
  check_folds(world, settings, "gaps/y", "drop");
  check_folds(world, settings, "gaps/one_hot", "drop");
  check_frequent(world, settings);
  check_features(world, path);
  check_damage(world, path);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  char path[64];
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  int64_t number = getpid();
  CHECK(world_broadcast(world, &number, sizeof number, 0, &error) == LS_OK, "%s", error.message);
  snprintf(path, sizeof path, "/tmp/lockstep-dataset-mpi-%ld.h5", (long)number);
  if (world_rank(world) == 0) write_file(path);
  CHECK(world_barrier(world, &error) == LS_OK, "%s", error.message);
  check_all(world, path);
  CHECK(world_barrier(world, &error) == LS_OK, "%s", error.message);
  if (world_rank(world) == 0) unlink(path);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
