/* Memory that is taken at set-up and given back all at once.
 *
 * The step loop allocates nothing; whoever sets something up takes everything it needs from an arena of its
 * own and gives it back with one call. Blocks are zeroed and aligned to 64 bytes (a cache line, an AVX-512
 * vector). An arena that is {0} is empty and ready. Not thread-safe. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

enum { ARENA_ALIGNMENT = 64 };

typedef struct arena_block arena_block_t;

typedef struct {
  arena_block_t *blocks; /* newest first */
  size_t bytes;          /* sum of what was asked for */
} arena_t;

/* count * size zeroed bytes, owned by the arena; NULL when memory is short or the product overflows. A
 * request for no bytes gives a pointer that must not be read. */
void *arena_new(arena_t *arena, size_t count, size_t size);

/* A copy of text owned by the arena; NULL when memory is short. */
char *arena_text(arena_t *arena, const char *text);

/* Gives everything back; the arena is empty and usable again. */
void arena_free(arena_t *arena);

#endif
