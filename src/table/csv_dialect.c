/* How a table is written: RFC 4180, and what is common beside. Quoted cells may contain delimiters, doubled
 * quotes and line ends; lines end in LF, CRLF or CR; blanks around a cell do not count. A quote counts only
 * at the start of a cell. */
#include "table/csv.h"

#include <strings.h>

static bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

const char *csv_mark(const csv_dialect_t *dialect, const char *text, size_t length) {
  static const char *const marks[] = {"",     "?",    "NA",   "N/A",  "n/a", "NaN", "nan", "null",
                                      "NULL", "None", "<NA>", "#N/A", "NaT", ".",   "-"};
  enum { LONGEST = 4 };
  for (size_t i = 0; i < sizeof marks / sizeof marks[0] && length <= LONGEST; i++)
    if (strlen(marks[i]) == length && memcmp(marks[i], text, length) == 0) return marks[i];
  for (size_t i = 0; i < dialect->marks.n; i++)
    if (strlen(dialect->marks.texts[i]) == length && memcmp(dialect->marks.texts[i], text, length) == 0)
      return dialect->marks.texts[i];
  return NULL;
}

/* ---- records ---- */

/* The position after a quoted cell's closing quote; NULL: it may lie behind the end. */
static const char *skip_quoted(char quote, const char *at, const char *end, bool is_all) {
  for (at++;;) {
    const char *close = memchr(at, quote, (size_t)(end - at));
    if (close == NULL) return is_all ? end : NULL;
    at = close + 1;
    if (at == end) return is_all ? end : NULL;
    if (*at != quote) return at;
    at++;
  }
}

const char *csv_record_end(const csv_dialect_t *dialect, const char *at, const char *end, bool is_all,
                           size_t *cells) {
  const char delimiter = dialect->delimiter;
  const bool runs = delimiter == ' ';
  *cells = 0;
  for (;;) {
    while (at < end && is_blank(*at) && (runs || *at != delimiter)) at++;
    bool ends_in_blank = runs && *cells > 0 && (at == end || is_line_end(*at));
    if (!ends_in_blank) ++*cells;
    if (at < end && *at == dialect->quote) {
      at = skip_quoted(dialect->quote, at, end, is_all);
      if (at == NULL) return NULL;
    }
    while (at < end && *at != delimiter && !is_line_end(*at) && !(runs && *at == '\t')) at++;
    if (at == end) return is_all ? end : NULL;
    if (*at == '\n') return at + 1;
    if (*at == '\r') {
      if (at + 1 == end) return is_all ? end : NULL;
      return at[1] == '\n' ? at + 2 : at + 1;
    }
    at++;
  }
}

const char *csv_last_record_end(const csv_dialect_t *dialect, const char *at, const char *end) {
  size_t size = (size_t)(end - at), cells = 0;
  if (memchr(at, dialect->quote, size) == NULL) {
    const char *line_end = memrchr(at, '\n', size);
    if (line_end == NULL && size > 0) line_end = memrchr(at, '\r', size - 1);
    return line_end == NULL ? NULL : line_end + 1;
  }
  const char *last = NULL;
  while (at < end && (at = csv_record_end(dialect, at, end, false, &cells)) != NULL) last = at;
  return last;
}

/* ---- the first lines ---- */

static const char *line_end_of(const char *at, const char *end) {
  while (at < end && !is_line_end(*at)) at++;
  return at;
}

static const char *next_line(const char *at, const char *end) {
  at = line_end_of(at, end);
  if (at < end && *at == '\r' && at + 1 < end && at[1] == '\n') return at + 2;
  return at < end ? at + 1 : at;
}

/* How often c occurs outside quotes before the end of the record. *after is the next record. */
static size_t count_in_record(const char *at, const char *end, char c, const char **after) {
  bool quoted = false;
  size_t count = 0;
  for (; at < end && (quoted || !is_line_end(*at)); at++) {
    if (*at == '"') quoted = !quoted;
    count += *at == c && !quoted;
  }
  *after = next_line(at, end);
  return count;
}

/* Whether blanks separate the cells of the first two lines: the second has two cells or more, one of them a
 * number, and the first as many, or one less, as R writes names above rows that have one. One line: it begins
 * with a number. */
