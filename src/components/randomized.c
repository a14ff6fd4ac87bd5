/* Components of a random subspace. P (l, inputs) are directions, orthonormal; a pass over the rows adds up
 *
 *   G = sum of (P z) zᵀ,     each row of z in two steps: t = P z, then G += t zᵀ.
 *
 * The rows of G, made orthonormal, are the P of the next pass: each pass turns them towards the first
 * components. After the last pass, within the subspace, the sum of z zᵀ is nearly Gᵀ (G Pᵀ)⁻¹ G (Nyström's
 * method; Halko, Martinsson and Tropp 2011, algorithm 5.5), and that has small eigenproblems.
 *
 * Both steps are sums of outer products of panels (math/panels.h): t over features, G over rows. So a block
 * of rows is laid out twice, with rows side by side and with features side by side. */
#include "components/components_impl.h"

#include "base/activity.h"
#include "base/progress.h"
#include "base/random.h"
#include "math/panels.h"
#include "math/symmetric.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TILE = PANEL_SIDE, TILE_ELEMENTS = TILE * TILE, GROUPS = SUMS_BLOCK / TILE };

typedef struct {
  const fitting_t *fitting;
  int64_t inputs, l;     /* features, directions */
  int64_t width, height; /* the same, padded to whole panels */
  double *p;             /* (l, inputs) */
  double *panels;        /* (height / 8, inputs, 8): P, directions side by side */
  double *rows;          /* (GROUPS, inputs, 8): z, rows side by side */
  double *columns;       /* (width / 8, SUMS_BLOCK, 8): z, features side by side */
  double *t;             /* (height / 8, SUMS_BLOCK, 8) */
  double *tiles;         /* (threads, height / 8, 8, 8) */
} subspace_t;

/* Columns [first, first + n) of rows [8 group, 8 group + 8) of a block, laid out in both ways. */
static void fill_tile(const subspace_t *s, const float *const x[TILE], const double factor[TILE],
                      int64_t group, int64_t first, int64_t n) {
  const double *mean = s->fitting->mean + first;
  double *side = s->rows + (group * s->inputs + first) * TILE;
  double *columns = s->columns + panels_at(SUMS_BLOCK, group * TILE, first);
  for (int64_t c = 0; c < n; c++)
    for (int64_t i = 0; i < TILE; i++) {
      const double z = factor[i] * ((double)x[i][first + c] - mean[c]);
      side[c * TILE + i] = z;
      columns[i * TILE + c] = z;
    }
}

/* Rows [8 group, 8 group + 8) of a block; those beyond it count 0. */
static void fill_group(const subspace_t *s, const sums_block_t *block, int64_t group) {
  const float *x[TILE];
  double factor[TILE];
  for (int64_t i = 0; i < TILE; i++) {
    const int64_t r = group * TILE + i;
    factor[i] = r < block->rows ? block_factor(block, r) : 0;
    x[i] = block->x + (r < block->rows ? r : 0) * s->inputs;
  }
  for (int64_t first = 0; first < s->inputs; first += TILE)
    fill_tile(s, x, factor, group, first, first + TILE <= s->inputs ? TILE : s->inputs - first);
}

/* t of the rows of a group. */
static void project_group(const subspace_t *s, int64_t group, double *tiles) {
  const int64_t panels = s->height / TILE;
  memset(tiles, 0, (size_t)(panels * TILE_ELEMENTS) * sizeof *tiles);
  outer_add(s->inputs, s->rows + group * s->inputs * TILE, panels, s->panels, s->inputs * TILE, tiles);
  for (int64_t p = 0; p < panels; p++)
    memcpy(s->t + (p * SUMS_BLOCK + group * TILE) * TILE, tiles + p * TILE_ELEMENTS,
           TILE_ELEMENTS * sizeof *tiles);
}

/* leaf (width / 8, height / 8, 8, 8): G, transposed. */
static void add_projections(void *context, const sums_block_t *block, double *leaf) {
  const subspace_t *s = context;
  const int64_t panels = s->height / TILE, groups = (block->rows + TILE - 1) / TILE;
#pragma omp for schedule(static)
  for (int64_t group = 0; group < groups; group++) {
    fill_group(s, block, group);
    project_group(s, group, s->tiles + block->thread * panels * TILE_ELEMENTS);
  }
#pragma omp for schedule(static)
  for (int64_t i = 0; i < s->width / TILE; i++)
    outer_add(block->rows, s->columns + i * SUMS_BLOCK * TILE, panels, s->t, SUMS_BLOCK * TILE,
              leaf + i * panels * TILE_ELEMENTS);
}

