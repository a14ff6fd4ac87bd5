/* What a sweep trains: the settings of all combinations, checked before the first one is trained, and the
 * directory with a note of them. */
#include "sweep/sweep_impl.h"

#include "base/clock.h"
#include "base/text.h"
#include "data/dataset.h"
#include "layout/layout.h"
#include "layout/validation.h"
#include "loss/objective.h"
#include "run/predecessor.h"
#include "store/store.h"
#include "sweep/fit_metric.h"
#include "train/choices.h"
#include "train/stop_rules.h"
#include "train/training.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

/* Keys that a sweep sets itself. */
static ls_status check_keys(const axes_t *axes, ls_error *error) {
  static const struct {
    const char *key, *instead;
  } own[] = {{"name", "trials have names of their own"},
             {"runs", "all trials are in one directory"},
             {"data.fold", "--folds K trains with each of K folds"},
             {"data.folds", "--folds K trains with each of K folds"},
             {"data.validation_seed", "all trials have the same validation rows"},
             {"train.members", "trials train single networks"}};
  for (size_t a = 0; a < axes->n; a++)
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
      if (strcmp(axes->axes[a].key, own[i].key) == 0)
        return error_set(error, LS_USAGE, "%s cannot be varied: %s", own[i].key, own[i].instead);
  if (axes->n > 0) return LS_OK;
  return error_set(error, LS_USAGE,
                   "nothing is varied: give a key several values, as in optimizer.learning_rate=0.01,0.1");
}

static ls_status read_part(const char *text, sweep_t *sweep, ls_error *error) {
  int end = 0, part = 0, parts = 0;
  if (text == NULL) return LS_OK;
  bool is_part = sscanf(text, "%d/%d%n", &part, &parts, &end) == 2 && text[end] == '\0';
  if (!is_part || part < 1 || part > parts)
    return error_set(error, LS_USAGE, "--part: '%.60s' is not I/N with I from 1 to N", text);
  if (sweep->options->eta > 0)
    return error_set(error, LS_USAGE, "--halving compares all trials, so it cannot work with --part");
  sweep->part = part;
  sweep->parts = parts;
  return LS_OK;
}

/* Settings with the values of a combination, or for -1 of what all have in common. */
static ls_status load(world_t *world, const sweep_t *sweep, int64_t combination, settings_t **out,
                      ls_error *error) {
  const sweep_options_t *options = sweep->options;
  const size_t n = 1 + sweep->axes.n_fixed + (combination >= 0 ? sweep->axes.n : 0);
  arena_t scratch = {0};
  char **words = axes_words(&sweep->axes, options->words[0], combination, &scratch);
  ls_status status = words == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the settings") : LS_OK;
  status = world_agree(world, status, error);
  if (status == LS_OK) status = options->load(options->context, words, n, out, error);
  arena_free(&scratch);
  return status;
}

static ls_status read_words(world_t *world, const sweep_options_t *options, sweep_t *sweep, ls_error *error) {
  settings_t *settings = NULL;
  uint64_t seed = 0;
  TRY(read_part(options->part, sweep, error));
  TRY(axes_parse(options->words + 1, options->n_words - 1, &sweep->axes, error));
  TRY(check_keys(&sweep->axes, error));
  if (options->random > 0) { /* by the seed of the settings that nothing varies */
    TRY(load(world, sweep, -1, &settings, error));
    seed = settings->train.seed;
    settings_destroy(&settings);
  }
  return world_agree(world, axes_combine(&sweep->axes, options->random, seed, error), error);
}

/* ---- settings of combinations ---- */

/* Puts in front of a failure which combination it is about. */
static ls_status about(const sweep_t *sweep, int64_t combination, ls_status status, ls_error *error) {
  char values[400];
  if (status == LS_OK) return status;
  axes_describe(&sweep->axes, combination, values, sizeof values);
  return error_prefix(error, status, "combination %" PRId64 " (%s)", combination + 1, values);
}

static ls_status check_sweep(const sweep_t *sweep, ls_error *error) {
  const settings_t *first = sweep->settings[0];
  for (int64_t c = 0; c < sweep->axes.combinations; c++) {
    const settings_t *settings = sweep->settings[c];
    if (settings->train.members != 1)
      return error_set(error, LS_BAD_SETTINGS, "train.members: the trials of a sweep are single networks");
    if (sweep->options->eta > 0 && settings->train.epochs != first->train.epochs)
      return error_set(error, LS_USAGE,
                       "--halving compares combinations after the same epochs, so train.epochs cannot be "
                       "varied");
    if (settings->data.validation.folds > 0)
      return error_set(error, LS_BAD_SETTINGS, "data.folds: in a sweep, --folds %" PRId64 " sets the folds",
                       settings->data.validation.folds);
  }
  return LS_OK;
}

