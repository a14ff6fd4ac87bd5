/* Parses a chunk: each cell becomes a double in the block, and the words of each column go to a list. A
 * number is read where it begins, without looking for the end of the cell first; only if something else
 * follows it, the cell is cut out and looked up. */
#include "table/csv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { FIRST_ROWS = 256, FIRST_CELLS = 1 << 17, MOST_NUMBER_MARKS = 8 };

typedef struct {
  const csv_dialect_t *dialect;
  char delimiter;
  bool runs; /* the delimiter is any run of blanks */
  char *at, *end;
  size_t columns;
  const csv_mode_t *modes;
  const char *number_marks[MOST_NUMBER_MARKS]; /* marks of missing cells that are numbers */
  double number_values[MOST_NUMBER_MARKS];
  size_t n_number_marks;
  csv_chunk_t *out;
} parser_t;

typedef struct {
  char *text; /* may be overwritten, also text[length] once the parser has passed it */
  size_t length;
  bool quoted;
} cell_t;

static inline bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

static inline bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

static inline bool is_delimiter(const parser_t *p, char c) {
  return c == p->delimiter || (p->runs && c == '\t');
}

static inline void skip_blanks(parser_t *p) {
  while (is_blank(*p->at) && (p->runs || *p->at != p->delimiter)) p->at++;
}

static inline bool at_stop(const parser_t *p, const char *at) {
  return is_delimiter(p, *at) || is_line_end(*at) || at == p->end;
}

/* ---- cells ---- */

/* Reads a quoted cell up to what ends it; moves the text to remove doubled quotes. */
static csv_fault_t quoted_cell(parser_t *p, cell_t *cell) {
  const char quote = p->dialect->quote;
  char *to = ++p->at;
  *cell = (cell_t){.text = to, .quoted = true};
  for (;; p->at++) {
    if (p->at == p->end) return CSV_OPEN_QUOTE;
    if (*p->at == quote && *++p->at != quote) break;
    p->out->lines += *p->at == '\n';
    *to++ = *p->at;
  }
  cell->length = (size_t)(to - cell->text);
  while (is_blank(*p->at) && !is_delimiter(p, *p->at)) p->at++;
  return at_stop(p, p->at) ? CSV_SOUND : CSV_AFTER_QUOTE;
}

static csv_fault_t read_cell(parser_t *p, cell_t *cell) {
  skip_blanks(p);
  if (*p->at == p->dialect->quote) return quoted_cell(p, cell);
  *cell = (cell_t){.text = p->at};
  while (!at_stop(p, p->at)) p->at++;
  const char *last = p->at;
  while (last > cell->text && is_blank(last[-1])) last--;
  cell->length = (size_t)(last - cell->text);
  return CSV_SOUND;
}

/* Passes what ended a cell. Returns whether another cell follows in the record. */
static inline bool pass_stop(parser_t *p) {
  if (p->at < p->end && is_delimiter(p, *p->at)) {
    p->at++;
    if (!p->runs) return true;
    skip_blanks(p);
    if (p->at < p->end && !is_line_end(*p->at)) return true;
  }
  if (p->at == p->end) return false;
  p->at += p->at[0] == '\r' && p->at[1] == '\n' ? 2 : 1;
  p->out->lines++;
  return false;
}

/* ---- values ---- */

static double missing_cell(csv_count_t *count, const char *mark, int64_t line) {
  if (count->missing++ == 0) {
    count->mark = mark;
    count->missing_line = line;
  }
  return NAN;
}

static inline double number_cell(const parser_t *p, csv_count_t *count, double value, bool point,
                                 int64_t line) {
  for (size_t i = 0; i < p->n_number_marks; i++)
    if (value >= p->number_values[i] && value <= p->number_values[i])
      return missing_cell(count, p->number_marks[i], line);
  count->numbers++;
  count->point |= point;
  if (value < count->low) count->low = value;
  if (value > count->high) count->high = value;
  return value;
}

