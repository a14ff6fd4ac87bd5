/* The log of a training as calls of the program that trains. */
#include "library/train_impl.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 1024 };

struct line_log {
  ls_training_log *log;
  void *context;
  fenv_t mode; /* of the caller */
  FILE *stream;
  char line[LINE_SIZE]; /* what there is of a line; more than fits is a line of its own */
  size_t used;
};

static void end_line(line_log_t *own) {
  own->line[own->used] = '\0';
  own->used = 0;
  fenv_t mode;
  fegetenv(&mode);
  fesetenv(&own->mode);
  own->log(own->line, own->context);
  fesetenv(&mode);
}

static ssize_t take(void *cookie, const char *text, size_t size) {
  line_log_t *own = cookie;
  for (size_t i = 0; i < size; i++) {
    if (text[i] != '\n') own->line[own->used++] = text[i];
    if (text[i] == '\n' || own->used == LINE_SIZE - 1) end_line(own);
  }
  return (ssize_t)size;
}

line_log_t *line_log_open(ls_training_log *log, void *context, const fenv_t *mode) {
  line_log_t *own = calloc(1, sizeof *own);
  if (own == NULL) return NULL;
  own->log = log;
  own->context = context;
  own->mode = *mode;
  own->stream = fopencookie(own, "w", (cookie_io_functions_t){.write = take});
  if (own->stream == NULL) {
    free(own);
    return NULL;
  }
  setvbuf(own->stream, NULL, _IOLBF, 0);
  return own;
}

FILE *line_log_stream(line_log_t *log) {
  return log != NULL ? log->stream : NULL;
}

void line_log_close(line_log_t **log) {
  if (*log == NULL) return;
  fclose((*log)->stream);
  free(*log);
  *log = NULL;
}