static void spread_directions(const subspace_t *s) {
  for (int64_t j = 0; j < s->l; j++)
    for (int64_t c = 0; c < s->inputs; c++)
      s->panels[(j / TILE * s->inputs + c) * TILE + j % TILE] = s->p[j * s->inputs + c];
}

/* g (l, inputs) from the tiles of a total. */
static void collect_directions(const subspace_t *s, const double *total, double *g) {
  const int64_t panels = s->height / TILE;
  for (int64_t j = 0; j < s->l; j++)
    for (int64_t c = 0; c < s->inputs; c++)
      g[j * s->inputs + c] = total[((c / TILE * panels + j / TILE) * TILE + c % TILE) * TILE + j % TILE];
}

/* Each direction is a stream of its own. */
static void draw_directions(const subspace_t *s) {
  const components_settings_t *settings = s->fitting->in->settings;
  const uint64_t seed = settings->seed == SETTINGS_AUTO ? s->fitting->in->seed : (uint64_t)settings->seed;
  for (int64_t j = 0; j < s->l; j++) {
    random_stream_t stream = {seed, RANDOM_COMPONENTS, 0, (uint64_t)j};
    random_normal(&stream, (size_t)s->inputs, s->p + j * s->inputs);
  }
  orthonormal_rows(s->l, s->inputs, s->p);
}

/* ---- the components of the last subspace, on rank 0 ---- */

/* out (n, length) = a (n, m) b (m, length), rows added up from the first. */
static void multiply(int64_t n, int64_t m, int64_t length, const double *a, const double *b, double *out) {
  memset(out, 0, (size_t)(n * length) * sizeof *out);
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < m; k++) {
      const double factor = a[i * m + k];
      for (int64_t c = 0; c < length; c++) out[i * length + c] += factor * b[k * length + c];
    }
}

/* out (n, n): lower triangle of a bᵀ, a and b (n, length). */
static void multiply_rows(int64_t n, int64_t length, const double *a, const double *b, double *out) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k <= i; k++) out[i * n + k] = dot_lanes(length, a + i * length, b + k * length);
}

typedef struct {
  double *square, *vectors, *values; /* (l, l), (l, l), (l) */
  double *half;                      /* (l, inputs) */
} small_t;

/* vectors (l, inputs) with squares (l), from G. With eigenvalues mu_i and eigenvectors w_i of G Pᵀ, the rows
 * f_i = w_i G / sqrt(mu_i) have F ᵀF = Gᵀ (G Pᵀ)⁻¹ G; eigenvalues that are nothing but rounding are left out.
 * The components are combinations of the f_i, with the eigenvectors of F Fᵀ. */
static ls_status find_components(const subspace_t *s, const double *g, const small_t *small,
                                 directions_t *found, ls_error *error) {
  const int64_t l = s->l, length = s->inputs;
  int64_t rank = 0;
  multiply_rows(l, length, g, s->p, small->square);
  TRY(symmetric_eigen(l, small->square, l, NULL, small->vectors, small->values, error));
  const double least = 1e-15 * (double)l * small->values[0];
  while (rank < l && small->values[rank] > least) rank++;
  multiply(rank, l, length, small->vectors, g, small->half);
  for (int64_t i = 0; i < rank; i++)
    for (int64_t c = 0; c < length; c++) small->half[i * length + c] /= sqrt(small->values[i]);
  multiply_rows(rank, length, small->half, small->half, small->square);
  TRY(symmetric_eigen(rank, small->square, rank, NULL, small->vectors, found->squares, error));
  multiply(rank, rank, length, small->vectors, small->half, found->vectors);
  rank = orthonormal_rows(rank, length, found->vectors);
  if (rank < found->n)
    return error_set(error, LS_BAD_SETTINGS,
                     "%s: the rows vary in %" PRId64 " directions, so there are no %" PRId64
                     " components: take at most that many",
                     s->fitting->in->count_key, rank, found->n);
  for (int64_t i = 0; i < found->n; i++) largest_positive(length, found->vectors + i * length);
  return LS_OK;
}

