/* Moving hidden units changes no output, whatever the network is made of; alignment finds units that were
 * moved, and leaves no group that could gain. */
#include "landscape/align.h"
#include "model/fixture.h"

enum { ROWS = 4, INPUTS = 6 };

static const layer_settings_t plain[] = {DENSE(7, "relu"), DENSE(5, "tanh"), DENSE(3, "identity")};
static layer_settings_t block[] = {DENSE_WITHOUT_BIAS(9, "relu"), LAYER_NORM(), DENSE(8, "identity")};
static layer_settings_t short_block[] = {DENSE(8, "tanh")};
static const layer_settings_t residual[] = {DENSE(8, "relu"), RESIDUAL(block), RESIDUAL(short_block),
                                            SOFTMAX(), DENSE(3, "identity")};
static const layer_settings_t norms[] = {DENSE(7, "identity"), BATCH_NORM(),     ACTIVATION("gelu"),
                                         DROPOUT(0.5),         DENSE(6, "mish"), LAYER_NORM(),
                                         DENSE(2, "identity")};
static layer_settings_t left[] = {DENSE(4, "relu"), DENSE(5, "identity")}, right[] = {DENSE(6, "tanh")};
static layer_settings_t both[] = {BRANCH(left), BRANCH(right)};
static layer_settings_t wide_block[] = {DENSE(11, "relu")};
static const layer_settings_t branches[] = {DENSE(5, "relu"), BRANCHES(both), LAYER_NORM(),
                                            DENSE(4, "identity")};
/* spans of 5 and 6 are added to one of 11: none of these units may move */
static const layer_settings_t unlike[] = {DENSE(5, "relu"), BRANCHES(both), RESIDUAL(wide_block),
                                          DENSE(4, "identity")};
static const graph_table_t tables[] = {{5, 3}, {4, 2}};

typedef struct {
  const char *name;
  const layer_settings_t *layers;
  size_t n_layers, n_tables, groups;
} case_t;

static const case_t cases[] = {
    {"plain", plain, COUNT(plain), 0, 2},    {"residual", residual, COUNT(residual), 0, 2},
    {"norms", norms, COUNT(norms), 0, 2},    {"branches", branches, COUNT(branches), 0, 4},
    {"unlike", unlike, COUNT(unlike), 0, 2}, {"tables", plain, COUNT(plain), 2, 4}};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct {
  graph_t *graph;
  symmetry_t symmetry;
  size_t n, inputs;
  float *first, *second, *aligned; /* (n) */
  alignment_t alignment;
} fixture_t;

/* Random parameters, variances above 0. */
static void fill(const graph_t *graph, uint64_t seed, float *out) {
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const parameter_t *parameter = graph_parameter(graph, i);
    const size_t n = parameter_values(parameter);
    const random_stream_t stream = {.seed = seed, .purpose = RANDOM_INIT, .shard = i};
    double *drawn = calloc(n, sizeof *drawn);
    random_normal(&stream, n, drawn);
    for (size_t k = 0; k < n; k++)
      *out++ = (float)(parameter->is_statistic ? 0.5 + fabs(drawn[k]) : 0.7 * drawn[k]);
    free(drawn);
  }
}

static fixture_t fixture_create(const case_t *c) {
  fixture_t f = {.inputs = INPUTS + c->n_tables};
  CHECK(graph_create_with_tables(c->layers, c->n_layers, (int64_t)f.inputs, tables, c->n_tables, &f.graph,
                                 error));
  CHECK(symmetry_find(c->layers, c->n_layers, f.graph, &f.symmetry, error));
  f.n = graph_plain_floats(f.graph);
  f.first = calloc(f.n, sizeof *f.first);
  f.second = calloc(f.n, sizeof *f.second);
  f.aligned = calloc(f.n, sizeof *f.aligned);
  fill(f.graph, 1, f.first);
  fill(f.graph, 2, f.second);
  return f;
}

static void fixture_destroy(fixture_t *f) {
  alignment_free(&f->alignment);
  symmetry_free(&f->symmetry);
  graph_destroy(&f->graph);
  free(f->first);
  free(f->second);
  free(f->aligned);
}

