/* section.key=value on the command line. */
#include "config/fixture.h"

#define OVERRIDES(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(overrides, take_the_place_of_what_the_file_says) {
  settings_t *s = parsed(MINIMAL "train: {epochs: 7, seed: 3}\n",
                         OVERRIDES("train.epochs=3", "name=other", "parallel.threads=2", "loss=huber"));
  cr_assert_eq(s->train.epochs, 3);
  cr_assert_eq(s->train.seed, 3);
  cr_assert_str_eq(s->name, "other");
  cr_assert_eq(s->parallel.threads, 2);
  cr_assert_str_eq(s->losses->name, "huber");
  settings_destroy(&s);
}

Test(overrides, the_last_of_two_wins) {
  settings_t *s = parsed(MINIMAL, OVERRIDES("train.epochs=3", "train.epochs=4"));
  cr_assert_eq(s->train.epochs, 4);
  settings_destroy(&s);
}

Test(overrides, of_a_whole_table_come_first) {
  settings_t *s = parsed(MINIMAL, OVERRIDES("optimizer=sgd", "optimizer.learning_rate=0.25"));
  cr_assert_str_eq(s->optimizer.name, "sgd");
  cr_assert_eq(s->optimizer.learning_rate, 0.25);
  settings_destroy(&s);
  s = parsed(MINIMAL, OVERRIDES("optimizer={name: sgd, learning_rate: 0.25}", "optimizer=adam"));
  cr_assert_str_eq(s->optimizer.name, "adam");
  settings_destroy(&s);
  assert_refused(MINIMAL, OVERRIDES("optimizer.learning_rate=0.25", "optimizer=sgd"),
                 "override 'optimizer=sgd'", "undoes 'optimizer.learning_rate=0.25'");
  assert_refused(MINIMAL, OVERRIDES("data.scaling.columns.3=minmax", "data.scaling=standard"),
                 "override 'data.scaling=standard'", "undoes 'data.scaling.columns.3=minmax'");
}

Test(overrides, values_are_yaml) {
  settings_t *s =
      parsed(MINIMAL, OVERRIDES("data.scaling={name: minmax, range: [-1, 2]}",
                                "model.layers=[dense: {units: 4, activation: relu}, residual: [dense: 4]]",
                                "checkpoint.every=500 steps"));
  cr_assert_str_eq(s->data.scaling.name, "minmax");
  cr_assert_eq(s->data.scaling.low, -1.0);
  cr_assert_eq(s->data.scaling.high, 2.0);
  cr_assert_eq(s->model.n_layers, 2);
  cr_assert_eq(s->model.layers[0].units, 4);
  cr_assert_eq(strncmp(s->model.layers[0].where, "override '", 10), 0, "%s", s->model.layers[0].where);
  cr_assert_eq(s->model.layers[1].layers[0].units, 4);
  cr_assert_eq(s->checkpoint.every.steps, 500);
  settings_destroy(&s);
}

Test(overrides, columns_have_a_scaling_of_their_own) {
  settings_t *s =
      parsed(MINIMAL, OVERRIDES("data.scaling={name: standard, columns: {'the age': minmax, 3-5: one_hot}}",
                                "data.scaling.columns.-1={name: minmax, range: [-1, 2]}"));
  const column_scaling_t *columns = s->data.columns;
  cr_assert_eq(s->data.n_columns, 3);
  cr_assert_str_eq(columns[0].columns, "the age");
  cr_assert(columns[0].scaling.low == 0 && columns[0].scaling.high == 1);
  cr_assert_str_eq(columns[1].columns, "3-5");
  cr_assert_str_eq(columns[1].scaling.name, "one_hot");
  cr_assert(columns[2].scaling.low == -1 && columns[2].scaling.high == 2);
  settings_destroy(&s);
}

Test(overrides, reach_into_a_short_form_and_replace_a_whole_table) {
  settings_t *s = parsed(MINIMAL "optimizer: sgd\n",
                         OVERRIDES("optimizer.learning_rate=0.1", "loss.name=huber", "loss.delta=2"));
  cr_assert_str_eq(s->optimizer.name, "sgd");
  cr_assert_eq(s->optimizer.learning_rate, 0.1);
  cr_assert_str_eq(s->losses->name, "huber");
  cr_assert_eq(s->losses->delta, 2.0);
  settings_destroy(&s);
  s = parsed(MINIMAL "optimizer: {name: sgd, momentum: 0.9}\n", OVERRIDES("optimizer=sgd"));
  cr_assert_eq(s->optimizer.momentum, 0.0);
  settings_destroy(&s);
  s = parsed(MINIMAL, OVERRIDES("optimizer=sgd", "optimizer.momentum=0.5"));
  cr_assert_str_eq(s->optimizer.name, "sgd");
  cr_assert_eq(s->optimizer.momentum, 0.5);
  settings_destroy(&s);
}

Test(overrides, give_what_the_file_lacks) {
  settings_t *s =
      parsed("train:\n", OVERRIDES("train.epochs=2", "data.file=b.h5", "loss.name=mse",
                                   "model.layers=[dense: 1]", "data.target_scaling.name=standard"));
  cr_assert_eq(s->train.epochs, 2);
  cr_assert_str_eq(s->data.target_scaling.name, "standard");
  settings_destroy(&s);
}

