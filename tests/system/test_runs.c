/* lockstep runs, history and info RUN: what users see of runs that finished, were stopped or killed, are
 * running, or have damaged files; of ensembles, several heads and regressions. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 300});
  write_text("net.yaml",
             "data: {file: data.h5, validation: 0.2, scaling: standard}\n"
             "model: {layers: [{dense: {units: 16, activation: relu}}, {dense: %d}]}\n"
             "loss: cross_entropy\noptimizer: {name: adam, learning_rate: 0.01}\n"
             "train: {epochs: 6, global_batch_size: 50}\nparallel: {shards: 4, threads: 1}\n",
             CLASSES);
}

TestSuite(runs, .init = set_up, .fini = place_remove, .timeout = 600);

/* The cell of a column in the row that begins with `name`, of CSV without quotes; "" if there is none. */
static void cell(const char *csv, const char *name, const char *column, char out[128]) {
  int wanted = -1, c = 0;
  out[0] = '\0';
  for (const char *at = csv; *at != '\n'; c++) {
    size_t length = strcspn(at, ",\n");
    if (strlen(column) == length && strncmp(at, column, length) == 0) wanted = c;
    at += length + (at[length] == ',');
  }
  cr_assert_geq(wanted, 0, "no column %s in\n%s", column, csv);
  for (const char *line = strchr(csv, '\n'); line != NULL && line[1] != '\0'; line = strchr(line + 1, '\n')) {
    const char *at = line + 1;
    size_t length = strcspn(at, ",");
    if (strlen(name) != length || strncmp(at, name, length) != 0) continue;
    for (c = 0; c < wanted; c++) at += strcspn(at, ",") + 1;
    snprintf(out, 128, "%.*s", (int)strcspn(at, ",\n"), at);
    return;
  }
}

static void expect_cell(const char *csv, const char *name, const char *column, const char *expected) {
  char found[128];
  cell(csv, name, column, found);
  cr_expect_str_eq(found, expected, "%s, %s: '%s' instead of '%s'\n%s", name, column, found, expected, csv);
}

/* That the cell is the number that summary.json of the run has. */
static void expect_figure(const char *csv, const char *name, const char *column, const char *key) {
  char found[128], path[128];
  snprintf(path, sizeof path, "runs/%s/summary.json", name);
  cell(csv, name, column, found);
  cr_expect_eq(strtod(found, NULL), json_double(file_text(path), key), "%s, %s: %s", name, column, found);
}

static char *copy(const char *text) {
  char *out = strdup(text);
  cr_assert_not_null(out);
  return out;
}

static char *runs_csv(const char *words) {
  return copy(run_well(ALONE, "runs %s --format csv", words).out);
}

/* Starts a run that would train for ever, and waits for its first epochs. */
static pid_t start_long(const char *name) {
  char path[128];
  pid_t launcher =
      run_start(ALONE, "train net.yaml name=%s train.epochs=1000000 'checkpoint.every=20 steps'", name);
  snprintf(path, sizeof path, "runs/%s/history.h5", name);
  for (int i = 0; i < 5000 && !file_exists(path); i++) usleep(10000);
  cr_assert(file_exists(path));
  return launcher;
}

