/* Whether a file may lead to other files. HDF5 follows links and arrays to any file that the user can read,
 * so a dataset of another user could make lockstep train on private files of this user. */
#include "store/store_impl.h"

#include <stdio.h>

static bool is_allowed;

void store_allow_external(bool allowed) {
  is_allowed = allowed;
}

bool external_is_allowed(void) {
  return is_allowed;
}

static herr_t follow(const char *file, const char *group, const char *other_file, const char *object,
                     unsigned *flags, hid_t access, void *context) {
  (void)file, (void)group, (void)object, (void)flags, (void)access;
  reading_notes_t *notes = context;
  if (is_allowed) return 0;
  snprintf(notes->linked, sizeof notes->linked, "%s", other_file);
  return -1;
}

hid_t link_access_list(reading_notes_t *notes) {
  hid_t list = H5Pcreate(H5P_LINK_ACCESS);
  H5Pset_elink_cb(list, follow, notes);
  return list;
}

ls_status linked_elsewhere(const store_t *store, const char *name, ls_error *error) {
  H5Eclear2(H5E_DEFAULT);
  ls_status status = error_set(error, LS_BAD_DATA,
                               "%s: %s is a link to another file, %s; set data.external=true to follow it",
                               store->path, name, store->notes->linked);
  store->notes->linked[0] = '\0';
  return status;
}
