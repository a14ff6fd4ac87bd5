/* The settings of a run: one typed, validated struct that is constant once loaded.
 *
 * The table in table.c describes every key: path, type, default, range or choices, meaning. Reading YAML,
 * overrides, checks, --help, the resolved config.yaml and docs/reference.md all use that table, so a new key
 * needs one new row and one new field. The rooms above own the tables of names (activations, losses, ...) and
 * pass them in as choice lists. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SETTINGS_AUTO = -1 }; /* value of an integer key set to "auto" */
enum { SETTINGS_ALL = -1 };  /* value of train.global_batch_size set to "all" */

typedef enum {
  LAYER_DENSE,
  LAYER_ACTIVATION,
  LAYER_SOFTMAX,
  LAYER_LAYER_NORM,
  LAYER_BATCH_NORM,
  LAYER_DROPOUT,
  LAYER_NOISE,
  LAYER_SAMPLE,
  LAYER_PENALTY,
  LAYER_TIED,
  LAYER_RESIDUAL,
  LAYER_BRANCHES,
  LAYER_CENTRES,
  LAYER_GAUSSIANS,
  LAYER_BRANCH /* one list of a LAYER_BRANCHES; not a kind in YAML */
} layer_kind_t;

/* One entry of model.layers. Fields that do not apply to the kind are zero or NULL. */
typedef struct layer_settings {
  layer_kind_t kind;
  const char *where;             /* "net.yaml:7", for messages; NULL: not read from a file */
  int64_t units;                 /* dense: outputs, >= 1; centres, gaussians: how many */
  const char *to;                /* tied: the name of the dense layer whose weights it uses */
  const char *covariance;        /* gaussians: full, tied, diagonal, spherical */
  const char *activation;        /* dense, tied (default identity), activation */
  const char *init;              /* dense: weight initialisation; "auto": chosen by the activation */
  bool bias;                     /* dense, tied: default true */
  double rate;                   /* dropout, noise: share of values set to zero, in [0, 1) */
  double deviation;              /* noise: of the normal numbers that are added, >= 0 */
  double beta;                   /* sample: weight of the divergence, >= 0 */
  bool is_still;                 /* sample: draws nothing, for landscapes; no key */
  double l1, l2;                 /* penalty: factors of |x| and x^2, >= 0 */
  double epsilon;                /* layer_norm, batch_norm: added to the variance, > 0 */
  double momentum;               /* batch_norm: weight of a step in the running statistics, in (0, 1] */
  struct layer_settings *layers; /* residual: y = x + layers(x); branch: its layers; branches: the branches */
  size_t n_layers;
} layer_settings_t;

typedef struct {
  const char *name; /* none, minmax, standard, maxabs, robust, one_hot */
  double low, high; /* minmax: the range, default 0 and 1 */
} scaling_settings_t;

/* A number of epochs, of steps or of seconds, or the choice of the program; all 0: never. */
typedef struct {
  int64_t epochs, steps;
  double seconds;
  bool is_auto;
} interval_t;

/* A list of numbers, or a word that the key allows instead; with a word the list is empty. */
typedef struct {
  const char *word; /* NULL for a list */
  const double *values;
  size_t n;
} numbers_t;

/* A list of texts, in the order of the file. */
typedef struct {
  const char *const *values;
  size_t n;
} text_list_t;

/* The scaling that data.scaling.columns sets for some columns of x. */
typedef struct {
  const char *columns; /* a name, an index (from 0; -1 is the last), or FIRST-LAST */
  scaling_settings_t scaling;
} column_scaling_t;

/* A loss and its head: the range of outputs and the columns of y that the loss compares. A network with one
 * loss has one head, which takes all outputs and all columns. */
typedef struct {
  const char *name;        /* required */
  double delta;            /* huber: error at which the square turns into a line, > 0 */
  double label_smoothing;  /* share of a label that is spread over all classes, in [0, 1) */
  numbers_t quantiles;     /* quantile: levels, in (0, 1) */
  numbers_t class_weights; /* weight of a row of each class; or none, balanced */
  const char *head;        /* unique name of the head, or "auto" */
  double weight;           /* factor of the loss in the sum over heads, >= 0 */
  int64_t outputs;         /* number of outputs, or SETTINGS_AUTO: all that the heads before it leave */
  numbers_t targets;       /* columns of y, whole numbers; or auto: those after the previous head's */
} loss_settings_t;

