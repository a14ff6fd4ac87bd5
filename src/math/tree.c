/* Walks over the summation tree. Every function here descends from the root with tree_split, the only
 * function that knows the shape of the tree. */
#include "math/tree.h"

#include <assert.h>

int tree_split(int n) {
  int p = 1;
  while (p < n - p) p *= 2; /* written as p < n - p, because 2 * p could overflow */
  return p;
}

/* The left part is the largest power of two below n, so it is the deeper one: depth = ceil(log2 n). */
int tree_depth(int n) {
  int depth = 0;
  for (; n > 1; n = tree_split(n)) depth++;
  return depth;
}

/* ---- cover ---- */

typedef struct {
  int first, end; /* the range to cover */
  tree_node_t *pieces;
  int n_pieces;
} cover_t;

static void cover_node(cover_t *cover, int lo, int n) {
  if (lo >= cover->end || lo + n <= cover->first) return;
  if (lo >= cover->first && lo + n <= cover->end) {
    assert(cover->n_pieces < TREE_MAX_PIECES);
    cover->pieces[cover->n_pieces++] = (tree_node_t){lo, n};
    return;
  }
  int p = tree_split(n);
  cover_node(cover, lo, p);
  cover_node(cover, lo + p, n - p);
}

int tree_cover(int leaves, int first, int count, tree_node_t pieces[TREE_MAX_PIECES]) {
  cover_t cover = {first, first + count, pieces, 0};
  if (leaves > 0 && count > 0) cover_node(&cover, 0, leaves);
  return cover.n_pieces;
}

/* ---- plan ---- */

typedef struct {
  const tree_node_t *pieces;
  int n_pieces, next; /* the next piece to push */
  int *program;
  int length;
} program_t;

/* Emits the program for one node. Returns the stack depth that it needs. */
static int plan_node(program_t *plan, int lo, int n) {
  assert(plan->next < plan->n_pieces);
  const tree_node_t *piece = &plan->pieces[plan->next];
  if (piece->lo == lo && piece->n == n) {
    plan->program[plan->length++] = plan->next++;
    return 1;
  }
  assert(n > 1 && "the pieces do not make up the tree");
  int p = tree_split(n);
  int left = plan_node(plan, lo, p);
  int right = plan_node(plan, lo + p, n - p) + 1; /* its result is on top of the left sum */
  plan->program[plan->length++] = TREE_ADD;
  return left > right ? left : right;
}

int tree_plan(int leaves, const tree_node_t *pieces, int n_pieces, int *program) {
  program_t plan = {pieces, n_pieces, 0, program, 0};
  int depth = plan_node(&plan, 0, leaves);
  assert(plan.next == n_pieces);
  return depth;
}

/* ---- sums ---- */

double tree_sum(const double *values, int n, size_t stride) {
  if (n <= 0) return 0.0;
  if (n == 1) return values[0];
  int p = tree_split(n);
  double left = tree_sum(values, p, stride);
  double right = tree_sum(values + (size_t)p * stride, n - p, stride);
  return left + right;
}

void tree_sum_vectors(double *values, int n, size_t width) {
  if (n <= 1) return;
  int p = tree_split(n);
  double *right = values + (size_t)p * width;
  tree_sum_vectors(values, p, width);
  tree_sum_vectors(right, n - p, width);
  for (size_t i = 0; i < width; i++) values[i] += right[i];
}

double sum_squares(const float *g, size_t n) {
  double sums[8] = {0};
  for (size_t i = 0; i < n; i += 8)
    for (size_t k = 0; k < 8; k++) sums[k] += (double)g[i + k] * (double)g[i + k];
  return tree_sum(sums, 8, 1);
}
