/* What the chapters of this room share: the open file, handles that close themselves, HDF5's errors as ours.
 */
#ifndef STORE_STORE_IMPL_H
#define STORE_STORE_IMPL_H

#include "store/store.h"

#include <hdf5.h>

struct store {
  hid_t file;
  char *path;      /* of the file that is meant: the target when writing */
  char *temporary; /* the file that is written, NULL when reading */
};

/* The group that store_publish adds; store_visit passes over it. */
#define MANIFEST_GROUP "/manifest"

/* Pieces in which whole arrays are read back for their checksum. */
enum { MANIFEST_PIECE_BYTES = 8 << 20 };

/* ---- hdf5.c ---- */

/* HDF5 prints nothing by itself in this thread from here on. */
void hdf5_quiet(void);

/* The reason of the last failed HDF5 call, the innermost one, in out. Empty when there is none. */
void hdf5_reason(char *out, size_t size);

/* error_set with ": reason" added. */
ls_status hdf5_error(ls_error *error, ls_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Closes any kind of handle; a negative one is none. */
void hdf5_close(hid_t id);

/* The type of elements in memory, owned by the library. */
hid_t hdf5_type(store_type_t type);

/* ---- array.c ---- */

/* Opens an array whose existence and type have been checked; fills *info when not NULL. */
ls_status array_open(const store_t *store, const char *name, hid_t *dataset, store_array_t *info,
                     ls_error *error);

/* Elements in one row; 1 for a scalar and for (n). */
int64_t array_row_elements(const store_array_t *array);
int64_t array_rows(const store_array_t *array);

/* The elements of rows [first, first + count), in memory one after the other and in the file. slab_close also
 * after slab_open failed, which it does when the array has no such rows. */
typedef struct {
  hid_t memory, file; /* dataspaces; the file's has the rows selected */
  hssize_t elements;
} slab_t;
bool slab_open(hid_t dataset, int64_t first, int64_t count, slab_t *slab);
void slab_close(slab_t *slab);

/* Rows [first, first + count) into `memory`, as elements of memory_type. */
ls_status array_read(const store_t *store, hid_t dataset, const char *name, int64_t first, int64_t count,
                     hid_t memory_type, void *memory, ls_error *error);

/* ---- write.c ---- */

/* Makes the groups that lead to name, and name itself as one when `whole`. */
herr_t groups_make(hid_t file, const char *name, bool whole);

/* ---- text.c: text as HDF5 keeps it, of fixed or of variable length ---- */

/* All texts of an attribute as one malloc'd block: n pointers, then the texts. */
ls_status text_read_all(hid_t attribute, char ***out, size_t *n);

/* The type of a text of variable length in UTF-8, to be closed. */
hid_t text_type(void);

/* ---- names.c ---- */

typedef struct {
  char **names;
  size_t n, capacity;
} names_t;

ls_status names_add(names_t *names, const char *name);
void names_free(names_t *names);

/* Paths of all numeric arrays ("/train/x"), or of all attributes ("/train@source"), sorted, without the
 * manifest. */
ls_status names_of_arrays(const store_t *store, names_t *names, ls_error *error);
ls_status names_of_attributes(const store_t *store, names_t *names, ls_error *error);

/* ---- manifest.c ---- */

ls_status manifest_write(store_t *store, ls_error *error);

#endif
