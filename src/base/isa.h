/* Instruction sets: which one the kernels of this process use. One program holds the kernels for all of them
 * and selects at start, so that a binary runs on every CPU from the baseline on.
 *
 * The baseline is what the whole program is compiled for: x86-64-v3 (AVX2 and FMA), or NEON on aarch64. Each
 * further row of the table contains the rows before it. `emulated` has the loops of the widest kernels,
 * AVX-512 and AMX, in instructions of the baseline: slow, but it lets every CPU test those loops. Results
 * have the same bits in every row.
 *
 * The environment variable LOCKSTEP_ISA restricts the choice, for tests and for clusters of mixed CPUs. */
#ifndef BASE_ISA_H
#define BASE_ISA_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum {
#ifdef __x86_64__
  ISA_AVX2,
  ISA_AVX512,      /* F, CD, BW, DQ and VL: x86-64-v4 */
  ISA_AVX512_BF16, /* and vdpbf16ps */
  ISA_AMX,         /* and tiles of bf16 numbers; the system must permit their use */
#else
  ISA_NEON,
#endif
  ISA_EMULATED,
  ISAS,
  ISA_BASELINE = 0
} isa_t;

/* The name that LOCKSTEP_ISA takes. */
const char *isa_name(isa_t isa);

/* Whether this CPU and this system can run its kernels. Asks the system for permission to use AMX at the
 * first call, which must come before threads start. */
bool isa_supported(isa_t isa);

/* The instruction set in use: LOCKSTEP_ISA, else the best that is supported. Constant through the life of the
 * process. Thread-safe. */
isa_t isa_selected(void);

/* Whether LOCKSTEP_ISA names something that can be had here. LS_USAGE otherwise, and then isa_selected
 * ignores the variable. */
ls_status isa_check(ls_error *error);

/* Why the best instruction set of this CPU is not used though nobody asked for less: the system denies AMX.
 * NULL when there is nothing to say. */
const char *isa_denied(void);

/* "avx2 (this CPU supports: avx2 emulated)", or "avx2 restricted by LOCKSTEP_ISA (this CPU …)". */
void isa_describe(char *out, size_t size);

#endif
