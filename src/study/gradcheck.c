/* For a parameter w_k and a small h, where the loss L is the sum over the rows of a step divided by their
 * number,
 *
 *   dL/dw_k = (L(w_k + h) - L(w_k - h)) / 2h + O(h^2).
 *
 * L is computed in double from the plain definitions of ops and losses, which share no code with the kernels.
 * If the two one-sided quotients (L(w_k + h) - L(w_k)) / h and (L(w_k) - L(w_k - h)) / h differ, the loss has
 * a kink between them (a relu at 0). Then no derivative exists to compare with, and the element is skipped.
 * The tree adds the sums of the shards, so the figures are the same on any layout. */
#include "study/gradcheck.h"

#include "base/activity.h"
#include "base/progress.h"
#include "base/arena.h"
#include "base/random.h"
#include "math/tree.h"
#include "train/training.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double step_size = 1e-6; /* h; multiplied by |w_k| if |w_k| > 1 */

/* Gradients below this share of the largest gradient are rounding errors. This share is the smallest scale by
 * which a block is judged. */
static const double least_scale = 1e-3;

/* A difference of the one-sided quotients above this share of the block's scale is a kink: for a smooth loss
 * they differ only by a multiple of h. */
static const double kink = 1e-4;

/* The rows of one shard in the step, in double. */
typedef struct {
  int64_t rows;
  double *x;       /* (rows, inputs) */
  double *targets; /* (rows, width) */
  float *weights;  /* (rows) */
} batch_t;

/* A parameter to check. */
typedef struct {
  size_t block, at; /* index of the array, and of the element in it */
  size_t plain;     /* index in the vector of all parameters */
  double h;
} probe_t;

typedef struct {
  training_t training;
  const gradcheck_options_t *options;
  batch_t *batches; /* (own shards) */
  int64_t width;    /* targets per row */
  size_t n_plain;
  double *parameters, *gradient; /* (n_plain): the arrays one after the other */
  double **moved;                /* (threads, n_plain): parameters with one of them moved */
  double **outputs;              /* (threads): (most rows of a shard, outputs), and a penalty for each row */
  probe_t *probes;               /* ordered by block */
  size_t n_probes;
  double *sums; /* (own shards, points): losses at w, then at w_k + h and at w_k - h for each probe */
  double *all;  /* (S, points) on rank 0: the same for all shards; the sums end up in its first row */
  arena_t arena;
} gradient_check_t;

static size_t points(const gradient_check_t *check) {
  return 1 + 2 * check->n_probes;
}

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY,
                   "no memory for the gradient check; --rows or --elements make it smaller");
}

/* ---- the gradient ---- */

/* Unpacks a parameter vector to plain arrays in double, one after the other. */
static ls_status unpack(const graph_t *graph, const float *vector, double *out, ls_error *error) {
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    size_t n = parameter_values(graph_parameter(graph, i));
    float *plain = malloc(n * sizeof *plain);
    if (plain == NULL) return no_memory(error);
    graph_unpack(graph, i, vector, plain);
    for (size_t k = 0; k < n; k++) *out++ = (double)plain[k];
    free(plain);
  }
  return LS_OK;
}

/* Computes the gradient of the first step, on every rank. */
static ls_status find_gradient(gradient_check_t *check, ls_error *error) {
  const training_t *training = &check->training;
  size_t floats = graph_floats(training->graph);
  float *vector = calloc(floats, sizeof *vector);
  ls_status status = vector == NULL ? no_memory(error) : LS_OK;
  TRY_OR_DONE(world_agree(training->world, status, error));
  engine_begin_epoch(training->engine, 0);
  TRY_OR_DONE(engine_gradient(training->engine, 0, 0, vector, error));
  TRY_OR_DONE(world_broadcast(training->world, vector, floats * sizeof *vector, 0, error));
  status = unpack(training->graph, vector, check->gradient, error);
  if (status == LS_OK)
    status = unpack(training->graph, engine_parameters(training->engine), check->parameters, error);
  status = world_agree(training->world, status, error);
done:
  free(vector);
  return status;
}

/* ---- the rows ---- */

