/* Training that begins with the weights of a model, and layers that stay as they are. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 19, ALL = WIDTH * FEATURES };

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 413});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.15, scaling: standard}\n"
             "model: {layers: [{dense: {units: %d, activation: tanh}}, {layer_norm: {}},\n"
             "                 {dense: {units: 16, activation: silu}}, {dense: %d}]}\n"
             "loss: cross_entropy\ntrain: {epochs: 2, global_batch_size: 70}\n"
             "parallel: {shards: 6, threads: 1}\n",
             WIDTH, CLASSES);
  run_well(ALONE, "train config.yaml name=source");
}

TestSuite(init_from, .init = set_up, .fini = place_remove, .timeout = 300);

/* The arrays of dense1 and dense2: weights that are frozen, and weights that are not. */
typedef struct {
  float first[ALL], bias[WIDTH], norm[WIDTH], second[16 * WIDTH];
} weights_t;

static weights_t weights_of(const char *name) {
  weights_t weights;
  char path[128];
  snprintf(path, sizeof path, "runs/%s/model.h5", name);
  read_floats(path, "parameters/dense1/weight", WIDTH, weights.first);
  read_floats(path, "parameters/dense1/bias", WIDTH, weights.bias);
  read_floats(path, "parameters/layer_norm1/scale", WIDTH, weights.norm);
  read_floats(path, "parameters/dense2/weight", 16, weights.second);
  return weights;
}

static void expect_refused(int code, const char *part, const char *words) {
  result_t result = run(ALONE, "%s", words);
  cr_expect_eq(result.code, code, "%s: exit code %d\n%s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, part), "no '%s' in: %s", part, result.err);
}

Test(init_from, without_an_epoch_it_is_the_same_model) {
  run_well(ALONE, "train config.yaml name=copy model.init_from=runs/source/model.h5 train.epochs=0");
  run_well(ALONE, "diff runs/source/model.h5 runs/copy/model.h5");
  cr_expect_neq(run(ALONE, "diff runs/source/model.h5 runs/other/model.h5").code, 0);
}

Test(init_from, frozen_weights_keep_their_bits_with_every_optimiser) {
  static const char *const optimisers[] = {
      "optimizer={name: sgd, momentum: 0.9, nesterov: true} train.l2=0.1",
      "optimizer=adam train.l1=0.01",
      "optimizer={name: adamw, weight_decay: 0.5}",
      "optimizer=adagrad",
      "optimizer={name: rmsprop, momentum: 0.5} train.clip_norm=0.1",
      "optimizer=nadam train.on_nan=skip",
      "optimizer=proximal train.l1=0.1",
      "optimizer={name: lars, weight_decay: 0.1}",
      "optimizer={name: lamb, weight_decay: 0.1}",
      "optimizer=lbfgs train.global_batch_size=all train.l2=0.01",
  };
  const weights_t source = weights_of("source");
  for (size_t i = 0; i < sizeof optimisers / sizeof optimisers[0]; i++) {
    char words[256] = "", name[32];
    const char *from = optimisers[i];
    size_t braces = strcspn(from, "}");
    const bool is_table = from[braces] != '\0'; /* it has spaces, so it needs quotes */
    snprintf(words, sizeof words, "%s%.*s%s%s", is_table ? "'" : "",
             (int)(is_table ? braces + 1 : strlen(from)), from, is_table ? "'" : "",
             is_table ? from + braces + 1 : "");
    snprintf(name, sizeof name, "frozen-%zu", i);
    run_well(i % 3 == 0 ? 2 : ALONE,
             "train config.yaml name=%s model.init_from=runs/source/model.h5 "
             "'model.freeze=[dense1, layer_norm1]' checkpoint.best=none %s",
             name, words);
    const weights_t now = weights_of(name);
    cr_expect_arr_eq(now.first, source.first, sizeof now.first, "%s", from);
    cr_expect_arr_eq(now.bias, source.bias, sizeof now.bias, "%s", from);
    cr_expect_arr_eq(now.norm, source.norm, sizeof now.norm, "%s", from);
    cr_expect_neq(memcmp(now.second, source.second, sizeof now.second), 0, "%s trains nothing", from);
  }
}

Test(init_from, has_the_same_bits_on_any_layout) {
  static const struct {
    int ranks;
    const char *words;
  } layouts[] = {{ALONE, "parallel.threads=1"},
                 {3, "parallel.threads=2"},
                 {2, "parallel.ranks_per_node=1"},
                 {4, "parallel.ranks_per_node=2"}};
  outcome_t first = {.epochs = 0};
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
    char name[32];
    snprintf(name, sizeof name, "layout-%zu", i);
    run_well(layouts[i].ranks,
             "train config.yaml name=%s model.init_from=runs/source/model.h5 model.init_layers=matching "
             "'model.layers=[{dense: {units: 19, activation: tanh}}, {layer_norm: {}}, {batch_norm: {}}, "
             "{dense: 8}, {dense: 5}]' 'model.freeze=[dense1, batch_norm1]' train.clip_norm=0.5 %s",
             name, layouts[i].words);
    outcome_t outcome = outcome_of(name);
    if (i == 0) first = outcome;
    outcome_expect_same(&first, &outcome, layouts[i].words);
  }
}

