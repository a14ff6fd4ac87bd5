/* The settings of a run: one typed, validated struct, constant once loaded.
 *
 * One table (table.c) describes every key: path, type, default, range or choices, meaning. Reading YAML,
 * command-line overrides, checks, --help, the resolved config.yaml and docs/reference.md all walk that table,
 * so a new key is a new row and a new field. Rooms above own the tables of names (activations, losses …) and
 * hand them in as choice lists. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SETTINGS_AUTO = -1 }; /* what an integer key holds for "auto" */
enum { SETTINGS_ALL = -1 };  /* what train.global_batch_size holds for "all" */

typedef enum {
  LAYER_DENSE,
  LAYER_ACTIVATION,
  LAYER_SOFTMAX,
  LAYER_LAYER_NORM,
  LAYER_BATCH_NORM,
  LAYER_DROPOUT,
  LAYER_RESIDUAL,
  LAYER_BRANCHES,
  LAYER_BRANCH /* one of a LAYER_BRANCHES: no kind of its own in YAML */
} layer_kind_t;

/* One entry of model.layers. Fields that do not belong to its kind are zero or NULL. */
typedef struct layer_settings {
  layer_kind_t kind;
  const char *where;             /* "net.yaml:7", for messages; NULL: made by hand */
  int64_t units;                 /* dense: outputs, >= 1 */
  const char *activation;        /* dense (default identity), activation */
  const char *init;              /* dense: weight initialisation, or "auto": chosen by the activation */
  bool bias;                     /* dense, default true */
  double rate;                   /* dropout: share of values set to zero, in [0, 1) */
  double epsilon;                /* layer_norm, batch_norm: added to the variance, > 0 */
  double momentum;               /* batch_norm: share of a step in the running statistics, in (0, 1] */
  struct layer_settings *layers; /* residual: y = x + layers(x); branch: its layers; branches: the branches */
  size_t n_layers;
} layer_settings_t;

typedef struct {
  const char *name; /* none, minmax, standard, maxabs, robust, one_hot */
  double low, high; /* minmax: the range, default 0 and 1 */
} scaling_settings_t;

/* So many epochs, or so many steps; both 0: never. */
typedef struct {
  int64_t epochs, steps;
} interval_t;

/* A list of numbers, or one of the words that the key allows in its place: then there are no numbers. */
typedef struct {
  const char *word; /* NULL for a list */
  const double *values;
  size_t n;
} numbers_t;

/* What data.scaling.columns says of some columns of x. */
typedef struct {
  const char *columns; /* a name, an index (from 0; -1 is the last), or FIRST-LAST */
  scaling_settings_t scaling;
} column_scaling_t;

/* A loss, and the head that it is for: the outputs and the columns of y that it compares. A network with one
 * loss has one head, which takes all. */
typedef struct {
  const char *name;        /* required */
  double delta;            /* huber: where the square turns into a line, > 0 */
  double label_smoothing;  /* share of a label that is spread over all classes, in [0, 1) */
  numbers_t quantiles;     /* quantile: levels, in (0, 1) */
  numbers_t class_weights; /* how much a row of each class counts; or none, balanced */
  const char *head;        /* what the head is called, no two alike; or "auto" */
  double weight;           /* of the loss in the total, >= 0 */
  int64_t outputs;         /* of the last layer, or SETTINGS_AUTO: those that heads before it leave */
  numbers_t targets;       /* columns of y, whole numbers; or auto: those behind the head before */
} loss_settings_t;

enum { MOST_HEADS = 16 };

/* Windows over x as a series, a row a time step. */
typedef struct {
  int64_t length;     /* steps of inputs; 0: rows are no series */
  int64_t horizon;    /* steps that are forecast, >= 1 */
  int64_t stride;     /* steps from a window to the next, >= 1 */
  int64_t season;     /* steps of a season, for a forecast to compare with; 0: none */
  numbers_t targets;  /* the word y or x, or columns of x */
  double test;        /* share of the training series kept for the test, its last part, in [0, 1) */
  const char *series; /* array beside x with the number of the series that each row is of, or "none" */
} window_settings_t;

