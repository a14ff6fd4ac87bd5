#include "base/terminal.h"

#include "base/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A size in the environment, or `usual`. */
static size_t size_in(const char *variable, size_t usual) {
  int64_t size = 0;
  const char *text = getenv(variable);
  return text != NULL && text_int64(text, &size) && size > 0 && size < INT_MAX ? (size_t)size : usual;
}

/* Columns and lines as the terminal says, 0 if it does not; false for a stream that is no terminal. */
static bool ask(FILE *out, struct winsize *window) {
  const int file = fileno(out);
  *window = (struct winsize){0};
  if (file < 0 || isatty(file) != 1) return false;
  if (ioctl(file, TIOCGWINSZ, window) != 0) *window = (struct winsize){0};
  return true;
}

size_t terminal_width(FILE *out) {
  struct winsize window;
  if (!ask(out, &window)) return 0;
  return window.ws_col > 0 ? window.ws_col : size_in("COLUMNS", 80);
}

size_t terminal_height(FILE *out) {
  struct winsize window;
  if (!ask(out, &window)) return 0;
  return window.ws_row > 0 ? window.ws_row : size_in("LINES", 24);
}

bool terminal_can_move(FILE *out) {
  const char *kind = getenv("TERM");
  return terminal_width(out) > 0 && kind != NULL && strcmp(kind, "dumb") != 0;
}

bool terminal_has_utf8(void) {
  static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
    const char *text = getenv(variables[i]);
    if (text == NULL || text[0] == '\0') continue;
    const char *dot = strrchr(text, '.');
    return dot != NULL && (strncasecmp(dot, ".utf-8", 6) == 0 || strncasecmp(dot, ".utf8", 5) == 0);
  }
  return false;
}
