/* `check` refuses what `train` refuses: with the same exit code and the same message, before a run exists. */
#include "system/run.h"

#include "base/error.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(check, .init = place_make, .fini = place_remove);

enum { MESSAGE_SIZE = 2048, OK = 0, SETTINGS = 2, DATA = 3 };

/* The line of a message for users, `lockstep: ...`, without what mpirun adds. */
static void message_of(const result_t *result, char out[MESSAGE_SIZE]) {
  const char *line = strstr(result->err, "lockstep: ");
  snprintf(out, MESSAGE_SIZE, "%.*s", line == NULL ? 0 : (int)strcspn(line, "\n"), line != NULL ? line : "");
}

static void write_files(void) {
  const spec_t classes = {.rows = 2000};
  spec_t bad = classes;
  write_dataset("classes.h5", classes);
  bad.label_row = 37;
  write_dataset("label.h5", bad);
  bad = classes;
  bad.nan_row = 311;
  write_dataset("nan.h5", bad);
  bad = classes;
  bad.without_y = true;
  write_dataset("bare.h5", bad);
  bad = classes;
  bad.y_rows = 1999;
  write_dataset("short.h5", bad);
  bad = classes;
  bad.one_hot = CLASSES;
  write_dataset("hot.h5", bad);
  write_dataset("values.h5", (spec_t){.rows = 2000, .regression = true});
  write_dataset("weighted.h5", (spec_t){.rows = 2000, .regression = true, .weighted = true});
}

static void write_config(const char *name, const char *data, int units, const char *loss) {
  write_text(name,
             "data: {file: %s.h5, scaling: standard, validation: 0.1}\n"
             "model: {layers: [{dense: {units: 8, activation: tanh}}, dense: %d]}\n"
             "loss: %s\n"
             "train: {epochs: 1, global_batch_size: 40}\n"
             "optimizer: {name: sgd, learning_rate: 0.001}\n"
             "checkpoint: {every: never}\nparallel: {shards: 4, threads: 1}\n",
             data, units, loss);
}

#define LAYERS(units) "'model.layers=[dense: " #units "]'"

static const struct {
  const char *config, *words, *says;
  int code;
} cases[] = {
    /* labels and classes */
    {"classes", "", "", OK},
    {"classes", LAYERS(4), "the network knows 4 classes", DATA},
    {"classes", LAYERS(1), "needs an output for every class", SETTINGS},
    {"classes", "data.file=label.h5", "row 37", DATA},
    {"classes", "data.file=label.h5 data.memory_limit=70KB", "row 37", DATA},
    {"classes", "data.file=label.h5 train.members=2", "row 37", DATA},
    {"classes", "data.file=hot.h5 " LAYERS(4), "one-hot", DATA},
    {"classes", "data.file=bare.h5", "needs a target for every row", DATA},
    {"classes", "data.file=short.h5", "1999", DATA},
    {"classes", "loss.class_weights=[1,2]", "loss.class_weights", SETTINGS},
    {"classes", "loss.class_weights=[0,0,0,0,0]", "all are 0", SETTINGS},
    {"classes", "data.target_scaling=standard", "data.target_scaling is for regression", SETTINGS},
    {"classes", "checkpoint.best=valid_r2", "has no r2", SETTINGS},
    {"classes", "loss=mse", "for 5 targets", DATA},
    /* features */
    {"classes", "data.file=nan.h5", "NaN in row 311", DATA},
    {"classes", "data.file=nan.h5 data.memory_limit=70KB data.scaling=none", "NaN in row 311", DATA},
    {"classes", "data.file=nan.h5 data.missing=drop", "", OK},
    {"classes", "data.file=nowhere.h5", "nowhere.h5", DATA},
    {"classes", "data.x=nothing/x", "nothing/x", DATA},
    {"classes", "data.scaling=one_hot", "whole number", DATA},
    {"classes", "'data.scaling={name: standard, columns: {13: minmax}}'", "13", SETTINGS},
    {"classes", "'data.basis={name: rbf, size: 5000}'", "5000 landmark rows", SETTINGS},
    {"classes", "data.validation=0.0001", "data.validation", DATA},
    /* targets that a loss cannot take */
    {"values", "", "", OK},
    {"values", LAYERS(2), "for 2 targets", DATA},
    {"values", "loss=binary_cross_entropy data.target_scaling=none", "[0, 1]", DATA},
    {"values", "loss=poisson_nll data.target_scaling=standard", "takes counts", SETTINGS},
    {"values", "loss=gaussian_nll", "outputs for every target", SETTINGS},
    {"values", "'loss=[{name: mse, outputs: 2, targets: [0, 7]}, {name: mae, outputs: 1, targets: [1]}]'",
     "8", DATA},
    {"values", "data.weights=train/y", "one number for each", DATA},
    {"values", "data.file=weighted.h5 data.weights=train/weights", "", OK},
    /* memory, batches, ensembles */
    {"values", "data.memory_limit=1KB", "data.memory_limit", SETTINGS},
    {"values", "data.memory_limit=100KB train.global_batch_size=1500", "too little for two steps", SETTINGS},
    {"values", "train.global_batch_size=all", "", OK},
    {"values", "train.global_batch_size=all train.members=2", "", OK},
    {"values", "parallel.shards=64", "parallel.shards", SETTINGS},
    {"values", "optimizer=lbfgs", "lbfgs", SETTINGS},
    {"values", "data.validation=0 stop.patience=2", "stop.patience", SETTINGS},
    /* windows */
    {"values", "'data.window={length: 2500, horizon: 1}'", "data.window.length 2500", DATA},
    {"values", "'data.window={length: 5, horizon: 1, season: 6}'", "data.window.season", SETTINGS},
    {"values", "'data.window={length: 5, horizon: 2, targets: y}'", "data.window.horizon", SETTINGS},
};

static void try_case(size_t i, int ranks) {
  char checked[MESSAGE_SIZE], trained[MESSAGE_SIZE];
  result_t result = run(ranks, "check %s.yaml name=it %s", cases[i].config, cases[i].words);
  cr_expect_eq(result.code, cases[i].code, "check %s: %d: %s", cases[i].words, result.code, result.err);
  cr_expect(!file_exists("runs/it"), "check %s wrote something", cases[i].words);
  message_of(&result, checked);
  result = run(ranks, "train %s.yaml name=it %s", cases[i].config, cases[i].words);
  cr_expect_eq(result.code, cases[i].code, "train %s: %d: %s", cases[i].words, result.code, result.err);
  message_of(&result, trained);
  cr_expect_str_eq(checked, trained, "%s:\n%s\n%s", cases[i].words, checked, trained);
  cr_expect_not_null(strstr(checked, cases[i].says), "%s: %s", cases[i].words, checked);
  run_command("rm -rf runs");
}

Test(check, refuses_what_train_refuses) {
  write_files();
  write_config("classes.yaml", "classes", CLASSES, "cross_entropy");
  write_config("values.yaml", "values", TARGETS, "mse");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) try_case(i, i % 8 == 3 ? 2 : ALONE);
}
