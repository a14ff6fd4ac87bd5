/* Files of named arrays: what was written comes back, nothing half-written is ever found under a name, and
 * whatever is wrong with a file is said. h5py, where it is installed, is the independent reader and writer.
 */
#include "store/store.h"

#include "base/checksum.h"
#include "store/descriptors.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <hdf5.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char directory[64];
static char path[128];

static void make_place(void) {
  strcpy(directory, "/tmp/lockstep-store-XXXXXX");
  cr_assert_not_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/file.h5", directory);
}

static void remove_place(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  cr_assert_eq(system(command), 0);
}

TestSuite(store, .init = make_place, .fini = remove_place);

static int files_in_place(void) {
  char command[160];
  int n = -1;
  snprintf(command, sizeof command, "ls -A %s | wc -l", directory);
  FILE *pipe = popen(command, "r");
  cr_assert_eq(fscanf(pipe, "%d", &n), 1);
  pclose(pipe);
  return n;
}

#define OK(call)                                                                                             \
  do {                                                                                                       \
    ls_error error = {0}, *e = &error;                                                                       \
    ls_status status_ = (call);                                                                              \
    cr_assert_eq(status_, LS_OK, "%s: %s", #call, error.message);                                            \
    (void)e;                                                                                                 \
  } while (0)

#define FAILS(call, code, part)                                                                              \
  do {                                                                                                       \
    ls_error error = {0}, *e = &error;                                                                       \
    ls_status status_ = (call);                                                                              \
    cr_assert_eq(status_, code, "%s gives %d: %s", #call, (int)status_, error.message);                      \
    cr_assert_eq(error.status, code);                                                                        \
    cr_assert_not_null(strstr(error.message, part), "no '%s' in: %s", part, error.message);                  \
    (void)e;                                                                                                 \
  } while (0)

enum { ROWS = 1000, COLUMNS = 3 };

static double value(int i) {
  return 1.0 / (i + 3);
}

/* A file with an array of each type, texts and numbers. */
static void write_sample(void) {
  store_t *store = NULL;
  double doubles[ROWS * COLUMNS];
  float floats[ROWS];
  uint8_t bytes[ROWS];
  int64_t numbers[2] = {INT64_MIN, INT64_MAX};
  for (int i = 0; i < ROWS * COLUMNS; i++) doubles[i] = value(i);
  for (int i = 0; i < ROWS; i++) floats[i] = (float)value(i), bytes[i] = (uint8_t)(i % 251);
  OK(store_create(path, &store, e));
  OK(store_write(store, "train/x", STORE_F64, 2, (int64_t[]){ROWS, COLUMNS}, doubles, e));
  OK(store_declare(store, "/a/b/c", STORE_F32, 1, (int64_t[]){ROWS}, e));
  for (int first = 0; first < ROWS; first += 300) {
    int count = ROWS - first < 300 ? ROWS - first : 300;
    OK(store_write_rows(store, "/a/b/c", first, count, STORE_F32, floats + first, e));
  }
  OK(store_write(store, "bytes", STORE_U8, 1, (int64_t[]){ROWS}, bytes, e));
  OK(store_write(store, "a-first", STORE_I64, 1, (int64_t[]){2}, numbers, e));
  OK(store_write(store, "scalar", STORE_U64, 0, NULL, &(uint64_t){UINT64_MAX}, e));
  OK(store_write(store, "none", STORE_F32, 2, (int64_t[]){0, 5}, NULL, e));
  OK(store_write_text(store, "/", "source", "Zürich ≠ Genève", e));
  OK(store_write_text(store, "made/here", "empty", "", e));
  OK(store_write_int(store, "train", "seed", INT64_MIN, e));
  OK(store_write_double(store, "train/x", "rate", 0.1, e));
  OK(store_write_int(store, "train", "seed", -7, e));
  OK(store_write_texts(store, "/", "class_names", (const char *[]){"T-shirt", "", "Mantel ß"}, 3, e));
  OK(store_write_text_array(store, "names/0", (const char *[]){"Liège", "Köln"}, 2, e));
  OK(store_publish(&store, e));
  cr_assert_null(store);
}

Test(store, what_was_written_comes_back) {
  store_t *store = NULL;
  store_array_t array;
  double doubles[ROWS * COLUMNS];
  uint64_t scalar = 0;
  int64_t numbers[2];
  write_sample();
  OK(store_open(path, &store, e));
  OK(store_verify(store, e));
  cr_assert_str_eq(store_path(store), path);
  OK(store_describe(store, "/train/x", &array, e));
  cr_assert(array.dims == 2 && array.shape[0] == ROWS && array.shape[1] == COLUMNS);
  cr_assert(!array.is_integer && array.is_signed && array.element_bytes == 8);
  OK(store_read_rows(store, "train/x", 0, ROWS, STORE_F64, doubles, e));
  for (int i = 0; i < ROWS * COLUMNS; i++) cr_assert_eq(doubles[i], value(i));
  OK(store_read_rows(store, "scalar", 0, 1, STORE_U64, &scalar, e));
  cr_assert_eq(scalar, UINT64_MAX);
  OK(store_read_rows(store, "a-first", 0, 2, STORE_I64, numbers, e));
  cr_assert(numbers[0] == INT64_MIN && numbers[1] == INT64_MAX);
  OK(store_describe(store, "none", &array, e));
  cr_assert(array.dims == 2 && array.shape[0] == 0 && array.shape[1] == 5);
  OK(store_read_rows(store, "none", 0, 0, STORE_F32, NULL, e));
  OK(store_describe(store, "bytes", &array, e));
  cr_assert(array.is_integer && !array.is_signed && array.element_bytes == 1);
  store_close(&store);
  cr_assert_null(store);
}

Test(store, slabs_of_rows_are_converted_and_bounded) {
  store_t *store = NULL;
  float floats[40];
  write_sample();
  OK(store_open(path, &store, e));
  OK(store_read_rows(store, "a/b/c", 990, 10, STORE_F32, floats, e));
  for (int i = 0; i < 10; i++) cr_assert_eq(floats[i], (float)value(990 + i));
  OK(store_read_rows(store, "bytes", 255, 10, STORE_F32, floats, e));
  for (int i = 0; i < 10; i++) cr_assert_eq(floats[i], (float)((255 + i) % 251));
  OK(store_read_rows(store, "train/x", 7, 2, STORE_F32, floats, e));
  for (int i = 0; i < 6; i++) cr_assert_eq(floats[i], (float)value(7 * COLUMNS + i));
  FAILS(store_read_rows(store, "bytes", ROWS - 1, 2, STORE_F32, floats, e), LS_BAD_DATA, "rows 999 to 1001");
  FAILS(store_read_rows(store, "bytes", -1, 2, STORE_F32, floats, e), LS_BAD_DATA, "bytes");
  store_close(&store);
}

Test(store, attributes_come_back) {
  store_t *store = NULL;
  char *text = NULL, **texts = NULL;
  size_t n = 0;
  int64_t seed = 0;
  double rate = 0;
  write_sample();
  OK(store_open(path, &store, e));
  OK(store_read_text(store, "/", "source", &text, e));
  cr_assert_str_eq(text, "Zürich ≠ Genève");
  free(text);
  OK(store_read_text(store, "made/here", "empty", &text, e));
  cr_assert_str_eq(text, "");
  free(text);
  OK(store_read_int(store, "train", "seed", &seed, e));
  cr_assert_eq(seed, -7);
  OK(store_read_double(store, "train/x", "rate", &rate, e));
  cr_assert_eq(rate, 0.1);
  OK(store_read_double(store, "train", "seed", &rate, e));
  cr_assert_eq(rate, -7.0);
  OK(store_read_texts(store, "/", "class_names", &texts, &n, e));
  cr_assert_eq(n, 3);
  cr_assert(strcmp(texts[0], "T-shirt") == 0 && texts[1][0] == '\0' && strcmp(texts[2], "Mantel ß") == 0);
  free(texts);
  cr_assert(store_has_attribute(store, "/", "source") && !store_has_attribute(store, "/nowhere", "source"));
  FAILS(store_read_int(store, "train/x", "rate", &seed, e), LS_BAD_DATA, "not an integer");
  FAILS(store_read_double(store, "/", "source", &rate, e), LS_BAD_DATA, "not a number");
  FAILS(store_read_text(store, "/", "class_names", &text, e), LS_BAD_DATA, "3 texts");
  FAILS(store_read_text(store, "train", "seed", &text, e), LS_BAD_DATA, "cannot be read as text");
  FAILS(store_read_text(store, "train", "sede", &text, e), LS_BAD_DATA, "no attribute sede");
  store_close(&store);
}

Test(store, long_lists_and_long_texts_fit) {
  enum { N = 20000 };
  store_t *store = NULL;
  static char names[N][24], long_text[300000];
  const char *list[N];
  char **texts = NULL, *text = NULL;
  size_t n = 0;
  memset(long_text, 'x', sizeof long_text - 1);
  for (int i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "name-%d", i);
    list[i] = names[i];
  }
  OK(store_create(path, &store, e));
  OK(store_write_texts(store, "/", "feature_names", list, N, e));
  OK(store_write_texts(store, "/", "no_names", list, 0, e));
  OK(store_write_text(store, "/", "long", long_text, e));
  OK(store_publish(&store, e));
  OK(store_open(path, &store, e));
  OK(store_read_texts(store, "/", "feature_names", &texts, &n, e));
  cr_assert_eq(n, N);
  for (int i = 0; i < N; i++) cr_assert_str_eq(texts[i], names[i]);
  free(texts);
  OK(store_read_texts(store, "/", "no_names", &texts, &n, e));
  cr_assert_eq(n, 0);
  free(texts);
  OK(store_read_text(store, "/", "long", &text, e));
  cr_assert_str_eq(text, long_text);
  free(text);
  store_close(&store);
}

Test(store, arrays_of_texts_come_back) {
  enum { N = 20000 };
  store_t *store = NULL;
  static char names[N][24];
  const char *list[N];
  char **texts = NULL;
  size_t n = 0;
  int64_t ordered = 0;
  for (int i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "Genève %d", i);
    list[i] = i == 7 ? "" : names[i];
  }
  OK(store_create(path, &store, e));
  OK(store_write_text_array(store, "categories/3", list, N, e));
  OK(store_write_int(store, "categories/3", "ordered", 1, e));
  OK(store_write_text_array(store, "categories/4", (const char *[]){""}, 1, e));
  OK(store_write_text_array(store, "categories/5", NULL, 0, e));
  OK(store_write(store, "x", STORE_F32, 1, (int64_t[]){1}, &(float){1}, e));
  OK(store_publish(&store, e));
  OK(store_open(path, &store, e));
  OK(store_verify(store, e));
  OK(store_read_text_array(store, "categories/3", &texts, &n, e));
  cr_assert_eq(n, N);
  for (int i = 0; i < N; i++) cr_assert_str_eq(texts[i], list[i]);
  free(texts);
  OK(store_read_int(store, "categories/3", "ordered", &ordered, e));
  cr_assert_eq(ordered, 1);
  OK(store_read_text_array(store, "categories/4", &texts, &n, e));
  cr_assert(n == 1 && texts[0][0] == '\0');
  free(texts);
  OK(store_read_text_array(store, "categories/5", &texts, &n, e));
  cr_assert_eq(n, 0);
  free(texts);
  FAILS(store_read_text_array(store, "x", &texts, &n, e), LS_BAD_DATA, "x is not a list of texts");
  FAILS(store_read_text_array(store, "categories", &texts, &n, e), LS_BAD_DATA, "is not a list of texts");
  FAILS(store_read_text_array(store, "categories/6", &texts, &n, e), LS_BAD_DATA, "no array categories/6");
  store_close(&store);
}

