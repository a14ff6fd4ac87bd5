/* Entry point of the process. It first checks that the CPU has the instruction set that all other files are
 * compiled for. Only this file is compiled for any CPU of its architecture, so an older CPU gets a message
 * instead of SIGILL. */
#include "cli/program.h"

#include <stdio.h>

#ifdef __x86_64__
static int lacks_baseline(void) {
  __builtin_cpu_init();
  return !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
         !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2");
}
#else
static int lacks_baseline(void) {
  return 0;
}
#endif

int main(int argc, char **argv) {
  if (!lacks_baseline()) return program_run(argc, argv);
  fputs("lockstep: this CPU lacks AVX2, FMA or BMI2, which lockstep needs (x86-64-v3: Intel since Haswell, "
        "2013; AMD "
        "since Zen, 2017)\n",
        stderr);
  return 1;
}
