/* Whatever is wrong with the input, all ranks end within seconds with one message that says what and what to
 * do, and with the exit code of its kind. */
#include "system/run.h"

#include "base/clock.h"
#include "store/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 301, SOON = 60 };
enum { EXIT_FAILED = 1, EXIT_SETTINGS = 2, EXIT_DATA = 3 };

static void write_config(void) {
  write_text("config.yaml",
             "data: {file: data.h5}\n"
             "model:\n"
             "  layers:\n"
             "    - dense: {units: 16, activation: relu}\n"
             "    - dense: %d\n"
             "loss: cross_entropy\n"
             "train: {epochs: 2, global_batch_size: 64}\n"
             "parallel: {threads: 1}\n",
             CLASSES);
}

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = ROWS});
  write_config();
}

TestSuite(bad_input, .init = set_up, .fini = place_remove);

static int messages(const char *text) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, "lockstep: ")) != NULL; at++)
    if (at == text || at[-1] == '\n') n++;
  return n;
}

static void check(const result_t *result, int ranks, int code, const char *part) {
  cr_assert_neq(result->code, -1, "%d rank(s): did not end:\n%s", ranks, result->err);
  cr_assert_lt(result->seconds, SOON, "%d rank(s): took %.1f s", ranks, result->seconds);
  cr_assert_eq(result->code, code, "%d rank(s): exit code %d, expected %d:\n%s", ranks, result->code, code,
               result->err);
  cr_assert_eq(messages(result->err), 1, "%d rank(s): %d messages:\n%s", ranks, messages(result->err),
               result->err);
  cr_assert_not_null(strstr(result->err, part), "%d rank(s): no '%s' in:\n%s", ranks, part, result->err);
}

/* Open MPI's launcher ends all ranks as soon as one has failed. Told not to, it waits for each of them: a
 * rank that waits for one that has gone would wait for ever. It then forgets their codes, so each rank leaves
 * its own in code.RANK. */
static result_t run_to_the_ends(int ranks, const char *words) {
  const bool is_open_mpi = strstr(run_launcher(2), "--oversubscribe") != NULL;
  write_text("rank.sh",
             "code=0\n\"$@\" || code=$?\necho $code >code.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}\nexit $code\n");
  unlink("code.0");
  setenv("OMPI_MCA_orte_abort_on_non_zero_status", "0", 1);
  pid_t pid = run_start_command(ranks, "sh rank.sh %s %s", run_launcher(ALONE), words);
  result_t result = run_finish(pid, SOON);
  unsetenv("OMPI_MCA_orte_abort_on_non_zero_status");
  for (int rank = 0; rank < ranks && result.code != -1; rank++) {
    char path[32];
    snprintf(path, sizeof path, "code.%d", rank);
    if (!is_open_mpi && !file_exists(path)) continue; /* others end such a rank */
    const int code = atoi(file_text(path));
    cr_assert(rank == 0 || code == result.code, "rank 0 ends with %d, rank %d with %d", result.code, rank,
              code);
    result.code = code;
    unlink(path);
  }
  return result;
}

/* The same words alone and on two ranks. */
static void refused(int code, const char *part, const char *words) {
  result_t result = run(ALONE, "%s", words);
  check(&result, ALONE, code, part);
  result = run_to_the_ends(2, words);
  check(&result, 2, code, part);
}

/* ---- usage and settings ---- */

Test(bad_input, usage) {
  refused(EXIT_SETTINGS, "--help", "");
  refused(EXIT_SETTINGS, "'train'", "trian config.yaml");
  refused(EXIT_SETTINGS, "--frobnicate", "train config.yaml --frobnicate");
  refused(EXIT_SETTINGS, "lockstep train", "train");
}

Test(bad_input, settings_that_are_not_there) {
  refused(EXIT_SETTINGS, "nowhere.yaml", "train nowhere.yaml");
  refused(EXIT_SETTINGS, "directory", "train .");
}

Test(bad_input, settings_that_are_no_yaml) {
  write_text("config.yaml", "data: {file: data.h5\nmodel: [\n");
  refused(EXIT_SETTINGS, "config.yaml:", "train config.yaml");
}

