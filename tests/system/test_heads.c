/* Several heads on one network: the same bits on any layout and after a resume, half an mse twice is the mse,
 * and every head has figures and predictions of its own. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 333, INPUTS = 4 };

/* x.csv, and y.csv with a value, a class of 0 to 2, another value, and the class again, spoiled in a row. */
static void write_tables(const char *spoiled) {
  FILE *x = fopen("x.csv", "w"), *y = fopen("y.csv", "w");
  cr_assert(x != NULL && y != NULL);
  for (uint64_t i = 0; i < ROWS; i++) {
    double row[INPUTS], class = 0;
    for (uint64_t c = 0; c < INPUTS; c++) row[c] = 2 * noise(INPUTS * i + c) - 1;
    for (int c = 0; c < INPUTS; c++) fprintf(x, c == 0 ? "%.9g" : ",%.9g", row[c]);
    class = row[0] > 0.2 ? 2 : row[1] > 0;
    fprintf(y, "%.9g,%g,%.9g,", 1000 + 50 * row[0] * row[1], class, row[2] - row[3]);
    if (spoiled != NULL && i == 77)
      fprintf(y, "%s\n", spoiled);
    else
      fprintf(y, "%g\n", class);
    fprintf(x, "\n");
  }
  fclose(x);
  fclose(y);
}

static void set_up(void) {
  place_make();
  write_tables(NULL);
  run_well(ALONE,
           "import --overwrite x.csv y.csv data.h5 --regression --header no --split train=0.8,test=0.2");
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.15, scaling: standard, target_scaling: standard}\n"
             "model:\n"
             "  layers:\n"
             "    - dense: {units: 19, activation: tanh}\n"
             "    - dense: 6\n"
             "loss:\n"
             "  - {head: kind, name: cross_entropy, outputs: 3, targets: [1]}\n"
             "  - {head: size, name: gaussian_nll, outputs: 2, targets: [0], weight: 0.5}\n"
             "  - {head: slope, name: mse, targets: [2], weight: 2}\n"
             "optimizer: {name: adam, learning_rate: 0.01}\n"
             "train: {epochs: 4, global_batch_size: 40}\n"
             "parallel: {shards: 6, threads: 1}\n");
}

static void expect_refused(const char *command, const char *overrides, int code, const char *says) {
  result_t result = run(ALONE, "%s config.yaml %s", command, overrides);
  cr_expect_eq(result.code, code, "%s %s: %d", command, overrides, result.code);
  cr_expect_not_null(strstr(result.err, says), "%s", result.err);
}

TestSuite(heads, .init = set_up, .fini = place_remove);

Test(heads, have_the_same_bits_on_any_layout) {
  const char *words =
      "'loss=[{head: kind, name: cross_entropy, outputs: 3, targets: [1], class_weights: "
      "balanced}, {name: gaussian_nll, outputs: 2, targets: [0], weight: 0.5}, {name: hinge, "
      "targets: [3], class_weights: [1, 0, 2], weight: 2}]' 'model.layers=[dense: {units: 19, "
      "activation: tanh}, dense: 8]'";
  run_well(ALONE, "train config.yaml name=one %s", words);
  run_well(3, "train config.yaml name=nodes parallel.ranks_per_node=2 %s", words);
  run_well(ALONE, "train config.yaml name=threads parallel.threads=4 %s", words);
  run_well(2, "train config.yaml name=streamed data.memory_limit=40KB %s", words);
  outcome_t one = outcome_of("one");
  cr_assert_lt(one.train_loss[3], 0.9 * one.train_loss[0]);
  const char *const others[] = {"nodes", "threads", "streamed"};
  for (int i = 0; i < 3; i++) {
    outcome_t other = outcome_of(others[i]);
    outcome_expect_same(&one, &other, others[i]);
  }
}