static ls_status read_batch(gradient_check_t *check, int s, ls_error *error) {
  const training_t *training = &check->training;
  bool is_labels = training->objective->has_labels;
  int64_t most = slice_rows(training->settings->train.global_batch_size, training->layout->shards);
  size_t inputs = (size_t)graph_inputs(training->graph), width = (size_t)check->width, n = (size_t)most;
  batch_t *batch = &check->batches[s];
  float *x = arena_new(&check->arena, n * inputs, sizeof *x);
  float *values = arena_new(&check->arena, n * width, sizeof *values);
  int32_t *labels = arena_new(&check->arena, n, sizeof *labels);
  batch->x = arena_new(&check->arena, n * inputs, sizeof *batch->x);
  batch->targets = arena_new(&check->arena, n * width, sizeof *batch->targets);
  batch->weights = arena_new(&check->arena, n, sizeof *batch->weights);
  if (x == NULL || values == NULL || labels == NULL || batch->weights == NULL || batch->x == NULL ||
      batch->targets == NULL)
    return no_memory(error);
  batch->rows = engine_rows(training->engine, 0, s, x, labels, values, batch->weights);
  for (size_t i = 0; i < (size_t)batch->rows * inputs; i++) batch->x[i] = (double)x[i];
  for (size_t i = 0; i < (size_t)batch->rows * width; i++)
    batch->targets[i] = is_labels ? labels[i] : (double)values[i];
  return LS_OK;
}

/* The sum of the losses of own shard s with these parameters. */
static ls_status shard_loss(const gradient_check_t *check, int s, const double *parameters, double *outputs,
                            double *sum, ls_error *error) {
  const training_t *training = &check->training;
  const batch_t *batch = &check->batches[s];
  const pass_t pass = {.training = true,
                       .seed = training->settings->train.seed,
                       .shard = (uint64_t)(training->layout->first_shard + s)};
  int64_t width = graph_outputs(training->graph);
  double *penalties = outputs + batch->rows * width;
  TRY(graph_reference(training->graph, parameters, batch->rows, batch->x, &pass, outputs, penalties, error));
  *sum = 0;
  for (int64_t r = 0; r < batch->rows; r++)
    *sum += (double)batch->weights[r] *
            (objective_reference(training->objective, outputs + r * width, batch->targets + r * check->width,
                                 training->factors) +
             objective_factor(training->objective, training->factors, batch->targets[r * check->width]) *
                 penalties[r]);
  return LS_OK;
}

/* ---- which parameters to check ---- */

static bool is_probed(const gradient_check_t *check, size_t first, size_t at) {
  for (size_t i = first; i < check->n_probes; i++)
    if (check->probes[i].at == at) return true;
  return false;
}

static void add_probe(gradient_check_t *check, size_t block, size_t at, size_t plain) {
  double w = fabs(check->parameters[plain]);
  check->probes[check->n_probes++] =
      (probe_t){.block = block, .at = at, .plain = plain, .h = step_size * (w > 1 ? w : 1)};
}

/* The element of the block with the largest gradient that is not chosen yet. */
static size_t largest_left(const gradient_check_t *check, size_t first, size_t begin, size_t n) {
  size_t best = n;
  for (size_t at = 0; at < n; at++)
    if ((best == n || fabs(check->gradient[begin + at]) > fabs(check->gradient[begin + best])) &&
        !is_probed(check, first, at))
      best = at;
  return best;
}

/* Chooses `wanted` elements of the block that starts at `begin`: half by size of the gradient, the others at
 * random. */
static void choose_block(gradient_check_t *check, size_t block, size_t begin, size_t n, size_t wanted) {
  const random_stream_t stream = {
      .seed = check->training.settings->train.seed, .purpose = RANDOM_GRADCHECK, .shard = block};
  size_t first = check->n_probes;
  for (size_t at = 0; at < n && wanted == n; at++) add_probe(check, block, at, begin + at);
  while (check->n_probes - first < wanted / 2) {
    size_t at = largest_left(check, first, begin, n);
    add_probe(check, block, at, begin + at);
  }
  for (uint64_t draw = 0; check->n_probes - first < wanted; draw++) {
    uint64_t words[4];
    random_words(&stream, draw, words);
    for (int k = 0; k < 4 && check->n_probes - first < wanted; k++)
      if (!is_probed(check, first, words[k] % n)) add_probe(check, block, words[k] % n, begin + words[k] % n);
  }
}

static ls_status choose_probes(gradient_check_t *check, ls_error *error) {
  const graph_t *graph = check->training.graph;
  size_t most = (size_t)check->options->elements, total = 0, begin = 0;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    size_t n = parameter_values(graph_parameter(graph, i));
    total += most == 0 || most > n ? n : most;
  }
  check->probes = arena_new(&check->arena, total, sizeof *check->probes);
  if (check->probes == NULL) return no_memory(error);
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    size_t n = parameter_values(graph_parameter(graph, i));
    if (!graph_parameter(graph, i)->is_statistic)
      choose_block(check, i, begin, n, most == 0 || most > n ? n : most);
    begin += n;
  }
  return LS_OK;
}

/* ---- losses at all points ---- */

