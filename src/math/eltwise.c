/* Activations by oneDNN, or by loops of their own: the only file that knows the library, in its v2 and its v3
 * C API.
 *
 * A kernel is one primitive with everything that running it needs, made once for a fixed number of values.
 * Scratch memory is the kernel's own (the library's would be shared between threads), and a run only points
 * the memory objects at the caller's arrays. */
#include "math/eltwise.h"

#include "base/arena.h"

#include <assert.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

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

static dnnl_status_t shape_create(shape_t *shape, int64_t n) {
  return dnnl_memory_desc_create_with_tag(shape, 1, (const dnnl_dims_t){n}, dnnl_f32, dnnl_a);
}

static void shape_destroy(shape_t *shape) {
  if (*shape != NULL) dnnl_memory_desc_destroy(*shape);
  *shape = NULL;
}

/* hint: the forward pass, for the backward one; else NULL. */
static dnnl_status_t describe(dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_alg_kind_t algorithm,
                              float alpha, shape_view_t x, dnnl_primitive_attr_t attr,
                              const_dnnl_primitive_desc_t hint) {
  if (hint == NULL)
    return dnnl_eltwise_forward_primitive_desc_create(out, engine, dnnl_forward_training, algorithm, x, x,
                                                      alpha, 0, attr);
  return dnnl_eltwise_backward_primitive_desc_create(out, engine, algorithm, x, x, x, alpha, 0, hint, attr);
}

#else

typedef dnnl_memory_desc_t shape_t;
typedef const dnnl_memory_desc_t *shape_view_t;

static shape_view_t shape_view(const shape_t *shape) {
  return shape;
}

static dnnl_status_t shape_create(shape_t *shape, int64_t n) {
  return dnnl_memory_desc_init_by_tag(shape, 1, (const dnnl_dims_t){n}, dnnl_f32, dnnl_a);
}

static void shape_destroy(shape_t *shape) {
  (void)shape;
}

/* hint: the forward pass, for the backward one; else NULL. */
static dnnl_status_t describe(dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_alg_kind_t algorithm,
                              float alpha, shape_view_t x, dnnl_primitive_attr_t attr,
                              const_dnnl_primitive_desc_t hint) {
  dnnl_eltwise_desc_t op;
  dnnl_status_t status =
      hint == NULL ? dnnl_eltwise_forward_desc_init(&op, dnnl_forward_training, algorithm, x, alpha, 0)
                   : dnnl_eltwise_backward_desc_init(&op, algorithm, x, x, alpha, 0);
  return status == dnnl_success ? dnnl_primitive_desc_create(out, &op, attr, engine, hint) : status;
}

#endif

static const dnnl_alg_kind_t algorithms[] = {
    [ELTWISE_IDENTITY] = dnnl_eltwise_linear, [ELTWISE_RELU] = dnnl_eltwise_relu,
    [ELTWISE_TANH] = dnnl_eltwise_tanh,       [ELTWISE_LOGISTIC] = dnnl_eltwise_logistic,
    [ELTWISE_ELU] = dnnl_eltwise_elu,         [ELTWISE_GELU_ERF] = dnnl_eltwise_gelu_erf,
    [ELTWISE_SWISH] = dnnl_eltwise_swish,     [ELTWISE_SOFT_RELU] = dnnl_eltwise_soft_relu,
    [ELTWISE_MISH] = dnnl_eltwise_mish,
};

/* ---- a primitive ready to run ---- */

enum { MAX_ARGS = 3 };

struct eltwise_kernel {
  const activation_t *activation;
  int64_t n;            /* values */
  dnnl_engine_t engine; /* this and what follows: NULL where the activation has loops of its own */
  dnnl_stream_t stream;
  dnnl_primitive_t primitive;
  int arrays; /* arguments that a run points at arrays */
  int n_args; /* those and the scratchpad */
  dnnl_exec_arg_t args[MAX_ARGS + 1];
  arena_t arena;
};

static ls_status library_failed(ls_error *error, dnnl_status_t status, const char *what) {
  if (status == dnnl_out_of_memory) return error_set(error, LS_NO_MEMORY, "out of memory for %s", what);
  return error_set(error, LS_FAILED, "oneDNN cannot make %s (its status %d)", what, (int)status);
}

void eltwise_destroy(eltwise_kernel_t **slot) {
  eltwise_kernel_t *kernel = *slot;
  if (kernel == NULL) return;
  for (int i = 0; i < kernel->n_args; i++) dnnl_memory_destroy(kernel->args[i].memory);
  if (kernel->primitive != NULL) dnnl_primitive_destroy(kernel->primitive);
  if (kernel->stream != NULL) dnnl_stream_destroy(kernel->stream);
  if (kernel->engine != NULL) dnnl_engine_destroy(kernel->engine);
  arena_free(&kernel->arena);
  free(kernel);
  *slot = NULL;
}

static dnnl_status_t add_argument(eltwise_kernel_t *kernel, int name, shape_view_t shape, void *pointer) {
  dnnl_memory_t memory = NULL;
  dnnl_status_t status = dnnl_memory_create(&memory, shape, kernel->engine, pointer);
  if (status == dnnl_success) kernel->args[kernel->n_args++] = (dnnl_exec_arg_t){name, memory};
  return status;
}

static dnnl_status_t add_scratchpad(eltwise_kernel_t *kernel, const_dnnl_primitive_desc_t description) {
  shape_view_t shape = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  size_t bytes = shape == NULL ? 0 : dnnl_memory_desc_get_size(shape);
  if (bytes == 0) return dnnl_success;
  void *scratch = arena_new(&kernel->arena, bytes, 1);
  return scratch == NULL ? dnnl_out_of_memory : add_argument(kernel, DNNL_ARG_SCRATCHPAD, shape, scratch);
}

