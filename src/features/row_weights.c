#include "features/row_weights.h"

#include "features/gather.h"
#include "data/split_walk.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256, KEY_SIZE = 128 };

/* ---- what the settings say ---- */

static bool is_word(const numbers_t *weights, const char *word) {
  return weights->word != NULL && strcmp(weights->word, word) == 0;
}

static bool any_has_class_weights(const settings_t *settings) {
  for (size_t h = 0; h < settings->n_losses; h++)
    if (head_has_class_weights(settings, h)) return true;
  return false;
}

static ls_status check_head(const numbers_t *weights, const head_t *head, const char *key, ls_error *error) {
  double sum = 0;
  if (is_word(weights, "none")) return LS_OK;
  if (head->classes == 1)
    return error_set(
        error, LS_BAD_SETTINGS,
        "%s: they are for rows of one class each, and %s%s has none: leave them out (single rows have "
        "weights by data.weights)",
        key, head->loss->name, head->loss->is_classification ? " with several outputs" : "");
  if (weights->word != NULL) return LS_OK;
  if ((int64_t)weights->n != head->classes)
    return error_set(error, LS_BAD_SETTINGS, "%s: %zu numbers, but the network knows %" PRId64 " classes",
                     key, weights->n, head->classes);
  for (size_t i = 0; i < weights->n; i++) sum += weights->values[i];
  return sum > 0 ? LS_OK : error_set(error, LS_BAD_SETTINGS, "%s: all are 0", key);
}

ls_status class_weights_check(const settings_t *settings, const objective_t *objective, ls_error *error) {
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    char of_head[HEAD_KEY_SIZE], key[KEY_SIZE];
    head_key(objective, h, of_head);
    if (objective->n == 1)
      snprintf(key, sizeof key, "%s.class_weights", of_head);
    else
      snprintf(key, sizeof key, "%s.class_weights (%s)", of_head, head->name);
    TRY(check_head(&settings->losses[h].class_weights, head, key, error));
  }
  return LS_OK;
}

/* ---- rows by their classes ---- */

/* A walk over rows that counts them: for each shard `factors` numbers of rows, then their weights. */
typedef struct {
  const objective_t *objective;
  gather_t gather; /* of targets and weights alone */
  double *own;     /* (shards of this rank, 2 factors) */
  float *values;   /* (BLOCK_ROWS, targets) */
  int32_t labels[BLOCK_ROWS];
  float weights[BLOCK_ROWS];
  uint32_t rows[BLOCK_ROWS];
} tally_t;

/* The next rows of a walk. */
static void read_block(tally_t *tally, int64_t first, int64_t n) {
  for (int64_t i = 0; i < n; i++) tally->rows[i] = (uint32_t)(first + i);
  if (tally->objective->has_labels)
    gather_labels(&tally->gather, tally->rows, n, tally->labels);
  else if (!tally->objective->of_x && tally->objective->targets > 0) /* others tell no classes apart */
    gather_targets(&tally->gather, tally->rows, n, tally->values);
  if (tally->gather.split->weights != NULL)
    gather_weights(&tally->gather, tally->rows, n, tally->weights);
  else
    for (int64_t i = 0; i < n; i++) tally->weights[i] = 1;
}

static void tally_block(const tally_t *tally, int64_t n, double *leaf) {
  const objective_t *objective = tally->objective;
  for (int64_t i = 0; i < n; i++)
    for (size_t h = 0; h < objective->n; h++) {
      const head_t *head = &objective->heads[h];
      double target = objective->has_labels
                          ? (double)tally->labels[i]
                          : (double)tally->values[i * objective->targets + head->first_target];
      int64_t at = head->first_factor + head_class(head, target);
      leaf[at] += 1;
      leaf[objective->factors + at] += (double)tally->weights[i];
    }
}

static void tally_rows(void *context, const split_walk_t *walk) {
  tally_t *tally = context;
  double *leaf = tally->own + walk->shard * 2 * tally->objective->factors;
  for (int64_t at = 0; at < walk->rows; at += BLOCK_ROWS) {
    int64_t n = walk->rows - at < BLOCK_ROWS ? walk->rows - at : BLOCK_ROWS;
    read_block(tally, walk->first + at, n);
    tally_block(tally, n, leaf);
  }
}

