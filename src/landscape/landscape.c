#include "landscape/landscape.h"

#include "base/activity.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/progress.h"
#include "run/run_lock.h"
#include "store/store.h"
#include "run/stop_watch.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Seconds between two publications, at least; a publication that takes long is followed by more of them. */
static const double publish_every = 5, publish_share = 20;

enum { MOST_ROUND = 256 }; /* points of a rank in a round */

typedef struct {
  point_t *point;
  world_t *world;
  const landscape_options_t *options;
  landscape_t *landscape;
  float *parameters;  /* (size) */
  double *mine, *all; /* figures of a round: of this rank, and of all */
  run_lock_t *lock;   /* on rank 0 */
  double next;        /* on rank 0: when to publish again */
  stop_watch_t watch;
} painting_t;

/* ---- points ---- */

void landscape_at(const landscape_t *landscape, int64_t i, double *x, double *y) {
  const int64_t columns = landscape->axis[0].n;
  *x = axis_at(&landscape->axis[0], i % columns);
  *y = landscape->plane.axes == 2 ? axis_at(&landscape->axis[1], i / columns) : 0;
}

int64_t landscape_least(const landscape_t *landscape) {
  const double *loss = landscape->figures[POINT_TRAIN][FIGURE_LOSS];
  int64_t least = -1;
  for (int64_t i = 0; i < landscape->done; i++)
    if (isfinite(loss[i]) && (least < 0 || loss[i] < loss[least])) least = i;
  return least;
}

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the points of a landscape");
}

/* Which figures the network has: of several heads the loss alone. */
static bool has_figure(const objective_t *objective, figure_t figure) {
  if (figure == FIGURE_LOSS) return true;
  const bool is_classification = objective->heads[0].loss->is_classification;
  return objective->n == 1 && is_classification == (figure == FIGURE_ACCURACY);
}

static ls_status take_memory(painting_t *work, ls_error *error) {
  landscape_t *landscape = work->landscape;
  const objective_t *objective = point_training(work->point)->objective;
  work->parameters = arena_new(&landscape->arena, point_size(work->point), sizeof *work->parameters);
  const size_t round = (size_t)MOST_ROUND * POINT_ROWS * FIGURES;
  work->mine = arena_new(&landscape->arena, round, sizeof *work->mine);
  work->all = arena_new(&landscape->arena, round * (size_t)world_size(work->world), sizeof *work->all);
  if (work->parameters == NULL || work->mine == NULL || work->all == NULL) return no_memory(error);
  for (int r = 0; r < POINT_ROWS; r++)
    for (int f = 0; f < FIGURES; f++) {
      if (r == POINT_TEST && !work->options->with_test) continue;
      if (!has_figure(objective, (figure_t)f)) continue;
      double *figures = arena_new(&landscape->arena, (size_t)landscape->points, sizeof *figures);
      if (figures == NULL) return no_memory(error);
      for (int64_t i = 0; i < landscape->points; i++) figures[i] = NAN;
      landscape->figures[r][f] = figures;
    }
  return LS_OK;
}

static ls_status measure(painting_t *work, int64_t i, point_rows_t rows, ls_error *error) {
  metrics_t metrics = {0};
  double *const *figures = work->landscape->figures[rows];
  if (figures[FIGURE_LOSS] == NULL) return LS_OK;
  TRY(point_metrics(work->point, rows, &metrics, error));
  figures[FIGURE_LOSS][i] = metrics.loss;
  if (figures[FIGURE_ACCURACY] != NULL) figures[FIGURE_ACCURACY][i] = 100 * metrics_accuracy(&metrics);
  if (figures[FIGURE_RMSE] != NULL) figures[FIGURE_RMSE][i] = metrics.rmse;
  metrics_free(&metrics);
  return LS_OK;
}

/* Collective, unless the point is alone. */
static ls_status compute(painting_t *work, int64_t i, ls_error *error) {
  double x = 0, y = 0;
  landscape_at(work->landscape, i, &x, &y);
  plane_at(&work->landscape->plane, x, y, work->parameters);
  TRY(point_set(work->point, work->parameters, error));
  TRY(measure(work, i, POINT_TRAIN, error));
  return measure(work, i, POINT_TEST, error);
}

/* ---- rounds: the ranks compute points of their own, and then exchange the figures ---- */

/* Point k of rank r in a round that begins at `begin`. */
static int64_t round_point(const painting_t *work, int64_t begin, int r, int64_t k) {
  return begin + k * world_size(work->world) + r;
}

/* Copies the figures of rank r's n points from the landscape to `values` (n, columns), or back. */
static void copy_figures(const painting_t *work, int64_t begin, int r, int64_t n, double *values, bool back) {
  const landscape_t *landscape = work->landscape;
  for (int64_t k = 0; k < n; k++)
    for (int c = 0; c < POINT_ROWS * FIGURES; c++, values++) {
      const int64_t i = round_point(work, begin, r, k);
      double *figures = landscape->figures[c / FIGURES][c % FIGURES];
      if (figures == NULL || i >= landscape->points) continue;
      if (back)
        figures[i] = *values;
      else
        *values = figures[i];
    }
}

