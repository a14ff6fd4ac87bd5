/* Reads files as bytes. zlib's gzip reader passes plain files through, so compressed and plain files need no
 * distinction. */
#include "table/file.h"

#include "base/path.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { FIRST_ROOM = 1 << 20, LARGEST_READ = 1 << 30, UNPACK_BUFFER = 1 << 18 };

/* ---- streams ---- */

struct file_stream {
  gzFile file;
  const char *path;
  int64_t size; /* of the file as it is stored; 0: unknown */
};

static gzFile open_standard_input(void) {
  int copy = dup(STDIN_FILENO);
  gzFile file = copy < 0 ? NULL : gzdopen(copy, "rb");
  if (file == NULL && copy >= 0) close(copy);
  return file;
}

static ls_status open_stream(const char *path, bool is_input, file_stream_t **out, ls_error *error) {
  struct stat about;
  file_stream_t *stream = calloc(1, sizeof *stream);
  if (stream == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory to read it", path);
  errno = 0;
  *stream = (file_stream_t){.file = is_input ? open_standard_input() : gzopen(path, "rb"), .path = path};
  if (stream->file == NULL) {
    char hint[PATH_HINT_SIZE];
    const int cause = errno;
    free(stream);
    path_hint(path, "", hint);
    return error_set(error, LS_BAD_DATA, "%s: cannot be opened: %s%s", path,
                     cause != 0 ? strerror(cause) : "out of memory", hint);
  }
  gzbuffer(stream->file, UNPACK_BUFFER);
  if (stat(path, &about) == 0 && S_ISREG(about.st_mode)) stream->size = about.st_size;
  *out = stream;
  return LS_OK;
}

ls_status file_stream_open(const char *path, file_stream_t **out, ls_error *error) {
  return open_stream(path, false, out, error);
}

void file_stream_close(file_stream_t **stream) {
  if (*stream != NULL) gzclose_r((*stream)->file);
  free(*stream);
  *stream = NULL;
}

ls_status file_stream_read(file_stream_t *stream, void *out, size_t size, size_t *n, ls_error *error) {
  int code = Z_OK;
  int read = gzread(stream->file, out, (unsigned)(size < LARGEST_READ ? size : LARGEST_READ));
  const char *text = gzerror(stream->file, &code);
  *n = read > 0 ? (size_t)read : 0;
  if (read > 0 || (read == 0 && code == Z_OK)) return LS_OK;
  if (code == Z_ERRNO)
    return error_set(error, LS_BAD_DATA, "%s: cannot be read: %s", stream->path, strerror(errno));
  return error_set(error, LS_BAD_DATA, "%s: broken or cut gzip data (%s); fetch the file again", stream->path,
                   text);
}

void file_stream_progress(file_stream_t *stream, int64_t *read, int64_t *all) {
  *read = gzoffset(stream->file);
  *all = stream->size;
}

/* ---- whole files ---- */

static ls_status too_large(const char *path, size_t most, ls_error *error) {
  char size[32];
  text_write_bytes((int64_t)most, size, sizeof size);
  return error_set(error, LS_BAD_DATA,
                   "%s: the content has more than %s, the most that is read into memory; if that is right, "
                   "raise it with --most-memory",
                   path, size);
}

/* Doubles the room, up to `most` bytes and two more: a byte too many, and the final NUL. */
static ls_status grow(file_bytes_t *content, size_t *room, size_t most, const char *path, ls_error *error) {
  size_t larger = *room == 0 ? FIRST_ROOM : *room * 2;
  if (larger - 2 > most) larger = most + 2;
  unsigned char *bytes = realloc(content->bytes, larger);
  if (bytes == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu bytes", path, larger);
  content->bytes = bytes;
  *room = larger;
  return LS_OK;
}

static ls_status read_all(file_stream_t *stream, const char *path, size_t most, file_bytes_t *content,
                          ls_error *error) {
  size_t room = 0;
  for (size_t n = 1; n > 0; content->size += n) {
    if (content->size > most) return too_large(path, most, error);
    if (content->size + 1 >= room) TRY(grow(content, &room, most, path, error));
    TRY(file_stream_read(stream, content->bytes + content->size, room - content->size - 1, &n, error));
  }
  content->bytes[content->size] = '\0';
  if (content->size == 0) return error_set(error, LS_BAD_DATA, "%s: the file is empty", path);
  return LS_OK;
}

bool file_is_standard_input(const char *path) {
  return strcmp(path, "-") == 0;
}

ls_status file_read(const char *path, size_t most, file_bytes_t *out, ls_error *error) {
  file_bytes_t content = {0};
  file_stream_t *stream = NULL;
  TRY(open_stream(path, file_is_standard_input(path), &stream, error));
  ls_status status = read_all(stream, path, most, &content, error);
  file_stream_close(&stream);
  if (status != LS_OK) {
    file_bytes_free(&content);
    return status;
  }
  *out = content;
  return LS_OK;
}

void file_bytes_free(file_bytes_t *content) {
  free(content->bytes);
  *content = (file_bytes_t){0};
}

/* ---- packed bytes in memory ---- */

bool file_has_crc(const unsigned char *bytes, size_t size, uint32_t crc) {
  return crc32_z(crc32_z(0, Z_NULL, 0), bytes, size) == crc;
}

bool file_inflate(const unsigned char *from, size_t packed, unsigned char *to, size_t size, uint32_t crc) {
  z_stream stream = {0};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
  int code = Z_OK;
  size_t read = 0, written = 0;
  stream.next_in = (unsigned char *)from;
  stream.next_out = to;
  while (code == Z_OK) {
    size_t unread = packed - read, unwritten = size - written;
    stream.avail_in = (unsigned)(unread < LARGEST_READ ? unread : LARGEST_READ);
    stream.avail_out = (unsigned)(unwritten < LARGEST_READ ? unwritten : LARGEST_READ);
    unsigned in = stream.avail_in, out = stream.avail_out;
    code = inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += out - stream.avail_out;
  }
  inflateEnd(&stream);
  return code == Z_STREAM_END && written == size && file_has_crc(to, size, crc);
}