static ls_status load_settings(world_t *world, sweep_t *sweep, ls_error *error) {
  sweep->settings = calloc((size_t)sweep->axes.combinations, sizeof(settings_t *));
  ls_status status =
      sweep->settings == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the settings") : LS_OK;
  TRY(world_agree(world, status, error));
  for (int64_t c = 0; c < sweep->axes.combinations; c++)
    TRY(about(sweep, c, load(world, sweep, c, &sweep->settings[c], error), error));
  const sweep_options_t *options = sweep->options;
  const settings_t *first = sweep->settings[0];
  sweep->trials = sweep->axes.combinations * sweep->repeat * (options->folds > 0 ? options->folds : 1);
  sweep->validation_seed = validation_seed(first) & ((UINT64_C(1) << 53) - 1);
  int length = snprintf(sweep->directory, sizeof sweep->directory, "%s/%s-sweep", first->runs, first->name);
  if (length >= (int)sizeof sweep->directory)
    return error_set(error, LS_BAD_SETTINGS, "runs: the path of the sweep is too long");
  sweep->fit_metric = fit_metric_default(sweep);
  return check_sweep(sweep, error);
}

/* ---- what training would refuse ---- */

static ls_status refuse_metric(const char *wanted, ls_error *error) {
  char names[256], fits[128];
  choice_names(stop_metric_choice, names, sizeof names);
  fit_metric_names(fits, sizeof fits);
  return error_set(error, LS_USAGE, "--metric: '%.80s' is none of %s, and of clusters %s", wanted,
                   names + strlen("none, "), fits); /* the first is none */
}

static ls_status take_metric(sweep_t *sweep, const char *wanted, bool higher_is_better) {
  snprintf(sweep->metric, sizeof sweep->metric, "%.90s", wanted);
  sweep->higher_is_better = higher_is_better;
  return LS_OK;
}

static ls_status check_metric(sweep_t *sweep, const training_t *training, ls_error *error) {
  const objective_t *objective = training->objective;
  const char *wanted = sweep->options->metric;
  bool has_validation = training->shape.valid_rows > 0;
  if (wanted == NULL) wanted = sweep->fit_metric;
  if (wanted == NULL)
    wanted = objective->n == 1 && objective->heads->loss->is_classification ? "valid_accuracy" : "valid_loss";
  const fit_metric_t *of_fit = fit_metric_find(wanted);
  if (of_fit != NULL) {
    TRY(fit_metric_check(of_fit, training->settings, sweep->options->eta > 0, error));
    return take_metric(sweep, wanted, of_fit->higher_is_better);
  }
  const char *dot = strrchr(wanted, '.'), *name = dot != NULL ? dot + 1 : wanted;
  if (choice_find(stop_metric_choice, name) <= 0) return refuse_metric(wanted, error);
  if (!has_validation && strcmp(name, "train_loss") != 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "combinations are compared by %s, but there are no validation rows: use --folds 5, set "
                     "data.validation=0.2, or compare by --metric train_loss",
                     wanted);
  settings_t settings = *training->settings;
  settings.stop.metric = wanted;
  ls_status status = stop_rules_check(&settings, has_validation, objective, error);
  if (status != LS_OK) return error_prefix(error, LS_USAGE, "--metric %.80s", wanted);
  return take_metric(sweep, wanted, stop_metric_is_higher(wanted));
}

static ls_status check_training(world_t *crew, void *context, ls_error *error) {
  sweep_t *sweep = context;
  const int64_t each = sweep->trials / sweep->axes.combinations;
  training_t training;
  trial_settings_t trial;
  TRY(trial_settings(sweep, sweep->checked * each, 1, &trial, error));
  TRY(training_plan(crew, &trial.settings, &training, error));
  ls_status status = check_metric(sweep, &training, error);
  if (sweep->checked == 0) sweep->shards = training.layout->shards;
  training_close(&training);
  return world_agree(crew, status, error);
}

