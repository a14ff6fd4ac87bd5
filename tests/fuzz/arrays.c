/* Files of arrays and sparse rows: NPY, NPZ, IDX, libsvm. The content decides the format, so one target reads
 * them all; the seeds differ. Packed with gzip, a file gives the same numbers or is refused with the same
 * status. */
#include "fuzz/fuzz.h"
#include "import/import_impl.h"

#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { MOST_BYTES = 16 << 20 };

static void write_packed(const char *path, const uint8_t *data, size_t size) {
  gzFile file = gzopen(path, "wb1");
  MUST(file != NULL);
  MUST(size == 0 || gzwrite(file, data, (unsigned)size) == (int)size);
  MUST(gzclose(file) == Z_OK);
}

/* Reads the file whole, or an array in it; *out is empty after a failure. */
static ls_status read_file(const char *path, const char *part, import_content_t *out) {
  char whole[512];
  ls_error error = {0};
  snprintf(whole, sizeof whole, "%s%s", path, part);
  *out = (import_content_t){0};
  ls_status status = import_read(whole, MOST_BYTES, out, &error);
  fuzz_check_error(status, &error);
  return status;
}

static size_t bytes_of(const import_array_t *array) {
  size_t bytes = array->dims > 0 ? store_type_size(array->type) : 0;
  for (int i = 0; i < array->dims; i++) bytes *= (size_t)array->shape[i];
  return bytes;
}

static void compare(const import_content_t *a, const import_content_t *b) {
  size_t bytes = bytes_of(&a->array);
  MUST(a->array.dims == b->array.dims && a->is_table == b->is_table && a->sparse.rows == b->sparse.rows);
  MUST(bytes <= MOST_BYTES && bytes == bytes_of(&b->array));
  MUST(bytes == 0 || memcmp(a->array.values, b->array.values, bytes) == 0);
  if (a->sparse.rows == 0) return;
  size_t n = a->sparse.starts[a->sparse.rows];
  MUST(memcmp(a->sparse.starts, b->sparse.starts, (size_t)(a->sparse.rows + 1) * sizeof(size_t)) == 0);
  MUST(memcmp(a->sparse.columns, b->sparse.columns, n * sizeof(uint32_t)) == 0);
  MUST(memcmp(a->sparse.values, b->sparse.values, n * sizeof(double)) == 0);
  MUST(a->table.text.size == b->table.text.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  import_content_t plain, packed;
  const char *path = fuzz_path("input");
  bool is_archive = size > 2 && memcmp(data, "PK", 2) == 0;
  fuzz_write(path, data, size);
  ls_status status = read_file(path, "", &plain);
  if (is_archive) { /* of which a part is asked for */
    import_content_free(&plain);
    read_file(path, ":x", &plain);
  } else if (size < 2 || memcmp(data, "\x1f\x8b", 2) != 0) { /* what is packed is unpacked once */
    write_packed(path, data, size);
    MUST(read_file(path, "", &packed) == status);
    if (status == LS_OK) compare(&plain, &packed);
    import_content_free(&packed);
  }
  import_content_free(&plain);
  return 0;
}
