#include "nearest/bounds.h"

#include <math.h>
#include <string.h>

ls_status bounds_create(int64_t k, size_t rows, arena_t *arena, bounds_t *out, ls_error *error) {
  bounds_t bounds = {.k = k,
                     .rows = arena_new(arena, rows, sizeof *bounds.rows),
                     .lower = arena_new(arena, rows * NEAREST_GROUPS, sizeof *bounds.lower),
                     .ways = arena_new(arena, (size_t)k, sizeof *bounds.ways),
                     .others = arena_new(arena, (size_t)k * NEAREST_GROUPS, sizeof *bounds.others)};
  if (bounds.rows == NULL || bounds.lower == NULL || bounds.ways == NULL || bounds.others == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the clusters of %zu rows", rows);
  *out = bounds;
  return LS_OK;
}

/* A little more than the square root of a number that may be negative by rounding. */
static float root_above(double square) {
  return square > 0 ? (float)(sqrt(square) * (1 + 0x1p-20)) : 0;
}

void bounds_find_ways(bounds_t *bounds, int64_t inputs, const float *before, const float *now) {
  float longest[NEAREST_GROUPS] = {0}, second[NEAREST_GROUPS] = {0};
  for (int64_t k = 0; k < bounds->k; k++) {
    const int64_t g = k % NEAREST_GROUPS;
    const float way = root_above(squared_distance(inputs, now + k * inputs, before + k * inputs));
    const float shorter = way < longest[g] ? way : longest[g];
    bounds->ways[k] = way;
    longest[g] = way > longest[g] ? way : longest[g];
    second[g] = shorter > second[g] ? shorter : second[g];
  }
  for (int64_t k = 0; k < bounds->k; k++) {
    float *others = bounds->others + k * NEAREST_GROUPS;
    const int64_t g = k % NEAREST_GROUPS;
    memcpy(others, longest, sizeof longest);
    if (!(bounds->ways[k] < longest[g])) others[g] = second[g];
  }
}

int64_t bounds_move(const bounds_t *bounds, int64_t first, int64_t n, int32_t *which) {
  row_t *rows = bounds->rows + first;
  int64_t found = 0;
  for (int64_t r = 0; r < n; r++) {
    const int64_t own = rows[r].cluster;
    const float *ways = bounds->others + own * NEAREST_GROUPS;
    float *restrict lower = bounds->lower + (first + r) * NEAREST_GROUPS;
    const float upper = (rows[r].upper + bounds->ways[own]) * (1 + 0x1p-20F);
    const float bound = upper * (1 + 0x1p-16F);
    int32_t nearer = 0; /* groups that may have a nearer centre */
    rows[r].upper = upper;
    for (int g = 0; g < NEAREST_GROUPS; g++) {
      const float left = (lower[g] - ways[g]) * (1 - 0x1p-20F);
      lower[g] = left > 0 ? left : 0;
      nearer += !(bound < lower[g]);
    }
    which[found] = (int32_t)r;
    found += nearer > 0;
  }
  return found;
}

/* With a score −½‖x − c‖² + ½‖x − m‖², ‖x − c‖² is ‖x − m‖² less twice the score. */
void bounds_set(const bounds_t *bounds, int64_t row, double own, const float *others, double error) {
  const double squares = bounds->rows[row].squares, room = 2 * error + 0x1p-40 * squares;
  float *lower = bounds->lower + row * NEAREST_GROUPS;
  bounds->rows[row].upper = root_above(squares - 2 * own + room);
  for (int g = 0; g < NEAREST_GROUPS; g++) {
    const float square = (float)(squares - 2 * (double)others[g] - room);
    lower[g] = sqrtf(square > 0 ? square : 0) * (1 - 0x1p-20F);
  }
}
