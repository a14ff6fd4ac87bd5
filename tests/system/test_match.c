/* Rows from another file: columns of x and classes are found by their names. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 240 };

TestSuite(match, .init = place_make, .fini = place_remove);

/* A table of three classes that depend on a and b; c is noise. `order` names the columns, the label last. */
static void write_table(const char *path, const char *order, const char *only) {
  static const char *const names[] = {"low", "middle", "top"};
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file);
  for (const char *c = order; *c != '\0'; c++) fprintf(file, "%c,", *c);
  fputs("kind\n", file);
  for (int i = 0; i < ROWS; i++) {
    double a = 10 * noise(3 * (uint64_t)i), b = noise(3 * (uint64_t)i + 1),
           c = 5 * noise(3 * (uint64_t)i + 2);
    const char *kind = names[a < 3.3 ? 0 : a < 6.6 ? 1 : 2];
    if (only != NULL && strcmp(only, kind) != 0) continue;
    for (const char *column = order; *column != '\0'; column++)
      fprintf(file, "%.17g,", *column == 'a' ? a : *column == 'b' ? b : c);
    fprintf(file, "%s\n", kind);
  }
  fclose(file);
}

static void train(void) {
  write_table("rows.csv", "abc", NULL);
  run_well(ALONE, "import rows.csv rows.h5 --label kind");
  write_text("config.yaml", "data: {file: rows.h5, scaling: standard}\n"
                            "model: {layers: [{dense: {units: 16, activation: tanh}}, {dense: 3}]}\n"
                            "loss: cross_entropy\n"
                            "optimizer: {name: adam, learning_rate: 0.02}\n"
                            "train: {epochs: 60, global_batch_size: 40}\n"
                            "parallel: {threads: 1, shards: 4}\n");
  run_well(ALONE, "train config.yaml");
}

static double accuracy_on(const char *file) {
  run_well(2, "eval runs/config %s --split train --json out.json", file);
  return json_double(file_text("out.json"), "accuracy");
}

Test(match, columns_in_another_order_are_found_by_their_names) {
  train();
  write_table("other.csv", "cba", NULL);
  run_well(ALONE, "import other.csv other.h5 --label kind");
  double own = accuracy_on("rows.h5");
  cr_expect_gt(own, 0.9);
  cr_expect_float_eq(accuracy_on("other.h5"), own, 1e-9);
  run_well(ALONE, "predict runs/config rows.h5 --x train/x --out own.csv");
  run_well(ALONE, "predict runs/config other.h5 --x train/x --out other.csv");
  write_text("script", "cut -d, -f1,2 own.csv >a && cut -d, -f1,2 other.csv >b && cmp a b");
  cr_expect_eq(run_command("sh script").code, 0, "other classes");
}

/* The temperature is fitted on one split and another one is evaluated: both are matched with one model. */
Test(match, two_splits_of_a_file_are_matched_alike) {
  double accuracy[2];
  train();
  write_table("other.csv", "bca", NULL);
  for (int i = 0; i < 2; i++) {
    const char *table = i == 0 ? "rows" : "other";
    run_well(ALONE, "import --overwrite --train %s.csv --valid %s.csv rows.h5 --label kind", table, table);
    run_well(ALONE, "eval runs/config --split train --temperature fit --json out.json");
    accuracy[i] = json_double(file_text("out.json"), "accuracy");
  }
  cr_expect_gt(accuracy[0], 0.9);
  cr_expect_float_eq(accuracy[1], accuracy[0], 1e-9, "%g, not %g", accuracy[1], accuracy[0]);
}

Test(match, a_file_without_a_feature_is_refused) {
  train();
  write_table("other.csv", "abd", NULL);
  run_well(ALONE, "import other.csv other.h5 --label kind");
  result_t result = run(2, "eval runs/config other.h5 --split train");
  cr_expect_eq(result.code, 3, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "there is no feature 'c'"), "%s", result.err);
  result = run(ALONE, "predict runs/config other.h5 --x train/x --out p.csv");
  cr_expect_eq(result.code, 3, "%s", result.err);
}

/* Alone in a file, a class has number 0, whatever its number in the model. */
Test(match, classes_are_found_by_their_names) {
  train();
  write_table("top.csv", "abc", "top");
  run_well(ALONE, "import top.csv top.h5 --label kind");
  cr_expect_gt(accuracy_on("top.h5"), 0.9);
  write_text("script", "sed s/top/strange/ top.csv >strange.csv");
  cr_expect_eq(run_command("sh script").code, 0);
  run_well(ALONE, "import strange.csv strange.h5 --label kind");
  result_t result = run(2, "eval runs/config strange.h5 --split train");
  cr_expect_eq(result.code, 3, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "the model knows no class 'strange', only low, middle, top"), "%s",
                     result.err);
}

Test(match, a_network_has_as_many_classes_as_the_file_names) {
  train();
  static const char *const commands[] = {"check", "train"}, *const units[] = {"2", "5"};
  for (int c = 0; c < 2; c++)
    for (int u = 0; u < 2; u++) {
      result_t result =
          run(c + 1, "%s config.yaml name=other 'model.layers=[dense: %s]'", commands[c], units[u]);
      cr_expect_eq(result.code, 2, "%s", result.err);
      cr_expect_not_null(strstr(result.err, "classes apart, but rows.h5 has 3"), "%s", result.err);
    }
}

Test(match, an_ensemble_has_no_closed_form) {
  train();
  result_t result = run(ALONE, "solve config.yaml train.members=3");
  cr_expect_eq(result.code, 2);
  cr_expect_not_null(strstr(result.err, "train.members"), "%s", result.err);
}

/* Names of a file that another program wrote. */
Test(match, names_that_repeat_or_do_not_fit_are_refused) {
  static const char *const cases[][3] = {
      {"class_names", "['a', 'b', 'a']", "class_names names the class 'a' twice"},
      {"class_names", "['a', 'b']", "the network tells 3 classes apart, but names.h5 has 2"},
      {"feature_names", "['a', 'b']", "feature_names names 2 features, but train/x has 3"},
      {"feature_names", "['a', 'b', 'b']", "feature_names names the feature 'b' twice"}};
  if (run_python() == NULL) cr_skip_test("needs h5py");
  train();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    write_text("names.py",
               "import h5py, numpy as np\n"
               "with h5py.File('names.h5', 'w') as f:\n"
               "    f['train/x'] = f['z'] = np.random.default_rng(1).normal(size=(90, 3))\n"
               "    f['train/y'] = np.arange(90) %% 3\n"
               "    f.attrs.create('%s', np.array(%s, dtype=object), dtype=h5py.string_dtype())\n",
               cases[i][0], cases[i][1]);
    cr_assert_eq(run_command("%s names.py", run_python()).code, 0);
    result_t result = run(1 + (int)i % 2, "train config.yaml name=names data.file=names.h5");
    cr_expect_eq(result.code, i == 1 ? 2 : 3, "%s", result.err);
    cr_expect_not_null(strstr(result.err, cases[i][2]), "%s", result.err);
    if (i == 2)
      run_well(ALONE, "train config.yaml name=z data.file=names.h5 data.x=z"); /* not of this array */
  }
}
