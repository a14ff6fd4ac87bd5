/* The one binary tree in which everything is summed over shards.
 *
 * sum(lo, n) is leaf lo when n = 1, else sum(lo, p) + sum(lo + p, n - p) with p the largest power of two
 * below n. Whoever owns the leaves [first, first + count) folds them into the largest subtrees that lie
 * inside (tree_cover); whoever adds up does the few additions above those (tree_plan). Since floating-point
 * addition is a function of its two operands alone, the result has the same bits however the leaves are dealt
 * out. All functions are pure and thread-safe. */
#ifndef MATH_TREE_H
#define MATH_TREE_H

#include <stddef.h>
#include <stdint.h>

/* The largest power of two below n, n >= 2. */
int tree_split(int n);

/* Depth of the tree over n leaves: 0 for one leaf, at most TREE_MAX_DEPTH. */
int tree_depth(int n);
enum { TREE_MAX_DEPTH = 32 };

/* A node of the tree: the sum of leaves [lo, lo + n). */
typedef struct {
  int lo, n;
} tree_node_t;

enum { TREE_MAX_PIECES = 64 }; /* no range of leaves needs more */

/* The largest nodes of the tree over `leaves` leaves that lie inside [first, first + count), in order of lo.
 * Returns how many there are: at most TREE_MAX_PIECES, one when the range is all leaves or an aligned power
 * of two. */
int tree_cover(int leaves, int first, int count, tree_node_t pieces[TREE_MAX_PIECES]);

/* A postfix program that adds up pieces: operation >= 0 pushes that piece, TREE_ADD adds the two topmost (the
 * deeper one first). */
enum { TREE_ADD = -1 };

/* The program that yields sum(0, leaves) from pieces which together cover all leaves, sorted by lo (as the
 * covers of consecutive ranges give). program needs 2 * n_pieces - 1 entries. Returns the largest stack
 * depth. */
int tree_plan(int leaves, const tree_node_t *pieces, int n_pieces, int *program);

/* sum(0, n) of n doubles, each `stride` apart. */
double tree_sum(const double *values, int n, size_t stride);

/* sum(0, n) elementwise of n vectors of `width` doubles, values[leaf * width + i]; the sum ends in values[0
 * .. width). Overwrites values. */
void tree_sum_vectors(double *values, int n, size_t width);

#endif