static ls_status append_name(const char *name, const store_array_t *array, void *context, ls_error *error) {
  (void)array;
  (void)error;
  strcat(context, name);
  return LS_OK;
}

static ls_status refuse(const char *name, const store_array_t *array, void *context, ls_error *error) {
  (void)array;
  ++*(int *)context;
  return error_set(error, LS_FAILED, "enough at %s", name);
}

Test(store, arrays_are_visited_in_order_of_their_paths) {
  store_t *store = NULL;
  char names[256] = "";
  int calls = 0;
  write_sample();
  OK(store_open(path, &store, e));
  OK(store_visit(store, append_name, names, e));
  cr_assert_str_eq(names, "/a-first/a/b/c/bytes/none/scalar/train/x");
  FAILS(store_visit(store, refuse, &calls, e), LS_FAILED, "enough at /a-first");
  cr_assert_eq(calls, 1);
  store_close(&store);
}

Test(store, what_is_there_and_what_is_not) {
  store_t *store = NULL;
  store_array_t array;
  write_sample();
  OK(store_open(path, &store, e));
  cr_assert(store_has(store, "train/x") && store_has(store, "/train/x") && store_has(store, "/train"));
  cr_assert(store_has(store, "/") && store_has(store, "a/b"));
  cr_assert_not(store_has(store, "test/x"));
  cr_assert_not(store_has(store, "train/x/y"));
  cr_assert_not(store_has(store, ""));
  FAILS(store_describe(store, "test/x", &array, e), LS_BAD_DATA, "/bytes, /none, /scalar, /train/x");
  FAILS(store_describe(store, "train", &array, e), LS_BAD_DATA, "is a group");
  store_close(&store);
}