Test(runs, table_tells_what_became_of_each_run) {
  run_well(2, "train net.yaml name=done");
  cr_assert_eq(run(ALONE, "train net.yaml name=early train.epochs=1000000 train.time_limit=0.5").code, 75);
  run_well(ALONE, "train net.yaml name=ens train.members=2 train.epochs=2");
  run_well(ALONE, "train net.yaml name=patient stop.patience=2 train.epochs=500 optimizer.learning_rate=0.1");
  cr_assert_neq(run(ALONE, "train net.yaml name=wrong optimizer=sgd optimizer.learning_rate=1e38").code, 0);
  pid_t killed = start_long("killed");
  run_kill_ranks(killed);
  run_finish(killed, 60);
  pid_t running = start_long("running");
  char *csv = runs_csv("");
  run_signal_ranks(running, SIGTERM, ANY_RANKS);
  cr_expect_eq(run_finish(running, 60).code, 75);
  static const struct {
    const char *name, *status, *reason;
  } expected[] = {{"done", "finished", "epochs"},
                  {"early", "stopped", "time_limit"},
                  {"ens", "finished", ""},
                  {"ens-member-1", "finished", "epochs"},
                  {"ens-member-2", "finished", "epochs"},
                  {"patient", "finished", "patience"},
                  {"killed", "interrupted", ""},
                  {"running", "running", ""},
                  {"wrong", "failed", "diverged"}};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    expect_cell(csv, expected[i].name, "status", expected[i].status);
    expect_cell(csv, expected[i].name, "reason", expected[i].reason);
    expect_cell(csv, expected[i].name, "note", "");
  }
  expect_figure(csv, "done", "valid_loss", "valid_loss");
  expect_figure(csv, "done", "test_loss", "test_loss");
  expect_figure(csv, "done", "test_accuracy", "test_accuracy");
  expect_figure(csv, "done", "rows_per_second", "rows_per_second");
  expect_figure(csv, "early", "steps", "steps");
  expect_cell(csv, "done", "epochs", "6");
  expect_cell(csv, "done", "asked", "6");
  expect_cell(csv, "done", "layout", "1x2x1");
  expect_cell(csv, "killed", "asked", "1000000");
  expect_cell(csv, "ens", "epochs", "");
  expect_cell(csv, "running", "ended", "");
  char checksum[64], found[128];
  json_value(file_text("runs/done/summary.json"), "parameters_checksum", checksum);
  expect_cell(csv, "done", "checksum", checksum);
  cell(csv, "killed", "train_loss", found);
  cr_expect(strtod(found, NULL) > 0, "%s", found);
  free(csv);
}

Test(runs, of_an_earlier_summary_is_not_believed) {
  cr_assert_eq(run(ALONE, "train net.yaml name=a train.epochs=1000000 train.time_limit=0.5").code, 75);
  pid_t launcher = run_start(ALONE, "train net.yaml --resume name=a train.epochs=1000000");
  double before = json_double(file_text("runs/a/summary.json"), "steps");
  char *csv = NULL, found[128] = "";
  for (int i = 0; i < 200 && !(strtod(found, NULL) > before); i++) {
    usleep(50000);
    free(csv);
    csv = runs_csv("");
    cell(csv, "a", "steps", found);
  }
  run_kill_ranks(launcher);
  run_finish(launcher, 60);
  expect_cell(csv, "a", "status", "running");
  free(csv);
  csv = runs_csv("");
  expect_cell(csv, "a", "status", "interrupted");
  cell(csv, "a", "steps", found);
  cr_expect_gt(strtod(found, NULL), before);
  free(csv);
  cr_expect_not_null(strstr(run_well(ALONE, "info a").out, "lockstep train runs/a/config.yaml --resume"));
}

Test(runs, damaged_files_are_a_note_and_never_an_error) {
  run_well(ALONE, "train net.yaml name=whole");
  static const char *const files[] = {"summary.json", "log.jsonl", "history.h5", "config.yaml", "model.h5"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    run_command("cp -r runs/whole runs/cut-%s", files[i]);
    run_command("truncate -s 200 runs/cut-%s/%s", files[i], files[i]);
    run_command("cp -r runs/whole runs/empty-%s", files[i]);
    run_command("truncate -s 0 runs/empty-%s/%s", files[i], files[i]);
    run_command("cp -r runs/whole runs/gone-%s", files[i]);
    run_command("rm runs/gone-%s/%s", files[i], files[i]);
    run_command("cp -r runs/whole runs/folder-%s", files[i]);
    run_command("sh -c 'rm runs/folder-%s/%s && mkdir runs/folder-%s/%s'", files[i], files[i], files[i],
                files[i]);
  }
  run_command("mkdir runs/nothing runs/noise");
  run_command(
      "sh -c 'for f in summary.json log.jsonl history.h5 config.yaml model.h5; do head -c 5000 /dev/urandom "
      ">runs/noise/$f; done'");
  char *csv = runs_csv(""), found[128];
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char name[64];
    snprintf(name, sizeof name, "cut-%s", files[i]);
    if (i == 0 || i == 2) {
      cell(csv, name, "note", found);
      cr_expect_not_null(strstr(found, files[i]), "%s: %s", name, found);
    }
    expect_cell(csv, name, "status", "finished");
    snprintf(name, sizeof name, "gone-%s", files[i]);
    expect_cell(csv, name, "status", "finished");
    expect_cell(csv, name, "note", "");
  }
  expect_cell(csv, "whole", "note", "");
  expect_cell(csv, "noise", "status", "interrupted");
  cr_expect_null(strstr(csv, "nothing"));
  free(csv);
  result_t text = run_well(ALONE, "runs cut-summary.json whole --settings --columns name,status");
  cr_expect_str_eq(text.out, "name              status\n"
                             "cut-summary.json  finished *\n"
                             "whole             finished\n"
                             "\n"
                             "* cut-summary.json: summary.json is damaged: not a table of names and values\n"
                             "\n"
                             "The settings of these runs do not differ.\n");
  result_t all =
      run_command("sh -c 'for run in runs/cut-* runs/folder-h* runs/noise; do %s info $run || exit 1; done'",
                  run_launcher(ALONE));
  cr_expect_eq(all.code, 0, "%s%s", all.out, all.err);
}

