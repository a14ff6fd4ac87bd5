/* Tables in HDF5 files: a file in words, whose part `t` is imported. The line `settings` holds the name of
 * another part. */
#include "fuzz/fuzz.h"
#include "import/import_impl.h"

#include <string.h>

enum { MOST_BYTES = 16 << 20 };

static void read_table(const import_content_t *content) {
  tables_t *tables = NULL;
  ls_error error = {0};
  const file_bytes_t *text = &content->table.text;
  const table_place_t place = {.path = "table",
                               .memory = (const char *)text->bytes,
                               .size = text->size,
                               .made = content->table.is_made ? &content->table.made : NULL};
  table_options_t options = {.cells = {.header = -1}, .reading = {.threads = 1, .most = MOST_BYTES}};
  ls_status status = tables_read(&place, 1, &options, &tables, &error);
  fuzz_check_error(status, &error);
  tables_free(&tables);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *part = NULL, whole[512];
  import_content_t content = {0};
  ls_error error = {0};
  const char *path = fuzz_path("table.h5");
  words_write(data, size, path, &part);
  snprintf(whole, sizeof whole, "%s%s%.60s", path, *part != '\0' ? ":" : "", part);
  ls_status status = import_read(whole, MOST_BYTES, &content, &error);
  fuzz_check_error(status, &error);
  if (status == LS_OK && content.is_table && content.table.text.bytes != NULL) read_table(&content);
  import_content_free(&content);
  free(part);
  return 0;
}
