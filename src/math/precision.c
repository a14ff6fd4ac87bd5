/* The table of precisions, what each asks of the CPU, and rounding. */
#include "math/precision.h"

const precision_t precisions[PRECISIONS] = {
    [PRECISION_FP32] = {"fp32", "single precision throughout", 1, product_store, product_add},
    [PRECISION_BF16] = {"bf16",
                        "factors of the products rounded to bf16, sums in fp32; needs a CPU with AVX512_BF16",
                        2,
#ifdef __AVX512BF16__
                        product_store_bf16, product_add_bf16},
#else
                        NULL, NULL},
#endif
    [PRECISION_BF16_EMULATED] = {"bf16_emulated",
                                 "the same on any CPU, slower than fp32: to try what bf16 does to a training",
                                 2, product_store_emulated, product_add_emulated},
};

bool precision_choice(size_t i, choice_t *out) {
  if (i >= PRECISIONS) return false;
  *out = (choice_t){precisions[i].name, precisions[i].meaning};
  return true;
}

/* The one place that asks whether there is an instruction for pairs; NULL: there is. */
static const char *lacks_bf16(void) {
#if defined __x86_64__
  if (!__builtin_cpu_supports("avx512bf16")) return "this CPU has no AVX512_BF16";
#else
  return "this CPU has no AVX512_BF16";
#endif
  if (precisions[PRECISION_BF16].store == NULL)
    return "this CPU has AVX512_BF16, but lockstep was built for one without (build it here, with "
           "LOCKSTEP_NATIVE on)";
  return NULL;
}

ls_status precision_find(const char *name, const precision_t **out, ls_error *error) {
  int i = choice_find(precision_choice, name);
  if (i < 0) return error_set(error, LS_BAD_SETTINGS, "train.precision: unknown precision '%s'", name);
  const char *lacks = i == PRECISION_BF16 ? lacks_bf16() : NULL;
  if (lacks != NULL)
    return error_set(
        error, LS_BAD_SETTINGS,
        "train.precision: bf16: %s; train.precision=bf16_emulated computes the same on any CPU, slower, "
        "and fp32 is faster here",
        lacks);
  *out = &precisions[i];
  return LS_OK;
}

/* ---- rounding ---- */

void bf16_pairs(int64_t n, const float *restrict first, const float *restrict second, pair_t *restrict out) {
  for (int64_t i = 0; i < n; i++) out[i] = bf16_round(first[i]) | bf16_round(second[i]) << 16;
}

/* Where a row has as many words as it has pairs, all rows are one. */
void bf16_rows(int64_t rows, int64_t columns, const float *x, float *out) {
  const int64_t words = (columns + 1) / 2;
  half_t *restrict to = (half_t *)out;
  if (columns % 2 == 0) {
    for (int64_t i = 0; i < rows * columns; i++) to[i] = (half_t)bf16_round(x[i]);
    return;
  }
  for (int64_t r = 0; r < rows; r++, to += 2 * words, x += columns) {
    for (int64_t i = 0; i < columns; i++) to[i] = (half_t)bf16_round(x[i]);
    to[columns] = 0;
  }
}
