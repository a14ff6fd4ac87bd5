/* Settings that are wrong: every kind of mistake is refused with the line, the key and a way out. */
#include "config/fixture.h"

typedef struct {
  const char *text, *begins, *has;
} refusal_t;

static void assert_all_refused(const refusal_t *cases, size_t n) {
  for (size_t i = 0; i < n; i++) assert_refused(cases[i].text, NULL, cases[i].begins, cases[i].has);
}
#define ALL_REFUSED(cases) assert_all_refused(cases, sizeof(cases) / sizeof((cases)[0]))

Test(errors, unknown_keys_come_with_the_nearest_one) {
  static const refusal_t cases[] = {
      {MINIMAL "train: {epoch: 3}\n", "runs/t.yaml:6: train.epoch: unknown key; did you mean train.epochs?",
       ""},
      {MINIMAL "train:\n  epochs: 3\n  sed: 1\n",
       "runs/t.yaml:8: train.sed: unknown key; did you mean train.seed?", ""},
      {MINIMAL "trian: {epochs: 3}\n", "runs/t.yaml:6: trian: unknown key; did you mean train?", ""},
      {MINIMAL "learning_rate: 3\n", "runs/t.yaml:6: learning_rate: unknown key",
       "did you mean optimizer.learning_rate?"},
      {MINIMAL "train.epochs: 3\n", "runs/t.yaml:6: train.epochs: unknown key", "did you mean train.epochs?"},
      {MINIMAL "train: {xyzzyxyzzy: 3}\n", "runs/t.yaml:6: train.xyzzyxyzzy: unknown key; the keys here are",
       "epochs, steps, global_batch_size, seed, precision"},
      {MINIMAL "train: {batch_size: 3}\n",
       "runs/t.yaml:6: train.batch_size: unknown key; did you mean train.global_batch_size?", ""},
      {"data: {file: a, scaling: {nme: none}}\n", "runs/t.yaml:1: data.scaling.nme: unknown key",
       "did you mean data.scaling.name?"},
      {"data: {file: a}\nloss: mse\nmodel:\n  layers:\n    - dense: {units: 3, activaton: relu}\n",
       "runs/t.yaml:5: model.layers[0].dense.activaton: unknown key",
       "did you mean model.layers[0].dense.activation?"},
  };
  ALL_REFUSED(cases);
}

Test(errors, unknown_names_come_with_the_list) {
  static const refusal_t cases[] = {
      {MINIMAL "optimizer: adm\n", "runs/t.yaml:6: optimizer.name: unknown name 'adm'; did you mean adam?",
       "Known: sgd, adam, adamw"},
      {MINIMAL "schedule: {name: xyzzyxyzzy}\n", "runs/t.yaml:6: schedule.name: unknown name 'xyzzyxyzzy'",
       "Known: constant, cosine, step"},
      {MINIMAL "parallel: {reduce: share}\n", "runs/t.yaml:6: parallel.reduce: unknown name",
       "did you mean shared?"},
      {"data: {file: a, shuffle: ful}\nloss: mse\nmodel: {layers: [dense: 1]}\n",
       "runs/t.yaml:1: data.shuffle: ", "full, blocks, none"},
      {"data: {file: a}\nloss: mse\nmodel:\n  layers:\n    - dense: 3\n    - activation: rela\n",
       "runs/t.yaml:6: model.layers[1].activation.name: unknown name 'rela'; did you mean relu?", ""},
      {"data: {file: a}\nloss: mse\nmodel: {layers: [dense: {units: 1, init: he_norml}]}\n",
       "runs/t.yaml:3: model.layers[0].dense.init: ", "or auto"},
  };
  ALL_REFUSED(cases);
}

