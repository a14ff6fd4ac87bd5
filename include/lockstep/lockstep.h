/* Predictions of trained networks inside other programs.
 *
 *   ls_error error = {0};
 *   ls_model *model = NULL;
 *   ls_predictor *predictor = NULL;
 *   if (ls_model_read("runs/first/model.h5", &model, &error) != LS_OK) …error.message…
 *   if (ls_predictor_create(model, NULL, &predictor, &error) != LS_OK) …
 *   ls_input x = {.values = rows, .type = LS_FLOAT64};
 *   ls_predictions y = {.mean = {.values = results, .type = LS_FLOAT64}};
 *   if (ls_predict(predictor, n, &x, &y, &error) != LS_OK) …
 *   ls_predictor_free(&predictor);
 *   ls_model_free(&model);
 *
 * A model is read once and never changes, so any number of threads may share it. A predictor holds the
 * buffers of one thread: each thread creates its own, and a prediction allocates nothing. Predictions have
 * the bits of `lockstep predict`, for one row as for a million.
 *
 * The library prints nothing, never ends the program and uses no MPI and no OpenMP. It leaves the environment
 * and the floating-point settings of the caller as they are: a prediction sets its own and restores them.
 * HDF5 goes on to print the errors of the caller's own calls.
 *
 * Functions that can fail return a status and describe the failure in *error, which may be NULL. They leave
 * their outputs untouched on failure, unless they say otherwise. */
#ifndef LOCKSTEP_LOCKSTEP_H
#define LOCKSTEP_LOCKSTEP_H

#include "lockstep/export.h"
#include "lockstep/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library: "0.1.0". Static. Thread-safe. */
LS_API const char *ls_version(void);

/* ---- models ---- */

typedef struct ls_model ls_model;

/* Reads a model file or a checkpoint. LS_BAD_DATA for a file that is neither, or damaged. Uses HDF5, which
 * one thread at a time may use: no other thread may read a model, or use HDF5, meanwhile. A file that
 * lockstep sealed is compared with its seal. Any other file is first read in a child process, which ends
 * after at most 20 s. *out is caller-owned (ls_model_free). */
LS_API ls_status ls_model_read(const char *path, ls_model **out, ls_error *error);

/* The same for a file in memory, `size` bytes. The bytes may be freed afterwards. While the model is read, a
 * temporary file holds them, in /dev/shm or /tmp. */
LS_API ls_status ls_model_read_memory(const void *bytes, size_t size, ls_model **out, ls_error *error);

/* Frees the model and sets *model to NULL. Its predictors must be freed before. */
LS_API void ls_model_free(ls_model **model);

/* The following only look at a model: thread-safe. Texts belong to the model. */

/* 16 hexadecimal digits: the parameters_checksum of files and reports. */
LS_API const char *ls_model_checksum(const ls_model *model);

/* A row of x has ls_model_inputs values: ls_model_columns columns for each of ls_model_steps steps of time,
 * step by step. Without data.window there is one step. */
LS_API int64_t ls_model_inputs(const ls_model *model);
LS_API int64_t ls_model_columns(const ls_model *model);
LS_API int64_t ls_model_steps(const ls_model *model);

/* The name of column c; NULL if the training file named none. */
LS_API const char *ls_model_column_name(const ls_model *model, int64_t c);

/* The number of categories of column c, and the name of category i. 0: the column holds numbers. In a row, a
 * category is its number i. */
LS_API int64_t ls_model_categories(const ls_model *model, int64_t c);
LS_API const char *ls_model_category_name(const ls_model *model, int64_t c, int64_t i);

/* Whether a value may be missing (NaN) in x. If not, predictions of such a row are NaN. */
LS_API int ls_model_fills_missing(const ls_model *model);

/* A head: outputs of a network that have a loss of their own. A network has one head, unless its settings
 * list several. */
typedef struct {
  const char *name; /* "head1" where the settings give none */
  const char *loss; /* "cross_entropy" */
  const char *kind; /* of its predictions: "probability", "score", "prediction"; "distance", "log_density" */
  int64_t first, width; /* its columns of the predictions */
  int64_t classes;      /* the number of classes or clusters; 0: the head predicts values */
} ls_head;

LS_API int64_t ls_model_heads(const ls_model *model);
/* Describes head h. Predictions of kind "distance" have the columns cluster and distance; those of kind
 * "log_density" cluster, log-density and, for up to 1,000 components, the responsibility of each. */
LS_API void ls_model_head(const ls_model *model, int64_t h, ls_head *out);
/* The name of class i of head h; NULL if the training file named none. */
LS_API const char *ls_model_class_name(const ls_model *model, int64_t h, int64_t i);

/* Columns of the predictions of a row. */
LS_API int64_t ls_model_outputs(const ls_model *model);

/* ---- predictions ---- */

/* The buffers of one thread. */
typedef struct ls_predictor ls_predictor;

