/* Reads an input file as bytes. zlib's gzip reader passes plain files through, so compressed and plain files
 * need no distinction. The first bytes of a file decide its format, not its name. */
#include "import/import_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { FIRST_ROOM = 1 << 20, LARGEST_READ = 1 << 30, UNPACK_BUFFER = 1 << 18 };

static ls_status grow(import_bytes_t *content, size_t *room, const char *path, ls_error *error) {
  size_t larger = *room == 0 ? FIRST_ROOM : *room * 2;
  unsigned char *bytes = realloc(content->bytes, larger);
  if (bytes == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu bytes", path, larger);
  content->bytes = bytes;
  *room = larger;
  return LS_OK;
}

static ls_status read_failed(gzFile file, const char *path, ls_error *error) {
  int code = Z_OK;
  const char *text = gzerror(file, &code);
  if (code == Z_ERRNO) return error_set(error, LS_BAD_DATA, "%s: cannot be read: %s", path, strerror(errno));
  return error_set(error, LS_BAD_DATA, "%s: broken or cut gzip data (%s); fetch the file again", path, text);
}

static ls_status read_all(gzFile file, const char *path, import_bytes_t *content, ls_error *error) {
  size_t room = 0;
  for (;;) {
    if (content->size + 1 >= room) TRY(grow(content, &room, path, error));
    size_t space = room - content->size - 1;
    int n =
        gzread(file, content->bytes + content->size, (unsigned)(space < LARGEST_READ ? space : LARGEST_READ));
    int code = Z_OK;
    gzerror(file, &code);
    if (n < 0 || (n == 0 && code != Z_OK)) return read_failed(file, path, error);
    if (n == 0) break;
    content->size += (size_t)n;
  }
  content->bytes[content->size] = '\0';
  return LS_OK;
}

ls_status import_read_file(const char *path, import_bytes_t *out, ls_error *error) {
  import_bytes_t content = {0};
  errno = 0;
  gzFile file = gzopen(path, "rb");
  if (file == NULL)
    return error_set(error, LS_BAD_DATA, "%s: cannot be opened: %s", path,
                     errno != 0 ? strerror(errno) : "out of memory");
  gzbuffer(file, UNPACK_BUFFER);
  ls_status status = read_all(file, path, &content, error);
  gzclose_r(file);
  if (status == LS_OK && content.size == 0)
    status = error_set(error, LS_BAD_DATA, "%s: the file is empty", path);
  if (status != LS_OK) {
    import_bytes_free(&content);
    return status;
  }
  *out = content;
  return LS_OK;
}

void import_bytes_free(import_bytes_t *content) {
  free(content->bytes);
  *content = (import_bytes_t){0};
}

/* First bytes of formats that are recognised but not supported. */
static const struct {
  const char *bytes;
  size_t size;
  const char *advice;
} foreign[] = {
    {"\x89HDF\r\n\x1a\n", 8, "is HDF5 already: no import needed, name its arrays by data.x and data.y"},
    {"PK\x03\x04", 4, "is a zip archive (.npz, .xlsx): save its arrays with numpy.save, or the table as CSV"},
    {"PAR1", 4, "is a Parquet file: save the table as CSV, or its columns with numpy.save"},
};

ls_status import_format(const char *path, const import_bytes_t *content, import_format_t *out,
                        ls_error *error) {
  const unsigned char *b = content->bytes;
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
    if (content->size >= foreign[i].size && memcmp(b, foreign[i].bytes, foreign[i].size) == 0)
      return error_set(error, LS_BAD_DATA, "%s: %s", path, foreign[i].advice);
  if (content->size >= 6 && memcmp(b, "\x93NUMPY", 6) == 0)
    *out = FORMAT_NPY;
  else if (content->size >= 4 && b[0] == 0 && b[1] == 0 && b[2] >= 0x08 && b[2] <= 0x0e)
    *out = FORMAT_IDX;
  else
    *out = FORMAT_CSV;
  return LS_OK;
}