/* The primitive and its arguments: x, y forward; x, dy, dx backward. */
static dnnl_status_t complete(eltwise_kernel_t *kernel, const_dnnl_primitive_desc_t description,
                              shape_view_t shape, bool backward) {
  static const int names[2][MAX_ARGS] = {{DNNL_ARG_SRC, DNNL_ARG_DST},
                                         {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC}};
  kernel->arrays = backward ? 3 : 2;
  dnnl_status_t status = dnnl_stream_create(&kernel->stream, kernel->engine, dnnl_stream_default_flags);
  if (status == dnnl_success) status = dnnl_primitive_create(&kernel->primitive, description);
  for (int i = 0; i < kernel->arrays && status == dnnl_success; i++)
    status = add_argument(kernel, names[backward][i], shape, DNNL_MEMORY_NONE);
  return status == dnnl_success ? add_scratchpad(kernel, description) : status;
}

/* Own scratch, and no lower precision whatever the environment asks for. */
static dnnl_status_t attr_create(dnnl_primitive_attr_t *attr) {
  dnnl_status_t status = dnnl_primitive_attr_create(attr);
  if (status == dnnl_success)
    status = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
  if (status == dnnl_success) status = dnnl_primitive_attr_set_fpmath_mode(*attr, dnnl_fpmath_mode_strict);
  return status;
}

static dnnl_status_t make(eltwise_kernel_t *kernel, bool backward) {
  const activation_t *activation = kernel->activation;
  const dnnl_alg_kind_t algorithm = algorithms[activation->eltwise];
  shape_t shape = {0};
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t forward = NULL, gradient = NULL;
  dnnl_status_t status = dnnl_engine_create(&kernel->engine, dnnl_cpu, 0);
  if (status == dnnl_success) status = shape_create(&shape, kernel->n);
  shape_view_t view = shape_view(&shape);
  if (status == dnnl_success) status = attr_create(&attr);
  if (status == dnnl_success)
    status = describe(&forward, kernel->engine, algorithm, activation->alpha, view, attr, NULL);
  if (status == dnnl_success && backward)
    status = describe(&gradient, kernel->engine, algorithm, activation->alpha, view, attr, forward);
  if (status == dnnl_success) status = complete(kernel, backward ? gradient : forward, view, backward);
  if (gradient != NULL) dnnl_primitive_desc_destroy(gradient);
  if (forward != NULL) dnnl_primitive_desc_destroy(forward);
  if (attr != NULL) dnnl_primitive_attr_destroy(attr);
  shape_destroy(&shape);
  return status;
}

ls_status eltwise_create(const activation_t *activation, int64_t n, bool backward, eltwise_kernel_t **out,
                         ls_error *error) {
  eltwise_kernel_t *kernel = calloc(1, sizeof *kernel);
  if (kernel == NULL) return error_set(error, LS_NO_MEMORY, "out of memory for a kernel");
  kernel->activation = activation;
  kernel->n = n;
  dnnl_status_t status = activation->eltwise == ELTWISE_OWN ? dnnl_success : make(kernel, backward);
  if (status == dnnl_success) {
    *out = kernel;
    return LS_OK;
  }
  eltwise_destroy(&kernel);
  return library_failed(error, status, activation->name);
}

/* ---- running it ---- */

static void run(eltwise_kernel_t *kernel, const void *const *arrays) {
  dnnl_status_t status = dnnl_success;
  for (int i = 0; i < kernel->arrays && status == dnnl_success; i++)
    status = dnnl_memory_set_data_handle(kernel->args[i].memory, (void *)arrays[i]);
  assert(status == dnnl_success);
  status = dnnl_primitive_execute(kernel->primitive, kernel->stream, kernel->n_args, kernel->args);
  assert(status == dnnl_success);
  status = dnnl_stream_wait(kernel->stream);
  assert(status == dnnl_success);
  (void)status;
}

static void apply_scale(const eltwise_kernel_t *kernel, float *values) {
  const float scale = kernel->activation->scale;
  if (scale == 1.0F) return;
  for (int64_t i = 0; i < kernel->n; i++) values[i] *= scale;
}

void eltwise_forward(eltwise_kernel_t *kernel, const float *x, float *y) {
  if (kernel->primitive == NULL) {
    kernel->activation->forward((size_t)kernel->n, x, y);
    return;
  }
  run(kernel, (const void *[]){x, y});
  apply_scale(kernel, y);
}

void eltwise_backward(eltwise_kernel_t *kernel, const float *x, const float *dy, float *dx) {
  if (kernel->primitive == NULL) {
    kernel->activation->backward((size_t)kernel->n, x, dy, dx);
    return;
  }
  run(kernel, (const void *[]){x, dy, dx});
  apply_scale(kernel, dx);
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

void eltwise_library_version(char *out, size_t size) {
  const dnnl_version_t *version = dnnl_version();
  dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  char name[32];
  snprintf(name, sizeof name, "isa 0x%x", (unsigned)isa);
  for (size_t i = 0; i < sizeof isa_table / sizeof isa_table[0]; i++)
    if (isa_table[i].isa == isa) snprintf(name, sizeof name, "%s", isa_table[i].name);
  snprintf(out, size, "oneDNN %d.%d.%d (%s)", version->major, version->minor, version->patch, name);
}
