/* Arenas: memory that is allocated at set-up and freed all at once.
 *
 * The step loop allocates nothing. Set-up code takes all its memory from an arena and frees it with one call.
 * Blocks are zeroed and aligned to 64 bytes (one cache line, one AVX-512 vector). {0} is an empty arena,
 * ready for use. Not thread-safe. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

enum { ARENA_ALIGNMENT = 64 };

typedef struct arena_block arena_block_t;

typedef struct {
  arena_block_t *blocks; /* newest first */
  size_t bytes;          /* sum of the requested sizes */
} arena_t;

/* Allocates count * size zeroed bytes, owned by the arena. NULL when out of memory or when the product
 * overflows. A request for 0 bytes returns a pointer that must not be dereferenced. */
void *arena_new(arena_t *arena, size_t count, size_t size);

/* A copy of text, owned by the arena. NULL when out of memory. */
char *arena_text(arena_t *arena, const char *text);

/* Frees all blocks. The arena is then empty and can be used again. */
void arena_free(arena_t *arena);

#endif