Test(store, nothing_is_under_the_name_before_publishing) {
  store_t *store = NULL;
  int64_t n = 1;
  OK(store_create(path, &store, e));
  OK(store_write(store, "x", STORE_F32, 1, &n, &(float){1}, e));
  cr_assert_neq(access(path, F_OK), 0);
  cr_assert_eq(files_in_place(), 1);
  store_close(&store);
  cr_assert_eq(files_in_place(), 0, "closing without publishing leaves nothing behind");
  write_sample();
  cr_assert_eq(files_in_place(), 1);
}

Test(store, publishing_replaces_what_was_there) {
  store_t *store = NULL;
  write_sample();
  OK(store_create(path, &store, e));
  OK(store_write_int(store, "/", "step", 2, e));
  OK(store_publish(&store, e));
  OK(store_open(path, &store, e));
  cr_assert(!store_has(store, "bytes") && store_has_attribute(store, "/", "step"));
  store_close(&store);
  store_close(&store);
  cr_assert_eq(files_in_place(), 1);
}

Test(store, the_same_content_is_the_same_bytes) {
  char command[512];
  write_sample();
  snprintf(command, sizeof command, "mv %s %s.before", path, path);
  cr_assert_eq(system(command), 0);
  sleep(1);
  write_sample();
  snprintf(command, sizeof command, "cmp %s %s.before", path, path);
  cr_assert_eq(system(command), 0);
}

