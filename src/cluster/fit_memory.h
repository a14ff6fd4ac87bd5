/* How much memory a fit takes, before there are rows: for `check`. The figures follow from the arrays that
 * the files of the methods allocate, so a change of those needs a change of the
 * function here.
 * tests/system/test_memory.c compares with the peak of real runs. */
#ifndef CLUSTER_FIT_MEMORY_H
#define CLUSTER_FIT_MEMORY_H

#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* What the memory of a rank depends on. */
typedef struct {
  const settings_t *settings;
  int64_t rows, all_rows; /* training rows of the rank, and of all ranks */
  int64_t inputs;         /* columns of a row as the network sees them */
  int threads, shards;    /* of the rank */
  int ranks;              /* all */
  bool is_root;           /* rank 0 also collects the sums of the others */
  bool is_streamed;       /* rows are read again and again */
} fit_size_t;

/* Bytes of a rank. */
typedef struct {
  double rows; /* grows with rows: clusters and bounds of k-means, distances of the first centres, kernels */
  double sums; /* sums over rows, and what is made of them */
  double blocks; /* what threads need for a block of rows: scores, responsibilities */
} fit_memory_t;

/* Of the settings' method, when it takes most. Pure. */
fit_memory_t fit_memory(const fit_size_t *size);

#endif
