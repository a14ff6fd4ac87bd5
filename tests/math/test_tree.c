/* The summation tree: the same bits however the leaves are dealt out, and the true sum. The reference here
 * knows the tree only by its definition in the header, written out again. */
#include "math/tree.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LEAVES = 70 };

/* Magnitudes over many decades, so that any other order of addition shows in the bits. */
static void fill(float *leaves, int n, unsigned seed) {
  unsigned long state = seed * 2654435761UL + 1;
  for (int i = 0; i < n; i++) {
    state = state * 6364136223846793005UL + 1442695040888963407UL;
    double u = (double)(state >> 11) * 0x1p-53;
    leaves[i] = (float)((u - 0.5) * pow(10.0, (double)(state >> 5 & 7)));
  }
}

static float defined_sum(const float *leaves, int lo, int n) {
  if (n == 1) return leaves[lo];
  int p = 1;
  while (2 * p < n) p *= 2;
  return defined_sum(leaves, lo, p) + defined_sum(leaves, lo + p, n - p);
}

/* What a rank does with a piece: leaves one after the other onto a stack, adding as the bits of the count
 * say. */
static float fold(const float *leaves, tree_node_t node) {
  tree_node_t single[MOST_LEAVES];
  int program[2 * MOST_LEAVES];
  float stack[MOST_LEAVES];
  int top = 0;
  for (int i = 0; i < node.n; i++) single[i] = (tree_node_t){i, 1};
  int depth = tree_plan(node.n, single, node.n, program);
  cr_assert(depth <= tree_depth(node.n) + 1, "%d leaves need %d buffers", node.n, depth);
  for (int k = 0; k < 2 * node.n - 1; k++) {
    if (program[k] >= 0) {
      stack[top++] = leaves[node.lo + program[k]];
    } else {
      top--;
      stack[top - 1] = stack[top - 1] + stack[top];
    }
    cr_assert(top <= depth);
  }
  cr_assert_eq(top, 1);
  return stack[0];
}

/* Ranks with consecutive ranges [cut[r], cut[r + 1]), then one rank that adds up the pieces. */
static float dealt_sum(const float *leaves, int n, const int *cut, int ranks) {
  tree_node_t pieces[MOST_LEAVES] = {{0}};
  float sums[MOST_LEAVES], stack[MOST_LEAVES];
  int program[2 * MOST_LEAVES], n_pieces = 0, top = 0;
  for (int r = 0; r < ranks; r++) {
    tree_node_t cover[TREE_MAX_PIECES];
    int count = tree_cover(n, cut[r], cut[r + 1] - cut[r], cover);
    int at = cut[r];
    for (int i = 0; i < count; i++) {
      cr_assert_eq(cover[i].lo, at, "pieces are not in order or not contiguous");
      at += cover[i].n;
      sums[n_pieces] = fold(leaves, cover[i]);
      pieces[n_pieces++] = cover[i];
    }
    cr_assert_eq(at, cut[r + 1], "pieces do not cover the range");
  }
  int depth = tree_plan(n, pieces, n_pieces, program);
  for (int k = 0; k < 2 * n_pieces - 1; k++) {
    if (program[k] >= 0) {
      stack[top++] = sums[program[k]];
    } else {
      top--;
      stack[top - 1] = stack[top - 1] + stack[top];
    }
    cr_assert(top <= depth);
  }
  cr_assert_eq(top, 1);
  return stack[0];
}

static void assert_same_bits(float a, float b, int leaves, int ranks) {
  cr_assert_eq(memcmp(&a, &b, sizeof a), 0, "%d leaves on %d ranks: %a is not %a", leaves, ranks, (double)a,
               (double)b);
}

Test(tree, same_bits_on_any_number_of_ranks) {
  float leaves[MOST_LEAVES];
  int cut[MOST_LEAVES + 1];
  for (int n = 1; n <= MOST_LEAVES; n++) {
    fill(leaves, n, (unsigned)n);
    float expected = defined_sum(leaves, 0, n);
    for (int ranks = 1; ranks <= n; ranks++) {
      for (int r = 0; r <= ranks; r++) cut[r] = r * n / ranks;
      assert_same_bits(dealt_sum(leaves, n, cut, ranks), expected, n, ranks);
    }
  }
}

