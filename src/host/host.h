/* Facts about the machine and the program: what determines the bits besides the settings (recorded in every
 * checkpoint), and the memory in use. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <stddef.h>

/* The CPU's name; "unknown" if the system does not tell. */
void host_cpu(char *out, size_t size);

/* The program, its compiler and its libraries, each with its version, joined by `separator`: "lockstep 0.1.0,
 * gcc 12.2.0, Open MPI v4.1.4, HDF5 1.10.8, SLEEF 3.5.1, …". */
void host_libraries(const char *separator, char *out, size_t size);

/* What a model file records about the host: the CPU, and the libraries joined by ", ". */
typedef struct {
  char libraries[512], cpu[256];
} host_facts_t;
void host_facts(host_facts_t *out);

/* The commit of the build ("2f54bdf3c1aa", with "-modified" if files differed from it, "unknown" outside a
 * checkout), and the compiler's flags without those for warnings. Defined by cmake/Build.cmake. */
extern const char host_commit[], host_flags[];

/* Bytes of memory that this process uses now, and the peak. A page shared by several processes is divided
 * among them (the kernel's Pss), so the sum over ranks counts it once. Memory that was released since the
 * peak counts fully. 0 if the system does not tell. */
typedef struct {
  double now, peak;
  double files; /* part of `now`: unchanged pages of files, which processes of the same program share */
} host_memory_t;
host_memory_t host_memory(void);

/* Bytes of this machine's memory that are free; 0 if the system does not tell. */
double host_free_memory(void);

#endif
