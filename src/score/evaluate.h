/* Evaluation: forward passes over a split by all ranks and threads, sums by the tree. */
#ifndef SCORE_EVALUATE_H
#define SCORE_EVALUATE_H

#include "comm/world.h"
#include "data/dataset.h"
#include "score/metrics.h"
#include "score/predictor.h"

typedef struct evaluator evaluator_t;

enum { TEMPERATURE_MOST = 100 };
#define TEMPERATURE_LEAST 0.01

/* Kernels and buffers for `threads` threads. Not collective. Arguments are borrowed for its life. `targets`
 * is the target scaler (metrics are in original units). */
ls_status evaluator_create(const graph_t *graph, const objective_t *objective, const features_t *features,
                           const scaler_t *targets, int threads, int64_t top_k, evaluator_t **out,
                           ls_error *error);
void evaluator_destroy(evaluator_t **evaluator);

/* From now on evaluations are parts of longer work, which shows its own progress. */
void evaluator_be_part(evaluator_t *evaluator);

/* Metrics of a mixture on a split, whose targets are scaled by the scaler of evaluator_create, else
 * LS_FAILED. Every rank gets them. Collective. metrics is caller-owned (metrics_free). */
ls_status evaluator_run(evaluator_t *evaluator, world_t *world, const split_t *split,
                        const mixture_t *mixture, metrics_t *metrics, ls_error *error);

/* From now on evaluator_run also keeps the loss of every row: losses (own rows of the split, heads), without
 * the heads' weights but with those of rows, so that their mean over all rows is the loss of the metrics.
 * NULL: none are kept. Borrowed. */
void evaluator_keep_losses(evaluator_t *evaluator, double *losses);

/* The temperature at which the loss of head h on a split is least: for losses that give probabilities.
 * Collective. */
ls_status evaluator_fit_temperature(evaluator_t *evaluator, world_t *world, const split_t *split,
                                    const mixture_t *mixture, size_t h, double *temperature, ls_error *error);

#endif
