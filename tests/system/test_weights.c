/* Weights by hand: files that `lockstep weights` writes come back bit by bit, edited numbers take effect, and
 * what does not fit is refused. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 19, ALL = WIDTH * FEATURES };

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 413});
  write_text(
      "config.yaml",
      "data: {file: data.h5, validation: 0.15, scaling: standard}\n"
      "model: {layers: [{dense: {units: %d, activation: tanh}}, {batch_norm: {}},\n"
      "                 {dense: {units: 7, activation: silu, bias: false}}, {layer_norm: {}}, {dense: %d}]}\n"
      "loss: cross_entropy\ntrain: {epochs: 1, global_batch_size: 70}\n"
      "parallel: {shards: 6, threads: 1}\n",
      WIDTH, CLASSES);
  run_well(ALONE, "train config.yaml name=source");
}

TestSuite(weights, .init = set_up, .fini = place_remove, .timeout = 300);

static void expect_refused(int ranks, int code, const char *part, const char *words) {
  result_t result = run(ranks, "%s", words);
  cr_expect_eq(result.code, code, "%s: exit code %d\n%s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, part), "no '%s' in: %s", part, result.err);
}

static void expect_same_model(const char *a, const char *b) {
  result_t result = run(ALONE, "diff %s %s", a, b);
  cr_expect_eq(result.code, 0, "%s%s", result.out, result.err);
}

Test(weights, come_back_bit_by_bit) {
  static const struct {
    int ranks;
    const char *file;
  } cases[] = {{ALONE, "w.csv"}, {ALONE, "w.h5"}, {2, "two.csv"}, {2, "two.h5"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char copy[64];
    run_well(cases[i].ranks, "weights source --out %s", cases[i].file);
    run_well(cases[i].ranks,
             "train config.yaml name=copy-%zu train.seed=9 data.validation_seed=1 train.epochs=0 "
             "model.init_from=%s",
             i, cases[i].file);
    snprintf(copy, sizeof copy, "runs/copy-%zu/model.h5", i);
    expect_same_model("runs/source/model.h5", copy);
  }
  run_well(ALONE, "adopt w.h5 --out adopted.h5");
  expect_same_model("runs/source/model.h5", "adopted.h5");
  run_well(ALONE, "weights adopted.h5 --out again.csv");
  run_command("cmp w.csv again.csv");
  cr_expect_eq(run_command("cmp w.csv again.csv").code, 0, "the same file");
}

/* The values in the table are those of the model, in order of layers, units and inputs. */
Test(weights, the_table_has_a_line_for_each_weight) {
  float first[ALL];
  run_well(ALONE, "weights source --out w.csv");
  read_floats("runs/source/model.h5", "parameters/dense1/weight", WIDTH, first);
  const char *text = file_text("w.csv");
  cr_expect_eq(strncmp(text, "layer,parameter,row,column,value\ndense1,weight,0,0,", 51), 0, "%.80s", text);
  const char *line = strchr(text, '\n') + 1;
  for (int o = 0; o < WIDTH; o++)
    for (int i = 0; i < FEATURES; i++) {
      char begin[64];
      int length = snprintf(begin, sizeof begin, "dense1,weight,%d,%d,", o, i);
      cr_assert_eq(strncmp(line, begin, (size_t)length), 0, "%.60s", line);
      cr_assert_eq(strtof(line + length, NULL), first[o * FEATURES + i], "%s", begin);
      line = strchr(line, '\n') + 1;
    }
  cr_expect_eq(strncmp(line, "dense1,bias,0,,", 15), 0, "%.60s", line);
  cr_expect_not_null(strstr(text, "\nbatch_norm1,variance,18,,"));
  cr_expect_null(strstr(text, "dense2,bias"));
}