/* out (2 factors): how many rows each class of each head has, and the sums of their weights. Collective. */
static ls_status tally_classes(world_t *world, const objective_t *objective, const split_t *split,
                               double *out, ls_error *error) {
  size_t width = 2 * (size_t)objective->factors;
  tally_t tally = {.objective = objective, .gather = {.split = split}};
  tally.own = calloc((size_t)split->shards * width + 1, sizeof *tally.own);
  tally.values = calloc(BLOCK_ROWS * (size_t)objective->targets + 1, sizeof *tally.values);
  ls_status status = LS_OK;
  if (tally.own == NULL || tally.values == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory to count classes");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(split_walk(world, split, tally_rows, &tally, error));
  status = split_sum(world, split, width, tally.own, out, error);
done:
  free(tally.own);
  free(tally.values);
  return status;
}

/* ---- weights of classes, and factors ---- */

/* `balanced`: N / (K n_c), as in scikit-learn; a class without training rows counts 1. */
static void choose_weights(const numbers_t *given, const head_t *head, double n, const double *rows,
                           double *weights) {
  bool is_balanced = is_word(given, "balanced"), is_list = given->word == NULL;
  for (int64_t c = 0; c < head->classes; c++)
    weights[c] = is_list                      ? given->values[c]
                 : is_balanced && rows[c] > 0 ? n / ((double)head->classes * rows[c])
                                              : 1;
}

/* f[c] = c[c] N / sum over classes of c[k] times the weight of its rows. */
static ls_status find_factors(const head_t *head, double n, const double *weights, const double *of_rows,
                              float *out, ls_error *error) {
  double total = 0;
  for (int64_t c = 0; c < head->classes; c++) total += (weights != NULL ? weights[c] : 1) * of_rows[c];
  if (!(total > 0)) return error_set(error, LS_BAD_DATA, "the weights of all rows of a split are 0");
  for (int64_t c = 0; c < head->classes; c++)
    out[c] = (float)((weights != NULL ? weights[c] : 1) * (n / total));
  return LS_OK;
}

/* By the settings where they are given, then out is filled; else by `classes`. Collective. */
static ls_status weigh(world_t *world, const settings_t *settings, const class_weights_t *classes,
                       const objective_t *objective, dataset_t *dataset, split_t *split, double *out,
                       ls_error *error) {
  size_t factors = (size_t)objective->factors;
  double *tally = calloc(2 * factors, sizeof *tally), n = (double)split->partition.rows;
  const double *weights = out != NULL ? out : classes->values;
  float *found = arena_new(&dataset->arena, factors, sizeof *found);
  ls_status status = LS_OK;
  if (tally == NULL || found == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for the weights of classes");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(tally_classes(world, objective, split, tally, error));
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    int64_t at = head->first_factor;
    if (out != NULL) choose_weights(&settings->losses[h].class_weights, head, n, tally + at, out + at);
    status =
        find_factors(head, n, weights != NULL ? weights + at : NULL, tally + factors + at, found + at, error);
    if (status != LS_OK && objective->n > 1) error_prefix(error, status, "loss, %s", head->name);
    if (status != LS_OK) goto done; /* on every rank */
  }
  split->factors = found;
done:
  free(tally);
  return status;
}

ls_status row_weights_fit(world_t *world, const settings_t *settings, const objective_t *objective,
                          dataset_t *dataset, class_weights_t *out, ls_error *error) {
  static const class_weights_t none = {0};
  if (!any_has_class_weights(settings))
    return row_weights_apply(world, &none, objective, dataset, &dataset->train, error);
  double *weights = calloc((size_t)objective->factors, sizeof *weights);
  ls_status status = LS_OK;
  if (weights == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the weights of classes");
  status = world_agree(world, status, error);
  if (status == LS_OK)
    status = weigh(world, settings, &none, objective, dataset, &dataset->train, weights, error);
  if (status == LS_OK)
    out->values = weights;
  else
    free(weights);
  return status;
}

ls_status row_weights_apply(world_t *world, const class_weights_t *classes, const objective_t *objective,
                            dataset_t *dataset, split_t *split, ls_error *error) {
  bool has_weights = split->weights != NULL; /* the same on every rank: an array of 0 rows is not NULL */
  if (split->partition.rows == 0 || (!has_weights && classes->values == NULL)) return LS_OK;
  return weigh(world, NULL, classes, objective, dataset, split, NULL, error);
}

/* ---- sums of weights ---- */

typedef struct {
  const split_t *split;
  size_t n;
  void (*add)(double weight, double *sums);
  double *own; /* (shards of this rank, n) */
} summing_t;

static void sum_rows(void *context, const split_walk_t *walk) {
  const summing_t *summing = context;
  for (int64_t i = 0; i < walk->rows; i++)
    summing->add((double)(row_weight(summing->split, walk->first + i) * summing->split->factors[0]),
                 summing->own + (size_t)walk->shard * summing->n);
}

ls_status row_weights_sum(world_t *world, const split_t *split, size_t n,
                          void (*add)(double weight, double *sums), double *sums, ls_error *error) {
  summing_t summing = {.split = split, .n = n, .add = add};
  summing.own = calloc((size_t)split->shards * n + 1, sizeof *summing.own);
  ls_status status = LS_OK;
  if (summing.own == NULL) status = error_set(error, LS_NO_MEMORY, "no memory to add up weights");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(split_walk(world, split, sum_rows, &summing, error));
  status = split_sum(world, split, n, summing.own, sums, error);
done:
  free(summing.own);
  return status;
}

enum { COUNT_SUM, COUNT_ROWS, COUNT_BROKEN, COUNTS };

static void add_count(double weight, double *sums) {
  sums[COUNT_SUM] += weight;
  sums[COUNT_ROWS] += weight > 0;
  sums[COUNT_BROKEN] += weight != floor(weight);
}

ls_status row_weights_count(world_t *world, const split_t *split, row_count_t *out, ls_error *error) {
  static const float one = 1;
  split_t plain = *split; /* weights as the file has them */
  double sums[COUNTS] = {0};
  row_count_t count = {(double)split->partition.rows, 1, true};
  plain.factors = &one;
  if (split->weights != NULL) {
    TRY(row_weights_sum(world, &plain, COUNTS, add_count, sums, error));
    if (!(sums[COUNT_SUM] > 0))
      return error_set(error, LS_BAD_DATA, "the weights of all rows of a split are 0");
    count.are_whole = sums[COUNT_BROKEN] == 0;
    count.rows = count.are_whole ? sums[COUNT_SUM] : sums[COUNT_ROWS];
    count.scale = count.are_whole ? 1 : sums[COUNT_ROWS] / sums[COUNT_SUM];
  }
  *out = count;
  return LS_OK;
}
