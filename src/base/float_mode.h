/* Denormal numbers count as zero in every thread that computes: as operands, and as results. They are smaller
 * than 1.2e-38 and contribute nothing to a training, but many CPUs handle them in microcode; unscaled inputs
 * make steps two to three times as slow there. Every thread has a mode of its own. A thread starts with that
 * of the thread that creates it; OpenMP's threads outlive a parallel region and keep theirs. */
#ifndef BASE_FLOAT_MODE_H
#define BASE_FLOAT_MODE_H

#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* The calling thread's mode, to be given back. */
typedef uint64_t float_mode_t;

/* Sets the mode of the calling thread and returns the one that it had. A few cycles. */
static inline float_mode_t float_mode_flush(void) {
#ifdef __x86_64__
  enum { FLUSH_RESULTS = 0x8000, DENORMALS_ARE_ZERO = 0x40 };
  unsigned before = _mm_getcsr();
  if ((before & (FLUSH_RESULTS | DENORMALS_ARE_ZERO)) != (FLUSH_RESULTS | DENORMALS_ARE_ZERO))
    _mm_setcsr(before | FLUSH_RESULTS | DENORMALS_ARE_ZERO);
  return before;
#elif defined __aarch64__
  uint64_t before, flush = UINT64_C(1) << 24; /* FPCR.FZ: operands and results */
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  if ((before & flush) == 0) __asm__ volatile("msr fpcr, %0" : : "r"(before | flush));
  return before;
#else
  return 0;
#endif
}

/* Whether the calling thread's product of a denormal number and 2 is zero. */
static inline bool float_mode_flushes(void) {
  volatile float denormal = 0x1p-127F;
  volatile float product = denormal * 2.0F;
  return product == 0;
}

/* What every thread that computes calls first. */
static inline void float_mode_begin(void) {
  float_mode_flush();
#if defined __x86_64__ || defined __aarch64__
  assert(float_mode_flushes());
#endif
}

static inline void float_mode_restore(float_mode_t mode) {
#ifdef __x86_64__
  _mm_setcsr((unsigned)mode);
#elif defined __aarch64__
  __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#else
  (void)mode;
#endif
}

#endif