/* Layers of a head's own; the nodes' exchange works section by section through them. */
Test(heads, with_layers_of_their_own_have_the_same_bits_on_any_layout) {
  const char *own = "'model.layers=[dense: {units: 300, activation: tanh}, branches: [[dense: {units: 900, "
                    "activation: relu}, dense: 3], [dense: 2], [dense: {units: 400, activation: tanh}, "
                    "dropout: 0.1, dense: 1]]]'";
  run_well(ALONE, "train config.yaml name=one train.epochs=1 %s", own);
  run_well(3, "train config.yaml name=nodes train.epochs=1 parallel.ranks_per_node=1 %s", own);
  run_well(2, "train config.yaml name=threads train.epochs=1 parallel.threads=2 data.memory_limit=40KB %s",
           own);
  outcome_t one = outcome_of("one");
  const char *const others[] = {"nodes", "threads"};
  for (int i = 0; i < 2; i++) {
    outcome_t other = outcome_of(others[i]);
    outcome_expect_same(&one, &other, others[i]);
  }
  run_well(ALONE,
           "gradcheck config.yaml 'model.layers=[dense: {units: 9, activation: tanh}, branches: [[dense: "
           "{units: 5, activation: silu}, dense: 3], [dense: 2], [dense: 1]]]'");
  run_well(ALONE, "eval runs/one --json eval.json");
  cr_expect_not_null(strstr(file_text("eval.json"), "\"head\": \"slope\""));
  expect_refused("solve", own, 2, "one dense layer");
}

Test(heads, go_on_to_the_same_bits) {
  run_well(ALONE, "train config.yaml name=whole");
  run_well(ALONE, "train config.yaml name=parts checkpoint.every='3 steps' train.steps=10");
  result_t result =
      run(ALONE, "train config.yaml name=parts --resume 'loss=[mse, mse]' 'model.layers=[dense: 2]'");
  cr_expect_eq(result.code, 2, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "model.layers is not what"), "%s", result.err);
  run_well(3, "train config.yaml name=parts checkpoint.every='3 steps' --resume");
  outcome_t whole = outcome_of("whole"), parts = outcome_of("parts");
  outcome_expect_same(&whole, &parts, "resumed within the second epoch");
}

Test(heads, half_an_mse_twice_is_the_mse) {
  const char *both = "'model.layers=[dense: {units: 9, activation: relu}, dense: 2]' data.validation=0";
  run_well(ALONE, "train config.yaml name=whole %s 'loss={name: mse, targets: [0, 2]}'", both);
  run_well(ALONE,
           "train config.yaml name=halves %s 'loss=[{name: mse, outputs: 1, targets: [0], weight: 0.5},"
           " {name: mse, targets: [2], weight: 0.5}]'",
           both);
  outcome_t whole = outcome_of("whole"), halves = outcome_of("halves");
  cr_expect_str_eq(halves.checksum, whole.checksum);
  for (int e = 0; e < 4; e++)
    cr_expect_float_eq(halves.train_loss[e], whole.train_loss[e], 1e-12 * whole.train_loss[e]);
}

Test(heads, gradients_are_those_of_central_differences) {
  run_well(ALONE, "gradcheck config.yaml --elements all");
  run_well(
      2,
      "gradcheck config.yaml 'loss=[{name: huber, outputs: 2, targets: [0, 2]}, {name: hinge, targets: [3],"
      " weight: 0.1}]'");
}