/* ---- passes ---- */

static ls_status no_memory(const subspace_t *s, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " directions of %" PRId64 " features", s->l,
                   s->inputs);
}

static ls_status make_buffers(subspace_t *s, arena_t *arena, ls_error *error) {
  const size_t l = (size_t)s->l, inputs = (size_t)s->inputs, width = (size_t)s->width,
               height = (size_t)s->height, threads = (size_t)s->fitting->in->threads;
  double **const arrays[] = {&s->p, &s->panels, &s->rows, &s->columns, &s->t, &s->tiles};
  const size_t sizes[] = {l * inputs,         height * inputs,     SUMS_BLOCK * inputs,
                          SUMS_BLOCK * width, SUMS_BLOCK * height, threads * height * TILE};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    if ((*arrays[i] = arena_new(arena, sizes[i], sizeof(double))) == NULL) return no_memory(s, error);
  return LS_OK;
}

/* On rank 0: what follows the passes, and the total of a pass. */
static ls_status make_results(const subspace_t *s, arena_t *arena, double **total, double **g, small_t *small,
                              directions_t *found, ls_error *error) {
  const size_t l = (size_t)s->l, inputs = (size_t)s->inputs;
  double **const arrays[] = {
      total,          g, &small->square, &small->vectors, &small->values, &small->half, &found->vectors,
      &found->squares};
  const size_t sizes[] = {
      (size_t)(s->width * s->height), l * inputs, l * l, l * l, l, l * inputs, l * inputs, l};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    if ((*arrays[i] = arena_new(arena, sizes[i], sizeof(double))) == NULL) return no_memory(s, error);
  return LS_OK;
}

/* p becomes the next directions on every rank, or stays and g is the result of the last pass. */
static ls_status pass(subspace_t *s, sums_t *sums, bool is_last, double *total, double *g, ls_error *error) {
  spread_directions(s);
  TRY(sums_run(sums, add_projections, s, total, error));
  if (g != NULL) collect_directions(s, total, g);
  if (is_last) return LS_OK;
  if (g != NULL) {
    memcpy(s->p, g, (size_t)(s->l * s->inputs) * sizeof *g);
    orthonormal_rows(s->l, s->inputs, s->p);
  }
  return world_broadcast(s->fitting->in->world, s->p, (size_t)(s->l * s->inputs) * sizeof *s->p, 0, error);
}

ls_status randomized_fit(const fitting_t *fitting, arena_t *arena, directions_t *out, ls_error *error) {
  const components_inputs_t *in = fitting->in;
  const int64_t most = fitting->inputs < fitting->rows ? fitting->inputs : fitting->rows;
  const int64_t l = fitting->n + in->settings->oversampling, passes = in->settings->iterations + 1;
  subspace_t s = {.fitting = fitting, .inputs = fitting->inputs, .l = l < most ? l : most};
  s.width = panels_width(s.inputs);
  s.height = panels_width(s.l);
  const sums_inputs_t inputs = {.world = in->world,
                                .gather = in->gather,
                                .threads = in->threads,
                                .elements = (size_t)(s.width * s.height),
                                .together = true};
  const bool is_root = world_rank(in->world) == 0;
  double *total = NULL, *g = NULL;
  small_t small;
  directions_t found = {.n = fitting->n};
  sums_t *sums = NULL;
  ls_status status = make_buffers(&s, arena, error);
  if (status == LS_OK && is_root) status = make_results(&s, arena, &total, &g, &small, &found, error);
  TRY(world_agree(in->world, status, error));
  TRY(sums_create(&inputs, &sums, error));
  draw_directions(&s);
  progress_begin(passes * in->gather->split->rows, NULL, "looking for components");
  for (int64_t i = 0; i < passes && status == LS_OK; i++)
    status = pass(&s, sums, i + 1 == passes, total, g, error);
  progress_end();
  sums_destroy(&sums);
  TRY(status);
  if (is_root) status = find_components(&s, g, &small, &found, error);
  TRY(world_agree(in->world, status, error));
  *out = found;
  return LS_OK;
}
