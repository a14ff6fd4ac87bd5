/* Dense layers and activations by oneDNN: the only file that knows the library, in its v2 and its v3 C API.
 *
 * A kernel is a call_t: one primitive with everything that running it needs, made once for fixed shapes.
 * Scratch memory is the kernel's own (the library's would be shared between threads), and a run only points
 * the memory objects at the caller's arrays. Weights are always described by the explicit layout that
 * dense_layout_choose found, so that kernels for other row counts read the same buffer. */
#include "math/onednn.h"

#include "base/arena.h"
#include "math/dense.h"

#include <assert.h>
#include <inttypes.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The operands of an inner product: x (rows, in), w (out, in), y (rows, out), b (out). */
enum { X, W, Y, B, N_OPERANDS };

/* ---- the two APIs ----
 * v2: a memory description is a plain struct, and a primitive description is made from an operation
 * description. v3: a memory description is a handle that must be destroyed, and a primitive description is
 * made directly. */

#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t shape_t;
typedef const_dnnl_memory_desc_t shape_view_t;

static shape_view_t shape_view(const shape_t *shape) {
  return *shape;
}

static dnnl_status_t shape_create(shape_t *shape, int n, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
  return dnnl_memory_desc_create_with_tag(shape, n, dims, dnnl_f32, tag);
}

static void shape_destroy(shape_t *shape) {
  if (*shape != NULL) dnnl_memory_desc_destroy(*shape);
  *shape = NULL;
}

/* bias and hint (the forward pass, for the backward ones) may be NULL. */
static dnnl_status_t product_describe(dnnl_primitive_desc_t *out, dnnl_engine_t engine, product_pass_t pass,
                                      shape_view_t x, shape_view_t w, shape_view_t bias, shape_view_t y,
                                      dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint) {
  if (pass == FORWARD)
    return dnnl_inner_product_forward_primitive_desc_create(out, engine, dnnl_forward_training, x, w, bias, y,
                                                            attr);
  if (pass == BACKWARD_DATA)
    return dnnl_inner_product_backward_data_primitive_desc_create(out, engine, x, w, y, hint, attr);
  return dnnl_inner_product_backward_weights_primitive_desc_create(out, engine, x, w, bias, y, hint, attr);
}

static dnnl_status_t eltwise_describe(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                      dnnl_alg_kind_t algorithm, float alpha, shape_view_t x,
                                      dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint) {
  if (hint == NULL)
    return dnnl_eltwise_forward_primitive_desc_create(out, engine, dnnl_forward_training, algorithm, x, x,
                                                      alpha, 0, attr);
  return dnnl_eltwise_backward_primitive_desc_create(out, engine, algorithm, x, x, x, alpha, 0, hint, attr);
}

static dnnl_status_t append_eltwise(dnnl_post_ops_t ops, float scale, dnnl_alg_kind_t algorithm,
                                    float alpha) {
  dnnl_status_t status = dnnl_post_ops_append_eltwise(ops, algorithm, alpha, 0);
  if (status != dnnl_success || scale == 1.0f) return status;
  return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_linear, scale, 0);
}

#else

typedef dnnl_memory_desc_t shape_t;
typedef const dnnl_memory_desc_t *shape_view_t;

static shape_view_t shape_view(const shape_t *shape) {
  return shape;
}

static dnnl_status_t shape_create(shape_t *shape, int n, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
  return dnnl_memory_desc_init_by_tag(shape, n, dims, dnnl_f32, tag);
}

static void shape_destroy(shape_t *shape) {
  (void)shape;
}

/* bias and hint (the forward pass, for the backward ones) may be NULL. */
static dnnl_status_t product_describe(dnnl_primitive_desc_t *out, dnnl_engine_t engine, product_pass_t pass,
                                      shape_view_t x, shape_view_t w, shape_view_t bias, shape_view_t y,
                                      dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint) {
  dnnl_inner_product_desc_t op;
  dnnl_status_t status;
  if (pass == FORWARD)
    status = dnnl_inner_product_forward_desc_init(&op, dnnl_forward_training, x, w, bias, y);
  else if (pass == BACKWARD_DATA)
    status = dnnl_inner_product_backward_data_desc_init(&op, x, w, y);
  else
    status = dnnl_inner_product_backward_weights_desc_init(&op, x, w, bias, y);
  return status == dnnl_success ? dnnl_primitive_desc_create(out, &op, attr, engine, hint) : status;
}