/* The n doubles of an array of history.h5. */
static void read_column(const char *name, int64_t n, double *out) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open("runs/config/history.h5", &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, name, 0, n, STORE_F64, out, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

Test(heads, have_figures_that_add_up_to_those_of_the_network) {
  double all[4], kind[4], size[4], slope[4];
  const char *const losses[] = {"train_loss", "valid_loss"};
  run_well(2, "train config.yaml");
  for (int i = 0; i < 2; i++) {
    char name[64];
    read_column(losses[i], 4, all);
    snprintf(name, sizeof name, "heads/kind/%s", losses[i]);
    read_column(name, 4, kind);
    snprintf(name, sizeof name, "heads/size/%s", losses[i]);
    read_column(name, 4, size);
    snprintf(name, sizeof name, "heads/slope/%s", losses[i]);
    read_column(name, 4, slope);
    for (int e = 0; e < 4; e++)
      cr_expect_float_eq(kind[e] + 0.5 * size[e] + 2 * slope[e], all[e], 1e-12, "%s", losses[i]);
  }
  read_column("heads/kind/valid_accuracy", 4, kind);
  cr_expect(kind[3] > 0.4 && kind[3] <= 1, "%g", kind[3]);
  read_column("heads/kind/valid_rmse", 4, kind);
  cr_expect(isnan(kind[3]));
  read_column("heads/size/valid_rmse", 4, size);
  cr_expect(size[3] > 1 && size[3] < 30, "in units of the target: %g", size[3]);
  read_column("valid_accuracy", 4, all);
  cr_expect(isnan(all[3]));
  const char *summary = file_text("runs/config/summary.json");
  cr_expect_not_null(
      strstr(summary, "\"heads\": [{\"head\": \"kind\", \"loss\": \"cross_entropy\", \"weight\": 1"), "%s",
      summary);
  cr_expect_not_null(strstr(summary, "\"head\": \"slope\""), "%s", summary);
  run_well(3, "eval runs/config --json eval.json");
  cr_expect_not_null(strstr(file_text("eval.json"), "\"head\": \"size\", \"loss\""));
  cr_expect_not_null(strstr(file_text("eval.json"), "\"coverage\""));
}

/* Losses of rows, in both kinds of files: of all heads, and of each. */
Test(heads, have_losses_of_rows_that_add_up) {
  enum { MOST = 100, HEADS = 3 };
  static const char *const names[] = {"kind", "size", "slope"};
  static const double weights[] = {1, 0.5, 2};
  double all[MOST], own[HEADS][MOST], mean[HEADS] = {0};
  int rows = 0, number = 0, used = 0;
  char line[512], name[32];
  store_t *store = NULL;
  ls_error error = {0};
  run_well(ALONE, "train config.yaml");
  run_well(ALONE, "eval runs/config --rows rows.csv --json eval.json");
  run_well(3, "eval runs/config --rows rows.h5");
  FILE *file = fopen("rows.csv", "r");
  cr_assert_not_null(file);
  cr_assert_not_null(fgets(line, sizeof line, file));
  cr_expect_str_eq(line, "row,loss,kind_loss,size_loss,slope_loss\n");
  for (; rows < MOST && fgets(line, sizeof line, file) != NULL; rows++) {
    double sum = 0;
    cr_assert_eq(sscanf(line, "%d,%lf%n", &number, &all[rows], &used), 2, "%s", line);
    const char *cell = line + used;
    for (int h = 0; h < HEADS; h++, cell += used) {
      cr_assert_eq(sscanf(cell, ",%lf%n", &own[h][rows], &used), 1, "%s", line);
      sum += weights[h] * own[h][rows];
      mean[h] += own[h][rows];
    }
    cr_expect(number == rows && fabs(all[rows] - sum) <= 1e-12 * fabs(sum), "%s", line);
  }
  fclose(file);
  cr_assert_eq(store_open("rows.h5", &store, &error), LS_OK, "%s", error.message);
  for (int h = -1; h < HEADS; h++) {
    double found[MOST];
    const double *expected = h < 0 ? all : own[h];
    snprintf(name, sizeof name, "%s%sloss", h < 0 ? "" : names[h], h < 0 ? "" : "/");
    cr_assert_eq(store_read_rows(store, name, 0, rows, STORE_F64, found, &error), LS_OK, "%s", error.message);
    for (int i = 0; i < rows; i++)
      cr_expect_float_eq(found[i], expected[i], 1e-15 * fabs(expected[i]), "%s, row %d", name, i);
    if (h < 0) continue;
    snprintf(name, sizeof name, "\"head\": \"%s\"", names[h]);
    const char *figures = strstr(file_text("eval.json"), name);
    cr_assert_not_null(figures, "%s", name);
    cr_expect_float_eq(mean[h] / rows, json_double(figures, "loss"), 1e-6 * fabs(mean[h] / rows), "%s", name);
  }
  store_close(&store);
}

/* The loss of the head `kind` on the test rows at temperature t, from the probabilities that predict wrote.
 */
static double tempered_loss(const float *p, const int *kinds, int n, double t) {
  double loss = 0;
  for (int i = 0; i < n; i++) {
    double sum = 0;
    for (int c = 0; c < 3; c++) sum += pow((double)p[3 * i + c], 1 / t);
    loss -= log((double)p[3 * i + kinds[i]]) / t - log(sum);
  }
  return loss / n;
}

/* The validation rows are the test rows, whose probabilities predict gives. */
Test(heads, are_tempered_each_for_itself) {
  enum { TEST = 67 };
  float p[3 * TEST];
  int kinds[TEST];
  ls_error error = {0};
  store_t *store = NULL;
  run_well(2, "train config.yaml data.validation=test train.epochs=20 "
              "checkpoint.best=none");
  run_well(ALONE, "eval runs/config --split test --temperature fit --json one.json");
  run_well(3, "eval runs/config --split test --temperature fit --json three.json");
  cr_expect_str_eq(file_text("one.json"), file_text("three.json"));
  double t = json_double(file_text("one.json"), "temperature");
  run_well(ALONE, "predict runs/config data.h5 --out p.h5");
  cr_assert_eq(store_open("p.h5", &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, "kind/probability", 0, TEST, STORE_F32, p, &error), LS_OK, "%s",
               error.message);
  store_close(&store);
  for (int i = 0; i < TEST; i++) {
    double x[2];
    for (int c = 0; c < 2; c++) x[c] = 2 * noise((uint64_t)(INPUTS * (ROWS - TEST + i) + c)) - 1;
    kinds[i] = x[0] > 0.2 ? 2 : x[1] > 0;
  }
  double least = tempered_loss(p, kinds, TEST, t);
  cr_expect_lt(least, tempered_loss(p, kinds, TEST, 1.02 * t), "at %g: %g", t, least);
  cr_expect_lt(least, tempered_loss(p, kinds, TEST, t / 1.02), "at %g: %.9g, not %.9g", t, least,
               tempered_loss(p, kinds, TEST, t / 1.02));
  run_well(2, "eval runs/config --split test --temperature kind=%.9g --json set.json", t);
  cr_expect_float_eq(json_double(strstr(file_text("set.json"), "\"head\": \"kind\""), "loss"), least, 1e-4);
  run_well(ALONE, "predict runs/config data.h5 --out t.csv --temperature 2");
}

Test(heads, are_tempered_by_name_and_number_alone) {
  char many[1200] = "kind=2";
  while (strlen(many) < 1100) strcat(many, ",kind=2");
  const struct {
    const char *text, *said;
  } bad[] = {{"slope=2", "the head slope"},         {"colour=2", "no head 'colour'"},
             {"kind=hot", "'hot' is not a number"}, {"kind=2,3", "no head ''"},
             {"0", "'0' is not a number"},          {many, "longer than"}};
  run_well(ALONE, "train config.yaml train.epochs=1");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    result_t result = run(ALONE, "eval runs/config --temperature %s", bad[i].text);
    cr_expect_eq(result.code, 2, "%s", bad[i].text);
    cr_expect_not_null(strstr(result.err, "takes fit, T or HEAD=T"), "%s", result.err);
    cr_expect_not_null(strstr(result.err, bad[i].said), "%s", result.err);
  }
  result_t result = run(ALONE, "predict runs/config data.h5 --out t.csv --temperature fit");
  cr_expect_eq(result.code, 2);
  cr_expect_not_null(strstr(result.err, "takes T or HEAD=T,HEAD=T: 'fit' is not a number"), "%s", result.err);
}

