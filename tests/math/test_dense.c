/* Dense kernels against plain loops in double, over shapes that exercise every layout, tail and tile; and the
 * promises that the gradient's bits rest on. */
#include "math/dense.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
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

/* What the header asks of the thread that makes kernels; asked of whichever OpenMP runtime the library
 * brought, so that the test needs none of its own. */
static void use_one_thread(void) {
  void *symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  void (*set_num_threads)(int) = NULL;
  memcpy(&set_num_threads, &symbol, sizeof symbol);
  if (set_num_threads != NULL) set_num_threads(1);
}

/* ---- a layer with random values ---- */

typedef struct {
  shape_t shape;
  dense_layout_t layout;
  float *x, *y, *dy, *dx; /* (rows, in), (rows, out), (rows, out), (rows, in) */
  float *plain, *packed;  /* weights */
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

static layer_t layer_new(shape_t shape) {
  use_one_thread();
  layer_t layer = {.shape = shape};
  ls_error error = {0};
  cr_assert_eq(dense_layout_choose(shape.in, shape.out, shape.rows, &layer.layout, &error), LS_OK, "%s",
               error.message);
  layer.x = new_random(shape.rows * shape.in, 1);
  layer.dy = new_random(shape.rows * shape.out, 2);
  layer.plain = new_random(shape.out * shape.in, 3);
  layer.bias = new_random(shape.out, 4);
  layer.y = new_floats(shape.rows * shape.out);
  layer.dx = new_floats(shape.rows * shape.in);
  layer.packed = new_floats(layer.layout.elements);
  layer.gradient = new_floats(layer.layout.elements);
  cr_assert_eq(dense_pack(&layer.layout, layer.plain, layer.packed, &error), LS_OK);
  return layer;
}

static void layer_free(layer_t *layer) {
  float *all[] = {layer->x,     layer->y,      layer->dy,   layer->dx,
                  layer->plain, layer->packed, layer->bias, layer->gradient};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
}

/* Each tile by a kernel of its own; the buffer is filled with NaN before, twice in the same place. */
static void compute_gradient(layer_t *layer) {
  for (int64_t i = 0; i < dense_tiles(&layer->layout); i++) {
    dense_tile_t tile = dense_tile(&layer->layout, i);
    float *dw = layer->gradient + tile.offset;
    dense_backward_weights_t *kernel = NULL;
    ls_error error = {0};
    cr_assert_eq(dense_backward_weights_create(&layer->layout, &tile, layer->shape.rows, &kernel, &error),
                 LS_OK, "%s", error.message);
    for (int time = 0; time < 2; time++) {
      memset(dw, 0xff, (size_t)tile.elements * sizeof(float));
      dense_backward_weights_run(kernel, &tile, layer->x, layer->dy, false, dw);
    }
    dense_backward_weights_destroy(&kernel);
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

static void run_forward(layer_t *layer, const activation_t *activation, bool has_bias) {
  dense_forward_t *kernel = NULL;
  ls_error error = {0};
  cr_assert_eq(dense_forward_create(&layer->layout, layer->shape.rows, has_bias, activation, &kernel, &error),
               LS_OK, "%s", error.message);
  dense_forward_run(kernel, layer->x, layer->packed, has_bias ? layer->bias : NULL, layer->y);
  dense_forward_destroy(&kernel);
  cr_assert_null(kernel);
}

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
  for (int s = 0; s < 2 * N_SHAPES; s++) {
    layer_t layer = layer_new(shapes[s / 2]);
    bool has_bias = s % 2 == 1;
    run_forward(&layer, activation_find("identity"), has_bias);
    for (int64_t k = 0; k < layer.shape.rows * layer.shape.out; k++) {
      double magnitude = 0;
      double z = plain_output(&layer, k / layer.shape.out, k % layer.shape.out, has_bias, &magnitude);
      assert_sum(layer.y[k], z, magnitude, layer.shape.in, layer.shape, "forward", k);
    }
    layer_free(&layer);
  }
}

Test(dense, forward_applies_every_activation_of_the_library) {
  const shape_t few[] = {{13, 64, 10}, {65, 100, 13}, {64, 1, 32}, {30, 3, 1}};
  choice_t choice;
  for (size_t a = 0; activation_choice(a, &choice); a++)
    for (int s = 0; s < 4; s++) {
      const activation_t *activation = activation_find(choice.name);
      if (activation->eltwise == ELTWISE_OWN) continue;
      layer_t layer = layer_new(few[s]);
      run_forward(&layer, activation, true);
      for (int64_t k = 0; k < layer.shape.rows * layer.shape.out; k++) {
        double magnitude = 0;
        double z = plain_output(&layer, k / layer.shape.out, k % layer.shape.out, true, &magnitude);
        double expected = activation->value(z);
        cr_assert(fabs((double)layer.y[k] - expected) <= 1e-5 * (1 + magnitude), "%s(%g): %g is not %g",
                  choice.name, z, (double)layer.y[k], expected);
      }
      layer_free(&layer);
    }
}

Test(dense, backward_data_is_the_transposed_product) {
  for (int s = 0; s < N_SHAPES; s++) {
    layer_t layer = layer_new(shapes[s]);
    shape_t shape = layer.shape;
    dense_backward_data_t *kernel = NULL;
    ls_error error = {0};
    cr_assert_eq(dense_backward_data_create(&layer.layout, shape.rows, &kernel, &error), LS_OK, "%s",
                 error.message);
    dense_backward_data_run(kernel, layer.dy, layer.packed, layer.dx);
    dense_backward_data_destroy(&kernel);
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
  for (int s = 0; s < N_SHAPES; s++) {
    layer_t layer = layer_new(shapes[s]);
    shape_t shape = layer.shape;
    ls_error error = {0};
    float *plain = new_floats(shape.out * shape.in);
    compute_gradient(&layer);
    cr_assert_eq(dense_unpack(&layer.layout, layer.gradient, plain, &error), LS_OK);
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

Test(dense, kernels_for_other_row_counts_read_the_same_weights) {
  layer_t layer = layer_new((shape_t){65, 100, 64});
  layer_t other = layer_new((shape_t){65, 100, 3});
  other.layout = layer.layout;
  run_forward(&layer, activation_find("tanh"), true);
  dense_forward_t *kernel = NULL;
  ls_error error = {0};
  cr_assert_eq(dense_forward_create(&layer.layout, 3, true, activation_find("tanh"), &kernel, &error), LS_OK);
  dense_forward_run(kernel, layer.x, layer.packed, layer.bias, other.y);
  dense_forward_destroy(&kernel);
  for (int64_t k = 0; k < 3 * 100; k++) cr_assert_float_eq((double)other.y[k], (double)layer.y[k], 1e-5);
  layer_free(&layer);
  layer_free(&other);
}

/* ---- the layout ---- */

Test(dense, pack_and_unpack_are_inverse) {
  for (int s = 0; s < N_SHAPES; s++) {
    layer_t layer = layer_new(shapes[s]);
    ls_error error = {0};
    size_t n = (size_t)(layer.shape.in * layer.shape.out);
    float *back = new_floats((int64_t)n);
    cr_assert_eq(dense_unpack(&layer.layout, layer.packed, back, &error), LS_OK);
    cr_assert_eq(memcmp(back, layer.plain, n * sizeof(float)), 0);
    free(back);
    layer_free(&layer);
  }
}

/* Marks the real weights by packing ones; everything else must be +0. */
static void assert_padding_zero(const dense_layout_t *layout, const float *values) {
  int64_t n = layout->in * layout->out, real = 0;
  float *ones = new_floats(n), *marks = new_floats(layout->elements);
  ls_error error = {0};
  for (int64_t k = 0; k < n; k++) ones[k] = 1;
  cr_assert_eq(dense_pack(layout, ones, marks, &error), LS_OK);
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
  for (int s = 0; s < N_SHAPES; s++) {
    layer_t layer = layer_new(shapes[s]);
    assert_padding_zero(&layer.layout, layer.packed);
    compute_gradient(&layer);
    assert_padding_zero(&layer.layout, layer.gradient);
    layer_free(&layer);
  }
}

Test(dense, tiles_cover_buffer_and_matrix_exactly) {
  for (int s = 0; s < N_SHAPES; s++) {
    dense_layout_t layout;
    ls_error error = {0};
    cr_assert_eq(dense_layout_choose(shapes[s].in, shapes[s].out, shapes[s].rows, &layout, &error), LS_OK);
    int64_t at = 0, weights = 0;
    for (int64_t i = 0; i < dense_tiles(&layout); i++) {
      dense_tile_t tile = dense_tile(&layout, i);
      cr_assert_eq(tile.offset, at, "tile %ld of %ld -> %ld", (long)i, (long)layout.in, (long)layout.out);
      cr_assert(tile.inputs > 0 && tile.outputs > 0 && tile.outputs <= layout.panel);
      cr_assert(layout.input_block == 1 || tile.inputs <= DENSE_MAX_TILE_INPUTS);
      cr_assert(tile.first_input + tile.inputs <= layout.in &&
                tile.first_output + tile.outputs <= layout.out);
      at += tile.elements;
      weights += tile.inputs * tile.outputs;
    }
    cr_assert_eq(at, layout.elements);
    cr_assert_eq(weights, layout.in * layout.out);
  }
}

Test(dense, a_layer_without_inputs_is_an_error_and_leaves_the_layout_alone) {
  dense_layout_t layout = {.in = 7};
  ls_error error = {0};
  cr_assert_eq(dense_layout_choose(0, 10, 32, &layout, &error), LS_FAILED);
  cr_assert(strlen(error.message) > 0);
  cr_assert_eq(layout.in, 7);
}

/* ---- bits ---- */

typedef struct {
  layer_t layer;
  shape_t shape;
} job_t;

static void *compute_all(void *argument) {
  job_t *job = argument;
  job->layer = layer_new(job->shape);
  dense_backward_data_t *kernel = NULL;
  ls_error error = {0};
  run_forward(&job->layer, activation_find("selu"), true);
  cr_assert_eq(dense_backward_data_create(&job->layer.layout, job->shape.rows, &kernel, &error), LS_OK);
  dense_backward_data_run(kernel, job->layer.dy, job->layer.packed, job->layer.dx);
  dense_backward_data_destroy(&kernel);
  compute_gradient(&job->layer);
  return NULL;
}

static void assert_same_bits(const float *a, const float *b, int64_t n) {
  cr_assert_eq(memcmp(a, b, (size_t)n * sizeof(float)), 0);
}

Test(dense, same_bits_in_every_thread) {
  enum { THREADS = 3 };
  for (int s = 0; s < N_SHAPES; s++) {
    job_t jobs[THREADS];
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++) jobs[t].shape = shapes[s];
    for (int t = 1; t < THREADS; t++)
      cr_assert_eq(pthread_create(&threads[t], NULL, compute_all, &jobs[t]), 0);
    compute_all(&jobs[0]);
    for (int t = 1; t < THREADS; t++) {
      pthread_join(threads[t], NULL);
      layer_t *a = &jobs[0].layer, *b = &jobs[t].layer;
      assert_same_bits(a->y, b->y, a->shape.rows * a->shape.out);
      assert_same_bits(a->dx, b->dx, a->shape.rows * a->shape.in);
      assert_same_bits(a->gradient, b->gradient, a->layout.elements);
      layer_free(b);
    }
    layer_free(&jobs[0].layer);
  }
}

/* One kernel for all tiles of its shape, in reverse order, against a kernel for each. */
Test(dense, a_tile_does_not_depend_on_the_kernel_object) {
  for (int s = 0; s < N_SHAPES; s++) {
    layer_t layer = layer_new(shapes[s]);
    int64_t n = dense_tiles(&layer.layout);
    dense_backward_weights_t *kernel = NULL;
    dense_tile_t made_for = {0};
    float *again = new_floats(layer.layout.elements);
    ls_error error = {0};
    compute_gradient(&layer);
    for (int64_t i = n - 1; i >= 0; i--) {
      dense_tile_t tile = dense_tile(&layer.layout, i);
      if (tile.inputs != made_for.inputs || tile.outputs != made_for.outputs) {
        dense_backward_weights_destroy(&kernel);
        cr_assert_eq(dense_backward_weights_create(&layer.layout, &tile, shapes[s].rows, &kernel, &error),
                     LS_OK);
        made_for = tile;
      }
      dense_backward_weights_run(kernel, &tile, layer.x, layer.dy, false, again + tile.offset);
    }
    assert_same_bits(again, layer.gradient, layer.layout.elements);
    dense_backward_weights_destroy(&kernel);
    free(again);
    layer_free(&layer);
  }
}

/* Added while it is made, or computed apart and added: the same operations, so the same bits. */
Test(dense, adding_a_tile_has_the_bits_of_adding_afterwards) {
  for (int s = 0; s < N_SHAPES; s++) {
    layer_t layer = layer_new(shapes[s]);
    compute_gradient(&layer);
    for (int64_t i = 0; i < dense_tiles(&layer.layout); i++) {
      dense_tile_t tile = dense_tile(&layer.layout, i);
      dense_backward_weights_t *kernel = NULL;
      ls_error error = {0};
      float *apart = new_floats(tile.elements), *added = new_floats(tile.elements);
      for (int64_t k = 0; k < tile.elements; k++) {
        added[k] = layer.packed[tile.offset + k];
        apart[k] = added[k] + layer.gradient[tile.offset + k];
      }
      cr_assert_eq(dense_backward_weights_create(&layer.layout, &tile, shapes[s].rows, &kernel, &error),
                   LS_OK);
      dense_backward_weights_run(kernel, &tile, layer.x, layer.dy, true, added);
      assert_same_bits(added, apart, tile.elements);
      dense_backward_weights_destroy(&kernel);
      free(apart);
      free(added);
    }
    layer_free(&layer);
  }
}

Test(dense, library_names_itself) {
  char text[64];
  dense_library_version(text, sizeof text);
  cr_assert_eq(strncmp(text, "oneDNN ", 7), 0, "%s", text);
  dense_library_version(text, 4);
  cr_assert_str_eq(text, "one");
}
