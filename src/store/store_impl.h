/* Private to the store room: the open file, helpers for handles, and conversion of HDF5's errors. */
#ifndef STORE_STORE_IMPL_H
#define STORE_STORE_IMPL_H

#include "store/store.h"

#include <hdf5.h>

typedef struct {
  char **names;
  size_t n, capacity;
} names_t;

/* What is found out about a file while it is read. */
typedef struct {
  names_t checked;   /* arrays whose values exist (source_check) */
  char linked[1024]; /* the file that the last refused link leads to, or "" */
  int code;          /* errno of a failure to read that no caller was told of; 0: none */
} reading_notes_t;

/* How the disk took what was written of a file. */
typedef struct {
  int code; /* errno of the first failure; 0: none */
} disk_t;

struct store {
  hid_t file;
  hid_t links;            /* how links are followed; H5P_DEFAULT when writing */
  hid_t transfer;         /* how values are read; H5P_DEFAULT when writing */
  char *path;             /* the final name when writing */
  char *temporary;        /* the name while writing; NULL when reading */
  disk_t *disk;           /* NULL when reading */
  reading_notes_t *notes; /* NULL when writing */
};

/* The group that store_publish adds. store_visit skips it. */
#define MANIFEST_GROUP "/manifest"

/* Whole arrays are read back for their checksum in pieces of this size. */
enum { MANIFEST_PIECE_BYTES = 8 << 20 };

/* The longest names of files and arrays that virtual arrays may refer to. */
enum { STORE_NAME_SIZE = 4096 };

/* ---- temporary.c ---- */

/* PATH.tmp-HOST-PID, malloc'd; NULL without memory. */
char *temporary_name(const char *path);

/* ---- turn.c ---- */

/* First line of a function that calls HDF5: waits for the thread's turn, and gives it back at the function's
 * end. Functions that only others of this room call may leave it out. */
#define TAKE_TURN() __attribute__((cleanup(turn_give), unused)) const bool turn_taken = turn_take()
bool turn_take(void);
void turn_give(const bool *taken);

/* Lets threads that wait go first. HDF5 must be in no call. */
void turn_offer(void);

/* In a child process, which has one thread: no more turns. */
void turn_be_alone(void);

/* ---- hdf5.c ---- */

/* What HDF5 calls after an error of the calling thread. */
typedef struct {
  H5E_auto2_t print;
  void *context;
  bool is_known;
} printer_t;

/* Stops HDF5 from printing errors in the calling thread, and goes back to what was before. */
printer_t hdf5_silence(void);
void hdf5_restore(printer_t printer);

/* Writes the reason of the last failed HDF5 call (its innermost message) to out and clears it. Empty when
 * there is none. Returns the errno if a call to the system failed, otherwise 0. */
int hdf5_reason(char *out, size_t size);