Test(errors, wrong_types_say_what_was_expected) {
  static const refusal_t cases[] = {
      {MINIMAL "train: {epochs: ten}\n", "runs/t.yaml:6: train.epochs: expected a whole number, not 'ten'",
       ""},
      {MINIMAL "train: {epochs: 1.5}\n", "runs/t.yaml:6: train.epochs: expected a whole number, not '1.5'",
       ""},
      {MINIMAL "train: {epochs: [1]}\n", "runs/t.yaml:6: train.epochs: expected a whole number, not a list",
       ""},
      {MINIMAL "train: {epochs: {}}\n", "runs/t.yaml:6: train.epochs: expected a whole number, not a table",
       ""},
      {MINIMAL "train:\n  epochs:\n", "runs/t.yaml:7: train.epochs: expected a whole number, not nothing",
       ""},
      {MINIMAL "train: {epochs: 9223372036854775808}\n", "runs/t.yaml:6: train.epochs: expected", ""},
      {MINIMAL "train: {seed: -1}\n", "runs/t.yaml:6: train.seed: expected a whole number from 0", "'-1'"},
      {MINIMAL "train: {seed: 18446744073709551616}\n", "runs/t.yaml:6: train.seed: expected", "2^64"},
      {MINIMAL "train: {seed: ''}\n", "runs/t.yaml:6: train.seed: expected", ""},
      {MINIMAL "train: {l2: 1e-3x}\n", "runs/t.yaml:6: train.l2: expected a number", ""},
      {MINIMAL "optimizer: {nesterov: 1}\n", "runs/t.yaml:6: optimizer.nesterov: expected true or false", ""},
      {MINIMAL "parallel: {threads: many}\n",
       "runs/t.yaml:6: parallel.threads: expected a whole number or auto", ""},
      {MINIMAL "train: 3\n", "runs/t.yaml:6: train: expected keys with values", "epochs"},
      {MINIMAL "optimizer: [adam]\n", "runs/t.yaml:6: optimizer: expected keys with values", "learning_rate"},
      {MINIMAL "schedule:\n", "runs/t.yaml:6: schedule: expected keys with values", ""},
      {MINIMAL "runs: ''\n", "runs/t.yaml:6: runs: is empty", ""},
      {MINIMAL "runs: \"a\\nb\"\n", "runs/t.yaml:6: runs: contains a line break", ""},
      {MINIMAL "name: a/b\n", "runs/t.yaml:6: name: 'a/b' cannot name a directory", ""},
      {MINIMAL "name: ..\n", "runs/t.yaml:6: name: '..' cannot name a directory", ""},
      {MINIMAL "checkpoint: {every: 3}\n", "runs/t.yaml:6: checkpoint.every: expected `N epochs`", "'3'"},
      {MINIMAL "checkpoint: {every: 0 steps}\n", "runs/t.yaml:6: checkpoint.every: expected", ""},
      {MINIMAL "checkpoint: {every: 3 weeks}\n", "runs/t.yaml:6: checkpoint.every: expected", "N steps"},
      {"- a\n- b\n", "runs/t.yaml:1: settings are keys with values", ""},
  };
  ALL_REFUSED(cases);
}