/* ---- what publishing asks of the system ---- */

static int synced_files, synced_directories;

/* In place of the C library's: counts, and passes the call on. */
int fsync(int file) {
  struct stat info;
  if (fstat(file, &info) == 0) *(S_ISDIR(info.st_mode) ? &synced_directories : &synced_files) += 1;
  return (int)syscall(SYS_fsync, file);
}

Test(store, publishing_syncs_the_file_and_its_directory) {
  write_sample();
  cr_assert(synced_files == 1 && synced_directories == 1, "%d files, %d directories", synced_files,
            synced_directories);
  OK(store_write_file(path, "text", e));
  cr_assert(synced_files == 2 && synced_directories == 2, "%d files, %d directories", synced_files,
            synced_directories);
}

static void use_everything(void) {
  store_t *store = NULL;
  store_bytes_t *bytes = NULL;
  char other[160];
  uint64_t seal = 0;
  bool sealed = false;
  write_sample();
  OK(store_open(path, &store, e));
  OK(store_verify(store, e));
  store_close(&store);
  OK(store_seal(path, &seal, e));
  OK(store_check(path, 0, 1, &sealed, e));
  cr_assert(sealed);
  OK(store_create(path, &store, e));
  OK(store_write(store, "x", STORE_U8, 1, (int64_t[]){3}, "abc", e));
  store_close(&store); /* not published */
  snprintf(other, sizeof other, "%s/file.txt", directory);
  OK(store_write_file(other, "text", e));
  OK(store_bytes_create(other, &bytes, e));
  OK(store_bytes_append(bytes, "text", 4, e));
  store_bytes_drop(&bytes);
  FAILS(store_open(other, &store, e), LS_BAD_DATA, "file.txt");
  FAILS(store_seal(other, &seal, e), LS_BAD_DATA, "file.txt");
  snprintf(other, sizeof other, "%s/missing/file.txt", directory);
  FAILS(store_bytes_create(other, &bytes, e), LS_IO, "missing");
  FAILS(store_create(other, &store, e), LS_IO, "missing");
}

