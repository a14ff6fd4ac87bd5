/* What a network is trained for: a loss of its outputs, or several heads, each a run of outputs with a loss,
 * a weight and targets of its own. What training makes small is
 *
 *   L = sum over heads h of weight_h L_h(outputs of h, targets of h),
 *
 * so the delta of each output is that of its head's loss times the head's weight. A single loss is a list of
 * one head that takes all outputs. Losses of heads are reported without their weights. */
#ifndef LOSS_OBJECTIVE_H
#define LOSS_OBJECTIVE_H

#include "base/arena.h"
#include "loss/loss.h"

typedef struct {
  char name[64]; /* of files and reports: head1, head2, … where the settings give none */
  const loss_t *loss;
  loss_params_t params;
  double weight;
  int64_t first, outputs;        /* its columns of the network's outputs */
  int64_t first_target, targets; /* its columns of a row's targets; a class number is one */
  int64_t first_factor, classes; /* its factors of weights (target_t): one for each class of rows, else one */
} head_t;

typedef struct {
  const head_t *heads;
  size_t n;
  int64_t outputs; /* of the network */
  int64_t targets; /* values of a row's targets in memory, 1 for labels */
  int64_t factors; /* of weights, of all heads */
  bool has_labels; /* targets are labels; else values, class numbers among them */
  int64_t strata;  /* objective_strata */
  /* (targets): which columns of y they are; NULL: all, as one loss without loss.targets takes them */
  const target_column_t *columns;
  bool all_columns; /* y has no others */
  bool of_x;        /* targets are the features (data.targets: x) */
  arena_t arena;    /* owns the above */
} objective_t;

/* For a network of `outputs` outputs; LS_BAD_SETTINGS if heads and outputs do not fit together. Borrows lists
 * of the settings. *out is caller-owned (objective_free) and untouched on failure. Thread-safe. */
ls_status objective_create(const settings_t *settings, int64_t outputs, objective_t *out, ls_error *error);
void objective_free(objective_t *objective);

/* Weights of classes as loss.class_weights has them, head by head: those of head h begin at its first_factor.
 * values is NULL when no head has any. Malloc'd, caller-owned. */
typedef struct {
  double *values; /* (objective->factors) */
} class_weights_t;

/* Whether the settings give weights to the classes of head h. */
bool head_has_class_weights(const settings_t *settings, size_t h);

/* The classes that folds share out evenly (target_request_t): those of the first head that tells classes
 * apart. From the settings alone, before it is known how many outputs a network has. */
int64_t objective_strata(const settings_t *settings);

/* What the data must offer; borrows `columns`. */
target_request_t objective_request(const objective_t *objective);

/* LS_BAD_SETTINGS if a file names another number of classes than the network tells apart; names 0: the file
 * names none. For labels alone. */
ls_status objective_check_classes(const objective_t *objective, const char *file, int64_t names,
                                  ls_error *error);

/* Fails with LS_BAD_SETTINGS if no head has more than k classes: its top-k accuracy would always be 1. The
 * default of train.top_k is never refused. */
ls_status objective_check_top_k(const objective_t *objective, int64_t top_k, ls_error *error);

/* The loss itself where there is one head, "of 3 heads" (in text) else; for messages: "the loss %s". */
const char *objective_name(const objective_t *objective, char text[32]);

/* A head's key in the settings, for messages: "loss", or "loss[1]" of several. */
enum { HEAD_KEY_SIZE = 32 };
void head_key(const objective_t *objective, size_t h, char key[HEAD_KEY_SIZE]);

/* Whether data.target_scaling may act on this head's targets, or on those of any. */
bool head_is_scaled(const head_t *head);
bool objective_is_scaled(const objective_t *objective);

/* The class of a row by its first target, or its label: 0 where rows have none. */
int64_t head_class(const head_t *head, double target);

/* sums[h] = the sum of head h's loss over rows, without the head's weight but with the rows': w_r, times the
 * head's factor for the class of the row. z (rows, outputs), delta (rows, outputs) = dL/dz unless NULL.
 * Thread-safe. */
void objective_evaluate(const objective_t *objective, int64_t rows, const float *z, target_t target,
                        float *delta, double *sums);

/* How much row r counts: its weight, times the factor of its class for the first head. */
float objective_row_weight(const objective_t *objective, target_t target, int64_t r);

/* That factor: of a row whose first target, or label, this is. */
double objective_factor(const objective_t *objective, const float *factors, double target);

/* L from the heads' losses, or from their sums over the same rows. */
double objective_total(const objective_t *objective, const double *losses);

/* L of one row in double, plainly: z (outputs), target (targets), factors as in target_t or NULL. */
double objective_reference(const objective_t *objective, const double *z, const double *target,
                           const float *factors);

/* Outputs (rows, outputs) become what a user wants to see, in place: loss_predict, head by head. */
void objective_predict(const objective_t *objective, int64_t rows, float *z);

#endif
