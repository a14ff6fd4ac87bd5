#include "base/log.h"

#include <stdarg.h>

static void log_line(const log_t *log, const char *prefix, const char *format, va_list args) {
  if (log == NULL || log->out == NULL) return;
  fputs(prefix, log->out);
  vfprintf(log->out, format, args);
  fputc('\n', log->out);
  fflush(log->out);
}

void log_info(const log_t *log, const char *format, ...) {
  va_list args;
  va_start(args, format);
  log_line(log, "", format, args);
  va_end(args);
}

void log_warn(const log_t *log, const char *format, ...) {
  va_list args;
  va_start(args, format);
  log_line(log, "warning: ", format, args);
  va_end(args);
}
