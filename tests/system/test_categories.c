/* Columns of categories and missing values, from dataset file to predictions: the same bits on any layout,
 * files with other orders, and what is refused. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 420, COLUMNS = 5, CITIES = 33, COLOURS = 4, SIZES = 3 };

TestSuite(categories, .init = place_make, .fini = place_remove);

#define OK(call)                                                                                             \
  do {                                                                                                       \
    ls_error error_ = {0};                                                                                   \
    ls_error *e = &error_;                                                                                   \
    cr_assert_eq((call), LS_OK, "%s", e->message);                                                           \
  } while (0)

/* A file: its columns and categories in some order, and what is special about its rows. */
typedef struct {
  bool is_turned;      /* columns and categories the other way round */
  bool without_names;  /* of columns */
  bool lacks_colours;  /* the column holds numbers */
  bool has_strangers;  /* the first 9 rows have a colour that the model does not know */
  bool is_ordered_odd; /* the first 3 rows have a size that nobody named */
  bool is_whole;       /* no gaps */
  int64_t steps;       /* rows are time steps: y is not needed; 0: they are not */
} table_t;

static const char *const columns[COLUMNS] = {"age", "city", "colour", "size", "income"};
static const char *const colours[] = {"blue", "green", "red", "teal", "violet"};
static const char *const sizes[] = {"small", "medium", "large"};

/* The value of a row in a column in the order of the first file: colour 3 comes in no row. */
static double value_of(const table_t *table, int64_t row, int64_t column) {
  double u = noise((uint64_t)(row * COLUMNS + column));
  bool is_gap = !table->is_whole && noise((uint64_t)(100000 + row * COLUMNS + column)) < 0.08;
  if (column == 2 && table->has_strangers && row < 9) return COLOURS;
  if (column == 3 && table->is_ordered_odd && row < 3) return -1;
  if (is_gap && (column == 0 || column == 2)) return NAN;
  if (column == 1) return floor(u * CITIES);
  if (column == 2) return floor(u * (COLOURS - 1));
  if (column == 3) return floor(u * SIZES);
  return column == 0 ? 20 + 50 * u : 1000 * u * u;
}

static void write_categories(store_t *store, const table_t *table, int64_t column, size_t n) {
  char name[32], cities[CITIES][8];
  const char *names[CITIES];
  int64_t place = table->is_turned ? COLUMNS - 1 - column : column;
  for (size_t k = 0; k < n; k++) {
    size_t code = table->is_turned ? n - 1 - k : k;
    if (column == 1) snprintf(cities[code], sizeof cities[code], "city%zu", k);
    names[code] = column == 1 ? cities[code] : column == 2 ? colours[k] : sizes[k];
  }
  snprintf(name, sizeof name, "categories/%d", (int)place);
  OK(store_write_text_array(store, name, names, n, e));
  if (column == 3) OK(store_write_int(store, name, "ordered", 1, e));
}

static void write_table(const char *path, table_t table) {
  static double x[ROWS][COLUMNS], y[ROWS];
  const char *names[COLUMNS];
  const size_t counts[COLUMNS] = {0, CITIES, COLOURS + (size_t)table.has_strangers, SIZES, 0};
  store_t *store = NULL;
  OK(store_create(path, &store, e));
  for (int64_t r = 0; r < ROWS; r++) {
    double sum = 0;
    for (int64_t c = 0; c < COLUMNS; c++) {
      double value = value_of(&table, r, c);
      bool is_code = counts[c] > 0 && value >= 0;
      sum += isnan(value) ? 0 : c == 1 ? noise((uint64_t)value) : c == 2 ? value : 0;
      if (is_code && table.is_turned) value = (double)counts[c] - 1 - value;
      x[r][table.is_turned ? COLUMNS - 1 - c : c] = value;
    }
    y[r] = sum;
  }
  OK(store_write(store, "train/x", STORE_F64, 2, (int64_t[]){ROWS - 80, COLUMNS}, x, e));
  OK(store_write(store, "train/y", STORE_F64, 2, (int64_t[]){ROWS - 80, 1}, y, e));
  OK(store_write(store, "test/x", STORE_F64, 2, (int64_t[]){80, COLUMNS}, x + ROWS - 80, e));
  OK(store_write(store, "test/y", STORE_F64, 2, (int64_t[]){80, 1}, y + ROWS - 80, e));
  for (int64_t c = 0; c < COLUMNS; c++) {
    names[table.is_turned ? COLUMNS - 1 - c : c] = columns[c];
    if (counts[c] > 0 && !(c == 2 && table.lacks_colours)) write_categories(store, &table, c, counts[c]);
  }
  if (!table.without_names) OK(store_write_texts(store, "/", "feature_names", names, COLUMNS, e));
  OK(store_publish(&store, e));
}

