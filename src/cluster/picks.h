/* Picks a few of all rows: those with the smallest keys. Threads offer rows during a pass over the rows; then
 * all ranks learn which were picked, and their values.
 *
 * With the key -log(u) / w, u uniform in (0, 1], rows are drawn without replacement, each draw with
 * probabilities in proportion to w (Efraimidis, Spirakis: "Weighted random sampling with a reservoir", 2006).
 * u depends on the seed and the number of the row, so the picks are the same on any layout, and also for rows
 * that are streamed. With the key -d, the rows with the largest d are picked. */
#ifndef CLUSTER_PICKS_H
#define CLUSTER_PICKS_H

#include "base/random.h"
#include "comm/world.h"
#include "sums/sums.h"

typedef struct {
  double key;     /* INFINITY: none */
  int64_t number; /* of the row among all rows */
} pick_t;

typedef struct picks picks_t;

/* Room to pick `most` rows of `width` values. *out is caller-owned (picks_destroy). Collective. */
ls_status picks_create(world_t *world, int64_t most, int64_t width, int threads, picks_t **out,
                       ls_error *error);
void picks_destroy(picks_t **picks);

/* Begins to pick n rows, at most `most`. */
void picks_begin(picks_t *picks, int64_t n);

/* Offers a row: x (width) is copied if it may be among the picks. An infinite key is never picked. Called by
 * thread number `thread`. */
void picks_offer(picks_t *picks, int thread, double key, int64_t number, const float *x);

/* rows (n, width) = the picked rows, in the order of their keys (of equal ones, in the order of the rows);
 * *found = their number, at most n. keys (n): their keys, or NULL. Every rank receives them. Collective. */
ls_status picks_collect(picks_t *picks, float *rows, pick_t *keys, int64_t *found, ls_error *error);

/* out (n): uniform in (0, 1], for rows first, first + 1, ... of a stream. */
void picks_uniform(const random_stream_t *stream, int64_t first, int64_t n, double *out);

#endif