Test(runs, are_chosen_sorted_and_compared) {
  run_well(ALONE, "train net.yaml name=run-9");
  run_well(ALONE, "train net.yaml name=run-10 train.epochs=3 train.seed=7");
  run_well(ALONE, "train net.yaml name=run-10 train.epochs=4 train.seed=7");
  run_well(ALONE, "train net.yaml name=run-10 train.epochs=5 train.seed=7");
  result_t result = run_well(ALONE, "runs --columns name,epochs --format csv");
  cr_expect_str_eq(result.out, "name,epochs\nrun-9,6\nrun-10,5\n");
  result = run_well(ALONE, "runs --columns name,epochs --sort epochs");
  cr_expect_str_eq(result.out, "name    epochs\nrun-10       5\nrun-9        6\n");
  cr_expect_not_null(strstr(result.err, "2 earlier runs"), "%s", result.err);
  result = run_well(ALONE, "runs --columns name,epochs --sort epochs --reverse --all --format csv");
  cr_expect_str_eq(result.out, "name,epochs\nrun-9,6\nrun-10,5\nrun-10.2,4\nrun-10.1,3\n");
  result = run_well(ALONE, "runs run-9 run-10");
  cr_expect_not_null(strstr(result.out, "Settings that differ:\n"
                                        "setting       run-9  run-10\n"
                                        "train.epochs  6      5\n"
                                        "train.seed    1      7\n"),
                     "%s", result.out);
  result = run_well(ALONE, "runs run-9 run-10 --format json");
  cr_expect_not_null(strstr(result.out, "\"train.seed\": \"7\""), "%s", result.out);
  result = run_well(ALONE, "runs run-9 runs/run-9/");
  cr_expect_not_null(strstr(result.out, "The settings of these runs do not differ."), "%s", result.out);
  run_command("mv runs elsewhere");
  cr_expect_str_eq(run_well(ALONE, "runs elsewhere run-9 --columns name,path").out,
                   "name   path\nrun-9  elsewhere/run-9\n");
  cr_expect_str_eq(run_well(2, "runs elsewhere --columns name").out, "name\nrun-9\nrun-10\n");
}

