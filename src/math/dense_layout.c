/* Where each weight of a layer lies, how its buffer is cut into tiles, and its transposed copy. */
#include "math/dense.h"

#include "math/dense_pairs.h"

#include <string.h>

static int64_t divide_up(int64_t n, int64_t by) {
  return (n + by - 1) / by;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

dense_layout_t dense_layout(int64_t in, int64_t out) {
  dense_layout_t layout = {.in = in,
                           .out = out,
                           .padded_in = divide_up(in, DENSE_DEPTH) * DENSE_DEPTH,
                           .padded_out = divide_up(out, DENSE_PANEL) * DENSE_PANEL};
  layout.elements = layout.padded_in * layout.padded_out;
  return layout;
}

static size_t position(const dense_layout_t *layout, int64_t output, int64_t input) {
  return (size_t)((output / DENSE_PANEL * layout->padded_in + input) * DENSE_PANEL + output % DENSE_PANEL);
}

void dense_pack(const dense_layout_t *layout, const float *plain, float *packed) {
  memset(packed, 0, (size_t)layout->elements * sizeof *packed);
  for (int64_t o = 0; o < layout->out; o++)
    for (int64_t i = 0; i < layout->in; i++) packed[position(layout, o, i)] = plain[o * layout->in + i];
}

void dense_unpack(const dense_layout_t *layout, const float *packed, float *plain) {
  for (int64_t o = 0; o < layout->out; o++)
    for (int64_t i = 0; i < layout->in; i++) plain[o * layout->in + i] = packed[position(layout, o, i)];
}

/* ---- the transposed copy ---- */

int64_t dense_transposed_floats(const precision_t *precision, const dense_layout_t *layout) {
  return divide_up(layout->padded_in, DENSE_PANEL) * DENSE_PANEL * layout->padded_out / precision->factors;
}

/* A unit is DENSE_DEPTH inputs of one panel of outputs: in the copy, that many columns of as many rows. */
void dense_transpose(const precision_t *precision, const dense_layout_t *layout, const float *w,
                     int64_t first, int64_t count, float *transposed) {
  int64_t units = layout->padded_in / DENSE_DEPTH; /* in a panel */
  for (int64_t u = first / DENSE_UNIT; u < (first + count) / DENSE_UNIT; u++) {
    int64_t output = u / units * DENSE_PANEL, input = u % units * DENSE_DEPTH;
    int64_t panel = input / DENSE_PANEL, column = input % DENSE_PANEL;
    int64_t place = (panel * layout->padded_out + output) * DENSE_PANEL / precision->factors + column;
    if (precision->factors == 2)
      dense_transpose_unit(w + u * DENSE_UNIT, transposed + place);
    else
      transpose(DENSE_DEPTH, DENSE_PANEL, w + u * DENSE_UNIT, DENSE_PANEL, transposed + place, DENSE_PANEL);
  }
}

/* ---- tiles ---- */

/* Tiles lie in groups of up to DENSE_TILE_PANELS panels; each tile but the last of a group has so many
 * inputs.
 */
static int64_t tile_inputs(const dense_layout_t *layout) {
  int64_t panels = smaller(DENSE_TILE_PANELS, layout->padded_out / DENSE_PANEL);
  return DENSE_TILE_FLOATS / (panels * DENSE_PANEL) / DENSE_DEPTH * DENSE_DEPTH;
}

static int64_t tiles_per_group(const dense_layout_t *layout) {
  return divide_up(layout->padded_in, tile_inputs(layout));
}

int64_t dense_tiles(const dense_layout_t *layout) {
  return divide_up(layout->padded_out / DENSE_PANEL, DENSE_TILE_PANELS) * tiles_per_group(layout);
}

dense_tile_t dense_tile(const dense_layout_t *layout, int64_t i) {
  int64_t cuts = tiles_per_group(layout), first_input = i % cuts * tile_inputs(layout);
  int64_t end_input = smaller(first_input + tile_inputs(layout), layout->padded_in);
  int64_t first_output = i / cuts * DENSE_TILE_PANELS * DENSE_PANEL;
  int64_t outputs = smaller(DENSE_TILE_PANELS * DENSE_PANEL, layout->out - first_output);
  return (dense_tile_t){
      .first_output = first_output,
      .outputs = outputs,
      .panels = divide_up(outputs, DENSE_PANEL),
      .first_input = first_input,
      .inputs = smaller(end_input, layout->in) - first_input,
      .offset = (int64_t)position(layout, first_output, first_input),
      .elements = (end_input - first_input) * DENSE_PANEL,
      .stride = layout->padded_in * DENSE_PANEL,
  };
}
