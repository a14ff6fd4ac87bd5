#include "inspect/names.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

ls_status model_path(const char *word, char *out, size_t size, ls_error *error) {
  struct stat info;
  bool is_run = stat(word, &info) == 0 && S_ISDIR(info.st_mode);
  int length = snprintf(out, size, "%s%s", word, is_run ? "/model.h5" : "");
  if (length < 0 || (size_t)length >= size)
    return error_set(error, LS_USAGE, "%.80s…: the path is too long", word);
  return LS_OK;
}
