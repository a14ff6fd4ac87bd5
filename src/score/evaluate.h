/* Evaluation and prediction: forward passes over a split by all ranks and threads, sums by the tree. */
#ifndef SCORE_EVALUATE_H
#define SCORE_EVALUATE_H

#include "comm/world.h"
#include "data/dataset.h"
#include "features/gather.h"
#include "model/graph.h"
#include "model/objective.h"
#include "model/regression.h"
#include "score/metrics.h"

enum { EVALUATE_ROWS = 128 }; /* rows of one forward call */

typedef struct evaluator evaluator_t;

/* Whose outputs are meant: those of a network, or of the mixture of several, each of them taken with
 * `samples` dropout masks (0: without dropout), which follow from seed, shard and row. All borrowed. */
typedef struct {
  const float *const *members; /* (n_members): parameter vectors */
  int64_t n_members;
  int64_t samples;
  uint64_t seed;
  /* (heads): logits are divided by them (Guo et al. 2017); 0: they are not; NULL: none are */
  const double *temperatures;
  const posterior_t *posterior; /* of a linear model's weights, for its intervals; NULL: none */
} mixture_t;

enum { TEMPERATURE_MOST = 100 };
#define TEMPERATURE_LEAST 0.01

/* Kernels and buffers for `threads` threads. Not collective. Arguments are borrowed for its life. `targets`
 * is the target scaler (metrics are in original units). */
ls_status evaluator_create(const graph_t *graph, const objective_t *objective, const features_t *features,
                           const scaler_t *targets, int threads, int64_t top_k, evaluator_t **out,
                           ls_error *error);
void evaluator_destroy(evaluator_t **evaluator);

/* Metrics of a mixture on a split (targets of the split already scaled). Every rank gets them. Collective.
 * metrics is caller-owned (metrics_free). */
ls_status evaluator_run(evaluator_t *evaluator, world_t *world, const split_t *split,
                        const mixture_t *mixture, metrics_t *metrics, ls_error *error);

/* The temperature at which the loss of head h on a split is least: for losses that give probabilities.
 * Collective. */
ls_status evaluator_fit_temperature(evaluator_t *evaluator, world_t *world, const split_t *split,
                                    const mixture_t *mixture, size_t h, double *temperature, ls_error *error);

/* Predictions for this rank's rows of a split: out (split->rows, outputs), in original units or as
 * probabilities; and, unless NULL, their standard deviation over the parts of the mixture. Not collective. */
ls_status evaluator_predict(evaluator_t *evaluator, const split_t *split, const mixture_t *mixture,
                            float *out, float *deviation, ls_error *error);

#endif
