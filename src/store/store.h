/* Files of named arrays. No other room knows HDF5.
 *
 * A store is one file. It has arrays at slash-separated paths, with rows as the first dimension, and
 * attributes on arrays and groups. Arrays are read in slabs of consecutive rows. A new file is written under
 * a temporary name and gets its final name in store_publish, because an HDF5 file whose writer died may open
 * without error and lack data:
 *
 *   PATH.tmp-HOST-PID   create, write -> manifest -> close -> reopen, verify -> seal -> fsync -> rename
 *   PATH                old file, or nothing ......................................................  | new
 * file
 *
 * The directory is fsynced after the rename.
 *
 * No function here is collective: each rank opens files independently, and one rank writes. A store may be
 * used by one thread only. Threads may use different stores at the same time; they take turns (turn.c). */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { STORE_U8, STORE_I32, STORE_I64, STORE_U64, STORE_F32, STORE_F64, STORE_TYPES } store_type_t;

/* Size of one element in bytes. */
size_t store_type_size(store_type_t type);

enum { STORE_MAX_DIMS = 8 };

/* Shape and type of an array in a file. */
typedef struct {
  int dims;                      /* 0 for a scalar */
  int64_t shape[STORE_MAX_DIMS]; /* rows are the first dimension */
  bool is_integer;               /* otherwise floating point */
  bool is_signed;
  size_t element_bytes; /* in the file */
} store_array_t;

typedef struct store store_t;

/* ---- reading ---- */

/* Whether arrays that are read may be in other files: external storage, and links to other files. They are
 * refused by default, because a file of another user could name any file of this user. (A virtual array may
 * have sources in other HDF5 files.) For the whole process; call it before any file is opened. */
void store_allow_external(bool allowed);

/* Opens a file for reading. LS_BAD_DATA with the reason: missing, not HDF5, truncated, damaged, or locked
 * (with advice on HDF5_USE_FILE_LOCKING). All bytes that HDF5 has to trust are compared with the file's seal
 * (store/seal.c) first; the values of arrays are not (store_check). A file without a seal is read in a child
 * process first, for at most 20 s. *out is caller-owned (store_close). */
ls_status store_open(const char *path, store_t **out, ls_error *error);
/* The same for a file that is read whole, such as a model: values are compared too, with the seal, or with
 * the manifest if there is one but no seal. */
ls_status store_open_whole(const char *path, store_t **out, ls_error *error);
const char *store_path(const store_t *store);

/* Whether a file has the signature of HDF5. */
bool store_is_hdf5(const char *path);

/* Compares the bytes of a file with its seal, without HDF5. Callers may divide the work: this one compares
 * part `part` of `parts`; 0 of 1 is the whole file. *sealed is false, and nothing is compared, if the file
 * has no seal: lockstep did not write it, an older lockstep did, or the file was edited. A missing file is no
 * error here. LS_BAD_DATA names the damaged bytes. */
ls_status store_check(const char *path, int part, int parts, bool *sealed, ls_error *error);

/* The checksum of a file's seal, which stands for all bytes of the file as it was written. Compares nothing
 * but the seal. LS_BAD_DATA if the file is missing or has no seal. */
ls_status store_seal(const char *path, uint64_t *out, ls_error *error);

void store_close(store_t **store);

/* Whether an array or group exists. A link that leads nowhere, or may not be followed, counts: reading it is
 * an error. */
bool store_has(const store_t *store, const char *name);

/* Reads shape and type. LS_BAD_DATA when the array is missing (the message lists the existing arrays), not
 * numeric, larger than any memory, or when values of it were never written or their source is missing. The
 * product of the dimensions, times 16, fits in an int64_t. */
ls_status store_describe(const store_t *store, const char *name, store_array_t *out, ls_error *error);

/* Reads rows [first, first + count) into out (count * elements per row). HDF5 converts them to `type`. */
ls_status store_read_rows(const store_t *store, const char *name, int64_t first, int64_t count,
                          store_type_t type, void *out, ls_error *error);

/* The same for n single rows, given by their numbers. */
ls_status store_read_each(const store_t *store, const char *name, const int64_t *rows, int64_t n,
                          store_type_t type, void *out, ls_error *error);

/* Where the elements of an array are in the file, for repeated reading without HDF5. is_plain: the elements
 * are in one contiguous piece and their type is a store_type_t. Otherwise type and offset are not valid. */