static dnnl_status_t eltwise_describe(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                      dnnl_alg_kind_t algorithm, float alpha, shape_view_t x,
                                      dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint) {
  dnnl_eltwise_desc_t op;
  dnnl_status_t status =
      hint == NULL ? dnnl_eltwise_forward_desc_init(&op, dnnl_forward_training, algorithm, x, alpha, 0)
                   : dnnl_eltwise_backward_desc_init(&op, algorithm, x, x, alpha, 0);
  return status == dnnl_success ? dnnl_primitive_desc_create(out, &op, attr, engine, hint) : status;
}

static dnnl_status_t append_eltwise(dnnl_post_ops_t ops, float scale, dnnl_alg_kind_t algorithm,
                                    float alpha) {
  return dnnl_post_ops_append_eltwise(ops, scale, algorithm, alpha, 0);
}

#endif

/* ---- names ---- */

static const dnnl_alg_kind_t algorithms[] = {
    [ELTWISE_IDENTITY] = dnnl_eltwise_linear, [ELTWISE_RELU] = dnnl_eltwise_relu,
    [ELTWISE_TANH] = dnnl_eltwise_tanh,       [ELTWISE_LOGISTIC] = dnnl_eltwise_logistic,
    [ELTWISE_ELU] = dnnl_eltwise_elu,         [ELTWISE_GELU_ERF] = dnnl_eltwise_gelu_erf,
    [ELTWISE_SWISH] = dnnl_eltwise_swish,     [ELTWISE_SOFT_RELU] = dnnl_eltwise_soft_relu,
    [ELTWISE_MISH] = dnnl_eltwise_mish,
};

/* The layouts of onednn.h; the plain one last. */
static const struct {
  int64_t output_block;
  dnnl_format_tag_t tag;
} layout_table[] = {
    {64, dnnl_AB16b64a},
#if DNNL_VERSION_MAJOR >= 3
    {48, dnnl_AB16b48a},
#endif
    {32, dnnl_AB16b32a}, {16, dnnl_AB16b16a}, {ONEDNN_PLAIN, dnnl_ab},
};
enum { N_LAYOUTS = sizeof layout_table / sizeof layout_table[0] };

static dnnl_format_tag_t layout_tag(int64_t output_block) {
  for (size_t i = 0; i < N_LAYOUTS; i++)
    if (layout_table[i].output_block == output_block) return layout_table[i].tag;
  return dnnl_format_tag_undef;
}

/* ---- a primitive ready to run ---- */

enum { MAX_ARGS = 4 };

struct call {
  arena_t arena;
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_t primitive;
  int n;      /* arguments that a run points at arrays */
  int n_args; /* those and the scratchpad */
  dnnl_exec_arg_t args[MAX_ARGS + 1];
  const void *arrays[MAX_ARGS]; /* where the arguments point now */
};

static ls_status library_failed(ls_error *error, dnnl_status_t status, const char *what) {
  if (status == dnnl_out_of_memory) return error_set(error, LS_NO_MEMORY, "out of memory for %s", what);
  return error_set(error, LS_FAILED, "oneDNN cannot make %s (its status %d)", what, (int)status);
}

static ls_status engine_create(dnnl_engine_t *engine, ls_error *error) {
  dnnl_status_t status = dnnl_engine_create(engine, dnnl_cpu, 0);
  return status == dnnl_success ? LS_OK : library_failed(error, status, "an engine for this CPU");
}

/* A call that has no more than its engine yet. */
static ls_status call_create(call_t **out, ls_error *error) {
  call_t *call = calloc(1, sizeof *call);
  if (call == NULL) return error_set(error, LS_NO_MEMORY, "out of memory for a kernel");
  ls_status status = engine_create(&call->engine, error);
  if (status == LS_OK)
    *out = call;
  else
    free(call);
  return status;
}

void call_destroy(call_t **slot) {
  call_t *call = *slot;
  if (call == NULL) return;
  for (int i = 0; i < call->n_args; i++) dnnl_memory_destroy(call->args[i].memory);
  if (call->primitive != NULL) dnnl_primitive_destroy(call->primitive);
  if (call->stream != NULL) dnnl_stream_destroy(call->stream);
  dnnl_engine_destroy(call->engine);
  arena_free(&call->arena);
  free(call);
  *slot = NULL;
}