Test(store, no_descriptor_stays_open) {
  use_everything(); /* libraries may keep something of their own from the first time */
  int before = open_descriptors();
  for (int i = 0; i < 3; i++) use_everything();
  cr_assert_eq(open_descriptors(), before, "%d descriptors before, %d after", before, open_descriptors());
}

/* While a file is open, what its arrays needed is closed. */
Test(store, no_handle_of_an_array_stays_open) {
  store_t *store = NULL;
  store_array_t array;
  store_place_t place;
  float x[6] = {1, 2, 3, 4, 5, 6}, found[6];
  OK(store_create(path, &store, e));
  OK(store_write(store, "a", STORE_F32, 1, (int64_t[]){6}, x, e));
  const ssize_t before = H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL);
  OK(store_write(store, "group/b", STORE_F32, 2, (int64_t[]){3, 2}, x, e));
  OK(store_declare(store, "c", STORE_F32, 1, (int64_t[]){6}, e));
  OK(store_write_rows(store, "c", 0, 4, STORE_F32, x, e));
  OK(store_write_rows(store, "c", 4, 2, STORE_F32, x, e));
  cr_expect_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), before, "after writing");
  OK(store_publish(&store, e));
  OK(store_open(path, &store, e));
  OK(store_describe(store, "a", &array, e));
  const ssize_t open = H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL);
  for (int i = 0; i < 3; i++) {
    OK(store_describe(store, "group/b", &array, e));
    OK(store_locate(store, "c", &place, e));
    OK(store_read_rows(store, "group/b", 0, 3, STORE_F32, found, e));
    OK(store_verify(store, e));
    cr_expect_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), open, "after reading");
  }
  store_close(&store);
}

/* ---- arrays in pieces ---- */

/* Two whole pieces of what is written and summed at a time, and half of a third one. */
enum { PIECE_BYTES = 8 << 20, LONG_ROW = 1 << 18, LONG_ROWS = 5 * (PIECE_BYTES / 2) / (4 * LONG_ROW) };

Test(store, a_large_array_has_all_of_its_pieces, .timeout = 60) {
  store_t *store = NULL;
  const size_t n = (size_t)LONG_ROW * LONG_ROWS;
  uint32_t *values = malloc(n * sizeof *values), *found = calloc(n, sizeof *found);
  uint64_t sums[4] = {0};
  cr_assert(values != NULL && found != NULL);
  for (size_t i = 0; i < n; i++) values[i] = (uint32_t)(i * 2654435761U) & 0x7fffffff;
  OK(store_create(path, &store, e));
  OK(store_write(store, "x", STORE_I32, 2, (int64_t[]){LONG_ROWS, LONG_ROW}, values, e));
  OK(store_publish(&store, e));
  OK(store_open(path, &store, e));
  OK(store_read_rows(store, "x", 0, LONG_ROWS, STORE_I32, found, e));
  cr_assert_eq(memcmp(values, found, n * sizeof *values), 0, "other values come back");
  OK(store_read_rows(store, "manifest/checksums", 0, 1, STORE_U64, sums, e));
  cr_assert_eq(sums[0], checksum_of(values, n * sizeof *values),
               "the manifest's checksum is not of all rows");
  store_close(&store);
  free(values);
  free(found);
}

/* ---- damage ---- */

static size_t load(unsigned char **bytes) {
  struct stat info;
  cr_assert_eq(stat(path, &info), 0);
  *bytes = malloc((size_t)info.st_size);
  FILE *file = fopen(path, "rb");
  cr_assert_eq(fread(*bytes, 1, (size_t)info.st_size, file), (size_t)info.st_size);
  fclose(file);
  return (size_t)info.st_size;
}

static void save(const unsigned char *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  cr_assert_eq(fwrite(bytes, 1, size, file), size);
  fclose(file);
}

static ls_status check(void) {
  store_t *store = NULL;
  ls_error error = {0};
  ls_status status = store_open(path, &store, &error);
  if (status == LS_OK) status = store_verify(store, &error);
  store_close(&store);
  return status;
}

static bool damage_is_found(unsigned char *bytes, size_t size, size_t at) {
  bytes[at] ^= 0x10;
  save(bytes, size);
  bytes[at] ^= 0x10;
  return check() == LS_BAD_DATA;
}

