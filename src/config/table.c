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
      {"full", "a shard's rows in a new random order every epoch"},
      {"blocks", "blocks of 1024 rows in random order, and the rows inside each: for data read from disk"},
      {"none", "rows as they lie in the file"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool reduce_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"shared",
       "gradients summed by the tree in shared memory, update fused into the sum: the same bits on any "
       "layout"},
      {"mpi", "MPI_Allreduce, then every rank updates everything: the textbook way, to compare with"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool window_targets_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"x", "all columns of x"},
      {"y", "all columns of y, which goes along with x step by step"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static bool missing_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"error", "ends the run with row and column"},
      {"drop", "the row is left out; an error in `predict`"},
      {"mean", "the mean of the column's training rows, or no category"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

static const key_row_t scaling_rows[] = {
    {"name", &type_choice, offsetof(scaling_settings_t, name), NULL, .may_change = true,
     .meaning = "scaling of these columns", CHOICES(scaling)},
    {"range", &type_range, 0, "[0, 1]", .used_with = "name", .used_by = "minmax",
     .meaning = "where the smallest and largest value go"},
};

const key_table_t scaling_keys = {scaling_rows, sizeof scaling_rows / sizeof scaling_rows[0]};

static const key_row_t rows[] = {
    {"name", &type_name, FIELD(name), name_from_file, .meaning = "the run directory is RUNS/NAME"},
    {"runs", &type_text, FIELD(runs), "runs", .may_change = true, .meaning = "directory of run directories"},
    {"data.file", &type_text, FIELD(data.file), NULL, .may_change = true,
     .meaning = "HDF5 file with the data sets"},
    {"data.x", &type_text, FIELD(data.x), "train/x", .meaning = "training rows: features"},
    {"data.y", &type_text, FIELD(data.y), "train/y", .meaning = "training rows: labels or targets"},
    {"data.valid_x", &type_text, FIELD(data.valid_x), "valid/x",
     .meaning = "validation rows, used when present and validation is 0"},
    {"data.valid_y", &type_text, FIELD(data.valid_y), "valid/y", .meaning = "their labels or targets"},
    {"data.test_x", &type_text, FIELD(data.test_x), "test/x", .may_change = true,
     .meaning = "test rows, used when present"},
    {"data.test_y", &type_text, FIELD(data.test_y), "test/y", .may_change = true,
     .meaning = "their labels or targets"},
    {"data.weights", &type_text, FIELD(data.weights), "none",
     .meaning = "training rows: how much each counts in the loss, an array of numbers; or none"},
    {"data.valid_weights", &type_text, FIELD(data.valid_weights), "none",
     .meaning = "the same for validation rows in arrays of their own"},
    {"data.test_weights", &type_text, FIELD(data.test_weights), "none", .may_change = true,
     .meaning = "the same for test rows"},
    {"data.validation", &type_validation, 0, "0",
     .meaning = "share of the training rows kept for validation, or the group (with x and y) to validate on",
     .range = {0, 1, .high_open = true}},
    {"data.validation_seed", &type_integer, FIELD(data.validation_seed), "auto",
     .used_with = "data.validation", .meaning = "seed of the choice of validation rows; auto: train.seed",
     .range = {.low = 0, .high = 9007199254740991.0}, .or_auto = true},
    {"data.shuffle", &type_choice, FIELD(data.shuffle), "full", .meaning = "order of the training rows",
     .list = shuffle_choice},
    {"data.memory_limit", &type_bytes, FIELD(data.memory_limit), "none", .may_change = true,
     .meaning = "the most that a rank holds of the data in memory; what is more is read while it is used"},
    {"data.window.length", &type_integer, FIELD(data.window.length), "0",
     .meaning =
         "forecasting: x is a series, a row a time step, and so many steps are the inputs of a forecast; "
         "0: rows are no series",
     .range = {.low = 0, .high = INT32_MAX}},
    {"data.window.horizon", &type_integer, FIELD(data.window.horizon), "1", .used_with = "data.window.length",
     .meaning = "steps that are forecast, those that follow the inputs; of classes the last of them alone",
     .range = {.low = 1, .high = INT32_MAX}},
    {"data.window.stride", &type_integer, FIELD(data.window.stride), "1", .used_with = "data.window.length",
     .meaning = "steps from the beginning of a window to that of the next",
     .range = {.low = 1, .high = INT32_MAX}},
    {"data.window.targets", &type_numbers, FIELD(data.window.targets), "x", .used_with = "data.window.length",
     .meaning = "what is forecast: x, y, or a list of columns of x, counted from 0",
     .list = window_targets_choice, .range = {0, .high = INT32_MAX}},
    {"data.window.season", &type_integer, FIELD(data.window.season), "0", .used_with = "data.window.length",
     .meaning =
         "steps of a season: the value of a season ago is a forecast to compare with; at most the length",
     .range = {.low = 0, .high = INT32_MAX}},
    {"data.window.test", &type_number, FIELD(data.window.test), "0", .used_with = "data.window.length",
     .meaning = "share of the training series that is kept for the test, its end; validation comes before it",
     .range = {0, 1, .high_open = true}},
    {"data.window.series", &type_text, FIELD(data.window.series), "none", .used_with = "data.window.length",
     .meaning = "several series in x: an array beside it with an integer for each row, the number of its "
                "series; none: x is one series"},
    {"data.scaling.name", &type_choice, FIELD(data.scaling.name), "none",
     .meaning = "scaling of features, fitted on the training rows", CHOICES(scaling)},
    {"data.scaling.range", &type_range, FIELD(data.scaling), "[0, 1]", .used_with = "data.scaling.name",
     .used_by = "minmax", .meaning = "where the smallest and largest value go"},
    {"data.scaling.columns", &type_columns, 0, "{}",
     .meaning = "columns scaled in another way, by name, index or FIRST-LAST: `{age: robust, 3-5: one_hot}`"},
    {"data.target_scaling.name", &type_choice, FIELD(data.target_scaling.name), "none",
     .meaning = "scaling of targets, undone in predictions", CHOICES(scaling)},
    {"data.target_scaling.range", &type_range, FIELD(data.target_scaling), "[0, 1]",
     .used_with = "data.target_scaling.name", .used_by = "minmax",
     .meaning = "where the smallest and largest value go"},
    {"data.missing", &type_choice, FIELD(data.missing), "error", .meaning = "what becomes of NaN in x",
     .list = missing_choice},
    {"data.basis.name", &type_choice, FIELD(data.basis.name), "none",
     .meaning = "basis functions of the scaled features, ahead of the network", CHOICES(basis)},
    {"data.basis.degree", &type_integer, FIELD(data.basis.degree), "2", .used_with = "data.basis.name",
     .used_by = "polynomial, polynomial_kernel", .meaning = "polynomials: the highest power",
     .range = {.low = 1, .high = 64}},
    {"data.basis.interactions", &type_bool, FIELD(data.basis.interactions), "true",
     .used_with = "data.basis.name", .used_by = "polynomial",
     .meaning = "products of different features too"},
    {"data.basis.size", &type_integer, FIELD(data.basis.size), "100", .used_with = "data.basis.name",
     .used_by = "fourier, rbf, polynomial_kernel, linear_kernel",
     .meaning = "frequencies; rbf and kernels: landmark rows, auto: all training rows",
     .range = {.low = 1, .high = 1048576}, .or_auto = true},
    {"data.basis.gamma", &type_number, FIELD(data.basis.gamma), "0", .used_with = "data.basis.name",
     .used_by = "fourier, rbf, polynomial_kernel",
     .meaning = "factor of the squared distance or product; 0: 1 / features", NOT_NEGATIVE},
    {"data.basis.coef0", &type_number, FIELD(data.basis.coef0), "1", .used_with = "data.basis.name",
     .used_by = "polynomial_kernel", .meaning = "the constant"},
    {"data.basis.seed", &type_integer, FIELD(data.basis.seed), "auto", .used_with = "data.basis.name",
     .used_by = "fourier, rbf, polynomial_kernel, linear_kernel",
     .meaning = "seed of frequencies and of the choice of landmark rows; auto: train.seed",
     .range = {.low = 0, .high = 9007199254740991.0}, .or_auto = true},
    {"model.layers", &type_layers, 0, NULL, .meaning = "list of layers, from input to output"},
    {"loss", &type_losses, 0, NULL, .meaning = "a loss with its keys, or a list of them, one for each head"},
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
     .meaning = "added to the root of the mean (adagrad: sum) of squares",
     .range = {.low = 1e-30, .high = 1}},
    {"optimizer.alpha", &type_number, FIELD(optimizer.alpha), "0.99", .may_change = true,
     .used_with = "optimizer.name", .used_by = "rmsprop", .meaning = "decay of the mean square",
     .range = {0, 1, .high_open = true}},
    {"optimizer.weight_decay", &type_number, FIELD(optimizer.weight_decay), "0.01", .may_change = true,
     .used_with = "optimizer.name", .used_by = "adamw, lars, lamb",
     .meaning = "decay of weights, not of biases, beside the gradient", NOT_NEGATIVE},
    {"optimizer.trust_coefficient", &type_number, FIELD(optimizer.trust_coefficient), "0.001",
     .may_change = true, .used_with = "optimizer.name", .used_by = "lars",
     .meaning = "how far a step goes, as a share of the weights' norm", POSITIVE},
    {"schedule.name", &type_choice, FIELD(schedule.name), "constant", .may_change = true,
     .meaning = "course of the learning rate", CHOICES(schedule)},
    {"schedule.scaling", &type_choice, FIELD(schedule.scaling), "none", .may_change = true,
     .meaning = "how the learning rate grows with the batch", CHOICES(rate_scaling)},
    {"schedule.base_batch_size", &type_integer, FIELD(schedule.base_batch_size), "256", .may_change = true,
     .used_with = "schedule.scaling", .used_by = "linear, sqrt",
     .meaning = "scaling: the batch that optimizer.learning_rate is for",
     .range = {.low = 1, .high = INT32_MAX}},
    {"schedule.warmup_epochs", &type_number, FIELD(schedule.warmup_epochs), "0", .may_change = true,
     .meaning = "epochs of linear warm-up from 0, may be a fraction", NOT_NEGATIVE},
    {"schedule.start", &type_number, FIELD(schedule.start), "0.04", .may_change = true,
     .used_with = "schedule.name", .used_by = "one_cycle, cyclic",
     .meaning = "where the rate begins, as a share of the base rate", .range = {.low = 0, .high = 1}},
    {"schedule.rise", &type_number, FIELD(schedule.rise), "0.3", .may_change = true,
     .used_with = "schedule.name", .used_by = "one_cycle",
     .meaning = "share of the run in which the rate climbs", .range = {.low = 0, .high = 1}},
    {"schedule.final", &type_number, FIELD(schedule.final), "0", .may_change = true,
     .used_with = "schedule.name", .used_by = "cosine, polynomial, one_cycle, reduce_on_plateau",
     .meaning = "last rate as a share of the base rate; reduce_on_plateau: the "
                "least",
     .range = {.low = 0, .high = 1}},
    {"schedule.power", &type_number, FIELD(schedule.power), "1", .may_change = true,
     .used_with = "schedule.name", .used_by = "polynomial", .meaning = "1 is a line", POSITIVE},
    {"schedule.every_epochs", &type_number, FIELD(schedule.every_epochs), "10", .may_change = true,
     .used_with = "schedule.name", .used_by = "step, exponential, cyclic",
     .meaning = "epochs between drops; exponential: for a drop; cyclic: up and down again", POSITIVE},
    {"schedule.factor", &type_number, FIELD(schedule.factor), "0.1", .may_change = true,
     .used_with = "schedule.name", .used_by = "step, exponential, reduce_on_plateau",
     .meaning = "what a drop multiplies the rate by", .range = {0, 1, .low_open = true}},
    {"schedule.patience", &type_integer, FIELD(schedule.patience), "10", .may_change = true,
     .used_with = "schedule.name", .used_by = "reduce_on_plateau",
     .meaning = "epochs without a better loss before a drop", .range = {.low = 1, .high = INT32_MAX}},
    {"schedule.threshold", &type_number, FIELD(schedule.threshold), "0.0001", .may_change = true,
     .used_with = "schedule.name", .used_by = "reduce_on_plateau",
     .meaning = "a loss is better when it has fallen by more than this share",
     .range = {0, 1, .high_open = true}},
    {"train.epochs", &type_integer, FIELD(train.epochs), "10", .may_change = true,
     .meaning = "passes over the training rows; 0 saves the initial model",
     .range = {.low = 0, .high = INT32_MAX}},
    {"train.steps", &type_integer, FIELD(train.steps), "0", .may_change = true,
     .meaning = "updates after which the run ends, within an epoch too; 0: when its epochs are done",
     .range = {.low = 0, .high = INT32_MAX}},
    {"train.global_batch_size", &type_batch, FIELD(train.global_batch_size), "128",
     .meaning = "rows of a step, all ranks together; all: every training row, full-batch descent",
     .range = {.low = 1, .high = INT32_MAX}},
    {"train.seed", &type_seed, FIELD(train.seed), "1", .meaning = "seed of everything random"},
    {"train.precision", &type_choice, FIELD(train.precision), "fp32",
     .meaning = "of the factors of dense layers' products in training", CHOICES(precision)},
    {"train.members", &type_integer, FIELD(train.members), "1",
     .meaning =
         "networks of an ensemble, each a run of its own with seeds seed, seed + 1, ...; 1: one network",
     .range = {.low = 1, .high = 10000}},
    {"train.l1", &type_number, FIELD(train.l1), "0", .may_change = true,
     .meaning = "penalty l1 |w| on weights, not on biases; exact zeros by the optimiser proximal",
     NOT_NEGATIVE},
    {"train.l2", &type_number, FIELD(train.l2), "0", .may_change = true,
     .meaning = "penalty l2/2 w^2 on weights, not on biases", NOT_NEGATIVE},
    {"train.clip_norm", &type_number, FIELD(train.clip_norm), "0", .may_change = true,
     .meaning = "the gradient's global norm is cut to this; 0: never", NOT_NEGATIVE},
    {"train.log_every", &type_integer, FIELD(train.log_every), "0", .may_change = true,
     .meaning = "steps between logged steps; 0: epochs only", .range = {.low = 0, .high = INT32_MAX}},
    {"train.top_k", &type_integer, FIELD(train.top_k), "5", .may_change = true,
     .meaning = "k of the top-k accuracy", .range = {.low = 1, .high = INT32_MAX}},
    {"train.time_limit", &type_number, FIELD(train.time_limit), "0", .may_change = true,
     .meaning = "seconds after which the run has saved a checkpoint and ended with exit code 75; 0: no limit",
     NOT_NEGATIVE},
    {"stop.tol", &type_number, FIELD(stop.tol), "0", .may_change = true,
     .meaning = "the run ends when the training loss has fallen by less than this over stop.over; 0: never",
     NOT_NEGATIVE},
    {"stop.over", &type_span, FIELD(stop.over), "5 epochs", .may_change = true, .used_with = "stop.tol",
     .meaning = "how long the loss has for that fall; of steps the mean over so many is taken"},
    {"stop.gradient_norm", &type_number, FIELD(stop.gradient_norm), "0", .may_change = true,
     .meaning = "the run ends when the gradient's norm, of an epoch's last step, is below this; 0: never",
     NOT_NEGATIVE},
    {"stop.patience", &type_integer, FIELD(stop.patience), "0", .may_change = true,
     .meaning = "the run ends when the validation loss has not been better for so many epochs; 0: never",
     .range = {.low = 0, .high = INT32_MAX}},
    {"stop.metric", &type_choice, FIELD(stop.metric), "none", .may_change = true,
     .meaning =
         "the run ends when this figure has reached stop.target; of one of several heads: HEAD.valid_loss",
     CHOICES(stop_metric), .of_head = true},
    {"stop.target", &type_number, FIELD(stop.target), "0", .may_change = true, .used_with = "stop.metric",
     .meaning = "losses and errors: at most this; accuracy and R2: at least"},
    {"solve.method", &type_choice, FIELD(solve.method), "least_squares", .may_change = true,
     .meaning = "`lockstep solve`: which closed form", CHOICES(solve)},
    {"solve.lambda", &type_number, FIELD(solve.lambda), "1", .may_change = true, .used_with = "solve.method",
     .used_by = "ridge", .meaning = "penalty lambda w^2 on weights, beside the sum of squared errors",
     NOT_NEGATIVE},
    {"parallel.threads", &type_integer, FIELD(parallel.threads), "auto", .may_change = true,
     .meaning =
         "threads of a rank; auto: CPUs of a SLURM task, or the cores of a node divided among its ranks",
     .range = {.low = 1, .high = 65536}, .or_auto = true},
    {"parallel.shards", &type_integer, FIELD(parallel.shards), "auto", .may_change = true,
     .meaning = "shards of the run; auto: by the global batch alone, 32 to 256 rows each",
     .range = {.low = 1, .high = 1048576}, .or_auto = true},
    {"parallel.reduce", &type_choice, FIELD(parallel.reduce), "shared", .may_change = true,
     .meaning = "how gradients are summed", .list = reduce_choice},
    {"parallel.ranks_per_node", &type_integer, FIELD(parallel.ranks_per_node), "auto", .may_change = true,
     .meaning = "ranks that share one copy of the parameters; auto: all of a node",
     .range = {.low = 1, .high = 1048576}, .or_auto = true},
    {"parallel.timeout", &type_number, FIELD(parallel.timeout), "300", .may_change = true,
     .meaning = "seconds that a rank waits for others before it ends the job and names the nodes that do not "
                "answer; 0: for ever",
     NOT_NEGATIVE},
    {"checkpoint.every", &type_every, FIELD(checkpoint.every), "1 epoch", .may_change = true,
     .meaning = "when checkpoints are written"},
    {"checkpoint.best", &type_choice, FIELD(checkpoint.best), "valid_loss",
     .meaning = "the figure whose best epoch model.h5 holds; of one of several heads: HEAD.valid_accuracy; "
                "none: the last epoch",
     CHOICES(stop_metric), .of_head = true},
    {"checkpoint.keep", &type_integer, FIELD(checkpoint.keep), "2", .may_change = true,
     .meaning = "newest checkpoints kept", .range = {.low = 1, .high = INT32_MAX}},
};

const key_table_t settings_keys = {rows, sizeof rows / sizeof rows[0]};
