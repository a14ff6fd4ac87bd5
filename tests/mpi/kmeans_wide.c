/* The tests of kmeans.c once more where all loops over blocks take more than two blocks, and the last one is
 * incomplete: shards and slices of batches have 334 rows and fewer (blocks of 128), rows 150 columns (64 at a
 * time), and there are 37 centres (groups of 16). */
#define SHAPE ROWS = 1000, SHARDS = 3, COLUMNS = 150, K = 37, BATCH = 900

#include "mpi/kmeans.c"
