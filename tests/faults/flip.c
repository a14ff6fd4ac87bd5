/* A library to load before lockstep (LD_PRELOAD): changes one bit of what MPI delivers, as a broken line or
 * memory would. Parameters between nodes are messages of several floats with an even tag; with
 * parallel.reduce=mpi gradients are the only vectors of four-byte numbers that MPI_Iallreduce adds up.
 *
 *   FLIP_RANK=R    rank of MPI_COMM_WORLD on which it happens
 *   FLIP_SEND=N    the N-th message of parameters that R sends, from 1, arrives with another bit
 *   FLIP_SUM=N     the N-th sum of gradients that R receives, from 1, has another bit
 *   FLIP_TIMES=K   the same in K messages or sums, one after the other; 1 if unset */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static long sends, sums;
static struct {
  float *values;
  MPI_Request *request; /* NULL: none is awaited */
} awaited;

static long number(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text != NULL ? atol(text) : otherwise;
}

static bool is_here(void) {
  const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (getenv(names[i]) != NULL) return number(names[i], -1) == number("FLIP_RANK", -2);
  return false;
}

/* Whether call number n is one of those that are changed. */
static bool is_wanted(const char *name, long n) {
  long first = number(name, 0);
  return first > 0 && n >= first && n < first + number("FLIP_TIMES", 1) && is_here();
}

static void flip(float *values) {
  unsigned char *bytes = (unsigned char *)values;
  bytes[2] ^= 0x40; /* high in the mantissa of the first number */
}

int MPI_Isend(const void *buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request *request) {
  static int (*real)(const void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "MPI_Isend");
  if (count > 1 && tag % 2 == 0 && is_wanted("FLIP_SEND", ++sends)) {
    float *copy = malloc((size_t)count * sizeof *copy); /* as long as the process */
    if (copy == NULL) abort();
    memcpy(copy, buffer, (size_t)count * sizeof *copy);
    flip(copy);
    buffer = copy;
  }
  return real(buffer, count, type, to, tag, comm, request);
}

int MPI_Iallreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request *request) {
  static int (*real)(const void *, void *, int, MPI_Datatype, MPI_Op, MPI_Comm, MPI_Request *);
  static int (*size_of)(MPI_Datatype, int *);
  int size = 0;
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "MPI_Iallreduce");
  if (size_of == NULL) *(void **)&size_of = dlsym(RTLD_NEXT, "MPI_Type_size");
  size_of(type, &size);
  if (size == (int)sizeof(float) && count > 1 && is_wanted("FLIP_SUM", ++sums)) {
    awaited.values = to;
    awaited.request = request;
  }
  return real(from, to, count, type, op, comm, request);
}

int MPI_Test(MPI_Request *request, int *done, MPI_Status *status) {
  static int (*real)(MPI_Request *, int *, MPI_Status *);
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "MPI_Test");
  int code = real(request, done, status);
  if (*done && awaited.request == request) {
    flip(awaited.values);
    awaited.request = NULL;
  }
  return code;
}