/* A figure of one head of two in what eval wrote. */
static double figure_of(const char *head, const char *key) {
  char name[64];
  snprintf(name, sizeof name, "\"head\": \"%s\"", head);
  const char *from = strstr(file_text("eval.json"), name);
  cr_assert_not_null(from, "%s", name);
  return json_double(from, key);
}

/* Labels that are smoothed make the second head less sure, so that its temperature is another one. */
Test(heads, with_probabilities_have_the_temperatures_of_their_own_least_losses) {
  const char *const heads[] = {"hard", "soft"};
  double t[2], least[2];
  run_well(
      2,
      "train config.yaml data.validation=test data.target_scaling=none train.epochs=20 checkpoint.best=none "
      "'loss=[{head: hard, name: cross_entropy, outputs: 3, targets: [1]}, "
      "{head: soft, name: cross_entropy, outputs: 3, targets: [1], label_smoothing: 0.3}]'");
  run_well(ALONE, "eval runs/config --split test --temperature fit --json eval.json");
  for (int h = 0; h < 2; h++) {
    t[h] = figure_of(heads[h], "temperature");
    least[h] = figure_of(heads[h], "loss");
  }
  cr_expect_gt(fabs(log(t[0] / t[1])), 0.05, "%g and %g", t[0], t[1]);
  for (int k = 0; k < 2; k++) {
    double factor = k == 0 ? 1.05 : 1 / 1.05;
    run_well(ALONE, "eval runs/config --split test --json eval.json --temperature hard=%.9g,soft=%.9g",
             factor * t[0], factor * t[1]);
    for (int h = 0; h < 2; h++)
      cr_expect_gt(figure_of(heads[h], "loss"), least[h], "%s at %g times %g", heads[h], factor, t[h]);
  }
  /* one number is for both */
  run_well(ALONE, "eval runs/config --split test --json eval.json --temperature hard=3,soft=3");
  for (int h = 0; h < 2; h++) least[h] = figure_of(heads[h], "loss");
  run_well(ALONE, "eval runs/config --split test --json eval.json --temperature 3");
  for (int h = 0; h < 2; h++) cr_expect_eq(figure_of(heads[h], "loss"), least[h], "%s", heads[h]);
}