/* A random order of each group. */
static size_t **orders_create(const symmetry_t *symmetry, uint64_t seed) {
  size_t **orders = calloc(symmetry->n_groups, sizeof *orders);
  for (size_t g = 0; g < symmetry->n_groups; g++) {
    const random_stream_t stream = {.seed = seed, .purpose = RANDOM_SHUFFLE, .shard = g};
    uint32_t *order = calloc(symmetry->units[g], sizeof *order);
    orders[g] = calloc(symmetry->units[g], sizeof *orders[g]);
    random_permutation(&stream, symmetry->units[g], order);
    for (size_t i = 0; i < symmetry->units[g]; i++) orders[g][i] = order[i];
    free(order);
  }
  return orders;
}

static void orders_destroy(const symmetry_t *symmetry, size_t **orders) {
  for (size_t g = 0; g < symmetry->n_groups; g++) free(orders[g]);
  free(orders);
}

static void move(const fixture_t *f, size_t *const *orders, const float *from, float *to) {
  for (size_t i = 0; i < graph_parameter_count(f->graph); i++) {
    symmetry_apply(&f->symmetry, f->graph, i, orders, from, to);
    from += parameter_values(graph_parameter(f->graph, i));
    to += parameter_values(graph_parameter(f->graph, i));
  }
}

/* Outputs of some rows by the plain definitions. */
static void outputs(const fixture_t *f, const case_t *c, const float *parameters, double *y) {
  static const pass_t pass = {0};
  double *all = calloc(f->n, sizeof *all), x[ROWS * (INPUTS + 2)];
  const random_stream_t stream = {.seed = 11, .purpose = RANDOM_INIT};
  random_normal(&stream, ROWS * f->inputs, x);
  for (size_t r = 0; r < ROWS; r++)
    for (size_t t = 0; t < c->n_tables; t++) x[r * f->inputs + INPUTS + t] = (double)((r + t) % 4);
  for (size_t i = 0; i < f->n; i++) all[i] = (double)parameters[i];
  CHECK(graph_reference(f->graph, all, ROWS, x, &pass, y, NULL, error));
  free(all);
}

Test(align, moved_units_compute_the_same) {
  for (size_t c = 0; c < CASES; c++) {
    fixture_t f = fixture_create(&cases[c]);
    const size_t n = ROWS * (size_t)graph_outputs(f.graph);
    double before[ROWS * 4], after[ROWS * 4];
    size_t **orders = orders_create(&f.symmetry, 3);
    cr_expect_eq(f.symmetry.n_groups, cases[c].groups, "%s: %zu groups", cases[c].name, f.symmetry.n_groups);
    move(&f, orders, f.first, f.aligned);
    cr_expect(memcmp(f.first, f.aligned, f.n * sizeof(float)) != 0, "%s", cases[c].name);
    outputs(&f, &cases[c], f.first, before);
    outputs(&f, &cases[c], f.aligned, after);
    for (size_t i = 0; i < n; i++)
      cr_expect_float_eq(before[i], after[i], 1e-12, "%s: output %zu is %.17g, not %.17g", cases[c].name, i,
                         after[i], before[i]);
    orders_destroy(&f.symmetry, orders);
    fixture_destroy(&f);
  }
}

Test(align, finds_units_that_were_moved) {
  for (size_t c = 0; c < CASES; c++) {
    fixture_t f = fixture_create(&cases[c]);
    size_t **orders = orders_create(&f.symmetry, 4);
    move(&f, orders, f.first, f.second);
    CHECK(alignment_find(f.graph, &f.symmetry, f.first, f.second, f.aligned, &f.alignment, error));
    cr_expect_arr_eq(f.aligned, f.first, f.n * sizeof(float), "%s", cases[c].name);
    cr_expect(f.alignment.before > 1 && f.alignment.after == 0, "%s: %g, %g", cases[c].name,
              f.alignment.before, f.alignment.after);
    for (size_t g = 0; g < f.symmetry.n_groups; g++)
      for (size_t i = 0; i < f.symmetry.units[g]; i++)
        cr_expect_eq(orders[g][f.alignment.orders[g][i]], i, "%s: unit %zu", cases[c].name, i);
    orders_destroy(&f.symmetry, orders);
    fixture_destroy(&f);
  }
}

