/* The numbers of series, read in pieces of 2^18 rows: where each series begins, in the second and third piece
 * too. */
#include "data/series.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 1 << 18, ROWS = 2 * PIECE + 4321 };

/* Series of different lengths; some begin in the last piece. */
static int64_t length_of(int64_t k) {
  return 900 + 37 * (k % 7);
}

Test(series, begin_where_their_numbers_change_in_all_pieces) {
  char path[64];
  ls_error error = {0};
  store_t *store = NULL;
  int64_t *ids = malloc(ROWS * sizeof *ids), begins[ROWS / 900 + 2], n = 0;
  series_t series = {0};
  for (int64_t row = 0; row < ROWS; n++) {
    begins[n] = row;
    for (int64_t end = row + length_of(n); row < end && row < ROWS; row++) ids[row] = 900 - 7 * n;
  }
  cr_assert_gt(begins[n - 1], 2 * PIECE, "no series begins in the last piece");
  snprintf(path, sizeof path, "/tmp/lockstep-series-%ld.h5", (long)getpid());
  cr_assert_eq(store_create(path, &store, &error), LS_OK, "%s", error.message);
  store_write(store, "series", STORE_I64, 1, (int64_t[]){ROWS}, ids, &error);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(series_read(store, "series", ROWS, &series, &error), LS_OK, "%s", error.message);
  cr_assert_eq(series.n, n, "%d series, not %d", (int)series.n, (int)n);
  for (int64_t k = 0; k < n; k++) {
    cr_assert_eq(series.first[k], begins[k], "series %d begins in row %d", (int)k, (int)series.first[k]);
    cr_assert_eq(series.ids[k], 900 - 7 * k);
  }
  cr_assert_eq(series.first[n], ROWS);
  series_free(&series);
  store_close(&store);
  unlink(path);
  free(ids);
}