Test(tree, same_bits_however_unevenly_leaves_are_dealt) {
  float leaves[MOST_LEAVES];
  for (int n = 1; n <= MOST_LEAVES; n++) {
    fill(leaves, n, (unsigned)n + 1000);
    float expected = defined_sum(leaves, 0, n);
    for (int a = 0; a <= n; a++)
      for (int b = a; b <= n; b++) {
        int cut[] = {0, a, b, n};
        assert_same_bits(dealt_sum(leaves, n, cut, 3), expected, n, 3);
      }
  }
}

Test(tree, close_to_the_sum_in_long_double) {
  float leaves[MOST_LEAVES];
  for (int n = 1; n <= MOST_LEAVES; n++) {
    fill(leaves, n, (unsigned)n + 2000);
    long double sum = 0, magnitude = 0;
    double wide[2 * MOST_LEAVES] = {0};
    for (int i = 0; i < n; i++) {
      sum += (long double)leaves[i];
      magnitude += fabsl((long double)leaves[i]);
      wide[2 * i] = (double)leaves[i];
      wide[2 * i + 1] = NAN; /* must not be read */
    }
    int cut[] = {0, n};
    long double bound = (long double)tree_depth(n) * magnitude;
    cr_assert(fabsl((long double)dealt_sum(leaves, n, cut, 1) - sum) <= 0x1p-24L * 1.01L * bound);
    cr_assert(fabsl((long double)tree_sum(wide, n, 2) - sum) <= 0x1p-53L * 1.01L * bound);
  }
}

static double defined_sum_double(const double *values, int lo, int n, size_t stride) {
  if (n == 1) return values[(size_t)lo * stride];
  int p = 1;
  while (2 * p < n) p *= 2;
  return defined_sum_double(values, lo, p, stride) + defined_sum_double(values, lo + p, n - p, stride);
}

Test(tree, sums_of_doubles_and_vectors_follow_the_tree) {
  enum { WIDTH = 3 };
  for (int n = 1; n <= MOST_LEAVES; n++) {
    float leaves[MOST_LEAVES * WIDTH];
    double values[MOST_LEAVES * WIDTH], expected[WIDTH];
    fill(leaves, n * WIDTH, (unsigned)n + 3000);
    for (int i = 0; i < n * WIDTH; i++) values[i] = (double)leaves[i] / 3.0;
    for (int k = 0; k < WIDTH; k++) {
      expected[k] = defined_sum_double(values + k, 0, n, WIDTH);
      double sum = tree_sum(values + k, n, WIDTH);
      cr_assert_eq(memcmp(&sum, &expected[k], sizeof sum), 0);
    }
    tree_sum_vectors(values, n, WIDTH);
    cr_assert_eq(memcmp(values, expected, sizeof expected), 0, "vectors of %d leaves", n);
  }
  cr_assert_eq(tree_sum(NULL, 0, 1), 0.0);
}

Test(tree, an_aligned_power_of_two_is_one_piece) {
  tree_node_t pieces[TREE_MAX_PIECES];
  for (int n = 1; n <= 64; n *= 2)
    for (int count = 1; count <= n; count *= 2)
      for (int first = 0; first < n; first += count) {
        cr_assert_eq(tree_cover(n, first, count, pieces), 1);
        cr_assert_eq(pieces[0].lo, first);
        cr_assert_eq(pieces[0].n, count);
      }
  for (int n = 1; n <= MOST_LEAVES; n++) cr_assert_eq(tree_cover(n, 0, n, pieces), 1);
  cr_assert_eq(tree_cover(8, 3, 0, pieces), 0);
}

Test(tree, few_pieces_even_of_huge_trees) {
  tree_node_t pieces[TREE_MAX_PIECES];
  int n = INT32_MAX;
  cr_assert_leq(tree_cover(n, 1, n - 2, pieces), TREE_MAX_PIECES);
  cr_assert_leq(tree_cover(n, n / 3, n / 3 + 1, pieces), TREE_MAX_PIECES);
  cr_assert_eq(tree_split(n), 1 << 30);
  cr_assert_eq(tree_depth(n), 31);
}

Test(tree, splits_at_the_largest_power_of_two_below) {
  const int expected[][3] = {{2, 1, 1}, {3, 2, 2}, {4, 2, 2}, {5, 4, 3}, {8, 4, 3}, {9, 8, 4}, {64, 32, 6}};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    cr_assert_eq(tree_split(expected[i][0]), expected[i][1]);
    cr_assert_eq(tree_depth(expected[i][0]), expected[i][2]);
  }
  cr_assert_eq(tree_depth(1), 0);
}