/* error_set with ": reason" appended. LS_BAD_DATA becomes LS_IO if the system could not read or write. */
ls_status hdf5_error(ls_error *error, ls_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The status of a file that cannot be opened or read because a call to the system failed with this errno:
 * LS_BAD_DATA if the path is wrong or closed to the user, LS_IO if the disk fails and the file may be fine.
 */
ls_status system_status(int code);

/* What HDF5 answered about the existence of something. If the disk failed, the answer is true, and nothing
 * can be read from the store any more (disk_check): HDF5 keeps what it has read of a header by half, and then
 * answers that something is missing. */
bool hdf5_exists(const store_t *store, htri_t answer);

/* The status of a function that writes: what looks like bad data is a file that could not be written. */
ls_status write_status(ls_status status, ls_error *error);

/* Closes a handle of any kind. Ignores negative handles. */
void hdf5_close(hid_t id);

/* A space with as many dimensions as the array. Unlike H5Dget_space, it does not follow the sources of a
 * virtual array. The caller closes it. */
hid_t hdf5_space(hid_t dataset);

/* The HDF5 type of elements in memory. Owned by HDF5. */
hid_t hdf5_type(store_type_t type);

/* ---- file.c ---- */

/* Opens a file for reading without any check of its bytes. The same errors as store_open. */
ls_status file_open(const char *path, store_t **out, ls_error *error);

/* ---- driver.c ---- */

/* H5Fcreate through a driver that notes failures of the disk in *disk, which must stay until the file is
 * closed, and tells HDF5 nothing of them. */
hid_t driver_create(const char *path, hid_t creation, hid_t access, disk_t *disk);

/* LS_IO if the disk has failed to take something of a file that is being written, or to give something of one
 * that is being read. `what` was to be written or read last; NULL: all. */
ls_status disk_check(const store_t *store, const char *what, ls_error *error);

/* ---- shape.c, and array.c ---- */

/* Opens what is at `name`. LS_BAD_DATA when it is behind a link to another file that may not be followed. */
ls_status object_open(const store_t *store, const char *name, hid_t *out, ls_error *error);

/* Opens an array after checking that it exists and is numeric, and when reading that its values exist. Fills
 * *info unless it is NULL. */
ls_status array_open(const store_t *store, const char *name, hid_t *dataset, store_array_t *info,
                     ls_error *error);

/* The same without a look at its values. */
ls_status array_open_unchecked(const store_t *store, const char *name, hid_t *dataset, store_array_t *info,
                               ls_error *error);

/* store_describe and store_locate at once. Fills *info unless it is NULL. */
ls_status array_locate(const store_t *store, const char *name, store_array_t *info, store_place_t *place,
                       ls_error *error);

/* Bytes of an unpacked chunk, at most 4 GB, a limit of HDF5; 0: the array has no chunks. */
int64_t array_chunk_bytes(hid_t dataset);

/* Elements per row (1 for a scalar and for shape (n)), and the number of rows. */
int64_t array_row_elements(const store_array_t *array);
int64_t array_rows(const store_array_t *array);

/* Selects the elements of rows [first, first + count), consecutive in memory. slab_open returns false when
 * the array has no such rows. Call slab_close in any case. */
typedef struct {
  hid_t memory, file; /* dataspaces; `file` has the rows selected */
  hssize_t elements;
} slab_t;
bool slab_open(hid_t dataset, int64_t first, int64_t count, slab_t *slab);
void slab_close(slab_t *slab);

/* Reads rows [first, first + count) into `memory` as elements of memory_type. */
ls_status array_read(const store_t *store, hid_t dataset, const char *name, int64_t first, int64_t count,
                     hid_t memory_type, void *memory, ls_error *error);

/* ---- external.c ---- */

bool external_is_allowed(void);

/* A list for following links: those to other files are refused unless they are allowed, and noted. */
hid_t link_access_list(reading_notes_t *notes);

/* The error for an object behind a refused link. Clears the note. */
ls_status linked_elsewhere(const store_t *store, const char *name, ls_error *error);

/* ---- virtual.c ---- */

/* One source of a virtual array. */
typedef struct {
  char file[STORE_NAME_SIZE], name[STORE_NAME_SIZE];
  hid_t space;       /* the source's, with the elements selected that are used */
  hssize_t elements; /* of the virtual array that come from here; negative: as many as there are */
} virtual_source_t;

/* The number of sources in a creation list; 0: the array is not virtual. */
size_t virtual_sources(hid_t list);

/* Call virtual_source_free in any case. */
ls_status virtual_source_get(hid_t list, size_t i, virtual_source_t *out, ls_error *error);
void virtual_source_free(virtual_source_t *source);

/* Opens the file of a source. Leaves *out as it is when the source is in the same file. */
ls_status virtual_source_open(const store_t *store, const virtual_source_t *source, store_t **out,
                              ls_error *error);

/* LS_BAD_DATA when a virtual array refers to itself. Does not ask HDF5 for its shape. */
ls_status virtual_check(const store_t *store, hid_t dataset, const char *name, ls_error *error);

/* ---- source.c ---- */

/* LS_BAD_DATA when values of an array do not exist, or are in another file and this is not allowed. Checks an
 * array once per open file. */
ls_status source_check(const store_t *store, hid_t dataset, const char *name, ls_error *error);

/* ---- write.c ---- */

/* Creates the groups of the path of name; with `whole`, also name itself as a group. */
herr_t groups_make(hid_t file, const char *name, bool whole);

/* ---- text.c: HDF5 texts of fixed or variable length ---- */

/* Reads all texts of an attribute into one malloc'd block: n pointers, then the texts. */
ls_status text_read_all(hid_t attribute, char ***out, size_t *n);

/* Copies n texts of fixed length that lie one after the other in `bytes` into one malloc'd block: n pointers,
 * then the texts. `type` gives length and padding. */
ls_status text_unpack(const char *bytes, hid_t type, size_t n, char ***out);

/* Whether the object is an array (n) of texts of fixed length. */
bool text_array_is(hid_t object);

/* The length of a text of fixed length without its padding. */
size_t text_length(const char *text, size_t size, H5T_str_t padding);

/* The type of a UTF-8 text of variable length. The caller closes it. */
hid_t text_type(void);

/* ---- text_array.c ---- */

/* Reads all texts, one after the other as they are in the file. *bytes is malloc'd; the caller closes *type.
 */
ls_status text_array_bytes(const store_t *store, const char *name, hid_t *type, char **bytes, size_t *n,
                           ls_error *error);

/* ---- names.c ---- */

ls_status names_add(names_t *names, const char *name);
bool names_have(const names_t *names, const char *name);
void names_free(names_t *names);

/* The paths of all numeric arrays ("/train/x"), or of all arrays (n) of records or texts, sorted, without the
 * manifest. */
ls_status names_of_arrays(const store_t *store, names_t *names, ls_error *error);
ls_status names_of_tables(const store_t *store, names_t *names, ls_error *error);

/* What a file holds, in the order of its manifest: numeric arrays, arrays of texts of fixed length, and
 * attributes ("/train@source"). */
enum { CONTENT_ARRAYS, CONTENT_TEXT_ARRAYS, CONTENT_ATTRIBUTES, CONTENTS };

/* The paths of each, sorted, without the manifest, in one walk through the file. */
ls_status names_of_contents(const store_t *store, names_t names[CONTENTS], ls_error *error);

/* ---- manifest.c ---- */

ls_status manifest_write(store_t *store, ls_error *error);

/* Reads what a reader of any part of the file reads of its structure: names, shapes, types, all attributes,
 * and the last row of each array. */
ls_status manifest_walk(const store_t *store, ls_error *error);

/* ---- seal.c ---- */

enum { SEAL_BLOCK = 256 << 10 };

/* Where an array has its values, in bytes of the file. */
typedef struct {
  uint64_t offset, bytes;
} seal_range_t;

/* Appends the seal to a closed file. ranges (n): arrays whose values follow each other in the file. */
ls_status seal_write(const char *path, const seal_range_t *ranges, size_t n, ls_error *error);

/* Compares all blocks but those that hold nothing but values; *sealed is false, and nothing is compared, if
 * the file has no seal. LS_BAD_DATA for a damaged file. */
ls_status seal_check_structure(const char *path, bool *sealed, ls_error *error);

#endif
