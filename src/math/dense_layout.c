/* Where each weight of a layer is in memory, the transposed copy, and how the buffer is cut into tiles. */
#include "math/dense.h"

#include "math/dense_pairs.h"
#include "math/transpose.h"

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

void dense_pack(const dense_layout_t *layout, const float *plain, float *packed) {
  memset(packed, 0, (size_t)layout->elements * sizeof *packed);
  for (int64_t o = 0; o < layout->out; o++)
    for (int64_t i = 0; i < layout->in; i++) packed[dense_position(layout, o, i)] = plain[o * layout->in + i];
}

void dense_unpack_rows(const dense_layout_t *layout, const float *packed, int64_t first, int64_t count,
                       float *plain) {
  for (int64_t o = 0; o < count; o++) {
    const float *from = packed + dense_position(layout, first + o, 0);
    for (int64_t i = 0; i < layout->in; i++) plain[o * layout->in + i] = from[i * DENSE_PANEL];
  }
}

void dense_unpack(const dense_layout_t *layout, const float *packed, float *plain) {
  dense_unpack_rows(layout, packed, 0, layout->out, plain);
}

/* ---- the transposed copy ---- */

int64_t dense_transposed_floats(const precision_t *precision, const dense_layout_t *layout) {
  return layout->padded_in * precision_words(precision, layout->padded_out);
}

enum { SQUARE = DENSE_PANEL * DENSE_PANEL };
_Static_assert(DENSE_UNIT % SQUARE == 0, "a unit is whole squares");

/* A unit is a few squares. A square is a panel of inputs by a panel of outputs. Its rows are inputs in w and
 * outputs in the copy. */
void dense_transpose(const precision_t *precision, const dense_layout_t *layout, const float *w,
                     int64_t first, int64_t count, float *transposed) {
  const int64_t squares = layout->padded_in / DENSE_PANEL; /* squares in a panel of outputs */
  const int64_t words = precision_words(precision, layout->padded_out);
  for (int64_t s = first / SQUARE; s < (first + count) / SQUARE; s++) {
    int64_t output = s / squares * DENSE_PANEL, panel = s % squares;
    float *to = transposed + (panel * words + output / precision->factors) * DENSE_PANEL;
    if (precision->factors == 2)
      dense_transpose_square(w + s * SQUARE, to);
    else
      transpose(DENSE_PANEL, DENSE_PANEL, w + s * SQUARE, DENSE_PANEL, to, DENSE_PANEL);
    if (output + DENSE_PANEL < layout->padded_out) continue;
    const int64_t filled = layout->padded_out / precision->factors, end = panel * words;
    memset(transposed + (end + filled) * DENSE_PANEL, 0,
           (size_t)((words - filled) * DENSE_PANEL) * sizeof *to);
  }
}

/* ---- tiles ---- */

/* The number of inputs of a tile. Tiles are in groups of up to DENSE_TILE_PANELS panels; only the last tile
 * of a group has fewer inputs. */
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
      .offset = (int64_t)dense_position(layout, first_output, first_input),
      .elements = (end_input - first_input) * DENSE_PANEL,
      .stride = layout->padded_in * DENSE_PANEL,
  };
}
