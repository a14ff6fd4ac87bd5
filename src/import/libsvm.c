/* libsvm's (svmlight's) text format: a row is "label index:value index:value ...", with indices in ascending
 * order; values that are not given are 0. Text after # is a comment. (C.-C. Chang, C.-J. Lin: "LIBSVM: A
 * library for support vector machines", README; T. Joachims: SVM-light, "How to use".)
 *
 * Indices begin at 1 or at 0; which one is decided over all inputs together (sparse.c). */
#include "base/text.h"
#include "import/table_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_TO_RECOGNISE = 100, MOST_INDEX = 1 << 30 };

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* ---- recognising ---- */

/* The token at `at`, without blanks before it; *length is 0 at the end of the line. */
static const char *token(const char *at, const char *end, size_t *length) {
  while (at < end && is_blank(*at)) at++;
  const char *stop = at;
  while (stop < end && !is_blank(*stop)) stop++;
  *length = (size_t)(stop - at);
  return at;
}

/* A pair whose value is no number is a fault in a row, not a sign of another format. */
static bool is_pair(const char *at, size_t length) {
  size_t digits = 0;
  if (length > 4 && memcmp(at, "qid:", 4) == 0) return true;
  while (digits < length && is_digit(at[digits])) digits++;
  return digits > 0 && digits < length && at[digits] == ':' &&
         memchr(at + digits + 1, ':', length - digits - 1) == NULL;
}

/* Whether all tokens of a line after the first are pairs; counts them. */
static bool is_row(const char *at, const char *end, size_t *pairs) {
  size_t length = 0;
  *pairs = 0;
  at = token(at, end, &length);
  if (length > 0 && (memchr(at, '"', length) != NULL || is_pair(at, length))) return false;
  for (at = token(at + length, end, &length); length > 0; at = token(at + length, end, &length)) {
    if (!is_pair(at, length)) return false;
    ++*pairs;
  }
  return true;
}

/* Some rows may have only a label, so the first rows decide together: none is anything else, and one has a
 * pair. */
bool libsvm_is(const file_bytes_t *content) {
  const char *at = (const char *)content->bytes, *end = at + content->size;
  size_t found = 0, pairs = 0;
  for (int line = 0; line < LINES_TO_RECOGNISE && at < end; line++) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    if (stop == NULL) stop = end;
    const char *comment = memchr(at, '#', (size_t)(stop - at));
    if (!is_row(at, comment != NULL ? comment : stop, &pairs)) return false;
    found += pairs;
    at = stop + (stop < end);
  }
  return found > 0;
}

/* ---- reading ---- */

/* A file while it is being read. */
typedef struct {
  const char *path;
  int64_t line;
  sparse_t sparse;
  table_text_t labels;
  size_t rows_room, values, values_room;
} libsvm_t;

static ls_status make_room(libsvm_t *file, ls_error *error) {
  sparse_t *s = &file->sparse;
  if ((size_t)s->rows + 1 >= file->rows_room) {
    file->rows_room = 2 * file->rows_room + 1024;
    size_t *starts = realloc(s->starts, (file->rows_room + 1) * sizeof *starts);
    if (starts != NULL) s->starts = starts;
    if (starts == NULL)
      return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu rows", file->path, file->rows_room);
  }
  if (file->values == file->values_room) {
    file->values_room = 2 * file->values_room + 4096;
    uint32_t *columns = realloc(s->columns, file->values_room * sizeof *columns);
    if (columns != NULL) s->columns = columns;
    double *values = realloc(s->values, file->values_room * sizeof *values);
    if (values != NULL) s->values = values;
    if (columns == NULL || values == NULL)
      return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu values", file->path, file->values_room);
  }
  return LS_OK;
}

static ls_status bad_token(const libsvm_t *file, const char *text, const char *what, ls_error *error) {
  return error_set(error, LS_BAD_DATA, "%s:%" PRId64 ": '%.60s' %s", file->path, file->line, text, what);
}

/* Cuts the next token out of the line; NULL at its end. */
static char *next_token(char **at) {
  char *text = *at + strspn(*at, " \t\r");
  if (*text == '\0') return NULL;
  *at = text + strcspn(text, " \t\r");
  if (**at != '\0') *(*at)++ = '\0';
  return text;
}