/* Computes the losses at one point. Point 0 is w; points 2k + 1 and 2k + 2 have probe k moved up and down. */
static ls_status losses_at(const gradient_check_t *check, size_t point, double *moved, double *outputs,
                           ls_error *error) {
  const probe_t *probe = point == 0 ? NULL : &check->probes[(point - 1) / 2];
  ls_status status = LS_OK;
  if (probe != NULL) moved[probe->plain] += point % 2 == 1 ? probe->h : -probe->h;
  for (int s = 0; s < check->training.layout->own_shards && status == LS_OK; s++)
    status = shard_loss(check, s, moved, outputs, &check->sums[(size_t)s * points(check) + point], error);
  if (probe != NULL) moved[probe->plain] = check->parameters[probe->plain];
  return status;
}

static ls_status losses_at_all(const gradient_check_t *check, ls_error *error) {
  ls_status status = LS_OK;
  progress_begin((int64_t)points(check), "loss", "computing differences");
#pragma omp parallel for schedule(dynamic) num_threads(check->training.layout->threads)
  for (size_t point = 0; point < points(check); point++) {
    ls_error own = {0};
    int t = omp_get_thread_num();
    progress_advance(1);
    if (losses_at(check, point, check->moved[t], check->outputs[t], &own) == LS_OK) continue;
#pragma omp critical
    {
      status = own.status;
      *error = own;
    }
  }
  progress_end();
  return status;
}

/* Adds the sums of all shards with the tree, on rank 0. */
static ls_status add_shards(gradient_check_t *check, ls_error *error) {
  const training_t *training = &check->training;
  int ranks = world_size(training->world), shards = training->layout->shards;
  size_t *sizes = arena_new(&check->arena, (size_t)ranks, sizeof *sizes);
  ls_status status = sizes == NULL ? no_memory(error) : LS_OK;
  TRY(world_agree(training->world, status, error));
  for (int r = 0; r < ranks; r++)
    sizes[r] = (size_t)rank_shards(shards, ranks, r) * points(check) * sizeof *check->sums;
  TRY(world_gather_pieces(training->world, check->sums, sizes, check->all, 0, error));
  if (check->all != NULL) tree_sum_vectors(check->all, shards, points(check));
  return LS_OK;
}

/* ---- the verdict, on rank 0 ---- */

typedef struct {
  size_t compared, kinks;
  const probe_t *worst;
  double error, gradient, quotient; /* of the worst element; error as a share of the block's scale */
} verdict_t;

static double largest(const double *values, size_t n) {
  double most = 0;
  for (size_t i = 0; i < n; i++) most = fmax(most, fabs(values[i]));
  return most;
}

static verdict_t judge_block(const gradient_check_t *check, size_t block, double scale) {
  const training_t *training = &check->training;
  double rows = (double)step_rows(training->partition, training->settings->train.global_batch_size, 0);
  verdict_t verdict = {.error = -1};
  for (size_t k = 0; k < check->n_probes; k++) {
    const probe_t *probe = &check->probes[k];
    if (probe->block != block) continue;
    double here = check->all[0], up = check->all[2 * k + 1], down = check->all[2 * k + 2];
    double gradient = check->gradient[probe->plain], quotient = (up - down) / (2 * probe->h * rows);
    double bend = (up - 2 * here + down) / (probe->h * rows); /* difference of the one-sided quotients */
    if (fabs(bend) > kink * scale) {
      verdict.kinks++;
      continue;
    }
    verdict.compared++;
    double off = fabs(gradient - quotient) / scale;
    if (!(off > verdict.error || isnan(off))) continue; /* a NaN counts as the worst */
    verdict = (verdict_t){verdict.compared, verdict.kinks, probe, off, gradient, quotient};
  }
  return verdict;
}

static void place_text(const parameter_t *array, size_t at, char *out, size_t size) {
  if (array->dims == 2)
    snprintf(out, size, "[%zu, %zu]", at / (size_t)array->shape[1], at % (size_t)array->shape[1]);
  else
    snprintf(out, size, "[%zu]", at);
}

static void print_block(const parameter_t *array, const verdict_t *verdict, FILE *out) {
  char place[48] = "";
  fprintf(out, "%-20s %10zu %9zu %6zu", array->name, parameter_values(array), verdict->compared,
          verdict->kinks);
  if (verdict->worst != NULL) {
    place_text(array, verdict->worst->at, place, sizeof place);
    fprintf(out, "  %10.2e  %-14s %15.8g %15.8g", verdict->error, place, verdict->gradient,
            verdict->quotient);
  }
  fputc('\n', out);
}