Test(heads, end_a_run_and_choose_its_model_by_their_figures) {
  run_well(2, "train config.yaml train.epochs=40 stop.metric=kind.valid_accuracy stop.target=0.8 "
              "checkpoint.best=kind.valid_accuracy");
  cr_expect_not_null(strstr(file_text("runs/config/summary.json"), "\"reason\": \"target\""));
  double accuracy[40];
  int64_t epochs = (int64_t)json_double(file_text("runs/config/summary.json"), "epochs"), best = 0;
  cr_assert(epochs > 1 && epochs < 40);
  read_column("heads/kind/valid_accuracy", epochs, accuracy);
  for (int64_t e = 1; e < epochs; e++)
    if (accuracy[e] > accuracy[best]) best = e;
  cr_expect_eq(best, epochs - 1);
  cr_expect_geq(accuracy[best], 0.8);
  run_well(ALONE, "train config.yaml train.epochs=12 checkpoint.best=slope.valid_rmse");
  double rmse[12], step[12];
  read_column("heads/slope/valid_rmse", 12, rmse);
  read_column("step", 12, step);
  best = 0;
  for (int64_t e = 1; e < 12; e++)
    if (rmse[e] < rmse[best]) best = e;
  cr_expect_float_eq(json_double(file_text("runs/config/summary.json"), "model_step"), step[best], 0);
  expect_refused("train", "checkpoint.best=slope.valid_accuracy", 2, "checkpoint.best");
  expect_refused("train", "checkpoint.best=colour.valid_loss", 2, "no head");
}