enum { MOST_HEADS = 16 };

/* Windows over x, which is a time series with one time step per row. */
typedef struct {
  int64_t length;     /* input steps; 0: rows are not a time series */
  int64_t horizon;    /* steps to forecast, >= 1; 0 if the window itself is the target */
  int64_t stride;     /* distance between the starts of two windows in steps, >= 1 */
  int64_t season;     /* steps of a season, for the seasonal naive baseline; 0: none */
  numbers_t targets;  /* the word y or x, or columns of x */
  double test;        /* share of the training series kept for the test, at its end, in [0, 1) */
  const char *series; /* array beside x with the series number of each row, or "none" */
} window_settings_t;

typedef struct {
  const char *name;  /* none, polynomial, fourier, rbf, polynomial_kernel, linear_kernel, pca */
  int64_t degree;    /* polynomials: highest power, >= 1 */
  bool interactions; /* polynomial: include products of different features */
  int64_t size;      /* number of functions of the other kinds, or SETTINGS_AUTO: one per training row; of
                        pca, as many as there can be */
  bool whiten;       /* pca: scores have variance 1 */
  double gamma;      /* kernels; 0: 1 / features */
  double coef0;      /* polynomial_kernel */
  int64_t seed;      /* of frequencies, landmarks and first directions, or SETTINGS_AUTO: train.seed */
} basis_settings_t;

/* Which rows are for validation, if they have no arrays of their own. */
typedef struct {
  double share;      /* of the training rows, in [0, 1); 0: none */
  const char *group; /* name of a group instead of a share, or NULL */
  int64_t seed;      /* for choosing validation rows and folds, or SETTINGS_AUTO: train.seed */
  int64_t folds;     /* number of folds that share the training rows, >= 2; 0: no folds */
  int64_t fold;      /* this fold's rows are the validation rows, 1 .. folds */
} validation_settings_t;

/* Section data: the rows, and how they are read, chosen and scaled. */
typedef struct {
  const char *file;              /* HDF5 dataset file; required */
  const char *x, *y;             /* paths of the training rows, default train/x and train/y */
  const char *valid_x, *valid_y; /* default valid/x and valid/y, used if present and validation is 0 */
  const char *test_x, *test_y;   /* default test/x and test/y, used if present */
  const char *targets;           /* what a loss compares with: y, x */
  const char *weights, *valid_weights, *test_weights; /* paths of the row weights, or "none" */
  validation_settings_t validation;
  const char *shuffle;  /* full, blocks, none */
  int64_t memory_limit; /* most bytes of rows that a rank keeps in memory; 0: no limit */
  bool external;        /* arrays of the file may be in other files */
  window_settings_t window;
  scaling_settings_t scaling, target_scaling;
  column_scaling_t *columns; /* columns whose scaling differs from `scaling` */
  size_t n_columns;
  basis_settings_t basis;
  const char *missing;    /* NaN in x: error, drop, mean, median, most_frequent, constant */
  double missing_value;   /* constant */
  bool missing_indicator; /* a further input, 0 or 1, for each column with missing values */
} data_settings_t;

/* The width that model.embeddings.columns sets for some columns of x. */
typedef struct {
  const char *columns; /* as in column_scaling_t */
  int64_t width;       /* or SETTINGS_AUTO */
} column_width_t;

enum { EMBEDDINGS_NEVER = -1 }; /* value of model.embeddings.above set to "none" */

/* Columns of categories that become vectors, which are trained. */
typedef struct {
  int64_t above;           /* the most categories of a column that is one_hot instead; EMBEDDINGS_NEVER */
  int64_t width;           /* of a vector, or SETTINGS_AUTO */
  column_width_t *columns; /* that become vectors, however many categories they have */
  size_t n_columns;
} embedding_settings_t;

