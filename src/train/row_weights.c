#include "train/row_weights.h"

#include "math/tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(const numbers_t *weights, const char *word) {
  return weights->word != NULL && strcmp(weights->word, word) == 0;
}

/* Of a network with one head, whose classes have weights. */
static int32_t class_of_row(const objective_t *objective, const split_t *split, int64_t row) {
  if (split->labels != NULL) return split->labels[row];
  bool is_label = objective->heads->loss->target == TARGET_LABELS;
  return is_label ? (int32_t)split->targets[row] : split->targets[row] > 0.5F;
}

ls_status class_weights_check(const settings_t *settings, const objective_t *objective, ls_error *error) {
  const numbers_t *weights = &settings->losses->class_weights;
  const loss_t *loss = objective->heads->loss;
  int64_t classes = loss_weighted_classes(loss, objective->outputs);
  double sum = 0;
  for (size_t h = 0; h < objective->n && objective->n > 1; h++)
    if (!is_word(&settings->losses[h].class_weights, "none"))
      return error_set(error, LS_BAD_SETTINGS,
                       "loss, %s: class_weights are for a network with one head: leave them out (rows have "
                       "weights for all heads by data.weights)",
                       objective->heads[h].name);
  if (is_word(weights, "none")) return LS_OK;
  if (classes == 0)
    return error_set(
        error, LS_BAD_SETTINGS,
        "loss.class_weights are for rows of one class each, and %s%s has none: leave them out (single "
        "rows have weights by data.weights)",
        loss->name, loss->is_classification ? " with several outputs" : "");
  if (weights->word != NULL) return LS_OK;
  if ((int64_t)weights->n != classes)
    return error_set(error, LS_BAD_SETTINGS,
                     "loss.class_weights has %zu numbers, but the network knows %" PRId64 " classes",
                     weights->n, classes);
  for (size_t i = 0; i < weights->n; i++) sum += weights->values[i];
  return sum > 0 ? LS_OK : error_set(error, LS_BAD_SETTINGS, "loss.class_weights: all are 0");
}

/* N / (K n_c), as in scikit-learn; a class without training rows counts 1. */
static ls_status balance(world_t *world, const objective_t *objective, const split_t *train,
                         class_weights_t *weights, ls_error *error) {
  int64_t *counts = calloc((size_t)weights->n, sizeof *counts);
  ls_status status = LS_OK;
  if (counts == NULL) status = error_set(error, LS_NO_MEMORY, "no memory to count classes");
  TRY_OR_DONE(world_agree(world, status, error));
  for (int64_t i = 0; i < train->rows; i++) counts[class_of_row(objective, train, i)]++;
  TRY_OR_DONE(world_sum_i64(world, counts, (size_t)weights->n, error));
  double share = (double)train->partition.rows / (double)weights->n;
  for (int64_t c = 0; c < weights->n; c++)
    weights->values[c] = counts[c] > 0 ? share / (double)counts[c] : 1.0;
done:
  free(counts);
  return status;
}

static ls_status refuse_stream(ls_error *error) {
  return error_set(
      error, LS_BAD_SETTINGS,
      "loss.class_weights need all rows in memory: raise data.memory_limit, start more ranks, or "
      "leave data.memory_limit out");
}

ls_status class_weights_find(world_t *world, const settings_t *settings, const objective_t *objective,
                             const split_t *train, class_weights_t *out, ls_error *error) {
  const numbers_t *given = &settings->losses->class_weights;
  class_weights_t weights = {.n = loss_weighted_classes(objective->heads->loss, objective->outputs)};
  if (is_word(given, "none")) return LS_OK;
  if (train->stream != NULL) return refuse_stream(error);
  weights.values = calloc((size_t)weights.n, sizeof *weights.values);
  ls_status status = LS_OK;
  if (weights.values == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the weights of classes");
  TRY_OR_DONE(world_agree(world, status, error));
  if (is_word(given, "balanced"))
    TRY_OR_DONE(balance(world, objective, train, &weights, error));
  else
    memcpy(weights.values, given->values, given->n * sizeof *given->values);
  *out = weights;
  return LS_OK;
done:
  free(weights.values);
  return status;
}

ls_status row_weights_sum(world_t *world, const split_t *split, double (*term)(double weight), double *total,
                          ls_error *error) {
  int ranks = world_size(world), shards = split->partition.shards;
  double *own = calloc((size_t)split->shards + 1, sizeof *own), *all = calloc((size_t)shards, sizeof *all);
  size_t *sizes = calloc((size_t)ranks, sizeof *sizes);
  ls_status status = LS_OK;
  if (own == NULL || all == NULL || sizes == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory to add up weights");
  TRY_OR_DONE(world_agree(world, status, error));
  const float *weight = split->weights;
  for (int s = 0; s < split->shards; s++)
    for (int64_t n = shard_rows(split->partition, split->first_shard + s); n > 0; n--)
      own[s] += term((double)*weight++);
  for (int r = 0; r < ranks; r++) sizes[r] = (size_t)rank_shards(shards, ranks, r) * sizeof *own;
  TRY_OR_DONE(world_gather_pieces(world, own, sizes, all, -1, error));
  *total = tree_sum(all, shards, 1);
done:
  free(own);
  free(all);
  free(sizes);
  return status;
}

static double weight_itself(double weight) {
  return weight;
}

/* Rows without weights of their own count 1 before their class has its say. */
static ls_status take_memory(dataset_t *dataset, split_t *split, ls_error *error) {
  if (split->weights != NULL) return LS_OK;
  split->weights = arena_new(&dataset->arena, (size_t)split->rows, sizeof *split->weights);
  if (split->weights == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the weights of rows");
  for (int64_t i = 0; i < split->rows; i++) split->weights[i] = 1.0F;
  return LS_OK;
}

ls_status row_weights_apply(world_t *world, const class_weights_t *classes, const objective_t *objective,
                            dataset_t *dataset, split_t *split, ls_error *error) {
  bool own = split->weights != NULL; /* the same on every rank: an array of 0 rows is not NULL */
  double total = 0;
  if (split->partition.rows == 0 || (!own && classes->values == NULL)) return LS_OK;
  if (split->stream != NULL) return refuse_stream(error); /* the same on every rank */
  TRY(world_agree(world, take_memory(dataset, split, error), error));
  for (int64_t i = 0; i < split->rows && classes->values != NULL; i++)
    split->weights[i] *= (float)classes->values[class_of_row(objective, split, i)];
  TRY(row_weights_sum(world, split, weight_itself, &total, error));
  if (!(total > 0)) return error_set(error, LS_BAD_DATA, "the weights of all rows of a split are 0");
  float scale = (float)((double)split->partition.rows / total);
  for (int64_t i = 0; i < split->rows; i++) split->weights[i] *= scale;
  return LS_OK;
}
