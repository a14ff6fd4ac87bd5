/* Memory from an arena: aligned, zero, apart, and given back whole. */
#include "base/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

Test(arena, blocks_are_aligned_zeroed_and_apart) {
  enum { BLOCKS = 100 };
  arena_t arena = {0};
  unsigned char *blocks[BLOCKS];
  size_t total = 0;
  for (size_t i = 0; i < BLOCKS; i++) {
    blocks[i] = arena_new(&arena, i, 3);
    cr_assert_not_null(blocks[i]);
    cr_assert_eq((uintptr_t)blocks[i] % 64, 0); /* a cache line, and what AVX-512 likes */
    for (size_t k = 0; k < 3 * i; k++) cr_assert_eq(blocks[i][k], 0);
    memset(blocks[i], (int)i + 1, 3 * i);
    total += 3 * i;
  }
  cr_expect_eq(arena.bytes, total);
  for (size_t i = 0; i < BLOCKS; i++)
    for (size_t k = 0; k < 3 * i; k++) cr_assert_eq(blocks[i][k], i + 1, "block %zu was written over", i);
  arena_free(&arena);
  cr_expect_null(arena.blocks);
  cr_expect_eq(arena.bytes, 0);
}

Test(arena, what_does_not_fit_is_refused_and_changes_nothing) {
  arena_t arena = {0};
  cr_expect_null(arena_new(&arena, SIZE_MAX / 2, 3));
  cr_expect_null(arena_new(&arena, SIZE_MAX, 1));
  cr_expect_null(arena_new(&arena, SIZE_MAX - 64, 1));
  cr_expect_eq(arena.bytes, 0);
  cr_expect_not_null(arena_new(&arena, 8, 8));
  arena_free(&arena);
}

Test(arena, is_usable_again_after_it_was_freed) {
  arena_t arena = {0};
  char *text = arena_text(&arena, "first");
  cr_expect_str_eq(text, "first");
  arena_free(&arena);
  arena_free(&arena);
  cr_expect_str_eq(arena_text(&arena, ""), "");
  cr_expect_eq(arena.bytes, 1);
  arena_free(&arena);
}
