/* Settings that are right: defaults, short forms, layers, and the way there and back. */
#include "config/fixture.h"

#include <stdio.h>
#include <unistd.h>

#define FULL                                                                                                 \
  "name: fashion-mnist\n"                                                                                    \
  "data:\n"                                                                                                  \
  "  file: data/fashion-mnist.h5   # groups train and test\n"                                                \
  "  x: /x_train\n"                                                                                          \
  "  validation: 0.1\n"                                                                                      \
  "  shuffle: blocks\n"                                                                                      \
  "  scaling: standard\n"                                                                                    \
  "  target_scaling: {name: minmax, range: [-1, 0.30000000000000004]}\n"                                     \
  "model:\n"                                                                                                 \
  "  layers:\n"                                                                                              \
  "    - dense: {units: 256, activation: relu, init: he_normal, bias: false}\n"                              \
  "    - activation: gelu\n"                                                                                 \
  "    - dropout: 0.2\n"                                                                                     \
  "    - residual:\n"                                                                                        \
  "        - dense: 256\n"                                                                                   \
  "        - residual: [dropout: {rate: 0.5}, activation: relu]\n"                                           \
  "    - branches: [[dense: 4, softmax], [dense: {units: 6, bias: false}]]\n"                                \
  "    - dense: {units: 10}\n"                                                                               \
  "loss: {name: huber, delta: 0.1}\n"                                                                        \
  "optimizer: {name: adamw, learning_rate: 1e-300, beta1: 0.12345678901234567, epsilon: 1e-8}\n"             \
  "schedule: {name: cosine, warmup_epochs: 1.5}\n"                                                           \
  "train: {epochs: 3, global_batch_size: 512, seed: 18446744073709551615, clip_norm: 1.0}\n"                 \
  "parallel: {threads: 2, shards: auto, reduce: mpi}\n"                                                      \
  "checkpoint: {every: 500 steps, keep: 3}\n"                                                                \
  "runs: out\n"

Test(settings, what_is_left_out_gets_its_default) {
  settings_t *s = parsed(MINIMAL, NULL);
  cr_assert_str_eq(s->name, "t");
  cr_assert_str_eq(s->runs, "runs");
  cr_assert_str_eq(s->data.x, "train/x");
  cr_assert_str_eq(s->data.y, "train/y");
  cr_assert_str_eq(s->data.valid_x, "valid/x");
  cr_assert_str_eq(s->data.test_y, "test/y");
  cr_assert_eq(s->data.validation.share, 0.0);
  cr_assert_null(s->data.validation.group);
  cr_assert_str_eq(s->data.shuffle, "full");
  cr_assert_str_eq(s->data.scaling.name, "none");
  cr_assert_str_eq(s->data.target_scaling.name, "none");
  cr_assert_eq(s->data.scaling.high, 1.0);
  cr_assert_eq(s->losses->delta, 1.0);
  cr_assert_str_eq(s->optimizer.name, "adam");
  cr_assert_eq(s->optimizer.learning_rate, 0.001);
  cr_assert_eq(s->optimizer.momentum, 0.0);
  cr_assert_not(s->optimizer.nesterov);
  cr_assert_eq(s->optimizer.beta1, 0.9);
  cr_assert_eq(s->optimizer.beta2, 0.999);
  cr_assert_eq(s->optimizer.epsilon, 1e-8);
  cr_assert_eq(s->optimizer.weight_decay, 0.01);
  cr_assert_str_eq(s->schedule.name, "constant");
  cr_assert_eq(s->schedule.every_epochs, 10.0);
  cr_assert_eq(s->schedule.factor, 0.1);
  cr_assert_eq(s->train.epochs, 10);
  cr_assert_eq(s->train.global_batch_size, 128);
  cr_assert_eq(s->train.seed, 1);
  cr_assert_eq(s->train.top_k, 5);
  cr_assert_eq(s->parallel.threads, SETTINGS_AUTO);
  cr_assert_eq(s->parallel.shards, SETTINGS_AUTO);
  cr_assert_str_eq(s->parallel.reduce, "shared");
  cr_assert_eq(s->parallel.ranks_per_node, SETTINGS_AUTO);
  cr_assert_eq(s->checkpoint.every.epochs, 0);
  cr_assert(s->checkpoint.every.is_auto);
  cr_assert_eq(s->checkpoint.every.steps, 0);
  cr_assert_eq(s->checkpoint.keep, 2);
  settings_destroy(&s);
  cr_assert_null(s);
}

