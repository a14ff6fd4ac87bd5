/* The seal: digests of the raw bytes of a finished file, behind its data. HDF5 trusts what it reads; a
 * flipped bit in its heap or its indexes can hang or crash the reader. So the bytes are compared with the
 * seal before HDF5 sees them.
 *
 *   | HDF5's file: blocks of SEAL_BLOCK bytes, the last one shorter | digests | kinds | footer |
 *
 *   digests   a word (XXH3-64) for each block
 *   kinds     a byte for each block: 1 if the block holds nothing but values of an array; padded to whole
 * words footer    magic, bytes of HDF5's file, bytes of a block, XXH3-64 of digests, kinds and the footer
 * before it
 *
 * All words are little-endian. HDF5 ignores bytes behind its own. A program that changes the file through
 * HDF5, such as h5py, cuts these bytes off when it closes the file. So an edited file has no seal, and only
 * damage breaks one. */
#include "store/store_impl.h"

#include "base/activity.h"
#include "base/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[16] = "lockstep seal 1\n";

typedef struct {
  char magic[16];
  uint64_t bytes; /* of HDF5's file */
  uint64_t block; /* bytes of a block */
  uint64_t checksum;
} footer_t;

/* A seal in memory. */
typedef struct {
  uint64_t bytes, block;
  int64_t n;         /* blocks */
  uint64_t checksum; /* of all that follows */
  uint64_t *digests; /* (n), malloc'd; the kinds follow in the same allocation */
  uint8_t *kinds;    /* (n) */
} seal_t;

/* ---- files as bytes ---- */

static ls_status io_error(ls_error *error, const char *path, const char *what) {
  return error_set(error, LS_IO, "%s: %s: %s", path, what, strerror(errno));
}