static void write_config(void) {
  write_text(
      "config.yaml",
      "data: {file: rows.h5, missing: mean, missing_indicator: true, scaling: standard, validation: 0.2}\n"
      "model: {layers: [{dense: {units: 12, activation: tanh}}, {dense: 1}]}\n"
      "loss: mse\n"
      "optimizer: {name: adam, learning_rate: 0.02}\n"
      "train: {epochs: 12, global_batch_size: 34}\n"
      "parallel: {threads: 1, shards: 5}\n");
}

static void train(const char *words) {
  write_table("rows.h5", (table_t){0});
  write_config();
  run_well(ALONE, "train config.yaml %s", words);
}

/* age, 3 colours, size, income; an input for gaps in two columns; a city's number. */
Test(categories, become_the_inputs_that_the_rows_hold) {
  train("");
  result_t result = run_well(ALONE, "info --graph runs/config");
  cr_expect_not_null(strstr(result.out, "input          (rows, 9)"), "%s", result.out);
  cr_expect_not_null(strstr(result.out, "weight (11, 33)"), "round(1.6 33^0.56) = 11\n%s", result.out);
  cr_expect_lt(json_double(file_text("runs/config/summary.json"), "test_mae"), 0.25);
  result = run_well(ALONE, "info rows.h5");
  cr_expect_not_null(strstr(result.out, "categories of 3      3, ordered: small, medium, large"), "%s",
                     result.out);
  result = run_well(ALONE, "info runs/config/model.h5");
  cr_expect_not_null(
      strstr(result.out, "categories of 1      33: city0, city1, city2, city3, city4, city5, ..."), "%s",
      result.out);
  result = run_well(2, "check config.yaml");
  cr_expect_not_null(strstr(result.out, "inputs  9 of the network"), "%s", result.out);
  run_well(ALONE, "train config.yaml name=plain 'model.embeddings={above: none}'");
  result = run_well(ALONE, "info --graph runs/plain");
  cr_expect_not_null(strstr(result.out, "input          (rows, 41)"), "%s", result.out);
  run_well(ALONE,
           "train config.yaml name=named 'model.embeddings={columns: {colour: 2, size: auto}, width: 5}'");
  result = run_well(ALONE, "info --graph runs/named");
  cr_expect_not_null(strstr(result.out, "weight (5, 33)"), "%s", result.out);
  cr_expect_not_null(strstr(result.out, "weight (2, 3)"), "%s", result.out);
  cr_expect_not_null(strstr(result.out, "weight (5, 3)"), "%s", result.out);
  run_well(ALONE, "train config.yaml name=number data.scaling.columns.colour=maxabs");
  result = run_well(ALONE, "info --graph runs/number");
  cr_expect_not_null(strstr(result.out, "input          (rows, 7)"), "%s", result.out);
}

Test(categories, give_the_same_bits_on_any_layout) {
  static const char *const words[] = {"parallel.threads=3", "data.memory_limit=40KB", "parallel.threads=2",
                                      "parallel.reduce=shared data.memory_limit=40KB"};
  static const char *const rules[] = {"mean", "median", "most_frequent", "constant"};
  write_table("rows.h5", (table_t){0});
  write_config();
  for (int i = 0; i < 4; i++) {
    run_well(ALONE, "train config.yaml name=one data.missing=%s", rules[i]);
    outcome_t one = outcome_of("one");
    run_well(2 + i % 2, "train config.yaml name=many data.missing=%s %s", rules[i], words[i]);
    outcome_t many = outcome_of("many");
    outcome_expect_same(&one, &many, rules[i]);
  }
  run_well(2, "train config.yaml name=half train.epochs=5");
  run_well(3, "train config.yaml name=half --resume");
  run_well(ALONE, "train config.yaml name=whole");
  outcome_t half = outcome_of("half"), whole = outcome_of("whole");
  cr_expect_str_eq(half.checksum, whole.checksum, "a resumed run has other bits");
}