Test(store, a_flipped_bit_is_found_in_numbers_and_in_texts, .timeout = 60) {
  unsigned char *bytes = NULL;
  write_sample();
  size_t size = load(&bytes);
  double first = value(0);
  unsigned char *numbers = memmem(bytes, size, &first, sizeof first),
                *text = memmem(bytes, size, "Genève", 6), *in_array = memmem(bytes, size, "Liège", 6);
  cr_assert_not_null(numbers);
  cr_assert_not_null(text);
  cr_assert_not_null(in_array);
  for (size_t i = 0; i < ROWS * COLUMNS * sizeof first; i += 97)
    cr_assert(damage_is_found(bytes, size, (size_t)(numbers - bytes) + i), "number byte %zu", i);
  for (size_t i = 0; i < 6; i++) cr_assert(damage_is_found(bytes, size, (size_t)(text - bytes) + i));
  for (size_t i = 0; i < 6; i++) cr_assert(damage_is_found(bytes, size, (size_t)(in_array - bytes) + i));
  save(bytes, size);
  cr_assert_eq(check(), LS_OK);
  free(bytes);
}

Test(store, a_flipped_bit_anywhere_never_crashes, .timeout = 120) {
  unsigned char *bytes = NULL;
  write_sample();
  size_t size = load(&bytes), found = 0, tried = 0;
  for (size_t at = 0; at < size; at += 61, tried++) found += damage_is_found(bytes, size, at);
  cr_assert_gt(found, tried / 2); /* the rest are gaps */
  free(bytes);
}

Test(store, a_file_without_a_manifest_is_not_verified) {
  store_t *store = NULL;
  OK(store_create(path, &store, e));
  OK(store_write_int(store, "/", "step", 1, e));
  FAILS(store_verify(store, e), LS_BAD_DATA, "no manifest");
  store_close(&store);
}

Test(store, truncated_files_are_named_so) {
  unsigned char *bytes = NULL;
  store_t *store = NULL;
  write_sample();
  size_t size = load(&bytes);
  save(bytes, size - 100);
  FAILS(store_open(path, &store, e), LS_BAD_DATA, "incomplete");
  cr_assert_null(store);
  save(bytes, 4);
  FAILS(store_open(path, &store, e), LS_BAD_DATA, "not an HDF5 file");
  save(bytes, 0);
  FAILS(store_open(path, &store, e), LS_BAD_DATA, "not an HDF5 file");
  free(bytes);
}

Test(store, files_that_cannot_be_opened_say_why) {
  store_t *store = NULL;
  FAILS(store_open(path, &store, e), LS_BAD_DATA, "No such file");
  FAILS(store_open(directory, &store, e), LS_BAD_DATA, "is a directory");
  save((const unsigned char *)"x,y\n1,2\n", 8);
  FAILS(store_open(path, &store, e), LS_BAD_DATA, "not an HDF5 file");
}

/* ---- places that cannot be written ---- */

Test(store, a_missing_directory_is_an_error_of_output) {
  store_t *store = NULL;
  char far[160];
  snprintf(far, sizeof far, "%s/no/file.h5", directory);
  FAILS(store_create(far, &store, e), LS_IO, "No such file or directory");
  cr_assert_null(store);
  FAILS(store_write_file(far, "text", e), LS_IO, "No such file or directory");
}

/* A limit on the size of files stands in for a full disk. It is lifted by the first write that meets it,
 * because it would hold for the memory too to which the rest goes. */
static void lift_limit(int number) {
  (void)number;
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_FSIZE, &limit);
}

static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  signal(SIGXFSZ, lift_limit);
  cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes;
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void check_full_disk(int64_t n, rlim_t bytes) {
  store_t *store = NULL;
  float *values = calloc((size_t)n, sizeof *values);
  ls_error error = {0};
  cr_assert_eq(store_create(path, &store, &error), LS_OK);
  limit_files(bytes);
  ls_status status = store_write(store, "x", STORE_F32, 1, &n, values, &error);
  if (status == LS_OK) status = store_publish(&store, &error);
  cr_assert_eq(status, LS_IO);
  cr_assert_not_null(strstr(error.message, "File too large"), "%s", error.message);
  cr_assert_not_null(strstr(error.message, path), "%s", error.message);
  store_close(&store);
  cr_assert_eq(files_in_place(), 0);
  free(values);
}

Test(store, a_full_disk_is_an_error_and_leaves_nothing, .timeout = 30) {
  check_full_disk(1 << 20, 1 << 20);
}