Test(weights, an_edited_table_takes_effect) {
  float first[ALL], bias[WIDTH];
  run_well(ALONE, "weights source --out w.csv");
  run_command(
      "sed -i -e 's/^dense1,weight,3,2,.*/dense1,weight,3,2,0.125/' -e 's/^dense1,bias,18,,.*/\"dense1\" , "
      "bias,18,,-7e-3\\r/' w.csv");
  for (int ranks = ALONE; ranks <= 2; ranks += 2) {
    run_well(ranks, "train config.yaml name=edited-%d train.epochs=0 model.init_from=w.csv", ranks);
    char path[64];
    snprintf(path, sizeof path, "runs/edited-%d/model.h5", ranks);
    read_floats(path, "parameters/dense1/weight", WIDTH, first);
    read_floats(path, "parameters/dense1/bias", WIDTH, bias);
    cr_expect_eq(first[3 * FEATURES + 2], 0.125F);
    cr_expect_eq(bias[WIDTH - 1], -7e-3F);
  }
}

Test(weights, an_edited_hdf5_file_takes_effect) {
  float first[ALL];
  const char *python = run_python();
  if (python == NULL) cr_skip_test("no Python with h5py");
  run_well(ALONE, "weights source --out w.h5");
  write_text("edit.py", "import h5py\nwith h5py.File('w.h5', 'r+') as f:\n"
                        "    f['parameters/dense1/weight'][3, 2] = 0.125\n");
  cr_assert_eq(run_command("%s edit.py", python).code, 0);
  run_well(2, "train config.yaml name=edited train.epochs=0 model.init_from=w.h5");
  read_floats("runs/edited/model.h5", "parameters/dense1/weight", WIDTH, first);
  cr_expect_eq(first[3 * FEATURES + 2], 0.125F);
}

Test(weights, literal_numbers_come_last) {
  float first[ALL], source[ALL], bias[WIDTH], norm[7];
  run_well(
      ALONE,
      "train config.yaml name=given train.epochs=0 model.init_from=runs/source/model.h5 "
      "'model.init_values={\"dense1.weight[3,2]\": 2.5, dense1.bias: 0.5, layer_norm1.scale: [1, 2, 3, 4, 5, "
      "6, -0.1]}'");
  read_floats("runs/source/model.h5", "parameters/dense1/weight", WIDTH, source);
  read_floats("runs/given/model.h5", "parameters/dense1/weight", WIDTH, first);
  read_floats("runs/given/model.h5", "parameters/dense1/bias", WIDTH, bias);
  read_floats("runs/given/model.h5", "parameters/layer_norm1/scale", 7, norm);
  source[3 * FEATURES + 2] = 2.5F;
  cr_expect_arr_eq(first, source, sizeof first);
  for (int i = 0; i < WIDTH; i++) cr_expect_eq(bias[i], 0.5F);
  cr_expect(norm[0] == 1.0F && norm[6] == -0.1F);
  cr_expect_not_null(strstr(file_text("runs/given/config.yaml"), "dense1.weight[3,2]"),
                     "kept in the run's settings");
}

/* The same start on any layout, and a run that goes on with a checkpoint keeps its values. */
Test(weights, have_the_same_bits_on_any_layout) {
  outcome_t first = {.epochs = 0};
  const char *words = "train config.yaml 'model.init_values={dense1.bias: 0.25}' model.init_layers=matching "
                      "model.init_from=w.csv";
  run_well(ALONE, "weights source --out w.csv");
  run_command("sed -i '/dense3/d' w.csv");
  for (int ranks = ALONE; ranks <= 3; ranks++) {
    char name[32];
    if (ranks == 1) continue;
    snprintf(name, sizeof name, "layout-%d", ranks);
    run_well(ranks, "%s name=%s", words, name);
    outcome_t outcome = outcome_of(name);
    if (ranks == ALONE) first = outcome;
    outcome_expect_same(&first, &outcome, name);
  }
  run_well(ALONE, "%s name=layout-2 --resume train.epochs=2", words);
  run_command("sed -i 's/0.5/0.25/' w.csv");
  expect_refused(ALONE, 3, "is not the model that the run of",
                 "train config.yaml 'model.init_values={dense1.bias: 0.25}' model.init_layers=matching "
                 "model.init_from=w.csv name=layout-2 --resume train.epochs=3");
  expect_refused(2, 2, "model.init_values",
                 "train config.yaml model.init_layers=matching model.init_from=w.csv name=layout-2 --resume "
                 "train.epochs=3");
}

