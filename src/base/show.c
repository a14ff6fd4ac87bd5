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
} piece_t;

static void write_out(piece_t *piece) {
  fwrite(piece->text, 1, piece->n, piece->out);
  piece->n = 0;
}

static void add(piece_t *piece, const char *text, size_t n) {
  while (n > 0) {
    if (piece->n == sizeof piece->text) write_out(piece);
    const size_t room = sizeof piece->text - piece->n, some = n < room ? n : room;
    memcpy(piece->text + piece->n, text, some);
    piece->n += some;
    text += some;
    n -= some;
  }
}

/* Adds n bytes that are control characters. */
static void escape(piece_t *piece, const char *at, size_t n) {
  static const char named[] = "\n\t\r", letters[] = "ntr";
  const char *known = *at == '\0' ? NULL : strchr(named, *at);
  if (known != NULL) {
    add(piece, "\\", 1);
    add(piece, &letters[known - named], 1);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    char code[8];
    add(piece, code, (size_t)snprintf(code, sizeof code, "\\x%02x", (unsigned char)at[i]));
  }
}

/* `kept`: control characters that stay. */
static void put(piece_t *piece, const char *text, size_t n, const char *kept) {
  for (const char *end = text + n; text < end;) {
    bool is_control = false;
    const size_t length = text_character(text, &is_control);
    if (is_control && strchr(kept, *text) == NULL)
      escape(piece, text, length);
    else
      add(piece, text, length);
    text += length;
  }
}

/* Line breaks at the end of a text. */
static size_t breaks_behind(const char *text, size_t n) {
  size_t breaks = 0;
  while (breaks < n && text[n - 1 - breaks] == '\n') breaks++;
  return breaks;
}

__attribute__((format(printf, 2, 0))) static void put_args(piece_t *piece, const char *format, va_list args) {
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
  add(piece, text, before);
  put(piece, text + before, n - before - after, "");
  add(piece, text + n - after, after);
  if (text != usual) free(text);
}

void show_args(FILE *out, const char *format, va_list args) {
  piece_t piece = {.out = out};
  put_args(&piece, format, args);
  write_out(&piece);
}

void show(FILE *out, const char *format, ...) {
  va_list args;
  va_start(args, format);
  show_args(out, format, args);
  va_end(args);
}

void show_message(FILE *out, const char *prefix, const char *format, va_list args) {
  piece_t piece = {.out = out};
  add(&piece, prefix, strlen(prefix));
  put_args(&piece, format, args);
  add(&piece, "\n", 1);
  write_out(&piece);
}

void show_lines(FILE *out, const char *text) {
  piece_t piece = {.out = out};
  put(&piece, text, strlen(text), "\n\t");
  write_out(&piece);
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
  piece_t piece = {.out = out};
  if (*word != '\0' && word[strspn(word, plain)] == '\0') {
    fputs(word, out);
    return;
  }
  add(&piece, "$'", escapes ? 2 : 0);
  add(&piece, "'", escapes ? 0 : 1);
  while (*word != '\0') {
    bool is_control = false;
    const size_t length = text_character(word, &is_control);
    if (is_control)
      escape(&piece, word, length);
    else if (*word == '\'')
      add(&piece, escapes ? "\\'" : "'\\''", escapes ? 2 : 4);
    else if (*word == '\\' && escapes)
      add(&piece, "\\\\", 2);
    else
      add(&piece, word, length);
    word += length;
  }
  add(&piece, "'", 1);
  write_out(&piece);
}
