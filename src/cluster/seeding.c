/* Five ways to begin.
 *
 * k-means++ draws one row after the other, each with a probability in proportion to its squared distance to
 * the nearest row drawn before (Arthur, Vassilvitskii: "k-means++: the advantages of careful seeding", 2007).
 * That takes a pass over the rows for each centre. The greedy form draws 2 + log k rows each time, and keeps
 * the one after which the sum of the squared distances of all rows is least (section 4 of that paper, and
 * scikit-learn's k-means++): a second pass for each centre, which judges all candidates. k-means|| draws k
 * rows at once in each of a few passes, and then applies k-means++ to these candidates, weighted by the rows
 * that are nearest to each (Bahmani et al.: "Scalable k-means++", 2012; here each pass draws exactly k rows
 * without replacement, where the paper draws each row on its own). */
#include "cluster/seeding.h"

#include "base/activity.h"
#include "base/progress.h"
#include "math/squares.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { ROUNDS = 5 }; /* of k-means||, after the first row */

ls_status seeding_too_few(const fit_inputs_t *inputs, int64_t n, ls_error *error) {
  if (inputs->gather->split->partition.rows < inputs->settings->cluster.k)
    return error_set(
        error, LS_BAD_DATA,
        "%s: there are %" PRId64 " training rows, fewer than cluster.k=%" PRId64 ": ask for fewer clusters",
        inputs->settings->data.file, inputs->gather->split->partition.rows, inputs->settings->cluster.k);
  return error_set(error, LS_BAD_DATA,
                   "%s: only %" PRId64 " training row%s differ%s from each other (rows with weight 0 do not "
                   "count), too few for cluster.k=%" PRId64 ": ask for fewer clusters",
                   inputs->settings->data.file, n, n == 1 ? "" : "s", n == 1 ? "s" : "",
                   inputs->settings->cluster.k);
}

/* ---- passes ---- */

static random_stream_t stream_of(const seeding_t *seeding) {
  return (random_stream_t){.seed = seeding->in.settings->train.seed,
                           .purpose = RANDOM_CLUSTER,
                           .time = (uint64_t)seeding->start,
                           .shard = (uint64_t)seeding->draw};
}

/* Offers rows with probabilities in proportion to their weights and, once there are centres, to the squared
 * distance to the nearest of them. */
static void draw_rows(void *context, const sums_block_t *block, double *leaf) {
  const seeding_t *seeding = context;
  const random_stream_t stream = stream_of(seeding);
  double u[SUMS_BLOCK], *distance = seeding->distance + block->row;
  int32_t nearest[SUMS_BLOCK];
  (void)leaf;
  picks_uniform(&stream, block->number, block->rows, u);
  if (seeding->n_new > 1)
    nearest_find(&seeding->nearest, block->thread, block->rows, block->x, seeding->norms + block->row,
                 nearest, NULL);
  for (int64_t r = 0; r < block->rows; r++) {
    const float *x = block->x + r * seeding->inputs;
    double weight = block->weights != NULL ? (double)block->weights[r] : 1;
    if (seeding->n_new > 0) {
      const int64_t near = seeding->n_new > 1 ? nearest[r] : 0;
      const double now =
          squared_distance(seeding->inputs, x, seeding->nearest.plain + near * seeding->inputs);
      if (now < distance[r]) distance[r] = now;
    }
    if (seeding->n_new >= 0) weight *= distance[r];
    if (weight > 0) picks_offer(seeding->picks, block->thread, -log(u[r]) / weight, block->number + r, x);
  }
}

/* Draws n rows into `rows`. */
static ls_status draw(seeding_t *seeding, int64_t n, float *rows, int64_t *found, ls_error *error) {
  double nothing = 0;
  picks_begin(seeding->picks, n);
  TRY(sums_run(seeding->scan, draw_rows, seeding, &nothing, error));
  seeding->draw++;
  return picks_collect(seeding->picks, rows, NULL, found, error);
}

/* The next draw learns the distances to these centres. */
static void add_centres(seeding_t *seeding, const float *centres, int64_t n) {
  seeding->n_new = n;
  if (n > 1)
    nearest_set(&seeding->nearest, centres, n, NULL);
  else
    seeding->nearest.plain = centres;
}

