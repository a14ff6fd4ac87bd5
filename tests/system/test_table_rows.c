/* Tables in place of dataset files: `predict` and `eval` read CSV as the model expects it, `import --like`
 * too. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 240 };

TestSuite(table_rows, .init = place_make, .fini = place_remove);

static const char *const colours[] = {"blue", "green, light", "red"};

/* Rows of a number, a colour and a name; the kind depends on both, and `height` is a number to predict. A
 * missing number in every 40th row. */
static void write_table(const char *path, const char *header, char separator, const char *red) {
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file);
  fprintf(file, "%s\n", header);
  for (int i = 0; i < ROWS; i++) {
    double size = 10 * noise(2 * (uint64_t)i);
    int c = (int)(3 * noise(2 * (uint64_t)i + 1));
    char number[32] = "NA";
    if (i % 40 != 7) snprintf(number, sizeof number, "%.6f", size);
    fprintf(file, "row %d%c%s%c\"%s\"%c%s%c%.3f\n", i, separator, number, separator,
            c == 2 ? red : colours[c], separator, size > 5 ? (c == 0 ? "A" : "B") : "C", separator,
            1e6 + size + 3 * c);
  }
  fclose(file);
}

#define USUAL_HEADER "name,size,colour,kind,height"

static void train(const char *options, const char *loss, int outputs) {
  write_table("rows.csv", USUAL_HEADER, ',', "red");
  run_well(ALONE, "import rows.csv rows.h5 %s --drop name", options);
  write_text("config.yaml",
             "data: {file: rows.h5, scaling: standard, missing: mean%s}\n"
             "model: {layers: [{dense: {units: 16, activation: tanh}}, {dense: %d}]}\n"
             "loss: %s\n"
             "optimizer: {name: adam, learning_rate: 0.02}\n"
             "train: {epochs: 40, global_batch_size: 40}\n"
             "parallel: {threads: 1, shards: 4}\n",
             outputs == 1 ? ", target_scaling: standard" : "", outputs, loss);
  run_well(ALONE, "train config.yaml");
}

static double figure(const char *name) {
  return json_double(file_text("out.json"), name);
}

/* Temporary datasets are made in an empty folder, of which nothing is left. */
static void expect_nothing_left(void) {
  cr_expect_eq(run_command("sh -c 'ls -A tmp | grep -q . && exit 1 || exit 0'").code, 0,
               "a temporary dataset is left");
}

static void use_folder(void) {
  char place[512];
  cr_assert_eq(run_command("mkdir tmp").code, 0);
  cr_assert_not_null(getcwd(place, sizeof place - 8));
  strcat(place, "/tmp");
  setenv("TMPDIR", place, 1);
}

Test(table_rows, eval_and_predict_read_a_table_like_its_dataset) {
  train("--label kind --drop height", "cross_entropy", 3);
  use_folder();
  run_well(2, "eval runs/config rows.h5 --split train --json out.json");
  double accuracy = figure("accuracy"), loss = figure("loss");
  cr_expect_gt(accuracy, 0.9);
  for (int ranks = ALONE; ranks <= 2; ranks += 2) {
    result_t result = run_well(ranks, "eval runs/config rows.csv --label kind --json out.json");
    cr_expect_eq(figure("accuracy"), accuracy);
    cr_expect_eq(figure("loss"), loss);
    cr_expect_not_null(strstr(result.out, "rows.csv, test: rows 240"), "%s", result.out);
    run_well(ranks, "predict runs/config rows.csv --out table.csv");
    run_well(ranks, "predict runs/config rows.h5 --x train/x --out dataset.csv");
    cr_expect_eq(run_command("cmp table.csv dataset.csv").code, 0);
    cr_expect_neq(run(ranks, "eval runs/config rows.csv --label nobody").code, 0);
    expect_nothing_left();
  }
}

Test(table_rows, columns_are_found_by_name_and_unknown_categories_are_counted) {
  train("--label kind --drop height", "cross_entropy", 3);
  run_well(ALONE, "predict runs/config rows.csv --out own.csv");
  write_text("swap.awk", "BEGIN { FS = OFS = \"\\t\" } { print $3, \"more\", $2, $4 }");
  write_table("tabs.csv", "name\tsize\tcolour\tkind\theight", '\t', "red");
  cr_assert_eq(run_command("sh -c 'awk -f swap.awk tabs.csv | sed 1s/more/weight/ > swapped.csv'").code, 0);
  run_well(ALONE, "predict runs/config swapped.csv --out swapped-out.csv");
  cr_expect_eq(run_command("cmp own.csv swapped-out.csv").code, 0);
  write_table("new.csv", USUAL_HEADER, ',', "violet");
  result_t result = run_well(2, "predict runs/config new.csv --out new-out.csv");
  cr_expect_not_null(strstr(result.err, "'colour' holds categories that no training row held"), "%s",
                     result.err);
  write_table("lacks.csv", "name,weight,colour,kind,height", ',', "red");
  result = run(2, "predict runs/config lacks.csv --out lacks-out.csv");
  cr_expect_eq(result.code, 3);
  cr_expect_not_null(strstr(result.err, "no column 'size'"), "%s", result.err);
}

