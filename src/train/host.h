/* What is to be known of the machine and the program: what bits depend on beside the settings, recorded in
 * every checkpoint, and the memory that is taken. */
#ifndef TRAIN_HOST_H
#define TRAIN_HOST_H

#include <stddef.h>

/* The CPU's name, "unknown" when the system does not say. */
void host_cpu(char *out, size_t size);

/* The program, its compiler and its libraries, each with its version and `separator` between them: "lockstep
 * 0.1.0, gcc 12.2.0, Open MPI v4.1.4, HDF5 1.10.8, SLEEF 3.5.1, …". */
void host_libraries(const char *separator, char *out, size_t size);

/* What a model file says of the host: the CPU, and the libraries with ", " between them. */
typedef struct {
  char libraries[512], cpu[256];
} host_facts_t;
void host_facts(host_facts_t *out);

/* The commit that the program was built from ("2f54bdf3c1aa", with "-modified" when files differed from it,
 * "unknown" outside a checkout), and the compiler's flags but those for warnings; cmake/Build.cmake defines
 * them. */
extern const char host_commit[], host_flags[];

/* Bytes that this process holds now, and the most that it has held. Of pages that several processes share,
 * each counts its part (the kernel's Pss), so that the sum over ranks counts them once; what was given back
 * since the peak counts as the process's own. 0 where the system does not say. */
typedef struct {
  double now, peak;
} host_memory_t;
host_memory_t host_memory(void);

#endif