/* ---- the ways ---- */

static ls_status draw_at_random(seeding_t *seeding, float *centres, ls_error *error) {
  int64_t found = 0;
  TRY(draw(seeding, seeding->k, centres, &found, error));
  return found < seeding->k ? seeding_too_few(&seeding->in, found, error) : LS_OK;
}

static void offer_first_rows(void *context, const sums_block_t *block, double *leaf) {
  const seeding_t *seeding = context;
  (void)leaf;
  for (int64_t r = 0; r < block->rows && block->number + r < seeding->k; r++)
    picks_offer(seeding->picks, block->thread, (double)(block->number + r), block->number + r,
                block->x + r * seeding->inputs);
}

static ls_status take_first_rows(seeding_t *seeding, float *centres, ls_error *error) {
  int64_t found = 0;
  double nothing = 0;
  picks_begin(seeding->picks, seeding->k);
  TRY(sums_run(seeding->scan, offer_first_rows, seeding, &nothing, error));
  TRY(picks_collect(seeding->picks, centres, NULL, &found, error));
  return found < seeding->k ? seeding_too_few(&seeding->in, found, error) : LS_OK;
}

static ls_status draw_one_by_one(seeding_t *seeding, float *centres, ls_error *error) {
  for (int64_t k = 0; k < seeding->k; k++) {
    int64_t found = 0;
    TRY(draw(seeding, 1, centres + k * seeding->inputs, &found, error));
    if (found == 0) return seeding_too_few(&seeding->in, k, error);
    add_centres(seeding, centres + k * seeding->inputs, 1);
  }
  return LS_OK;
}

/* ---- greedy ---- */

int64_t seeding_trials(int64_t k) {
  const int64_t n = 2 + (int64_t)log((double)k);
  return n < k ? n : k;
}

/* leaf (candidates) += weight times the squared distance of each row to the nearest centre, if the candidate
 * were one. */
static void add_potentials(void *context, const sums_block_t *block, double *leaf) {
  const seeding_t *seeding = context;
  const trials_t *trials = &seeding->trials;
  float *squares = trials->squares[block->thread];
  squares_from_points(&trials->layout, block->rows, block->x, trials->panels, NULL, squares);
  for (int64_t r = 0; r < block->rows; r++) {
    const double weight = block->weights != NULL ? (double)block->weights[r] : 1;
    const double before = seeding->distance[block->row + r];
    for (int64_t i = 0; i < trials->n; i++) {
      const double square = (double)squares[r * trials->n + i];
      leaf[i] += weight * (square < before ? square : before);
    }
  }
}

/* The one of `found` candidates with the least sum; of equal ones the first. */
static ls_status judge(seeding_t *seeding, int64_t found, int64_t *best, ls_error *error) {
  const trials_t *trials = &seeding->trials;
  *best = 0;
  if (found == 1) return LS_OK;
  for (int64_t i = found; i < trials->n; i++) /* the places of those that were not found */
    memcpy(seeding->chosen + i * seeding->inputs, seeding->chosen,
           (size_t)seeding->inputs * sizeof *seeding->chosen);
  dense_pack(&trials->layout, seeding->chosen, trials->panels);
  TRY(sums_run(seeding->counts, add_potentials, seeding, trials->potentials, error));
  for (int64_t i = 1; i < found; i++)
    if (trials->potentials[i] < trials->potentials[*best]) *best = i;
  return LS_OK;
}

static ls_status draw_greedily(seeding_t *seeding, float *centres, ls_error *error) {
  for (int64_t k = 0; k < seeding->k; k++) {
    int64_t found = 0, best = 0;
    float *centre = centres + k * seeding->inputs;
    TRY(draw(seeding, k == 0 ? 1 : seeding->trials.n, seeding->chosen, &found, error));
    if (found == 0) return seeding_too_few(&seeding->in, k, error);
    TRY(judge(seeding, found, &best, error));
    memcpy(centre, seeding->chosen + best * seeding->inputs, (size_t)seeding->inputs * sizeof *centre);
    add_centres(seeding, centre, 1);
  }
  return LS_OK;
}

/* ---- k-means|| ---- */

