#include "model/penalty.h"

#include "model/graph_impl.h"

double penalties_add(const objective_t *objective, target_t target, int64_t n, const double *penalties,
                     double *sums) {
  double sum = 0;
  for (int64_t r = 0; r < n; r++) sum += (double)objective_row_weight(objective, target, r) * penalties[r];
  sums[0] += sum / objective->heads->weight;
  return sum;
}

/* The next rows of the same targets. */
static target_t targets_from(const objective_t *objective, target_t target, int64_t row) {
  if (target.labels != NULL) target.labels += row;
  if (target.values != NULL) target.values += row * objective->targets;
  if (target.weights != NULL) target.weights += row;
  return target;
}

void penalties_train(const objective_t *objective, target_t target, tape_t *tape, int64_t row, int64_t n,
                     int64_t padding, double *sums) {
  enum { SOME = 128 };
  double penalties[SOME];
  float *counts = tape_weights(tape, row);
  if (counts == NULL) return;
  for (int64_t first = 0; first < n; first += SOME) {
    const int64_t some = n - first < SOME ? n - first : SOME;
    graph_penalties(tape->graph, tape, row + first, some, penalties);
    penalties_add(objective, targets_from(objective, target, first), some, penalties, sums);
  }
  for (int64_t r = 0; r < n + padding; r++)
    counts[r] = r < n ? objective_row_weight(objective, target, r) : 0.0F;
}

ls_status penalties_check(const objective_t *objective, const graph_t *graph, ls_error *error) {
  if (!graph_has_penalty(graph) || objective->heads->weight > 0) return LS_OK;
  return error_set(
      error, LS_BAD_SETTINGS,
      "loss[0].weight: layers with penalties (sample, penalty) count as the first head does, so its "
      "weight must not be 0");
}
