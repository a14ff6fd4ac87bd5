/* Fitting over ranks that have different numbers of rows: scalers of more columns than are fitted at once,
 * the weights of classes, over more rows than are counted at once, and the loss of a sample of the rows. */
#include "features/row_weights.h"
#include "features/scaler_fit.h"
#include "train/advice.h"
#include "train/choices.h"

#include "mpi/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* With so many shards 1,700 columns, or some more, are fitted at once: two whole groups, and a rest. */
enum { ROWS = 601, SHARDS = 600, COLUMNS = 2 * 1800 + 100 };

static void deal(const world_t *world, int64_t rows, int shards, split_t *split) {
  *split = (split_t){.partition = {rows, shards},
                     .first_shard = rank_first_shard(shards, world_size(world), world_rank(world)),
                     .shards = rank_shards(shards, world_size(world), world_rank(world))};
  split->rows = shard_first(split->partition, split->first_shard + split->shards) -
                shard_first(split->partition, split->first_shard);
}

static void expect(double found, double expected, const char *what, int64_t c) {
  CHECK(fabs(found - expected) <= 1e-10 * fmax(1e-300, fabs(expected)), "%s of column %d: %.17g, not %.17g",
        what, (int)c, found, expected);
}

/* Column c of row r holds (c + 1) r + 7: each column has its own line, and its own method. */
static void check_scaler(world_t *world) {
  static const char *const names[] = {"minmax", "standard", "maxabs"};
  ls_error error = {0};
  split_t split;
  scaler_t scaler = {0};
  deal(world, ROWS, SHARDS, &split);
  split.features = COLUMNS;
  split.type = ELEMENT_F64;
  const int64_t begin = shard_first(split.partition, split.first_shard);
  double *x = malloc((size_t)(split.rows * COLUMNS) * sizeof *x + 1);
  method_t *methods = malloc(COLUMNS * sizeof *methods);
  const scaling_settings_t settings[] = {{names[0], -1, 3}, {names[1], 0, 1}, {names[2], 0, 1}};
  for (int64_t i = 0; i < split.rows; i++)
    for (int64_t c = 0; c < COLUMNS; c++) x[i * COLUMNS + c] = (double)((c + 1) * (begin + i) + 7);
  for (int64_t c = 0; c < COLUMNS; c++) methods[c] = (method_t){scaling_find(names[c % 3]), &settings[c % 3]};
  split.x = x;
  const columns_view_t table = {x, ELEMENT_F64, split.rows, COLUMNS, 0, COLUMNS, false};
  CHECK_OK(scaler_fit(world, "columns", methods, &split, &table, NULL, &scaler, &error));
  for (int64_t c = 0; c < COLUMNS && scaler.n == COLUMNS && failures < 5; c++) {
    const double slope = (double)(c + 1), most = slope * (ROWS - 1) + 7;
    if (c % 3 == 0) expect(scaler.shift[c], 7, "the smallest", c);
    if (c % 3 == 0) expect(scaler.scale[c], 4 / (most - 7), "the range", c);
    if (c % 3 == 1) expect(scaler.shift[c], slope * (ROWS - 1) / 2 + 7, "the mean", c);
    if (c % 3 == 1)
      expect(scaler.scale[c], 1 / (slope * sqrt((ROWS * (double)ROWS - 1) / 12)), "deviation", c);
    if (c % 3 == 2) expect(scaler.scale[c], 1 / most, "the largest", c);
  }
  scaler_free(&scaler);
  free(methods);
  free(x);
}

/* Row r has the class of its number's last digit, up to 2, and the weight r mod 4. Two shards of three on
 * rank 0 of two ranks, so ranks differ; each shard has more than two blocks of 256 rows. */