typedef struct {
  bool is_plain;
  store_type_t type;
  int64_t offset;      /* of the first element, in bytes */
  int64_t chunk_bytes; /* valid in any case: HDF5 unpacks so much at once; 0: the array has no chunks */
} store_place_t;
ls_status store_locate(const store_t *store, const char *name, store_place_t *out, ls_error *error);

/* Attributes of the object at `name` ("/" for the root). Reading returns LS_BAD_DATA when the attribute is
 * missing. Texts are malloc'd and caller-owned. */
bool store_has_attribute(const store_t *store, const char *name, const char *key);
ls_status store_read_text(const store_t *store, const char *name, const char *key, char **out,
                          ls_error *error);
ls_status store_read_int(const store_t *store, const char *name, const char *key, int64_t *out,
                         ls_error *error);
ls_status store_read_double(const store_t *store, const char *name, const char *key, double *out,
                            ls_error *error);
/* Reads a list of texts (class names). *out is one malloc'd block; free it with one call. */
ls_status store_read_texts(const store_t *store, const char *name, const char *key, char ***out, size_t *n,
                           ls_error *error);

/* Reads an array (n) of texts of fixed length. *out is one malloc'd block; free it with one call. LS_BAD_DATA
 * when there is no such array. store_describe and store_visit know only arrays of numbers. */
ls_status store_read_text_array(const store_t *store, const char *name, char ***out, size_t *n,
                                ls_error *error);

/* Calls visit for every array of numbers of the file, in alphabetical order of the path, whether or not its
 * values exist. Stops at the first failure. */
typedef ls_status (*store_visit_t)(const char *name, const store_array_t *array, void *context,
                                   ls_error *error);
ls_status store_visit(const store_t *store, store_visit_t visit, void *context, ls_error *error);

/* ---- tables: arrays of records with named fields, as h5py, PyTables and pandas write them ---- */

/* What a cell of a table holds. */
typedef enum { STORE_INTEGER, STORE_UNSIGNED, STORE_REAL, STORE_TEXT } store_kind_t;
typedef struct {
  store_kind_t kind;
  int64_t integer;
  uint64_t natural; /* STORE_UNSIGNED */
  double real;
  const char *text; /* STORE_TEXT: `size` bytes, valid until the next cell is read */
  size_t size;
} store_cell_t;

typedef struct store_table store_table_t;

/* Opens a table: an array (n) of records or of texts, or a group of pandas with a table in it. A field with
 * several values becomes several columns. LS_BAD_DATA for a missing table, or a field of a type that is not a
 * number, a boolean, an enumeration or a text.
 *
 * Texts of variable length are read from HDF5's global heap. In a damaged file that may fail in HDF5 itself;
 * no other function reads such texts from arrays. *out is caller-owned (store_table_close); close it before
 * the store. */
ls_status store_table_open(const store_t *store, const char *name, store_table_t **out, ls_error *error);
void store_table_close(store_table_t **table);

int64_t store_table_rows(const store_table_t *table);
size_t store_table_columns(const store_table_t *table);
/* Whether a cell of this column is a text. */
bool store_table_is_text(const store_table_t *table, size_t column);
/* The name of a column; NULL for an array of texts. */
const char *store_table_name(const store_table_t *table, size_t column);
/* The unit of dates that pandas has written as whole numbers since 1970: "s", "ms", "us" or "ns"; NULL for
 * other columns. */
const char *store_table_date_unit(const store_table_t *table, size_t column);

/* Reads rows [first, first + count), to be asked for by store_table_cell with their number in the table. */
ls_status store_table_read(store_table_t *table, int64_t first, int64_t count, ls_error *error);
store_cell_t store_table_cell(store_table_t *table, int64_t row, size_t column);

/* Bytes of a row in memory. */
size_t store_table_row_bytes(const store_table_t *table);

/* Lists the paths of all tables, separated by ", ", cut to `size`, and counts them. */
ls_status store_list_tables(const store_t *store, char *out, size_t size, size_t *n, ls_error *error);

/* ---- writing ---- */

/* Creates a file under a temporary name in the directory of path. The final name appears in store_publish.
 * store_close without publishing removes the temporary file. */
ls_status store_create(const char *path, store_t **out, ls_error *error);