Test(overrides, errors_name_the_override) {
  static const struct {
    const char *override, *begins, *has;
  } cases[] = {
      {"train.epochs", "override 'train.epochs': ", "section.key=value"},
      {"=3", "override '=3': ", "section.key=value"},
      {"train..epochs=3", "override 'train..epochs=3': ", "section.key=value"},
      {".epochs=3", "override '.epochs=3': ", "section.key=value"},
      {"train.=3", "override 'train.=3': ", "section.key=value"},
      {"train.epoch=3", "override 'train.epoch=3': train.epoch: unknown key", "did you mean train.epochs?"},
      {"epochs=3", "override 'epochs=3': epochs: unknown key", "did you mean train.epochs?"},
      {"trian.epochs=3", "override 'trian.epochs=3': trian: unknown key", "did you mean train?"},
      {"train.epochs=-1", "override 'train.epochs=-1': train.epochs: out of range", "[0, "},
      {"train.epochs=", "override 'train.epochs=': ", "empty"},
      {"train.epochs=~", "override 'train.epochs=~': train.epochs: expected a whole number", "nothing"},
      {"train.seed=[1", "override 'train.seed=[1': not valid YAML", ""},
      {"name.x=1", "override 'name.x=1': name", "no keys of its own"},
      {"model.layers.units=1", "override 'model.layers.units=1': model.layers is a list of 1",
       "as in model.layers.0"},
      {"model.layers=[dense: x]", "override 'model.layers=[dense: x]': model.layers[0].dense.units: ", "'x'"},
      {"optimizer={name: adm}", "override 'optimizer={name: adm}': optimizer.name: ", "did you mean adam?"},
      {"train={epochs: 1, epochs: 2}", "override 'train={epochs: 1, epochs: 2}': epochs: duplicate key", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_refused("name: a\n" MINIMAL, OVERRIDES(cases[i].override), cases[i].begins, cases[i].has);
}

static const char layered[] = "data: {file: a.h5}\n"
                              "model:\n"
                              "  layers:\n"
                              "    - dense: 10\n"
                              "    - softmax\n"
                              "    - layer_norm\n"
                              "    - residual: [dense: 10, dropout: 0.5]\n"
                              "    - branches: [[dense: 2], [dense: {units: 3}]]\n"
                              "loss: [mse, {name: huber, delta: 2}]\n";

Test(overrides, reach_into_items_of_lists) {
  settings_t *s =
      parsed(layered,
             OVERRIDES("model.layers.0.dense.units=64", "model.layers.0.dense.activation=relu",
                       "model.layers.2.layer_norm.epsilon=1e-3", "model.layers.3.residual.-1.dropout=0.25",
                       "model.layers.-1.branches.1.0.dense.units=7", "loss.0.weight=0.5", "loss.-1.delta=3"));
  const layer_settings_t *layers = s->model.layers;
  cr_expect_eq(layers[0].units, 64);
  cr_expect_str_eq(layers[0].activation, "relu");
  cr_expect_eq(layers[2].epsilon, 1e-3);
  cr_expect_eq(layers[3].layers[1].rate, 0.25);
  cr_expect_eq(layers[4].layers[1].layers[0].units, 7);
  cr_expect_eq(layers[4].layers[0].layers[0].units, 2, "its neighbour stays");
  cr_expect_eq(s->losses[0].weight, 0.5);
  cr_expect_str_eq(s->losses[0].name, "mse");
  cr_expect_eq(s->losses[1].delta, 3);
  settings_destroy(&s);
  s = parsed(layered, OVERRIDES("model.layers.1={dense: 5}", "model.layers.1.dense.bias=false",
                                "model.freeze=[a, b]", "model.freeze.1=c"));
  cr_expect_eq(s->model.layers[1].kind, LAYER_DENSE);
  cr_expect_not(s->model.layers[1].bias);
  cr_expect_str_eq(s->model.freeze.values[1], "c");
  settings_destroy(&s);
}

Test(overrides, of_items_that_cannot_be_say_why) {
  static const struct {
    const char *override, *part;
  } cases[] = {
      {"model.layers.5.dense.units=3", "model.layers has 5 items, numbered from 0 to 4, so there is no 5"},
      {"model.layers.-6.dense.units=3", "there is no -6"},
      {"model.layers.5=softmax", "A number cannot append"},
      {"model.layers.3.residual.2.dense=3", "model.layers.3.residual has 2 items"},
      {"model.layers.0.units=3", "did you mean model.layers.0.dense.units?"},
      {"model.layers.0.dropout=0.5", "is a layer of the kind dense"},
      {"model.layers.0.dense.units=0", "model.layers[0].dense.units: out of range"},
      {"model.layers.0.dense.units.0=1", "model.layers.0.dense.units has no keys of its own"},
      {"model.layers.1.softmax.rate=1", "there are none here"},
      {"model.layers.99999999999999999999.dense=3", "name an item by its number"},
      {"loss.2.weight=1", "loss has 2 items"},
      {"loss.1.quantiles.0=0.5", "is not given in runs/t.yaml"},
      {"train.0=1", "train.0: unknown key"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char begins[128];
    snprintf(begins, sizeof begins, "override '%s': ", cases[i].override);
    assert_refused(layered, OVERRIDES(cases[i].override), begins, cases[i].part);
  }
  assert_refused(MINIMAL, OVERRIDES("loss.0.weight=1"),
                 "override 'loss.0.weight=1': ", "there is one loss here");
  assert_refused(layered, OVERRIDES("model.layers.0.dense.units=64", "model.layers=[dense: 1]"),
                 "override 'model.layers=[dense: 1]'", "undoes 'model.layers.0.dense.units=64'");
  assert_refused(layered, OVERRIDES("loss.1.delta=4", "loss.1=mse"), "override 'loss.1=mse'",
                 "undoes 'loss.1.delta=4'");
}
