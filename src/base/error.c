/* Errors are values. The code is the return value and the message is in a caller-owned struct. There is no
 * global state, so every thread and rank can fail independently. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  const char *text;
  int exit_code;
} status_row_t;

static const status_row_t status_table[] = {
#define STATUS_ROW(code, exit_code, text) [code] = {text, exit_code},
    LS_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

static const status_row_t *status_row(ls_status status) {
  size_t n = sizeof status_table / sizeof status_table[0];
  return (size_t)status < n ? &status_table[status] : &status_table[LS_FAILED];
}

const char *ls_status_text(ls_status status) {
  return status_row(status)->text;
}

int ls_status_exit_code(ls_status status) {
  return status_row(status)->exit_code;
}

ls_status error_set(ls_error *error, ls_status status, const char *format, ...) {
  if (error == NULL) return status;
  va_list args;
  va_start(args, format);
  error->status = status;
  vsnprintf(error->message, sizeof error->message, format, args);
  va_end(args);
  return status;
}

ls_status error_prefix(ls_error *error, ls_status status, const char *format, ...) {
  if (error == NULL) return status;
  ls_error old = *error;
  va_list args;
  va_start(args, format);
  vsnprintf(error->message, sizeof error->message, format, args);
  va_end(args);
  /* a message that is too long loses its end, which matters least */
  size_t used = strlen(error->message), room = sizeof error->message - 1 - used;
  const char *parts[] = {": ", old.message};
  for (int i = 0; i < 2; i++) {
    size_t length = strlen(parts[i]) < room ? strlen(parts[i]) : room;
    memcpy(error->message + used, parts[i], length);
    used += length;
    room -= length;
  }
  error->message[used] = '\0';
  error->status = status;
  return status;
}
