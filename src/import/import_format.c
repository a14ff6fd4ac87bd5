/* The formats that an input may have: a table of rows. The first bytes of a file decide its format, not its
 * name. A text without another sign is a CSV table. */
#include "import/import_impl.h"

#include <stdlib.h>
#include <string.h>

typedef ls_status (*format_read_t)(const char *path, file_bytes_t *content, size_t most,
                                   import_content_t *out, ls_error *error);

static ls_status csv_take(const char *path, file_bytes_t *content, size_t most, import_content_t *out,
                          ls_error *error) {
  (void)path, (void)most, (void)error;
  out->is_table = true;
  out->table.text = *content;
  *content = (file_bytes_t){0};
  return LS_OK;
}

/* ---- the table ---- */

static bool starts_with(const file_bytes_t *content, const char *bytes, size_t size) {
  return content->size >= size && memcmp(content->bytes, bytes, size) == 0;
}

static bool is_npy(const file_bytes_t *content) {
  return starts_with(content, "\x93NUMPY", 6);
}

static bool is_idx(const file_bytes_t *content) {
  const unsigned char *b = content->bytes;
  return content->size >= 4 && b[0] == 0 && b[1] == 0 && b[2] >= 0x08 && b[2] <= 0x0e;
}

static bool is_any(const file_bytes_t *content) {
  (void)content;
  return true;
}

/* Rows are tried in this order. */
static const struct {
  bool (*is)(const file_bytes_t *content);
  format_read_t read;
} formats[] = {{is_npy, npy_read}, {is_idx, idx_read}, {libsvm_is, libsvm_read}, {is_any, csv_take}};

static size_t find_format(const file_bytes_t *content) {
  size_t i = 0;
  while (!formats[i].is(content)) i++;
  return i;
}

/* First bytes of formats that are recognised but not read. */
static const struct {
  const char *bytes;
  size_t size;
  const char *advice;
} foreign[] = {
    {"\x89HDF\r\n\x1a\n", 8, "is HDF5, which is read from a file by name, not unpacked or through a pipe"},
    {"\xff\xfe", 2, "is written in UTF-16: save it as UTF-8, or convert it with iconv -f UTF-16 -t UTF-8"},
    {"\xfe\xff", 2, "is written in UTF-16: save it as UTF-8, or convert it with iconv -f UTF-16 -t UTF-8"},
    {"PAR1", 4, "is a Parquet file: import it with scripts/import_table.py"},
    {"ARROW1", 6, "is an Arrow (Feather) file: import it with scripts/import_table.py"},
    {"FEA1", 4, "is a Feather file: import it with scripts/import_table.py"},
    {"\xd0\xcf\x11\xe0", 4, "is an old Excel file: save the table as CSV"},
    {"BZh", 3, "is compressed with bzip2: unpack it with bunzip2"},
    {"\xfd"
     "7zXZ",
     5, "is compressed with xz: unpack it with unxz"},
    {"\x28\xb5\x2f\xfd", 4, "is compressed with zstd: unpack it with unzstd"},
};

static ls_status refuse_foreign(const char *path, const file_bytes_t *content, ls_error *error) {
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
    if (starts_with(content, foreign[i].bytes, foreign[i].size))
      return error_set(error, LS_BAD_DATA, "%s: %s", path, foreign[i].advice);
  return LS_OK;
}

/* ---- an input ---- */

/* Whether a file is a CSV table, which is read piece by piece. Of another one, or of one that can be read
 * only once, nothing is known yet. */
static ls_status is_csv_file(const char *file, bool *is_csv, ls_error *error) {
  file_bytes_t sample = {0};
  TRY(import_read_sample(file, &sample, error));
  ls_status status = sample.size > 0 ? refuse_foreign(file, &sample, error) : LS_OK;
  *is_csv =
      sample.size > 0 && !npz_is(sample.bytes, sample.size) && formats[find_format(&sample)].read == csv_take;
  file_bytes_free(&sample);
  return status;
}

static ls_status read_content(const char *path, const char *file, const char *part, size_t most,
                              file_bytes_t *content, import_content_t *out, ls_error *error) {
  bool is_csv = false;
  TRY(is_csv_file(file, &is_csv, error));
  if (is_csv && part == NULL) {
    out->is_table = true;
    return LS_OK;
  }
  TRY(file_read(file, most, content, error));
  if (npz_is(content->bytes, content->size))
    TRY(npz_take(file, part, most, content, error));
  else if (part != NULL)
    return error_set(error, LS_BAD_DATA,
                     "%s: %s is neither an HDF5 file nor an archive of NumPy (.npz), so it has no part '%s'",
                     path, file, part);
  TRY(refuse_foreign(path, content, error));
  return formats[find_format(content)].read(path, content, most, out, error);
}

void import_table_free(import_table_t *table) {
  file_bytes_free(&table->text);
  free((bool *)table->made.is_text);
  *table = (import_table_t){0};
}

void import_content_free(import_content_t *content) {
  import_array_free(&content->array);
  sparse_free(&content->sparse);
  import_table_free(&content->table);
}

ls_status import_read(const char *path, size_t most, import_content_t *out, ls_error *error) {
  char *file = NULL;
  const char *part = NULL;
  unsigned char first[IMPORT_FIRST_BYTES];
  size_t n = 0;
  file_bytes_t content = {0};
  import_content_t found = {0};
  TRY(import_split_path(path, &file, &part, error));
  ls_status status = import_first_bytes(file, first, &n, error);
  if (status == LS_OK && n == 8 && memcmp(first, "\x89HDF\r\n\x1a\n", 8) == 0)
    status = hdf5_read(path, file, part, most, &found, error);
  else if (status == LS_OK)
    status = read_content(path, file, part, most, &content, &found, error);
  file_bytes_free(&content);
  free(file);
  if (status == LS_OK)
    *out = found;
  else
    import_content_free(&found);
  return status;
}
