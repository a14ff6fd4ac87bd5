/* Files, compressed with gzip or not, as their uncompressed bytes. */
#ifndef TABLE_FILE_H
#define TABLE_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file's uncompressed content, followed by a NUL that `size` does not count. */
typedef struct {
  unsigned char *bytes; /* malloc'd */
  size_t size;
} file_bytes_t;

/* Whether file_read takes a path for the standard input: "-". */
bool file_is_standard_input(const char *path);

/* Reads the whole file, or the standard input; *out is caller-owned (file_bytes_free). LS_BAD_DATA for an
 * empty one, and for a content of more than `most` bytes. */
ls_status file_read(const char *path, size_t most, file_bytes_t *out, ls_error *error);
void file_bytes_free(file_bytes_t *content);

/* Inflates `packed` bytes (deflate, RFC 1951) to exactly `size` bytes, and compares their CRC-32. */
bool file_inflate(const unsigned char *from, size_t packed, unsigned char *to, size_t size, uint32_t crc);
bool file_has_crc(const unsigned char *bytes, size_t size, uint32_t crc);

/* A file as a stream. */
typedef struct file_stream file_stream_t;

/* *out is caller-owned (file_stream_close). */
ls_status file_stream_open(const char *path, file_stream_t **out, ls_error *error);
/* Reads up to `size` bytes; *n is 0 at the end. */
ls_status file_stream_read(file_stream_t *stream, void *out, size_t size, size_t *n, ls_error *error);
/* Bytes of the file, as it is stored, that were read, and all of them; 0: unknown. */
void file_stream_progress(file_stream_t *stream, int64_t *read, int64_t *all);
void file_stream_close(file_stream_t **stream);

#endif
