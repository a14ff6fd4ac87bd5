/* Inside of the room: the choice of an instruction set as a function of all that it depends on, so that tests
 * can ask about other machines than theirs. */
#ifndef BASE_ISA_IMPL_H
#define BASE_ISA_IMPL_H

#include "base/isa.h"

typedef struct {
  bool supported[ISAS];
  const char *denied; /* why the best of this CPU cannot be used; NULL: it can */
} isa_machine_t;

#ifdef __x86_64__
/* What the CPU says of itself beyond the baseline. */
typedef struct {
  bool avx512, avx512_bf16, amx;
} isa_cpu_t;

/* `permit` asks the system for the use of AMX. It is called only where the CPU has AMX. */
isa_machine_t isa_machine(isa_cpu_t cpu, bool (*permit)(void));
#endif

typedef struct {
  isa_machine_t machine;
  const char *wanted; /* the variable's value; NULL or empty: not set */
  isa_t selected;
  bool restricted; /* by the variable */
  bool unknown, unsupported;
} isa_choice_t;

isa_choice_t isa_choose(isa_machine_t machine, const char *wanted);

/* As isa_check, isa_denied and isa_describe. */
ls_status isa_choice_check(const isa_choice_t *choice, ls_error *error);
const char *isa_choice_denied(const isa_choice_t *choice);
void isa_choice_describe(const isa_choice_t *choice, char *out, size_t size);

#endif