/* Whether all combinations deal the same rows to the same folds. */
static bool has_same_folds(const sweep_t *sweep) {
  const settings_t *first = sweep->settings[0];
  for (int64_t c = 1; c < sweep->axes.combinations; c++) {
    const settings_t *own = sweep->settings[c];
    if (strcmp(own->data.file, first->data.file) != 0 || strcmp(own->data.x, first->data.x) != 0 ||
        strcmp(own->data.y, first->data.y) != 0 || objective_strata(own) != objective_strata(first) ||
        (strcmp(own->data.missing, "drop") == 0) != (strcmp(first->data.missing, "drop") == 0))
      return false;
  }
  return true;
}

static ls_status check_all(world_t *world, sweep_t *sweep, ls_error *error) {
  struct {
    char metric[sizeof sweep->metric];
    bool higher;
    int shards;
  } told = {0};
  for (sweep->checked = 0; sweep->checked < sweep->axes.combinations; sweep->checked++) {
    trial_settings_t trial;
    const int64_t each = sweep->trials / sweep->axes.combinations;
    TRY(trial_settings(sweep, sweep->checked * each, 1, &trial, error));
    ls_status status = training_crew(world, &trial.settings, NULL, check_training, sweep, error);
    settings_place(sweep->settings[sweep->checked], status, error);
    TRY(about(sweep, sweep->checked, status, error));
  }
  /* idle ranks have not seen the networks */
  memcpy(told.metric, sweep->metric, sizeof told.metric);
  told.higher = sweep->higher_is_better;
  told.shards = sweep->shards;
  TRY(world_broadcast(world, &told, sizeof told, 0, error));
  memcpy(sweep->metric, told.metric, sizeof told.metric);
  sweep->higher_is_better = told.higher;
  sweep->shards = told.shards;
  sweep->has_same_folds = has_same_folds(sweep);
  return LS_OK;
}

ls_status plan_make_sweep(world_t *world, const sweep_options_t *options, sweep_t *out, ls_error *error) {
  *out = (sweep_t){
      .options = options, .repeat = options->repeat > 0 ? options->repeat : 1, .began = clock_seconds()};
  TRY(read_words(world, options, out, error));
  TRY(load_settings(world, out, error));
  return check_all(world, out, error);
}

void plan_free_sweep(sweep_t *sweep) {
  for (int64_t c = 0; sweep->settings != NULL && c < sweep->axes.combinations; c++)
    settings_destroy(&sweep->settings[c]);
  free(sweep->settings);
  axes_free(&sweep->axes);
}

/* ---- the directory ---- */

/* What must be the same when a sweep goes on. */
static void write_note(const sweep_t *sweep, FILE *out) {
  const sweep_options_t *options = sweep->options;
  fputs("# Written by lockstep sweep. With --resume the sweep must be the same.\naxes:\n", out);
  for (size_t a = 0; a < sweep->axes.n; a++) {
    const axis_t *axis = &sweep->axes.axes[a];
    fprintf(out, "- {key: %s, ", axis->key);
    if (axis->kind != AXIS_VALUES)
      fprintf(out, "range: [%d, %.17g, %.17g]", axis->kind, axis->low, axis->high);
    for (int64_t i = 0; i < axis->n && axis->kind == AXIS_VALUES; i++)
      fprintf(out, "%s%s", i == 0 ? "values: [" : ", ", axis->values[i]);
    fputs(axis->kind == AXIS_VALUES ? "]}\n" : "}\n", out);
  }
  fprintf(out, "random: %" PRId64 "\nrepeat: %" PRId64 "\nfolds: %" PRId64 "\nhalving: %" PRId64 "\n",
          options->random, sweep->repeat, options->folds, options->eta);
  if (options->eta > 0) fprintf(out, "metric: %s\n", sweep->metric);
}