static ls_status refuse_block(const gradient_check_t *check, const parameter_t *array,
                              const verdict_t *verdict, ls_error *error) {
  char place[48];
  if (verdict->compared == 0)
    return error_set(error, LS_FAILED,
                     "%s: the loss has a kink at all %zu elements, so nothing could be compared; set another "
                     "train.seed or initialisation",
                     array->name, verdict->kinks);
  place_text(array, verdict->worst->at, place, sizeof place);
  return error_set(error, LS_FAILED,
                   "%s%s: the gradient is %.9g, central differences give %.9g: they differ by %.2e of the "
                   "block's largest gradient, more than %g",
                   array->name, place, verdict->gradient, verdict->quotient, verdict->error,
                   check->options->tolerance);
}

/* Prints all blocks; fails with the error of the worst one. */
static ls_status judge(const gradient_check_t *check, FILE *out, ls_error *error) {
  const graph_t *graph = check->training.graph;
  double floor = least_scale * largest(check->gradient, check->n_plain), worst = 0;
  ls_status status = LS_OK;
  size_t begin = 0;
  fprintf(out, "%-20s %10s %9s %6s  %10s  %-14s %15s %15s\n", "block", "elements", "compared", "kinks",
          "error", "at", "gradient", "difference");
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const parameter_t *array = graph_parameter(graph, i);
    if (array->is_statistic) continue; /* the last arrays of all */
    double scale = fmax(largest(check->gradient + begin, parameter_values(array)), floor);
    verdict_t verdict = judge_block(check, i, scale > 0 ? scale : 1);
    begin += parameter_values(array);
    print_block(array, &verdict, out);
    double error_now = verdict.compared == 0 ? INFINITY : verdict.error;
    if (error_now <= check->options->tolerance || error_now <= worst) continue;
    worst = error_now;
    status = refuse_block(check, array, &verdict, error);
  }
  return status;
}

/* ---- the whole ---- */

static ls_status make_buffers(gradient_check_t *check, ls_error *error) {
  const training_t *training = &check->training;
  size_t threads = (size_t)training->layout->threads, own = (size_t)training->layout->own_shards;
  int64_t rows = slice_rows(training->settings->train.global_batch_size, training->layout->shards);
  arena_t *arena = &check->arena;
  check->n_plain = graph_plain_floats(training->graph);
  check->width = training->objective->targets;
  check->batches = arena_new(arena, own, sizeof *check->batches);
  check->parameters = arena_new(arena, check->n_plain, sizeof(double));
  check->gradient = arena_new(arena, check->n_plain, sizeof(double));
  check->moved = arena_new(arena, threads, sizeof *check->moved);
  check->outputs = arena_new(arena, threads, sizeof *check->outputs);
  if (check->batches == NULL || check->parameters == NULL || check->gradient == NULL ||
      check->moved == NULL || check->outputs == NULL)
    return no_memory(error);
  for (size_t t = 0; t < threads; t++) {
    check->moved[t] = arena_new(arena, check->n_plain, sizeof(double));
    check->outputs[t] =
        arena_new(arena, (size_t)(rows * (graph_outputs(training->graph) + 1)), sizeof(double));
    if (check->moved[t] == NULL || check->outputs[t] == NULL) return no_memory(error);
  }
  return LS_OK;
}

/* Computes this rank's share of the losses, once the gradient is known. */
static ls_status measure(gradient_check_t *check, ls_error *error) {
  const training_t *training = &check->training;
  TRY(choose_probes(check, error));
  check->sums =
      arena_new(&check->arena, (size_t)training->layout->own_shards * points(check), sizeof(double));
  if (world_rank(training->world) == 0)
    check->all = arena_new(&check->arena, (size_t)training->layout->shards * points(check), sizeof(double));
  if (check->sums == NULL || (world_rank(training->world) == 0 && check->all == NULL))
    return no_memory(error);
  for (int t = 0; t < training->layout->threads; t++)
    memcpy(check->moved[t], check->parameters, check->n_plain * sizeof(double));
  for (int s = 0; s < training->layout->own_shards; s++) TRY(read_batch(check, s, error));
  return losses_at_all(check, error);
}

static ls_status run(gradient_check_t *check, FILE *out, ls_error *error) {
  world_t *world = check->training.world;
  TRY(world_agree(world, make_buffers(check, error), error));
  TRY(find_gradient(check, error));
  TRY(world_agree(world, measure(check, error), error));
  TRY(add_shards(check, error));
  return world_agree(world, world_rank(world) == 0 ? judge(check, out, error) : LS_OK, error);
}

ls_status gradcheck_run(world_t *world, const settings_t *settings, const gradcheck_options_t *options,
                        FILE *out, ls_error *error) {
  gradient_check_t check = {.options = options};
  TRY(training_open(world, settings, &check.training, error));
  activity_set("computing gradients and differences of the loss");
  ls_status status = run(&check, out, error);
  arena_free(&check.arena);
  training_close(&check.training);
  return status;
}