typedef struct {
  const char *name;  /* none, polynomial, fourier, rbf, polynomial_kernel, linear_kernel */
  int64_t degree;    /* of polynomials, >= 1 */
  bool interactions; /* polynomial: products of different features too */
  int64_t size;      /* functions of the others, or SETTINGS_AUTO: one for each training row */
  double gamma;      /* of kernels; 0: 1 / features */
  double coef0;      /* polynomial_kernel */
} basis_settings_t;

typedef struct {
  const char *name;
  struct {
    const char *file;              /* HDF5 dataset file; required */
    const char *x, *y;             /* paths of the training rows, default train/x and train/y */
    const char *valid_x, *valid_y; /* default valid/x and valid/y, used when present and validation is 0 */
    const char *test_x, *test_y;   /* default test/x and test/y, used when present */
    const char *weights, *valid_weights, *test_weights; /* paths of how much each row counts, or "none" */
    double validation;            /* share of the training rows kept for validation, in [0, 1) */
    const char *validation_group; /* a group's name instead of a share, else NULL */
    int64_t validation_seed;      /* of the choice of validation rows, or SETTINGS_AUTO: train.seed */
    const char *shuffle;          /* full, blocks, none */
    int64_t memory_limit;         /* bytes of rows that a rank holds; 0: no limit */
    window_settings_t window;
    scaling_settings_t scaling, target_scaling;
    column_scaling_t *columns; /* whose scaling is another than `scaling` */
    size_t n_columns;
    basis_settings_t basis;
    const char *missing; /* NaN in x: error, drop, mean */
  } data;
  struct {
    layer_settings_t *layers; /* required */
    size_t n_layers;
  } model;
  loss_settings_t *losses; /* required: one, or one for each head */
  size_t n_losses;
  struct {
    const char *name;
    double learning_rate;
    double momentum;
    bool nesterov;
    double beta1, beta2, epsilon;
    double alpha;             /* rmsprop: decay of the mean square, in [0, 1) */
    double weight_decay;      /* adamw, lars, lamb: on weights, not biases */
    double trust_coefficient; /* lars: > 0 */
  } optimizer;
  struct {
    const char *name;
    const char *scaling;     /* of the base rate by the batch: none, linear, sqrt */
    int64_t base_batch_size; /* that the rate was found for */
    double warmup_epochs;    /* linear warm-up from 0, may be a fraction */
    double start;            /* one_cycle, cyclic: lowest rate at first, as a share of the base rate */
    double rise;             /* one_cycle: share of the run in which the rate climbs */
    double final;            /* last (reduce_on_plateau: least) rate as a share of the base rate */
    double power;            /* polynomial, > 0 */
    double every_epochs;     /* step, exponential: between drops; cyclic: the period, > 0 */
    double factor;           /* step, exponential, reduce_on_plateau: of a drop, in (0, 1] */
    int64_t patience;        /* reduce_on_plateau: epochs, >= 1 */
    double threshold;        /* reduce_on_plateau: what counts as a fall, as a share of the loss */
  } schedule;
  struct {
    int64_t epochs; /* >= 0; 0 saves the initial model */
    int64_t steps;  /* the run ends after so many updates, within an epoch too; 0: by epochs alone */
    int64_t global_batch_size; /* or SETTINGS_ALL: as many as there are training rows */
    uint64_t seed;
    const char *precision; /* of factors of products: fp32, bf16, bf16_dot */
    int64_t members;       /* networks of an ensemble, with seeds seed, seed + 1, ...; 1: a single network */
    double l1, l2;         /* penalties l1 |w| + l2/2 w^2, on weights, not biases */
    double clip_norm;      /* global norm of the gradient at most this; 0: no clipping */
    int64_t log_every;     /* steps between logged steps; 0: epochs only */
    int64_t top_k;         /* k of the top-k accuracy */
    double time_limit; /* seconds from the start of the program to a checkpoint and exit code 75; 0: none */
  } train;
  struct {
    double tol;           /* training loss fallen by less than this ... */
    interval_t over;      /* ... over so long; tol 0: never */
    double gradient_norm; /* below this; 0: never */
    int64_t patience;     /* epochs without a better validation loss; 0: never */
    const char *metric;   /* none, or a figure of the history, of a head with HEAD. before it, that ... */
    double target;        /* ... has reached this */
  } stop;
  struct {
    const char *method; /* least_squares, ridge, bayesian */
    double lambda;      /* ridge: penalty lambda w^2 beside the sum of squared errors */
  } solve;
  struct {
    int64_t threads;        /* per rank, or SETTINGS_AUTO */
    int64_t shards;         /* S, or SETTINGS_AUTO */
    const char *reduce;     /* shared, mpi */
    int64_t ranks_per_node; /* ranks that share one copy of the parameters, or SETTINGS_AUTO: all of a node */
    double timeout;         /* seconds that a rank waits for another before the job ends; 0: for ever */
  } parallel;
  struct {
    interval_t every;
    int64_t keep;     /* newest checkpoints kept, >= 1 */
    const char *best; /* none, or a figure as in stop.metric: the best epoch by it is kept too */
  } checkpoint;
  const char *runs;     /* directory of run directories, default "runs" */
  struct place *places; /* settings_where */
  arena_t arena;        /* owns all text and layers above */
} settings_t;