/* So little in the file that only publishing it writes. */
Test(store, a_full_disk_is_noticed_at_publishing_too, .timeout = 30) {
  check_full_disk(100, 1);
}

/* ---- small files ---- */

Test(store, small_files_are_replaced_whole) {
  char text[32] = "";
  char file[160];
  snprintf(file, sizeof file, "%s/summary.json", directory);
  OK(store_write_file(file, "a longer first text", e));
  OK(store_write_file(file, "short", e));
  FILE *in = fopen(file, "r");
  cr_assert_not_null(fgets(text, sizeof text, in));
  fclose(in);
  cr_assert_str_eq(text, "short");
  cr_assert_eq(files_in_place(), 1);
}

Test(store, directories_are_made_with_their_parents) {
  char deep[160], file[200];
  snprintf(deep, sizeof deep, "%s/runs//a/b/", directory);
  OK(store_make_directory(deep, e));
  OK(store_make_directory(deep, e));
  snprintf(file, sizeof file, "%s/f", deep);
  OK(store_write_file(file, "x", e));
  snprintf(deep, sizeof deep, "%s/runs/a/b/f/c", directory);
  FAILS(store_make_directory(deep, e), LS_IO, "Not a directory");
}

/* ---- h5py ---- */

static const char python[] = "/usr/bin/python3";

static bool python_runs(const char *program) {
  char script[160], command[400];
  snprintf(script, sizeof script, "%s/program.py", directory);
  FILE *file = fopen(script, "w");
  fputs(program, file);
  fclose(file);
  snprintf(command, sizeof command, "%s %s %s", python, script, path);
  return system(command) == 0;
}