static dnnl_status_t call_add_argument(call_t *call, int name, shape_view_t shape, void *pointer) {
  dnnl_memory_t memory = NULL;
  dnnl_status_t status = dnnl_memory_create(&memory, shape, call->engine, pointer);
  if (status == dnnl_success) call->args[call->n_args++] = (dnnl_exec_arg_t){name, memory};
  return status;
}

static dnnl_status_t call_add_scratchpad(call_t *call, const_dnnl_primitive_desc_t description) {
  shape_view_t shape = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  size_t bytes = shape == NULL ? 0 : dnnl_memory_desc_get_size(shape);
  if (bytes == 0) return dnnl_success;
  void *scratch = arena_new(&call->arena, bytes, 1);
  return scratch == NULL ? dnnl_out_of_memory : call_add_argument(call, DNNL_ARG_SCRATCHPAD, shape, scratch);
}

/* n arguments, named and shaped, in the order of call_run's arrays. */
static dnnl_status_t call_complete(call_t *call, const_dnnl_primitive_desc_t description, int n,
                                   const int *names, const shape_view_t *shapes) {
  dnnl_status_t status = dnnl_stream_create(&call->stream, call->engine, dnnl_stream_default_flags);
  if (status == dnnl_success) status = dnnl_primitive_create(&call->primitive, description);
  for (int i = 0; i < n && status == dnnl_success; i++)
    status = call_add_argument(call, names[i], shapes[i], DNNL_MEMORY_NONE);
  if (status == dnnl_success) status = call_add_scratchpad(call, description);
  call->n = n;
  return status;
}

/* The v2 API lets the library write the padding of an array that it is pointed at (2.6.3 and 3.2 do not).
 * Threads share the weights, so arguments are set only when the array is another one. */
void call_run(call_t *call, const void *const *arrays) {
  dnnl_status_t status = dnnl_success;
  for (int i = 0; i < call->n; i++) {
    if (arrays[i] == call->arrays[i]) continue;
    call->arrays[i] = arrays[i];
    status = dnnl_memory_set_data_handle(call->args[i].memory, (void *)arrays[i]);
    assert(status == dnnl_success);
  }
  status = dnnl_primitive_execute(call->primitive, call->stream, call->n_args, call->args);
  assert(status == dnnl_success);
  status = dnnl_stream_wait(call->stream);
  assert(status == dnnl_success);
  (void)status;
}

/* ---- inner products ---- */

/* What each pass takes, in the order of its run function's pointers; the bias last, as it may be absent. */
static const struct {
  const char *name;
  int n;
  int operands[N_OPERANDS], names[N_OPERANDS];
} pass_table[] = {
    [FORWARD] = {"forward", 4, {X, W, Y, B}, {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS}},
    [BACKWARD_DATA] = {"backward-data",
                       3,
                       {Y, W, X},
                       {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC}},
    [BACKWARD_WEIGHTS] = {"backward-weights",
                          3,
                          {X, Y, W},
                          {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS}},
};

static dnnl_status_t product_shapes(const product_t *product, dnnl_format_tag_t weights,
                                    shape_t shapes[N_OPERANDS]) {
  const dnnl_dims_t dims[N_OPERANDS] = {[X] = {product->rows, product->in},
                                        [W] = {product->out, product->in},
                                        [Y] = {product->rows, product->out},
                                        [B] = {product->out}};
  dnnl_status_t status = shape_create(&shapes[X], 2, dims[X], dnnl_ab);
  if (status == dnnl_success) status = shape_create(&shapes[W], 2, dims[W], weights);
  if (status == dnnl_success) status = shape_create(&shapes[Y], 2, dims[Y], dnnl_ab);
  if (status == dnnl_success) status = shape_create(&shapes[B], 1, dims[B], dnnl_a);
  return status;
}

static dnnl_status_t attr_fuse(dnnl_primitive_attr_t attr, const activation_t *activation) {
  if (activation == NULL || activation->eltwise == ELTWISE_IDENTITY) return dnnl_success;
  dnnl_post_ops_t ops = NULL;
  dnnl_status_t status = dnnl_post_ops_create(&ops);
  if (status != dnnl_success) return status;
  status = append_eltwise(ops, activation->scale, algorithms[activation->eltwise], activation->alpha);
  if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attr, ops); /* copies them */
  dnnl_post_ops_destroy(ops);
  return status;
}

