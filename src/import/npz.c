/* NPZ: NumPy's archive of named arrays, a zip archive with a file NAME.npy for each array, stored or deflated
 * (PKWARE: APPNOTE.TXT, sections 4.3 and 4.5.3). The directory at the end of the archive is read; names of
 * arrays choose x, y and splits as Keras and scikit-learn name them. */
#include "base/text.h"
#include "import/import_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCAL_SIZE = 30, ENTRY_SIZE = 46, END_SIZE = 22, LONGEST_COMMENT = 65535, MOST_ARRAYS = 1000 };
enum { STORED = 0, DEFLATED = 8 };

bool npz_is(const unsigned char *bytes, size_t n) {
  return n >= 4 && (memcmp(bytes, "PK\x03\x04", 4) == 0 || memcmp(bytes, "PK\x05\x06", 4) == 0);
}

/* ---- the directory ---- */

typedef struct {
  const unsigned char *name; /* length bytes, without .npy */
  size_t length;
  int method;
  uint32_t crc;
  uint64_t packed, size, place; /* bytes in the archive; bytes unpacked; where its local header is */
} npz_entry_t;

typedef struct {
  const char *path;
  const unsigned char *bytes;
  size_t size;
  npz_entry_t entries[MOST_ARRAYS];
  size_t n;
} archive_t;

static uint64_t little(const unsigned char *b, int bytes) {
  uint64_t value = 0;
  for (int k = bytes; k-- > 0;) value = value << 8 | b[k];
  return value;
}

static ls_status damaged(const archive_t *archive, ls_error *error) {
  return error_set(error, LS_BAD_DATA, "%s: the zip archive is damaged or cut", archive->path);
}

/* Sizes that do not fit into 32 bits are in an extra field, in the order size, packed size, place. */
static bool read_large_sizes(const unsigned char *extra, size_t length, npz_entry_t *entry) {
  uint64_t *fields[] = {&entry->size, &entry->packed, &entry->place};
  while (length >= 4) {
    size_t kind = (size_t)little(extra, 2), bytes = (size_t)little(extra + 2, 2), at = 4;
    if (bytes > length - 4) return false;
    for (int k = 0; kind == 1 && k < 3; k++) {
      if (*fields[k] != UINT32_MAX) continue;
      if (at + 8 > 4 + bytes) return false;
      *fields[k] = little(extra + at, 8);
      at += 8;
    }
    extra += 4 + bytes;
    length -= 4 + bytes;
  }
  return true;
}

/* Reads the entry at `at`; *next is the one after it. */
static bool read_entry(const archive_t *archive, size_t at, npz_entry_t *out, size_t *next) {
  const unsigned char *b = archive->bytes + at;
  if (at > archive->size || archive->size - at < ENTRY_SIZE || memcmp(b, "PK\x01\x02", 4) != 0) return false;
  size_t name = (size_t)little(b + 28, 2), extra = (size_t)little(b + 30, 2);
  size_t comment = (size_t)little(b + 32, 2), whole = ENTRY_SIZE + name + extra + comment;
  if (archive->size - at < whole) return false;
  *out = (npz_entry_t){.name = b + ENTRY_SIZE,
                       .length = name,
                       .method = (int)little(b + 10, 2),
                       .crc = (uint32_t)little(b + 16, 4),
                       .packed = little(b + 20, 4),
                       .size = little(b + 24, 4),
                       .place = little(b + 42, 4)};
  *next = at + whole;
  return read_large_sizes(b + ENTRY_SIZE + name, extra, out);
}

/* Keeps the files that end in .npy. */
static ls_status read_directory(archive_t *archive, ls_error *error) {
  const unsigned char *b = archive->bytes;
  if (archive->size < END_SIZE) return damaged(archive, error);
  size_t end = archive->size - END_SIZE, first = end > LONGEST_COMMENT ? end - LONGEST_COMMENT : 0;
  while (end > first && memcmp(b + end, "PK\x05\x06", 4) != 0) end--;
  if (memcmp(b + end, "PK\x05\x06", 4) != 0) return damaged(archive, error);
  size_t n = (size_t)little(b + end + 10, 2), at = (size_t)little(b + end + 16, 4);
  for (size_t i = 0; i < n; i++) {
    npz_entry_t entry;
    if (!read_entry(archive, at, &entry, &at)) return damaged(archive, error);
    if (entry.length <= 4 || memcmp(entry.name + entry.length - 4, ".npy", 4) != 0) continue;
    if (archive->n == MOST_ARRAYS)
      return error_set(error, LS_BAD_DATA, "%s: more than %d arrays", archive->path, MOST_ARRAYS);
    entry.length -= 4;
    archive->entries[archive->n++] = entry;
  }
  if (archive->n > 0) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: is a zip archive without arrays of NumPy (.xlsx?): save the table as CSV",
                   archive->path);
}

