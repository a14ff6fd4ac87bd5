/* Reads CSV as defined by RFC 4180 and as commonly written: quoted cells may contain delimiters, doubled
 * quotes and line ends; lines end in LF, CRLF or CR; blanks around a cell are ignored; a byte-order mark is
 * skipped. Cells are cut out of the text in place. Only text after a doubled quote is moved. */
#include "import/csv_reader.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

/* Returns the next line end outside quotes, or the end of the text; counts how often c occurs before it. */
static const char *scan_line(const char *at, const char *end, char c, size_t *count) {
  bool quoted = false;
  *count = 0;
  for (; at < end && (quoted || !is_line_end(*at)); at++) {
    if (*at == '"') quoted = !quoted;
    if (*at == c && !quoted) ++*count;
  }
  return at;
}

static const char *skip_line_end(const char *at, const char *end) {
  if (at < end && *at == '\r' && at + 1 < end && at[1] == '\n') return at + 2;
  return at < end ? at + 1 : at;
}

/* Guesses the delimiter: one that occurs equally often in the first two lines, otherwise the most frequent
 * one in the second line, which holds data. A space is accepted only if that line starts with a number,
 * because names may contain spaces. */
static char guess_delimiter(const char *text, const char *end) {
  static const char candidates[] = "\t;,";
  char best = ',';
  size_t most = 0;
  for (const char *c = candidates; *c != '\0'; c++) {
    size_t first = 0, second = 0;
    const char *next = skip_line_end(scan_line(text, end, *c, &first), end);
    if (next == end)
      second = first;
    else
      scan_line(next, end, *c, &second);
    if (first > 0 && first == second) return *c;
    if (second > most) {
      most = second;
      best = *c;
    }
  }
  if (most > 0) return best;
  size_t blanks = 0;
  const char *next = skip_line_end(scan_line(text, end, ' ', &blanks), end);
  if (next == end) next = text;
  while (*next == ' ') next++;
  const char *stop = scan_line(next, end, ' ', &blanks);
  for (; stop > next && stop[-1] == ' '; stop--) blanks--;
  return blanks > 0 && strchr("+-.0123456789", *next) != NULL ? ' ' : ',';
}

ls_status csv_open(const char *path, char *text, size_t size, char delimiter, csv_reader_t *out,
                   ls_error *error) {
  if (memchr(text, '\0', size) != NULL)
    return error_set(error, LS_BAD_DATA,
                     "%s: not IDX, NPY or a table in text (it has NUL bytes); save a table as UTF-8 CSV",
                     path);
  char *end = text + size;
  if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3;
  if (delimiter == 0) delimiter = guess_delimiter(text, end);
  *out = (csv_reader_t){.path = path, .at = text, .end = end, .delimiter = delimiter, .line = 1};
  return LS_OK;
}

static ls_status add_cell(csv_reader_t *reader, csv_record_t *record, char *cell, ls_error *error) {
  if (record->n == record->room) {
    size_t room = record->room == 0 ? 64 : 2 * record->room;
    char **cells = realloc(record->cells, room * sizeof *cells);
    if (cells == NULL)
      return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu cells", reader->path, room);
    record->cells = cells;
    record->room = room;
  }
  record->cells[record->n++] = cell;
  return LS_OK;
}

static void skip_blanks(csv_reader_t *reader) {
  while ((*reader->at == ' ' || *reader->at == '\t') && *reader->at != reader->delimiter) reader->at++;
}

/* Reads a quoted cell from after the opening quote to after the closing one: moves the text to remove doubled
 * quotes, and terminates it. */
static ls_status quoted_cell(csv_reader_t *reader, ls_error *error) {
  int64_t line = reader->line;
  char *to = reader->at;
  for (;; reader->at++) {
    if (reader->at == reader->end)
      return error_set(error, LS_BAD_DATA, "%s:%" PRId64 ": a quote (\") is opened and never closed",
                       reader->path, line);
    if (*reader->at == '"' && *++reader->at != '"') break;
    if (*reader->at == '\n') reader->line++;
    *to++ = *reader->at;
  }
  skip_blanks(reader);
  bool ends = reader->at == reader->end || is_line_end(*reader->at) || *reader->at == reader->delimiter;
  if (!ends)
    return error_set(error, LS_BAD_DATA,
                     "%s:%" PRId64 ": text after a closing quote; write a quote inside a quoted cell twice",
                     reader->path, reader->line);
  *to = '\0'; /* at or before the closing quote, which is already read */
  return LS_OK;
}

/* Reads one cell. *stop is the character that ended it, NUL at the end of the text. */
static ls_status next_cell(csv_reader_t *reader, char **cell, char *stop, ls_error *error) {
  skip_blanks(reader);
  if (*reader->at == '"') {
    *cell = ++reader->at;
    TRY(quoted_cell(reader, error));
    *stop = *reader->at;
    return LS_OK;
  }
  *cell = reader->at;
  while (reader->at < reader->end && *reader->at != reader->delimiter && !is_line_end(*reader->at))
    reader->at++;
  *stop = *reader->at;
  char *last = reader->at;
  while (last > *cell && (last[-1] == ' ' || last[-1] == '\t')) last--;
  *last = '\0';
  return LS_OK;
}

/* Skips the character that ended a cell; returns whether another cell follows in this record. */
static bool pass_stop(csv_reader_t *reader, char stop) {
  if (reader->at == reader->end) return false;
  reader->at++;
  if (stop == '\r' && *reader->at == '\n') reader->at++;
  if (is_line_end(stop)) reader->line++;
  if (stop != reader->delimiter) return false;
  if (stop != ' ') return true;
  while (*reader->at == ' ')
    reader->at++; /* several spaces are one delimiter; spaces at the end of a line are none */
  if (reader->at < reader->end && !is_line_end(*reader->at)) return true;
  if (reader->at < reader->end) pass_stop(reader, *reader->at);
  return false;
}

ls_status csv_next(csv_reader_t *reader, csv_record_t *record, ls_error *error) {
  record->n = 0;
  if (reader->at[strspn(reader->at, " \t\r\n")] == '\0') reader->at = reader->end;
  if (reader->at == reader->end) return LS_OK;
  record->line = reader->line;
  if (reader->delimiter == ' ') reader->at += strspn(reader->at, " ");
  bool more = true;
  while (more) {
    char *cell = NULL;
    char stop = '\0';
    TRY(next_cell(reader, &cell, &stop, error));
    TRY(add_cell(reader, record, cell, error));
    more = pass_stop(reader, stop);
  }
  return LS_OK;
}

int64_t csv_remaining(const csv_reader_t *reader) {
  int64_t n = 0;
  size_t unused = 0;
  const char *at = reader->at;
  while (at[strspn(at, " \t\r\n")] != '\0') {
    at = skip_line_end(scan_line(at, reader->end, reader->delimiter, &unused), reader->end);
    n++;
  }
  return n;
}