/* Own scratch, no lower precision whatever the environment asks for, and the activation. */
static dnnl_status_t attr_create(dnnl_primitive_attr_t *attr, const activation_t *activation) {
  dnnl_status_t status = dnnl_primitive_attr_create(attr);
  if (status != dnnl_success) return status;
  status = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
  if (status == dnnl_success) status = dnnl_primitive_attr_set_fpmath_mode(*attr, dnnl_fpmath_mode_strict);
  return status == dnnl_success ? attr_fuse(*attr, activation) : status;
}

/* A product's primitive description and the shapes of its operands. */
typedef struct {
  shape_t shapes[N_OPERANDS];
  dnnl_primitive_desc_t primitive;
} description_t;

static void description_destroy(description_t *description) {
  if (description->primitive != NULL) dnnl_primitive_desc_destroy(description->primitive);
  for (int i = 0; i < N_OPERANDS; i++) shape_destroy(&description->shapes[i]);
}

/* Describes one pass; the backward ones want the description of the forward pass as a hint. Destroy what
 * comes out even when this fails. */
static dnnl_status_t describe(const product_t *product, dnnl_format_tag_t weights, dnnl_engine_t engine,
                              description_t *out) {
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t hint = NULL;
  dnnl_status_t status = product_shapes(product, weights, out->shapes);
  shape_view_t x = shape_view(&out->shapes[X]), w = shape_view(&out->shapes[W]);
  shape_view_t y = shape_view(&out->shapes[Y]);
  shape_view_t bias = product->has_bias ? shape_view(&out->shapes[B]) : NULL;
  if (status == dnnl_success) status = attr_create(&attr, product->activation);
  if (status == dnnl_success && product->pass != FORWARD)
    status = product_describe(&hint, engine, FORWARD, x, w, bias, y, attr, NULL);
  if (status == dnnl_success)
    status = product_describe(&out->primitive, engine, product->pass, x, w, bias, y, attr, hint);
  if (hint != NULL) dnnl_primitive_desc_destroy(hint);
  if (attr != NULL) dnnl_primitive_attr_destroy(attr);
  return status;
}

static ls_status product_failed(const product_t *product, dnnl_status_t status, ls_error *error) {
  char what[192];
  snprintf(what, sizeof what,
           "the %s pass of a dense layer of %" PRId64 " inputs and %" PRId64 " outputs at %" PRId64 " rows",
           pass_table[product->pass].name, product->in, product->out, product->rows);
  return library_failed(error, status, what);
}

ls_status call_of_product(const product_t *product, call_t **out, ls_error *error) {
  int n = pass_table[product->pass].n - (product->pass == FORWARD && !product->has_bias);
  const int *operands = pass_table[product->pass].operands;
  call_t *call = NULL;
  TRY(call_create(&call, error));
  description_t description = {0};
  dnnl_status_t status = describe(product, layout_tag(product->output_block), call->engine, &description);
  if (status == dnnl_success) {
    shape_view_t views[N_OPERANDS];
    for (int i = 0; i < n; i++) views[i] = shape_view(&description.shapes[operands[i]]);
    status = call_complete(call, description.primitive, n, pass_table[product->pass].names, views);
  }
  description_destroy(&description);
  if (status == dnnl_success) {
    *out = call;
    return LS_OK;
  }
  call_destroy(&call);
  return product_failed(product, status, error);
}

/* The block of the layout that weights (out, in) have got; ONEDNN_PLAIN when they are in none of the table.
 */
static int64_t block_of(shape_view_t weights, int64_t out, int64_t in) {
  const dnnl_dims_t dims = {out, in};
  for (size_t i = 0; i < N_LAYOUTS; i++) {
    shape_t candidate = {0};
    if (shape_create(&candidate, 2, dims, layout_table[i].tag) != dnnl_success) continue;
    bool same = dnnl_memory_desc_equal(weights, shape_view(&candidate)) != 0;
    shape_destroy(&candidate);
    if (same) return layout_table[i].output_block;
  }
  return ONEDNN_PLAIN;
}

