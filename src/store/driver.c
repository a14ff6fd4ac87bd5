/* The driver through which HDF5 writes files. HDF5 cannot close a file that it cannot write: after a failed
 * call it leaves handles behind that crash the process later, at its exit at the latest. So this driver never
 * reports a failure to HDF5. It notes the first one for the store, writes no more to the disk, and keeps what
 * HDF5 may want to read again, which is little, in memory. The file is discarded in any case. */
#include "store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined __has_include
#if __has_include(<H5FDdevelop.h>)
#include <H5FDdevelop.h>
#endif
#endif

/* Bytes that belong into the file but are not there. */
typedef struct patch {
  struct patch *before;
  haddr_t address;
  size_t size;
  char bytes[];
} patch_t;

typedef struct {
  H5FD_t head; /* HDF5's */
  disk_t *disk;
  int file;
  haddr_t allocated, end; /* addresses in use, and bytes of the file, as HDF5 sees it */
  patch_t *patches;       /* the latest first */
} driver_file_t;

/* The disk_t of the file that is being created. Guarded by the turn. */
static disk_t *creating;

static void note(driver_file_t *own, int code) {
  if (own->disk->code == 0) own->disk->code = code != 0 ? code : EIO;
}

static H5FD_t *driver_open(const char *path, unsigned flags, hid_t access, haddr_t most) {
  (void)access, (void)most;
  bool creates = (flags & (H5F_ACC_CREAT | H5F_ACC_TRUNC)) != 0;
  int file = open(path, O_RDWR | O_CLOEXEC | (creates ? O_CREAT | O_TRUNC : 0), 0666);
  driver_file_t *own = file >= 0 ? calloc(1, sizeof *own) : NULL;
  struct stat about;
  if (own == NULL) {
    if (creates) creating->code = file < 0 ? errno : ENOMEM;
    if (file >= 0) close(file);
    return NULL;
  }
  own->disk = creating;
  own->file = file;
  own->end = fstat(file, &about) == 0 ? (haddr_t)about.st_size : 0;
  return &own->head;
}

static herr_t driver_close(H5FD_t *head) {
  driver_file_t *own = (driver_file_t *)head;
  if (close(own->file) != 0) note(own, errno);
  for (patch_t *patch = own->patches; patch != NULL;) {
    patch_t *before = patch->before;
    free(patch);
    patch = before;
  }
  free(own);
  return 0;
}

static herr_t driver_query(const H5FD_t *head, unsigned long *flags) {
  (void)head;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

static haddr_t driver_allocated(const H5FD_t *head, H5FD_mem_t kind) {
  (void)kind;
  return ((const driver_file_t *)head)->allocated;
}

static herr_t driver_allocate(H5FD_t *head, H5FD_mem_t kind, haddr_t address) {
  (void)kind;
  ((driver_file_t *)head)->allocated = address;
  return 0;
}

static haddr_t driver_end(const H5FD_t *head, H5FD_mem_t kind) {
  (void)kind;
  return ((const driver_file_t *)head)->end;
}

/* Puts what a range has in common with a patch into a buffer of the range. */
static void apply(const patch_t *patch, haddr_t address, size_t size, char *buffer) {
  if (patch == NULL) return;
  apply(patch->before, address, size, buffer);
  haddr_t first = patch->address > address ? patch->address : address;
  haddr_t end = patch->address + patch->size < address + size ? patch->address + patch->size : address + size;
  if (first < end) memcpy(buffer + (first - address), patch->bytes + (first - patch->address), end - first);
}

/* Bytes behind the end of the file are zero. */
static herr_t driver_read(H5FD_t *head, H5FD_mem_t kind, hid_t transfer, haddr_t address, size_t size,
                          void *buffer) {
  (void)kind, (void)transfer;
  driver_file_t *own = (driver_file_t *)head;
  size_t done = 0;
  while (done < size) {
    ssize_t n = pread(own->file, (char *)buffer + done, size - done, (off_t)(address + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) note(own, errno);
    if (n <= 0) break;
    done += (size_t)n;
  }
  memset((char *)buffer + done, 0, size - done);
  apply(own->patches, address, size, buffer);
  return 0;
}

/* Values of arrays are not kept: HDF5 does not need them. */
static void keep(driver_file_t *own, H5FD_mem_t kind, haddr_t address, size_t size, const void *buffer) {
  patch_t *patch = kind == H5FD_MEM_DRAW ? NULL : malloc(sizeof *patch + size);
  if (patch == NULL) return;
  *patch = (patch_t){.before = own->patches, .address = address, .size = size};
  memcpy(patch->bytes, buffer, size);
  own->patches = patch;
}

static herr_t driver_write(H5FD_t *head, H5FD_mem_t kind, hid_t transfer, haddr_t address, size_t size,
                           const void *buffer) {
  (void)transfer;
  driver_file_t *own = (driver_file_t *)head;
  size_t done = 0;
  while (done < size && own->disk->code == 0) {
    ssize_t n = pwrite(own->file, (const char *)buffer + done, size - done, (off_t)(address + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      note(own, n < 0 ? errno : ENOSPC);
    else
      done += (size_t)n;
  }
  if (done < size) keep(own, kind, address, size, buffer);
  if (address + size > own->end) own->end = address + size;
  return 0;
}

static herr_t driver_truncate(H5FD_t *head, hid_t transfer, hbool_t closing) {
  (void)transfer, (void)closing;
  driver_file_t *own = (driver_file_t *)head;
  if (own->disk->code == 0 && own->end != own->allocated && ftruncate(own->file, (off_t)own->allocated) != 0)
    note(own, errno);
  own->end = own->allocated;
  return 0;
}

static const H5FD_class_t driver = {
#ifdef H5FD_CLASS_VERSION
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)600, /* any that is not in use: 512 and above are free for applications */
#endif
    .name = "lockstep",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_allocated,
    .set_eoa = driver_allocate,
    .get_eof = driver_end,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t driver_create(const char *path, hid_t creation, hid_t access, disk_t *disk) {
  static hid_t id; /* guarded by the turn */
  if (id <= 0) id = H5FDregister(&driver);
  if (id < 0 || H5Pset_driver(access, id, NULL) < 0) return H5I_INVALID_HID;
  creating = disk;
  return H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
}