static bool blanks_separate(const char *at, const char *end) {
  const csv_dialect_t runs = {.delimiter = ' ', .quote = '"'};
  size_t first = 0, second = 0;
  const char *line = csv_record_end(&runs, at, end, true, &first);
  const bool alone = line == end;
  if (alone)
    line = at, second = first;
  else
    csv_record_end(&runs, line, end, true, &second);
  if (second < 2 || (first != second && first + 1 != second)) return false;
  for (size_t cell = 0; cell < second; cell++) {
    double value = 0;
    bool point = false;
    while (is_blank(*line)) line++;
    const char *after = csv_number_scan(line, &value, &point);
    if (after != NULL && (after == end || is_blank(*after) || is_line_end(*after))) return true;
    if (alone) return false;
    if (*line == '"') line = skip_quoted('"', line, end, true);
    while (line < end && !is_blank(*line) && !is_line_end(*line)) line++;
  }
  return false;
}

/* A character that occurs equally often in the first two records, otherwise the most frequent one in the
 * second record, which holds data. */
static char find_delimiter(const char *at, const char *end) {
  static const char candidates[] = "\t;,|";
  char best = ',';
  size_t most = 0;
  for (const char *c = candidates; *c != '\0'; c++) {
    const char *line = NULL, *unused = NULL;
    size_t first = count_in_record(at, end, *c, &line);
    size_t second = line == end ? first : count_in_record(line, end, *c, &unused);
    if (first > 0 && first == second) return *c;
    if (second > most) {
      most = second;
      best = *c;
    }
  }
  return most == 0 && blanks_separate(at, end) ? ' ' : best;
}

/* ' if cells are quoted with it: every cell that begins with ' ends with ' on its line, and there is one. */
static char find_quote(const char *at, const char *end, char delimiter) {
  const bool runs = delimiter == ' ';
  size_t quoted = 0;
  if (memchr(at, '"', (size_t)(end - at)) != NULL) return '"';
  while (at < end) {
    while (at < end && is_blank(*at) && (runs || *at != delimiter)) at++;
    if (at < end && *at == '\'') {
      const char *stop = line_end_of(at, end), *after = skip_quoted('\'', at, stop, true);
      if (after[-1] != '\'' || after - at < 2) return '"';
      while (after < stop && is_blank(*after) && *after != delimiter) after++;
      if (after < stop && *after != delimiter && !(runs && is_blank(*after))) return '"';
      quoted++;
      at = after;
    }
    while (at < end && *at != delimiter && !is_line_end(*at)) at++;
    if (at < end) at++;
  }
  return quoted > 0 ? '\'' : '"';
}

static bool is_blank_line(const char *at, const char *end) {
  while (at < end && is_blank(*at)) at++;
  return at == end || is_line_end(*at);
}

/* Whether a line that begins with # names the columns of the record at `data`, as numpy.savetxt writes it. */
static bool names_columns(const csv_dialect_t *dialect, const char *line, const char *data, const char *end) {
  size_t names = 0, cells = 0;
  while (line < data && (*line == '#' || is_blank(*line))) line++;
  csv_record_end(dialect, line, end, true, &names);
  csv_record_end(dialect, data, end, true, &cells);
  return names == cells && cells >= 2 && strchr("+-.0123456789", *line) == NULL;
}

bool table_may_separate(char c) {
  return c != '\0' && !is_line_end(c) && c != '"' && c != '\'';
}

/* The dialect by a line sep=C, or NULL. */
static const char *after_sep(const char *at, const char *end, char *delimiter) {
  if (end - at < 6 || strncasecmp(at, "sep=", 4) != 0 || !table_may_separate(at[4]) || !is_line_end(at[5]))
    return NULL;
  *delimiter = at[4];
  return next_line(at, end);
}

void csv_dialect_find(const char *sample, size_t size, csv_dialect_t *dialect, size_t *skipped,
                      size_t *hash) {
  const char *at = sample, *end = sample + size, *comment = NULL;
  char given = 0;
  if (size >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) at += 3;
  const char *after = after_sep(at, end, &given);
  if (after != NULL) at = after;
  while (at < end && (*at == '#' || is_blank_line(at, end))) {
    if (*at == '#') comment = at;
    at = next_line(at, end);
  }
  if (dialect->delimiter == 0) dialect->delimiter = given != 0 ? given : find_delimiter(at, end);
  dialect->quote = find_quote(at, end, dialect->delimiter);
  *hash = 0;
  if (comment != NULL && at < end) {
    const char *stop = comment;
    while (stop < at && *stop != dialect->delimiter && !is_line_end(*stop)) stop++;
    bool is_row = csv_mark(dialect, comment, (size_t)(stop - comment)) != NULL;
    *hash = !is_row && names_columns(dialect, comment, at, end);
    if (is_row || *hash > 0) at = comment;
  }
  *skipped = (size_t)(at - sample);
}