/* A hexadecimal number is none here. */
static bool is_decimal(const char *text, double *value) {
  return strpbrk(text, "xX") == NULL && text_double(text, value);
}

static ls_status read_pair(libsvm_t *file, char *text, ls_error *error) {
  sparse_t *s = &file->sparse;
  uint64_t index = 0;
  double value = 0;
  const char *at = text;
  if (strncmp(text, "qid:", 4) == 0) {
    s->has_queries = true;
    return LS_OK;
  }
  while (is_digit(*at) && index < MOST_INDEX) index = 10 * index + (uint64_t)(*at++ - '0');
  if (index >= MOST_INDEX)
    return bad_token(file, text, "has too large an index; the largest is 1073741823", error);
  if (at == text || *at != ':')
    return bad_token(file, text, "is not INDEX:VALUE, as in 3:0.5 (libsvm format)", error);
  if (!is_decimal(at + 1, &value)) return bad_token(file, text, "has no number after the colon", error);
  if (!isfinite(value)) return bad_token(file, text, "is not a finite number", error);
  if (file->values > s->starts[s->rows] && index <= s->columns[file->values - 1])
    return bad_token(file, text, "comes after an index that is not smaller: sort each row by index", error);
  TRY(make_room(file, error));
  s->columns[file->values] = (uint32_t)index;
  s->values[file->values++] = value;
  if (index < s->least) s->least = (uint32_t)index;
  if (index > s->most) s->most = (uint32_t)index;
  return LS_OK;
}

/* One line without its end and its comment. */
static ls_status read_line(libsvm_t *file, char *line, ls_error *error) {
  sparse_t *s = &file->sparse;
  char *label = next_token(&line);
  if (label == NULL) return LS_OK;
  if (strchr(label, ',') != NULL)
    return bad_token(file, label,
                     "is a list of labels: rows with several labels cannot be classes. Write a CSV table of "
                     "targets with a column of 0 and 1 for each label, and import it as X.npy Y.csv "
                     "--regression",
                     error);
  if (strchr(label, ':') != NULL)
    return bad_token(file, label, "stands where the label must be: each row begins with its label", error);
  TRY(make_room(file, error));
  table_text_cell(&file->labels, label, strlen(label));
  table_text_line(&file->labels);
  s->starts[s->rows] = file->values;
  for (char *text = next_token(&line); text != NULL; text = next_token(&line))
    TRY(read_pair(file, text, error));
  s->rows++;
  s->starts[s->rows] = file->values;
  return LS_OK;
}

static ls_status read_lines(libsvm_t *file, char *at, size_t size, ls_error *error) {
  char *end = at + size;
  for (file->line = 1; at < end; file->line++) {
    char *stop = memchr(at, '\n', (size_t)(end - at));
    if (stop == NULL) stop = end;
    *stop = '\0';
    char *comment = memchr(at, '#', (size_t)(stop - at));
    if (comment != NULL) *comment = '\0';
    TRY(read_line(file, at, error));
    at = stop + 1;
  }
  return LS_OK;
}

void sparse_free(sparse_t *sparse) {
  free(sparse->starts);
  free(sparse->columns);
  free(sparse->values);
  *sparse = (sparse_t){0};
}

ls_status libsvm_read(const char *path, file_bytes_t *content, size_t most, import_content_t *out,
                      ls_error *error) {
  libsvm_t file = {.path = path, .sparse.least = UINT32_MAX, .labels.most = most};
  if (memchr(content->bytes, '\0', content->size) != NULL)
    return error_set(error, LS_BAD_DATA, "%s: a text in libsvm format, but with NUL bytes: it is damaged",
                     path);
  ls_status status = read_lines(&file, (char *)content->bytes, content->size, error);
  if (status == LS_OK && file.sparse.rows == 0)
    status = error_set(error, LS_BAD_DATA, "%s: no row of data", path);
  if (status == LS_OK) status = table_text_end(&file.labels, path, error);
  if (status == LS_OK) {
    out->sparse = file.sparse;
    out->table = (import_table_t){.text = file.labels.content, .is_made = true};
  } else {
    sparse_free(&file.sparse);
    file_bytes_free(&file.labels.content);
  }
  return status;
}