Test(bad_input, unknown_key_names_the_nearest) {
  refused(EXIT_SETTINGS, "learning_rate", "train config.yaml optimizer.learning_rat=0.1");
  write_text("more.yaml", "%strian: {epochs: 3}\n", file_text("config.yaml"));
  refused(EXIT_SETTINGS, "more.yaml:9", "train more.yaml");
}

Test(bad_input, value_out_of_range) {
  refused(EXIT_SETTINGS, "optimizer.learning_rate", "train config.yaml optimizer.learning_rate=-1");
}

/* The smallest settings, but for the key that `line` gives, which comes first. */
static void write_with_first_line(const char *line) {
  static const char *const others[] = {"data: {file: data.h5}", "model: {layers: [dense: 5]}",
                                       "loss: cross_entropy", "train: {epochs: 1, global_batch_size: 64}"};
  char text[1024];
  size_t key = strcspn(line, ":"), used = (size_t)snprintf(text, sizeof text, "%s\n", line);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (strncmp(others[i], line, key) != 0)
      used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", others[i]);
  write_text("lines.yaml", "%s", text);
}

/* What only the data, the network or the ranks show to be wrong. */
Test(bad_input, settings_that_do_not_go_together_are_refused_with_their_line) {
  static const struct {
    const char *line, *begins;
    int ranks;
  } cases[] = {{"loss: {name: cross_entropy, class_weights: [1, 2]}", "loss.class_weights: 2 numbers", 2},
               {"loss: {name: mse, class_weights: balanced}", "loss.class_weights: they are for", ALONE},
               {"loss: {name: quantile, quantiles: [0.5, 0.1]}", "loss.quantiles: levels must grow", ALONE},
               {"loss: {name: mse, label_smoothing: 0.1}", "loss.label_smoothing: has no effect with", ALONE},
               {"loss: [{name: mse, outputs: 9}, mse]", "loss[0], head1 (mse): loss.outputs", ALONE},
               {"stop: {metric: valid_loss}", "stop.metric needs validation rows", 2},
               {"stop: {patience: 3}", "stop.patience needs validation rows", ALONE},
               {"checkpoint: {best: valid_r2}", "checkpoint.best needs", ALONE},
               {"train: {global_batch_size: 64}\noptimizer: lbfgs", "train.global_batch_size: the", ALONE},
               {"parallel: {shards: 65}", "parallel.shards is 65 but", 2},
               {"data: {window: {length: 4, season: 5}, file: data.h5}", "data.window.season is 5", ALONE},
               {"data: {window: {length: 4}, file: data.h5}", "data.window.targets gives 13", ALONE},
               {"data: {scaling: {columns: {99: robust}}, file: data.h5}", "data.scaling.columns: ", ALONE},
               {"data: {target_scaling: standard, file: data.h5}", "data.target_scaling is for", ALONE},
               {"model: {layers: [{dense: 5}, {residual: [dense: 3]}]}", "model.layers: residual", 2},
               {"model: {layers: [{dropout: 0.5}]}", "model.layers has no dense", ALONE}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char begins[128];
    snprintf(begins, sizeof begins, "lockstep: lines.yaml:1: %s", cases[i].begins);
    write_with_first_line(cases[i].line);
    result_t result = run(cases[i].ranks, "train lines.yaml");
    check(&result, cases[i].ranks, EXIT_SETTINGS, begins);
  }
}

Test(bad_input, far_more_threads_than_cores) {
  refused(EXIT_SETTINGS, "parallel.threads: 65536 threads are far more than",
          "train config.yaml parallel.threads=65536");
  refused(EXIT_SETTINGS, "parallel.threads: 65536 threads are far more than",
          "check config.yaml parallel.threads=65536");
}

/* ---- data ---- */

Test(bad_input, data_file_that_is_not_there) {
  refused(EXIT_DATA, "nowhere.h5", "train config.yaml data.file=nowhere.h5");
}

Test(bad_input, data_file_that_is_no_hdf5) {
  write_text("data.h5", "length,width\n1,2\n");
  refused(EXIT_DATA, "data.h5", "train config.yaml");
  write_text("data.h5", "%s", "");
  refused(EXIT_DATA, "data.h5", "train config.yaml");
}

