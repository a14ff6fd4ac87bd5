/* Sweeps: the same result on any layout, in parts, and after kills; trials that are runs like any other; a
 * trial that diverges; halving that leaves the bits of its survivors alone. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(sweep, .init = place_make, .fini = place_remove);

#define RATES "optimizer.learning_rate=0.001,0.01,0.1"

static void write_classes(int epochs) {
  write_dataset("data.h5", (spec_t){.rows = 313});
  write_text("config.yaml",
             "data: {file: data.h5, scaling: standard}\n"
             "model: {layers: [{dense: {units: 11, activation: tanh}}, {dropout: 0.1}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "optimizer: {name: adam, learning_rate: 0.02}\n"
             "train: {epochs: %d, global_batch_size: 40, seed: 7}\n"
             "parallel: {shards: 4, threads: 1}\n",
             CLASSES, epochs);
}

static bool is_no_time(const char *name) {
  return strstr(name, "seconds") == NULL;
}

/* All arrays and attributes of sweep.h5, apart from times. */
static void expect_same_result(const char *a, const char *b) {
  char path[2][128], *difference = NULL;
  const char *const names[] = {a, b};
  store_t *stores[2] = {NULL, NULL};
  ls_error error = {0};
  for (int i = 0; i < 2; i++) {
    snprintf(path[i], sizeof path[i], "runs/%s-sweep/sweep.h5", names[i]);
    cr_assert_eq(store_open(path[i], &stores[i], &error), LS_OK, "%s", error.message);
  }
  cr_assert_eq(store_difference(stores[0], stores[1], is_no_time, &difference, &error), LS_OK, "%s",
               error.message);
  cr_expect_null(difference, "%s and %s differ in %s", a, b, difference);
  free(difference);
  for (int i = 0; i < 2; i++) store_close(&stores[i]);
}

static void read_numbers(const char *sweep, const char *array, int64_t n, double *out) {
  char path[128];
  store_t *store = NULL;
  ls_error error = {0};
  snprintf(path, sizeof path, "runs/%s-sweep/sweep.h5", sweep);
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, array, 0, n, STORE_F64, out, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

/* 4 ranks: groups of one or two; 3 ranks: of one. */
Test(sweep, has_the_same_result_on_any_layout) {
  write_classes(3);
  result_t alone = run_well(ALONE, "sweep config.yaml " RATES " --folds 2 name=alone");
  cr_expect_not_null(strstr(alone.out, "valid_accuracy"), "%s", alone.out);
  cr_expect_not_null(strstr(alone.out, "to train it: lockstep train config.yaml name=alone"), "%s",
                     alone.out);
  run_well(2, "sweep config.yaml " RATES " --folds 2 name=two");
  run_well(4, "sweep config.yaml " RATES " --folds 2 name=four");
  expect_same_result("alone", "two");
  expect_same_result("alone", "four");
  result_t info = run_well(ALONE, "info runs/two-sweep/sweep.h5");
  cr_expect_not_null(strstr(info.out, "trials/parameters_checksum"), "%s", info.out);
}

/* The table's mean is that of the trials, and the best has the highest. */
Test(sweep, ranks_combinations_by_the_mean_over_folds) {
  double metric[6], combination[6], mean[3], ranked[3];
  write_classes(3);
  run_well(2, "sweep config.yaml " RATES " --folds 2 name=s --metric valid_loss");
  read_numbers("s", "trials/metric", 6, metric);
  read_numbers("s", "trials/combination", 6, combination);
  read_numbers("s", "ranking/mean", 3, mean);
  read_numbers("s", "ranking/combination", 3, ranked);
  cr_expect(mean[0] <= mean[1] && mean[1] <= mean[2]);
  for (int i = 0; i < 3; i++) {
    double sum = 0;
    for (int t = 0; t < 6; t++) sum += combination[t] == ranked[i] ? metric[t] : 0;
    cr_expect_float_eq(mean[i], sum / 2, 1e-12);
  }
}

Test(sweep, folds_share_out_all_rows_and_classes) {
  enum { ROWS = 313, FOLDS = 4 };
  double fold[ROWS];
  float labels[ROWS];
  int counts[FOLDS][CLASSES] = {{0}};
  write_classes(1);
  run_well(2, "sweep config.yaml " RATES " --folds %d name=s", FOLDS);
  read_numbers("s", "fold", ROWS, fold);
  read_floats("data.h5", "train/y", ROWS, labels);
  for (int i = 0; i < ROWS; i++) {
    cr_assert(fold[i] >= 1 && fold[i] <= FOLDS);
    counts[(int)fold[i] - 1][(int)labels[i]]++;
  }
  for (int c = 0; c < CLASSES; c++) {
    int least = ROWS, most = 0;
    for (int k = 0; k < FOLDS; k++) {
      least = counts[k][c] < least ? counts[k][c] : least;
      most = counts[k][c] > most ? counts[k][c] : most;
    }
    cr_expect_leq(most - least, 1, "class %d has %d to %d rows", c, least, most);
  }
}

/* Repeated alone, with its own settings, a trial has the same bits, and eval finds the rows of its fold. */
Test(sweep, trials_are_runs_of_their_own) {
  write_classes(3);
  run_well(2, "sweep config.yaml " RATES " --folds 3 --repeat 2 name=s");
  run_well(3, "train config.yaml name=one optimizer.learning_rate=0.01 train.seed=8 data.validation_seed=7 "
              "data.folds=3 data.fold=2");
  run_well(ALONE, "diff runs/one runs/s-sweep/0002-seed2-fold2");
  double loss = json_double(file_text("runs/one/summary.json"), "valid_loss");
  run_well(2, "eval runs/s-sweep/0002-seed2-fold2 --split valid --json valid.json");
  cr_expect_float_eq(json_double(file_text("valid.json"), "loss"), loss, 1e-12);
}

Test(sweep, folds_are_the_same_in_memory_and_streamed) {
  write_classes(2);
  write_dataset("data.h5", (spec_t){.rows = 3130});
  run_well(2, "train config.yaml data.folds=3 data.fold=3 name=memory");
  run_well(3, "train config.yaml data.folds=3 data.fold=3 data.memory_limit=66KB name=stream");
  run_well(ALONE, "diff runs/memory runs/stream");
}

Test(sweep, goes_on_after_kills_to_the_same_result) {
  write_classes(40);
  run_well(2, "sweep config.yaml " RATES " --folds 2 name=whole");
  for (int attempt = 0; attempt < 4; attempt++) {
    pid_t launcher = run_start(2, "sweep config.yaml " RATES " --folds 2 name=killed --resume");
    nanosleep(&(struct timespec){attempt / 3, 250000000L * (attempt % 4)}, NULL);
    run_kill_ranks(launcher);
    run_finish(launcher, LIMIT_SECONDS);
  }
  run_well(2, "sweep config.yaml " RATES " --folds 2 name=killed --resume");
  expect_same_result("whole", "killed");
  result_t again = run_well(ALONE, "sweep config.yaml " RATES " --folds 2 name=killed --resume");
  cr_expect_null(strstr(again.err, "left to train"), "%s", again.err);
}

Test(sweep, ends_on_request_and_goes_on) {
  write_classes(4000);
  write_text("more.yaml", "%s", file_text("config.yaml"));
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    pid_t launcher = run_start(2, "sweep config.yaml " RATES " --folds 2 name=s --resume");
    nanosleep(&(struct timespec){1, 500000000}, NULL);
    run_signal_ranks(launcher, SIGTERM, ANY_RANKS);
    result_t result = run_finish(launcher, LIMIT_SECONDS);
    if (result.code == 0) cr_skip_test("the sweep was over before the signal came");
    cr_assert_eq(result.code, 75, "%d: %s", result.code, result.err);
    cr_expect_not_null(strstr(result.err, "--resume"), "%s", result.err);
    return;
  }
}