Test(align, leaves_a_network_that_is_aligned) {
  fixture_t f = fixture_create(&cases[0]);
  CHECK(alignment_find(f.graph, &f.symmetry, f.first, f.first, f.aligned, &f.alignment, error));
  cr_expect_arr_eq(f.aligned, f.first, f.n * sizeof(float));
  cr_expect_eq(f.alignment.moved, 0);
  cr_expect_eq(f.alignment.units, 12);
  fixture_destroy(&f);
}

static double distance(const fixture_t *f, const float *x) {
  double sum = 0;
  for (size_t i = 0; i < (size_t)graph_parameters(f->graph); i++)
    sum += pow((double)f->first[i] - (double)x[i], 2);
  return sqrt(sum);
}

/* Tries all orders of group g from place `done` on; returns the least distance. */
static double least_distance(const fixture_t *f, size_t **orders, size_t g, size_t done, float *moved) {
  if (done == f->symmetry.units[g]) {
    move(f, orders, f->aligned, moved);
    return distance(f, moved);
  }
  double least = INFINITY;
  size_t *order = orders[g];
  for (size_t i = done; i < f->symmetry.units[g]; i++) {
    const size_t here = order[done];
    order[done] = order[i];
    order[i] = here;
    least = fmin(least, least_distance(f, orders, g, done + 1, moved));
    order[i] = order[done];
    order[done] = here;
  }
  return least;
}

/* Two networks that have nothing in common: no order of one group alone brings them nearer. */
Test(align, no_group_can_gain_afterwards) {
  static const layer_settings_t small[] = {DENSE(6, "relu"), DENSE(5, "relu"), DENSE(4, "relu"),
                                           DENSE(2, "identity")};
  const case_t c = {"small", small, COUNT(small), 0, 3};
  fixture_t f = fixture_create(&c);
  CHECK(alignment_find(f.graph, &f.symmetry, f.first, f.second, f.aligned, &f.alignment, error));
  float *moved = calloc(f.n, sizeof *moved);
  cr_expect_float_eq(distance(&f, f.second), f.alignment.before, 1e-9);
  cr_expect_float_eq(distance(&f, f.aligned), f.alignment.after, 1e-9);
  cr_expect(f.alignment.after < f.alignment.before);
  for (size_t g = 0; g < f.symmetry.n_groups; g++) {
    size_t **orders = calloc(f.symmetry.n_groups, sizeof *orders);
    for (size_t k = 0; k < f.symmetry.n_groups; k++) {
      orders[k] = calloc(f.symmetry.units[k], sizeof *orders[k]);
      for (size_t i = 0; i < f.symmetry.units[k]; i++) orders[k][i] = i;
    }
    const double least = least_distance(&f, orders, g, 0, moved);
    cr_expect(least >= f.alignment.after * (1 - 1e-9), "group %zu: %.9g, not %.9g", g, f.alignment.after,
              least);
    orders_destroy(&f.symmetry, orders);
  }
  free(moved);
  fixture_destroy(&f);
}

Test(align, refuses_a_network_without_hidden_units) {
  static const layer_settings_t one[] = {DENSE(3, "identity")};
  static layer_settings_t inner[] = {DENSE(INPUTS, "relu")};
  static const layer_settings_t all_tied[] = {RESIDUAL(inner), DENSE(3, "identity")};
  static const layer_settings_t single[] = {DENSE(1, "tanh"), DENSE(3, "identity")};
  static const struct {
    const layer_settings_t *layers;
    size_t n;
  } without[] = {{one, COUNT(one)}, {all_tied, COUNT(all_tied)}, {single, COUNT(single)}};
  for (size_t i = 0; i < COUNT(without); i++) {
    graph_t *graph = NULL;
    symmetry_t symmetry = {0};
    ls_error failure = {0};
    CHECK(graph_create(without[i].layers, without[i].n, INPUTS, &graph, error));
    cr_expect_eq(symmetry_find(without[i].layers, without[i].n, graph, &symmetry, &failure), LS_BAD_SETTINGS);
    cr_expect_not_null(strstr(failure.message, "hidden units"), "%s", failure.message);
    cr_expect_null(symmetry.units);
    graph_destroy(&graph);
  }
}
