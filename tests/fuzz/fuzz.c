/* Files and messages of the fuzz targets. */
#include "fuzz/fuzz.h"

#include <string.h>
#include <unistd.h>

static char folder[256], path[320];

static void remove_folder(void) {
  if (path[0] != '\0') unlink(path);
  rmdir(folder);
}

const char *fuzz_path(const char *name) {
  if (folder[0] == '\0') {
    const char *place = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.200s/lockstep-fuzz-XXXXXX", place != NULL ? place : "/tmp");
    MUST(mkdtemp(folder) != NULL);
    atexit(remove_folder);
  }
  snprintf(path, sizeof path, "%s/%.40s", folder, name);
  return path;
}

void fuzz_write(const char *file_path, const void *bytes, size_t size) {
  FILE *file = fopen(file_path, "wb");
  MUST(file != NULL);
  MUST(fwrite(bytes, 1, size, file) == size);
  MUST(fclose(file) == 0);
}

void fuzz_check_error(ls_status status, const ls_error *error) {
  if (getenv("FUZZ_MESSAGES") != NULL) fprintf(stderr, "%d %s\n", status, error->message);
  MUST((status == LS_OK) == (error->message[0] == '\0'));
  MUST(error->status == status);
  MUST(status != LS_NO_MEMORY);
}

char *fuzz_text(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  MUST(text != NULL);
  memcpy(text, data, size);
  text[size] = '\0';
  return text;
}