Test(sweep, parts_make_one_whole) {
  write_classes(3);
  run_well(2, "sweep config.yaml " RATES " --folds 2 name=whole");
  run_well(ALONE, "sweep config.yaml " RATES " --folds 2 name=parts --part 2/2");
  cr_expect(!file_exists("runs/parts-sweep/sweep.h5"));
  cr_expect(!file_exists("runs/parts-sweep/0001-fold1"));
  run_well(ALONE, "sweep config.yaml " RATES " --folds 2 name=parts --part 1/2");
  result_t last = run_well(ALONE, "sweep config.yaml " RATES " --folds 2 name=parts --resume");
  cr_expect_null(strstr(last.err, "left to train"), "%s", last.err);
  expect_same_result("whole", "parts");
}

Test(sweep, notes_a_trial_that_diverges_and_goes_on) {
  double status[2];
  write_classes(3);
  result_t result = run_well(2, "sweep config.yaml optimizer=sgd optimizer.learning_rate=1e38,0.01 "
                                "data.validation=0.2 name=s");
  cr_expect_not_null(strstr(result.out, "status  failed\n"), "%s", result.out);
  cr_expect_not_null(strstr(result.out, "best: combination 2"), "%s", result.out);
  read_numbers("s", "trials/status", 2, status);
  cr_expect(status[0] == 3 && status[1] == 2, "%g %g", status[0], status[1]);
  cr_expect_not_null(strstr(file_text("runs/s-sweep/0001/failed.json"), "diverged"));
  result = run_well(ALONE, "sweep config.yaml optimizer=sgd optimizer.learning_rate=1e38,0.01 "
                           "data.validation=0.2 name=s --resume");
  cr_expect_null(strstr(result.err, "left to train"), "%s", result.err);
}

Test(sweep, shows_a_warning_of_its_trials_once) {
  write_classes(1);
  result_t result =
      run_well(ALONE, "sweep config.yaml " RATES " 'train.verify_every=1 epochs' data.validation=0.2 name=s");
  const char *first = strstr(result.err, "trial 1 of 3: warning: train.verify_every has no effect");
  cr_assert_not_null(first, "%s", result.err);
  cr_expect_null(strstr(strchr(first, '\n'), "verify_every"), "%s", result.err);
}