/* Counts the rows that are nearest to each candidate, by their weights. */
static void count_rows(void *context, const sums_block_t *block, double *leaf) {
  const seeding_t *seeding = context;
  int32_t nearest[SUMS_BLOCK];
  nearest_find(&seeding->nearest, block->thread, block->rows, block->x, seeding->norms + block->row, nearest,
               NULL);
  for (int64_t r = 0; r < block->rows; r++)
    leaf[nearest[r]] += block->weights != NULL ? (double)block->weights[r] : 1;
}

static void find_norms(void *context, const sums_block_t *block, double *leaf) {
  const seeding_t *seeding = context;
  (void)leaf;
  for (int64_t r = 0; r < block->rows; r++)
    seeding->norms[block->row + r] = norm_of(squared_norm(seeding->inputs, block->x + r * seeding->inputs));
}

/* k-means++ among n candidates with weights, on every rank alike. distance (n) is memory. */
static ls_status choose_among(const seeding_t *seeding, int64_t n, double *distance, float *centres,
                              ls_error *error) {
  const int64_t inputs = seeding->inputs;
  for (int64_t k = 0; k < seeding->k; k++) {
    random_stream_t stream = stream_of(seeding);
    double least = INFINITY;
    int64_t chosen = -1;
    TRY(interrupt_ask(seeding->in.interrupt, k == 0, error));
    stream.shard += (uint64_t)k;
    for (int64_t i = 0; i < n; i++) {
      double u = 0, weight = seeding->weights[i];
      picks_uniform(&stream, i, 1, &u);
      if (k > 0) {
        const double now = squared_distance(inputs, seeding->chosen + i * inputs, centres + (k - 1) * inputs);
        if (k == 1 || now < distance[i]) distance[i] = now;
        weight *= distance[i];
      }
      const double key = weight > 0 ? -log(u) / weight : INFINITY;
      if (key < least) chosen = i;
      if (key < least) least = key;
    }
    if (chosen < 0) return seeding_too_few(&seeding->in, k, error);
    memcpy(centres + k * inputs, seeding->chosen + chosen * inputs, (size_t)inputs * sizeof *centres);
  }
  return LS_OK;
}

static ls_status draw_many_at_once(seeding_t *seeding, float *centres, ls_error *error) {
  int64_t n = 0;
  double nothing = 0;
  TRY(sums_run(seeding->scan, find_norms, seeding, &nothing, error));
  for (int round = 0; round <= ROUNDS; round++) {
    int64_t found = 0;
    float *rows = seeding->chosen + n * seeding->inputs;
    TRY(draw(seeding, round == 0 ? 1 : seeding->k, rows, &found, error));
    if (found == 0) break;
    add_centres(seeding, rows, found);
    n += found;
  }
  if (n < seeding->k) return seeding_too_few(&seeding->in, n, error);
  nearest_set(&seeding->nearest, seeding->chosen, n, NULL);
  TRY(sums_run(seeding->counts, count_rows, seeding, seeding->weights, error));
  return choose_among(seeding, n, seeding->weights + 1 + ROUNDS * seeding->k, centres, error);
}

/* ---- the table ---- */

typedef struct {
  const char *name, *meaning;
  bool has_distances, has_candidates, has_trials; /* what it needs memory for */
  ls_status (*run)(seeding_t *seeding, float *centres, ls_error *error);
} seeding_row_t;

static const seeding_row_t table[] = {
    {"k-means++", "one row after the other, likely far from those before; a pass over the rows for each",
     true, false, false, draw_one_by_one},
    {"greedy", "k-means++ that draws a few rows for each centre and takes the best; two passes for each",
     true, false, true, draw_greedily},
    {"k-means||", "many rows in each of a few passes, then k-means++ among them; for many clusters or rows",
     true, true, false, draw_many_at_once},
    {"random", "rows drawn at random", false, false, false, draw_at_random},
    {"rows", "the first k training rows; there is one start", false, false, false, take_first_rows},
};

bool seeding_choice(size_t i, choice_t *out) {
  if (i >= sizeof table / sizeof table[0]) return false;
  *out = (choice_t){table[i].name, table[i].meaning};
  return true;
}

static const seeding_row_t *row_of(const fit_inputs_t *inputs) {
  const seeding_row_t *row = table;
  while (strcmp(row->name, inputs->settings->cluster.init) != 0) row++;
  return row;
}

