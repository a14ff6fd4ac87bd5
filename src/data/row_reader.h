/* Private to the data room: reads rows of one array, by their numbers, into slots of a buffer.
 *
 * If the array is contiguous in the file, rows are read with pread, so a thread can read while other threads
 * use the HDF5 library. Otherwise they are read through a store. Both ways check every row. */
#ifndef DATA_ROW_READER_H
#define DATA_ROW_READER_H

#include "data/dataset_impl.h"

/* Which rows of an array the n rows of a split are that this rank holds, in order. */
typedef struct {
  int64_t first;              /* of the array, or of the timeline's steps */
  const timeline_t *timeline; /* borrowed; NULL: rows are rows of the array */
  const uint64_t *bits;       /* bit i: row first + i is one of them; NULL: they follow each other */
  const uint32_t *before;     /* (words): how many come before each word of bits */
  int64_t words;
} row_map_t;

/* Memory comes from the arena. */
ls_status row_map_make(const rows_t *rows, arena_t *arena, row_map_t *out, ls_error *error);
/* The array's row that row k of the split is. */
int64_t row_map_find(const row_map_t *map, int64_t k);
/* How many of n rows of the split, from row k on, are worth taking together: all, or those of one series. */
int64_t row_map_run(const row_map_t *map, int64_t k, int64_t n);

/* Memory in which rows wait while they are converted. */
typedef struct {
  void *raw, *values; /* as in the file, and as a format reads them: `bytes` each */
  size_t bytes;
} staging_t;

typedef struct {
  const char *path;
  int file; /* descriptor, the caller's */
  row_format_t format;
  store_place_t place;
  void (*convert)(const void *raw, int64_t n, void *out); /* n elements; NULL: none is needed */
  const staging_t *staging;
  int64_t room; /* rows that fit into the staging */
  char *slots;  /* where rows go: (…, format.row_size) */
} row_reader_t;

/* Finds out how the array can be read. LS_BAD_SETTINGS when not one row fits into the staging. */
ls_status row_reader_create(const store_t *store, int file, row_format_t format, const staging_t *staging,
                            row_reader_t *out, ls_error *error);

/* Row rows[i] of the array to slot slots[i], i < n. `store` is the caller's own for this thread; it may be
 * NULL when row_reader.place.is_plain. */
ls_status row_reader_take(const row_reader_t *row_reader, const store_t *store, const int64_t *rows,
                          const uint32_t *slots, int64_t n, ls_error *error);

#endif
