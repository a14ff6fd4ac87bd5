#include "import/table_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 1 << 16 };

/* Makes room for `size` bytes more and a NUL. */
static bool make_room(table_text_t *text, size_t size) {
  if (text->too_large || text->no_memory) return false;
  if (size > text->most || text->content.size > text->most - size) {
    text->too_large = true;
    return false;
  }
  size_t needed = text->content.size + size + 1, room = text->room == 0 ? FIRST_ROOM : text->room;
  while (room < needed) room *= 2;
  if (room == text->room) return true;
  unsigned char *bytes = realloc(text->content.bytes, room);
  if (bytes == NULL) {
    text->no_memory = true;
    return false;
  }
  text->content.bytes = bytes;
  text->room = room;
  return true;
}

static void add(table_text_t *text, const char *bytes, size_t size) {
  if (!make_room(text, size)) return;
  memcpy(text->content.bytes + text->content.size, bytes, size);
  text->content.size += size;
}

static void begin_cell(table_text_t *text) {
  if (text->in_line) add(text, ",", 1);
  text->in_line = true;
}

void table_text_integer(table_text_t *text, int64_t value) {
  char digits[32];
  begin_cell(text);
  add(text, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, value));
}

void table_text_unsigned(table_text_t *text, uint64_t value) {
  char digits[32];
  begin_cell(text);
  add(text, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value));
}

void table_text_real(table_text_t *text, double value) {
  char digits[32];
  begin_cell(text);
  if (isnan(value))
    add(text, "NaN", 3); /* an empty line is no row */
  else
    add(text, digits, (size_t)snprintf(digits, sizeof digits, "%.17g", value));
}

void table_text_cell(table_text_t *text, const char *bytes, size_t size) {
  if (size > 0 && memchr(bytes, '\0', size) != NULL) text->has_nul = true;
  begin_cell(text);
  add(text, "\"", 1);
  for (size_t done = 0; done < size;) {
    const char *quote = memchr(bytes + done, '"', size - done);
    size_t piece = quote == NULL ? size - done : (size_t)(quote - bytes) + 1 - done;
    add(text, bytes + done, piece);
    if (quote != NULL) add(text, "\"", 1);
    done += piece;
  }
  add(text, "\"", 1);
}

void table_text_line(table_text_t *text) {
  add(text, "\n", 1);
  text->in_line = false;
}

ls_status table_text_end(table_text_t *text, const char *path, ls_error *error) {
  ls_status status = LS_OK;
  if (make_room(text, 0)) text->content.bytes[text->content.size] = '\0';
  if (text->too_large)
    status =
        error_set(error, LS_BAD_DATA,
                  "%s: as text the table has more than %zu bytes; raise --most-memory if this machine has "
                  "them",
                  path, text->most);
  else if (text->no_memory)
    status = error_set(error, LS_NO_MEMORY, "%s: no memory for the table", path);
  else if (text->has_nul)
    status = error_set(error, LS_BAD_DATA, "%s: a text has a NUL byte in its middle; remove it first", path);
  if (status != LS_OK) file_bytes_free(&text->content);
  return status;
}

ls_status table_text_take(table_text_t *text, const char *path, table_made_t made, import_content_t *out,
                          ls_error *error) {
  ls_status status = table_text_end(text, path, error);
  if (status != LS_OK) {
    free((bool *)made.is_text);
    return status;
  }
  out->table = (import_table_t){.text = text->content, .is_made = true, .made = made};
  out->is_table = true;
  return LS_OK;
}