static void check_class_weights(world_t *world) {
  enum { N = 2000, CLASSES = 3 };
  static const char text[] = "data: {file: none.h5}\nmodel: {layers: [dense: 3]}\n"
                             "loss: {name: cross_entropy, class_weights: balanced}\n";
  ls_error error = {0};
  settings_t *settings = NULL;
  objective_t objective = {0};
  class_weights_t weights = {0};
  dataset_t *dataset = calloc(1, sizeof *dataset);
  CHECK_OK(settings_parse(text, strlen(text), "test", NULL, 0, settings_choices(), &settings, &error));
  CHECK_OK(objective_create(settings, CLASSES, &objective, &error));
  deal(world, N, 3, &dataset->train);
  const int64_t begin = shard_first(dataset->train.partition, dataset->train.first_shard);
  int32_t *labels = malloc((size_t)dataset->train.rows * sizeof *labels + 1);
  float *of_rows = malloc((size_t)dataset->train.rows * sizeof *of_rows + 1);
  double count[CLASSES] = {0}, sum[CLASSES] = {0}, total = 0;
  for (int64_t r = 0; r < N; r++) {
    const int32_t label = r % 10 < 2 ? (int32_t)(r % 10) : 2;
    count[label]++;
    sum[label] += (double)(r % 4);
    if (r < begin || r >= begin + dataset->train.rows) continue;
    labels[r - begin] = label;
    of_rows[r - begin] = (float)(r % 4);
  }
  dataset->train.labels = labels;
  dataset->train.weights = of_rows;
  CHECK_OK(row_weights_fit(world, settings, &objective, dataset, &weights, &error));
  for (int c = 0; c < CLASSES; c++) total += N / (CLASSES * count[c]) * sum[c];
  for (int c = 0; c < CLASSES && weights.values != NULL; c++) {
    expect(weights.values[c], N / (CLASSES * count[c]), "the weight", c);
    const double factor = weights.values[c] * N / total;
    CHECK(fabs((double)dataset->train.factors[c] - factor) < 1e-6 * factor, "factor %d: %g, not %g", c,
          (double)dataset->train.factors[c], factor);
  }
  free((void *)weights.values);
  free(labels);
  free(of_rows);
  arena_free(&dataset->arena);
  free(dataset);
  objective_free(&objective);
  settings_destroy(&settings);
}

/* The loss of outputs that are all 0, over the first 1,024 rows of each rank, 128 at a time. */
static void check_zero_loss(world_t *world) {
  enum { N = 2500, S = 3, SAMPLE = 1024 };
  static const char text[] = "data: {file: none.h5}\nmodel: {layers: [dense: 1]}\nloss: mse\n";
  static const log_t quiet = {0};
  ls_error error = {0};
  settings_t *settings = NULL;
  objective_t objective = {0};
  split_t split;
  gather_t gather = {0};
  const features_t features = {.columns = 1, .encoded = 1, .inputs = 1};
  double found = 0, sum = 0, rows = 0;
  CHECK_OK(settings_parse(text, strlen(text), "test", NULL, 0, settings_choices(), &settings, &error));
  CHECK_OK(objective_create(settings, 1, &objective, &error));
  deal(world, N, S, &split);
  const int64_t begin = shard_first(split.partition, split.first_shard);
  float *x = calloc((size_t)split.rows + 1, sizeof *x), *y = calloc((size_t)split.rows + 1, sizeof *y);
  for (int64_t i = 0; i < split.rows; i++) y[i] = (float)((begin + i) * (begin + i) % 101);
  for (int r = 0; r < world_size(world); r++) {
    const int first = rank_first_shard(S, world_size(world), r), own = rank_shards(S, world_size(world), r);
    const int64_t from = shard_first(split.partition, first), to = shard_first(split.partition, first + own);
    for (int64_t i = from; i < to && i < from + SAMPLE; i++, rows++)
      sum += (double)((i * i % 101) * (i * i % 101));
  }
  split.features = split.width = 1;
  split.type = split.y_type = ELEMENT_F32;
  split.x = x;
  split.y = split.targets = y;
  CHECK_OK(gather_create(&split, &features, &gather, &error));
  CHECK_OK(advise(world, settings, &objective, &gather, &quiet, &found, &error));
  expect(found, sum / rows, "the loss", 0);
  gather_free(&gather);
  free(x);
  free(y);
  objective_free(&objective);
  settings_destroy(&settings);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  check_scaler(world);
  check_class_weights(world);
  check_zero_loss(world);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
