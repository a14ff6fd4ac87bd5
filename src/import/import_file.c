/* The names and the beginnings of inputs. An input is a file, `-` for the standard input, or FILE:PART for a
 * part of a file that holds several (NPZ, HDF5). */
#include "import/import_impl.h"

#include "base/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A sample has a whole row of a wide table. */
enum { SAMPLE_BYTES = 1 << 20 };

ls_status import_split_path(const char *path, char **file, const char **part, ls_error *error) {
  char *name = strdup(path);
  const char *found = NULL;
  if (name == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for the path", path);
  if (access(path, F_OK) != 0)
    for (const char *at = strchr(path, ':'); at != NULL && found == NULL; at = strchr(at + 1, ':')) {
      name[at - path] = '\0';
      if (access(name, F_OK) == 0) found = at + 1;
      if (found == NULL) name[at - path] = ':';
    }
  *file = name;
  *part = found;
  return LS_OK;
}

/* A pipe gives its bytes only once. A missing file is reported by who opens it. */
static bool can_be_read_again(const char *file) {
  struct stat about;
  return !file_is_standard_input(file) && (stat(file, &about) != 0 || S_ISREG(about.st_mode));
}

ls_status import_first_bytes(const char *file, unsigned char out[IMPORT_FIRST_BYTES], size_t *n,
                             ls_error *error) {
  *n = 0;
  if (!can_be_read_again(file)) return LS_OK;
  FILE *stream = fopen(file, "rb");
  if (stream == NULL) {
    char hint[PATH_HINT_SIZE];
    const int cause = errno;
    path_hint(file, "", hint);
    return error_set(error, LS_BAD_DATA, "%s: cannot be opened: %s%s", file, strerror(cause), hint);
  }
  *n = fread(out, 1, IMPORT_FIRST_BYTES, stream);
  fclose(stream);
  return LS_OK;
}

/* Leaves the line out that the end of the sample cuts, or else the word. */
static void drop_cut_line(file_bytes_t *sample) {
  const unsigned char *end = memrchr(sample->bytes, '\n', sample->size);
  if (end == NULL) end = memrchr(sample->bytes, ' ', sample->size);
  if (end != NULL) sample->size = (size_t)(end - sample->bytes) + 1;
}

ls_status import_read_sample(const char *file, file_bytes_t *out, ls_error *error) {
  file_stream_t *stream = NULL;
  file_bytes_t sample = {0};
  ls_status status = LS_OK;
  if (!can_be_read_again(file)) return LS_OK;
  TRY(file_stream_open(file, &stream, error));
  sample.bytes = malloc(SAMPLE_BYTES + 1);
  if (sample.bytes == NULL) status = error_set(error, LS_NO_MEMORY, "%s: no memory to read it", file);
  for (size_t n = 1; status == LS_OK && n > 0 && sample.size < SAMPLE_BYTES; sample.size += n)
    status = file_stream_read(stream, sample.bytes + sample.size, SAMPLE_BYTES - sample.size, &n, error);
  file_stream_close(&stream);
  if (status == LS_OK && sample.size == 0)
    status = error_set(error, LS_BAD_DATA, "%s: the file is empty", file);
  if (status != LS_OK) {
    file_bytes_free(&sample);
    return status;
  }
  if (sample.size == SAMPLE_BYTES) drop_cut_line(&sample);
  sample.bytes[sample.size] = '\0';
  *out = sample;
  return LS_OK;
}

size_t import_most_memory(const import_options_t *options) {
  if (options->most_memory > 0) return (size_t)options->most_memory;
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  size_t bytes = pages > 0 && page > 0 ? (size_t)pages * (size_t)page / 2 : (size_t)1 << 32;
  return bytes / ((size_t)1 << 20) << 20;
}