ls_status onednn_favourite_block(const product_t *product, int64_t *output_block, ls_error *error) {
  dnnl_engine_t engine = NULL;
  TRY(engine_create(&engine, error));
  description_t description = {0};
  dnnl_status_t status = describe(product, dnnl_format_tag_any, engine, &description);
  if (status == dnnl_success)
    *output_block = block_of(dnnl_primitive_desc_query_md(description.primitive, dnnl_query_weights_md, 0),
                             product->out, product->in);
  description_destroy(&description);
  dnnl_engine_destroy(engine);
  return status == dnnl_success ? LS_OK : product_failed(product, status, error);
}

ls_status onednn_is_fast(const product_t *product, bool *fast, ls_error *error) {
  dnnl_engine_t engine = NULL;
  TRY(engine_create(&engine, error));
  description_t description = {0};
  const char *implementation = "ref"; /* as good as none at all */
  if (describe(product, layout_tag(product->output_block), engine, &description) == dnnl_success)
    dnnl_primitive_desc_query(description.primitive, dnnl_query_impl_info_str, 0, &implementation);
  *fast = strncmp(implementation, "ref", 3) != 0;
  description_destroy(&description);
  dnnl_engine_destroy(engine);
  return LS_OK;
}

/* ---- activations on their own ---- */

static dnnl_status_t eltwise_complete(call_t *call, const activation_t *activation, shape_view_t shape,
                                      dnnl_primitive_attr_t attr, bool backward) {
  static const int names[2][3] = {{DNNL_ARG_SRC, DNNL_ARG_DST},
                                  {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC}};
  const shape_view_t shapes[] = {shape, shape, shape};
  const dnnl_alg_kind_t algorithm = algorithms[activation->eltwise];
  dnnl_primitive_desc_t forward = NULL, gradient = NULL;
  dnnl_status_t status =
      eltwise_describe(&forward, call->engine, algorithm, activation->alpha, shape, attr, NULL);
  if (status == dnnl_success && backward)
    status = eltwise_describe(&gradient, call->engine, algorithm, activation->alpha, shape, attr, forward);
  if (status == dnnl_success)
    status = call_complete(call, backward ? gradient : forward, backward ? 3 : 2, names[backward], shapes);
  if (gradient != NULL) dnnl_primitive_desc_destroy(gradient);
  if (forward != NULL) dnnl_primitive_desc_destroy(forward);
  return status;
}

ls_status call_of_eltwise(const activation_t *activation, int64_t n, bool backward, call_t **out,
                          ls_error *error) {
  const dnnl_dims_t dims = {n};
  shape_t shape = {0};
  dnnl_primitive_attr_t attr = NULL;
  call_t *call = NULL;
  TRY(call_create(&call, error));
  dnnl_status_t status = shape_create(&shape, 1, dims, dnnl_a);
  if (status == dnnl_success) status = attr_create(&attr, NULL);
  if (status == dnnl_success) status = eltwise_complete(call, activation, shape_view(&shape), attr, backward);
  if (attr != NULL) dnnl_primitive_attr_destroy(attr);
  shape_destroy(&shape);
  if (status == dnnl_success) {
    *out = call;
    return LS_OK;
  }
  call_destroy(&call);
  return library_failed(error, status, activation->name);
}

/* ---- what the bits depend on ---- */

static const struct {
  dnnl_cpu_isa_t isa;
  const char *name;
} isa_table[] = {
    {dnnl_cpu_isa_sse41, "sse41"},
    {dnnl_cpu_isa_avx, "avx"},
    {dnnl_cpu_isa_avx2, "avx2"},
    {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
    {dnnl_cpu_isa_avx512_core, "avx512_core"},
    {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
    {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
    {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
#if DNNL_VERSION_MAJOR >= 3
    {dnnl_cpu_isa_avx2_vnni_2, "avx2_vnni_2"},
    {dnnl_cpu_isa_avx512_core_fp16, "avx512_core_fp16"},
#endif
};

void dense_library_version(char *out, size_t size) {
  const dnnl_version_t *version = dnnl_version();
  dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  char name[32];
  snprintf(name, sizeof name, "isa 0x%x", (unsigned)isa);
  for (size_t i = 0; i < sizeof isa_table / sizeof isa_table[0]; i++)
    if (isa_table[i].isa == isa) snprintf(name, sizeof name, "%s", isa_table[i].name);
  snprintf(out, size, "oneDNN %d.%d.%d (%s)", version->major, version->minor, version->patch, name);
}
