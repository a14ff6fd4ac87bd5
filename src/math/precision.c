/* The table of precisions, and conversion of rows to factors. */
#include "math/precision.h"

#include "base/isa.h"

const precision_t precisions[PRECISIONS] = {
    [PRECISION_FP32] = {"fp32", "single precision throughout", ARITHMETIC_FP32, 1, 1},
    [PRECISION_BF16] = {"bf16",
                        "factors of the products rounded to bf16, sums in fp32 in the order of AMX's tiles; "
                        "meant for CPUs with AMX, elsewhere slower than fp32",
                        ARITHMETIC_TILE, 2, 2 * PRODUCT_TILE},
    [PRECISION_BF16_DOT] = {"bf16_dot",
                            "the same with sums in the order of vdpbf16ps; meant for CPUs whose vdpbf16ps "
                            "beats fp32, slower on others",
                            ARITHMETIC_DOT, 2, 2},
};

bool precision_choice(size_t i, choice_t *out) {
  if (i >= PRECISIONS) return false;
  *out = (choice_t){precisions[i].name, precisions[i].meaning};
  return true;
}

ls_status precision_find(const char *name, const precision_t **out, ls_error *error) {
  int i = choice_find(precision_choice, name);
  if (i < 0) return error_set(error, LS_BAD_SETTINGS, "train.precision: unknown precision '%s'", name);
  *out = &precisions[i];
  return LS_OK;
}

/* On Intel CPUs with both instructions, vdpbf16ps was measured at half the rate of fp32 multiply-add. */
const char *precision_slow(const precision_t *precision) {
  bool has_tiles = false, has_dot = false;
#ifdef __x86_64__
  has_tiles = isa_selected() == ISA_AMX;
  has_dot = isa_selected() == ISA_AVX512_BF16 && !isa_supported(ISA_AMX) && isa_denied() == NULL;
#endif
  if (precision->arithmetic == ARITHMETIC_TILE && !has_tiles)
    return "no AMX is used here: bf16 has the same bits as with AMX, but is slower than fp32";
  if (precision->arithmetic == ARITHMETIC_DOT && !has_dot)
    return "vdpbf16ps is missing or slow here: bf16_dot is slower than fp32";
  return NULL;
}

/* If rows need no padding, converts all rows at once. */
void bf16_rows(const precision_t *precision, int64_t rows, int64_t columns, const float *x, float *out) {
  const int64_t halves = 2 * precision_words(precision, columns);
  half_t *to = (half_t *)out;
  if (columns == halves) {
    bf16_halves(rows * columns, x, to);
    return;
  }
  for (int64_t r = 0; r < rows; r++, to += halves, x += columns) {
    bf16_halves(columns, x, to);
    memset(to + columns, 0, (size_t)(halves - columns) * sizeof *to);
  }
}