/* The names that rooms above offer. */
typedef struct {
  choice_list_t basis, activation, loss, optimizer, schedule, init, scaling, rate_scaling, stop_metric, solve,
      precision;
} settings_choices_t;

/* Reads the YAML file at path, applies overrides ("section.key=value", value in YAML syntax), fills defaults
 * and checks everything. *out is caller-owned (settings_destroy). Errors (LS_BAD_SETTINGS) name file, line
 * and key, and the nearest known key or name. Not collective: rank 0 reads, see settings_parse. */
ls_status settings_load(const char *path, char *const *overrides, size_t n_overrides,
                        const settings_choices_t *choices, settings_t **out, ls_error *error);

/* The same from YAML text; `source` names it in messages. */
ls_status settings_parse(const char *text, size_t length, const char *source, char *const *overrides,
                         size_t n_overrides, const settings_choices_t *choices, settings_t **out,
                         ls_error *error);

/* Like settings_parse, of resolved settings in a model file or a checkpoint. Keys without effect, which the
 * functions above refuse, are accepted: files of earlier versions have them. */
ls_status settings_restore(const char *text, size_t length, const char *source, char *const *overrides,
                           size_t n_overrides, const settings_choices_t *choices, settings_t **out,
                           ls_error *error);

/* Where a key was given: "net.yaml:7", "override 'train.seed=1'"; of one that has its default where the
 * section is that it would stand in, or the file's name. A path is as in messages: "train.seed",
 * "loss[1].class_weights". Of settings as they were read from what the user wrote. */
const char *settings_where(const settings_t *settings, const char *path);

/* Rooms above find out what is wrong with settings that can be read, and begin their messages with the key:
 * "train.precision: ...". Puts in front of such a message (LS_BAD_SETTINGS) where the key was given; any
 * other stays as it is. Returns `status`. */
ls_status settings_place(const settings_t *settings, ls_status status, ls_error *error);

/* The resolved settings, complete, as YAML that settings_parse reads back to equal settings. *text is
 * malloc'd, caller-owned, NUL-terminated. */
ls_status settings_dump(const settings_t *settings, char **text, ls_error *error);

/* The table of keys as Markdown (docs/reference.md) or as plain text (--help). */
void settings_reference(FILE *out, const settings_choices_t *choices, bool markdown);

void settings_destroy(settings_t **settings);

#endif