Test(categories, of_other_files_are_found_by_their_names) {
  train("");
  write_table("turned.h5", (table_t){.is_turned = true});
  run_well(ALONE, "predict runs/config rows.h5 --out own.csv");
  run_well(2, "predict runs/config turned.h5 --out turned.csv");
  cr_expect_eq(run_command("cmp own.csv turned.csv").code, 0, "other predictions");
  run_well(2, "predict runs/config turned.h5 --out streamed.csv data.memory_limit=30KB");
  cr_expect_eq(run_command("cmp own.csv streamed.csv").code, 0, "other predictions of streamed rows");
  run_well(2, "eval runs/config turned.h5 --json out.json");
  double loss = json_double(file_text("out.json"), "loss");
  run_well(ALONE, "eval runs/config --json out.json");
  cr_expect_eq(loss, json_double(file_text("out.json"), "loss"));
}

Test(categories, that_the_model_does_not_know_are_none_and_counted) {
  train("");
  write_table("strange.h5", (table_t){.has_strangers = true});
  write_table("odd.h5", (table_t){.is_ordered_odd = true});
  result_t result = run_well(2, "eval runs/config strange.h5 --split train data.validation=0");
  cr_expect_not_null(strstr(result.err,
                            "column 2 'colour' holds categories that no training row held (violet) in "
                            "9 of 340 rows; they count as no category"),
                     "%s", result.err);
  result = run_well(ALONE, "eval runs/config odd.h5 --split train data.validation=0");
  cr_expect_not_null(strstr(result.err,
                            "column 3 'size' holds categories that no training row held in 3 of 340 "
                            "rows; they count as missing"),
                     "%s", result.err);
  run_well(ALONE, "train config.yaml name=whole data.missing=drop data.missing_indicator=false");
  result = run(2, "eval runs/whole odd.h5 --split train");
  cr_expect_eq(result.code, 3, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "column 3 'size' holds categories"), "%s", result.err);
  result = run_well(ALONE, "train config.yaml name=own data.file=strange.h5");
  cr_expect_null(strstr(result.err, "that no training row held"), "training rows hold them:\n%s", result.err);
}

Test(categories, that_do_not_fit_are_refused_by_name) {
  train("");
  write_table("numbers.h5", (table_t){.lacks_colours = true});
  result_t result = run(2, "predict runs/config numbers.h5 --out p.csv");
  cr_expect_eq(result.code, 3, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "column 2 'colour' of x holds numbers, but the model was trained on "
                                        "categories there (blue, green, red, teal)"),
                     "%s", result.err);
  run_well(ALONE, "train config.yaml name=numbers data.file=numbers.h5");
  result = run(ALONE, "eval runs/numbers rows.h5");
  cr_expect_eq(result.code, 3, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "holds categories, but the model was trained on numbers"), "%s",
                     result.err);
  result = run(2, "train config.yaml name=config --resume train.epochs=20 data.file=numbers.h5");
  cr_expect_eq(result.code, 3, "%s", result.err);
  static const char *const bad[][2] = {
      {"data.basis.name=polynomial", "becomes an embedding, which data.basis cannot take"},
      {"model.embeddings.columns.town=3", "x has no column 'town'"},
      {"'data.scaling.columns={city: one_hot}' model.embeddings.columns.city=3",
       "leave it out of one of them"},
      {"model.embeddings.above=-2", "out of range"},
      {"model.embeddings.columns.city=0", "out of range"},
      {"data.missing=drop", "data.missing_indicator: has no effect"},
      {"data.missing_value=3", "data.missing_value: has no effect"},
      {"model.embeddings.columns.income=3", "holds"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    result = run(i == 0 ? 2 : ALONE, "train config.yaml name=bad%zu %s", i, bad[i][0]);
    cr_expect(result.code == 2 || result.code == 3, "%s: %s", bad[i][0], result.err);
    cr_expect_not_null(strstr(result.err, bad[i][1]), "%s: %s", bad[i][0], result.err);
  }
  result = run(ALONE, "solve config.yaml 'model={layers: [dense: 1], embeddings: {columns: {city: 3}}}'");
  cr_expect_eq(result.code, 2, "%s", result.err);
  run_well(2, "solve config.yaml name=linear 'model.layers=[dense: 1]'");
  cr_expect_not_null(strstr(run_well(ALONE, "info --graph runs/linear").out, "(rows, 41)"));
}