Test(bad_input, data_file_that_is_cut_off) {
  cr_assert_eq(truncate("data.h5", 4000), 0);
  refused(EXIT_DATA, "data.h5", "train config.yaml");
}

Test(bad_input, arrays_that_are_not_there) {
  refused(EXIT_DATA, "train/features", "train config.yaml data.x=train/features");
}

Test(bad_input, labels_for_other_rows) {
  write_dataset("data.h5", (spec_t){.rows = ROWS, .y_rows = ROWS - 1});
  refused(EXIT_DATA, "train/y", "train config.yaml");
}

Test(bad_input, one_hot_labels_of_another_width) {
  write_dataset("data.h5", (spec_t){.rows = ROWS, .one_hot = CLASSES + 2});
  refused(EXIT_DATA, "train/y", "train config.yaml");
}

Test(bad_input, no_labels) {
  write_dataset("data.h5", (spec_t){.rows = ROWS, .without_y = true});
  refused(EXIT_DATA, "train/y", "train config.yaml");
}

/* In a row of the last rank: only that one meets it. */
Test(bad_input, nan_in_data) {
  write_dataset("data.h5", (spec_t){.rows = ROWS, .nan_row = ROWS - 2});
  refused(EXIT_DATA, "row 299", "train config.yaml");
}

Test(bad_input, label_out_of_range) {
  write_dataset("data.h5", (spec_t){.rows = ROWS, .label_row = ROWS - 3});
  refused(EXIT_DATA, "row 298", "train config.yaml");
}

Test(bad_input, in_other_commands) {
  refused(EXIT_DATA, "nowhere.h5", "info nowhere.h5");
  refused(EXIT_DATA, "nowhere.h5", "eval nowhere.h5");
  refused(EXIT_DATA, "data.h5", "predict data.h5 data.h5 --out p.csv");
  refused(EXIT_DATA, "nowhere.csv", "import nowhere.csv out.h5");
  refused(EXIT_DATA, "nowhere.h5", "check config.yaml data.file=nowhere.h5");
}

/* ---- the machine ---- */

/* A mount namespace of its own has a small /dev/shm; that needs rights that not everyone has. */
Test(bad_input, no_space_for_the_shared_window) {
  write_text("small.sh", "mount -t tmpfs -o size=24m tmpfs /dev/shm && exec \"$@\"\n");
  if (run_command("unshare -m sh small.sh true").code != 0)
    cr_skip_test("unshare and mount are not allowed here (needs root)");
  write_text("wide.yaml",
             "data: {file: data.h5}\n"
             "model: {layers: [{dense: 2500}, {dense: 2500}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 1, global_batch_size: 64}\n"
             "parallel: {threads: 1}\n",
             CLASSES);
  result_t result = run_command("unshare -m sh small.sh %s train wide.yaml", run_launcher(2));
  check(&result, 2, EXIT_FAILED, "/dev/shm");
}

Test(bad_input, runs_where_nothing_can_be_written) {
  write_text("file", "%s", "");
  refused(EXIT_FAILED, "file: ", "train config.yaml runs=file/below");
}

static void verify_checkpoint(const char *path) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_verify(store, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

/* 5 steps an epoch: the good checkpoints are those of steps 8 and 10. */
Test(bad_input, training_that_diverges_leaves_good_checkpoints) {
  write_text("sgd.yaml",
             "%soptimizer: {name: sgd, learning_rate: 0.001}\ncheckpoint: {every: 2 steps, keep: 2}\n",
             file_text("config.yaml"));
  run_well(ALONE, "train sgd.yaml name=a");
  for (int ranks = 1; ranks <= 2; ranks++) {
    result_t result =
        run(ranks, "train --resume sgd.yaml name=a train.epochs=20 optimizer.learning_rate=1e30");
    check(&result, ranks, EXIT_FAILED, "diverged");
    cr_assert_not_null(strstr(result.err, "learning_rate"), "%s", result.err);
    verify_checkpoint("runs/a/checkpoint-00000008.h5");
    verify_checkpoint("runs/a/checkpoint-00000010.h5");
  }
  run_well(ALONE, "train --resume sgd.yaml name=a train.epochs=3");
}