/* n points for each rank, from the first that is not done. Collective. */
static ls_status compute_apart(painting_t *work, int64_t n, ls_error *error) {
  landscape_t *landscape = work->landscape;
  const int rank = world_rank(work->world), ranks = world_size(work->world);
  const int64_t begin = landscape->done, width = n * POINT_ROWS * FIGURES, end = begin + n * ranks;
  ls_status status = LS_OK;
  for (int64_t k = 0; k < n && status == LS_OK; k++) {
    const int64_t i = round_point(work, begin, rank, k);
    if (i < landscape->points) status = compute(work, i, error);
  }
  TRY(world_agree(work->world, status, error));
  copy_figures(work, begin, rank, n, work->mine, false);
  TRY(world_gather(work->world, work->mine, (size_t)width * sizeof(double), work->all, error));
  for (int r = 0; r < ranks; r++) copy_figures(work, begin, r, n, work->all + r * width, true);
  landscape->done = end < landscape->points ? end : landscape->points;
  return LS_OK;
}

/* n points, one after the other, by all ranks. Collective. */
static ls_status compute_together(painting_t *work, int64_t n, ls_error *error) {
  landscape_t *landscape = work->landscape;
  for (int64_t k = 0; k < n && landscape->done < landscape->points; k++) {
    TRY(compute(work, landscape->done, error));
    landscape->done++;
    progress_reach(landscape->done);
  }
  return LS_OK;
}

/* ---- the file ---- */

/* On rank 0. */
static ls_status publish(painting_t *work, ls_error *error) {
  const double began = clock_seconds();
  TRY(run_lock_check(work->lock, error));
  TRY(landscape_write(work->landscape, work->point, work->options->out, error));
  const double now = clock_seconds();
  work->next = now + fmax(publish_every, publish_share * (now - began));
  return LS_OK;
}

/* Publishes if it is time, or at once. Collective. */
static ls_status save(painting_t *work, bool at_once, ls_error *error) {
  const bool is_root = world_rank(work->world) == 0;
  return world_agree(work->world,
                     is_root && (at_once || clock_seconds() >= work->next) ? publish(work, error) : LS_OK,
                     error);
}

/* The checksum of all that decides the numbers: the plane, its coordinates, the rows and their data. On rank
 * 0. */
static ls_status identify(painting_t *work, ls_error *error) {
  const training_t *training = point_training(work->point);
  landscape_t *landscape = work->landscape;
  const plane_t *plane = &landscape->plane;
  const size_t bytes = plane->size * sizeof(double);
  const int64_t facts[] = {plane->kind,
                           plane->axes,
                           point_rows(work->point, POINT_TRAIN),
                           point_rows(work->point, POINT_TEST),
                           work->options->with_test,
                           training->layout->shards};
  checksum_t *sum = checksum_begin();
  if (sum == NULL) return no_memory(error);
  for (int a = 0; a < plane->axes; a++) {
    const coordinates_t *axis = &landscape->axis[a];
    const double numbers[] = {axis->low, axis->high, (double)axis->n, plane->origin[a]};
    checksum_add(sum, numbers, sizeof numbers);
    checksum_add(sum, plane->direction[a], bytes);
  }
  checksum_add(sum, plane->centre, plane->size * sizeof *plane->centre);
  checksum_add(sum, facts, sizeof facts);
  checksum_add(sum, &training->dataset->identity, sizeof training->dataset->identity);
  snprintf(landscape->identity, sizeof landscape->identity, "%016" PRIx64, checksum_end(&sum));
  return LS_OK;
}

/* The loss at the point's start. Collective. */
static ls_status measure_start(painting_t *work, ls_error *error) {
  metrics_t metrics = {0};
  TRY(point_set(work->point, work->landscape->plane.centre, error));
  TRY(point_metrics(work->point, POINT_TRAIN, &metrics, error));
  work->landscape->loss_at_origin = metrics.loss;
  metrics_free(&metrics);
  return LS_OK;
}

/* Computes the first point again, which must have the figures that the file has: then the loss is the same,
 * and the rows. Collective. */
