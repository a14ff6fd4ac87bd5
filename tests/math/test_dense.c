/* Dense layers against plain loops in double, over shapes that exercise every tail and tile; and the promises
 * that the bits rest on. */
#include "math/dense.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  int64_t in, out, rows;
} shape_t;

static const shape_t shapes[] = {
    {1, 1, 1},     {1, 64, 7},   {64, 1, 32},   {13, 1, 13},    {13, 64, 10},  {10, 10, 17},  {17, 13, 5},
    {30, 3, 1},    {4, 16, 8},   {65, 100, 13}, {100, 65, 64},  {128, 10, 32}, {784, 100, 9}, {784, 256, 32},
    {64, 64, 64},  {20, 40, 33}, {48, 48, 16},  {1500, 70, 17}, {1500, 1, 6},  {2051, 33, 3}, {2048, 64, 8},
    {10, 784, 20}, {1, 1, 100},  {3, 200, 2},   {1024, 17, 4},  {1025, 16, 4}, {16, 129, 1},
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

/* Every shape in every precision. */
typedef struct {
  const precision_t *precision;
  shape_t shape;
} case_t;

static bool next_case(int *at, case_t *out) {
  if (*at >= PRECISIONS * N_SHAPES) return false;
  *out = (case_t){&precisions[*at / N_SHAPES], shapes[*at % N_SHAPES]};
  ++*at;
  return true;
}

#define FOR_EACH_CASE(one)                                                                                   \
  case_t one;                                                                                                \
  for (int at_ = 0; next_case(&at_, &one);)

/* ---- a layer with random values ---- */

typedef struct {
  shape_t shape;
  const precision_t *precision;
  dense_layout_t layout;
  float *x, *y, *dy, *dx;  /* (rows, in), (rows, out), (rows, out), (rows, in) */
  float *plain, *packed;   /* weights */
  float *transposed;       /* their copy for backward-data */
  float *rounded;          /* the copy for forward, where it is one */
  float *columns, *panels; /* x and dy as backward-weights reads them */
  float *words;            /* room for the factors of a product */
  float *bias;
  float *gradient; /* of the weights, in layout order */
} layer_t;

static float *new_floats(int64_t n) {
  size_t bytes = ((size_t)n * sizeof(float) + 63) / 64 * 64;
  float *values = aligned_alloc(64, bytes);
  memset(values, 0xff, bytes); /* NaN: what is read before it is written shows */
  return values;
}

static float *new_random(int64_t n, unsigned seed) {
  float *values = new_floats(n);
  unsigned long state = seed * 2654435761UL + 1;
  for (int64_t i = 0; i < n; i++) {
    state = state * 6364136223846793005UL + 1442695040888963407UL;
    values[i] = (float)((double)(state >> 11) * 0x1p-52 - 1.0);
  }
  return values;
}

/* x to 8 digits in base 2, the nearest, of two the even one: bf16 by arithmetic. */
static float nearest_bf16(float x) {
  int exponent;
  double mantissa = frexp((double)x, &exponent);
  return (float)ldexp(nearbyint(ldexp(mantissa, 8)), exponent - 8);
}

static void make_representable(const precision_t *precision, float *x, int64_t n) {
  for (int64_t i = 0; i < n && precision->factors == 2; i++) x[i] = nearest_bf16(x[i]);
}

/* Words along the depth of the weights' gradient. */
static int64_t depth_of(const layer_t *layer) {
  return precision_words(layer->precision, layer->shape.rows);
}

/* The copies of weights, x and dy that products read. */
static void layer_prepare(layer_t *layer) {
  const dense_layout_t *layout = &layer->layout;
  int64_t rows = layer->shape.rows;
  dense_transpose(layer->precision, layout, layer->packed, 0, layout->elements, layer->transposed);
  if (layer->precision->factors == 2) dense_round(layer->packed, 0, layout->elements, layer->rounded);
  memset(layer->columns, 0, (size_t)(depth_of(layer) * layout->in) * sizeof(float));
  memset(layer->panels, 0, (size_t)(depth_of(layer) * layout->padded_out) * sizeof(float));
  dense_columns(layer->precision, layout, rows, 0, rows, layer->x, layer->columns);
  dense_panels(layer->precision, layout, rows, 0, rows, layer->dy, layer->panels);
}

/* Its values are numbers of the precision, so that products of them are known exactly. */
static layer_t layer_new(const precision_t *precision, shape_t shape) {
  layer_t layer = {.shape = shape, .precision = precision, .layout = dense_layout(shape.in, shape.out)};
  const dense_layout_t *layout = &layer.layout;
  layer.x = new_random(shape.rows * shape.in, 1);
  layer.dy = new_random(shape.rows * shape.out, 2);
  layer.plain = new_random(shape.out * shape.in, 3);
  layer.bias = new_random(shape.out, 4);
  make_representable(precision, layer.x, shape.rows * shape.in);
  make_representable(precision, layer.dy, shape.rows * shape.out);
  make_representable(precision, layer.plain, shape.out * shape.in);
  layer.y = new_floats(shape.rows * shape.out);
  layer.dx = new_floats(shape.rows * shape.in);
  layer.packed = new_floats(layout->elements);
  layer.gradient = new_floats(layout->elements);
  layer.transposed = new_floats(dense_transposed_floats(precision, layout));
  layer.rounded = new_floats(layout->elements / 2);
  layer.columns = new_floats(depth_of(&layer) * shape.in);
  layer.panels = new_floats(depth_of(&layer) * layout->padded_out);
  layer.words = new_floats(shape.rows * (shape.in + shape.out + PRECISION_MOST_DEPTH));
  dense_pack(layout, layer.plain, layer.packed);
  layer_prepare(&layer);
  return layer;
}

static void layer_free(layer_t *layer) {
  float *all[] = {layer->x,      layer->y,       layer->dy,       layer->dx,         layer->plain,
                  layer->packed, layer->bias,    layer->gradient, layer->transposed, layer->columns,
                  layer->panels, layer->rounded, layer->words};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
}

/* Of `rows` rows from x on to y. */
static void forward_rows(const layer_t *layer, const char *activation, int64_t rows, const float *x,
                         const float *bias, float *y) {
  const float *w = layer->precision->factors == 2 ? layer->rounded : layer->packed;
  const float *factors = dense_factors(layer->precision, rows, layer->layout.in, x, layer->words);
  dense_forward(layer->precision, &layer->layout, activation_find(activation), rows, factors, w, bias, y);
}

static void run_forward(layer_t *layer, const char *activation, bool has_bias) {
  forward_rows(layer, activation, layer->shape.rows, layer->x, has_bias ? layer->bias : NULL, layer->y);
}

static void backward_rows(const layer_t *layer, int64_t rows, const float *dy, float *dx) {
  const float *factors = dense_factors(layer->precision, rows, layer->layout.out, dy, layer->words);
  dense_backward_data(layer->precision, &layer->layout, rows, factors, layer->transposed, dx);
}

static void run_tile(const layer_t *layer, int64_t i, const dense_sum_t *sums, int pending) {
  dense_tile_t tile = dense_tile(&layer->layout, i);
  dense_slice_t slice = {layer->columns, layer->panels};
  dense_backward_weights(layer->precision, &tile, layer->shape.rows, slice, NULL, sums, pending);
}

static void compute_gradient(layer_t *layer) {
  for (int64_t i = 0; i < dense_tiles(&layer->layout); i++) {
    dense_tile_t tile = dense_tile(&layer->layout, i);
    run_tile(layer, i, &(dense_sum_t){layer->gradient + tile.offset, tile.stride}, 0);
  }
}

/* |value - sum of n products| within the bound of any order of addition. */
static void assert_sum(float value, double expected, double magnitude, int64_t n, shape_t shape,
                       const char *what, int64_t at) {
  double bound = (double)(n + 2) * FLT_EPSILON * magnitude + 1e-30;
  cr_assert(fabs((double)value - expected) <= bound,
            "%s of %ld -> %ld at %ld rows, element %ld: %g is not %g", what, (long)shape.in, (long)shape.out,
            (long)shape.rows, (long)at, (double)value, expected);
}

/* ---- the three passes ---- */

/* z = x Wᵀ + b of one element, and the sum of the magnitudes. */
static double plain_output(const layer_t *layer, int64_t r, int64_t o, bool has_bias, double *magnitude) {
  double sum = has_bias ? (double)layer->bias[o] : 0;
  *magnitude = fabs(sum);
  for (int64_t i = 0; i < layer->shape.in; i++) {
    double product =
        (double)layer->x[r * layer->shape.in + i] * (double)layer->plain[o * layer->shape.in + i];
    sum += product;
    *magnitude += fabs(product);
  }
  return sum;
}

Test(dense, forward_is_the_matrix_product) {
  FOR_EACH_CASE(c)
  for (int has_bias = 0; has_bias < 2; has_bias++) {
    layer_t layer = layer_new(c.precision, c.shape);
    run_forward(&layer, "identity", has_bias);
    for (int64_t k = 0; k < layer.shape.rows * layer.shape.out; k++) {
      double magnitude = 0;
      double z = plain_output(&layer, k / layer.shape.out, k % layer.shape.out, has_bias, &magnitude);
      assert_sum(layer.y[k], z, magnitude, layer.shape.in, layer.shape, "forward", k);
    }
    layer_free(&layer);
  }
}

/* The others are left to the caller: then y is z. */
Test(dense, forward_applies_those_activations_that_it_says) {
  const shape_t few[] = {{13, 64, 10}, {65, 100, 13}, {64, 1, 32}, {30, 3, 1}};
  choice_t choice;
  int applied = 0;
  for (size_t a = 0; activation_choice(a, &choice); a++)
    for (int s = 0; s < 4; s++) {
      const activation_t *activation = activation_find(choice.name);
      layer_t layer = layer_new(&precisions[PRECISION_FP32], few[s]);
      run_forward(&layer, choice.name, true);
      applied += dense_applies(activation);
      for (int64_t k = 0; k < layer.shape.rows * layer.shape.out; k++) {
        double magnitude = 0;
        double z = plain_output(&layer, k / layer.shape.out, k % layer.shape.out, true, &magnitude);
        double expected = dense_applies(activation) ? activation->value(z) : z;
        cr_assert(fabs((double)layer.y[k] - expected) <= 1e-5 * (1 + magnitude), "%s(%g): %g is not %g",
                  choice.name, z, (double)layer.y[k], expected);
      }
      layer_free(&layer);
    }
  cr_assert_eq(applied, 3 * 4, "identity, relu and leaky_relu");
}

/* A network that diverges must show it: no max() may turn NaN into a number. */
Test(dense, a_nan_passes_through_relu) {
  for (int p = 0; p < PRECISIONS; p++) {
    layer_t layer = layer_new(&precisions[p], (shape_t){5, 20, 7});
    layer.x[3 * 5] = NAN;
    run_forward(&layer, "relu", true);
    for (int64_t o = 0; o < 20; o++) cr_assert(isnan(layer.y[3 * 20 + o]));
    for (int64_t k = 0; k < 3 * 20; k++) cr_assert(layer.y[k] >= 0 && !signbit(layer.y[k]));
    layer_free(&layer);
  }
}

Test(dense, backward_data_is_the_transposed_product) {
  FOR_EACH_CASE(c) {
    layer_t layer = layer_new(c.precision, c.shape);
    shape_t shape = layer.shape;
    backward_rows(&layer, shape.rows, layer.dy, layer.dx);
    for (int64_t k = 0; k < shape.rows * shape.in; k++) {
      double sum = 0, magnitude = 0;
      for (int64_t o = 0; o < shape.out; o++) {
        double product =
            (double)layer.dy[k / shape.in * shape.out + o] * (double)layer.plain[o * shape.in + k % shape.in];
        sum += product;
        magnitude += fabs(product);
      }
      assert_sum(layer.dx[k], sum, magnitude, shape.out, shape, "backward-data", k);
    }
    layer_free(&layer);
  }
}

Test(dense, tiles_make_up_the_weight_gradient) {
  FOR_EACH_CASE(c) {
    layer_t layer = layer_new(c.precision, c.shape);
    shape_t shape = layer.shape;
    float *plain = new_floats(shape.out * shape.in);
    compute_gradient(&layer);
    dense_unpack(&layer.layout, layer.gradient, plain);
    for (int64_t k = 0; k < shape.out * shape.in; k++) {
      double sum = 0, magnitude = 0;
      for (int64_t r = 0; r < shape.rows; r++) {
        double product =
            (double)layer.dy[r * shape.out + k / shape.in] * (double)layer.x[r * shape.in + k % shape.in];
        sum += product;
        magnitude += fabs(product);
      }
      assert_sum(plain[k], sum, magnitude, shape.rows, shape, "backward-weights", k);
    }
    free(plain);
    layer_free(&layer);
  }
}

/* ---- the layout ---- */

Test(dense, pack_and_unpack_are_inverse) {
  FOR_EACH_CASE(c) {
    layer_t layer = layer_new(c.precision, c.shape);
    size_t n = (size_t)(layer.shape.in * layer.shape.out);
    float *back = new_floats((int64_t)n);
    dense_unpack(&layer.layout, layer.packed, back);
    cr_assert_eq(memcmp(back, layer.plain, n * sizeof(float)), 0);
    free(back);
    layer_free(&layer);
  }
}

/* Marks the real weights by packing ones; everything else must be +0. */
static void assert_padding_zero(const dense_layout_t *layout, const float *values) {
  int64_t n = layout->in * layout->out, real = 0;
  float *ones = new_floats(n), *marks = new_floats(layout->elements);
  for (int64_t k = 0; k < n; k++) ones[k] = 1;
  dense_pack(layout, ones, marks);
  for (int64_t k = 0; k < layout->elements; k++) {
    if (marks[k] == 1.0f) real++;
    cr_assert(marks[k] == 1.0f || (values[k] == 0.0f && !signbit(values[k])), "padding at %ld is %g", (long)k,
              (double)values[k]);
  }
  cr_assert_eq(real, n);
  free(ones);
  free(marks);
}

Test(dense, padding_is_zero_in_weights_and_gradients) {
  FOR_EACH_CASE(c) {
    layer_t layer = layer_new(c.precision, c.shape);
    assert_padding_zero(&layer.layout, layer.packed);
    compute_gradient(&layer);
    assert_padding_zero(&layer.layout, layer.gradient);
    layer_free(&layer);
  }
}

Test(dense, tiles_cover_buffer_and_matrix_exactly) {
  for (int s = 0; s < N_SHAPES; s++) {
    dense_layout_t layout = dense_layout(shapes[s].in, shapes[s].out);
    int64_t weights = 0;
    char *covered = calloc((size_t)layout.elements, 1);
    for (int64_t i = 0; i < dense_tiles(&layout); i++) {
      dense_tile_t tile = dense_tile(&layout, i);
      cr_assert(tile.inputs > 0 && tile.outputs > 0 && tile.outputs <= tile.panels * DENSE_PANEL);
      cr_assert(tile.panels * tile.elements <= DENSE_TILE_FLOATS && tile.elements % DENSE_UNIT == 0);
      cr_assert(tile.first_input + tile.inputs <= layout.in &&
                tile.first_output + tile.outputs <= layout.out);
      for (int64_t p = 0; p < tile.panels; p++)
        for (int64_t k = 0; k < tile.elements; k++)
          cr_assert_eq(covered[tile.offset + p * tile.stride + k]++, 0, "tile %ld of %ld -> %ld", (long)i,
                       (long)layout.in, (long)layout.out);
      weights += tile.inputs * tile.outputs;
    }
    for (int64_t k = 0; k < layout.elements; k++) cr_assert_eq(covered[k], 1);
    cr_assert_eq(weights, layout.in * layout.out);
    free(covered);
  }
}

/* The factor that o, its place along the depth, names in a word; zero is left there. */
static float take_factor(float *word, int64_t factors, int64_t o) {
  uint32_t bits, mask = factors == 1 ? UINT32_MAX : o % 2 == 1 ? 0xffff0000U : 0xffffU;
  float value;
  memcpy(&bits, word, sizeof bits);
  uint32_t found = bits & mask, rest = bits & ~mask;
  if (mask == 0xffffU) found <<= 16;
  memcpy(word, &rest, sizeof rest);
  memcpy(&value, &found, sizeof value);
  return value;
}

/* Parts in any order, as threads that update parts of the weights make it. */
Test(dense, the_transposed_copy_can_be_made_in_parts) {
  FOR_EACH_CASE(c) {
    layer_t layer = layer_new(c.precision, c.shape);
    const int64_t factors = c.precision->factors;
    int64_t floats = dense_transposed_floats(c.precision, &layer.layout),
            units = layer.layout.elements / DENSE_UNIT;
    float *parts = new_floats(floats);
    memset(parts, 0, (size_t)floats * sizeof *parts);
    for (int64_t u = units - 1; u >= 0; u -= 3) {
      int64_t first = u < 2 ? 0 : u - 2;
      dense_transpose(c.precision, &layer.layout, layer.packed, first * DENSE_UNIT,
                      (u - first + 1) * DENSE_UNIT, parts);
    }
    for (int64_t k = 0; k < layer.shape.in * layer.shape.out; k++) {
      int64_t o = k / layer.shape.in, i = k % layer.shape.in;
      int64_t row = i / DENSE_PANEL * precision_words(c.precision, layer.layout.padded_out) + o / factors;
      int64_t at = row * DENSE_PANEL + i % DENSE_PANEL;
      cr_assert_eq(take_factor(parts + at, factors, o), layer.plain[k]);
    }
    for (int64_t k = 0; k < floats; k++) cr_assert_eq(parts[k], 0.0F, "padding at %ld", (long)k);
    free(parts);
    layer_free(&layer);
  }
}

/* The same of the copy for forward, in which pairs are of inputs. */
Test(dense, the_rounded_copy_can_be_made_in_parts) {
  for (int s = 0; s < N_SHAPES; s++) {
    layer_t layer = layer_new(&precisions[PRECISION_BF16], shapes[s]);
    int64_t floats = layer.layout.elements / 2, units = layer.layout.elements / DENSE_UNIT;
    float *parts = new_floats(floats);
    for (int64_t u = units - 1; u >= 0; u--) dense_round(layer.packed, u * DENSE_UNIT, DENSE_UNIT, parts);
    for (int64_t k = 0; k < layer.shape.in * layer.shape.out; k++) {
      int64_t o = k / layer.shape.in, i = k % layer.shape.in;
      int64_t row = o / DENSE_PANEL * layer.layout.padded_in / 2 + i / 2;
      cr_assert_eq(take_factor(parts + row * DENSE_PANEL + o % DENSE_PANEL, 2, i), layer.plain[k]);
    }
    for (int64_t k = 0; k < floats; k++) cr_assert_eq(parts[k], 0.0F, "padding at %ld", (long)k);
    free(parts);
    layer_free(&layer);
  }
}

/* ---- bits ---- */

static void assert_same_bits(const float *a, const float *b, int64_t n) {
  cr_assert_eq(memcmp(a, b, (size_t)n * sizeof(float)), 0);
}

/* Row by row, or all rows at once. */
Test(dense, bits_do_not_depend_on_the_rows_of_a_call) {
  FOR_EACH_CASE(c) {
    layer_t layer = layer_new(c.precision, c.shape);
    const dense_layout_t *layout = &layer.layout;
    float *y = new_floats(layout->out), *dx = new_floats(layout->in);
    run_forward(&layer, "leaky_relu", true);
    backward_rows(&layer, layer.shape.rows, layer.dy, layer.dx);
    for (int64_t r = 0; r < layer.shape.rows; r++) {
      forward_rows(&layer, "leaky_relu", 1, layer.x + r * layout->in, layer.bias, y);
      backward_rows(&layer, 1, layer.dy + r * layout->out, dx);
      assert_same_bits(y, layer.y + r * layout->out, layout->out);
      assert_same_bits(dx, layer.dx + r * layout->in, layout->in);
    }
    free(y);
    free(dx);
    layer_free(&layer);
  }
}

/* Factors are rounded, all of them, and nothing else is. */
Test(dense, bf16_has_the_bits_of_factors_rounded_before) {
  for (int s = 0; s < N_SHAPES; s++) {
    layer_t a = layer_new(&precisions[PRECISION_BF16], shapes[s]);
    layer_t b = layer_new(&precisions[PRECISION_BF16], shapes[s]);
    float *arrays[] = {a.x, a.dy, a.packed}, *others[] = {b.x, b.dy, b.packed};
    int64_t sizes[] = {a.shape.rows * a.shape.in, a.shape.rows * a.shape.out, a.layout.elements};
    for (int k = 0; k < 3; k++)
      for (int64_t i = 0; i < sizes[k]; i++) {
        arrays[k][i] *= 1.1F;
        others[k][i] = nearest_bf16(arrays[k][i]);
      }
    for (int k = 0; k < 2; k++) {
      layer_t *layer = k == 0 ? &a : &b;
      layer_prepare(layer);
      run_forward(layer, "relu", true);
      backward_rows(layer, layer->shape.rows, layer->dy, layer->dx);
      compute_gradient(layer);
    }
    assert_same_bits(a.y, b.y, a.shape.rows * a.shape.out);
    assert_same_bits(a.dx, b.dx, a.shape.rows * a.shape.in);
    assert_same_bits(a.gradient, b.gradient, a.layout.elements);
    layer_free(&a);
    layer_free(&b);
  }
}

/* Columns and panels are filled in block by block, as rows of a slice are computed. */
Test(dense, a_slice_can_be_filled_in_parts) {
  FOR_EACH_CASE(c) {
    layer_t layer = layer_new(c.precision, c.shape);
    const dense_layout_t *layout = &layer.layout;
    int64_t rows = layer.shape.rows, half = rows / 2;
    int64_t words = depth_of(&layer);
    float *columns = calloc((size_t)(words * layout->in), sizeof *columns);
    float *panels = calloc((size_t)(words * layout->padded_out), sizeof *panels);
    dense_columns(c.precision, layout, rows, half, rows - half, layer.x + half * layout->in, columns);
    dense_columns(c.precision, layout, rows, 0, half, layer.x, columns);
    dense_panels(c.precision, layout, rows, half, rows - half, layer.dy + half * layout->out, panels);
    dense_panels(c.precision, layout, rows, 0, half, layer.dy, panels);
    assert_same_bits(columns, layer.columns, words * layout->in);
    assert_same_bits(panels, layer.panels, words * layout->padded_out);
    free(columns);
    free(panels);
    layer_free(&layer);
  }
}

/* Added while it is made, to one pending sum or to three, or computed apart and added: the same operations,
 * so the same bits. */
Test(dense, adding_a_tile_has_the_bits_of_adding_afterwards) {
  FOR_EACH_CASE(c)
  for (int pending = 1; pending <= 3; pending += 2) {
    layer_t layer = layer_new(c.precision, c.shape);
    compute_gradient(&layer);
    for (int64_t i = 0; i < dense_tiles(&layer.layout); i++) {
      dense_tile_t tile = dense_tile(&layer.layout, i);
      int64_t floats = tile.panels * tile.elements;
      float *waiting = new_random(pending * floats, 7), *apart = new_floats(floats);
      dense_sum_t sums[3];
      for (int k = 0; k < pending; k++) sums[k] = (dense_sum_t){waiting + k * floats, tile.elements};
      for (int64_t k = 0; k < floats; k++) {
        apart[k] = layer.gradient[tile.offset + k / tile.elements * tile.stride + k % tile.elements];
        if (apart[k] == 0) /* may be padding */
          for (int n = 0; n < pending; n++) waiting[n * floats + k] = 0;
        for (int n = pending; n-- > 0;) apart[k] = waiting[n * floats + k] + apart[k];
      }
      run_tile(&layer, i, sums, pending);
      assert_same_bits(sums[0].floats, apart, floats);
      free(waiting);
      free(apart);
    }
    layer_free(&layer);
  }
}
