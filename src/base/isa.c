/* Finds out which instruction sets the CPU has, the operating system permits and LOCKSTEP_ISA asks for. */
#include "base/isa.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char variable[] = "LOCKSTEP_ISA";

static const char *const names[ISAS] = {
#ifdef __x86_64__
    [ISA_AVX2] = "avx2",
    [ISA_AVX512] = "avx512",
    [ISA_AVX512_BF16] = "avx512_bf16",
    [ISA_AMX] = "amx",
#else
    [ISA_NEON] = "neon",
#endif
    [ISA_EMULATED] = "emulated"};

const char *isa_name(isa_t isa) {
  return names[isa];
}

/* ---- detection ---- */

/* The result of detection, filled once. The functions below only read it. */
static struct {
  bool supported[ISAS];
  const char *denied;
  isa_t selected;
  bool restricted; /* by LOCKSTEP_ISA */
  bool unknown, unsupported;
} found;
static pthread_once_t found_once = PTHREAD_ONCE_INIT;

#ifdef __x86_64__

#include <cpuid.h>

/* Linux, asm/prctl.h: requests a feature whose register state is too large to give to every process. */
enum { ARCH_REQUEST_PERMISSION = 0x1023, FEATURE_TILE_DATA = 18 };

/* Intel, "Software Developer's Manual", volume 2, CPUID leaf 7: bit 22 of EDX is AMX_BF16, bit 24 is
 * AMX_TILE. */
static bool has_tiles(void) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1U) && (d >> 24 & 1U);
}

static bool has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

static void find_supported(void) {
  __builtin_cpu_init();
  found.supported[ISA_AVX2] = true;
  found.supported[ISA_AVX512] = has_avx512();
  found.supported[ISA_AVX512_BF16] = found.supported[ISA_AVX512] && __builtin_cpu_supports("avx512bf16");
  if (!found.supported[ISA_AVX512_BF16] || !has_tiles()) return;
  found.supported[ISA_AMX] = syscall(SYS_arch_prctl, ARCH_REQUEST_PERMISSION, FEATURE_TILE_DATA) == 0;
  if (!found.supported[ISA_AMX])
    found.denied = "this CPU has AMX, but the system does not permit its use (Linux 5.16 or newer does)";
}

#else

static void find_supported(void) {
  found.supported[ISA_NEON] = true;
}

#endif

static void find(void) {
  find_supported();
  found.supported[ISA_EMULATED] = true;
  for (int i = 0; i < ISA_EMULATED; i++)
    if (found.supported[i]) found.selected = (isa_t)i;
  const char *wanted = getenv(variable);
  if (wanted == NULL || wanted[0] == '\0') return;
  int i = 0;
  while (i < ISAS && strcmp(names[i], wanted) != 0) i++;
  found.unknown = i == ISAS;
  found.unsupported = !found.unknown && !found.supported[i];
  if (found.unknown || found.unsupported) return;
  found.restricted = true;
  found.selected = (isa_t)i;
}

/* ---- queries ---- */

bool isa_supported(isa_t isa) {
  pthread_once(&found_once, find);
  return found.supported[isa];
}

isa_t isa_selected(void) {
  pthread_once(&found_once, find);
  return found.selected;
}

const char *isa_denied(void) {
  pthread_once(&found_once, find);
  return found.restricted ? NULL : found.denied;
}

/* Writes the names of all instruction sets, or of the supported ones, each with a space in front. */
static void list_names(bool all, char *out, size_t size) {
  out[0] = '\0';
  for (int i = 0; i < ISAS; i++) {
    size_t used = strlen(out);
    if (all || found.supported[i]) snprintf(out + used, size - used, " %s", names[i]);
  }
}

ls_status isa_check(ls_error *error) {
  pthread_once(&found_once, find);
  char list[128];
  list_names(found.unknown, list, sizeof list);
  if (found.unknown)
    return error_set(error, LS_USAGE, "%s: '%.40s' is no instruction set; there are:%s", variable,
                     getenv(variable), list);
  if (found.unsupported)
    return error_set(error, LS_USAGE, "%s: %s cannot be used: %s; this machine supports:%s", variable,
                     getenv(variable), found.denied != NULL ? found.denied : "this CPU does not have it",
                     list);
  return LS_OK;
}

void isa_describe(char *out, size_t size) {
  pthread_once(&found_once, find);
  char list[128];
  list_names(false, list, sizeof list);
  snprintf(out, size, "%s%s (this CPU supports:%s)", names[found.selected],
           found.restricted ? " restricted by LOCKSTEP_ISA" : "", list);
}
