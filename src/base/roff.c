/* Escapes and lines of man pages. Characters outside of ASCII are written by their number, so that a page
 * looks the same in every locale. */
#include "base/roff.h"

#include <stdbool.h>
#include <string.h>

enum { LINE_WIDTH = 64 }; /* leaves room for escapes: mandoc reports lines of more than 80 characters */

/* Writes the character that begins at `text` and returns the number of its bytes. */
static size_t put_character(FILE *out, const char *text) {
  const unsigned char *byte = (const unsigned char *)text;
  size_t more = byte[0] >= 0xf0 ? 3 : byte[0] >= 0xe0 ? 2 : byte[0] >= 0xc0 ? 1 : 0;
  unsigned long number = more == 0 ? byte[0] : byte[0] & (0x3fU >> more);
  for (size_t i = 1; i <= more; i++) {
    if ((byte[i] & 0xc0) != 0x80) return 1; /* not UTF-8 */
    number = number << 6 | (byte[i] & 0x3f);
  }
  if (number == '\\')
    fputs("\\e", out);
  else if (number == '-')
    fputs("\\-", out);
  else if (number == '"')
    fputs("\\(dq", out);
  else if (number < 0x80)
    fputc((int)number, out);
  else
    fprintf(out, "\\[u%04lX]", number);
  return more + 1;
}

void roff_words(FILE *out, const char *text) {
  if (*text == '.' || *text == '\'') fputs("\\&", out);
  while (*text != '\0') text += put_character(out, text);
}

/* Writes one word, with the backticks in it as changes between bold and roman. */
static void put_word(FILE *out, const char *word, size_t length, bool *is_bold) {
  if (*word == '.' || *word == '\'') fputs("\\&", out);
  for (size_t i = 0; i < length;) {
    if (word[i] == '`') {
      *is_bold = !*is_bold;
      fputs(*is_bold ? "\\fB" : "\\fR", out);
      i++;
    } else {
      i += put_character(out, word + i);
    }
  }
}

void roff_text(FILE *out, const char *text) {
  bool is_bold = false, ends_sentence = false;
  size_t column = 0;
  for (text += strspn(text, " \n"); *text != '\0'; text += strspn(text, " \n")) {
    size_t length = strcspn(text, " \n");
    bool begins_line = column > 0 && (ends_sentence || column + length > LINE_WIDTH);
    if (column > 0) fputc(begins_line ? '\n' : ' ', out);
    if (begins_line) column = 0;
    put_word(out, text, length, &is_bold);
    column += length + 1;
    ends_sentence = strchr(".?!", text[length - 1]) != NULL;
    text += length;
  }
  fputs(is_bold ? "\\fR\n" : "\n", out);
}