/* Numbers that model.init_values gives to an array of weights, or to one weight. */
typedef struct {
  const char *name;      /* dense1.weight or dense1.weight[0,3] (score/weight_name.h) */
  const double *values;  /* (rows, columns) or (rows), row-major */
  int64_t rows, columns; /* columns 0: a list of numbers; rows 0 too: a single number */
} given_weight_t;

typedef struct {
  const given_weight_t *items; /* (n), in the order of the file */
  size_t n;
} given_weights_t;

/* Section model: the layers, first to last, what comes before them, and what training begins with. */
typedef struct {
  layer_settings_t *layers; /* required */
  size_t n_layers;
  embedding_settings_t embeddings;
  const char *init_from;       /* model file, or file of weights, that training begins with, or "none" */
  const char *init_layers;     /* of that file: all, matching */
  given_weights_t init_values; /* numbers that weights begin with, after all else */
  text_list_t freeze;          /* names of layers whose weights stay as they are */
} model_settings_t;

/* Section optimizer. An optimiser ignores the members that it does not name. */
typedef struct {
  const char *name;
  double learning_rate;
  double momentum;
  bool nesterov;
  double beta1, beta2, epsilon;
  double alpha;             /* rmsprop: decay of the mean square, in [0, 1) */
  double weight_decay;      /* adamw, lars, lamb: applied to weights, not to biases */
  double trust_coefficient; /* lars: > 0 */
} optimizer_settings_t;

/* Section schedule: the learning rate over a run. */
typedef struct {
  const char *name;
  const char *scaling;     /* how the base rate scales with the batch: none, linear, sqrt */
  int64_t base_batch_size; /* batch size that the rate was chosen for */
  double warmup_epochs;    /* linear warm-up from 0, may be a fraction */
  double start;            /* one_cycle, cyclic: initial rate as a share of the base rate */
  double rise;             /* one_cycle: share of the run in which the rate rises */
  double final;            /* final rate (reduce_on_plateau: lowest) as a share of the base rate */
  double power;            /* polynomial, > 0 */
  double every_epochs;     /* step, exponential: epochs between drops; cyclic: the period, > 0 */
  double factor;           /* step, exponential, reduce_on_plateau: factor of a drop, in (0, 1] */
  int64_t patience;        /* reduce_on_plateau: epochs, >= 1 */
  double threshold;        /* reduce_on_plateau: smallest relative decrease that counts */
} schedule_settings_t;

/* Section train. */
typedef struct {
  int64_t epochs; /* >= 0; 0 saves the initial model */
  int64_t steps;  /* the run ends after this many updates, even within an epoch; 0: by epochs only */
  int64_t global_batch_size; /* or SETTINGS_ALL: all training rows */
  uint64_t seed;
  const char *precision;   /* precision of the factors in products: fp32, bf16, bf16_dot */
  int64_t members;         /* networks in an ensemble, with seeds seed, seed + 1, ...; 1: a single network */
  double l1, l2;           /* penalties l1 |w| + l2/2 w^2, applied to weights, not to biases */
  double clip_norm;        /* limit of the gradient's global norm; 0: no clipping */
  const char *on_nan;      /* stop, skip: what happens to a step whose loss or gradient is not finite */
  int64_t max_skips;       /* skip: steps skipped in a row before the run ends as with stop, >= 1 */
  interval_t verify_every; /* steps or epochs between comparisons of the nodes' parameters; all 0: never */
  int64_t log_every;       /* steps between logged steps; 0: log epochs only */
  double progress_every;   /* seconds between two lines of progress; 0: none, and no bar */
  int64_t top_k;           /* k of the top-k accuracy */
  double time_limit;       /* seconds from the program's start to a checkpoint and exit code 75; 0: none */
} train_settings_t;

/* Section stop: rules that end a run before its last epoch. */
typedef struct {
  double tol;           /* stop when the training loss has decreased by less than this ... */
  interval_t over;      /* ... over this long; tol 0: never */
  double gradient_norm; /* stop when the norm is below this; 0: never */
  int64_t patience;     /* stop after this many epochs without a better validation loss; 0: never */
  const char *metric;   /* none, or a metric of the history, for one head HEAD.METRIC; stop when it ... */
  double target;        /* ... has reached this value */
} stop_settings_t;

