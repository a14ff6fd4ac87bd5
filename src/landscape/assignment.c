/* Rows get columns one after the other. All the while each row i and each column j have a price, so that
 *
 *   cost[i][j] = -gain[i][j] >= row_price[i] + column_price[j], with equality where i has j
 *
 * An assignment of all rows with such prices is the best one, because no assignment costs less than the sum
 * of all prices. A new row looks for a free column along the cheapest path: it takes a column, whose row
 * takes another one, and so on. Like Dijkstra's algorithm the search settles one column at a time, the
 * nearest. Then the prices change so that equality holds along the path. */
#include "landscape/assignment.h"

#include "base/arena.h"

#include <math.h>
#include <stdbool.h>

typedef struct {
  size_t n;
  const double *gain;
  double *row_price, *column_price;
  size_t *row_of;   /* (n): the row that has a column; n: none */
  double *length;   /* (n): of the cheapest path to a column so far */
  size_t *before;   /* (n): the column before it on that path; n: the path begins here */
  bool *is_settled; /* (n) */
  arena_t arena;
} assigning_t;

/* Finds the cheapest path from `row` to a free column, and changes the prices. Returns that column. */
static size_t find_path(assigning_t *a, size_t row) {
  const size_t n = a->n;
  size_t from = n, at = row, nearest = n;
  double reached = 0; /* length of the path to row `at` */
  for (size_t j = 0; j < n; j++) {
    a->length[j] = INFINITY;
    a->before[j] = n;
    a->is_settled[j] = false;
  }
  for (;;) {
    nearest = n;
    for (size_t j = 0; j < n; j++) {
      if (a->is_settled[j]) continue;
      const double length = reached - a->gain[at * n + j] - a->row_price[at] - a->column_price[j];
      if (length < a->length[j]) {
        a->length[j] = length;
        a->before[j] = from;
      }
      if (nearest == n || a->length[j] < a->length[nearest]) nearest = j;
    }
    reached = a->length[nearest];
    if (a->row_of[nearest] == n) break;
    a->is_settled[nearest] = true;
    from = nearest;
    at = a->row_of[nearest];
  }
  a->row_price[row] += reached;
  for (size_t j = 0; j < n; j++) {
    if (!a->is_settled[j]) continue;
    a->row_price[a->row_of[j]] += reached - a->length[j];
    a->column_price[j] -= reached - a->length[j];
  }
  return nearest;
}

/* Passes the columns of the path on: each goes to the row of the column before it, the first to `row`. */
static void follow_path(assigning_t *a, size_t column, size_t row) {
  for (size_t before = 0; column != a->n; column = before) {
    before = a->before[column];
    a->row_of[column] = before == a->n ? row : a->row_of[before];
  }
}

ls_status assignment_best(size_t n, const double *gain, size_t *partner, ls_error *error) {
  assigning_t a = {.n = n, .gain = gain};
  a.row_price = arena_new(&a.arena, n, sizeof *a.row_price);
  a.column_price = arena_new(&a.arena, n, sizeof *a.column_price);
  a.row_of = arena_new(&a.arena, n, sizeof *a.row_of);
  a.length = arena_new(&a.arena, n, sizeof *a.length);
  a.before = arena_new(&a.arena, n, sizeof *a.before);
  a.is_settled = arena_new(&a.arena, n, sizeof *a.is_settled);
  if (a.row_price == NULL || a.column_price == NULL || a.row_of == NULL || a.length == NULL ||
      a.before == NULL || a.is_settled == NULL) {
    arena_free(&a.arena);
    return error_set(error, LS_NO_MEMORY, "no memory to assign %zu units", n);
  }
  for (size_t j = 0; j < n; j++) a.row_of[j] = n;
  for (size_t row = 0; row < n; row++) follow_path(&a, find_path(&a, row), row);
  for (size_t j = 0; j < n; j++) partner[a.row_of[j]] = j;
  arena_free(&a.arena);
  return LS_OK;
}
