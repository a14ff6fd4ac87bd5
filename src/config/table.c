/* The table of settings: all keys of a run, in the order in which they are written. */
#include "config/keys.h"

#include <math.h>

#define FIELD(field)  offsetof(settings_t, field)
#define CHOICES(list) .choices = offsetof(settings_choices_t, list)

#define POSITIVE     .range = {0, INFINITY, .low_open = true}
#define NOT_NEGATIVE .range = {0, .high = INFINITY}

const char name_from_file[] = "the file's name";

static bool shuffle_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"full", "the rows of each shard in a new random order every epoch"},
      {"blocks",
       "blocks of 1024 rows in random order, shuffled inside each block; for data that is read from disk"},
      {"none", "rows in the order of the file"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool reduce_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"shared", "the tree sums gradients in shared memory, and the update is part of the sum; same bits on "
                 "any layout"},
      {"mpi", "MPI_Allreduce, then every rank updates all parameters; the textbook method, for comparison"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool parts_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"auto", "all ranks, if there are several and the state has more than 256 MB"},
      {"one", "rank 0 collects it and writes one file"},
      {"ranks", "each rank writes its share to a file of its own"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool on_nan_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"stop", "the run ends with exit code 1, and the last checkpoint stays; costs nothing"},
      {"skip", "the step changes neither parameters nor the optimiser's state; every update then needs the "
               "whole gradient first, as with clip_norm"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool covariance_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"full", "each component has a covariance matrix of its own"},
      {"tied", "all components share one covariance matrix"},
      {"diagonal", "each component has a variance for every input"},
      {"spherical", "each component has one variance"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool window_targets_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"x", "all columns of x"},
      {"y", "all columns of y, which has a row for every row of x"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool bandwidth_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"silverman", "(n (d + 2) / 4)^(-1 / (d + 4)) deviations, for n rows of d inputs"},
      {"scott", "n^(-1 / (d + 4)) deviations"},
      {"cross_validated",
       "of 20 from a tenth of Silverman's to twice that, the one under which rows are most likely by the "
       "others"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool targets_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"y", "the labels or targets in y"},
      {"x", "the features themselves, scaled and encoded, without basis functions: for an autoencoder; no y "
            "is read"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool missing_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"error", "stop with an error that names row and column"},
      {"drop", "leave the row out; `predict` stops with an error"},
      {"mean", "replace by the mean of the column's training rows; categories: by none"},
      {"median", "replace by the median of the column's training rows; categories: by none"},
      {"most_frequent", "replace by the value or category that most of the column's training rows hold"},
      {"constant", "replace by data.missing_value; categories: by none"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool components_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"auto", "exact or randomized, whichever needs fewer products"},
      {"exact", "eigenvectors of the covariance of all features"},
      {"randomized", "a few random directions are turned towards the components by passes over the rows"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool init_layers_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"all", "all layers, which must have the same shapes here, and how features are filled in, scaled and "
              "encoded and targets scaled"},
      {"matching", "layers that have the same name and shapes here; the others begin as without init_from, "
                   "and scaling is fitted to the rows of the run"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static const key_row_t rows[] = {
    {"name", &type_name, FIELD(name), name_from_file, .may_change = true,
     .meaning = "name of the run; its directory is RUNS/NAME"},
    {"runs", &type_text, FIELD(runs), "runs", .may_change = true,
     .meaning = "directory that holds the run directories", .example = "scratch/runs"},
    {"data.file", &type_text, FIELD(data.file), NULL, .may_change = true, .meaning = "HDF5 dataset file",
     .example = "data/net.h5"},
    {"data.x", &type_text, FIELD(data.x), "train/x", .meaning = "training rows: features"},
    {"data.targets", &type_choice, FIELD(data.targets), "y",
     .meaning = "what the loss compares the outputs with", .list = targets_choice},
    {"data.y", &type_text, FIELD(data.y), "train/y", .used_with = "data.targets", .used_by = "y",
     .meaning = "training rows: labels or targets"},
    {"data.valid_x", &type_text, FIELD(data.valid_x), "valid/x",
     .meaning = "validation rows: features, used if present and data.validation is 0"},
    {"data.valid_y", &type_text, FIELD(data.valid_y), "valid/y", .used_with = "data.targets", .used_by = "y",
     .meaning = "validation rows: labels or targets"},
    {"data.test_x", &type_text, FIELD(data.test_x), "test/x", .may_change = true,
     .meaning = "test rows: features, used if present"},
    {"data.test_y", &type_text, FIELD(data.test_y), "test/y", .may_change = true, .used_with = "data.targets",
     .used_by = "y", .meaning = "test rows: labels or targets"},
    {"data.weights", &type_text, FIELD(data.weights), "none",
     .meaning = "training rows: array with the weight of each row in the loss, or none",
     .example = "train/weights"},
    {"data.valid_weights", &type_text, FIELD(data.valid_weights), "none",
     .meaning = "the same for validation rows that have arrays of their own", .example = "valid/weights"},
    {"data.test_weights", &type_text, FIELD(data.test_weights), "none", .may_change = true,
     .meaning = "the same for test rows", .example = "test/weights"},
    {"data.validation", &type_validation, 0, "0",
     .meaning = "share of the training rows that is kept for validation, or the name of a group with x and y",
     .range = {0, 1, .high_open = true}},
    {"data.validation_seed", &type_integer, FIELD(data.validation.seed), "auto",
     .used_with = "data.validation", .used_also = "data.folds",
     .meaning = "seed for choosing the validation rows, or for dealing rows to folds; auto: train.seed",
     .range = {.low = 0, .high = 9007199254740991.0}, .or_auto = true},
    {"data.folds", &type_integer, FIELD(data.validation.folds), "0",
     .meaning = "cross-validation: deal the training rows to this many folds, with the same share of each "
                "class; 0: no folds",
     .range = {.low = 0, .high = 65535}},
    {"data.fold", &type_integer, FIELD(data.validation.fold), "1", .used_with = "data.folds",
     .meaning = "the fold whose rows are the validation rows, from 1; the others are trained on",
     .range = {.low = 1, .high = 65535}},
    {"data.shuffle", &type_choice, FIELD(data.shuffle), "full", .meaning = "order of the training rows",
     .list = shuffle_choice},
    {"data.memory_limit", &type_bytes, FIELD(data.memory_limit), "none", .may_change = true,
     .meaning = "most data that a rank keeps in memory; above this limit, rows are read from the file "
                "whenever they are needed"},
    {"data.external", &type_bool, FIELD(data.external), "false", .may_change = true,
     .meaning =
         "read arrays that the dataset file keeps in other files: external storage, and links to other "
         "HDF5 files"},
    {"data.window.length", &type_integer, FIELD(data.window.length), "0", .used_with = "data.targets",
     .used_by = "y",
     .meaning = "forecasting: x is a time series with one time step per row, and this many steps are the "
                "inputs of a forecast; 0: rows are not a time series",
     .range = {.low = 0, .high = INT32_MAX}},
    {"data.window.horizon", &type_integer, FIELD(data.window.horizon), "1", .used_with = "data.window.length",
     .meaning = "number of steps to forecast, starting after the inputs; for classes only the last of them",
     .range = {.low = 1, .high = INT32_MAX}},
    {"data.window.stride", &type_integer, FIELD(data.window.stride), "1", .used_with = "data.window.length",
     .meaning = "steps between the starts of two windows", .range = {.low = 1, .high = INT32_MAX}},
    {"data.window.targets", &type_numbers, FIELD(data.window.targets), "x", .used_with = "data.window.length",
     .meaning = "what to forecast: x, y, or a list of columns of x, counted from 0",
     .list = window_targets_choice, .range = {0, .high = INT32_MAX}, .example = "[0]"},
    {"data.window.season", &type_integer, FIELD(data.window.season), "0", .used_with = "data.window.length",
     .meaning = "steps of a season, at most the length: the value one season earlier is a baseline to "
                "compare with; 0: none",
     .range = {.low = 0, .high = INT32_MAX}},
    {"data.window.test", &type_number, FIELD(data.window.test), "0", .used_with = "data.window.length",
     .meaning = "share of the training series, at its end, that is kept for the test; validation rows come "
                "before it",
     .range = {0, 1, .high_open = true}},
    {"data.window.series", &type_text, FIELD(data.window.series), "none", .used_with = "data.window.length",
     .meaning = "several series in x: an array beside x with an integer for each row, the number of its "
                "series; none: x is one series",
     .example = "train/series"},
    {"data.scaling.name", &type_choice, FIELD(data.scaling.name), "none",
     .meaning = "scaling of features, fitted on the training rows", CHOICES(scaling)},
    {"data.scaling.range", &type_range, FIELD(data.scaling), "[0, 1]", .used_with = "data.scaling.name",
     .used_by = "minmax", .meaning = "the values that the smallest and the largest value are mapped to"},
    {"data.scaling.columns", &type_columns, 0, "{}",
     .meaning = "columns with another scaling, by name, index or FIRST-LAST: `{age: robust, 3-5: one_hot}`"},
    {"data.target_scaling.name", &type_choice, FIELD(data.target_scaling.name), "none",
     .used_with = "data.targets", .used_by = "y", .meaning = "scaling of targets, undone in predictions",
     CHOICES(scaling)},
    {"data.target_scaling.range", &type_range, FIELD(data.target_scaling), "[0, 1]",
     .used_with = "data.target_scaling.name", .used_by = "minmax",
     .meaning = "the values that the smallest and the largest value are mapped to"},
    {"data.missing", &type_choice, FIELD(data.missing), "error", .meaning = "how to treat NaN in x",
     .list = missing_choice},
    {"data.missing_value", &type_number, FIELD(data.missing_value), "0", .used_with = "data.missing",
     .used_by = "constant", .meaning = "the constant, in the column's own units"},
    {"data.missing_indicator", &type_bool, FIELD(data.missing_indicator), "false",
     .used_with = "data.missing", .used_by = "mean, median, most_frequent, constant",
     .meaning = "add an input for each column with missing values in the training rows: 1 where the value is "
                "missing, else 0"},
    {"data.basis.name", &type_choice, FIELD(data.basis.name), "none",
     .meaning = "basis functions, computed from the scaled features as inputs of the network",
     CHOICES(basis)},
    {"data.basis.degree", &type_integer, FIELD(data.basis.degree), "2", .used_with = "data.basis.name",
     .used_by = "polynomial, polynomial_kernel", .meaning = "highest power", .range = {.low = 1, .high = 64}},
    {"data.basis.interactions", &type_bool, FIELD(data.basis.interactions), "true",
     .used_with = "data.basis.name", .used_by = "polynomial",
     .meaning = "include products of different features"},
    {"data.basis.size", &type_integer, FIELD(data.basis.size), "100", .used_with = "data.basis.name",
     .used_by = "fourier, rbf, polynomial_kernel, linear_kernel, pca",
     .meaning = "number of frequencies; rbf and kernels: number of landmark rows, auto: all training rows; "
                "pca: number of components, auto: all",
     .range = {.low = 1, .high = 1048576}, .or_auto = true},
    {"data.basis.whiten", &type_bool, FIELD(data.basis.whiten), "false", .used_with = "data.basis.name",
     .used_by = "pca", .meaning = "scale components to variance 1"},
    {"data.basis.gamma", &type_number, FIELD(data.basis.gamma), "0", .used_with = "data.basis.name",
     .used_by = "fourier, rbf, polynomial_kernel",
     .meaning = "factor of the squared distance or product; 0: 1 / features", NOT_NEGATIVE},
    {"data.basis.coef0", &type_number, FIELD(data.basis.coef0), "1", .used_with = "data.basis.name",
     .used_by = "polynomial_kernel", .meaning = "the constant"},
    {"data.basis.seed", &type_integer, FIELD(data.basis.seed), "auto", .used_with = "data.basis.name",
     .used_by = "fourier, rbf, polynomial_kernel, linear_kernel, pca",
     .meaning =
         "seed of frequencies, of the choice of landmark rows and of random directions; auto: train.seed",
     .range = {.low = 0, .high = 9007199254740991.0}, .or_auto = true},
    {"model.embeddings.above", &type_limit, FIELD(model.embeddings.above), "20",
     .meaning = "largest number of categories that a column may have as one_hot; a column with more becomes "
                "an embedding: each "
                "category is a vector, which is trained; none: never",
     .range = {.low = 0, .high = INT32_MAX}},
    {"model.embeddings.width", &type_integer, FIELD(model.embeddings.width), "auto",
     .meaning = "values of a vector; auto: round(1.6 n^0.56) for n categories, at most 600",
     .range = {.low = 1, .high = 65536}, .or_auto = true},
    {"model.embeddings.columns", &type_widths, FIELD(model.embeddings), "{}",
     .meaning = "columns that become embeddings whatever their number of categories, and their widths: "
                "`{city: 8, 3: auto}`"},
    {"model.layers", &type_layers, 0, NULL, .meaning = "list of layers, from input to output"},
    {"model.init_from", &type_text, FIELD(model.init_from), "none", .may_change = true,
     .meaning = "model file or checkpoint whose weights training begins with, or a file of `lockstep "
                "weights`; none: random weights",
     .example = "runs/net/model.h5"},
    {"model.init_layers", &type_choice, FIELD(model.init_layers), "all", .used_with = "model.init_from",
     .meaning = "what is taken over from that file", .list = init_layers_choice},
    {"model.init_values", &type_weights, FIELD(model.init_values), "{}",
     .meaning =
         "numbers that weights begin with, by the names that `lockstep weights` shows, for an array or "
         "for one weight: `{dense1.weight: [[2.5]], dense1.bias: [0.5]}`"},
    {"model.freeze", &type_texts, FIELD(model.freeze), "[]", .may_change = true,
     .meaning = "layers that are not trained, by the names that `lockstep check` shows: `[dense1, "
                "batch_norm1]`; running statistics go on"},
    {"loss", &type_losses, 0, NULL, .is_named = true,
     .meaning = "a loss with its keys, or a list with one loss per head"},
    {"optimizer.name", &type_choice, FIELD(optimizer.name), "adam", .meaning = "optimiser",
     CHOICES(optimizer)},
    {"optimizer.learning_rate", &type_number, FIELD(optimizer.learning_rate), "0.001", .may_change = true,
     .meaning = "learning rate before the schedule", POSITIVE},
    {"optimizer.momentum", &type_number, FIELD(optimizer.momentum), "0", .may_change = true,
     .used_with = "optimizer.name", .used_by = "sgd, rmsprop, lars", .meaning = "momentum",
     .range = {0, 1, .high_open = true}},
    {"optimizer.nesterov", &type_bool, FIELD(optimizer.nesterov), "false", .may_change = true,
     .used_with = "optimizer.name", .used_by = "sgd", .meaning = "Nesterov momentum"},
    {"optimizer.beta1", &type_number, FIELD(optimizer.beta1), "0.9", .may_change = true,
     .used_with = "optimizer.name", .used_by = "adam, adamw, nadam, lamb",
     .meaning = "decay of the mean gradient", .range = {0, 1, .high_open = true}},
    {"optimizer.beta2", &type_number, FIELD(optimizer.beta2), "0.999", .may_change = true,
     .used_with = "optimizer.name", .used_by = "adam, adamw, nadam, lamb",
     .meaning = "decay of the mean square", .range = {0, 1, .high_open = true}},
    {"optimizer.epsilon", &type_number, FIELD(optimizer.epsilon), "1e-8", .may_change = true,
     .used_with = "optimizer.name", .used_by = "adam, adamw, adagrad, rmsprop, nadam, lamb",
     .meaning = "added to the root of the mean (adagrad: sum) of "
                "squares",
     .range = {.low = 1e-30, .high = 1}},
    {"optimizer.alpha", &type_number, FIELD(optimizer.alpha), "0.99", .may_change = true,
     .used_with = "optimizer.name", .used_by = "rmsprop", .meaning = "decay of the mean square",
     .range = {0, 1, .high_open = true}},
    {"optimizer.weight_decay", &type_number, FIELD(optimizer.weight_decay), "0.01", .may_change = true,
     .used_with = "optimizer.name", .used_by = "adamw, lars, lamb",
     .meaning = "decay of weights, not of biases, in addition to the gradient", NOT_NEGATIVE},
    {"optimizer.trust_coefficient", &type_number, FIELD(optimizer.trust_coefficient), "0.001",
     .may_change = true, .used_with = "optimizer.name", .used_by = "lars",
     .meaning = "length of a step as a share of the weights' norm", POSITIVE},
    {"schedule.name", &type_choice, FIELD(schedule.name), "constant", .may_change = true,
     .meaning = "schedule of the learning rate", CHOICES(schedule)},
    {"schedule.scaling", &type_choice, FIELD(schedule.scaling), "none", .may_change = true,
     .meaning = "how the learning rate scales with the batch size", CHOICES(rate_scaling)},
    {"schedule.base_batch_size", &type_integer, FIELD(schedule.base_batch_size), "256", .may_change = true,
     .used_with = "schedule.scaling", .used_by = "linear, sqrt",
     .meaning = "the batch size that optimizer.learning_rate was chosen for",
     .range = {.low = 1, .high = INT32_MAX}},
    {"schedule.warmup_epochs", &type_number, FIELD(schedule.warmup_epochs), "0", .may_change = true,
     .meaning = "epochs of linear warm-up from 0; fractions are allowed", NOT_NEGATIVE},
    {"schedule.start", &type_number, FIELD(schedule.start), "0.04", .may_change = true,
     .used_with = "schedule.name", .used_by = "one_cycle, cyclic",
     .meaning = "initial rate as a share of the base rate", .range = {.low = 0, .high = 1}},
    {"schedule.rise", &type_number, FIELD(schedule.rise), "0.3", .may_change = true,
     .used_with = "schedule.name", .used_by = "one_cycle",
     .meaning = "share of the run in which the rate rises", .range = {.low = 0, .high = 1}},
    {"schedule.final", &type_number, FIELD(schedule.final), "0", .may_change = true,
     .used_with = "schedule.name", .used_by = "cosine, polynomial, one_cycle, reduce_on_plateau",
     .meaning = "final rate as a share of the base rate; reduce_on_plateau: "
                "lowest rate",
     .range = {.low = 0, .high = 1}},
    {"schedule.power", &type_number, FIELD(schedule.power), "1", .may_change = true,
     .used_with = "schedule.name", .used_by = "polynomial", .meaning = "the exponent; 1 is linear", POSITIVE},
    {"schedule.every_epochs", &type_number, FIELD(schedule.every_epochs), "10", .may_change = true,
     .used_with = "schedule.name", .used_by = "step, exponential, cyclic",
     .meaning = "epochs between drops; exponential: epochs per drop; cyclic: epochs per period", POSITIVE},
    {"schedule.factor", &type_number, FIELD(schedule.factor), "0.1", .may_change = true,
     .used_with = "schedule.name", .used_by = "step, exponential, reduce_on_plateau",
     .meaning = "factor by which a drop multiplies the rate", .range = {0, 1, .low_open = true}},
    {"schedule.patience", &type_integer, FIELD(schedule.patience), "10", .may_change = true,
     .used_with = "schedule.name", .used_by = "reduce_on_plateau",
     .meaning = "epochs without a better loss before a drop", .range = {.low = 1, .high = INT32_MAX}},
    {"schedule.threshold", &type_number, FIELD(schedule.threshold), "0.0001", .may_change = true,
     .used_with = "schedule.name", .used_by = "reduce_on_plateau",
     .meaning = "a loss counts as better if it is lower by more than this share",
     .range = {0, 1, .high_open = true}},
    {"train.epochs", &type_integer, FIELD(train.epochs), "10", .may_change = true,
     .meaning = "passes over the training rows; 0 saves the initial model",
     .range = {.low = 0, .high = INT32_MAX}},
    {"train.steps", &type_integer, FIELD(train.steps), "0", .may_change = true,
     .meaning = "updates after which the run ends, even within an epoch; 0: train.epochs alone decides",
     .range = {.low = 0, .high = INT32_MAX}},
    {"train.global_batch_size", &type_batch, FIELD(train.global_batch_size), "128",
     .meaning = "rows per step, over all ranks together; all: all training rows (full-batch descent)",
     .range = {.low = 1, .high = INT32_MAX}},
    {"train.seed", &type_seed, FIELD(train.seed), "1", .meaning = "seed of all random numbers"},
    {"train.precision", &type_choice, FIELD(train.precision), "fp32",
     .meaning = "precision of the factors in the products of dense layers, in training", CHOICES(precision)},
    {"train.members", &type_integer, FIELD(train.members), "1",
     .meaning = "number of networks in an ensemble, each trained in a run of its own with the seeds seed, "
                "seed + 1, ...; 1: a single network",
     .range = {.low = 1, .high = 10000}},
    {"train.l1", &type_number, FIELD(train.l1), "0", .may_change = true,
     .meaning = "penalty l1 |w| on weights, not on biases; the optimiser proximal gives exact zeros",
     NOT_NEGATIVE},
    {"train.l2", &type_number, FIELD(train.l2), "0", .may_change = true,
     .meaning = "penalty l2/2 w^2 on weights, not on biases", NOT_NEGATIVE},
    {"train.clip_norm", &type_number, FIELD(train.clip_norm), "0", .may_change = true,
     .meaning = "limit of the gradient's global norm; 0: no clipping", NOT_NEGATIVE},
    {"train.on_nan", &type_choice, FIELD(train.on_nan), "stop", .may_change = true,
     .meaning = "what happens to a step whose loss or gradient is not finite", .list = on_nan_choice},
    {"train.max_skips", &type_integer, FIELD(train.max_skips), "10", .may_change = true,
     .used_with = "train.on_nan", .used_by = "skip",
     .meaning = "steps skipped in a row after which the run ends as with stop",
     .range = {.low = 1, .high = INT32_MAX}},
    {"train.verify_every", &type_period, FIELD(train.verify_every), "never", .may_change = true,
     .meaning =
         "when nodes compare checksums of their parameters; if they differ, the run returns to the last "
         "checkpoint; needs several nodes, or parallel.reduce=mpi"},
    {"train.log_every", &type_integer, FIELD(train.log_every), "0", .may_change = true,
     .meaning = "steps between logged steps; 0: only epochs are logged",
     .range = {.low = 0, .high = INT32_MAX}},
    {"train.progress_every", &type_number, FIELD(train.progress_every), "10", .may_change = true,
     .meaning = "seconds between two lines of progress where there is no terminal for a bar; 0: neither",
     NOT_NEGATIVE},
    {"train.top_k", &type_integer, FIELD(train.top_k), "5", .may_change = true,
     .meaning = "k of the top-k accuracy", .range = {.low = 1, .high = INT32_MAX}},
    {"train.time_limit", &type_number, FIELD(train.time_limit), "0", .may_change = true,
     .meaning = "seconds within which the run saves a checkpoint and ends with exit code 75; 0: no limit",
     NOT_NEGATIVE},
    {"stop.tol", &type_number, FIELD(stop.tol), "0", .may_change = true,
     .meaning = "the run ends if the training loss has decreased by less than this over stop.over; 0: never",
     NOT_NEGATIVE},
    {"stop.over", &type_span, FIELD(stop.over), "5 epochs", .may_change = true, .used_with = "stop.tol",
     .meaning =
         "period for stop.tol; if given in steps, the mean losses of two such periods in a row are compared"},
    {"stop.gradient_norm", &type_number, FIELD(stop.gradient_norm), "0", .may_change = true,
     .meaning = "the run ends if the gradient's norm in the last step of an epoch is below this; 0: never",
     NOT_NEGATIVE},
    {"stop.patience", &type_integer, FIELD(stop.patience), "0", .may_change = true,
     .meaning = "the run ends if the validation loss has not improved for this many epochs; 0: never",
     .range = {.low = 0, .high = INT32_MAX}},
    {"stop.metric", &type_choice, FIELD(stop.metric), "none", .may_change = true,
     .meaning =
         "the run ends if this metric has reached stop.target; for one of several heads: HEAD.valid_loss",
     CHOICES(stop_metric), .of_head = true},
    {"stop.target", &type_number, FIELD(stop.target), "0", .may_change = true, .used_with = "stop.metric",
     .meaning = "value that stop.metric must reach: at most this for losses and errors, at least this for "
                "accuracy and R2"},
    {"solve.method", &type_choice, FIELD(solve.method), "least_squares", .may_change = true,
     .meaning = "`lockstep solve`: the closed form to use", CHOICES(solve)},
    {"solve.lambda", &type_number, FIELD(solve.lambda), "1", .may_change = true, .used_with = "solve.method",
     .used_by = "ridge", .meaning = "penalty lambda w^2 on weights, added to the sum of squared errors",
     NOT_NEGATIVE},
    {"cluster.method", &type_choice, FIELD(cluster.method), "kmeans",
     .meaning = "`lockstep cluster`: how clusters are found", CHOICES(cluster)},
    {"cluster.k", &type_integer, FIELD(cluster.k), "0",
     .meaning =
         "number of clusters, or of components of a mixture; the settings of the network, its loss and "
         "`train` then follow, where they are not given; 0: nothing is clustered",
     .range = {.low = 0, .high = 1000000}, .example = "10"},
    {"cluster.starts", &type_integer, FIELD(cluster.starts), "4", .may_change = true,
     .meaning = "fits with other random numbers, one after the other, of which the one with the lowest "
                "objective is kept",
     .range = {.low = 1, .high = INT32_MAX}},
    {"cluster.init", &type_choice, FIELD(cluster.init), "k-means++", .meaning = "the centres to begin with",
     CHOICES(cluster_init)},
    {"cluster.batch", &type_integer, FIELD(cluster.batch), "1024", .used_with = "cluster.method",
     .used_by = "minibatch", .meaning = "rows of a batch, over all ranks together; centres move after each",
     .range = {.low = 1, .high = INT32_MAX}},
    {"cluster.tolerance", &type_number, FIELD(cluster.tolerance), "1e-5", .may_change = true,
     .meaning = "a start ends when an epoch lowers the objective per row by no more than this: as a share of "
                "it, for a mixture as a number",
     NOT_NEGATIVE},
    {"cluster.covariance", &type_choice, FIELD(cluster.covariance), "full", .used_with = "cluster.method",
     .used_by = "mixture", .meaning = "form of the covariances", .list = covariance_choice},
    {"cluster.regularization", &type_number, FIELD(cluster.regularization), "1e-6",
     .used_with = "cluster.method", .used_by = "mixture",
     .meaning = "added to the variance of each input in each component, so that none becomes 0",
     NOT_NEGATIVE},
    {"density.bandwidth", &type_numbers, FIELD(density.bandwidth), "silverman",
     .meaning = "`lockstep density`: standard deviation of the Gaussian around each row, in units of the "
                "scaled features: a rule, a number, or numbers of which cross-validation takes one",
     .list = bandwidth_choice, POSITIVE},
    {"density.rows", &type_batch, FIELD(density.rows), "all",
     .meaning = "training rows that become kernels, chosen at random; all: every row",
     .range = {.low = 1, .high = 1000000}},
    {"components.n", &type_number, FIELD(components.n), "0.95", .may_change = true,
     .meaning = "`lockstep components`: number of components; below 1: as many as explain more than this "
                "share of the variance",
     POSITIVE},
    {"components.method", &type_choice, FIELD(components.method), "auto", .may_change = true,
     .meaning = "how components are found", .list = components_choice},
    {"components.whiten", &type_bool, FIELD(components.whiten), "false", .may_change = true,
     .meaning = "scale scores to variance 1"},
    {"components.oversampling", &type_integer, FIELD(components.oversampling), "10", .may_change = true,
     .used_with = "components.method", .used_by = "auto, randomized",
     .meaning = "random directions beyond the number of components", .range = {.low = 0, .high = 65536}},
    {"components.iterations", &type_integer, FIELD(components.iterations), "4", .may_change = true,
     .used_with = "components.method", .used_by = "auto, randomized",
     .meaning = "passes over the rows that turn the directions, after the first pass",
     .range = {.low = 0, .high = 1000}},
    {"components.seed", &type_integer, FIELD(components.seed), "auto", .may_change = true,
     .used_with = "components.method", .used_by = "auto, randomized",
     .meaning = "seed of the random directions; auto: train.seed",
     .range = {.low = 0, .high = 9007199254740991.0}, .or_auto = true},
    {"parallel.threads", &type_integer, FIELD(parallel.threads), "auto", .may_change = true,
     .meaning = "threads per rank; auto: OMP_NUM_THREADS, or the CPUs of a SLURM task, or the node's cores "
                "divided among its ranks",
     .range = {.low = 1, .high = 65536}, .or_auto = true},
    {"parallel.shards", &type_integer, FIELD(parallel.shards), "auto", .may_change = true,
     .meaning = "number of shards; auto: depends only on the batch and the training rows, 32 to 256 rows per "
                "shard and step, "
                "fewer for batches below 128 rows",
     .range = {.low = 1, .high = 1048576}, .or_auto = true},
    {"parallel.reduce", &type_choice, FIELD(parallel.reduce), "shared", .may_change = true,
     .meaning = "how gradients are summed", .list = reduce_choice},
    {"parallel.ranks_per_node", &type_integer, FIELD(parallel.ranks_per_node), "auto", .may_change = true,
     .meaning = "ranks that share one copy of the parameters; auto: all ranks of a node",
     .range = {.low = 1, .high = 1048576}, .or_auto = true},
    {"parallel.timeout", &type_number, FIELD(parallel.timeout), "300", .may_change = true,
     .meaning =
         "seconds that a rank waits for others that do not work before it ends the job and names the rank or "
         "the node that does not answer; 0: no limit",
     NOT_NEGATIVE},
    {"checkpoint.every", &type_every, FIELD(checkpoint.every), "auto", .may_change = true,
     .meaning =
         "when checkpoints are written; auto: after an epoch, if all checkpoints together then take about "
         "1 % of the time at most; the end of a run has one in any case"},
    {"checkpoint.best", &type_choice, FIELD(checkpoint.best), "valid_loss",
     .meaning = "metric whose best epoch is stored in model.h5; for one of several heads: "
                "HEAD.valid_accuracy; none: the last epoch",
     CHOICES(stop_metric), .of_head = true},
    {"checkpoint.keep", &type_integer, FIELD(checkpoint.keep), "2", .may_change = true,
     .meaning = "number of newest checkpoints to keep", .range = {.low = 1, .high = INT32_MAX}},
    {"checkpoint.parts", &type_choice, FIELD(checkpoint.parts), "auto", .may_change = true,
     .meaning = "who writes the optimiser's state", .list = parts_choice},
    {"checkpoint.copies", &type_integer, FIELD(checkpoint.copies), "1", .may_change = true,
     .meaning =
         "number of hosts that keep checkpoints, where `runs` is on a disk of each host: with 2, a run "
         "survives the loss of the host of rank 0",
     .range = {.low = 1, .high = 1024}},
};

const key_table_t settings_keys = {rows, sizeof rows / sizeof rows[0]};