Test(settings, what_is_given_is_taken) {
  settings_t *s = parsed(FULL, NULL);
  cr_assert_str_eq(s->name, "fashion-mnist");
  cr_assert_str_eq(s->runs, "out");
  cr_assert_str_eq(s->data.file, "data/fashion-mnist.h5");
  cr_assert_str_eq(s->data.x, "/x_train");
  cr_assert_eq(s->data.validation.share, 0.1);
  cr_assert_str_eq(s->data.shuffle, "blocks");
  cr_assert_str_eq(s->data.scaling.name, "standard");
  cr_assert_str_eq(s->data.target_scaling.name, "minmax");
  cr_assert_eq(s->data.target_scaling.low, -1.0);
  cr_assert_eq(s->data.target_scaling.high, 0.30000000000000004);
  cr_assert_str_eq(s->losses->name, "huber");
  cr_assert_eq(s->losses->delta, 0.1);
  cr_assert_eq(s->optimizer.learning_rate, 1e-300);
  cr_assert_eq(s->schedule.warmup_epochs, 1.5);
  cr_assert_eq(s->train.seed, UINT64_MAX);
  cr_assert_eq(s->parallel.threads, 2);
  cr_assert_str_eq(s->parallel.reduce, "mpi");
  cr_assert_eq(s->checkpoint.every.epochs, 0);
  cr_assert_eq(s->checkpoint.every.steps, 500);
  settings_destroy(&s);
}

Test(settings, a_kind_of_layer_without_settings_may_stand_alone) {
  settings_t *s = parsed(
      "data: {file: a.h5}\nmodel:\n  layers:\n    - dense: 10\n    - softmax\n    - softmax: {}\nloss: mse\n",
      NULL);
  cr_assert_eq(s->model.n_layers, 3);
  cr_assert_eq(s->model.layers[1].kind, LAYER_SOFTMAX);
  cr_assert_str_eq(s->model.layers[1].where, "runs/t.yaml:5");
  cr_assert_eq(s->model.layers[2].kind, LAYER_SOFTMAX);
  char *text = dumped(s);
  settings_t *again = parsed(text, NULL);
  cr_assert_eq(again->model.layers[1].kind, LAYER_SOFTMAX);
  free(text);
  settings_destroy(&again);
  settings_destroy(&s);
}

Test(settings, layers_keep_kind_order_nesting_and_line) {
  settings_t *s = parsed(FULL, NULL);
  const layer_settings_t *layers = s->model.layers;
  cr_assert_eq(s->model.n_layers, 6);
  cr_assert_eq(layers[0].kind, LAYER_DENSE);
  cr_assert_eq(layers[0].units, 256);
  cr_assert_str_eq(layers[0].activation, "relu");
  cr_assert_str_eq(layers[0].init, "he_normal");
  cr_assert_not(layers[0].bias);
  cr_assert_str_eq(layers[0].where, "runs/t.yaml:11");
  cr_assert_eq(layers[1].kind, LAYER_ACTIVATION);
  cr_assert_str_eq(layers[1].activation, "gelu");
  cr_assert_eq(layers[2].kind, LAYER_DROPOUT);
  cr_assert_eq(layers[2].rate, 0.2);
  cr_assert_eq(layers[3].kind, LAYER_RESIDUAL);
  cr_assert_eq(layers[3].n_layers, 2);
  const layer_settings_t *inner = layers[3].layers;
  cr_assert_eq(inner[0].units, 256);
  cr_assert_str_eq(inner[0].activation, "identity");
  cr_assert_str_eq(inner[0].init, "auto");
  cr_assert(inner[0].bias);
  cr_assert_str_eq(inner[0].where, "runs/t.yaml:15");
  cr_assert_eq(inner[1].kind, LAYER_RESIDUAL);
  cr_assert_eq(inner[1].n_layers, 2);
  cr_assert_eq(inner[1].layers[0].rate, 0.5);
  cr_assert_str_eq(inner[1].layers[1].activation, "relu");
  cr_assert_eq(layers[4].kind, LAYER_BRANCHES);
  cr_assert_eq(layers[4].n_layers, 2);
  cr_assert_eq(layers[4].layers[0].n_layers, 2);
  cr_assert_eq(layers[4].layers[0].layers[1].kind, LAYER_SOFTMAX);
  cr_assert_eq(layers[4].layers[1].layers[0].units, 6);
  cr_assert_eq(layers[5].units, 10);
  settings_destroy(&s);
}