/* Section solve, for `lockstep solve`. */
typedef struct {
  const char *method; /* least_squares, ridge, bayesian */
  double lambda;      /* ridge: penalty lambda w^2 added to the sum of squared errors */
} solve_settings_t;

/* Section density, for `lockstep density`. */
typedef struct {
  numbers_t bandwidth; /* silverman, scott, cross_validated, or numbers to choose from */
  int64_t folds;       /* of cross-validation; 0: each row is judged by all others */
  int64_t rows;        /* training rows that become kernels, or SETTINGS_ALL */
} density_settings_t;

/* Section cluster, for `lockstep cluster`. */
typedef struct {
  const char *method; /* a row of the table in src/cluster/fit.c */
  int64_t k;          /* number of clusters, or of components of a mixture; 0: nothing is clustered */
  int64_t starts;     /* fits with random numbers of their own, of which the best is kept, >= 1 */
  const char *init;   /* a row of the table in src/cluster/seeding.c */
  int64_t batch;      /* minibatch: rows of a batch; train.global_batch_size is the same */
  double tolerance;   /* a start ends when the objective has decreased by less than this; see the method */
  const char *covariance; /* mixture: full, tied, diagonal, spherical */
  double regularization;  /* mixture: added to the variances */
} cluster_settings_t;

/* Section components, for `lockstep components`. */
typedef struct {
  double n;             /* number of components, or below 1 the share of the variance that they explain */
  const char *method;   /* auto, exact, randomized */
  bool whiten;          /* scores have variance 1 */
  int64_t oversampling; /* randomized: more directions than components, >= 0 */
  int64_t iterations;   /* randomized: passes over the rows after the first, >= 0 */
  int64_t seed;         /* randomized: of the first directions, or SETTINGS_AUTO: train.seed */
} components_settings_t;

/* Section parallel: how work is divided. */
typedef struct {
  int64_t threads;        /* per rank, or SETTINGS_AUTO */
  int64_t shards;         /* number of shards S, or SETTINGS_AUTO */
  const char *reduce;     /* shared, mpi */
  int64_t ranks_per_node; /* ranks that share one copy of the parameters, or SETTINGS_AUTO: all ranks of a
                             node */
  double timeout;         /* seconds that a rank waits for another one before the job ends; 0: no limit */
} parallel_settings_t;

/* Section checkpoint. */
typedef struct {
  interval_t every;
  int64_t keep;      /* number of newest checkpoints to keep, >= 1 */
  const char *best;  /* none, or a metric as in stop.metric: the best epoch's checkpoint is also kept */
  const char *parts; /* who writes the optimiser's state: auto, one, ranks */
  int64_t copies;    /* number of hosts that keep checkpoints on their own disks, >= 1 */
} checkpoint_settings_t;

/* All settings of a run, with a member for each section of the file. */
typedef struct {
  const char *name;
  data_settings_t data;
  model_settings_t model;
  loss_settings_t *losses; /* required: one, or one per head */
  size_t n_losses;
  optimizer_settings_t optimizer;
  schedule_settings_t schedule;
  train_settings_t train;
  stop_settings_t stop;
  solve_settings_t solve;
  cluster_settings_t cluster;
  density_settings_t density;
  components_settings_t components;
  parallel_settings_t parallel;
  checkpoint_settings_t checkpoint;
  const char *runs;     /* directory of run directories, default "runs" */
  struct place *places; /* for settings_where */
  arena_t arena;        /* owns all text and layers above */
  bool reads_labels;    /* no key: a command reads y as labels for a loss that has no targets */
} settings_t;

/* The lists of names that the rooms above provide. */
typedef struct {
  choice_list_t basis, activation, loss, optimizer, schedule, init, scaling, rate_scaling, stop_metric, solve,
      precision, cluster, cluster_init;
} settings_choices_t;

/* Reads the YAML file at `path`, applies overrides ("section.key=value", value in YAML syntax), fills in
 * defaults and checks everything. `defaults`, a list that ends in NULL, or NULL: more overrides, of keys that
 * neither the file nor another override sets; for commands that need less than training. *out is caller-owned
 * (settings_destroy). Errors (LS_BAD_SETTINGS) name the file, line and key, and suggest the nearest known key
 * or name. Not collective: rank 0 reads the file, the others use settings_parse. */
