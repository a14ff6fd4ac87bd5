/* Where each weight of a layer lies, and how its buffer is cut into tiles. Both layouts follow one formula:
 * with outputs in blocks of B and inputs padded to I,
 *
 *   weight (o, i) is at ((o div B) I + i) B + (o mod B)
 *
 * which is panels of [I][B] for the blocked layout, and plain (out, in) for B = 1 and I = in. */
#include "math/dense.h"

#include <string.h>

static int64_t divide_up(int64_t n, int64_t by) {
  return (n + by - 1) / by;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t padded_inputs(const dense_layout_t *layout) {
  return divide_up(layout->in, layout->input_block) * layout->input_block;
}

static size_t position(const dense_layout_t *layout, int64_t output, int64_t input) {
  int64_t block = layout->output_block;
  return (size_t)((output / block * padded_inputs(layout) + input) * block + output % block);
}

ls_status dense_pack(const dense_layout_t *layout, const float *plain, float *packed, ls_error *error) {
  (void)error;
  memset(packed, 0, (size_t)layout->elements * sizeof(float));
  for (int64_t o = 0; o < layout->out; o++)
    for (int64_t i = 0; i < layout->in; i++) packed[position(layout, o, i)] = plain[o * layout->in + i];
  return LS_OK;
}

ls_status dense_unpack(const dense_layout_t *layout, const float *packed, float *plain, ls_error *error) {
  (void)error;
  for (int64_t o = 0; o < layout->out; o++)
    for (int64_t i = 0; i < layout->in; i++) plain[o * layout->in + i] = packed[position(layout, o, i)];
  return LS_OK;
}

/* Tiles side by side in a panel. Plain panels are not cut: a range of inputs would not be contiguous. */
static int64_t tiles_per_panel(const dense_layout_t *layout) {
  return layout->input_block > 1 ? divide_up(layout->in, DENSE_MAX_TILE_INPUTS) : 1;
}

int64_t dense_tiles(const dense_layout_t *layout) {
  return divide_up(layout->out, layout->panel) * tiles_per_panel(layout);
}

dense_tile_t dense_tile(const dense_layout_t *layout, int64_t i) {
  int64_t cuts = tiles_per_panel(layout), cut = i % cuts;
  int64_t blocks = divide_up(layout->in, layout->input_block);
  int64_t first_block = cut * blocks / cuts, end_block = (cut + 1) * blocks / cuts;
  int64_t width = (end_block - first_block) * layout->input_block; /* padding included */
  int64_t first_output = i / cuts * layout->panel, first_input = first_block * layout->input_block;
  int64_t outputs = smaller(layout->panel, layout->out - first_output);
  return (dense_tile_t){
      .first_output = first_output,
      .outputs = outputs,
      .first_input = first_input,
      .inputs = smaller(width, layout->in - first_input),
      .offset = (int64_t)position(layout, first_output, first_input),
      .elements = width * divide_up(outputs, layout->output_block) * layout->output_block,
  };
}
