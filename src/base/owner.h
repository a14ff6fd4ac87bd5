/* The owner of a file: the process that a lock names, and whether this process is alive. */
#ifndef BASE_OWNER_H
#define BASE_OWNER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OWNER_FIELD_SIZE = 128, OWNER_TEXT_SIZE = 1024 };

typedef struct {
  char id[OWNER_FIELD_SIZE]; /* of this lock alone */
  char host[OWNER_FIELD_SIZE];
  char
      machine[OWNER_FIELD_SIZE]; /* boot of the kernel and name space of process ids: within them ids count */
  char job[OWNER_FIELD_SIZE];    /* SLURM_JOB_ID, or "none" */
  int64_t process;
  int64_t started; /* when the process began, in ticks since the boot */
  int64_t restart; /* SLURM_RESTART_COUNT */
} owner_t;

/* This process. */
owner_t owner_self(void);

/* The text of a lock, a line `key value` per field, and back. owner_read leaves what is missing empty; false
 * if there is no such file. */
void owner_text(const owner_t *owner, char out[OWNER_TEXT_SIZE]);
bool owner_read(const char *path, owner_t *out);

typedef enum { OWNER_ALIVE, OWNER_DEAD, OWNER_ELSEWHERE } owner_state_t;

/* Whether an owner is alive, as far as this machine and its job can know. */
owner_state_t owner_state(const owner_t *owner, const owner_t *self);

/* "process 1234 on node07 (job 4711)" */
void owner_describe(const owner_t *owner, char *out, size_t size);

#endif