static ls_status read_at(int file, const char *path, uint64_t offset, void *out, size_t size,
                         ls_error *error) {
  char *to = out;
  while (size > 0) {
    ssize_t n = pread(file, to, size, (off_t)offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(error, path, "cannot be read");
    if (n == 0) return error_set(error, LS_BAD_DATA, "%s: became shorter while it was read", path);
    to += n, offset += (uint64_t)n, size -= (size_t)n;
  }
  return LS_OK;
}

static ls_status write_at(int file, const char *path, uint64_t offset, const void *bytes, size_t size,
                          ls_error *error) {
  const char *from = bytes;
  while (size > 0) {
    ssize_t n = pwrite(file, from, size, (off_t)offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return io_error(error, path, "the seal cannot be written");
    from += n, offset += (uint64_t)n, size -= (size_t)n;
  }
  return LS_OK;
}

static size_t words_of(int64_t n) {
  return (size_t)n + ((size_t)n + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

static ls_status seal_new(const char *path, uint64_t bytes, uint64_t block, seal_t *out, ls_error *error) {
  int64_t n = (int64_t)((bytes + block - 1) / block);
  uint64_t *words = calloc(words_of(n) + 1, sizeof *words);
  if (words == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for its seal", path);
  *out = (seal_t){bytes, block, n, 0, words, (uint8_t *)(words + n)};
  return LS_OK;
}

static uint64_t block_bytes(const seal_t *seal, int64_t b) {
  uint64_t first = (uint64_t)b * seal->block;
  return seal->bytes - first < seal->block ? seal->bytes - first : seal->block;
}

static ls_status digest_block(int file, const char *path, const seal_t *seal, int64_t b, void *buffer,
                              uint64_t *out, ls_error *error) {
  uint64_t n = block_bytes(seal, b);
  TRY(read_at(file, path, (uint64_t)b * seal->block, buffer, (size_t)n, error));
  *out = checksum_of(buffer, (size_t)n);
  activity_beat();
  return LS_OK;
}

/* The checksum of digests, kinds and footer, computed from one block of memory. */
static ls_status footer_checksum(const char *path, const seal_t *seal, const footer_t *footer, uint64_t *out,
                                 ls_error *error) {
  checksum_t *sum = checksum_begin();
  if (sum == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for its seal", path);
  checksum_add(sum, seal->digests, words_of(seal->n) * sizeof(uint64_t));
  checksum_add(sum, footer, offsetof(footer_t, checksum));
  *out = checksum_end(&sum);
  return LS_OK;
}

/* ---- making ---- */

/* Blocks that lie wholly inside the values of an array. */
static void mark_values(seal_t *seal, const seal_range_t *ranges, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint64_t first = (ranges[i].offset + seal->block - 1) / seal->block;
    uint64_t end = (ranges[i].offset + ranges[i].bytes) / seal->block;
    for (uint64_t b = first; b < end && b < (uint64_t)seal->n; b++) seal->kinds[b] = 1;
  }
}

static ls_status seal_file(int file, const char *path, const seal_range_t *ranges, size_t n,
                           ls_error *error) {
  struct stat info;
  seal_t seal = {0};
  footer_t footer = {.block = SEAL_BLOCK};
  ls_status status = LS_OK;
  if (fstat(file, &info) != 0) return io_error(error, path, "cannot be sealed");
  TRY(seal_new(path, (uint64_t)info.st_size, SEAL_BLOCK, &seal, error));
  void *buffer = malloc(SEAL_BLOCK);
  if (buffer == NULL) TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "%s: no memory to seal it", path));
  for (int64_t b = 0; b < seal.n; b++)
    TRY_OR_DONE(digest_block(file, path, &seal, b, buffer, &seal.digests[b], error));
  mark_values(&seal, ranges, n);
  memcpy(footer.magic, magic, sizeof magic);
  footer.bytes = seal.bytes;
  TRY_OR_DONE(footer_checksum(path, &seal, &footer, &footer.checksum, error));
  size_t words = words_of(seal.n) * sizeof(uint64_t);
  TRY_OR_DONE(write_at(file, path, seal.bytes, seal.digests, words, error));
  TRY_OR_DONE(write_at(file, path, seal.bytes + words, &footer, sizeof footer, error));
done:
  free(buffer);
  free(seal.digests);
  return status;
}

ls_status seal_write(const char *path, const seal_range_t *ranges, size_t n, ls_error *error) {
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return io_error(error, path, "cannot be sealed");
  ls_status status = seal_file(file, path, ranges, n, error);
  if (close(file) != 0 && status == LS_OK) status = io_error(error, path, "cannot be sealed");
  return status;
}

/* ---- checking ---- */

/* Reads the seal; out->n == 0 if the file has none. A damaged seal counts as none: then the file is treated
 * like one that was edited, and its manifest still shows whether anything is wrong. */
static ls_status seal_read(int file, const char *path, seal_t *out, ls_error *error) {
  struct stat info;
  footer_t footer;
  seal_t seal = {0};
  uint64_t checksum = 0;
  *out = seal;
  if (fstat(file, &info) != 0) return io_error(error, path, "cannot be read");
  uint64_t size = (uint64_t)info.st_size;
  if (!S_ISREG(info.st_mode) || size < sizeof footer) return LS_OK;
  TRY(read_at(file, path, size - sizeof footer, &footer, sizeof footer, error));
  if (memcmp(footer.magic, magic, sizeof magic) != 0 || footer.block != SEAL_BLOCK || footer.bytes == 0 ||
      footer.bytes > size)
    return LS_OK;
  uint64_t blocks = (footer.bytes - 1) / footer.block + 1;
  if (footer.bytes + words_of((int64_t)blocks) * sizeof(uint64_t) + sizeof footer != size) return LS_OK;
  TRY(seal_new(path, footer.bytes, footer.block, &seal, error));
  seal.checksum = footer.checksum;
  ls_status status =
      read_at(file, path, seal.bytes, seal.digests, words_of(seal.n) * sizeof(uint64_t), error);
  if (status == LS_OK) status = footer_checksum(path, &seal, &footer, &checksum, error);
  if (status == LS_OK && checksum == footer.checksum)
    *out = seal;
  else
    free(seal.digests);
  return status;
}

/* Whether this caller compares block b: the blocks that a reader of values never needs to trust, or its part
 * of all. */
static bool is_wanted(const seal_t *seal, int64_t b, int part, int parts) {
  if (parts == 0) return seal->kinds[b] == 0;
  return b * parts / seal->n == part;
}

static ls_status compare(int file, const char *path, const seal_t *seal, int part, int parts,
                         ls_error *error) {
  void *buffer = malloc(SEAL_BLOCK);
  ls_status status = LS_OK;
  if (buffer == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory to compare it with its seal", path);
  for (int64_t b = 0; b < seal->n && status == LS_OK; b++) {
    uint64_t found = 0;
    if (!is_wanted(seal, b, part, parts)) continue;
    status = digest_block(file, path, seal, b, buffer, &found, error);
    if (status == LS_OK && found != seal->digests[b])
      status = error_set(
          error, LS_BAD_DATA,
          "%s is damaged: bytes %" PRIu64 " to %" PRIu64 " are not those that were written; copy or make "
          "the file again",
          path, (uint64_t)b * seal->block, (uint64_t)b * seal->block + block_bytes(seal, b) - 1);
  }
  free(buffer);
  return status;
}

/* Whether another program has the file open to change it: then HDF5 holds a lock on the file. */
static bool is_being_written(int file) {
  if (flock(file, LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  flock(file, LOCK_UN);
  return false;
}

static ls_status check(const char *path, int part, int parts, bool *sealed, ls_error *error) {
  seal_t seal = {0};
  *sealed = false;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return LS_OK; /* opening the file through HDF5 explains why */
  ls_status status = seal_read(file, path, &seal, error);
  if (status == LS_OK && seal.n > 0) {
    status = compare(file, path, &seal, part, parts, error);
    *sealed = status == LS_OK || !is_being_written(file);
    if (!*sealed) status = LS_OK;
  }
  free(seal.digests);
  close(file);
  return status;
}

ls_status seal_check_structure(const char *path, bool *sealed, ls_error *error) {
  return check(path, 0, 0, sealed, error);
}

ls_status store_check(const char *path, int part, int parts, bool *sealed, ls_error *error) {
  return check(path, part, parts, sealed, error);
}

ls_status store_seal(const char *path, uint64_t *out, ls_error *error) {
  seal_t seal = {0};
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return error_set(error, system_status(errno), "%s: %s", path, strerror(errno));
  ls_status status = seal_read(file, path, &seal, error);
  if (status == LS_OK && seal.n == 0)
    status = error_set(error, LS_BAD_DATA, "%s has no seal: it was damaged or edited", path);
  if (status == LS_OK) *out = seal.checksum;
  free(seal.digests);
  close(file);
  return status;
}
