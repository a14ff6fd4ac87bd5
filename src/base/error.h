/* Setting and passing on errors: every function that can fail ends in one of these. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "lockstep/status.h"

/* Fills *error (may be NULL) with the code and the formatted message, and returns the code, so that a failing
 * function reads `return error_set(error, LS_BAD_DATA, "%s: row %" PRId64 " is not finite", path, row);`. */
ls_status error_set(ls_error *error, ls_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message of *error (may be NULL) and returns its status. */
ls_status error_prefix(ls_error *error, ls_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The usual way on: returns from the calling function when `call` fails. */
#define TRY(call)                                                                                            \
  do {                                                                                                       \
    ls_status try_status_ = (call);                                                                          \
    if (try_status_ != LS_OK) return try_status_;                                                            \
  } while (0)

/* For functions that own something: stores the result of `call` in the local `status` and jumps to the one
 * exit label `done` when it failed. */
#define TRY_OR_DONE(call)                                                                                    \
  do {                                                                                                       \
    status = (call);                                                                                         \
    if (status != LS_OK) goto done;                                                                          \
  } while (0)

#endif
