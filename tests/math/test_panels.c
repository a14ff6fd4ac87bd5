/* Products of panels, with every instruction set. */
#include "math/panels.h"

#include "math/kernels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

/* Every instruction set has the same bits. */
Test(panels, products_are_added_to_a_triangle_of_tiles) {
  enum { ROWS = 37, MOST = 40, COLUMNS = 19, WIDTH = 24, ELEMENTS = 6 * PANEL_SIDE * PANEL_SIDE };
  cr_assert_eq(panels_width(COLUMNS), WIDTH);
  cr_assert_eq(panels_width(WIDTH), WIDTH);
  cr_assert_eq(triangle_elements(WIDTH), ELEMENTS);
  double *z = aligned_alloc(64, MOST * WIDTH * sizeof *z), *g = aligned_alloc(64, ELEMENTS * sizeof *g),
         *other = aligned_alloc(64, ELEMENTS * sizeof *g), matrix[WIDTH * WIDTH];
  for (int r = 0; r < MOST; r++)
    for (int c = 0; c < WIDTH; c++) z[panels_at(MOST, r, c)] = c < COLUMNS ? sin(r * 7.3 + c * c) : 0;
  for (int i = 0; i < ELEMENTS; i++) g[i] = 1;
  for (int tile = 0; tile < WIDTH / PANEL_SIDE; tile++) triangle_add(ROWS, MOST, z, tile, g);
  triangle_unpack(WIDTH, g, matrix);
  for (int i = 0; i < WIDTH; i++)
    for (int j = 0; j <= i; j++) {
      double sum = 1;
      for (int r = 0; r < ROWS; r++) sum += z[panels_at(MOST, r, i)] * z[panels_at(MOST, r, j)];
      cr_expect_float_eq(matrix[i * WIDTH + j], sum, 1e-13, "(%d, %d)", i, j);
    }
  for (isa_t isa = 0; isa < ISAS; isa++) {
    if (!isa_supported(isa)) continue;
    for (int i = 0; i < ELEMENTS; i++) other[i] = 1;
    for (int tile = 0, at = 0; tile < WIDTH / PANEL_SIDE; at += ++tile)
      kernels_of(isa)->outer_add(ROWS, z + tile * MOST * PANEL_SIDE, tile + 1, z, MOST * PANEL_SIDE,
                                 other + at * PANEL_SIDE * PANEL_SIDE);
    cr_expect_arr_eq(other, g, ELEMENTS * sizeof *g, "%s", isa_name(isa));
  }
  free(z);
  free(g);
  free(other);
}