static ls_status make_note(const sweep_t *sweep, char **text, ls_error *error) {
  size_t size = 0;
  FILE *out = open_memstream(text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for sweep.yaml");
  write_note(sweep, out);
  return fclose(out) == 0 ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for sweep.yaml");
}

static ls_status read_text_file(const char *path, char **text, ls_error *error) {
  enum { MOST = 1 << 24 };
  FILE *file = fopen(path, "rb");
  if (file == NULL) return error_set(error, LS_IO, "%s: %s", path, strerror(errno));
  *text = calloc(MOST, 1);
  size_t n = *text != NULL ? fread(*text, 1, MOST - 1, file) : 0;
  bool failed = ferror(file) != 0 || n == MOST - 1;
  fclose(file);
  if (*text == NULL) return error_set(error, LS_NO_MEMORY, "no memory to read %s", path);
  return failed ? error_set(error, LS_IO, "%s: cannot be read", path) : LS_OK;
}

/* Names the first line in which the notes differ. */
static ls_status compare_notes(const sweep_t *sweep, const char *then, const char *now, ls_error *error) {
  if (strcmp(then, now) == 0) return LS_OK;
  size_t same = 0;
  while (then[same] == now[same]) same++;
  while (same > 0 && now[same - 1] != '\n') same--;
  return error_set(
      error, LS_BAD_SETTINGS,
      "%s is another sweep: it has '%.*s', and this one '%.*s'; give the same command to go on with "
      "it, or leave --resume out to start anew",
      sweep->directory, (int)strcspn(then + same, "\n") < 300 ? (int)strcspn(then + same, "\n") : 300,
      then + same, (int)strcspn(now + same, "\n") < 300 ? (int)strcspn(now + same, "\n") : 300, now + same);
}

/* Settings that change no figure. */
static const char *const free_keys[] = {"runs",
                                        "data.file",
                                        "data.memory_limit",
                                        "data.external",
                                        "train.time_limit",
                                        "train.log_every",
                                        "train.progress_every",
                                        "train.verify_every",
                                        "parallel.threads",
                                        "parallel.ranks_per_node",
                                        "parallel.timeout",
                                        "checkpoint.keep",
                                        "checkpoint.parts",
                                        "checkpoint.copies",
                                        NULL};

/* The other settings, by those of the first combination. A trial that is done stays as it is, so unlike a
 * single run a sweep goes on with none of them changed. */
static ls_status compare_settings(const sweep_t *sweep, const char *path, ls_error *error) {
  char *text = NULL;
  settings_t *stored = NULL;
  const char *changed = NULL;
  ls_status status = read_text_file(path, &text, error);
  if (status == LS_OK)
    status = settings_restore(text, strlen(text), path, NULL, 0, settings_choices(), &stored, error);
  if (status == LS_OK)
    status = settings_compare_except(stored, sweep->settings[0], free_keys, &changed, error);
  if (status == LS_OK && changed != NULL)
    status = error_set(error, LS_BAD_SETTINGS,
                       "%s is not what %s was started with: set it back, or leave --resume out to start anew",
                       changed, sweep->directory);
  settings_destroy(&stored);
  free(text);
  return status;
}

/* Not config.yaml, by which commands tell a run. */
static ls_status write_base(const sweep_t *sweep, const char *path, ls_error *error) {
  char *text = NULL;
  TRY(settings_dump(sweep->settings[0], &text, error));
  ls_status status = store_write_file(path, text, error);
  free(text);
  return status;
}

static ls_status compare_with_earlier(const sweep_t *sweep, const char *note, const char *path,
                                      const char *base, ls_error *error) {
  char *then = NULL;
  ls_status status = read_text_file(path, &then, error);
  if (status == LS_OK) status = compare_notes(sweep, then, note, error);
  free(then);
  if (status != LS_OK) return status;
  if (run_has(base)) return compare_settings(sweep, base, error);
  return write_base(sweep, base, error); /* killed before it could be written */
}

/* Parts of a sweep may start at the same time, and write the same. */
static ls_status begin_directory(const sweep_t *sweep, run_directory_t *run, const char *note,
                                 const char *path, const char *base, ls_error *error) {
  if (sweep->parts > 0)
    TRY(store_make_directory(run->path, error));
  else
    TRY(run_directory_fresh(run, false, sweep->options->log, error));
  TRY(store_write_file(path, note, error));
  return write_base(sweep, base, error);
}

ls_status plan_open_directory(const sweep_t *sweep, ls_error *error) {
  run_directory_t run = {0};
  char path[RUN_FILE_SIZE], base[RUN_FILE_SIZE], *note = NULL;
  snprintf(run.path, sizeof run.path, "%s", sweep->directory);
  run_file(&run, "sweep.yaml", path);
  run_file(&run, "base.yaml", base);
  ls_status status = make_note(sweep, &note, error);
  bool goes_on = (sweep->options->resume || sweep->parts > 0) && run_has(path);
  if (status == LS_OK)
    status = goes_on ? compare_with_earlier(sweep, note, path, base, error)
                     : begin_directory(sweep, &run, note, path, base, error);
  free(note);
  return status;
}
