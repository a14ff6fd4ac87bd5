/* What bits depend on beside the settings: recorded in every checkpoint. */
#ifndef TRAIN_HOST_H
#define TRAIN_HOST_H

#include <stddef.h>

/* The CPU's name, "unknown" when the system does not say. */
void host_cpu(char *out, size_t size);

/* "lockstep 0.1.0, gcc 12.2.0, Open MPI v4.1.4, HDF5 1.10.8, oneDNN 2.6.3 (…)" */
void host_libraries(char *out, size_t size);

#endif
