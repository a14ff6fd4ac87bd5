#include "base/terminal.h"

#include "base/text.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

size_t terminal_width(FILE *out) {
  struct winsize window = {0};
  int64_t columns = 0;
  const int file = fileno(out);
  const char *text = getenv("COLUMNS");
  if (file < 0 || isatty(file) != 1) return 0;
  if (ioctl(file, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) return window.ws_col;
  return text != NULL && text_int64(text, &columns) && columns > 0 && columns < INT_MAX ? (size_t)columns
                                                                                        : 80;
}
