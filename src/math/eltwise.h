/* Activations that are no part of a product: y = f(x), element by element, by oneDNN or loops of their own.
 *
 * Kernels must be made by the thread that runs them, with omp_set_num_threads(1) in force there; each belongs
 * to that thread. */
#ifndef MATH_ELTWISE_H
#define MATH_ELTWISE_H

#include "base/error.h"
#include "math/activation.h"

#include <stdint.h>

/* y = f(x), n values; and dx = dy * f'(x), for those that have an f'. In place allowed (y == x, dx == dy). */
typedef struct eltwise_kernel eltwise_kernel_t;
ls_status eltwise_create(const activation_t *activation, int64_t n, bool backward, eltwise_kernel_t **out,
                         ls_error *error);
void eltwise_forward(eltwise_kernel_t *kernel, const float *x, float *y);
void eltwise_backward(eltwise_kernel_t *kernel, const float *x, const float *dy, float *dx);
void eltwise_destroy(eltwise_kernel_t **kernel);

/* Version of the library and the instruction set it uses, "oneDNN 2.6.3 (avx512_core_bf16)". Static or in
 * out. */
void eltwise_library_version(char *out, size_t size);

#endif