Test(errors, numbers_out_of_range_come_with_the_range) {
  static const refusal_t cases[] = {
      {MINIMAL "train: {epochs: -1}\n", "runs/t.yaml:6: train.epochs: out of range",
       "in [0, 2147483647], not -1"},
      {MINIMAL "train: {global_batch_size: 0}\n", "runs/t.yaml:6: train.global_batch_size: out of range",
       "[1,"},
      {MINIMAL "optimizer: {learning_rate: 0}\n", "runs/t.yaml:6: optimizer.learning_rate: out of range",
       "greater than 0"},
      {MINIMAL "optimizer: {beta1: 1}\n", "runs/t.yaml:6: optimizer.beta1: out of range", "[0, 1)"},
      {MINIMAL "schedule: {final: 1.5}\n", "runs/t.yaml:6: schedule.final: out of range",
       "in [0, 1], not 1.5"},
      {MINIMAL "schedule: {factor: 0}\n", "runs/t.yaml:6: schedule.factor: out of range", "(0, 1]"},
      {MINIMAL "train: {l2: -1}\n", "runs/t.yaml:6: train.l2: out of range", "at least 0"},
      {MINIMAL "train: {l2: nan}\n", "runs/t.yaml:6: train.l2: must be finite", ""},
      {MINIMAL "train: {l2: inf}\n", "runs/t.yaml:6: train.l2: must be finite", ""},
      {MINIMAL "train: {l2: 1e999}\n", "runs/t.yaml:6: train.l2: expected a number", ""},
      {MINIMAL "parallel: {threads: 0}\n", "runs/t.yaml:6: parallel.threads: out of range", "[1, 65536]"},
      {MINIMAL "parallel: {threads: -1}\n", "runs/t.yaml:6: parallel.threads: out of range", ""},
      {"data: {file: a, validation: 1}\n", "runs/t.yaml:1: data.validation: out of range", "[0, 1)"},
      {"data: {file: a, memory_limit: 5}\n", "runs/t.yaml:1: data.memory_limit: expected a size like 800MB",
       "not '5'"},
      {"data: {file: a, memory_limit: -5MB}\n", "runs/t.yaml:1: data.memory_limit: expected", "or none"},
      {"data: {file: a, memory_limit: 0.1B}\n", "runs/t.yaml:1: data.memory_limit: out of range", "1B"},
      {"data: {file: a, validation: nan}\n", "runs/t.yaml:1: data.validation: must be finite", ""},
      {"data: {file: a, scaling: {columns: {age: minmx}}}\n",
       "runs/t.yaml:1: data.scaling.columns.age.name: ", "did you mean minmax?"},
      {"data: {file: a, scaling: {columns: [age]}}\n", "runs/t.yaml:1: data.scaling.columns: expected",
       "a list"},
      {"data: {file: a, missing: modus}\n", "runs/t.yaml:1: data.missing: ", "error, drop, mean, median"},
      {"data: {file: a, scaling: {name: minmax, range: [1, 1]}}\n",
       "runs/t.yaml:1: data.scaling.range: ", "must be below"},
      {"data: {file: a, scaling: {name: minmax, range: [1]}}\n",
       "runs/t.yaml:1: data.scaling.range: expected", "[low, high]"},
      {"data: {file: a, scaling: {range: [0, inf]}}\n", "runs/t.yaml:1: data.scaling.range: must be finite",
       ""},
      {"data: {file: a, scaling: {range: [-1e308, 1e308]}}\n", "runs/t.yaml:1: data.scaling.range: ", ""},
      {"data: {file: a}\nmodel: {layers: [dropout: 1]}\nloss: mse\n",
       "runs/t.yaml:2: model.layers[0].dropout.rate: out of range", "[0, 1)"},
      {"data: {file: a}\nmodel: {layers: [dense: 0]}\nloss: mse\n",
       "runs/t.yaml:2: model.layers[0].dense.units: out of range", "[1, "},
  };
  ALL_REFUSED(cases);
}

Test(errors, keys_that_must_be_given_are_asked_for) {
  static const refusal_t cases[] = {
      {"model: {layers: [dense: 1]}\nloss: mse\n", "runs/t.yaml: data.file: this key is required", "HDF5"},
      {"data:\n  x: a\n", "runs/t.yaml:1: data.file: this key is required", ""},
      {"data: {file: a}\nloss: mse\n", "runs/t.yaml: model.layers: this key is required", ""},
      {"data: {file: a}\nmodel: {layers: [dense: 1]}\n", "runs/t.yaml: loss: this key is required", ""},
      {"data: {file: a}\nloss: mse\nmodel: {layers: [dense: {bias: true}]}\n",
       "runs/t.yaml:3: model.layers[0].dense.units: this key is required", ""},
  };
  ALL_REFUSED(cases);
}

#define NO_LOSS "data: {file: a}\nmodel: {layers: [dense: 1]}\n"

