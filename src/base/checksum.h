/* Checksums: XXH3-64 (xxHash) of bytes, in files and of parameters. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Of `size` bytes. Thread-safe. */
uint64_t checksum_of(const void *bytes, size_t size);

/* The same of bytes that come in pieces: begin, add each piece, end. */
typedef struct checksum checksum_t;

/* Caller-owned (checksum_end); NULL when there is no memory. */
checksum_t *checksum_begin(void);
void checksum_add(checksum_t *checksum, const void *bytes, size_t size);
/* The checksum of all pieces; frees it. 0 of NULL. */
uint64_t checksum_end(checksum_t **checksum);

#endif
