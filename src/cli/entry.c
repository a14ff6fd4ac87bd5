/* Entry point of the process. It first checks that the CPU has the instruction sets that all other files are
 * compiled for, x86-64-v3. Only this file is compiled for any CPU of its architecture. So an older CPU gets a
 * message instead of SIGILL, or of the wrong numbers of a CPU that takes LZCNT for another instruction. */
#include "cli/program.h"

#ifdef __x86_64__

#include <cpuid.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The names of what the CPU lacks, parted by commas; empty when it lacks nothing. */
static void list_lacks(char *list, size_t size) {
  unsigned a = 0, b = 0, c = 0, d = 0, basic = 0, extended = 0, wide = 0;
  if (__get_cpuid(1, &a, &b, &c, &d)) basic = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) wide = b;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d)) extended = c;
  __builtin_cpu_init();
  /* Where the builtin knows the name it also asks whether the system saves the registers. Bits are those of
   * Intel's "Software Developer's Manual", volume 2, CPUID leaves 1, 7 and 0x80000001. */
  const struct {
    const char *name;
    bool there;
  } needs[] = {
      {"AVX", __builtin_cpu_supports("avx")},
      {"AVX2", __builtin_cpu_supports("avx2")},
      {"FMA", __builtin_cpu_supports("fma")},
      {"F16C", basic >> 29 & 1U},
      {"MOVBE", basic >> 22 & 1U},
      {"BMI1", wide >> 3 & 1U},
      {"BMI2", wide >> 8 & 1U},
      {"LZCNT", extended >> 5 & 1U},
  };
  list[0] = '\0';
  for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
    size_t used = strlen(list);
    if (!needs[i].there) snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", needs[i].name);
  }
}

static bool has_baseline(void) {
  char list[80];
  list_lacks(list, sizeof list);
  if (list[0] == '\0') return true;
  fprintf(stderr,
          "lockstep: this CPU lacks %s; lockstep needs x86-64-v3 (Intel since 2013, AMD since 2017)\n", list);
  return false;
}

int main(int argc, char **argv) {
  return has_baseline() ? program_run(argc, argv) : 1;
}

#else

int main(int argc, char **argv) {
  return program_run(argc, argv);
}

#endif
