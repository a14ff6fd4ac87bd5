#include "train/advice.h"

#include "data/stream.h"
#include "features/gather.h"
#include "layout/shard.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- the end of the network ---- */

/* Between which values the outputs of a layer lie. */
typedef struct {
  const char *name;
  double low, high;
} reach_t;

static const reach_t ranges[] = {{"softmax", 0, 1},        {"sigmoid", 0, 1}, {"hard_sigmoid", 0, 1},
                                 {"step", 0, 1},           {"tanh", -1, 1},   {"relu", 0, INFINITY},
                                 {"softplus", 0, INFINITY}};

/* The range of the last layer that changes values; NULL: all numbers, or not known. */
static const reach_t *last_range(const settings_t *settings) {
  size_t i = settings->model.n_layers;
  while (i > 0 && settings->model.layers[i - 1].kind == LAYER_DROPOUT) i--;
  if (i == 0) return NULL;
  const layer_settings_t *layer = &settings->model.layers[i - 1];
  const char *name = layer->kind == LAYER_SOFTMAX ? "softmax" : layer->activation;
  for (i = 0; i < sizeof ranges / sizeof ranges[0] && name != NULL; i++)
    if (strcmp(ranges[i].name, name) == 0) return &ranges[i];
  return NULL;
}

static void advise_of_logits(const head_t *head, const reach_t *range, const log_t *log) {
  const char *loss = head->loss->name;
  bool is_softmax = strcmp(loss, "cross_entropy") == 0,
       is_sigmoid = strcmp(loss, "binary_cross_entropy") == 0;
  if (!(is_softmax && isfinite(range->high)) && !is_sigmoid) return;
  log_warn(log,
           "model.layers: the last layer ends in %s, but %s takes any numbers and applies %s itself: "
           "probabilities near %s cannot be reached; leave %s out",
           range->name, loss, is_softmax ? "softmax" : "the sigmoid", range->low < 0 ? "0 and 1" : "0",
           range->name);
}

/* ---- targets ---- */

enum { SAMPLE_ROWS = 1024, BLOCK_ROWS = 128, STEPS = 1000 };

/* What a rank finds, and then what all found. */
typedef struct {
  double rows, losses[MOST_HEADS]; /* of the sample: rows, and sums of losses of outputs 0 */
  double low, high; /* of the column of targets that is looked at; of all features, if they are the targets */
} finding_t;

/* The losses of outputs 0 on the first rows of this rank, and the range of features that are targets. */
static ls_status sum_losses(const objective_t *objective, const gather_t *gather, finding_t *finding,
                            ls_error *error) {
  arena_t arena = {0};
  const split_t *train = gather->split;
  part_t part = {0};
  int32_t labels[BLOCK_ROWS];
  uint32_t rows[BLOCK_ROWS];
  float weights[BLOCK_ROWS];
  float *values = arena_new(&arena, (size_t)(BLOCK_ROWS * objective->targets), sizeof *values);
  float *zeros = arena_new(&arena, (size_t)(BLOCK_ROWS * objective->outputs), sizeof *zeros);
  const target_room_t room = {labels, values, weights};
  ls_status status = LS_OK;
  if (values == NULL || zeros == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory to look at targets");
  parts_begin(train);
  if (status == LS_OK) status = parts_next(train, &part, error);
  int64_t most = part.rows < SAMPLE_ROWS ? part.rows : SAMPLE_ROWS;
  for (int64_t at = 0; at < most && status == LS_OK; at += BLOCK_ROWS) {
    int64_t n = most - at < BLOCK_ROWS ? most - at : BLOCK_ROWS;
    double sums[MOST_HEADS];
    for (int64_t i = 0; i < n; i++) rows[i] = (uint32_t)(part.resident + at + i);
    const target_t target = gather_target(gather, objective->has_labels, rows, n, &room);
    objective_evaluate(objective, n, zeros, target, NULL, sums);
    for (size_t h = 0; h < objective->n; h++) finding->losses[h] += sums[h];
    for (int64_t i = 0; i < n * train->width && train->y_is_x; i++) {
      finding->low = fmin(finding->low, (double)values[i]);
      finding->high = fmax(finding->high, (double)values[i]);
    }
    finding->rows += (double)n;
  }
  parts_end(train);
  arena_free(&arena);
  return status;
}

/* The range of a column of rows in memory: of targets as the loss takes them, or of y as the file has them.
 */
static void find_range(const split_t *train, int64_t column, bool as_in_file, finding_t *finding) {
  finding->low = INFINITY;
  finding->high = -INFINITY;
  for (int64_t i = 0; i < train->rows && train->targets != NULL; i++) {
    int64_t at = i * train->width + column;
    double t = as_in_file ? element_at(train->y, train->y_type, at) : (double)train->targets[at];
    if (t < finding->low) finding->low = t;
    if (t > finding->high) finding->high = t;
  }
}

/* Sums and range of all ranks. Collective. */
static ls_status share(world_t *world, finding_t *finding, ls_error *error) {
  arena_t arena = {0};
  finding_t mine = *finding, *all = arena_new(&arena, (size_t)world_size(world), sizeof *all);
  ls_status status = all == NULL ? error_set(error, LS_NO_MEMORY, "no memory to look at targets") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &mine, sizeof mine, all, error));
  *finding = (finding_t){.low = INFINITY, .high = -INFINITY};
  for (int r = 0; r < world_size(world); r++) {
    finding->rows += all[r].rows;
    for (int h = 0; h < MOST_HEADS; h++) finding->losses[h] += all[r].losses[h];
    finding->low = fmin(finding->low, all[r].low);
    finding->high = fmax(finding->high, all[r].high);
  }