Test(categories, are_members_of_an_ensemble_and_of_windows) {
  train("train.members=2 train.epochs=3 name=many");
  write_table("turned.h5", (table_t){.is_turned = true});
  run_well(2, "predict runs/many rows.h5 --out own.csv");
  run_well(ALONE, "predict runs/many turned.h5 --out turned.csv");
  cr_expect_eq(run_command("cmp own.csv turned.csv").code, 0, "other predictions of an ensemble");
  static const char windows[] = "'data={file: rows.h5, scaling: standard, missing: median, window: {length: "
                                "3, targets: y, test: 0.2}}'";
  result_t result = run(2, "train config.yaml name=windows %s train.epochs=2", windows);
  cr_expect_eq(result.code, 2, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "rows with data.window cannot have"), "%s", result.err);
  run_well(2, "train config.yaml name=windows %s train.epochs=2 model.embeddings.above=none", windows);
  run_well(ALONE, "predict runs/windows rows.h5 --x test/x --out own.csv");
  run_well(2, "predict runs/windows turned.h5 --x test/x --out turned.csv");
  cr_expect_eq(run_command("cmp own.csv turned.csv").code, 0, "other forecasts");
}

Test(categories, named_twice_are_refused) {
  const double x[2] = {0, 1};
  store_t *store = NULL;
  write_config();
  OK(store_create("rows.h5", &store, e));
  OK(store_write(store, "train/x", STORE_F64, 2, (int64_t[]){2, 1}, x, e));
  OK(store_write(store, "train/y", STORE_F64, 2, (int64_t[]){2, 1}, x, e));
  OK(store_write_text_array(store, "categories/0", (const char *[]){"red", "blue", "red"}, 3, e));
  OK(store_publish(&store, e));
  result_t result = run(2, "train config.yaml data.validation=0 train.global_batch_size=2 parallel.shards=2");
  cr_expect_eq(result.code, 3, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "categories/0 names the category 'red' twice"), "%s", result.err);
}

Test(categories, are_no_reason_for_a_hint_at_sizes_but_numbers_are) {
  train("data.scaling=none train.epochs=1");
  result_t result = run_well(2, "train config.yaml name=plain data.scaling=none train.epochs=1");
  cr_expect_not_null(
      strstr(result.err, "hint: features differ in size: column 3 size reaches 2, column 4 income"), "%s",
      result.err);
  cr_expect_not_null(strstr(result.err, "data.scaling: standard"), "%s", result.err);
  result = run_well(2, "train config.yaml name=scaled train.epochs=1");
  cr_expect_null(strstr(result.err, "hint:"), "%s", result.err);
}

/* Large tables are cut into sections, which arrive from other nodes piece by piece. */
Test(categories, have_the_same_bits_on_several_nodes) {
  static const char wide[] =
      "'model={layers: [dense: 3, dense: 1], embeddings: {width: 4000, above: 2}}' train.epochs=2";
  write_table("rows.h5", (table_t){0});
  write_config();
  run_well(ALONE, "train config.yaml name=one %s", wide);
  outcome_t one = outcome_of("one");
  for (int ranks = 2; ranks <= 3; ranks++) {
    run_well(ranks, "train config.yaml name=nodes %s parallel.ranks_per_node=1", wide);
    outcome_t nodes = outcome_of("nodes");
    outcome_expect_same(&one, &nodes, "nodes");
  }
  run_well(2, "train config.yaml name=mpi %s parallel.reduce=mpi", wide);
}

/* What a model does with gaps in new rows is what it has learnt to do. */
Test(categories, leave_gaps_to_the_rule_of_the_model) {
  write_table("rows.h5", (table_t){.is_whole = true});
  write_table("gaps.h5", (table_t){0});
  write_config();
  static const char whole[] = "data.missing_indicator=false data.missing=error";
  run_well(ALONE, "train config.yaml name=whole %s", whole);
  result_t result = run(2, "predict runs/whole gaps.h5 --out p.csv");
  cr_expect_eq(result.code, 3, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "holds NaN in row "), "%s", result.err);
  result = run(2, "eval runs/whole gaps.h5");
  cr_expect_eq(result.code, 3, "%s", result.err);
  result = run(2, "eval runs/whole gaps.h5 data.missing=mean");
  cr_expect_eq(result.code, 2, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "the model has no values to fill in"), "%s", result.err);
  run_well(2, "eval runs/whole gaps.h5 data.missing=drop");
  run_well(ALONE, "train config.yaml name=filling data.missing_indicator=false");
  run_well(2, "predict runs/filling gaps.h5 --out p.csv");
  cr_expect_eq(run_command("grep -i nan p.csv").code, 1);
}