Test(init_from, says_which_layers_match) {
  result_t result = run_well(
      ALONE, "train config.yaml name=some model.init_from=runs/source/model.h5 "
             "model.init_layers=matching 'model.layers=[dense: 19, layer_norm: {}, dense: 7, dense: 5]' "
             "train.epochs=0");
  cr_expect_not_null(strstr(result.err, ": dense1, layer_norm1; they begin anew: dense2, dense3"), "%s",
                     result.err);
  const weights_t source = weights_of("source");
  float first[ALL];
  read_floats("runs/some/model.h5", "parameters/dense1/weight", WIDTH, first);
  cr_expect_arr_eq(first, source.first, sizeof first);
}

Test(init_from, a_resumed_run_goes_on_from_its_checkpoint) {
  const char *words = "model.init_from=runs/source/model.h5 'model.freeze=[dense1]' name=long";
  run_well(ALONE, "train config.yaml train.epochs=4 %s",
           "model.init_from=runs/source/model.h5 "
           "'model.freeze=[dense1]' name=whole");
  run_well(ALONE, "train config.yaml train.epochs=2 %s", words);
  run_well(2, "train config.yaml --resume train.epochs=4 %s", words);
  outcome_t whole = outcome_of("whole"), resumed = outcome_of("long");
  cr_expect_str_eq(whole.checksum, resumed.checksum);

  run_well(ALONE, "train config.yaml name=other train.seed=5");
  expect_refused(3, "is not the model that the run of",
                 "train config.yaml --resume name=long train.epochs=5 model.init_from=runs/other/model.h5");
  expect_refused(2, "began with a model, so it cannot be resumed without one",
                 "train config.yaml --resume name=long train.epochs=5");
  expect_refused(2, "began without a model",
                 "train config.yaml --resume name=other train.seed=5 train.epochs=5 "
                 "model.init_from=runs/source/model.h5");
}

Test(init_from, what_does_not_fit_is_refused_by_name) {
  run_well(ALONE, "train config.yaml name=group train.members=2 train.epochs=1");
  static const struct {
    int code;
    const char *part, *words;
  } cases[] = {
      {2, "no layer of runs/source/model.h5 has the name and the shapes",
       "train config.yaml name=x model.init_from=runs/source/model.h5 model.init_layers=matching "
       "'model.layers=[{dense: 7}, {dense: 5}]'"},
      {2, "data.scaling.name is not what runs/source/model.h5 was trained with",
       "check config.yaml name=x model.init_from=runs/source/model.h5 data.scaling=minmax"},
      {2, "is an ensemble of 2 networks", "train config.yaml name=x model.init_from=runs/group/model.h5"},
      {3, "model.init_from: data.h5", "train config.yaml name=x model.init_from=data.h5"},
      {2, "has no layer 'dense7' with weights; there are dense1, layer_norm1, dense2, dense3",
       "train config.yaml name=x 'model.freeze=[dense1, dense7]'"},
      {2, "nothing is left to train",
       "train config.yaml name=x 'model.freeze=[dense1, dense2, dense3, layer_norm1]'"},
      {2, "model.init_layers: has no effect", "train config.yaml name=x model.init_layers=matching"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_refused(cases[i].code, cases[i].part, cases[i].words);
  expect_refused(2, "dense2/weight is 16 x 19 in runs/source/model.h5, but 9 x 19 here",
                 "train config.yaml name=x model.init_from=runs/source/model.h5 "
                 "'model.layers=[{dense: 19}, {layer_norm: {}}, {dense: 9}, {dense: 5}]'");
  expect_refused(2, "dense3/weight is 5 x 16 in runs/source/model.h5, but absent here",
                 "train config.yaml name=x model.init_from=runs/source/model.h5 "
                 "'model.layers=[{dense: 19}, {layer_norm: {}}, {dense: 16}]' loss=hinge");
}