/* Whether a quoted cell holds a number, between blanks. */
static bool quoted_number(const cell_t *cell, double *value, bool *point) {
  const char *at = cell->text, *end = at + cell->length;
  cell->text[cell->length] = '\0';
  while (is_blank(*at)) at++;
  const char *after = csv_number_scan(at, value, point);
  while (after != NULL && is_blank(*after)) after++;
  return after == end;
}

static csv_fault_t add_cell(parser_t *p, size_t column, const cell_t *cell, int64_t line, double *out) {
  csv_count_t *count = &p->out->counts[column];
  double value = 0;
  bool point = false;
  uint32_t code = 0;
  *out = NAN;
  if (p->modes[column] == CSV_SKIPPED) return CSV_SOUND;
  const char *mark = csv_mark(p->dialect, cell->text, cell->length);
  if (mark != NULL) {
    missing_cell(count, mark, line);
  } else if (p->modes[column] == CSV_NUMBERS && cell->quoted && quoted_number(cell, &value, &point)) {
    *out = number_cell(p, count, value, point, line);
  } else {
    if (!csv_words_add(&p->out->words[column], cell->text, cell->length, line, 1, &code))
      return CSV_NO_MEMORY;
    count->words++;
    *out = csv_word_cell(code);
  }
  return CSV_SOUND;
}

/* ---- records ---- */

static bool make_room(csv_chunk_t *chunk, size_t columns) {
  if (chunk->rows < chunk->room) return true;
  size_t first = columns > FIRST_CELLS                ? 1
                 : FIRST_CELLS / columns < FIRST_ROWS ? FIRST_CELLS / columns
                                                      : FIRST_ROWS;
  size_t room = chunk->room == 0 ? first : 2 * (size_t)chunk->room;
  double *cells = reallocarray(chunk->cells, room, columns * sizeof *cells);
  if (cells == NULL) return false;
  chunk->cells = cells;
  chunk->room = (int64_t)room;
  return true;
}

/* Passes a line that is blank, or a comment: it begins with # and has another number of cells than a row. A
 * blank line is a row of a table with one column, with a missing cell. */
static bool idle_line(parser_t *p) {
  csv_chunk_t *out = p->out;
  skip_blanks(p);
  if (*p->at == '#') {
    size_t cells = 0;
    const char *after = csv_record_end(p->dialect, p->at, p->end, true, &cells);
    if (cells == p->columns) return false;
    for (; p->at < after; p->at++) out->lines += *p->at == '\n' || (*p->at == '\r' && p->at[1] != '\n');
    out->comments++;
    return true;
  }
  if (p->at < p->end && !is_line_end(*p->at)) return false;
  if (p->columns == 1 && p->at < p->end) {
    if (!make_room(out, 1))
      out->fault = CSV_NO_MEMORY;
    else
      out->cells[out->rows++] = missing_cell(&out->counts[0], "", out->lines);
    out->blank_tail++;
  }
  pass_stop(p);
  return true;
}

static csv_fault_t read_record(parser_t *p, int64_t line) {
  csv_chunk_t *out = p->out;
  if (!make_room(out, p->columns)) return CSV_NO_MEMORY;
  double *row = out->cells + (size_t)out->rows * p->columns;
  size_t column = 0;
  for (bool more = true; more; column++, more = pass_stop(p)) {
    skip_blanks(p);
    bool is_cell = column < p->columns;
    if (is_cell && p->modes[column] == CSV_NUMBERS) {
      double value = 0;
      bool point = false;
      const char *after = csv_number_scan(p->at, &value, &point);
      while (after != NULL && is_blank(*after) && !is_delimiter(p, *after)) after++;
      if (after != NULL && at_stop(p, after)) {
        row[column] = number_cell(p, &out->counts[column], value, point, line);
        p->at += after - p->at;
        continue;
      }
    }
    cell_t cell;
    int64_t cell_line = out->lines;
    csv_fault_t fault = read_cell(p, &cell);
    if (fault == CSV_OPEN_QUOTE || fault == CSV_AFTER_QUOTE)
      out->fault_line = fault == CSV_OPEN_QUOTE ? cell_line : out->lines;
    if (fault == CSV_SOUND && is_cell) fault = add_cell(p, column, &cell, line, &row[column]);
    if (fault != CSV_SOUND) return fault;
  }
  if (column != p->columns) {
    out->fault_cells = column;
    out->fault_line = line;
    return CSV_RAGGED;
  }
  out->rows++;
  out->blank_tail = 0;
  return CSV_SOUND;
}

