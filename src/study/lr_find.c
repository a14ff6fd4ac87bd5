#include "study/lr_find.h"

#include "base/activity.h"
#include "base/progress.h"
#include "math/tree.h"
#include "store/store.h"
#include "study/curvature.h"
#include "train/training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- judging the losses ---- */

/* Losses of single batches are noisy. Each one is replaced by a mean that reaches this share of all steps to
 * either side. */
static const double smoothing = 0.03;

/* Training has diverged when the loss has risen from its minimum by more than this multiple of the minimum or
 * of the decrease down to it, whichever is larger. */
static const double broken = 3;

static int64_t reach(int64_t steps) {
  return (int64_t)ceil(smoothing * (double)steps);
}

static double mean_around(const double *losses, int64_t n, int64_t i, int64_t k) {
  int64_t from = i > k ? i - k : 0, to = i + k < n - 1 ? i + k : n - 1;
  double sum = 0, finite = 0;
  if (!isfinite(losses[i])) return losses[i];
  for (int64_t j = from; j <= to; j++) {
    if (!isfinite(losses[j])) continue;
    sum += losses[j];
    finite++;
  }
  return sum / finite;
}

/* The first step whose smoothed loss is too high; n if there is none. */
static int64_t first_broken(const lr_find_t *result) {
  double least = result->smooth[0];
  for (int64_t i = 0; i < result->n; i++) {
    double value = result->smooth[i], fall = result->smooth[0] - least;
    if (!(value - least <= broken * fmax(fabs(least), fall))) return i; /* also true if not finite */
    if (value < least) least = value;
  }
  return result->n;
}

/* Considers the steps before divergence only. The slope is that of the smoothed loss over the logarithm of
 * the rate. */
void lr_find_judge(lr_find_t *result, int64_t steps) {
  int64_t n = result->n, k = reach(steps);
  for (int64_t i = 0; i < n; i++) result->smooth[i] = mean_around(result->losses, n, i, k);
  int64_t end = first_broken(result), smallest = 0, steepest = -1;
  double least_slope = 0;
  for (int64_t i = 0; i < end; i++)
    if (result->smooth[i] < result->smooth[smallest]) smallest = i;
  for (int64_t i = 1; i + 1 < end && i <= smallest; i++) {
    double slope =
        (result->smooth[i + 1] - result->smooth[i - 1]) / log(result->rates[i + 1] / result->rates[i - 1]);
    if (slope < least_slope) {
      least_slope = slope;
      steepest = i;
    }
  }
  result->steepest = steepest < 0 ? NAN : result->rates[steepest];
  result->smallest = smallest == 0 ? NAN : result->rates[smallest];
  result->divergence = end < n ? result->rates[end] : NAN;
}

/* ---- the test ---- */

/* The schedule of the range test; plan->factor is high / low. */
static double range_share(const schedule_plan_t *plan, double t) {
  return pow(plan->factor, t / (plan->total_steps - 1));
}

static const schedule_t range_schedule = {
    .name = "range", .meaning = "of the range test", .rate = range_share};

/* Whether training diverged far enough back that no further step can change the smoothed loss there. */
static bool is_broken(lr_find_t *result, int64_t steps) {
  int64_t k = reach(steps);
  if (!isfinite(result->losses[result->n - 1])) return true;
  if (result->n <= 2 * k) return false;
  lr_find_judge(result, steps);
  return first_broken(result) < result->n - 2 * k;
}

