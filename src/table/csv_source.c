/* Text in chunks that end where a record ends. The text that was read and not yet handed out is the rest. */
#include "table/csv.h"

#include "base/text.h"
#include "table/file.h"

#include <stdlib.h>

/* Each chunk has lists for every column, so it needs several rows of a wide table. */
enum { SAMPLE = 1 << 16, PIECE = 1 << 22, FEWEST_ROWS = 16, PADDING = 16 };

struct csv_source {
  const char *path;
  file_stream_t *file; /* NULL: the text is in memory */
  const char *memory;  /* what is unread of it */
  size_t memory_size;
  size_t most; /* bytes of a record; 0: any number */
  size_t piece;
  bool is_usual_piece;
  csv_text_t rest;
  size_t used; /* bytes of the rest that were handed out */
  bool at_end; /* of the file */
  int64_t line;
  csv_dialect_t dialect;
};

const csv_dialect_t *csv_source_dialect(const csv_source_t *source) {
  return &source->dialect;
}

int64_t csv_source_line(const csv_source_t *source) {
  return source->line;
}

void csv_source_progress(const csv_source_t *source, int64_t *read, int64_t *all) {
  *read = *all = 0;
  if (source->file != NULL) file_stream_progress(source->file, read, all);
}

/* ---- reading ---- */

static ls_status make_room(csv_text_t *text, size_t size, const char *path, ls_error *error) {
  if (text->room >= size + PADDING) return LS_OK;
  char *bytes = realloc(text->bytes, size + PADDING);
  if (bytes == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu bytes", path, size);
  text->bytes = bytes;
  text->room = size + PADDING;
  return LS_OK;
}

static ls_status check_text(const csv_source_t *source, const char *bytes, size_t size, ls_error *error) {
  if (memchr(bytes, '\0', size) == NULL) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: not IDX, NPY or a table in text (it has NUL bytes); save a table as UTF-8 CSV",
                   source->path);
}

/* Reads up to `size` bytes; *n is 0 at the end. */
static ls_status read_some(csv_source_t *source, char *out, size_t size, size_t *n, ls_error *error) {
  if (source->file == NULL) {
    *n = size < source->memory_size ? size : source->memory_size;
    memcpy(out, source->memory, *n);
    source->memory += *n;
    source->memory_size -= *n;
    return LS_OK;
  }
  return file_stream_read(source->file, out, size, n, error);
}

/* Reads until `wanted` bytes are there, or the file ends. */
static ls_status fill(csv_source_t *source, size_t wanted, ls_error *error) {
  csv_text_t *rest = &source->rest;
  size_t there = rest->size - source->used;
  if (there >= wanted || source->at_end) return LS_OK;
  memmove(rest->bytes, rest->bytes + source->used, there);
  rest->size = there;
  source->used = 0;
  TRY(make_room(rest, wanted, source->path, error));
  while (rest->size < wanted && !source->at_end) {
    size_t n = 0;
    TRY(read_some(source, rest->bytes + rest->size, wanted - rest->size, &n, error));
    TRY(check_text(source, rest->bytes + rest->size, n, error));
    source->at_end = n == 0;
    rest->size += n;
  }
  return LS_OK;
}

/* Packed text may have a record of any size. */
static ls_status check_record(const csv_source_t *source, size_t size, ls_error *error) {
  char limit[32];
  if (source->most == 0 || size / 2 <= source->most) return LS_OK;
  text_write_bytes((int64_t)source->most, limit, sizeof limit);
  return error_set(
      error, LS_BAD_DATA,
      "%s: a row has more than %s of text, the most memory that a table may take: is there a quote "
      "that is never closed? If the row is right, raise it with --most-memory",
      source->path, limit);
}

/* Moves the next `size` bytes to `text`. If these are most of the rest, the buffers change places. */
static ls_status hand_out(csv_source_t *source, size_t size, csv_text_t *text, ls_error *error) {
  csv_text_t *rest = &source->rest;
  size_t left = rest->size - source->used - size;
  if (source->used == 0 && left < size) {
    TRY(make_room(text, left, source->path, error));
    if (left > 0) memcpy(text->bytes, rest->bytes + size, left);
    csv_text_t kept = *text;
    *text = *rest;
    *rest = kept;
    rest->size = left;
  } else {
    TRY(make_room(text, size, source->path, error));
    if (size > 0) memcpy(text->bytes, rest->bytes + source->used, size);
    source->used += size;
  }
  text->size = size;
  memset(text->bytes + size, '\0', PADDING);
  return LS_OK;
}

