/* What MPI says of a call that failed. */
#include "comm/world_impl.h"

ls_status mpi_check(int code, const char *what, ls_error *error) {
  if (code == MPI_SUCCESS) return LS_OK;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return error_set(error, LS_COMM, "%s failed: %s", what, text);
}