/* Writes a whole array. Creates the groups of its path. */
ls_status store_write(store_t *store, const char *name, store_type_t type, int dims, const int64_t *shape,
                      const void *values, ls_error *error);

/* Writes an array in pieces: declare the final shape, then write slabs of rows. `memory_type` is the type of
 * values; HDF5 converts them to the type of the array. */
ls_status store_declare(store_t *store, const char *name, store_type_t type, int dims, const int64_t *shape,
                        ls_error *error);
ls_status store_write_rows(store_t *store, const char *name, int64_t first, int64_t count,
                           store_type_t memory_type, const void *values, ls_error *error);

/* Writes a list of texts as an array (n) of texts of one fixed length. Creates the groups of its path. Unlike
 * a list in an attribute, its size has no limit. */
ls_status store_write_text_array(store_t *store, const char *name, const char *const *values, size_t n,
                                 ls_error *error);

/* Write attributes, replacing old ones. If there is no object at `name`, it is created as a group. */
ls_status store_write_text(store_t *store, const char *name, const char *key, const char *value,
                           ls_error *error);
ls_status store_write_int(store_t *store, const char *name, const char *key, int64_t value, ls_error *error);
ls_status store_write_double(store_t *store, const char *name, const char *key, double value,
                             ls_error *error);
ls_status store_write_texts(store_t *store, const char *name, const char *key, const char *const *values,
                            size_t n, ls_error *error);

/* Completes the file: writes the manifest (/manifest: name, size and XXH3-64 checksum of every array and
 * attribute), closes, reopens and verifies the file, seals it, fsyncs it, renames it to its final name and
 * fsyncs the directory. Always closes the store (*store = NULL); on failure removes the temporary file. */
ls_status store_publish(store_t **store, ls_error *error);

/* The same without manifest and seal, for a file that its reader is to edit. */
ls_status store_publish_unsealed(store_t **store, ls_error *error);

/* Checks every array and attribute against the manifest. LS_BAD_DATA when one was changed, removed or added,
 * or when there is no manifest. */
ls_status store_verify(const store_t *store, ls_error *error);
/* Compares two files by their manifests. *out is the malloc'd name of the first array
 * ("/scaling/targets/shift") or attribute ("/@class_names") that only one of them has, or that has other
 * bytes, among those that `wanted` accepts; NULL: there is none. LS_BAD_DATA when one has no manifest. */
ls_status store_difference(const store_t *a, const store_t *b, bool (*wanted)(const char *name), char **out,
                           ls_error *error);
/* LS_BAD_DATA when there is no manifest. */
ls_status store_require_manifest(const store_t *store, ls_error *error);

/* What the name of a file says about its writer: no temporary name; of a running process of this host; of a
 * process of this host that has ended, or of this one, which then must not be writing; of another host. */
typedef enum { TEMPORARY_NOT, TEMPORARY_IN_USE, TEMPORARY_LEFT, TEMPORARY_ELSEWHERE } temporary_t;
temporary_t store_temporary(const char *name);

/* ---- files as bytes, published in the same way ---- */

/* A file that is written piece by piece: temporary name, then fsync, rename, fsync of the directory. */
typedef struct store_bytes store_bytes_t;

/* Creates the file under its temporary name. LS_IO, LS_NO_MEMORY. *out is caller-owned (store_bytes_publish
 * or store_bytes_drop). */
ls_status store_bytes_create(const char *path, store_bytes_t **out, ls_error *error);
ls_status store_bytes_append(store_bytes_t *bytes, const void *from, size_t size, ls_error *error);
/* Gives the file its name. Frees *bytes and sets it to NULL, also on failure, which leaves no file. */
ls_status store_bytes_publish(store_bytes_t **bytes, ls_error *error);
/* Removes the file and frees *bytes; nothing for NULL. */
void store_bytes_drop(store_bytes_t **bytes);

/* The same for a short text. */
ls_status store_write_file(const char *path, const char *text, ls_error *error);

/* Fails with LS_IO if no file can be written at path: its directory is missing or closed, or path is itself a
 * directory. For commands that write only after long work. */
ls_status store_check_place(const char *path, ls_error *error);

/* Creates a directory and its parents, like mkdir -p. */
ls_status store_make_directory(const char *path, ls_error *error);

/* The version of HDF5, for example "1.10.8". Static. */
const char *store_library_version(void);

#endif