static ls_status run_steps(const training_t *training, const lr_find_options_t *options, double *sums,
                           lr_find_t *result, ls_error *error) {
  int64_t batch = training->settings->train.global_batch_size;
  int64_t per_epoch = epoch_steps(training->partition, batch);
  const schedule_plan_t plan = {.learning_rate = options->low,
                                .factor = options->high / options->low,
                                .total_steps = (double)options->steps};
  engine_set_schedule(training->engine, &range_schedule, &plan);
  for (int64_t i = 0; i < options->steps; i++) {
    int64_t step = i % per_epoch;
    if (step == 0) engine_begin_epoch(training->engine, i / per_epoch);
    TRY(engine_run(training->engine, step, step + 1, i, false, error));
    TRY(engine_step_loss(training->engine, sums, error));
    double rows = (double)step_rows(training->partition, batch, step);
    result->rates[i] = engine_learning_rate(training->engine, i);
    result->losses[i] = engine_total_loss(training->engine, sums) / rows;
    result->n = i + 1;
    progress_figures(i + 1, result->losses[i], NAN, NAN);
    if (is_broken(result, options->steps)) break;
  }
  lr_find_judge(result, options->steps);
  return LS_OK;
}

/* Whether a step is the gradient times the rate, to which momentum may add. */
static bool is_plain(const char *optimizer) {
  return strcmp(optimizer, "sgd") == 0 || strcmp(optimizer, "proximal") == 0;
}

static ls_status find_limit(const training_t *training, lr_find_t *result, ls_error *error) {
  const optimizer_settings_t *optimizer = &training->settings->optimizer;
  result->curvature = result->limit = NAN;
  if (!is_plain(optimizer->name)) return LS_OK;
  TRY(curvature_largest(training, &result->curvature, error));
  result->limit = curvature_limit(optimizer, result->curvature);
  return LS_OK;
}

ls_status lr_find_run(world_t *world, const settings_t *settings, const lr_find_options_t *options,
                      lr_find_t *out, ls_error *error) {
  training_t training = {0};
  if (optimizer_find(settings->optimizer.name)->update == NULL)
    return error_set(error, LS_BAD_SETTINGS,
                     "optimizer.name: %s uses no learning rate, so there is none to find",
                     settings->optimizer.name);
  TRY(training_open(world, settings, &training, error));
  activity_set("training with growing learning rates");
  size_t n = (size_t)options->steps;
  double *sums = malloc((size_t)training.layout->shards * training.objective->n * sizeof *sums);
  lr_find_t result = {.rates = malloc(n * sizeof(double)),
                      .losses = malloc(n * sizeof(double)),
                      .smooth = malloc(n * sizeof(double))};
  ls_status status = LS_OK;
  if (sums == NULL || result.rates == NULL || result.losses == NULL || result.smooth == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for %zu steps", n);
  status = world_agree(world, status, error);
  progress_begin(options->steps, "step", "growing the learning rate");
  if (status == LS_OK) status = find_limit(&training, &result, error);
  if (status == LS_OK) status = run_steps(&training, options, sums, &result, error);
  result.suggested = fmin(result.steepest, result.limit / 2); /* of a NaN and a number the number */
  progress_end();
  free(sums);
  training_close(&training);
  if (status == LS_OK)
    *out = result;
  else
    lr_find_free(&result);
  return status;
}

void lr_find_free(lr_find_t *result) {
  free(result->rates);
  free(result->losses);
  free(result->smooth);
  *result = (lr_find_t){0};
}

/* ---- the file ---- */

static ls_status write_result(const lr_find_t *result, store_t *store, ls_error *error) {
  const struct {
    const char *name;
    double rate;
  } rates[] = {{"steepest", result->steepest},     {"smallest", result->smallest},
               {"divergence", result->divergence}, {"curvature", result->curvature},
               {"limit", result->limit},           {"suggested", result->suggested}};
  const int64_t shape[] = {result->n};
  TRY(store_write_text(store, "/", "format", LR_FIND_FORMAT, error));
  for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
    if (!isnan(rates[i].rate)) TRY(store_write_double(store, "/", rates[i].name, rates[i].rate, error));
  TRY(store_write(store, "learning_rate", STORE_F64, 1, shape, result->rates, error));
  TRY(store_write(store, "loss", STORE_F64, 1, shape, result->losses, error));
  return store_write(store, "smooth", STORE_F64, 1, shape, result->smooth, error);
}

ls_status lr_find_write(const lr_find_t *result, const char *path, ls_error *error) {
  store_t *store = NULL;
  TRY(store_create(path, &store, error));
  ls_status status = write_result(result, store, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}
