/* Flushing denormal numbers to zero.
 *
 * Every computing thread treats denormals as zero, both as operands and as results. They are smaller than
 * 1.2e-38 and contribute nothing to training, but many CPUs handle them in microcode: with unscaled inputs,
 * steps take two to three times as long. The mode belongs to the thread. A new thread inherits the mode of
 * its creator. OpenMP threads outlive a parallel region and keep their own mode. */
#ifndef BASE_FLOAT_MODE_H
#define BASE_FLOAT_MODE_H

#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* A saved mode, for float_mode_restore. */
typedef uint64_t float_mode_t;

/* Makes the calling thread flush denormals and returns its previous mode. Takes a few cycles. */
static inline float_mode_t float_mode_flush(void) {
#ifdef __x86_64__
  enum { FLUSH_RESULTS = 0x8000, DENORMALS_ARE_ZERO = 0x40 };
  unsigned before = _mm_getcsr();
  if ((before & (FLUSH_RESULTS | DENORMALS_ARE_ZERO)) != (FLUSH_RESULTS | DENORMALS_ARE_ZERO))
    _mm_setcsr(before | FLUSH_RESULTS | DENORMALS_ARE_ZERO);
  return before;
#elif defined __aarch64__
  uint64_t before, flush = UINT64_C(1) << 24; /* FPCR.FZ: flush operands and results */
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  if ((before & flush) == 0) __asm__ volatile("msr fpcr, %0" : : "r"(before | flush));
  return before;
#else
  return 0;
#endif
}

/* Makes the calling thread compute as a thread of lockstep does, for any settings of the thread: denormals
 * flushed, round to nearest, no traps. Returns its previous mode, with the exceptions so far. Takes a few
 * cycles. */
static inline float_mode_t float_mode_enter(void) {
#ifdef __x86_64__
  enum { NO_TRAPS_NEAREST_FLUSH = 0x1f80 | 0x8000 | 0x40 };
  unsigned before = _mm_getcsr();
  _mm_setcsr(NO_TRAPS_NEAREST_FLUSH);
  return before;
#elif defined __aarch64__
  uint64_t before, flush = UINT64_C(1) << 24;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(flush));
  return before;
#else
  return 0;
#endif
}

/* True if the calling thread flushes denormals. Tests it by doubling one. */
static inline bool float_mode_flushes(void) {
  volatile float denormal = 0x1p-127F;
  volatile float product = denormal * 2.0F;
  return product == 0;
}

/* Every computing thread calls this first. */
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
