/* What identifies the data of a run: name, shape, type and content of every array that it uses. Ranks compare
 * what they see of a file with rank 0, so that copies on the nodes' own disks cannot differ unnoticed, and a
 * resumed run compares with its checkpoint.
 *
 * Content is a checksum in two depths. The sample covers at most IDENTITY_ROWS rows, spread evenly from the
 * first to the last, as they are in the file. The digest covers all rows of a split as they are in memory,
 * shard by shard: the checksum of the shards' checksums in their order, so it does not depend on which rank
 * holds a shard. Rows that are streamed have a sample alone. */
#ifndef DATA_IDENTITY_H
#define DATA_IDENTITY_H

#include "comm/world.h"
#include "data/split.h"
#include "store/store.h"

enum { IDENTITY_ROWS = 64, IDENTITY_NAME_SIZE = 256 };

/* The arrays of a split that are compared. */
enum { IDENTITY_X, IDENTITY_Y, IDENTITY_WEIGHTS, IDENTITY_SERIES, IDENTITY_KINDS };
enum { IDENTITY_SPLITS = 3 }; /* train, valid, test */

/* Plain values: travels as bytes. */
typedef struct {
  char name[IDENTITY_NAME_SIZE]; /* path in the file; "": there is no such array, and nothing else is valid */
  char type[16];                 /* "float32" */
  int64_t dims, shape[STORE_MAX_DIMS];
  uint64_t sample;
  uint64_t digest; /* on rank 0 */
  int64_t has_digest;
} array_identity_t;

typedef struct {
  array_identity_t arrays[IDENTITY_SPLITS][IDENTITY_KINDS];
} data_identity_t;

/* Describes and samples an array. Zeroes the padding of *out. Not collective. */
ls_status identity_look(const store_t *store, const char *name, array_identity_t *out, ls_error *error);

/* LS_BAD_DATA, naming host and difference, when a rank sees another array than rank 0 does. `mine` is what
 * this rank has found in `file`, after `status`. Collective. */
ls_status identity_agree(world_t *world, const char *file, ls_status status, const data_identity_t *mine,
                         ls_error *error);

/* Fills the digests of a split whose rows are resident; leaves those of a streamed one. `sums` (kinds, shards
 * of this rank) are the checksums of its shards, from identity_sums. Rank 0 gets the digests. Collective. */
ls_status identity_gather(world_t *world, const split_t *split, const uint64_t *sums,
                          array_identity_t arrays[IDENTITY_KINDS], ls_error *error);

/* The checksums of own shard s of a split in memory, raw targets: sums[kind * split->shards + s].
 * Thread-safe. */
void identity_sum(const split_t *split, int s, uint64_t *sums);

/* Adds the group `data` to a file. */
ls_status identity_write(const data_identity_t *identity, store_t *store, ls_error *error);
/* *known is false if the file has no such group: earlier versions did not write it. */
ls_status identity_read(const store_t *store, data_identity_t *out, bool *known, ls_error *error);

/* What differs between the arrays of training and validation of a checkpoint and of now, as a sentence like
 * "train/x has 101 rows and had 5000"; "" if nothing does. */
void identity_compare(const data_identity_t *then, const data_identity_t *now, char *out, size_t size);

#endif