/* The size of the next record, or of all whole records in the next `want` bytes or more. */
static ls_status next_size(csv_source_t *source, size_t want, bool one, size_t *size, ls_error *error) {
  for (;; want *= 2) {
    TRY(check_record(source, want, error));
    TRY(fill(source, want, error));
    const char *at = source->rest.bytes + source->used;
    size_t there = source->rest.size - source->used, cells = 0;
    bool is_all = source->at_end && there <= want;
    size_t seen = there < want ? there : want;
    const char *end = one      ? csv_record_end(&source->dialect, at, at + seen, is_all, &cells)
                      : is_all ? at + seen
                               : csv_last_record_end(&source->dialect, at, at + seen);
    if (seen == 0) end = at;
    if (end == NULL) continue;
    *size = (size_t)(end - at);
    return LS_OK;
  }
}

ls_status csv_source_record(csv_source_t *source, csv_text_t *text, ls_error *error) {
  size_t size = 0;
  TRY(next_size(source, SAMPLE, true, &size, error));
  if (source->is_usual_piece && size > source->piece / FEWEST_ROWS) source->piece = FEWEST_ROWS * size;
  return hand_out(source, size, text, error);
}

ls_status csv_source_chunk(csv_source_t *source, csv_text_t *text, ls_error *error) {
  size_t size = 0;
  TRY(next_size(source, source->piece, false, &size, error));
  return hand_out(source, size, text, error);
}

/* ---- the beginning ---- */

/* Skips blank lines and comments in the rest. */
static const char *skip_idle_lines(const char *at, const char *end) {
  for (;;) {
    const char *line = at;
    while (line < end && (*line == ' ' || *line == '\t')) line++;
    if (line < end && *line == '#')
      while (line < end && *line != '\n' && *line != '\r') line++;
    if (line == end || (*line != '\n' && *line != '\r')) return at;
    at = line + 1;
  }
}

ls_status csv_source_peek(csv_source_t *source, size_t *cells, ls_error *error) {
  *cells = 0;
  for (size_t want = SAMPLE;; want *= 2) {
    TRY(check_record(source, want, error));
    TRY(fill(source, want, error));
    const char *end = source->rest.bytes + source->rest.size;
    const char *at = skip_idle_lines(source->rest.bytes + source->used, end);
    if (at < end && csv_record_end(&source->dialect, at, end, source->at_end, cells) != NULL) return LS_OK;
    if (source->at_end) return LS_OK;
  }
}

static ls_status find_dialect(csv_source_t *source, const csv_dialect_t *wanted, ls_error *error) {
  size_t skipped = 0, hash = 0;
  TRY(fill(source, SAMPLE, error));
  source->dialect = *wanted;
  memset(source->rest.bytes + source->rest.size, '\0', PADDING);
  csv_dialect_find(source->rest.bytes, source->rest.size, &source->dialect, &skipped, &hash);
  const char *bytes = source->rest.bytes;
  for (size_t i = 0; i < skipped; i++)
    source->line += bytes[i] == '\n' || (bytes[i] == '\r' && bytes[i + 1] != '\n');
  source->used = skipped + hash;
  return LS_OK;
}

ls_status csv_source_open(const char *path, const char *memory, size_t size, const csv_dialect_t *wanted,
                          const table_reading_t *reading, csv_source_t **out, ls_error *error) {
  csv_source_t *source = calloc(1, sizeof *source);
  if (source == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory to read it", path);
  *source = (csv_source_t){.path = path,
                           .memory = memory,
                           .memory_size = size,
                           .most = reading->most > 0 && reading->most < PIECE ? PIECE : reading->most,
                           .piece = reading->piece > 0 ? reading->piece : PIECE,
                           .is_usual_piece = reading->piece == 0,
                           .line = 1};
  ls_status status = make_room(&source->rest, SAMPLE, path, error);
  if (status == LS_OK && memory == NULL) status = file_stream_open(path, &source->file, error);
  if (status == LS_OK) status = find_dialect(source, wanted, error);
  if (status != LS_OK) {
    csv_source_close(&source);
    return status;
  }
  *out = source;
  return LS_OK;
}

void csv_source_close(csv_source_t **source) {
  if (*source == NULL) return;
  file_stream_close(&(*source)->file);
  free((*source)->rest.bytes);
  free(*source);
  *source = NULL;
}