Test(weights, a_line_is_printed_in_original_units_too) {
  write_text("line.csv", "size,price\n1,5\n2,7\n3,9\n5,13\n");
  run_well(ALONE, "import line.csv line.h5 --label price --regression");
  write_text("line.yaml", "data: {file: line.h5, scaling: standard, target_scaling: minmax}\n"
                          "model: {layers: [dense: 1]}\nloss: mse\n");
  run_well(ALONE, "solve line.yaml name=line");
  result_t result = run_well(2, "weights line");
  const char *line = strstr(result.out, "  y0 = ");
  cr_assert_not_null(line, "%s", result.out);
  char *end = NULL;
  cr_expect_float_eq(strtod(line + strlen("  y0 = "), &end), 2, 1e-5, "%s", line);
  cr_expect_eq(strncmp(end, " size + ", 8), 0, "%s", end);
  cr_expect_float_eq(strtod(end + 8, NULL), 3, 1e-5, "%s", line);
  cr_expect_not_null(strstr(result.out, "acts on scaled columns (data.scaling: standard)"), "%s", result.out);

  run_well(ALONE, "train line.yaml name=hand data.scaling=none data.target_scaling=none train.epochs=0 "
                  "'model.init_values={dense1.weight: [[2.5]], dense1.bias: [0.5]}'");
  cr_expect_not_null(strstr(run_well(ALONE, "weights hand").out, "  y0 = 2.5 size + 0.5"));
  cr_expect_not_null(strstr(run_well(ALONE, "weights hand --layer dense1").out, "dense1.weight (1, 1)"));
}

Test(weights, what_does_not_fit_is_refused_on_every_rank) {
  static const struct {
    int code;
    const char *part, *words;
  } cases[] = {
      {3, "w.csv:2: dense1.weight[0,13]: there is no such weight", "train config.yaml model.init_from=w.csv"},
      {2, "gives 1 of the network's", "train config.yaml model.init_from=one.csv"},
      {2, "gives no weight of this network",
       "train config.yaml model.init_from=other.csv model.init_layers=matching"},
      {2,
       "override 'model.init_values={dense9.bias: 1}': model.init_values: dense9.bias: the network has no "
       "array",
       "train config.yaml 'model.init_values={dense9.bias: 1}'"},
      {2, "expected rows of equally many numbers",
       "train config.yaml 'model.init_values={dense1.weight: [[1, 2], [3]]}'"},
      {2, "single precision", "train config.yaml 'model.init_values={dense1.bias: 1e39}'"},
      {2, "expected names of weights with numbers", "train config.yaml model.init_values=3"},
      {3, "nowhere.csv", "train config.yaml model.init_from=nowhere.csv"},
      {2,
       "the network has no layer 'dense9' with weights; it has dense1, batch_norm1, dense2, layer_norm1, "
       "dense3",
       "weights source --layer dense9"},
      {2, "ends neither in .csv nor in .h5", "weights source --out w.txt"},
      {3, "no-such", "weights no-such --out new.csv"},
      {2, "the model has 1 network", "weights source --member 2"},
  };
  write_text("w.csv", "layer,parameter,row,column,value\ndense1,weight,0,13,1\n");
  write_text("one.csv", "layer,parameter,row,column,value\ndense1,weight,0,12,1\n");
  write_text("other.csv", "layer,parameter,row,column,value\ndense7,weight,0,12,1\n");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_refused(i % 2 == 0 ? 2 : ALONE, cases[i].code, cases[i].part, cases[i].words);
}
