/* The first rows of a split, as a split of its own: a landscape of some thousand rows shows what one of all
 * rows would, in less time. */
#ifndef LANDSCAPE_FIRST_ROWS_H
#define LANDSCAPE_FIRST_ROWS_H

#include "base/arena.h"
#include "comm/world.h"
#include "data/split.h"

/* Makes a split of the first n rows of `split` (all, if it has no more), whose targets are scaled, dealt to
 * as many shards. Every rank holds all n rows; the memory comes from the arena, and the rest is borrowed from
 * `split`. LS_BAD_SETTINGS for windows and for rows that are streamed. Collective. */
ls_status first_rows(world_t *world, const split_t *split, int64_t n, arena_t *arena, split_t *out,
                     ls_error *error);

/* The same with all n rows and all shards on every rank, as for a world of one rank. */
ls_status whole_rows(world_t *world, const split_t *split, int64_t n, arena_t *arena, split_t *out,
                     ls_error *error);
/* Whether whole_rows can do so: rows are in memory, and n of them take at most `most` bytes. The same on
 * every rank. */
bool rows_fit(const split_t *split, int64_t n, int64_t most);

#endif