ls_status seeding_run(seeding_t *seeding, int64_t start, float *centres, ls_error *error) {
  const int64_t rows = seeding->in.gather->split->rows;
  const seeding_row_t *row = row_of(&seeding->in);
  const int64_t all = seeding->in.gather->split->partition.rows;
  if (all < seeding->k) return seeding_too_few(&seeding->in, all, error); /* not after a pass for each row */
  seeding->start = start;
  seeding->draw = 0;
  seeding->n_new = -1;
  for (int64_t r = 0; r < rows && row->has_distances; r++) seeding->distance[r] = INFINITY;
  activity_set("choosing the first centres");
  return row->run(seeding, centres, error);
}

/* ---- memory ---- */

static ls_status make_candidates(seeding_t *seeding, ls_error *error) {
  const size_t n = 1 + ROUNDS * (size_t)seeding->k, rows = (size_t)seeding->in.gather->split->rows;
  seeding->chosen = arena_new(&seeding->arena, n * (size_t)seeding->inputs, sizeof *seeding->chosen);
  seeding->weights = arena_new(&seeding->arena, 2 * n, sizeof *seeding->weights);
  seeding->norms = arena_new(&seeding->arena, rows, sizeof *seeding->norms);
  if (seeding->chosen == NULL || seeding->weights == NULL || seeding->norms == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for %zu candidates of centres", n);
  return nearest_create((int64_t)n, seeding->inputs, seeding->in.threads, &seeding->arena, &seeding->nearest,
                        error);
}

static ls_status make_trials(seeding_t *seeding, ls_error *error) {
  trials_t *trials = &seeding->trials;
  arena_t *arena = &seeding->arena;
  trials->n = seeding_trials(seeding->k);
  trials->layout = dense_layout(seeding->inputs, trials->n);
  const size_t n = (size_t)trials->n, threads = (size_t)seeding->in.threads;
  seeding->chosen = arena_new(arena, n * (size_t)seeding->inputs, sizeof *seeding->chosen);
  trials->panels = arena_new(arena, (size_t)trials->layout.elements, sizeof *trials->panels);
  trials->potentials = arena_new(arena, n, sizeof *trials->potentials);
  trials->squares = arena_new(arena, threads, sizeof *trials->squares);
  bool is_there = seeding->chosen != NULL && trials->panels != NULL && trials->potentials != NULL &&
                  trials->squares != NULL;
  for (size_t t = 0; t < threads && is_there; t++) {
    trials->squares[t] = arena_new(arena, SUMS_BLOCK * n, sizeof(float));
    is_there = trials->squares[t] != NULL;
  }
  return is_there ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for %zu candidates of centres", n);
}

ls_status seeding_create(const fit_inputs_t *inputs, sums_t *scan, picks_t *picks, seeding_t *out,
                         ls_error *error) {
  const seeding_row_t *row = row_of(inputs);
  const size_t rows = (size_t)inputs->gather->split->rows;
  ls_status status = LS_OK;
  *out = (seeding_t){.in = *inputs,
                     .k = inputs->settings->cluster.k,
                     .inputs = inputs->gather->features->inputs,
                     .scan = scan,
                     .picks = picks};
  out->distance = arena_new(&out->arena, row->has_distances ? rows : 0, sizeof *out->distance);
  if (out->distance == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for the distances of %zu rows", rows);
  if (status == LS_OK && row->has_candidates) status = make_candidates(out, error);
  if (status == LS_OK && row->has_trials) status = make_trials(out, error);
  TRY(world_agree(inputs->world, status, error));
  if (!row->has_candidates && !row->has_trials) return LS_OK;
  const sums_inputs_t counts = {.world = inputs->world,
                                .gather = inputs->gather,
                                .threads = inputs->threads,
                                .elements =
                                    row->has_trials ? (size_t)out->trials.n : 1 + ROUNDS * (size_t)out->k,
                                .everywhere = true,
                                .interrupt = inputs->interrupt};
  return sums_create(&counts, &out->counts, error);
}

void seeding_free(seeding_t *seeding) {
  sums_destroy(&seeding->counts);
  arena_free(&seeding->arena);
  *seeding = (seeding_t){0};
}