ls_status settings_load(const char *path, const char *const *defaults, char *const *overrides,
                        size_t n_overrides, const settings_choices_t *choices, settings_t **out,
                        ls_error *error);

/* Like settings_load, but from YAML text; `source` names the text in messages. */
ls_status settings_parse(const char *text, size_t length, const char *source, char *const *overrides,
                         size_t n_overrides, const settings_choices_t *choices, settings_t **out,
                         ls_error *error);

/* Like settings_parse, of resolved settings in a model file or a checkpoint. Keys without effect, which the
 * functions above refuse, are accepted: files of earlier versions have them. */
ls_status settings_restore(const char *text, size_t length, const char *source, char *const *overrides,
                           size_t n_overrides, const settings_choices_t *choices, settings_t **out,
                           ls_error *error);

/* Whether a loss compares outputs with the features (data.targets: x). */
bool settings_targets_are_x(const settings_t *settings);

/* Whether the loss compares outputs with y: not if targets are x, nor for distortion and density, which need
 * no targets. */
bool settings_use_y(const settings_t *settings);

/* Finds the first key whose value differs between the settings of a run and those that it is resumed with,
 * although the value decides what the stored state means. *path is NULL if there is none; static otherwise.
 */
ls_status settings_compare(const settings_t *stored, const settings_t *now, const char **path,
                           ls_error *error);

/* Finds the first key whose value differs between two settings and that is not in `others`, a list of keys
 * that ends in NULL. *path is NULL if there is none; static otherwise. */
ls_status settings_compare_except(const settings_t *a, const settings_t *b, const char *const *others,
                                  const char **path, ls_error *error);

/* The same among the keys of a list, which ends in NULL. */
ls_status settings_compare_among(const settings_t *a, const settings_t *b, const char *const *keys,
                                 const char **path, ls_error *error);

/* Where a key was given: "net.yaml:7" or "override 'train.seed=1'". For a key that has its default: where its
 * section was given, otherwise the file's name. `path` is written as in messages: "train.seed",
 * "loss[1].class_weights". Only useful for settings that were read from the user's file. */
const char *settings_where(const settings_t *settings, const char *path);

/* Adds the place of a key to an error message. The rooms above detect errors in settings that this room
 * accepts, and begin such messages with the key: "train.precision: ...". If `status` is LS_BAD_SETTINGS and
 * the message begins with a key, its place is put in front; so is that of data.file if the message is that
 * there is no such file. Other messages stay unchanged. Returns `status`. */
ls_status settings_place(const settings_t *settings, ls_status status, ls_error *error);

/* Writes the complete resolved settings as YAML; settings_parse reads it back to equal settings. *text is
 * malloc'd, caller-owned and NUL-terminated. */
ls_status settings_dump(const settings_t *settings, char **text, ls_error *error);

/* Writes the table of keys as plain text (--help), as Markdown (docs/reference.md), or as sections of a man
 * page. */
typedef enum { REFERENCE_TEXT, REFERENCE_MARKDOWN, REFERENCE_MAN } reference_style_t;
void settings_reference(FILE *out, const settings_choices_t *choices, reference_style_t style);

enum { SETTING_PATH_SIZE = 64 };

/* A key as the command line takes it, and the words that its value may be. */
typedef struct {
  char path[SETTING_PATH_SIZE];
  const char *meaning;
  choice_list_t choices; /* NULL: none */
  bool is_bool, or_auto; /* true or false; auto is also allowed */
} setting_key_t;

/* The i-th key, those of a loss last; false past the end. `choices` NULL: without words. */
bool settings_key(size_t i, const settings_choices_t *choices, setting_key_t *out);

/* The only key that `word` names: its path, its last word, or a part of that, with - or _. "epochs":
 * "train.epochs". False if there is none or several. */
bool settings_key_find(const char *word, char out[SETTING_PATH_SIZE]);

void settings_destroy(settings_t **settings);

#endif