Test(heads, are_predicted_each_in_its_own_columns) {
  enum { TEST = 67 };
  float probability[TEST][3], size[TEST], deviation[TEST], slope[TEST];
  int32_t class[TEST];
  int hits = 0;
  ls_error error = {0};
  store_t *store = NULL;
  run_well(2, "train config.yaml train.epochs=60");
  run_well(3, "predict runs/config data.h5 --out p.h5");
  run_well(ALONE, "predict runs/config data.h5 --out p.csv");
  cr_assert_eq(store_open("p.h5", &store, &error), LS_OK, "%s", error.message);
  const struct {
    const char *name;
    store_type_t type;
    void *out;
  } arrays[] = {{"kind/probability", STORE_F32, probability},
                {"kind/class", STORE_I32, class},
                {"size/prediction", STORE_F32, size},
                {"size/aleatoric_std", STORE_F32, deviation},
                {"slope/prediction", STORE_F32, slope}};
  for (int i = 0; i < 5; i++)
    cr_assert_eq(store_read_rows(store, arrays[i].name, 0, TEST, arrays[i].type, arrays[i].out, &error),
                 LS_OK, "%s", error.message);
  cr_expect_not(store_has(store, "slope/aleatoric_std"));
  store_close(&store);
  for (int i = 0; i < TEST; i++) {
    double x[INPUTS];
    for (int c = 0; c < INPUTS; c++) x[c] = 2 * noise((uint64_t)(INPUTS * (ROWS - TEST + i) + c)) - 1;
    hits += class[i] == (x[0] > 0.2 ? 2 : x[1] > 0);
    cr_expect_float_eq(probability[i][0] + probability[i][1] + probability[i][2], 1, 1e-5);
    cr_expect_float_eq(size[i], 1000 + 50 * x[0] * x[1], 15);
    cr_expect_float_eq(slope[i], x[2] - x[3], 0.3);
    cr_expect(deviation[i] > 0 && deviation[i] < 30);
  }
  cr_expect_gt(hits, 55, "%d of %d", hits, TEST);
  const char *text = file_text("p.csv");
  const char *header =
      "row,kind_class,kind_probability_0,kind_probability_1,kind_probability_2,size_prediction,"
      "size_aleatoric_std,slope_prediction\n";
  cr_expect_eq(strncmp(text, header, strlen(header)), 0, "%.120s", text);
}

/* The class in column 1 by a name, those of classes 0, 1, 2. */
static void name_classes(const char *table, const char *named) {
  result_t result = run_command("awk 'BEGIN { FS = OFS = \",\"; split(\"east,north,south\", names) } { $2 = "
                                "names[$2 + 1]; print >\"%s\" }' %s",
                                named, table);
  cr_assert_eq(result.code, 0, "%s", result.err);
}

