/* Finds out which instruction sets the CPU has, the operating system permits and LOCKSTEP_ISA asks for. */
#include "base/isa.h"

#include "base/isa_impl.h"

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

static bool permit_tiles(void) {
  return syscall(SYS_arch_prctl, ARCH_REQUEST_PERMISSION, FEATURE_TILE_DATA) == 0;
}

isa_machine_t isa_machine(isa_cpu_t cpu, bool (*permit)(void)) {
  isa_machine_t machine = {.supported = {[ISA_AVX2] = true, [ISA_EMULATED] = true}};
  machine.supported[ISA_AVX512] = cpu.avx512;
  machine.supported[ISA_AVX512_BF16] = cpu.avx512 && cpu.avx512_bf16;
  if (!machine.supported[ISA_AVX512_BF16] || !cpu.amx) return machine;
  machine.supported[ISA_AMX] = permit();
  if (!machine.supported[ISA_AMX])
    machine.denied = "this CPU has AMX, but the system does not permit its use (Linux 5.16 or newer does)";
  return machine;
}

static isa_machine_t this_machine(void) {
  __builtin_cpu_init();
  isa_cpu_t cpu = {has_avx512(), __builtin_cpu_supports("avx512bf16"), has_tiles()};
  return isa_machine(cpu, permit_tiles);
}

#else

static isa_machine_t this_machine(void) {
  return (isa_machine_t){.supported = {[ISA_NEON] = true, [ISA_EMULATED] = true}};
}

#endif

/* ---- what is chosen ---- */

isa_choice_t isa_choose(isa_machine_t machine, const char *wanted) {
  isa_choice_t choice = {.machine = machine, .wanted = wanted};
  for (int i = 0; i < ISA_EMULATED; i++)
    if (machine.supported[i]) choice.selected = (isa_t)i;
  if (wanted == NULL || wanted[0] == '\0') return choice;
  int i = 0;
  while (i < ISAS && strcmp(names[i], wanted) != 0) i++;
  choice.unknown = i == ISAS;
  choice.unsupported = !choice.unknown && !machine.supported[i];
  choice.restricted = !choice.unknown && !choice.unsupported;
  if (choice.restricted) choice.selected = (isa_t)i;
  return choice;
}

/* The names of all rows, or of those that can be had here, with a space in front of each. */
static void list_names(const bool *supported, char *out, size_t size) {
  out[0] = '\0';
  for (int i = 0; i < ISAS; i++) {
    size_t used = strlen(out);
    if (supported == NULL || supported[i]) snprintf(out + used, size - used, " %s", names[i]);
  }
}

ls_status isa_choice_check(const isa_choice_t *choice, ls_error *error) {
  const isa_machine_t *machine = &choice->machine;
  char list[128];
  list_names(choice->unknown ? NULL : machine->supported, list, sizeof list);
  if (choice->unknown)
    return error_set(error, LS_USAGE, "%s: '%.40s' is no instruction set; there are:%s", variable,
                     choice->wanted, list);
  if (choice->unsupported)
    return error_set(error, LS_USAGE, "%s: %s cannot be used: %s; this machine supports:%s", variable,
                     choice->wanted, machine->denied != NULL ? machine->denied : "this CPU does not have it",
                     list);
  return LS_OK;
}

const char *isa_choice_denied(const isa_choice_t *choice) {
  return choice->restricted ? NULL : choice->machine.denied;
}

void isa_choice_describe(const isa_choice_t *choice, char *out, size_t size) {
  char list[128];
  list_names(choice->machine.supported, list, sizeof list);
  snprintf(out, size, "%s%s (this CPU supports:%s)", names[choice->selected],
           choice->restricted ? " restricted by LOCKSTEP_ISA" : "", list);
}

/* ---- this process ---- */

/* Found once: everything that the questions below read. */
static isa_choice_t found;
static pthread_once_t found_once = PTHREAD_ONCE_INIT;

static void find(void) {
  found = isa_choose(this_machine(), getenv(variable));
}

bool isa_supported(isa_t isa) {
  pthread_once(&found_once, find);
  return found.machine.supported[isa];
}

isa_t isa_selected(void) {
  pthread_once(&found_once, find);
  return found.selected;
}

const char *isa_denied(void) {
  pthread_once(&found_once, find);
  return isa_choice_denied(&found);
}

ls_status isa_check(ls_error *error) {
  pthread_once(&found_once, find);
  return isa_choice_check(&found, error);
}

void isa_describe(char *out, size_t size) {
  pthread_once(&found_once, find);
  isa_choice_describe(&found, out, size);
}
