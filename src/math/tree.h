/* The binary tree that defines the order of every sum over shards. It is the same on any number of ranks, and
 * so are the bits of the sum.
 *
 * sum(lo, n) is leaf lo if n = 1. Otherwise it is sum(lo, p) + sum(lo + p, n - p), with p the largest power
 * of two below n. For 6 leaves:
 *
 *                sum(0,6)
 *               /        \
 *        sum(0,4)        sum(4,2)
 *        /      \         /    \
 *   sum(0,2)  sum(2,2)   4      5
 *    /   \     /   \
 *   0     1   2     3
 *
 * The owner of leaves [first, first + count) adds them up to the largest subtrees inside this range
 * (tree_cover). The few additions above these subtrees remain (tree_plan). For example, with leaves 0 to 2 on
 * rank 0 and leaves 3 to 5 on rank 1:
 *
 *   rank 0 covers  (0,2) (2,1)     rank 1 covers  (3,1) (4,2)
 *   plan           0  1 2 +  +  3 +       that is  ((0,2) + ((2,1) + (3,1))) + (4,2)
 *
 * A floating-point addition depends only on its two operands, so the result has the same bits for any
 * distribution of the leaves. All functions are pure and thread-safe. */
#ifndef MATH_TREE_H
#define MATH_TREE_H

#include <stddef.h>
#include <stdint.h>

/* The largest power of two below n, n >= 2. */
int tree_split(int n);

/* Depth of the tree over n leaves: 0 for one leaf, never more than TREE_MAX_DEPTH. */
int tree_depth(int n);
enum { TREE_MAX_DEPTH = 32 };

/* A node of the tree: the sum of leaves [lo, lo + n). */
typedef struct {
  int lo, n;
} tree_node_t;

enum { TREE_MAX_PIECES = 64 }; /* enough for every range of leaves */

/* Finds the largest nodes of the tree over `leaves` leaves that are inside [first, first + count), in order
 * of lo. Returns their number, at most TREE_MAX_PIECES. It is one when the range is all leaves or an aligned
 * power of two. */
int tree_cover(int leaves, int first, int count, tree_node_t pieces[TREE_MAX_PIECES]);

/* An operation of a postfix program that adds up pieces. A value >= 0 pushes that piece. TREE_ADD replaces
 * the two topmost values by their sum (the deeper one is the left operand). */
enum { TREE_ADD = -1 };

/* Writes the program that computes sum(0, leaves) from pieces. The pieces must cover all leaves and be sorted
 * by lo, as the covers of consecutive ranges are. program needs 2 * n_pieces - 1 entries. Returns the largest
 * stack depth. */
int tree_plan(int leaves, const tree_node_t *pieces, int n_pieces, int *program);

/* sum(0, n) of n doubles that are `stride` doubles apart. */
double tree_sum(const double *values, int n, size_t stride);

/* sum(0, n) of n vectors of `width` doubles, element by element. Leaf l is values[l * width ..]; the result
 * is in values[0 .. width). Overwrites values. */
void tree_sum_vectors(double *values, int n, size_t width);

/* Sum of squares of n floats, n a multiple of 8: eight sums that are added in a fixed order. Pure. */
double sum_squares(const float *g, size_t n);

#endif
