/* The format of a file. Its first bytes decide, not its name. */
#include "import/import_impl.h"

#include <string.h>

/* First bytes of formats that are recognised but not supported. */
static const struct {
  const char *bytes;
  size_t size;
  const char *advice;
} foreign[] = {
    {"\x89HDF\r\n\x1a\n", 8, "is HDF5 already: no import needed, name its arrays by data.x and data.y"},
    {"PK\x03\x04", 4, "is a zip archive (.npz, .xlsx): save its arrays with numpy.save, or the table as CSV"},
    {"\xff\xfe", 2, "is written in UTF-16: save it as UTF-8, or convert it with iconv -f UTF-16 -t UTF-8"},
    {"\xfe\xff", 2, "is written in UTF-16: save it as UTF-8, or convert it with iconv -f UTF-16 -t UTF-8"},
    {"PAR1", 4, "is a Parquet file: save the table as CSV, or its columns with numpy.save"},
};

ls_status import_format(const char *path, const unsigned char *bytes, size_t size, import_format_t *out,
                        ls_error *error) {
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
    if (size >= foreign[i].size && memcmp(bytes, foreign[i].bytes, foreign[i].size) == 0)
      return error_set(error, LS_BAD_DATA, "%s: %s", path, foreign[i].advice);
  if (size >= 6 && memcmp(bytes, "\x93NUMPY", 6) == 0)
    *out = FORMAT_NPY;
  else if (size >= 4 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] >= 0x08 && bytes[2] <= 0x0e)
    *out = FORMAT_IDX;
  else
    *out = FORMAT_CSV;
  return LS_OK;
}
