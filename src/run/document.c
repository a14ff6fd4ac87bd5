#include "run/document.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 20 };

/* Opens a plain file; others (a pipe, which could block for ever) are refused. *out is NULL if there is none.
 */
static ls_status open_plain(const char *path, FILE **out, ls_error *error) {
  struct stat about;
  *out = NULL;
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0 && errno == ENOENT) return LS_OK;
  if (file >= 0 && fstat(file, &about) == 0 && S_ISREG(about.st_mode) && (*out = fdopen(file, "r")) != NULL)
    return LS_OK;
  const char *why = file < 0 ? strerror(errno) : "it is no plain file";
  if (file >= 0) close(file);
  return error_set(error, LS_IO, "%.200s: cannot be read: %s", path, why);
}

ls_status document_parse(const char *text, const char *source, arena_t *arena, yaml_value_t **out,
                         ls_error *error) {
  yaml_value_t *value = NULL;
  ls_status status = yaml_read(arena, text, strlen(text), source, NULL, &value, error);
  if (status == LS_OK && value->kind == YAML_TABLE) {
    *out = value;
    return LS_OK;
  }
  if (status == LS_NO_MEMORY) return status;
  return error_set(error, LS_BAD_DATA, "%.200s is damaged: not a table of names and values", source);
}

ls_status document_read(const char *path, arena_t *arena, yaml_value_t **out, ls_error *error) {
  FILE *file = NULL;
  *out = NULL;
  TRY(open_plain(path, &file, error));
  if (file == NULL) return LS_OK;
  struct stat about;
  size_t most = fstat(fileno(file), &about) == 0 && about.st_size <= MOST_BYTES ? (size_t)about.st_size
                                                                                : MOST_BYTES + 1;
  char *text = arena_new(arena, most + 1, 1);
  size_t length = text == NULL ? 0 : fread(text, 1, most, file);
  bool failed = ferror(file) != 0;
  fclose(file);
  if (text == NULL) return error_set(error, LS_NO_MEMORY, "no memory to read %.200s", path);
  if (failed) return error_set(error, LS_IO, "%.200s: cannot be read", path);
  if (length > MOST_BYTES || strlen(text) != length)
    return error_set(error, LS_BAD_DATA, "%.200s is damaged: not a text of at most 1 MiB", path);
  return document_parse(text, path, arena, out, error);
}

const yaml_value_t *document_find(const yaml_value_t *table, const char *key) {
  return table == NULL || table->kind != YAML_TABLE ? NULL : yaml_find(table, key, strlen(key));
}

double document_number(const yaml_value_t *table, const char *key) {
  const yaml_value_t *value = document_find(table, key);
  double number = NAN;
  if (value == NULL || value->kind != YAML_TEXT || value->is_quoted || !text_double(value->text, &number))
    return NAN;
  return number;
}

const char *document_text(const yaml_value_t *table, const char *key) {
  const yaml_value_t *value = document_find(table, key);
  return value == NULL || value->kind != YAML_TEXT || yaml_is_null(value) ? NULL : value->text;
}

ls_status document_lines(const char *path, document_line_t *visit, void *context, ls_error *error) {
  FILE *file = NULL;
  TRY(open_plain(path, &file, error));
  if (file == NULL) return LS_OK;
  char *line = malloc(MOST_BYTES);
  ls_status status = line == NULL ? error_set(error, LS_NO_MEMORY, "no memory to read %.200s", path) : LS_OK;
  bool is_rest = false; /* of a line that is too long */
  while (status == LS_OK && fgets(line, MOST_BYTES, file) != NULL) {
    char *end = strchr(line, '\n');
    if (end != NULL && !is_rest) {
      *end = '\0';
      status = visit(line, context, error);
    }
    is_rest = end == NULL;
  }
  if (status == LS_OK && ferror(file)) status = error_set(error, LS_IO, "%.200s: cannot be read", path);
  free(line);
  fclose(file);
  return status;
}
