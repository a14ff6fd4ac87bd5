/* Predictions of a model, some rows at a time. A predictor is the context of one thread: it holds the
 * thread's kernels and buffers, knows nothing of ranks, threads or files, and can be used without a world.
 * What walks over the rows of a split with several threads is score/predict.h and score/evaluate.h.
 *
 * A caller that makes threads puts them into the mode of base/float_mode.h, in which models are trained. */
#ifndef SCORE_PREDICTOR_H
#define SCORE_PREDICTOR_H

#include "features/gather.h"
#include "model/graph.h"
#include "loss/objective.h"
#include "model/posterior.h"

enum { PREDICT_ROWS = 128 }; /* rows of one call at most */

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
  bool has_copies;              /* members are those of a model that was read (model_t) */
} mixture_t;

/* Forward passes for one row: the parts of the mixture. */
int64_t mixture_parts(const mixture_t *mixture);

/* Where the first row of a call comes from, for dropout masks: row `row` of shard `shard`. {0} where there
 * are no shards. */
typedef struct {
  int64_t shard, row;
} row_place_t;

typedef struct predictor predictor_t;

/* A predictor for at most `rows` rows of a call, 1 to PREDICT_ROWS. `targets` is the target scaler:
 * predictions are in original units. Arguments are borrowed for the predictor's life. Call in the thread that
 * will use the predictor. *out is caller-owned (predictor_destroy), untouched on failure. Not collective. */
ls_status predictor_create(const graph_t *graph, const objective_t *objective, const scaler_t *targets,
                           int64_t rows, predictor_t **out, ls_error *error);
void predictor_destroy(predictor_t **predictor);

/* From now on outputs are those of this mixture, which is borrowed: takes memory for its parts. Not
 * collective. */
ls_status predictor_take(predictor_t *predictor, const mixture_t *mixture, ls_error *error);

/* The mixture's outputs for n <= PREDICT_ROWS rows of the gather, from resident row `first` on: (n, outputs)
 * as the network has them, valid until the next call. */
float *predictor_outputs(predictor_t *predictor, const gather_t *gather, int64_t first, int64_t n,
                         row_place_t place);

/* The network's inputs for the same rows, (n, inputs). */
/* The penalties of these rows (model/graph.h), of several parts their mean: valid until the next rows. NULL
 * for a network without penalties. */
const double *predictor_penalties(const predictor_t *predictor);
const float *predictor_inputs(const predictor_t *predictor);

/* What a node of the graph computed for the same rows, (n, graph_node_width): of a mixture's last part. */
const float *predictor_node(const predictor_t *predictor, size_t node);

/* ---- what a user wants to see of outputs ---- */

/* Whether a head's outputs are means and deviations: then the latter are its aleatoric part. */
bool head_has_deviations(const head_t *head);

/* Where the columns of head h begin in predictions; all columns for h = n. */
int64_t predictions_first(const objective_t *objective, size_t h);

/* What predictions with this mixture say of their uncertainty. */
typedef struct {
  bool aleatoric, epistemic;
} uncertainty_t;
uncertainty_t predictor_uncertainty(const objective_t *objective, const mixture_t *mixture);

/* What outputs z (n, outputs) of head h say to a user: probabilities, or the regression's values in original
 * units, computed in double and rounded to float unless the file's targets need double (scaler_t.is_double).
 * Fills the head's columns of out (n, outputs). */
void predictor_values(const predictor_t *predictor, size_t h, int64_t n, const float *z, double *out);

/* The standard deviations of the mixture's posterior for the n rows of the last call of predictor_outputs,
 * (n, targets) each: the noise, and that of W x + b; in original units, rounded like values. */
void predictor_deviations(predictor_t *predictor, int64_t n, double *aleatoric, double *epistemic);

/* Predictions of some rows, (n, predictions_first(n)) each. */
typedef struct {
  double *mean, *aleatoric, *epistemic;
} prediction_rows_t;

/* The same rows' predictions in original units or as probabilities. Standard deviations are of the noise in
 * the data (aleatoric) and of what the model does not know (epistemic); an array that predictor_uncertainty
 * does not promise is not used and may be NULL. */
void predictor_predict(predictor_t *predictor, const gather_t *gather, int64_t first, int64_t n,
                       row_place_t place, const prediction_rows_t *out);

#endif
