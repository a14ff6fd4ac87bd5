/* Which rows a command looks at that measures a trained model, and how they are read: `eval` and `anomalies`
 * name rows in the same words.
 *
 * Rows are a split of the file that the model was trained on, all rows of another file, or an array that the
 * command line names. A choice changes the settings that a model is ready with: afterwards they name one
 * array alone, or training rows from which validation rows are chosen as in training. */
#ifndef REQUEST_ASKED_ROWS_H
#define REQUEST_ASKED_ROWS_H

#include "data/dataset.h"
#include "request/request.h"
#include "score/predictor.h"

/* Rows as the command line names them; all borrowed. */
typedef struct {
  const char *data;  /* a dataset file; NULL: the one that the model was trained on */
  const char *split; /* NULL: the first of test, valid, train that exists */
  const char *x, *y; /* arrays instead of a split, or NULL */
} asked_rows_t;

enum { ASKED_NAME_SIZE = 512 };

/* Labels of rows for a model that needs no targets, to compare its clusters with: none, the place's own y, or
 * an array that the command line names (request/clusters.h). */
typedef enum { LABELS_NONE, LABELS_FOUND, LABELS_NAMED } labels_t;

/* Rows that were chosen. */
typedef struct {
  const char *name;                            /* of the split or the array, for messages */
  int bit;                                     /* SPLIT_: which split of the dataset holds the rows */
  char x[ASKED_NAME_SIZE], y[ASKED_NAME_SIZE]; /* arrays of the split, which the settings may borrow */
  const char *weights;
  labels_t labels; /* data.y names them; LABELS_NONE unless the command asks for them */
} asked_place_t;

/* For parsers: if the second word is no override, takes it out of the words as the name of a dataset file. */
void asked_rows_take_data(arguments_t *arguments, asked_rows_t *asked);

/* Whether an override gives this key. */
bool asked_rows_is_overridden(const arguments_t *arguments, const char *key);

/* For parsers: refuses overrides of keys that name rows which the request names too. */
error_t asked_rows_check_overrides(arguments_t *arguments, const asked_rows_t *asked);

/* Decides which rows are meant: changes ready->settings, which borrow names of the request and of *out.
 * LS_USAGE for an unknown split, LS_BAD_DATA if the file has none. Not collective. */
ls_status asked_rows_choose(const arguments_t *arguments, const asked_rows_t *asked, ready_t *ready,
                            asked_place_t *out, ls_error *error);

/* LS_BAD_SETTINGS if missing values are to be filled in by a model that has no values for them. */
ls_status asked_rows_check_missing(const ready_t *ready, ls_error *error);

/* Reads the splits of `bit` (SPLIT_), with labels as their targets if there are some, checks that they fit
 * the model, scales their targets and applies weights of rows and classes. *out is caller-owned
 * (dataset_destroy), also on failure. Collective. */
ls_status asked_rows_load(const session_t *session, const ready_t *ready, int bit, labels_t labels,
                          dataset_t **out, ls_error *error);

/* The split of the dataset with this SPLIT_ bit. */
split_t *asked_rows_split(dataset_t *dataset, int bit);

/* The networks of the model, as evaluations take them. Borrows from the model. */
mixture_t asked_rows_mixture(const model_t *model);

/* Evaluates the split and keeps the loss of every row: *own (own rows, heads), as evaluator_keep_losses fills
 * it, malloc'd and caller-owned, also on failure. Collective. */
ls_status asked_rows_measure(const session_t *session, const ready_t *ready, const split_t *split,
                             const mixture_t *mixture, metrics_t *metrics, double **own, ls_error *error);

/* Collects what asked_rows_measure kept: *all (rows of the split, heads) on rank 0, in the order of the
 * split, malloc'd and caller-owned, also on failure. Collective. */
ls_status asked_rows_collect_losses(const session_t *session, const ready_t *ready, const split_t *split,
                                    const double *own, double **all, ls_error *error);

#endif
