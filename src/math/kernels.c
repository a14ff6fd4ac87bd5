/* The table of kernels, and the functions of the room that only call the selected kernel. */
#include "math/kernels.h"

#include "math/functions.h"
#include "math/peak.h"

#include <sleef.h>
#include <string.h>

/* ---- the table ---- */

extern const product_kernels_t product_fp32_baseline, product_pairs_baseline, product_dot_baseline;
extern const product_kernels_t product_squares_baseline, product_squares_emulated;
extern const product_kernels_t product_fp32_emulated, product_tiles_emulated, product_dot_emulated;
extern const loops_t loops_baseline, loops_emulated;
extern const activation_t activation_table_baseline[], activation_table_emulated[];
extern const peaks_t peaks_baseline;
extern outer_add_t outer_add_baseline, outer_add_emulated;
#ifdef __x86_64__
extern const product_kernels_t product_fp32_avx512, product_pairs_avx512, product_dot_avx512;
extern const product_kernels_t product_squares_avx512;
extern const product_kernels_t product_dot_avx512_bf16, product_tiles_amx;
extern const loops_t loops_avx512;
extern const activation_t activation_table_avx512[];
extern const peaks_t peaks_avx512, peaks_avx512_bf16, peaks_amx;
extern outer_add_t outer_add_avx512;
#endif

static const kernels_t table[ISAS] = {
    [ISA_BASELINE] = {{&product_fp32_baseline, &product_pairs_baseline, &product_dot_baseline},
                      &product_squares_baseline,
                      &loops_baseline,
                      activation_table_baseline,
                      &peaks_baseline,
                      outer_add_baseline},
#ifdef __x86_64__
    [ISA_AVX512] = {{&product_fp32_avx512, &product_pairs_avx512, &product_dot_avx512},
                    &product_squares_avx512,
                    &loops_avx512,
                    activation_table_avx512,
                    &peaks_avx512,
                    outer_add_avx512},
    [ISA_AVX512_BF16] = {{&product_fp32_avx512, &product_pairs_avx512, &product_dot_avx512_bf16},
                         &product_squares_avx512,
                         &loops_avx512,
                         activation_table_avx512,
                         &peaks_avx512_bf16,
                         outer_add_avx512},
    [ISA_AMX] = {{&product_fp32_avx512, &product_tiles_amx, &product_dot_avx512_bf16},
                 &product_squares_avx512,
                 &loops_avx512,
                 activation_table_avx512,
                 &peaks_amx,
                 outer_add_avx512},
#endif
    [ISA_EMULATED] = {{&product_fp32_emulated, &product_tiles_emulated, &product_dot_emulated},
                      &product_squares_emulated,
                      &loops_emulated,
                      activation_table_emulated,
                      &peaks_baseline,
                      outer_add_emulated},
};

const kernels_t *kernels_of(isa_t isa) {
  return &table[isa];
}

/* ---- functions that call the selected kernel ---- */

void floats_exp(size_t n, const float *x, float *y) {
  kernels_selected()->loops->exp(n, x, y);
}

void floats_log1p(size_t n, const float *x, float *y) {
  kernels_selected()->loops->log1p(n, x, y);
}

void floats_cos(size_t n, const float *x, float *y) {
  kernels_selected()->loops->cos(n, x, y);
}

void bf16_pairs(int64_t n, const float *first, const float *second, pair_t *out) {
  kernels_selected()->loops->pairs(n, first, second, out);
}

void bf16_halves(int64_t n, const float *x, half_t *out) {
  kernels_selected()->loops->halves(n, x, out);
}

double peak_run(arithmetic_t arithmetic, int64_t rounds) {
  double (*loop)(int64_t) = kernels_selected()->peaks->of[arithmetic];
  return loop == NULL ? 0 : loop(rounds);
}

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

const char *floats_library_version(void) {
  return "SLEEF " TEXT(SLEEF_VERSION_MAJOR) "." TEXT(SLEEF_VERSION_MINOR) "." TEXT(SLEEF_VERSION_PATCHLEVEL);
}

/* ---- activations ---- */

const activation_t *activation_find(const char *name) {
  for (const activation_t *row = kernels_selected()->activations; row->name != NULL; row++)
    if (strcmp(row->name, name) == 0) return row;
  return NULL;
}

bool activation_is_identity(const activation_t *activation) {
  return activation->rectifies && activation->slope == 1.0F;
}

/* All instruction sets have the same names. */
bool activation_choice(size_t i, choice_t *out) {
  const activation_t *row = table[ISA_BASELINE].activations;
  for (; i > 0 && row->name != NULL; i--) row++;
  if (row->name == NULL) return false;
  *out = (choice_t){row->name, row->meaning};
  return true;
}