/* How a model is asked. {0} is the default. */
typedef struct {
  int64_t most_rows; /* rows that are computed together: 1 to 128; 0: 128. Fewer need less memory */
  int64_t samples;   /* Monte-Carlo dropout: number of masks that a prediction averages; 0: no dropout */
  const double *temperatures; /* (heads): logits are divided by them; 0: they are not. NULL: none are */
  int derivatives;            /* 1: ls_derivative and ls_directional can be called, which takes more memory */
} ls_predictor_options;

/* Creates the buffers of one thread. options may be NULL. LS_USAGE for samples of a network without dropout,
 * and for derivatives of samples, of an ensemble with temperatures, or through an activation without a slope.
 * Borrows the model. *out is caller-owned (ls_predictor_free). */
LS_API ls_status ls_predictor_create(const ls_model *model, const ls_predictor_options *options,
                                     ls_predictor **out, ls_error *error);
LS_API void ls_predictor_free(ls_predictor **predictor);

/* What predictions say about their uncertainty: whether arrays `aleatoric` and `epistemic` can be asked for.
 */
LS_API int ls_predictor_has_aleatoric(const ls_predictor *predictor);
LS_API int ls_predictor_has_epistemic(const ls_predictor *predictor);

typedef enum { LS_FLOAT32 = 1, LS_FLOAT64, LS_INT32, LS_INT64, LS_TEXT } ls_type;

/* A matrix in the caller's memory. Element (row, column) is at values[row * row_stride + column *
 * column_stride], both strides in elements. row_stride 0: rows follow each other without a gap. column_stride
 * 0: 1. A Fortran array x(columns, rows) has the default strides. x(rows, columns) has row_stride 1 and
 * column_stride rows. */
typedef struct {
  const void *values;
  ls_type type; /* LS_FLOAT32 or LS_FLOAT64 */
  int64_t row_stride, column_stride;
} ls_input;
typedef struct {
  void *values; /* NULL: not wanted */
  ls_type type;
  int64_t row_stride, column_stride;
} ls_output;

/* Where predictions go. Every array is optional. */
typedef struct {
  ls_output mean;      /* (rows, outputs): probabilities, values in original units, what ls_model_head says */
  ls_output aleatoric; /* (rows, outputs): standard deviation of the noise in the data */
  ls_output epistemic; /* (rows, outputs): standard deviation of what the model does not know */
  int32_t *classes;    /* (rows, heads): the predicted class or cluster, -1 for a head that predicts values */
} ls_predictions;

/* Predicts `rows` rows of raw features: scaling, encoding and basis functions are applied here. x has
 * ls_model_inputs values per row. Pass x in the type of the training file: numbers of a float32 file as
 * LS_FLOAT32, for the bits of `lockstep predict`. LS_USAGE for an uncertainty that the model does not have.
 * Allocates nothing. One thread per predictor. */
LS_API ls_status ls_predict(ls_predictor *predictor, int64_t rows, const ls_input *x,
                            const ls_predictions *out, ls_error *error);

/* A column of a table. Row r is at values[r * stride]. */
typedef struct {
  const char *name;
  const void *values; /* LS_TEXT: an array of const char *, "" or NULL for a missing value */
  ls_type type;
  int64_t stride; /* in elements; 0: 1 */
} ls_column;

/* Predicts the rows of a table whose columns have names. Columns may come in any order; columns that the
 * model does not know are ignored. A column with categories takes texts, or integers whose decimal digits are
 * names of categories; a category that the model does not know counts as none. Other columns take numbers.
 * LS_BAD_DATA for a missing column, a column of a wrong type, and a model whose columns have no names or that
 * has time steps. Numbers are taken as float32 unless a column is LS_FLOAT64 or LS_INT64. Allocates nothing.
 * One thread per predictor. */
LS_API ls_status ls_predict_table(ls_predictor *predictor, int64_t rows, int64_t n_columns,
                                  const ls_column *columns, const ls_predictions *out, ls_error *error);

/* ---- derivatives ---- */

/* The derivatives of output k of each row by the values of x, in original units: out (rows, inputs). They are
 * 0 for columns with categories and for missing values. Computed backwards through the network in float, with
 * the predictions' own steps: about three times the work of a prediction. An ensemble's are the mean of its
 * members'. LS_USAGE for a predictor without options.derivatives. Allocates nothing. One thread per
 * predictor. */
LS_API ls_status ls_derivative(ls_predictor *predictor, int64_t rows, const ls_input *x, int64_t k,
                               const ls_output *out, ls_error *error);

/* The products of the Jacobian matrix of each row with a direction: out (rows, outputs), out_k = sum over
 * inputs i of d y_k / d x_i direction_i, for direction (rows, inputs). The work is that of ls_derivative for
 * each output. */
LS_API ls_status ls_directional(ls_predictor *predictor, int64_t rows, const ls_input *x,
                                const ls_input *direction, const ls_output *out, ls_error *error);

#ifdef __cplusplus
}
#endif

#endif