/* *out is malloc'd; it points into the content. */
static ls_status archive_open(const char *path, const file_bytes_t *content, archive_t **out,
                              ls_error *error) {
  archive_t *archive = malloc(sizeof *archive);
  if (archive == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for its directory", path);
  archive->path = path;
  archive->bytes = content->bytes;
  archive->size = content->size;
  archive->n = 0;
  ls_status status = read_directory(archive, error);
  if (status == LS_OK)
    *out = archive;
  else
    free(archive);
  return status;
}

static const npz_entry_t *find(const archive_t *archive, const char *name) {
  for (size_t i = 0; i < archive->n; i++)
    if (archive->entries[i].length == strlen(name) &&
        memcmp(archive->entries[i].name, name, archive->entries[i].length) == 0)
      return &archive->entries[i];
  return NULL;
}

/* "a, b, c", cut to size. */
static void list(const archive_t *archive, char *out, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < archive->n && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%.*s", i > 0 ? ", " : "",
                             (int)archive->entries[i].length, (const char *)archive->entries[i].name);
}

/* ---- unpacking ---- */

static ls_status unpack(const archive_t *archive, const npz_entry_t *entry, size_t most, file_bytes_t *out,
                        ls_error *error) {
  const unsigned char *local = archive->bytes + entry->place;
  if (entry->place > archive->size || archive->size - entry->place < LOCAL_SIZE ||
      memcmp(local, "PK\x03\x04", 4) != 0)
    return damaged(archive, error);
  uint64_t begin = entry->place + LOCAL_SIZE + little(local + 26, 2) + little(local + 28, 2);
  if (begin > archive->size || entry->packed > archive->size - begin) return damaged(archive, error);
  if (entry->method != STORED && entry->method != DEFLATED)
    return error_set(error, LS_BAD_DATA,
                     "%s: array %.*s is packed with method %d; numpy.savez and savez_compressed write others",
                     archive->path, (int)entry->length, (const char *)entry->name, entry->method);
  if (entry->size > most || entry->size >= SIZE_MAX)
    return error_set(error, LS_BAD_DATA,
                     "%s: array %.*s has %llu bytes, more than the %zu that are read into memory; if that is "
                     "right, raise --most-memory",
                     archive->path, (int)entry->length, (const char *)entry->name,
                     (unsigned long long)entry->size, most);
  size_t size = (size_t)entry->size;
  unsigned char *bytes = malloc(size + 1);
  if (bytes == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu bytes", archive->path, size);
  const unsigned char *from = archive->bytes + begin;
  bool is_whole = entry->method == DEFLATED
                      ? file_inflate(from, (size_t)entry->packed, bytes, size, entry->crc)
                      : entry->packed == entry->size && file_has_crc(from, size, entry->crc);
  if (is_whole && entry->method == STORED) memcpy(bytes, from, size);
  if (!is_whole) {
    free(bytes);
    return damaged(archive, error);
  }
  bytes[size] = '\0';
  *out = (file_bytes_t){bytes, size};
  return LS_OK;
}

ls_status npz_take(const char *path, const char *name, size_t most, file_bytes_t *content, ls_error *error) {
  archive_t *archive = NULL;
  file_bytes_t array = {0};
  char names[LS_MESSAGE_SIZE / 2] = "";
  if (file_is_standard_input(path))
    return error_set(error, LS_BAD_DATA,
                     "%s: is an archive of arrays, which is read from a file by name, not through a pipe",
                     path);
  TRY(archive_open(path, content, &archive, error));
  list(archive, names, sizeof names);
  const npz_entry_t *entry = name != NULL ? find(archive, name) : NULL;
  ls_status status = LS_OK;
  if (entry != NULL)
    status = unpack(archive, entry, most, &array, error);
  else
    status = error_set(error, LS_BAD_DATA, "%s: %s%s%s; it holds %s: name one as %s:NAME", path,
                       name != NULL ? "there is no array '" : "is an archive of arrays",
                       name != NULL ? name : "", name != NULL ? "'" : "", names, path);
  free(archive);
  TRY(status);
  file_bytes_free(content);
  *content = array;
  return LS_OK;
}

/* ---- arrays by their usual names ---- */

/* Pairs of x and y. An archive with the first pair of a split has the others beside it. */
static const struct {
  const char *split; /* NULL: that of the input */
  const char *x, *y;
} pairs[] = {
    {"train", "x_train", "y_train"},
    {"train", "X_train", "y_train"},
    {"train", "train_x", "train_y"},
    {"valid", "x_valid", "y_valid"},
    {"valid", "X_valid", "y_valid"},
    {"valid", "x_val", "y_val"},
    {"valid", "X_val", "y_val"},
    {"valid", "valid_x", "valid_y"},
    {"test", "x_test", "y_test"},
    {"test", "X_test", "y_test"},
    {"test", "test_x", "test_y"},
    {NULL, "x", "y"},
    {NULL, "X", "y"},
    {NULL, "X", "Y"},
    {NULL, "data", "target"},
};
enum { PAIRS = sizeof pairs / sizeof pairs[0], NAME_SIZE = 4096, MOST_EXPANDED = 64 };

/* The inputs with the names of their arrays. */
typedef struct {
  import_input_t inputs[MOST_EXPANDED];
  char names[2 * MOST_EXPANDED][NAME_SIZE];
  size_t n, n_names;
} expanded_t;

static const char *array_path(expanded_t *to, const char *path, const char *name) {
  char *out = to->names[to->n_names++];
  snprintf(out, NAME_SIZE, "%.*s:%.*s", NAME_SIZE / 2 - 2, path, NAME_SIZE / 2 - 2, name);
  return out;
}

static void add_pairs(expanded_t *to, const import_input_t *input, const archive_t *archive, bool of_splits) {
  for (size_t i = 0; i < PAIRS && to->n < MOST_EXPANDED; i++) {
    if ((pairs[i].split != NULL) != of_splits || find(archive, pairs[i].x) == NULL ||
        find(archive, pairs[i].y) == NULL)
      continue;
    const char *x = array_path(to, input->x, pairs[i].x);
    to->inputs[to->n++] =
        (import_input_t){of_splits ? pairs[i].split : input->split, x, array_path(to, input->x, pairs[i].y)};
    if (!of_splits) return;
  }
}

/* Adds the inputs that an archive holds; a single array is x. */
static ls_status add_archive(expanded_t *to, const import_input_t *input, const archive_t *archive,
                             ls_error *error) {
  size_t before = to->n;
  char names[LS_MESSAGE_SIZE / 2] = "", only[NAME_SIZE / 2];
  if (input->split == NULL) add_pairs(to, input, archive, true);
  if (to->n == before) add_pairs(to, input, archive, false);
  if (to->n == before && archive->n == 1 && to->n < MOST_EXPANDED) {
    const npz_entry_t *entry = &archive->entries[0];
    snprintf(only, sizeof only, "%.*s", (int)entry->length, (const char *)entry->name);
    to->inputs[to->n++] = (import_input_t){input->split, array_path(to, input->x, only), NULL};
  }
  if (to->n > before) return LS_OK;
  list(archive, names, sizeof names);
  return error_set(error, LS_BAD_DATA,
                   "%s: which of its arrays are x and y? It holds %s: name them as %s:NAME %s:NAME", input->x,
                   names, input->x, input->x);
}

static ls_status expand(expanded_t *to, const import_input_t *input, size_t most, bool *any,
                        ls_error *error) {
  unsigned char first[IMPORT_FIRST_BYTES];
  size_t n = 0;
  file_bytes_t content = {0};
  archive_t *archive = NULL;
  ls_error ignored;
  bool is_file = input->y == NULL && import_first_bytes(input->x, first, &n, &ignored) == LS_OK;
  if (!is_file || !npz_is(first, n)) {
    if (to->n < MOST_EXPANDED) to->inputs[to->n++] = *input;
    return LS_OK;
  }
  if (strlen(input->x) >= NAME_SIZE / 2)
    return error_set(error, LS_USAGE, "%.80s…: too long a path", input->x);
  *any = true;
  TRY(file_read(input->x, most, &content, error));
  ls_status status = archive_open(input->x, &content, &archive, error);
  if (status == LS_OK) status = add_archive(to, input, archive, error);
  free(archive);
  file_bytes_free(&content);
  return status;
}

ls_status npz_expand(const import_options_t *options, import_input_t **expanded, size_t *n, ls_error *error) {
  bool any = false;
  expanded_t *to = calloc(1, sizeof *to);
  if (to == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the inputs");
  ls_status status = LS_OK;
  for (size_t i = 0; i < options->n_inputs && status == LS_OK; i++)
    status = expand(to, &options->inputs[i], import_most_memory(options), &any, error);
  if (status != LS_OK || !any) {
    free(to);
    return status;
  }
  *expanded = to->inputs;
  *n = to->n;
  return LS_OK;
}