/* Pausing changes no bit of those that go on. */
Test(sweep, halving_stops_the_poor_and_trains_the_best_as_if_alone) {
  double epochs[4], ranked[4];
  write_classes(8);
  const char *words = "sweep config.yaml optimizer.learning_rate=0.0001,0.1,0.001,0.01 data.validation=0.2 "
                      "--halving 2 --metric valid_loss name=";
  run_well(ALONE, "%salone", words);
  run_well(2, "%stwo", words);
  run_well(3, "%sthree", words);
  expect_same_result("alone", "two");
  expect_same_result("alone", "three");
  read_numbers("alone", "trials/epoch", 4, epochs);
  read_numbers("alone", "ranking/combination", 4, ranked);
  int at[9] = {0};
  for (int i = 0; i < 4; i++) at[(int)epochs[i]]++;
  cr_expect(at[2] == 2 && at[4] == 1 && at[8] == 1, "%g %g %g %g", epochs[0], epochs[1], epochs[2],
            epochs[3]);
  cr_expect_eq(epochs[(int)ranked[0] - 1], 8);
  static const char *const rates[] = {"0.0001", "0.1", "0.001", "0.01"};
  run_well(ALONE, "train config.yaml data.validation=0.2 name=one optimizer.learning_rate=%s",
           rates[(int)ranked[0] - 1]);
  run_well(ALONE, "diff runs/one runs/alone-sweep/%04d", (int)ranked[0]);
}

static void expect_refused_on(int ranks, const char *words, const char *part) {
  result_t result = run(ranks, "%s", words);
  cr_expect_eq(result.code, 2, "%s: %d", words, result.code);
  cr_expect_not_null(strstr(result.err, part), "%s: no '%s' in: %s", words, part, result.err);
}

static void expect_refused(const char *words, const char *part) {
  expect_refused_on(ALONE, words, part);
}

Test(sweep, refuses_bad_words_before_it_trains) {
  write_classes(1);
  expect_refused_on(2, "sweep config.yaml train.seed=3", "nothing is varied");
  expect_refused("sweep config.yaml train.seed=1,2", "no validation rows");
  expect_refused("sweep config.yaml train.seed=1,2 --folds 2 data.folds=3", "--folds");
  expect_refused_on(2, "sweep config.yaml optimizer.learning_rate=0.1,-1 --folds 2",
                    "combination 2 (optimizer.learning_rate=-1)");
  expect_refused("sweep config.yaml 'model.layers=[{dense: 5}],[{dense: 0}]' --folds 2", "combination 2");
  expect_refused("sweep config.yaml 'data.basis={name: fourier, size: 3},{name: fouri}' --folds 2",
                 "combination 2");
  expect_refused("sweep config.yaml data.fold=1,2 --folds 2", "--folds K");
  expect_refused("sweep config.yaml train.seed=1,2 --folds 2 --metric valid_rmse", "--metric valid_rmse");
  expect_refused("sweep config.yaml train.seed=1,2 --folds 2 --metric accuracy", "none of train_loss");
  expect_refused("sweep config.yaml train.epochs=1,2 --folds 2 --halving 2", "train.epochs");
  expect_refused("sweep config.yaml train.seed=1,2 --folds 2 --part 3/2", "--part");
  cr_expect(!file_exists("runs"), "something was trained");
}

Test(sweep, another_sweep_is_not_resumed) {
  write_classes(1);
  run_well(ALONE, "sweep config.yaml train.seed=1,2 --folds 2");
  expect_refused_on(2, "sweep config.yaml train.seed=1,2,3 --folds 2 --resume", "another sweep");
  expect_refused("sweep config.yaml train.seed=1,2 --folds 3 --resume", "folds: 3");
  expect_refused("sweep config.yaml train.seed=1,2 --folds 2 --resume train.l2=0.1", "train.l2");
  run_well(ALONE, "sweep config.yaml train.seed=1,2,3 --folds 2");
  cr_expect(file_exists("runs/config-sweep.1/sweep.h5"), "the earlier sweep is gone");
}

Test(sweep, folds_that_make_no_sense_are_refused) {
  write_classes(1);
  expect_refused_on(2, "train config.yaml data.folds=3 data.fold=4", "data.fold");
  expect_refused("train config.yaml data.fold=2", "data.folds");
  expect_refused("train config.yaml data.folds=1", "data.folds");
  expect_refused("train config.yaml data.folds=3 data.validation=0.1", "data.validation");
  expect_refused("train config.yaml data.folds=3 data.valid_x=test/x", "data.folds");
  expect_refused("train config.yaml data.folds=3 data.window.length=4 loss=mse", "data.window");
  result_t result = run(ALONE, "train config.yaml data.folds=400");
  cr_expect_eq(result.code, 3);
  cr_expect_not_null(strstr(result.err, "data.folds is 400"), "%s", result.err);
}
