#include "base/show.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A text on its way: written at once where it fits, so that other processes on the same terminal or file do
 * not write in the middle of it. */
typedef struct {
  FILE *out;
  size_t n;
  char text[4096];
} outgoing_t;

static void write_out(outgoing_t *outgoing) {
  fwrite(outgoing->text, 1, outgoing->n, outgoing->out);
  outgoing->n = 0;
}

static void add(outgoing_t *outgoing, const char *text, size_t n) {
  while (n > 0) {
    if (outgoing->n == sizeof outgoing->text) write_out(outgoing);
    const size_t room = sizeof outgoing->text - outgoing->n, some = n < room ? n : room;
    memcpy(outgoing->text + outgoing->n, text, some);
    outgoing->n += some;
    text += some;
    n -= some;
  }
}

/* Adds n bytes that are control characters. */
static void escape(outgoing_t *outgoing, const char *at, size_t n) {
  static const char named[] = "\n\t\r", letters[] = "ntr";
  const char *known = *at == '\0' ? NULL : strchr(named, *at);
  if (known != NULL) {
    add(outgoing, "\\", 1);
    add(outgoing, &letters[known - named], 1);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    char code[8];
    add(outgoing, code, (size_t)snprintf(code, sizeof code, "\\x%02x", (unsigned char)at[i]));
  }
}

/* `kept`: control characters that stay. */
static void put(outgoing_t *outgoing, const char *text, size_t n, const char *kept) {
  for (const char *end = text + n; text < end;) {
    bool is_control = false;
    const size_t length = text_character(text, &is_control);
    if (is_control && strchr(kept, *text) == NULL)
      escape(outgoing, text, length);
    else
      add(outgoing, text, length);
    text += length;
  }
}

/* Line breaks at the end of a text. */
static size_t breaks_behind(const char *text, size_t n) {
  size_t breaks = 0;
  while (breaks < n && text[n - 1 - breaks] == '\n') breaks++;
  return breaks;
}

__attribute__((format(printf, 2, 0))) static void put_args(outgoing_t *outgoing, const char *format,
                                                           va_list args) {
  enum { USUAL = 1024 };
  char usual[USUAL], *text = usual;
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(usual, sizeof usual, format, args);
  if (length >= USUAL && (text = malloc((size_t)length + 1)) == NULL) { /* without memory: what fits */
    text = usual;
    length = USUAL - 1;
  } else if (length >= USUAL) {
    vsnprintf(text, (size_t)length + 1, format, again);
  }
  va_end(again);
  if (length <= 0) return;
  const size_t n = (size_t)length, before = strspn(format, "\n"), all = strlen(format);
  const size_t after = before < all ? breaks_behind(format, all) : 0;
  add(outgoing, text, before);
  put(outgoing, text + before, n - before - after, "");
  add(outgoing, text + n - after, after);
  if (text != usual) free(text);
}

void show_args(FILE *out, const char *format, va_list args) {
  outgoing_t outgoing = {.out = out};
  put_args(&outgoing, format, args);
  write_out(&outgoing);
}

void show(FILE *out, const char *format, ...) {
  va_list args;
  va_start(args, format);
  show_args(out, format, args);
  va_end(args);
}

void show_message(FILE *out, const char *prefix, const char *format, va_list args) {
  outgoing_t outgoing = {.out = out};
  add(&outgoing, prefix, strlen(prefix));
  put_args(&outgoing, format, args);
  add(&outgoing, "\n", 1);
  write_out(&outgoing);
}

void show_lines(FILE *out, const char *text) {
  outgoing_t outgoing = {.out = out};
  put(&outgoing, text, strlen(text), "\n\t");
  write_out(&outgoing);
}

static bool has_controls(const char *text) {
  bool is_control = false;
  for (; *text != '\0' && !is_control; text += text_character(text, &is_control)) {
  }
  return is_control;
}

void show_word(FILE *out, const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  const bool escapes = has_controls(word);
  outgoing_t outgoing = {.out = out};
  if (*word != '\0' && word[strspn(word, plain)] == '\0') {
    fputs(word, out);
    return;
  }
  add(&outgoing, "$'", escapes ? 2 : 0);
  add(&outgoing, "'", escapes ? 0 : 1);
  while (*word != '\0') {
    bool is_control = false;
    const size_t length = text_character(word, &is_control);
    if (is_control)
      escape(&outgoing, word, length);
    else if (*word == '\'')
      add(&outgoing, escapes ? "\\'" : "'\\''", escapes ? 2 : 4);
    else if (*word == '\\' && escapes)
      add(&outgoing, "\\\\", 2);
    else
      add(&outgoing, word, length);
    word += length;
  }
  add(&outgoing, "'", 1);
  write_out(&outgoing);
}