Test(errors, heads_are_named_apart_and_have_known_keys) {
  static const refusal_t cases[] = {
      {NO_LOSS "loss: []\n", "runs/t.yaml:3: loss: 0 losses", "one per head"},
      {NO_LOSS "loss: [mse, {delta: 1}]\n", "runs/t.yaml:3: loss[1].name: this key is required", ""},
      {NO_LOSS "loss: [{name: mse, output: 1}]\n", "runs/t.yaml:3: loss[0].output: unknown key",
       "did you mean loss[0].outputs?"},
      {NO_LOSS "loss: [{name: mse, weight: -1}]\n", "runs/t.yaml:3: loss[0].weight: out of range", ""},
      {NO_LOSS "loss: [{name: mse, targets: [0.5]}]\n", "runs/t.yaml:3: loss[0]: targets are column numbers",
       "0.5"},
      {NO_LOSS "loss: [{name: mse, head: a}, {name: mse, head: a}]\n",
       "runs/t.yaml:3: loss: two heads are called 'a'", ""},
      {NO_LOSS "loss: {name: mse, head: a b}\n", "runs/t.yaml:3: loss: head 'a b'", "letters"},
      {NO_LOSS "loss: {name: msa}\n", "runs/t.yaml:3: loss.name: unknown name 'msa'", "did you mean mse?"},
  };
  ALL_REFUSED(cases);
}

#define HEAD "data: {file: a}\nloss: mse\n"

Test(errors, layers_must_be_a_list_of_known_kinds) {
  static const refusal_t cases[] = {
      {HEAD "model: {layers: []}\n", "runs/t.yaml:3: model.layers: expected a list of one layer or more", ""},
      {HEAD "model: {layers: {dense: 1}}\n", "runs/t.yaml:3: model.layers: expected a list", ""},
      {HEAD "model:\n  layers:\n    - dense: 3\n    - dens: 1\n",
       "runs/t.yaml:6: model.layers[1]: unknown layer 'dens'", "did you mean dense?"},
      {HEAD "model: {layers: [dense]}\n", "runs/t.yaml:3: model.layers[0]: a layer is a kind", "residual"},
      {HEAD "model:\n  layers:\n    - dense:\n      units: 3\n",
       "runs/t.yaml:5: model.layers[0]: a layer is one kind", "indent"},
      {HEAD "model: {layers: [branches: [dense: 3]]}\n",
       "runs/t.yaml:3: model.layers[0].branches: expected two lists", ""},
      {HEAD "model: {layers: [branches: [[dense: 3], dense: 3]]}\n",
       "runs/t.yaml:3: model.layers[0].branches[1]: expected a list", ""},
      {HEAD "model: {layers: [residual: 3]}\n", "runs/t.yaml:3: model.layers[0].residual: expected a list",
       ""},
      {HEAD "model: {layers: [residual: []]}\n", "runs/t.yaml:3: model.layers[0].residual: expected a list",
       ""},
      {HEAD "model: {layers: [residual: [residual: [dense: -1]]]}\n",
       "runs/t.yaml:3: model.layers[0].residual[0].residual[0].dense.units: out of range", ""},
  };
  ALL_REFUSED(cases);
}

Test(errors, yaml_that_is_wrong_or_too_clever_is_refused) {
  static const refusal_t cases[] = {
      {"", "runs/t.yaml:1: empty", ""},
      {"# nothing\n", "runs/t.yaml:2: empty", ""},
      {"a: 1\na: 2\n", "runs/t.yaml:2: a: duplicate key", "line 1"},
      {MINIMAL "loss: huber\n", "runs/t.yaml:6: loss: duplicate key", "line 5"},
      {"data: [1, 2\nloss: mse\n", "runs/t.yaml:", "not valid YAML"},
      {"data:\n  file: a\n\tx: b\n", "runs/t.yaml:3: not valid YAML", ""},
      {"data: &a {file: b}\nmodel: *a\n", "runs/t.yaml:1: anchors", "not used"},
      {"a: *b\n", "runs/t.yaml:1: anchors", ""},
      {"name: !!str 3\n", "runs/t.yaml:1: anchors", ""},
      {"? [a]\n: 1\n", "runs/t.yaml:1: a key must be a word", ""},
      {"a: 1\n---\nb: 2\n", "runs/t.yaml:2: a second document", ""},
      {"name: \"a\\0b\"\n", "runs/t.yaml:1: a NUL character", ""},
      {"name: x\nruns: \xff\n", "runs/t.yaml:2: not a text file in UTF-8", ""},
  };
  ALL_REFUSED(cases);
}