done:
  arena_free(&arena);
  return status;
}

/* Whether there is something to say; the same on every rank. */
static bool advise_of_range(const reach_t *range, const finding_t *finding, bool of_x, const log_t *log) {
  if (finding->low >= range->low && finding->high <= range->high) return false;
  log_warn(log,
           "model.layers: targets, as the loss takes them, lie between %g and %g, but %s at the end of the "
           "network gives numbers from %g to %g: leave %s out, or scale the %s into this range (data.%s)",
           finding->low, finding->high, range->name, range->low, range->high, range->name,
           of_x ? "features" : "targets", of_x ? "scaling" : "target_scaling");
  return true;
}

/* Neighbours among floats near the largest target lie 2^-23 of it apart. */
static bool advise_of_precision(const finding_t *finding, const log_t *log) {
  double width = finding->high - finding->low, step = fmax(fabs(finding->low), fabs(finding->high)) * 0x1p-23;
  if (!(width > 0 && width < STEPS * step)) return false;
  log_warn(log,
           "targets lie between %.9g and %.9g, where single precision has steps of %.2g: they are rounded to "
           "few different values; set data.target_scaling to standard",
           finding->low, finding->high, step);
  return true;
}

/* What the values of a head's targets tell; of each kind the first warning. Collective. */
static ls_status advise_of_targets(world_t *world, const settings_t *settings, const head_t *head,
                                   const split_t *train, const log_t *log, ls_error *error) {
  const reach_t *range = last_range(settings);
  bool may_miss = range != NULL && head->loss->predict == NULL; /* outputs are predictions */
  bool may_round = strcmp(settings->data.target_scaling.name, "none") == 0 && !head->loss->fixed_units;
  if (!loss_is_regression(head->loss) || train->windows != NULL || train->stream != NULL || train->y_is_x)
    return LS_OK;
  for (int64_t c = 0; c < head->targets && (may_miss || may_round); c++) {
    finding_t finding = {0};
    find_range(train, head->first_target + c, may_round, &finding); /* not scaled: rounding alone differs */
    TRY(share(world, &finding, error));
    may_miss = may_miss && !advise_of_range(range, &finding, false, log);
    may_round = may_round && !advise_of_precision(&finding, log);
  }
  return LS_OK;
}

/* ---- the length of the run ---- */

/* train.steps only shortens a run; who sets it alone may expect that it also lengthens one. */
static void advise_of_steps(const train_settings_t *train, partition_t partition, const log_t *log) {
  const int64_t per_epoch = epoch_steps(partition, train->global_batch_size), all = train->epochs * per_epoch;
  if (train->steps <= all) return;
  log_warn(log,
           "train.steps: %" PRId64 " updates are not reached, because train.epochs=%" PRId64 " have %" PRId64
           ": the run ends after those; set train.epochs to %" PRId64 " or more",
           train->steps, train->epochs, all, (train->steps + per_epoch - 1) / per_epoch);
}

static void advise_of_copies(const world_t *world, const settings_t *settings, const log_t *log) {
  const interval_t *every = &settings->train.verify_every;
  const bool mpi = strcmp(settings->parallel.reduce, "mpi") == 0;
  if ((every->steps == 0 && every->epochs == 0) || (mpi ? world_size(world) : world_nodes(world)) > 1) return;
  log_warn(log, "train.verify_every has no effect: there is only one copy of the parameters, on one node");
}

ls_status advise(world_t *world, const settings_t *settings, const objective_t *objective,
                 const gather_t *train, const log_t *log, double *zero_loss, ls_error *error) {
  finding_t finding = {.low = INFINITY, .high = -INFINITY};
  const reach_t *range = last_range(settings);
  advise_of_steps(&settings->train, train->split->partition, log);
  advise_of_copies(world, settings, log);
  TRY(world_agree(world, sum_losses(objective, train, &finding, error), error));
  TRY(share(world, &finding, error));
  *zero_loss = objective_total(objective, finding.losses) / finding.rows;
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    if (range != NULL) advise_of_logits(head, range, log);
    if (range != NULL && objective->of_x && head->loss->predict == NULL)
      advise_of_range(range, &finding, true, log);
    TRY(advise_of_targets(world, settings, head, train->split, log, error));
  }
  return LS_OK;
}

/* ---- divergence ---- */

enum { FIRST_JUDGED = 2, MANY_TIMES = 1000 }; /* epochs before the third may be finding their way */

bool advice_diverges(const history_t *history, double zero_loss) {
  size_t many = 0;
  if (!(zero_loss > 0)) return false;
  for (size_t i = FIRST_JUDGED; i < history->n; i++) {
    bool is_absurd = history->rows[i].values[HISTORY_TRAIN_LOSS] > MANY_TIMES * zero_loss;
    many += is_absurd;
    if (i + 1 == history->n) return is_absurd && many == 1;
  }
  return false;
}

void advise_of_divergence(const history_t *history, double zero_loss, const log_t *log) {
  const history_row_t *row = &history->rows[history->n - 1];
  log_warn(
      log,
      "the training loss of epoch %.0f is %.3g; outputs that are all 0 would have %.3g: the training "
      "diverges. Lower optimizer.learning_rate (it is %.3g; `lockstep lr-find` looks for one), and scale "
      "the data (data.scaling, data.target_scaling)",
      row->values[HISTORY_EPOCH], row->values[HISTORY_TRAIN_LOSS], zero_loss,
      row->values[HISTORY_LEARNING_RATE]);
}
