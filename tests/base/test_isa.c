/* The choice of an instruction set, asked about machines that are not this one. */
#include "base/isa_impl.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a user who asks for `wanted` is told; "" when all is well. */
static const char *told(isa_machine_t machine, const char *wanted) {
  static ls_error error;
  error = (ls_error){0};
  isa_choice_t choice = isa_choose(machine, wanted);
  ls_status status = isa_choice_check(&choice, &error);
  cr_expect_eq(status, error.message[0] == '\0' ? LS_OK : LS_USAGE);
  return error.message;
}

#ifdef __x86_64__

static int asked;

static bool permit(void) {
  asked++;
  return true;
}

static bool refuse(void) {
  asked++;
  return false;
}

static const isa_cpu_t sapphire_rapids = {true, true, true};
static const char *const reason =
    "this CPU has AMX, but the system does not permit its use (Linux 5.16 or newer does)";

Test(isa, the_best_that_the_cpu_has_is_selected) {
  const struct {
    isa_cpu_t cpu;
    isa_t best;
  } rows[] = {{{false, false, false}, ISA_AVX2},      {{true, false, false}, ISA_AVX512},
              {{true, true, false}, ISA_AVX512_BF16}, {{true, true, true}, ISA_AMX},
              {{false, true, true}, ISA_AVX2}, /* rows contain those before them */
              {{true, false, true}, ISA_AVX512}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    for (int empty = 0; empty < 2; empty++) {
      isa_choice_t choice = isa_choose(isa_machine(rows[i].cpu, permit), empty ? "" : NULL);
      cr_expect_eq(choice.selected, rows[i].best, "row %zu: %s", i, isa_name(choice.selected));
      cr_expect_null(isa_choice_denied(&choice));
      cr_expect_str_empty(told(choice.machine, choice.wanted));
    }
}

/* On other CPUs an old system, which does not know the question, is not asked. */
Test(isa, the_system_is_asked_for_amx_alone) {
  asked = 0;
  isa_machine((isa_cpu_t){true, true, false}, refuse);
  isa_machine((isa_cpu_t){false, false, false}, refuse);
  cr_expect_eq(asked, 0);
  isa_machine(sapphire_rapids, refuse);
  cr_expect_eq(asked, 1);
}

Test(isa, a_system_that_denies_amx_leaves_the_rest_and_says_so) {
  isa_machine_t machine = isa_machine(sapphire_rapids, refuse);
  isa_choice_t choice = isa_choose(machine, NULL);
  cr_expect_eq(choice.selected, ISA_AVX512_BF16);
  cr_expect_str_eq(isa_choice_denied(&choice), reason);
  cr_expect_str_empty(told(machine, NULL));
  char line[160];
  isa_choice_describe(&choice, line, sizeof line);
  cr_expect_str_eq(line, "avx512_bf16 (this CPU supports: avx2 avx512 avx512_bf16 emulated)");
}

Test(isa, who_asks_for_less_than_the_denied_is_not_warned) {
  isa_choice_t choice = isa_choose(isa_machine(sapphire_rapids, refuse), "avx512");
  cr_expect_eq(choice.selected, ISA_AVX512);
  cr_expect_null(isa_choice_denied(&choice));
}

Test(isa, who_asks_for_the_denied_is_told_why) {
  char expected[400];
  snprintf(expected, sizeof expected,
           "LOCKSTEP_ISA: amx cannot be used: %s; this machine supports: avx2 avx512 avx512_bf16 emulated",
           reason);
  cr_expect_str_eq(told(isa_machine(sapphire_rapids, refuse), "amx"), expected);
}

Test(isa, what_the_cpu_lacks_is_refused_with_what_there_is) {
  isa_machine_t haswell = isa_machine((isa_cpu_t){false, false, false}, refuse);
  cr_expect_str_eq(told(haswell, "amx"),
                   "LOCKSTEP_ISA: amx cannot be used: this CPU does not have it; this machine "
                   "supports: avx2 emulated");
  isa_choice_t choice = isa_choose(haswell, "avx512");
  cr_expect_eq(choice.selected, ISA_AVX2);
  cr_expect_not(choice.restricted);
}

Test(isa, an_unknown_name_is_refused_with_all_names) {
  cr_expect_str_eq(
      told(isa_machine(sapphire_rapids, permit), "avx3"),
      "LOCKSTEP_ISA: 'avx3' is no instruction set; there are: avx2 avx512 avx512_bf16 amx emulated");
  cr_expect_str_eq(
      told(isa_machine(sapphire_rapids, permit), "AVX2"),
      "LOCKSTEP_ISA: 'AVX2' is no instruction set; there are: avx2 avx512 avx512_bf16 amx emulated");
}

#else

Test(isa, an_unknown_name_is_refused_with_all_names) {
  isa_machine_t machine = {.supported = {[ISA_NEON] = true, [ISA_EMULATED] = true}};
  cr_expect_str_empty(told(machine, NULL));
  cr_expect_str_empty(told(machine, "neon"));
  cr_expect_str_eq(told(machine, "avx2"),
                   "LOCKSTEP_ISA: 'avx2' is no instruction set; there are: neon emulated");
}

#endif

/* Whatever this machine is. The environment is read once: a later change has no effect. */
Test(isa, this_machine_has_its_baseline) {
  cr_expect(isa_supported(ISA_BASELINE));
  cr_expect(isa_supported(ISA_EMULATED));
  cr_expect(isa_supported(isa_selected()));
  cr_expect_eq(isa_check(NULL), LS_OK);
  isa_t before = isa_selected();
  cr_assert_eq(setenv("LOCKSTEP_ISA", "avx3", 1), 0);
  cr_expect_eq(isa_selected(), before);
}
