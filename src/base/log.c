#include "base/log.h"

#include "base/progress.h"
#include "base/show.h"

#include <stdarg.h>

static void log_line(const log_t *log, const char *prefix, const char *format, va_list args) {
  FILE *out = log == NULL ? NULL : prefix[0] != '\0' && log->warnings != NULL ? log->warnings : log->out;
  if (out == NULL) return;
  progress_clear();
  show_message(out, prefix, format, args);
  fflush(out);
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
