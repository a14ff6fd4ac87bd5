/* Status codes, the exit code of each, and the error struct with a message.
 *
 * Codes, exit codes and texts come from the one list below, so they always match. A function that can fail
 * returns an ls_status. Where a message helps, it also fills a caller-owned ls_error. On failure it leaves
 * its other outputs unchanged. */
#ifndef LOCKSTEP_STATUS_H
#define LOCKSTEP_STATUS_H

#include "lockstep/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(code, exit code of the program, text) */
#define LS_STATUS_LIST(X)                                                                                    \
  X(LS_OK, 0, "done")                                                                                        \
  X(LS_FAILED, 1, "runtime failure")                                                                         \
  X(LS_NO_MEMORY, 1, "out of memory")                                                                        \
  X(LS_IO, 1, "input or output failed")                                                                      \
  X(LS_COMM, 1, "communication failed")                                                                      \
  X(LS_DIVERGED, 1, "training diverged")                                                                     \
  X(LS_USAGE, 2, "bad usage")                                                                                \
  X(LS_BAD_SETTINGS, 2, "bad settings")                                                                      \
  X(LS_BAD_DATA, 3, "bad data")                                                                              \
  X(LS_STOPPED, 75, "stopped early on request, checkpoint written")

typedef enum {
#define LS_STATUS_CODE(code, exit_code, text) code,
  LS_STATUS_LIST(LS_STATUS_CODE)
#undef LS_STATUS_CODE
} ls_status;

enum { LS_MESSAGE_SIZE = 1024 };

/* What went wrong, where, and how to fix it. Initialise with {0}. */
typedef struct {
  ls_status status;
  char message[LS_MESSAGE_SIZE]; /* one or a few lines without a final newline; empty when status is LS_OK */
} ls_error;

/* The text of a code. Never NULL, static. Thread-safe. */
LS_API const char *ls_status_text(ls_status status);

/* The exit code of the program for a status code: 0, 1, 2, 3 or 75. Thread-safe. */
LS_API int ls_status_exit_code(ls_status status);

#ifdef __cplusplus
}
#endif

#endif