/* Dumps know every field; hex digits of the doubles beside them show that no bit was lost. */
static void assert_comes_back(const char *text, const char *const *overrides) {
  settings_t *s = parsed(text, overrides);
  char *first = dumped(s);
  settings_t *again = parsed(first, NULL);
  char *second = dumped(again);
  cr_assert_str_eq(first, second);
  cr_assert_eq(memcmp(&s->optimizer.learning_rate, &again->optimizer.learning_rate, sizeof(double)), 0);
  cr_assert_eq(memcmp(&s->optimizer.beta1, &again->optimizer.beta1, sizeof(double)), 0);
  cr_assert_eq(memcmp(&s->data.target_scaling.low, &again->data.target_scaling.low, 2 * sizeof(double)), 0);
  cr_assert_eq(s->train.seed, again->train.seed);
  cr_assert_str_eq(s->name, again->name);
  cr_assert_eq(s->data.validation.share, again->data.validation.share);
  cr_assert_eq(s->data.validation.group == NULL, again->data.validation.group == NULL);
  settings_destroy(&s);
  settings_destroy(&again);
  free(first);
  free(second);
}

Test(settings, sizes_have_units) {
  static const struct {
    const char *override;
    int64_t bytes;
  } cases[] = {{"data.memory_limit=none", 0},
               {"data.memory_limit=800MB", 800000000},
               {"data.memory_limit='800 mb'", 800000000},
               {"data.memory_limit=1.5GiB", INT64_C(3) << 29},
               {"data.memory_limit=2TiB", INT64_C(1) << 41},
               {"data.memory_limit=12345B", 12345}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *const overrides[] = {cases[i].override, NULL};
    settings_t *s = parsed(MINIMAL, overrides);
    cr_assert_eq(s->data.memory_limit, cases[i].bytes, "%s", cases[i].override);
    settings_destroy(&s);
    assert_comes_back(MINIMAL, overrides);
  }
}

Test(settings, a_dump_reads_back_to_the_same_settings) {
  assert_comes_back(MINIMAL, NULL);
  assert_comes_back(FULL, NULL);
}

