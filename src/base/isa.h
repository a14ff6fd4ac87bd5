/* Instruction sets: selects the kernels that this process uses.
 *
 * One program holds the kernels of all instruction sets and selects one set at start, so a binary runs on
 * every CPU from the baseline up.
 *
 * The baseline is what the whole program is compiled for: x86-64-v3 (AVX2 and FMA) or NEON on aarch64. Each
 * entry includes the entries before it, except `emulated`. `emulated` runs the loops of the widest kernels
 * (AVX-512 and AMX) with baseline instructions. It is slow, but lets every CPU test those loops. Results have
 * the same bits with every instruction set.
 *
 * The environment variable LOCKSTEP_ISA selects an instruction set, for tests and for clusters with mixed
 * CPUs. */
#ifndef BASE_ISA_H
#define BASE_ISA_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum {
#ifdef __x86_64__
  ISA_AVX2,
  ISA_AVX512,      /* F, CD, BW, DQ and VL: x86-64-v4 */
  ISA_AVX512_BF16, /* adds vdpbf16ps */
  ISA_AMX,         /* adds tiles of bf16 numbers; the operating system must permit their use */
#else
  ISA_NEON,
#endif
  ISA_EMULATED,
  ISAS,
  ISA_BASELINE = 0
} isa_t;

/* The name, as used in LOCKSTEP_ISA. */
const char *isa_name(isa_t isa);

/* Whether this CPU and this operating system can run the kernels. The first call asks the system for
 * permission to use AMX and must come before any thread is started. */
bool isa_supported(isa_t isa);

/* The instruction set in use: the one in LOCKSTEP_ISA, otherwise the best supported one. Constant for the
 * life of the process. Thread-safe. */
isa_t isa_selected(void);

/* Checks that LOCKSTEP_ISA is unset or names a supported instruction set. Otherwise returns LS_USAGE, and
 * isa_selected ignores the variable. */
ls_status isa_check(ls_error *error);

/* Why the best instruction set of this CPU is not used although LOCKSTEP_ISA does not restrict it: the system
 * denies AMX. NULL when there is nothing to report. */
const char *isa_denied(void);

/* Writes "avx2 (this CPU supports: avx2 emulated)" or "avx2 restricted by LOCKSTEP_ISA (this CPU …)" to
 * out. */
void isa_describe(char *out, size_t size);

#endif