static void expect_refused(const char *words, int code, const char *says) {
  result_t result = run(ALONE, "%s", words);
  cr_expect_eq(result.code, code, "%s: %d\n%s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, says), "%s: %s", words, result.err);
  cr_expect_str_eq(result.out, "", "%s", words);
}

Test(runs, wrong_words_are_errors_that_say_what_to_do) {
  expect_refused("runs", 3, "there is no directory runs here");
  run_command("mkdir runs data");
  expect_refused("runs", 3, "there are no runs in runs");
  expect_refused("runs data", 3, "there are no runs in data");
  run_well(ALONE, "train net.yaml name=flowers train.epochs=2");
  expect_refused("runs flower", 3, "did you mean flowers?");
  expect_refused("runs runs flower", 3, "there is no run 'flower' in runs; did you mean flowers?");
  expect_refused("runs runs data", 2, "name one directory with runs");
  expect_refused("runs --sort valid_lss", 2, "did you mean valid_loss?");
  expect_refused("runs --columns name,,status", 2, "there is no column ''");
  expect_refused("runs --format xml", 2, "--format: ");
  expect_refused("runs --reverse", 2, "--reverse works only with --sort");
  expect_refused("history flower", 3, "did you mean flowers?");
  expect_refused("history data", 2, "is not the directory of a run");
  expect_refused("history flowers --columns los", 2, "there is no column 'los'");
  expect_refused("history flowers --format tensorboard", 2, "needs --out FOLDER");
  expect_refused("history flowers --format yaml", 2, "'yaml' is none of");
  expect_refused("history flowers -o nowhere/x.csv", 1, "nowhere");
  expect_refused("history flowers -o a.csv -o b.csv", 2, "given twice");
  expect_refused("info flower", 3, "did you mean the run flowers?");
  expect_refused("info data", 2, "`lockstep runs data` lists the runs in it");
  expect_refused("eval flower", 3, "did you mean the run flowers?");
}

Test(runs, may_be_named_without_their_directory) {
  run_well(ALONE, "train net.yaml name=a");
  run_well(ALONE, "train net.yaml name=b");
  char *whole = copy(run_well(ALONE, "info runs/a").out);
  cr_expect_str_eq(run_well(ALONE, "info a").out, whole);
  free(whole);
  cr_expect_not_null(strstr(run_well(ALONE, "diff a b").out, "the first 6 epochs are bit-identical"));
  cr_expect_not_null(strstr(run_well(ALONE, "eval a").out, "accuracy"));
  run_well(ALONE, "predict a data.h5 --out p.csv");
  cr_expect(file_exists("p.csv"));
  run_well(ALONE, "history b -o h.csv");
  cr_expect(file_exists("h.csv"));
}

Test(runs, info_is_a_summary_with_the_commands_that_go_on) {
  run_well(ALONE, "train net.yaml name=a");
  char checksum[64];
  json_value(file_text("runs/a/summary.json"), "parameters_checksum", checksum);
  static const char *const lines[] = {"status       finished: all epochs are done\n",
                                      "30 steps, 6 of 6 epochs\n",
                                      "data.h5\n",
                                      "1 node x 1 rank x 1 thread, 4 shards",
                                      "dense1                  16  relu",
                                      "  optimizer.learning_rate        0.01\n",
                                      "\nfirst ",
                                      "\ntest         loss ",
                                      "checkpoint-00000030.h5",
                                      "the state after step 30",
                                      "lockstep train runs/a/config.yaml --resume train.epochs=12\n"};
  char *info = copy(run_well(ALONE, "info a").out);
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
    cr_expect_not_null(strstr(info, lines[i]), "no '%s' in\n%s", lines[i], info);
  cr_expect_not_null(strstr(info, checksum));
  cr_expect_null(strstr(info, "optimizer.beta1"), "a default");
  free(info);
  /* the command that it prints works as it stands */
  run_well(ALONE, "train runs/a/config.yaml --resume train.epochs=12");
  cr_expect_eq(json_double(file_text("runs/a/summary.json"), "epochs"), 12);
  run_well(ALONE, "train net.yaml name=a");
  info = copy(run_well(ALONE, "info a.1").out);
  cr_expect_not_null(strstr(info, "lockstep train runs/a.1/config.yaml name=a.1 --resume train.epochs=24\n"),
                     "%s", info);
  free(info);
  run_well(ALONE, "train runs/a.1/config.yaml name=a.1 --resume train.epochs=13");
  cr_expect_eq(json_double(file_text("runs/a.1/summary.json"), "epochs"), 13);
  cr_expect_eq(json_double(file_text("runs/a/summary.json"), "epochs"), 6);
}

/* ---- history ---- */

/* Compares with h5py, and with a reader of event files. Without Python nothing is compared. */
static void compare_history(const char *name) {
  const char *python = run_python();
  run_well(ALONE, "history %s --format csv --out table.csv", name);
  run_well(ALONE, "history %s --format tensorboard -o board", name);
  if (python == NULL) return;
  result_t result =
      run_command("%s %s/system/history.py table.csv runs/%s/history.h5", python, TESTS_FOLDER, name);
  cr_expect_eq(result.code, 0, "%s%s", result.out, result.err);
  result = run_command("%s %s/system/events.py board/%s/events.out.tfevents.0.lockstep table.csv", python,
                       TESTS_FOLDER, name);
  cr_expect_eq(result.code, 0, "%s%s", result.out, result.err);
}

Test(runs, history_has_the_bits_of_the_file) {
  run_well(2, "train net.yaml name=a");
  compare_history("a");
  result_t result = run_well(ALONE, "history a --columns epoch,step --format csv");
  cr_expect_str_eq(result.out, "epoch,step\n1,5\n2,10\n3,15\n4,20\n5,25\n6,30\n");
  run_well(ALONE,
           "train net.yaml name=wide model.layers='[{dense: {units: 20, activation: tanh}}, {dense: %d}]'",
           CLASSES);
  compare_history("wide");
}

Test(runs, history_has_columns_for_each_head) {
  write_dataset("values.h5", (spec_t){.rows = 300, .regression = true});
  write_text("heads.yaml", "data: {file: values.h5, validation: 0.2, scaling: standard}\n"
                           "model: {layers: [{dense: {units: 8, activation: tanh}}, {dense: 3}]}\n"
                           "loss:\n  - {head: two, name: mse, outputs: 2, targets: [0, 1]}\n  - {head: one, "
                           "name: mae, targets: [2]}\n"
                           "train: {epochs: 3, global_batch_size: 60}\nparallel: {shards: 4, threads: 1}\n");
  run_well(ALONE, "train heads.yaml name=heads");
  compare_history("heads");
  result_t result = run_well(ALONE, "history heads --format csv");
  cr_expect_not_null(strstr(result.out, ",heads/one/train_loss,heads/one/valid_loss,"), "%s", result.out);
  result = run_well(ALONE, "info heads");
  cr_expect_not_null(strstr(result.out, "\nhead  loss  weight  train_loss"), "%s", result.out);
  run_well(ALONE, "train heads.yaml name=values 'loss=mse'");
  char *csv = runs_csv("");
  expect_figure(csv, "values", "test_r2", "test_r2");
  expect_figure(csv, "values", "test_rmse", "test_rmse");
  expect_cell(csv, "values", "test_accuracy", "");
  free(csv);
}

Test(runs, history_is_there_while_the_run_trains) {
  pid_t launcher = start_long("a");
  result_t result = run(ALONE, "history a --format csv --columns epoch,train_loss,time");
  run_kill_ranks(launcher);
  char *out = copy(result.out);
  run_finish(launcher, 60);
  cr_expect_eq(result.code, 0);
  cr_expect_eq(strncmp(out, "epoch,train_loss,time\n1,", 24), 0, "%s", out);
  free(out);
  /* all complete epochs of the log are there, in order */
  result = run_command(
      "sh -c '%s history a --format csv --columns epoch >e.csv; grep -c event.:..epoch runs/a/log.jsonl; "
      "sort -n e.csv | uniq | wc -l; wc -l <e.csv'",
      run_launcher(ALONE));
  int logged = 0, different = 0, lines = 0;
  cr_assert_eq(sscanf(result.out, "%d %d %d", &logged, &different, &lines), 3, "%s", result.out);
  cr_expect(lines == different && lines - 1 <= logged && lines - 1 >= logged - 1, "%s", result.out);
}

Test(runs, without_epochs_have_no_history) {
  run_well(ALONE, "train net.yaml name=ens train.members=2 train.epochs=2");
  expect_refused("history ens", 3, "runs/ens-member-1");
  write_dataset("values.h5", (spec_t){.rows = 300, .regression = true});
  write_text("line.yaml", "data: {file: values.h5}\nmodel: {layers: [{dense: %d}]}\nloss: mse\n", TARGETS);
  run_well(ALONE, "solve line.yaml name=line");
  expect_refused("history line", 3, "solved");
  char *csv = runs_csv("");
  expect_cell(csv, "line", "status", "finished");
  expect_figure(csv, "line", "test_r2", "test_r2");
  expect_cell(csv, "line", "epochs", "");
  free(csv);
}