Test(settings, awkward_values_survive_the_dump) {
  static const char *const cases[][MOST_OVERRIDES] = {
      {"optimizer.learning_rate=0x1.123456789abcdp-40", "optimizer.beta1=0.1", NULL},
      {"optimizer.learning_rate=4.9406564584124654e-324", "train.l2=1.7976931348623157e308", NULL},
      {"name='2e5'", "runs='true'", "data.file='~'", "data.x='a: b # c'", NULL},
      {"name=' spaced '", "runs=größe/läufe", "data.file=\"it's \\\"so\\\"\"", "data.x='- x'", NULL},
      {"data.validation='0.5'", "checkpoint.every=never", "parallel.shards=1048576", NULL},
      {"data.validation=folds/3", "checkpoint.every=2 epochs", "data.test_x='{'", NULL},
      {"checkpoint.every=30 s", "data.external=true", NULL},
      {"checkpoint.every=1.5 min", NULL},
      {"checkpoint.every=auto", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_comes_back(MINIMAL, cases[i]);
}

Test(settings, a_quoted_number_or_a_word_names_the_validation_group) {
  settings_t *s = parsed(MINIMAL, (const char *const[]){"data.validation=holdout", NULL});
  cr_assert_str_eq(s->data.validation.group, "holdout");
  cr_assert_eq(s->data.validation.share, 0.0);
  settings_destroy(&s);
  s = parsed(MINIMAL, (const char *const[]){"data.validation='0.5'", NULL});
  cr_assert_str_eq(s->data.validation.group, "0.5");
  settings_destroy(&s);
}

Test(settings, lists_of_names_that_are_not_given_are_not_checked) {
  ls_error error = {0};
  settings_t *s = NULL;
  const char *text = "data: {file: a}\nloss: strange\nmodel: {layers: [activation: odd]}\n";
  ls_status status =
      settings_parse(text, strlen(text), "t.yaml", NULL, 0, &(settings_choices_t){0}, &s, &error);
  cr_assert_eq(status, LS_OK, "%s", error.message);
  cr_assert_str_eq(s->losses->name, "strange");
  settings_destroy(&s);
}

Test(settings, a_file_is_read_and_gives_the_run_its_name) {
  char path[] = "/tmp/lockstep-test-XXXXXX.yaml", name[64];
  int descriptor = mkstemps(path, 5);
  cr_assert_geq(descriptor, 0);
  cr_assert_eq(write(descriptor, MINIMAL, strlen(MINIMAL)), (ssize_t)strlen(MINIMAL));
  close(descriptor);
  ls_error error = {0};
  settings_t *s = NULL;
  ls_status status = settings_load(path, NULL, NULL, 0, &test_choices, &s, &error);
  unlink(path);
  cr_assert_eq(status, LS_OK, "%s", error.message);
  snprintf(name, sizeof name, "%.20s", path + strlen("/tmp/"));
  cr_assert_str_eq(s->name, name);
  settings_destroy(&s);
}

Test(settings, defaults_of_a_command_stand_where_nothing_is_given) {
  static const char text[] = "name: a\ndata: {file: a.h5}\nmodel: {layers: [dense: 3]}\n";
  static const char *const defaults[] = {"model.layers=[dense: 1]", "loss=mse", "train.epochs=7", NULL};
  char path[] = "/tmp/lockstep-test-XXXXXX.yaml", override[] = "train.epochs=2";
  int descriptor = mkstemps(path, 5);
  cr_assert_geq(descriptor, 0);
  cr_assert_eq(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
  close(descriptor);
  ls_error error = {0};
  settings_t *s = NULL;
  ls_status status = settings_load(path, defaults, (char *[]){override}, 1, &test_choices, &s, &error);
  unlink(path);
  cr_assert_eq(status, LS_OK, "%s", error.message);
  cr_expect_eq(s->model.layers->units, 3);
  cr_expect_str_eq(s->losses->name, "mse");
  cr_expect_eq(s->train.epochs, 2);
  settings_destroy(&s);
}

/* Every leaf of a full dump is a key of the reference, in each form. */
Test(settings, the_reference_names_every_key_and_every_name) {
  static const char *const words[] = {"data.validation", "optimizer.beta2", "checkpoint.every",
                                      "units",           "in [0, 1)",       "cross_entropy",
                                      "he_normal",       "shared",          "greater than 0"};
  for (reference_style_t style = REFERENCE_TEXT; style <= REFERENCE_MAN; style++) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    settings_reference(out, &test_choices, style);
    fclose(out);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
      if (style != REFERENCE_MARKDOWN || strchr(words[i], '_') == NULL)
        cr_assert_not_null(strstr(text, words[i]), "%s is not in\n%s", words[i], text);
    cr_assert_eq(strstr(text, "| key |") != NULL, style == REFERENCE_MARKDOWN);
    cr_assert_eq(strstr(text, ".TP\n.B train.epochs\n") != NULL, style == REFERENCE_MAN);
    cr_assert_eq(strstr(text, "l1 \\|w\\|") != NULL, style == REFERENCE_MARKDOWN, "a bar would end the cell");
    free(text);
  }
}

/* The reference is written from the same rows, so only what differs is looked at here. */
Test(settings, keys_are_listed_with_the_words_that_they_take) {
  setting_key_t key;
  size_t shuffle = 0, loss = 0, n = 0;
  for (; settings_key(n, &test_choices, &key); n++) {
    if (strcmp(key.path, "data.shuffle") == 0) shuffle = n;
    if (strcmp(key.path, "loss.label_smoothing") == 0) loss = n;
  }
  cr_assert(shuffle > 0 && loss > shuffle, "a loss's keys come last, with their section");
  settings_key(shuffle, &test_choices, &key);
  cr_assert(choice_find(key.choices, "blocks") >= 0 && !key.is_bool && !key.or_auto);
  settings_key(loss, &test_choices, &key);
  cr_assert_null(key.choices);
}

Test(settings, a_batch_may_be_all_rows) {
  settings_t *s = parsed(MINIMAL, (const char *const[]){"train.global_batch_size=all", NULL});
  cr_assert_eq(s->train.global_batch_size, SETTINGS_ALL);
  char *text = dumped(s);
  cr_assert_not_null(strstr(text, "global_batch_size: all"), "%s", text);
  free(text);
  settings_destroy(&s);
  assert_refused(MINIMAL "train: {global_batch_size: -1}\n", NULL,
                 "runs/t.yaml:6: train.global_batch_size: out of", "");
  assert_refused(MINIMAL "train: {global_batch_size: most}\n", NULL,
                 "runs/t.yaml:6: train.global_batch_size: exp", "all");
}

/* ---- several heads ---- */

#define HEADS                                                                                                \
  "data: {file: a.h5}\nmodel:\n  layers:\n    - dense: 10\nloss:\n"                                          \
  "  - {head: digit, name: cross_entropy, outputs: 8, targets: [2], label_smoothing: 0.1}\n"                 \
  "  - mse\n  - {name: huber, weight: 0.25}\n"

Test(settings, losses_may_be_a_list_of_heads_and_come_back_from_text) {
  settings_t *s = parsed(HEADS, NULL);
  char *text = dumped(s);
  settings_t *again = parsed(text, NULL);
  const settings_t *const both[] = {s, again};
  for (int i = 0; i < 2; i++) {
    const loss_settings_t *losses = both[i]->losses;
    cr_assert_eq(both[i]->n_losses, 3);
    cr_expect_str_eq(losses[0].head, "digit");
    cr_expect_str_eq(losses[0].name, "cross_entropy");
    cr_expect_eq(losses[0].outputs, 8);
    cr_expect_eq(losses[0].targets.n, 1);
    cr_expect_eq(losses[0].targets.values[0], 2);
    cr_expect_eq(losses[0].label_smoothing, 0.1);
    cr_expect_str_eq(losses[1].name, "mse");
    cr_expect_eq(losses[1].outputs, SETTINGS_AUTO);
    cr_expect_str_eq(losses[1].targets.word, "auto");
    cr_expect_eq(losses[1].weight, 1);
    cr_expect_eq(losses[2].weight, 0.25);
  }
  free(text);
  settings_destroy(&s);
  settings_destroy(&again);
}

Test(settings, know_where_their_keys_were_given) {
  settings_t *s =
      parsed(MINIMAL "train:\n  epochs: 3\noptimizer: sgd\n", (const char *[]){"train.seed=7", NULL});
  cr_expect_str_eq(settings_where(s, "train.epochs"), "runs/t.yaml:7");
  cr_expect_str_eq(settings_where(s, "optimizer.name"), "runs/t.yaml:8");
  cr_expect_str_eq(settings_where(s, "train.seed"), "override 'train.seed=7'");
  cr_expect_str_eq(settings_where(s, "train.precision"), "runs/t.yaml:6", "its section");
  cr_expect_str_eq(settings_where(s, "stop.tol"), "runs/t.yaml", "nothing of it");
  cr_expect_str_eq(settings_where(s, "model.layers[0].dense.units"), "runs/t.yaml:4");
  cr_expect_str_eq(settings_where(s, "loss.class_weights"), "runs/t.yaml:5");
  settings_destroy(&s);
  s = parsed(
      "data: {file: a.h5}\nmodel: {layers: [dense: 10]}\nloss:\n  - mse\n  - name: huber\n    delta: 2\n",
      NULL);
  cr_expect_str_eq(settings_where(s, "loss[0]"), "runs/t.yaml:4");
  cr_expect_str_eq(settings_where(s, "loss[1].delta"), "runs/t.yaml:6");
  cr_expect_str_eq(settings_where(s, "loss[1].class_weights"), "runs/t.yaml:5");
  settings_destroy(&s);
}

Test(settings, say_in_front_of_a_message_where_its_key_was_given) {
  static const struct {
    const char *message, *with_place;
  } cases[] = {{"train.epochs: are few", "runs/t.yaml:7: train.epochs: are few"},
               {"train.seed is 7", "override 'train.seed=7': train.seed is 7"},
               {"loss.class_weights has 3", "runs/t.yaml:5: loss.class_weights has 3"},
               {"model.layers[0] is", "runs/t.yaml:4: model.layers[0] is"},
               {"data.basis: too many", "runs/t.yaml:1: data.basis: too many"},
               {"runs/t.yaml:7: train.epochs: are", "runs/t.yaml:7: train.epochs: are"},
               {"trained.h5: no key", "trained.h5: no key"},
               {"training has no key", "training has no key"},
               {"data/x.h5: no key", "data/x.h5: no key"},
               {"", ""}};
  settings_t *s = parsed(MINIMAL "train:\n  epochs: 3\n", (const char *[]){"train.seed=7", NULL});
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ls_error error = {.status = LS_BAD_SETTINGS};
    snprintf(error.message, sizeof error.message, "%s", cases[i].message);
    cr_expect_eq(settings_place(s, LS_BAD_DATA, &error), LS_BAD_DATA);
    cr_expect_str_eq(error.message, cases[i].message, "of another kind");
    cr_expect_eq(settings_place(s, LS_BAD_SETTINGS, &error), LS_BAD_SETTINGS);
    cr_expect_str_eq(error.message, cases[i].with_place, "%s", error.message);
  }
  settings_destroy(&s);
}