static bool has_h5py(void) {
  if (system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") == 0) return true;
  cr_log_warn("skipped: no h5py for %s", python);
  return false;
}

Test(store, h5py_reads_what_is_written) {
  if (!has_h5py()) return;
  write_sample();
  cr_assert(python_runs("import h5py, sys, numpy as np\n"
                        "f = h5py.File(sys.argv[1], 'r')\n"
                        "assert f.attrs['source'] == 'Zürich ≠ Genève'\n"
                        "assert list(f.attrs['class_names']) == ['T-shirt', '', 'Mantel ß']\n"
                        "assert all(isinstance(s, str) for s in f.attrs['class_names'])\n"
                        "assert f['train'].attrs['seed'] == -7 and f['train/x'].attrs['rate'] == 0.1\n"
                        "x = f['train/x'][:]\n"
                        "assert x.dtype == np.float64 and x.shape == (1000, 3)\n"
                        "assert (x.ravel() == 1.0 / (np.arange(3000) + 3)).all()\n"
                        "assert f['bytes'].dtype == np.uint8 and f['none'].shape == (0, 5)\n"
                        "texts = f['names/0']\n"
                        "assert texts.dtype == 'S6' and texts.shape == (2,)\n"
                        "assert list(texts.asstr()[:]) == ['Liège', 'Köln']\n"
                        "names = bytes(f['manifest/names'][:]).decode().split('\\n')[:-1]\n"
                        "assert '/train/x' in names and '/train@seed' in names\n"));
}

Test(store, files_of_h5py_are_read) {
  if (!has_h5py()) return;
  cr_assert(
      python_runs("import h5py, sys, numpy as np\n"
                  "f = h5py.File(sys.argv[1], 'w')\n"
                  "f['flags'] = np.array([True, False, True])\n"
                  "f['half'] = np.array([[0.5, -2]], dtype='f2')\n"
                  "f['big'] = np.array([1, 2], dtype='>i4')\n"
                  "f['words'] = ['a', 'b']\n"
                  "f['records'] = np.zeros(3, [('a', 'f4'), ('b', 'S2')])\n"
                  "f.create_dataset('lost', shape=(3,), dtype=[('a', 'f4')])\n"
                  "f['elsewhere'] = h5py.ExternalLink('other.h5', '/records')\n"
                  "f['fixed_words'] = np.array([b'one', b'three'])\n"
                  "f.create_dataset('packed', data=np.arange(1000).reshape(100, 10), compression='gzip')\n"
                  "f['soft'] = h5py.SoftLink('/packed')\n"
                  "f['broken'] = h5py.SoftLink('/nowhere')\n"
                  "f.attrs['variable'] = 'grün'\n"
                  "f.attrs['fixed'] = np.bytes_('fixed')\n"
                  "f.attrs['fixed_list'] = np.array([b'one', b'three'])\n"
                  "f.attrs['list'] = ['one', 'zwölf']\n"
                  "f.attrs['n'] = 3\n"
                  "f.close()\n"));
  store_t *store = NULL;
  float values[4];
  int64_t numbers[10], n = 0;
  char *text = NULL, **texts = NULL;
  size_t count = 0;
  OK(store_open(path, &store, e));
  OK(store_read_rows(store, "flags", 0, 3, STORE_F32, values, e));
  cr_assert(values[0] == 1 && values[1] == 0 && values[2] == 1);
  OK(store_read_rows(store, "half", 0, 1, STORE_F32, values, e));
  cr_assert(values[0] == 0.5f && values[1] == -2);
  OK(store_read_rows(store, "big", 0, 2, STORE_I64, numbers, e));
  cr_assert(numbers[0] == 1 && numbers[1] == 2);
  OK(store_read_rows(store, "soft", 42, 1, STORE_I64, numbers, e));
  cr_assert(numbers[0] == 420 && numbers[9] == 429);
  store_array_t array;
  cr_assert(store_has(store, "broken"), "a link that leads nowhere must not go unnoticed");
  FAILS(store_describe(store, "broken", &array, e), LS_BAD_DATA, "broken cannot be opened");
  FAILS(store_describe(store, "words", &array, e), LS_BAD_DATA,
        "words holds texts, not numbers: make classes");
  FAILS(store_describe(store, "records", &array, e), LS_BAD_DATA, "holds records with named fields");
  store_table_t *table = NULL;
  FAILS(store_table_open(store, "lost", &table, e), LS_BAD_DATA, "was declared, but was never written");
  FAILS(store_table_open(store, "elsewhere", &table, e), LS_BAD_DATA, "elsewhere");
  FAILS(store_table_open(store, "flags", &table, e), LS_BAD_DATA, "is not a list of records or texts");
  const char *keys[] = {"variable", "fixed"}, *expected[] = {"grün", "fixed"};
  for (int i = 0; i < 2; i++) {
    OK(store_read_text(store, "/", keys[i], &text, e));
    cr_assert_str_eq(text, expected[i]);
    free(text);
  }
  OK(store_read_texts(store, "/", "list", &texts, &count, e));
  cr_assert(count == 2 && strcmp(texts[0], "one") == 0 && strcmp(texts[1], "zwölf") == 0);
  free(texts);
  OK(store_read_texts(store, "/", "fixed_list", &texts, &count, e));
  cr_assert(count == 2 && strcmp(texts[0], "one") == 0 && strcmp(texts[1], "three") == 0);
  free(texts);
  OK(store_read_text_array(store, "fixed_words", &texts, &count, e));
  cr_assert(count == 2 && strcmp(texts[0], "one") == 0 && strcmp(texts[1], "three") == 0);
  free(texts);
  FAILS(store_read_text_array(store, "words", &texts, &count, e), LS_BAD_DATA, "of fixed length");
  OK(store_read_int(store, "/", "n", &n, e));
  cr_assert_eq(n, 3);
  FAILS(store_verify(store, e), LS_BAD_DATA, "no manifest");
  store_close(&store);
}

Test(store, a_file_that_is_being_written_is_reported_as_locked) {
  if (!has_h5py()) return;
  write_sample();
  char command[400];
  snprintf(
      command, sizeof command,
      "%s -c 'import h5py, time; f = h5py.File(\"%s\", \"a\"); open(\"%s/ready\", \"w\"); time.sleep(30)' & "
      "echo $! > %s/pid",
      python, path, directory, directory);
  cr_assert_eq(system(command), 0);
  char ready[160];
  snprintf(ready, sizeof ready, "%s/ready", directory);
  for (int i = 0; i < 200 && access(ready, F_OK) != 0; i++) usleep(50000);
  store_t *store = NULL;
  FAILS(store_open(path, &store, e), LS_BAD_DATA, "HDF5_USE_FILE_LOCKING");
  snprintf(command, sizeof command, "kill $(cat %s/pid)", directory);
  cr_assert_eq(system(command), 0);
}