static parser_t make_parser(const csv_dialect_t *dialect, csv_text_t *text, csv_chunk_t *out) {
  parser_t parser = {.dialect = dialect,
                     .delimiter = dialect->delimiter,
                     .runs = dialect->delimiter == ' ',
                     .at = text->bytes,
                     .end = text->bytes + text->size,
                     .out = out};
  for (size_t i = 0; i < dialect->marks.n && parser.n_number_marks < MOST_NUMBER_MARKS; i++)
    if (csv_number(dialect->marks.texts[i], &parser.number_values[parser.n_number_marks]))
      parser.number_marks[parser.n_number_marks++] = dialect->marks.texts[i];
  return parser;
}

void csv_chunk_parse(const csv_dialect_t *dialect, csv_text_t *text, size_t columns, const csv_mode_t *modes,
                     csv_chunk_t *out) {
  *out = (csv_chunk_t){.words = calloc(columns, sizeof *out->words),
                       .counts = calloc(columns, sizeof *out->counts)};
  if (out->words == NULL || out->counts == NULL) out->fault = CSV_NO_MEMORY;
  for (size_t c = 0; c < columns && out->counts != NULL; c++)
    out->counts[c] = (csv_count_t){.low = INFINITY, .high = -INFINITY};
  parser_t parser = make_parser(dialect, text, out);
  parser.columns = columns;
  parser.modes = modes;
  while (out->fault == CSV_SOUND && parser.at < parser.end)
    if (!idle_line(&parser)) out->fault = read_record(&parser, out->lines);
}

void csv_chunk_free(csv_chunk_t *chunk, size_t columns) {
  for (size_t c = 0; c < columns; c++) {
    if (chunk->words != NULL) csv_words_free(&chunk->words[c]);
    if (chunk->codes != NULL) free(chunk->codes[c]);
  }
  free(chunk->cells);
  free(chunk->words);
  free(chunk->counts);
  free(chunk->codes);
  *chunk = (csv_chunk_t){0};
}

ls_status csv_record_cut(const char *path, int64_t line, const csv_dialect_t *dialect, csv_text_t *text,
                         char ***cells, size_t *n, ls_error *error) {
  csv_chunk_t lines = {0};
  parser_t parser = make_parser(dialect, text, &lines);
  char **found = NULL;
  size_t n_found = 0, room = 0;
  for (bool more = text->size > 0; more;) {
    cell_t cell;
    csv_fault_t fault = read_cell(&parser, &cell);
    more = fault == CSV_SOUND && pass_stop(&parser);
    if (n_found == room) {
      room = 2 * room + 64;
      char **larger = reallocarray(found, room, sizeof *found);
      if (larger == NULL) fault = CSV_NO_MEMORY;
      if (larger != NULL) found = larger;
    }
    if (fault != CSV_SOUND) {
      free(found);
      return csv_fault_error(path, line + lines.lines, fault, dialect->quote, error);
    }
    cell.text[cell.length] = '\0';
    found[n_found++] = cell.text;
  }
  *cells = found;
  *n = n_found;
  return LS_OK;
}

ls_status csv_fault_error(const char *path, int64_t line, csv_fault_t fault, char quote, ls_error *error) {
  if (fault == CSV_NO_MEMORY) return error_set(error, LS_NO_MEMORY, "%s: no memory for its cells", path);
  if (fault == CSV_OPEN_QUOTE)
    return error_set(error, LS_BAD_DATA, "%s:%" PRId64 ": a quote (%c) is opened and never closed", path,
                     line, quote);
  return error_set(error, LS_BAD_DATA,
                   "%s:%" PRId64 ": text after a closing quote; write a quote inside a quoted cell twice",
                   path, line);
}
