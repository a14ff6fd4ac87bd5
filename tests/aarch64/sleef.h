/* In front of a SLEEF of an x86 machine, whose header leaves out the functions for ARM. */
#if __has_include_next(<sleef.h>)
#include_next <sleef.h>
#endif
#include <arm_neon.h>

float32x4_t Sleef_expf4_u10advsimd(float32x4_t x);
float32x4_t Sleef_cosf4_u10advsimd(float32x4_t x);
float32x4_t Sleef_expm1f4_u10advsimd(float32x4_t x);
float32x4_t Sleef_log1pf4_u10advsimd(float32x4_t x);
float32x4_t Sleef_tanhf4_u10advsimd(float32x4_t x);
