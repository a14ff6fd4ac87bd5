#include "math/panels.h"

#include "math/kernels.h"

enum { TILE_ELEMENTS = PANEL_SIDE * PANEL_SIDE };

int64_t panels_width(int64_t n) {
  return (n + PANEL_SIDE - 1) / PANEL_SIDE * PANEL_SIDE;
}

/* Tiles before tile row `tile`. */
static int64_t tiles_before(int64_t tile) {
  return tile * (tile + 1) / 2;
}

size_t triangle_elements(int64_t width) {
  return (size_t)(tiles_before(width / PANEL_SIDE) * TILE_ELEMENTS);
}

void outer_add(int64_t n, const double *a, int64_t tiles, const double *b, int64_t stride, double *g) {
  kernels_selected()->outer_add(n, a, tiles, b, stride, g);
}

void triangle_add(int64_t rows, int64_t capacity, const double *z, int64_t tile, double *g) {
  const int64_t stride = capacity * PANEL_SIDE;
  outer_add(rows, z + tile * stride, tile + 1, z, stride, g + tiles_before(tile) * TILE_ELEMENTS);
}

void triangle_unpack(int64_t width, const double *g, double *matrix) {
  for (int64_t i = 0; i < width; i++) {
    const double *row = g + tiles_before(i / PANEL_SIDE) * TILE_ELEMENTS + i % PANEL_SIDE * PANEL_SIDE;
    for (int64_t k = 0; k <= i; k++)
      matrix[i * width + k] = row[k / PANEL_SIDE * TILE_ELEMENTS + k % PANEL_SIDE];
  }
}