Test(heads, call_their_classes_by_the_names_in_the_table) {
  char **names = NULL;
  size_t n = 0;
  ls_error error = {0};
  store_t *store = NULL;
  name_classes("y.csv", "named.csv");
  run_well(ALONE,
           "import --overwrite x.csv named.csv named.h5 --regression --header no --split train=0.8,test=0.2");
  run_well(ALONE, "train config.yaml name=numbers");
  run_well(2, "train config.yaml name=names data.file=named.h5");
  outcome_t numbers = outcome_of("numbers"), named = outcome_of("names");
  outcome_expect_same(&numbers, &named, "with names");
  result_t result = run_well(2, "eval runs/names --json eval.json");
  cr_expect_not_null(strstr(result.out, "north"), "%s", result.out);
  cr_expect_not_null(
      strstr(file_text("eval.json"), "\"classes\": [\"east\", \"north\", \"south\"], \"confusion\""));
  run_well(ALONE, "predict runs/names named.h5 --out p.csv");
  const char *header =
      "row,kind_class,kind_probability_east,kind_probability_north,kind_probability_south,size";
  const char *text = file_text("p.csv"), *row = strchr(text, '\n') + 1;
  cr_expect_eq(strncmp(text, header, strlen(header)), 0, "%.120s", text);
  cr_expect(strncmp(row, "0,east,", 7) == 0 || strncmp(row, "0,north,", 8) == 0 ||
                strncmp(row, "0,south,", 8) == 0,
            "%.60s", row);
  run_well(2, "predict runs/names named.h5 --out p.h5");
  cr_assert_eq(store_open("p.h5", &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_texts(store, "kind", "class_names", &names, &n, &error), LS_OK, "%s",
               error.message);
  cr_expect(n == 3 && strcmp(names[2], "south") == 0);
  free(names);
  store_close(&store);
  result = run_well(ALONE, "info runs/names/model.h5");
  cr_expect_not_null(strstr(result.out, "outputs 0 to 2: east, north, south"), "%s", result.out);
  result = run_well(ALONE, "info named.h5");
  cr_expect_not_null(strstr(result.out, "north"), "%s", result.out);
}

Test(heads, number_the_classes_of_all_tables_together) {
  float y[3];
  write_text("a.csv", "0.5,west,1\n0.25,east,2\n");
  write_text("b.csv", "0.5,west,1\n");
  write_text("a-x.csv", "1,2\n3,4\n");
  write_text("b-x.csv", "1,2\n");
  run_well(ALONE,
           "import --overwrite --train a-x.csv a.csv --test b-x.csv b.csv two.h5 --regression --header no");
  read_floats("two.h5", "test/y", 1, y);
  cr_expect(y[1] == 1, "west is the second of east and west, not %g", (double)y[1]);
  /* a number beside names is a name; a word among many numbers is a mistake */
  write_text("a.csv", "0.5,west,1\n0.25,7,2\n");
  result_t result = run_well(ALONE, "import --overwrite a-x.csv a.csv two.h5 --regression --header no");
  cr_expect_not_null(strstr(result.out, "column 1 of y (counted from 0): 2 classes"), "%s", result.out);
  write_text("b.csv", "0.5,3,1\n");
  write_text("a.csv", "0.5,west,1\n0.25,east,2\n");
  result = run_well(
      ALONE, "import --overwrite --train a-x.csv a.csv --test b-x.csv b.csv two.h5 --regression --header no");
  cr_expect_not_null(strstr(result.out, "3 classes"), "%s", result.out);
  run_command("sh -c 'seq 1 40 > x.csv; (seq 1 39; echo west) > y.csv'");
  result = run(ALONE, "import --overwrite x.csv y.csv two.h5 --regression --header no");
  cr_expect(result.code == 3 && strstr(result.err, "'west' is not a number") != NULL, "%s", result.err);
}

Test(heads, that_do_not_fit_are_refused) {
  const char *const sums = "'loss=[{name: cross_entropy, outputs: 3}, {name: mse, outputs: 2}]'";
  const char *const columns = "'loss=[{name: mse, outputs: 5}, {name: mse, targets: [7]}]'";
  expect_refused("check", sums, 2, "its heads take 5 of them");
  expect_refused("train", sums, 2, "its heads take 5 of them");
  expect_refused("check", columns, 3, "the heads of the network take 8");
  expect_refused("train", columns, 3, "the heads of the network take 8");
  expect_refused("check",
                 "'loss=[{head: size, name: mse, outputs: 3, class_weights: balanced}, cross_entropy]'", 2,
                 "loss[0].class_weights (size): they are for rows of one class each");
  expect_refused("train", "'loss=[{name: mse, outputs: 3}, {name: hinge, class_weights: [1, 2]}]'", 2,
                 "loss[1].class_weights (head2): 2 numbers, but the network knows 3 classes");
  expect_refused("solve", "'model.layers=[dense: 6]'", 2, "not for several heads");
  expect_refused("train", "stop.metric=valid_rmse", 2, "stop.metric");
  write_tables("0.5");
  run_well(ALONE,
           "import --overwrite x.csv y.csv data.h5 --regression --header no --split train=0.8,test=0.2");
  result_t result =
      run(2, "train config.yaml 'loss=[{name: cross_entropy, outputs: 3, targets: [3]}, {name: mse,"
             " targets: [0, 1, 2]}]'");
  cr_expect_eq(result.code, 3, "%d", result.code);
  cr_expect_not_null(strstr(result.err, "row 77 (counted from 0) is 0.5, not a whole number"), "%s",
                     result.err);
}
