/* Helpers to report an error and to pass it on to the caller. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "lockstep/status.h"

/* Fills *error (may be NULL) with the code and the formatted message, and returns the code. A failing
 * function ends with `return error_set(error, LS_BAD_DATA, "%s: row %" PRId64 " is not finite", path,
 * row);`. */
ls_status error_set(ls_error *error, ls_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the formatted text and ": " in front of the message of *error (may be NULL), sets its status and
 * returns the status. */
ls_status error_prefix(ls_error *error, ls_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns from the calling function with the status of `call` when `call` fails. */
#define TRY(call)                                                                                            \
  do {                                                                                                       \
    ls_status try_status_ = (call);                                                                          \
    if (try_status_ != LS_OK) return try_status_;                                                            \
  } while (0)

/* For functions that own resources: stores the result of `call` in the local variable `status` and jumps to
 * the exit label `done` on failure. */
#define TRY_OR_DONE(call)                                                                                    \
  do {                                                                                                       \
    status = (call);                                                                                         \
    if (status != LS_OK) goto done;                                                                          \
  } while (0)

#endif