static ls_status check_first(painting_t *work, ls_error *error) {
  landscape_t *landscape = work->landscape;
  double before[POINT_ROWS][FIGURES] = {{0}};
  bool is_same = true;
  for (int r = 0; r < POINT_ROWS; r++)
    for (int f = 0; f < FIGURES; f++)
      if (landscape->figures[r][f] != NULL) before[r][f] = landscape->figures[r][f][0];
  TRY(compute(work, 0, error));
  for (int r = 0; r < POINT_ROWS; r++)
    for (int f = 0; f < FIGURES; f++)
      is_same = is_same && (landscape->figures[r][f] == NULL ||
                            memcmp(&before[r][f], landscape->figures[r][f], sizeof(double)) == 0);
  if (is_same || world_rank(work->world) != 0) return world_agree(work->world, LS_OK, error);
  return world_agree(
      work->world,
      error_set(error, LS_BAD_SETTINGS,
                "%s holds the landscape of another loss or of other rows: leave --resume out to "
                "replace it",
                work->options->out),
      error);
}

/* Takes over what an earlier start has computed, and tells all ranks where to go on. Collective. */
static ls_status begin(painting_t *work, ls_error *error) {
  landscape_t *landscape = work->landscape;
  const bool is_root = world_rank(work->world) == 0;
  ls_status status = is_root ? identify(work, error) : LS_OK;
  if (status == LS_OK && is_root && work->options->resume && access(work->options->out, F_OK) == 0)
    status = landscape_read(landscape, work->options->out, error);
  TRY(world_agree(work->world, status, error));
  TRY(world_broadcast(work->world, &landscape->done, sizeof landscape->done, 0, error));
  if (landscape->done > 0)
    log_info(work->options->log, "%s: going on after %" PRId64 " of %" PRId64 " points", work->options->out,
             landscape->done, landscape->points);
  if (landscape->done > 0) TRY(check_first(work, error));
  TRY(measure_start(work, error));
  work->next = clock_seconds() + publish_every;
  return LS_OK;
}

static ls_status stopped(painting_t *work, stop_reason_t reason, ls_error *error) {
  char why[256];
  stop_watch_text(&work->watch, reason, why, sizeof why);
  return error_set(error, LS_STOPPED, "stopped after %" PRId64 " of %" PRId64 " points: %s; --resume goes on",
                   work->landscape->done, work->landscape->points, why);
}

/* Collective. */
static ls_status compute_all(painting_t *work, ls_error *error) {
  const landscape_t *landscape = work->landscape;
  stop_reason_t reason = STOP_NOT;
  stop_watch_begin(&work->watch, work->world, clock_seconds(), 0, work->options->job_end, 0);
  progress_begin(landscape->points, "point", "landscape");
  while (landscape->done < landscape->points) {
    const int64_t n = work->watch.steps_left < MOST_ROUND ? work->watch.steps_left : MOST_ROUND;
    TRY(point_is_alone(work->point) ? compute_apart(work, n, error) : compute_together(work, n, error));
    progress_reach(landscape->done);
    TRY(stop_watch_look(&work->watch, &reason, error));
    TRY(save(work, reason != STOP_NOT || work->watch.save_due, error));
    if (reason != STOP_NOT && landscape->done < landscape->points) return stopped(work, reason, error);
  }
  progress_end();
  return save(work, true, error);
}

/* ---- the whole ---- */

/* Chooses the coordinates. The same on every rank. */
static void choose_axes(const landscape_options_t *options, landscape_t *landscape) {
  landscape->points = 1;
  for (int a = 0; a < 2; a++) {
    landscape->axis[a] = options->axis[a].n > 0 ? options->axis[a] : landscape->plane.natural[a];
    if (a >= landscape->plane.axes) landscape->axis[a] = (coordinates_t){.n = 1};
    landscape->points *= landscape->axis[a].n;
  }
}

static ls_status run_locked(painting_t *work, ls_error *error) {
  TRY(begin(work, error));
  return compute_all(work, error);
}

static ls_status check_test(const painting_t *work, ls_error *error) {
  if (!work->options->with_test || point_rows(work->point, POINT_TEST) > 0) return LS_OK;
  return error_set(error, LS_BAD_DATA, "--test: there are neither test rows nor validation rows");
}

ls_status landscape_run(point_t *point, const landscape_options_t *options, landscape_t *out,
                        ls_error *error) {
  landscape_t landscape = {.done = 0};
  painting_t work = {
      .point = point, .world = point_training(point)->world, .options = options, .landscape = &landscape};
  activity_set("computing a landscape");
  ls_status status = check_test(&work, error); /* the same on every rank */
  if (status == LS_OK) status = plane_make(point, &options->plane, &landscape.arena, &landscape.plane, error);
  if (status == LS_OK) {
    choose_axes(options, &landscape);
    status = world_agree(work.world, take_memory(&work, error), error);
  }
  if (status == LS_OK) status = run_lock_share(work.world, options->out, options->log, &work.lock, error);
  if (status == LS_OK) {
    status = run_locked(&work, error);
    run_lock_release(&work.lock);
  }
  if (status == LS_OK)
    *out = landscape;
  else
    landscape_free(&landscape);
  return status;
}

void landscape_free(landscape_t *landscape) {
  arena_free(&landscape->arena);
}
