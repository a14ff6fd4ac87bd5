/* Files of named arrays: the only room that knows HDF5.
 *
 * A store is one file with arrays at slash-separated paths, rows first, and attributes on them or on groups.
 * Reading is by contiguous row slabs; writing goes to a temporary name beside the target and becomes visible
 * only by store_publish (manifest written, closed, reopened and verified, fsynced, renamed, directory
 * fsynced), because an HDF5 file that was open for writing when its writer died may open with data missing.
 * None of it is collective: each rank opens files on its own, and one rank writes. One store belongs to one
 * thread. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { STORE_U8, STORE_I32, STORE_I64, STORE_U64, STORE_F32, STORE_F64, STORE_TYPES } store_type_t;

/* Bytes of one element. */
size_t store_type_size(store_type_t type);

enum { STORE_MAX_DIMS = 8 };

/* What an array in a file is. */
typedef struct {
  int dims;                      /* 0 for a scalar */
  int64_t shape[STORE_MAX_DIMS]; /* rows first */
  bool is_integer;               /* else floating point */
  bool is_signed;
  size_t element_bytes; /* in the file */
} store_array_t;

typedef struct store store_t;

/* ---- reading ---- */

/* Opens a file for reading. LS_BAD_DATA with the reason: not there, not HDF5, truncated, locked (with the
 * HDF5_USE_FILE_LOCKING advice). *out is caller-owned (store_close). */
ls_status store_open(const char *path, store_t **out, ls_error *error);
const char *store_path(const store_t *store);
void store_close(store_t **store);

/* Whether an array (or group) is there. */
bool store_has(const store_t *store, const char *name);

/* Shape and type; LS_BAD_DATA when missing (the message lists the arrays that are there) or not numeric. */
ls_status store_describe(const store_t *store, const char *name, store_array_t *out, ls_error *error);

/* Rows [first, first + count) of an array, converted by HDF5 to `type`, into out (count * row elements). */
ls_status store_read_rows(const store_t *store, const char *name, int64_t first, int64_t count,
                          store_type_t type, void *out, ls_error *error);

/* Where the elements of an array lie in the file, for those who read it again and again without the library:
 * is_plain when they lie in one piece, as they are and as one of the store's types; else nothing is known. */
typedef struct {
  bool is_plain;
  store_type_t type;
  int64_t offset; /* in bytes, of the first element */
} store_place_t;
ls_status store_locate(const store_t *store, const char *name, store_place_t *out, ls_error *error);

/* Attributes of the object at `name` ("/" for the file). Read functions give LS_BAD_DATA when missing.
 * Texts are malloc'd and caller-owned. */
bool store_has_attribute(const store_t *store, const char *name, const char *key);
ls_status store_read_text(const store_t *store, const char *name, const char *key, char **out,
                          ls_error *error);
ls_status store_read_int(const store_t *store, const char *name, const char *key, int64_t *out,
                         ls_error *error);
ls_status store_read_double(const store_t *store, const char *name, const char *key, double *out,
                            ls_error *error);
/* A list of texts (class names): *out is one malloc'd block, free it whole. */
ls_status store_read_texts(const store_t *store, const char *name, const char *key, char ***out, size_t *n,
                           ls_error *error);

/* Calls visit for every array in the file, in alphabetical order of full path; stops at the first failure. */
typedef ls_status (*store_visit_t)(const char *name, const store_array_t *array, void *context,
                                   ls_error *error);
ls_status store_visit(const store_t *store, store_visit_t visit, void *context, ls_error *error);

/* ---- writing ---- */

/* A new file under a temporary name in the directory of path; nothing is at path until store_publish.
 * store_close without publishing removes the temporary file. */
ls_status store_create(const char *path, store_t **out, ls_error *error);

/* A whole array. Groups on the way are made. */
ls_status store_write(store_t *store, const char *name, store_type_t type, int dims, const int64_t *shape,
                      const void *values, ls_error *error);

/* An array written in pieces: declared with its final shape, filled by row slabs. `memory_type` is that of
 * values, converted by HDF5 to the array's type. */
ls_status store_declare(store_t *store, const char *name, store_type_t type, int dims, const int64_t *shape,
                        ls_error *error);
ls_status store_write_rows(store_t *store, const char *name, int64_t first, int64_t count,
                           store_type_t memory_type, const void *values, ls_error *error);

/* Attributes; the object is made as a group when there is none. */
ls_status store_write_text(store_t *store, const char *name, const char *key, const char *value,
                           ls_error *error);
ls_status store_write_int(store_t *store, const char *name, const char *key, int64_t value, ls_error *error);
ls_status store_write_double(store_t *store, const char *name, const char *key, double value,
                             ls_error *error);
ls_status store_write_texts(store_t *store, const char *name, const char *key, const char *const *values,
                            size_t n, ls_error *error);

/* Writes the manifest (/manifest: every array's name, size and XXH3-64 checksum), closes, reopens and
 * verifies it, fsyncs, renames to the target and fsyncs the directory. The store is gone either way (*store =
 * NULL). */
ls_status store_publish(store_t **store, ls_error *error);

/* Checks every array of a file against its manifest: LS_BAD_DATA when one differs or is missing, or when
 * there is no manifest. */
ls_status store_verify(const store_t *store, ls_error *error);

/* ---- small files, the same promise ---- */

/* Writes text to path by temporary name, fsync and rename. */
ls_status store_write_file(const char *path, const char *text, ls_error *error);

/* mkdir -p. */
ls_status store_make_directory(const char *path, ls_error *error);

/* Version of the HDF5 library, "1.10.8". Static. */
const char *store_library_version(void);

#endif
