/* Converts HDF5's errors to ours. HDF5 keeps a stack of messages per thread, from the public call down to the
 * cause. The innermost message says what happened, so it is the one reported. */
#include "store/store_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A function of the old kind, H5Eset_auto1, cannot be asked for; it stays where it is. */
printer_t hdf5_silence(void) {
  printer_t printer = {.is_known = false};
  unsigned is_new = 0;
  printer.is_known = H5Eauto_is_v2(H5E_DEFAULT, &is_new) >= 0 && is_new &&
                     H5Eget_auto2(H5E_DEFAULT, &printer.print, &printer.context) >= 0;
  if (printer.is_known) H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return printer;
}

void hdf5_restore(printer_t printer) {
  if (printer.is_known) H5Eset_auto2(H5E_DEFAULT, printer.print, printer.context);
}

static herr_t keep_description(unsigned n, const H5E_error2_t *entry, void *context) {
  const char **description = context;
  if (n == 0 && entry->desc != NULL) *description = entry->desc;
  return 0;
}

/* The errno in a message of the file driver; 0: there is none. */
static int system_code(const char *description) {
  static const char mark[] = "errno = ";
  const char *code = strstr(description, mark);
  return code == NULL ? 0 : atoi(code + sizeof mark - 1);
}

/* Shortens messages of the file driver, such as "file write failed: time = …, errno = 28, error message = 'No
 * space left on device', …": keeps the words before the first colon or comma and the system's error message.
 * Returns false for other messages. */
static bool system_reason(const char *description, char *out, size_t size) {
  static const char mark[] = "error message = '";
  const char *begin = strstr(description, mark);
  if (begin == NULL) return false;
  begin += sizeof mark - 1;
  const char *end = strchr(begin, '\'');
  if (end == NULL) return false;
  snprintf(out, size, "%.*s: %.*s", (int)strcspn(description, ":,"), description, (int)(end - begin), begin);
  return true;
}

int hdf5_reason(char *out, size_t size) {
  const char *description = "";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_description, &description);
  if (!system_reason(description, out, size)) snprintf(out, size, "%s", description);
  int code = system_code(description);
  H5Eclear2(H5E_DEFAULT);
  return code;
}

ls_status hdf5_error(ls_error *error, ls_status status, const char *format, ...) {
  char what[LS_MESSAGE_SIZE], reason[LS_MESSAGE_SIZE / 2];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  int code = hdf5_reason(reason, sizeof reason);
  if (status == LS_BAD_DATA && code != 0) status = system_status(code);
  if (status == LS_NO_MEMORY) snprintf(reason, sizeof reason, "out of memory"); /* our own error */
  return error_set(error, status, "%s%s%s", what, reason[0] == '\0' ? "" : ": ", reason);
}

ls_status system_status(int code) {
  static const int of_names[] = {ENOENT, ENOTDIR, EACCES, EPERM, ELOOP, ENAMETOOLONG, EISDIR};
  for (size_t i = 0; i < sizeof of_names / sizeof of_names[0]; i++)
    if (code == of_names[i]) return LS_BAD_DATA;
  return LS_IO;
}

bool hdf5_exists(const store_t *store, htri_t answer) {
  char reason[LS_MESSAGE_SIZE / 2];
  int code = answer < 0 ? hdf5_reason(reason, sizeof reason) : 0;
  if (code == 0) return answer > 0;
  if (store->notes != NULL) store->notes->code = code;
  return true;
}

ls_status write_status(ls_status status, ls_error *error) {
  if (status != LS_BAD_DATA) return status;
  if (error != NULL) error->status = LS_IO;
  return LS_IO;
}

static void close_kind(hid_t id) {
  switch (H5Iget_type(id)) {
  case H5I_DATASPACE:
    H5Sclose(id);
    break;
  case H5I_DATATYPE:
    H5Tclose(id);
    break;
  case H5I_ATTR:
    H5Aclose(id);
    break;
  case H5I_GENPROP_LST:
    H5Pclose(id);
    break;
  default:
    H5Oclose(id);
  }
}

/* HDF5 calls clear the messages of the previous call. This one keeps them, so handles can be closed before
 * the error is reported. Messages are rare, and to put them aside takes longer than to close a handle. */
void hdf5_close(hid_t id) {
  if (id < 0) return;
  hid_t messages = H5Eget_num(H5E_DEFAULT) > 0 ? H5Eget_current_stack() : H5I_INVALID_HID;
  close_kind(id);
  if (messages >= 0)
    H5Eset_current_stack(messages);
  else
    H5Eclear2(H5E_DEFAULT);
}

hid_t hdf5_space(hid_t dataset) {
  hid_t list = H5Dget_create_plist(dataset);
  hid_t space = H5Pget_layout(list) == H5D_VIRTUAL ? H5Pget_virtual_vspace(list, 0) : H5Dget_space(dataset);
  hdf5_close(list);
  return space;
}

hid_t hdf5_type(store_type_t type) {
  const hid_t types[] = {
      [STORE_U8] = H5T_NATIVE_UINT8,   [STORE_I32] = H5T_NATIVE_INT32, [STORE_I64] = H5T_NATIVE_INT64,
      [STORE_U64] = H5T_NATIVE_UINT64, [STORE_F32] = H5T_NATIVE_FLOAT, [STORE_F64] = H5T_NATIVE_DOUBLE,
  };
  return types[type];
}

size_t store_type_size(store_type_t type) {
  static const size_t sizes[] = {
      [STORE_U8] = 1, [STORE_I32] = 4, [STORE_I64] = 8, [STORE_U64] = 8, [STORE_F32] = 4, [STORE_F64] = 8,
  };
  return sizes[type];
}

#define TEXT_OF(x)       #x
#define VERSION(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

const char *store_library_version(void) {
  return VERSION(H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE);
}