/* `depth` residual blocks, one in the other. */
static void nest(char *text, size_t size, int depth) {
  size_t used = (size_t)snprintf(text, size, HEAD "model: {layers: [");
  for (int i = 0; i < depth; i++) used += (size_t)snprintf(text + used, size - used, "residual: [");
  used += (size_t)snprintf(text + used, size - used, "dropout: 0.5");
  for (int i = 0; i <= depth; i++) used += (size_t)snprintf(text + used, size - used, "]");
  snprintf(text + used, size - used, "}\n");
}

Test(errors, residual_blocks_nest_as_deep_as_a_dump_can_be_read_back) {
  char text[1024];
  nest(text, sizeof text, 17);
  assert_refused(text, NULL, "runs/t.yaml:3: model.layers[0].residual[0]", "nested more than 16 deep");
  nest(text, sizeof text, 16);
  settings_t *s = parsed(text, NULL);
  char *dump = dumped(s);
  settings_destroy(&s);
  s = parsed(dump, NULL);
  settings_destroy(&s);
  free(dump);
}

Test(errors, depth_and_size_are_bounded) {
  enum { SIZE = 400000 };
  char *text = malloc(SIZE + 1);
  memset(text, '[', SIZE);
  text[SIZE] = '\0';
  assert_refused(text, NULL, "runs/t.yaml:1: nested more than", "levels deep");
  for (size_t i = 0; i < SIZE; i += 2) memcpy(text + i, i == 0 ? "[a" : ",a", 2);
  assert_refused(text, NULL, "runs/t.yaml:1: more than", "values");
  for (size_t i = 0; i < SIZE; i += 8) { /* 50,000 keys without values, one to a line */
    char line[32];
    snprintf(line, sizeof line, "%05zu: \n", i / 8);
    memcpy(text + i, line, 8);
  }
  assert_refused(text, NULL, "runs/t.yaml:257: more than 256 keys", "");
  free(text);
}

Test(errors, a_file_that_cannot_be_read_says_what_to_do) {
  ls_error error = {0};
  settings_t *s = NULL;
  cr_assert_eq(settings_load("/nowhere/a.yaml", NULL, NULL, 0, &test_choices, &s, &error), LS_BAD_SETTINGS);
  cr_assert_not_null(strstr(error.message, "/nowhere/a.yaml: cannot be opened"));
  cr_assert_not_null(strstr(error.message, "give the path"));
  cr_assert_eq(settings_load("/tmp", NULL, NULL, 0, &test_choices, &s, &error), LS_BAD_SETTINGS);
  cr_assert_not_null(strstr(error.message, "/tmp: cannot be read"), "%s", error.message);
  cr_assert_null(s);
}

/* Single bytes of a good file changed at random: taken or refused with a message, never anything worse (the
 * sanitizers watch). */
Test(errors, damaged_files_are_refused_or_read_but_never_crash) {
  static const char good[] = MINIMAL "data2: {a: [1, 2]}\noptimizer: {name: sgd, momentum: 0.9}\n"
                                     "checkpoint: {every: 1 epoch}\n";
  static const char bytes[] = "\n\t :-[]{}&*!#|>'\"%@`,?0a~\\\x80\xff";
  uint64_t state = 1;
  for (int round = 0; round < 5000; round++) {
    char text[sizeof good];
    memcpy(text, good, sizeof good);
    for (int k = 0; k < 3; k++) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      text[(state >> 33) % (sizeof good - 1)] = bytes[(state >> 20) % (sizeof bytes - 1)];
    }
    ls_error error = {0};
    settings_t *s = NULL;
    ls_status status = parse(text, NULL, &s, &error);
    cr_assert(status == LS_OK || (status == LS_BAD_SETTINGS && error.message[0] != '\0' && s == NULL));
    settings_destroy(&s);
  }
}

