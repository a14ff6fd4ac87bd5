/* Checks, before a command begins its work, that the file it will write at the end can be written, and that
 * it is none of the files that the command reads. */
#include "request/request.h"

#include "store/store.h"

#include <sys/stat.h>

static bool is_same_file(const char *a, const char *b) {
  struct stat of_a, of_b;
  return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
         of_a.st_ino == of_b.st_ino;
}

static ls_status check(const char *option, const char *path, const char *const *inputs, size_t n,
                       ls_error *error) {
  for (size_t i = 0; i < n; i++)
    if (is_same_file(path, inputs[i]))
      return error_set(error, LS_USAGE,
                       "--%s: %.200s would be overwritten, but this command reads it: name another file",
                       option, inputs[i]);
  ls_status status = store_check_place(path, error);
  return status == LS_OK ? LS_OK : error_prefix(error, status, "--%s", option);
}

ls_status output_check(const session_t *session, const char *option, const char *path,
                       const char *const *inputs, size_t n, ls_error *error) {
  if (path == NULL) return LS_OK; /* on all ranks */
  ls_status status = session->is_root ? check(option, path, inputs, n, error) : LS_OK;
  return world_agree(session->world, status, error);
}
