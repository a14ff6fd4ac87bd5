/* Seals: damage is found before HDF5 sees it, wherever it is. A file without a seal is tried in a child
 * process, so no damage crashes or hangs the caller. */
#include "store/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 256 << 10, FOOTER = 40 }; /* as documented in docs/formats.md */

static char directory[64], path[128];

static void make_place(void) {
  strcpy(directory, "/tmp/lockstep-seal-XXXXXX");
  cr_assert_not_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/file.h5", directory);
}

static void remove_place(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  cr_assert_eq(system(command), 0);
}

TestSuite(seal, .init = make_place, .fini = remove_place);

#define OK(call)                                                                                             \
  do {                                                                                                       \
    ls_error error = {0}, *e = &error;                                                                       \
    cr_assert_eq((call), LS_OK, "%s: %s", #call, error.message);                                             \
  } while (0)

/* ---- a file and its bytes ---- */

/* Texts of variable length, which HDF5 keeps in its heap, and an array of n values. */
static void write_file(int64_t n) {
  store_t *store = NULL;
  float *values = malloc((size_t)n * sizeof *values);
  for (int64_t i = 0; i < n; i++) values[i] = (float)(i % 1009);
  OK(store_create(path, &store, e));
  OK(store_write(store, "group/values", STORE_F32, 1, &n, values, e));
  OK(store_write_text(store, "/", "settings", "model: {layers: [dense]}", e));
  OK(store_write_texts(store, "/", "class_names", (const char *[]){"coat", "shirt", "bag"}, 3, e));
  OK(store_write_int(store, "group", "step", 17, e));
  OK(store_publish(&store, e));
  free(values);
}

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

/* Bytes of HDF5's own file: a word of the footer. */
static size_t sealed_bytes(const unsigned char *bytes, size_t size) {
  uint64_t n = 0;
  memcpy(&n, bytes + size - FOOTER + 16, sizeof n);
  return (size_t)n;
}

/* Reads everything; false if anything is reported. A file that reads as it was written counts as true. */
static bool reads_well(void) {
  store_t *store = NULL;
  ls_error error = {0};
  char *text = NULL;
  int64_t step = 0;
  float last = 0;
  bool well = store_open_whole(path, &store, &error) == LS_OK &&
              store_require_manifest(store, &error) == LS_OK &&
              store_read_text(store, "/", "settings", &text, &error) == LS_OK &&
              store_read_int(store, "group", "step", &step, &error) == LS_OK &&
              store_read_rows(store, "group/values", 999, 1, STORE_F32, &last, &error) == LS_OK;
  if (well)
    cr_expect(strcmp(text, "model: {layers: [dense]}") == 0 && step == 17 && last == 999,
              "a silent difference");
  free(text);
  store_close(&store);
  return well;
}

/* ---- sealed files ---- */

Test(seal, a_flip_in_any_byte_is_found_or_harmless, .timeout = 120) {
  unsigned char *bytes = NULL;
  write_file(1000);
  size_t size = load(&bytes), inside = sealed_bytes(bytes, size);
  cr_assert(reads_well());
  for (size_t at = 0; at < size; at += at < inside ? 1 : 3) {
    bytes[at] ^= (unsigned char)(1 << at % 8);
    save(bytes, size);
    /* a damaged seal is no seal: the manifest shows that the content is whole */
    cr_expect_eq(reads_well(), at >= inside, "byte %zu of %zu", at, size);
    bytes[at] ^= (unsigned char)(1 << at % 8);
  }
  free(bytes);
}

Test(seal, blocks_of_zeros_are_found, .timeout = 60) {
  unsigned char *bytes = NULL, *hurt = NULL;
  write_file(1000);
  size_t size = load(&bytes), inside = sealed_bytes(bytes, size);
  load(&hurt);
  for (size_t at = 0; at + 512 <= inside; at += 64) {
    memset(hurt + at, 0, 512);
    bool changed = memcmp(hurt, bytes, size) != 0;
    save(hurt, size);
    cr_expect_eq(reads_well(), !changed, "512 bytes from %zu on", at);
    memcpy(hurt + at, bytes + at, 512);
  }
  free(hurt);
  free(bytes);
}

Test(seal, values_of_large_arrays_are_compared_by_parts, .timeout = 60) {
  enum { VALUES = 5 * BLOCK / 4 + 100 }; /* five blocks and a bit, as floats */
  unsigned char *bytes = NULL;
  write_file(VALUES);
  size_t size = load(&bytes), inside = sealed_bytes(bytes, size), blocks = (inside + BLOCK - 1) / BLOCK;
  cr_assert_geq(blocks, 6);
  for (size_t b = 0; b < blocks; b++) {
    size_t at = b * BLOCK + (b + 1 < blocks ? BLOCK / 2 : (inside - b * BLOCK) / 2);
    int found = 0;
    bytes[at] ^= 4;
    save(bytes, size);
    for (int part = 0; part < 3; part++) {
      bool sealed = false;
      ls_error error = {0};
      found += store_check(path, part, 3, &sealed, &error) == LS_BAD_DATA;
      cr_expect(sealed);
    }
    cr_expect_eq(found, 1, "block %zu is compared by %d of 3 parts", b, found);
    cr_expect_not(reads_well());
    bytes[at] ^= 4;
  }
  /* opening alone does not read the values, so a large dataset opens at once */
  store_t *store = NULL;
  bytes[3 * BLOCK] ^= 1;
  save(bytes, size);
  OK(store_open(path, &store, e));
  store_close(&store);
  free(bytes);
}

Test(seal, a_truncated_file_is_named_so, .timeout = 60) {
  unsigned char *bytes = NULL;
  write_file(1000);
  size_t size = load(&bytes), inside = sealed_bytes(bytes, size);
  for (size_t n = 0; n < size; n += 211) {
    save(bytes, n);
    cr_expect_eq(reads_well(), n >= inside, "%zu of %zu bytes", n, size);
  }
  free(bytes);
}

/* ---- files without a seal ---- */

Test(seal, damage_of_a_file_without_a_seal_never_reaches_the_caller, .timeout = 300) {
  unsigned char *bytes = NULL;
  write_file(1000);
  size_t whole = load(&bytes), size = sealed_bytes(bytes, whole);
  save(bytes, size);
  cr_assert(reads_well()); /* what an older lockstep wrote */
  for (size_t at = 0; at < size; at += at < 4096 ? 23 : 61) {
    bytes[at] ^= (unsigned char)(1 << at % 8);
    save(bytes, size);
    reads_well(); /* an error or the same content; a crash or a hang would end this test */
    bytes[at] ^= (unsigned char)(1 << at % 8);
  }
  free(bytes);
}

static bool python_runs(const char *program) {
  char command[1024];
  snprintf(command, sizeof command, "/usr/bin/python3 -c \"%s\" %s", program, path);
  return system(command) == 0;
}

Test(seal, h5py_reads_a_sealed_file_and_removes_the_seal_when_it_edits, .timeout = 60) {
  bool sealed = false;
  write_file(1000);
  cr_assert(python_runs("import h5py, sys; f = h5py.File(sys.argv[1]); assert f['group/values'][17] == 17"));
  OK(store_check(path, 0, 1, &sealed, e));
  cr_assert(sealed, "reading keeps the seal");
  cr_assert(python_runs("import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); f['group/values'][17] = 18"));
  OK(store_check(path, 0, 1, &sealed, e));
  cr_expect_not(sealed, "an edited file has no seal");
  cr_expect_not(reads_well(), "the manifest still notices the change");
}