/* The names and colours of all rows, as write_table has them. */
static void expect_ids(const char *path) {
  char **names = NULL, **found = NULL, name[16];
  size_t n = 0, n_found = 0;
  store_t *store = NULL;
  ls_error error = {0};
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_text_array(store, "id/name", &names, &n, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_text_array(store, "id/colour", &found, &n_found, &error), LS_OK, "%s",
               error.message);
  cr_assert(n == ROWS && n_found == ROWS);
  for (int i = 0; i < ROWS; i++) {
    snprintf(name, sizeof name, "row %d", i);
    cr_expect_str_eq(names[i], name);
    cr_expect_str_eq(found[i], colours[(int)(3 * noise(2 * (uint64_t)i + 1))], "%s", name);
  }
  free(names);
  free(found);
  store_close(&store);
}

Test(table_rows, columns_of_ids_are_taken_over) {
  train("--label kind --drop height", "cross_entropy", 3);
  run_well(2, "predict runs/config rows.csv --out ids.csv --id name,colour");
  cr_expect_eq(run_command("sh -c 'head -1 ids.csv | grep -q \"^row,name,colour,class,\"'").code, 0);
  cr_expect_eq(
      run_command("sh -c 'grep -q \"^17,row 17,\" ids.csv && grep -q \"\\\"green, light\\\"\" ids.csv'").code,
      0);
  run_well(ALONE, "predict runs/config rows.csv --out ids.h5 --id name,colour");
  expect_ids("ids.h5");
  result_t result = run_well(ALONE, "info ids.h5");
  cr_expect_not_null(strstr(result.out, "class"), "%s", result.out);
  cr_expect_eq(run(ALONE, "predict runs/config rows.h5 --x train/x --out x.csv --id name").code, 2);
  cr_expect_eq(run(ALONE, "predict runs/config rows.csv --out x.csv --id nobody").code, 3);
}

Test(table_rows, import_like_a_model_gives_its_columns_categories_and_classes) {
  train("--label kind --drop height", "cross_entropy", 3);
  run_well(ALONE, "eval runs/config rows.h5 --split train --json out.json");
  double loss = figure("loss");
  /* one class alone, and the first category missing: other numbers without --like */
  cr_assert_eq(
      run_command("sh -c '(head -1 rows.csv; grep -v blue rows.csv | grep \",B,\") > some.csv'").code, 0);
  run_well(ALONE, "import some.csv some.h5 --label kind --like runs/config");
  run_well(2, "eval runs/config some.h5 --json out.json");
  double like = figure("loss");
  run_well(2, "eval runs/config some.csv --label kind --json out.json");
  cr_expect_eq(figure("loss"), like);
  run_well(ALONE, "import rows.csv all.h5 --label kind --like runs/config");
  run_well(ALONE, "eval runs/config all.h5 --json out.json");
  cr_expect_eq(figure("loss"), loss);
}

Test(table_rows, numbers_to_predict_come_from_tables_too) {
  train("--label height --regression --drop kind", "mse", 1);
  run_well(ALONE, "eval runs/config rows.h5 --split train --json out.json");
  double mae = figure("mae");
  cr_expect_lt(mae, 2);
  run_well(2, "eval runs/config rows.csv --label height --json out.json");
  cr_expect_eq(figure("mae"), mae);
}

Test(table_rows, what_is_missing_is_said) {
  train("--label kind --drop height", "cross_entropy", 3);
  static const struct {
    const char *command;
    int code;
    const char *part;
  } cases[] = {
      {"eval runs/config rows.csv", 2, "--label"},
      {"eval runs/config rows.h5 --split train --label kind", 2, "is for a table"},
      {"eval runs/config rows.csv --label nobody", 3, "nobody"},
      {"predict runs/config nothere.csv --out x.csv", 3, "nothere.csv"},
      {"import rows.csv x.h5 --label kind --like nothere", 3, "nothere"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    result_t result = run(i % 2 == 0 ? 2 : ALONE, "%s", cases[i].command);
    cr_expect_eq(result.code, cases[i].code, "%s: %d\n%s", cases[i].command, result.code, result.err);
    cr_expect_not_null(strstr(result.err, cases[i].part), "%s\n%s", cases[i].command, result.err);
  }
}
