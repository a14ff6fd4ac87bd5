#include "base/show.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Writes n bytes that are control characters. */
static void escape(FILE *out, const char *at, size_t n) {
  static const char named[] = "\n\t\r", letters[] = "ntr";
  const char *known = *at == '\0' ? NULL : strchr(named, *at);
  if (known != NULL) {
    fprintf(out, "\\%c", letters[known - named]);
    return;
  }
  for (size_t i = 0; i < n; i++) fprintf(out, "\\x%02x", (unsigned char)at[i]);
}

/* `kept`: control characters that stay. */
static void put(FILE *out, const char *text, size_t n, const char *kept) {
  for (const char *end = text + n; text < end;) {
    bool is_control = false;
    const size_t length = text_character(text, &is_control);
    if (is_control && strchr(kept, *text) == NULL)
      escape(out, text, length);
    else
      fwrite(text, 1, length, out);
    text += length;
  }
}

/* Line breaks at the end of a text. */
static size_t breaks_behind(const char *text, size_t n) {
  size_t breaks = 0;
  while (breaks < n && text[n - 1 - breaks] == '\n') breaks++;
  return breaks;
}

void show_args(FILE *out, const char *format, va_list args) {
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
  fwrite(text, 1, before, out);
  put(out, text + before, n - before - after, "");
  fwrite(text + n - after, 1, after, out);
  if (text != usual) free(text);
}

void show(FILE *out, const char *format, ...) {
  va_list args;
  va_start(args, format);
  show_args(out, format, args);
  va_end(args);
}

void show_lines(FILE *out, const char *text) {
  put(out, text, strlen(text), "\n\t");
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
  if (*word != '\0' && word[strspn(word, plain)] == '\0') {
    fputs(word, out);
    return;
  }
  fputs(escapes ? "$'" : "'", out);
  while (*word != '\0') {
    bool is_control = false;
    const size_t length = text_character(word, &is_control);
    if (is_control)
      escape(out, word, length);
    else if (*word == '\'')
      fputs(escapes ? "\\'" : "'\\''", out);
    else if (*word == '\\' && escapes)
      fputs("\\\\", out);
    else
      fwrite(word, 1, length, out);
    word += length;
  }
  fputc('\'', out);
}