Test(errors, keys_without_effect_name_the_choices_that_use_them) {
  static const refusal_t cases[] = {
      {MINIMAL "optimizer: {name: adam, momentum: 0.9}\n",
       "runs/t.yaml:6: optimizer.momentum: has no effect with optimizer.name: adam",
       "it belongs to sgd, rmsprop, lars: leave it out"},
      {MINIMAL "optimizer: {name: adam, weight_decay: 0.1}\n",
       "runs/t.yaml:6: optimizer.weight_decay: ", "adamw, lars, lamb"},
      {MINIMAL "optimizer: {name: sgd, beta1: 0.8}\n", "runs/t.yaml:6: optimizer.beta1: ", "adam"},
      {MINIMAL "optimizer: {name: adam, nesterov: true}\n", "runs/t.yaml:6: optimizer.nesterov: ", "sgd"},
      {MINIMAL "schedule: {factor: 0.5}\n",
       "runs/t.yaml:6: schedule.factor: has no effect with schedule.name: constant",
       "step, exponential, reduce_on_plateau"},
      {MINIMAL "schedule: {base_batch_size: 32}\n", "runs/t.yaml:6: schedule.base_batch_size: ", "linear"},
      {MINIMAL "solve: {lambda: 3}\n", "runs/t.yaml:6: solve.lambda: ", "least_squares; it belongs to ridge"},
      {MINIMAL "stop: {target: 3}\n",
       "runs/t.yaml:6: stop.target: has no effect while stop.metric is none: set that too, or leave this out",
       ""},
      {MINIMAL "stop: {over: 7 epochs}\n", "runs/t.yaml:6: stop.over: has no effect while stop.tol is 0", ""},
      {"data: {file: a, scaling: {name: standard, range: [0, 2]}}\nloss: mse\nmodel: {layers: [dense: 1]}\n",
       "runs/t.yaml:1: data.scaling.range: has no effect with data.scaling.name: standard", "minmax"},
      {"data: {file: a, scaling: {columns: {age: {name: standard, range: [0, 2]}}}}\nloss: mse\n"
       "model: {layers: [dense: 1]}\n",
       "runs/t.yaml:1: data.scaling.columns", "range: has no effect with"},
      {"data: {file: a, window: {stride: 2}}\nloss: mse\nmodel: {layers: [dense: 1]}\n",
       "runs/t.yaml:1: data.window.stride: has no effect while data.window.length is 0", ""},
      {"data: {file: a, validation_seed: 2}\nloss: mse\nmodel: {layers: [dense: 1]}\n",
       "runs/t.yaml:1: data.validation_seed: has no effect while data.validation is 0", ""},
      {"data: {file: a, basis: {name: rbf, degree: 3}}\nloss: mse\nmodel: {layers: [dense: 1]}\n",
       "runs/t.yaml:1: data.basis.degree: ", "polynomial, polynomial_kernel"},
      {"data: {file: a}\nloss: {name: mse, delta: 2}\nmodel: {layers: [dense: 1]}\n",
       "runs/t.yaml:2: loss.delta: has no effect with loss.name: mse; it belongs to huber", ""},
      {"data: {file: a}\nloss: [{name: huber}, {name: mse, label_smoothing: 0.1}]\n"
       "model: {layers: [dense: 1]}\n",
       "runs/t.yaml:2: loss[1].label_smoothing: ", "cross_entropy, binary_cross_entropy"},
  };
  ALL_REFUSED(cases);
}

Test(errors, an_override_of_the_choice_says_how_to_replace_its_keys) {
  assert_refused(MINIMAL "optimizer: {name: sgd, momentum: 0.9}\n",
                 (const char *const[]){"optimizer.name=adam", NULL},
                 "runs/t.yaml:6: optimizer.momentum: ", "replace the whole table: 'optimizer={name: adam}'");
}

/* Resolved settings write every key down. */
Test(errors, a_default_may_be_written_where_it_has_no_effect) {
  settings_t *s = parsed(MINIMAL "optimizer: {name: adam, momentum: 0, trust_coefficient: 1e-3}\n", NULL);
  settings_destroy(&s);
}

Test(errors, stored_settings_may_hold_keys_without_effect) {
  static const char text[] = MINIMAL "optimizer: {name: adam, momentum: 0.9}\n";
  ls_error error = {0};
  settings_t *s = NULL;
  cr_assert_eq(settings_restore(text, strlen(text), "model.h5", NULL, 0, &test_choices, &s, &error), LS_OK,
               "%s", error.message);
  cr_assert_eq(s->optimizer.momentum, 0.9);
  settings_destroy(&s);
}
