/* Rows of the file to slots of a stream's buffer, by the thread that reads. */
#include "data/stream_impl.h"

ls_status stream_take(stream_t *stream, const int64_t *rows, const uint32_t *slots, int64_t n,
                      ls_error *error) {
  const store_t *store = stream->reader->store;
  int64_t at[TAKE_ROWS];
  for (int64_t i = 0; i < n; i++) at[i] = row_map_find(&stream->map, rows[i]);
  for (int a = 0; a < ARRAYS; a++)
    if (stream_has_array(stream, a))
      TRY(row_reader_take(&stream->row_readers[a], store, at, slots, n, error));
  return LS_OK;
}

ls_status stream_take_run(stream_t *stream, int64_t first, int64_t slot, int64_t n, int64_t *taken,
                          ls_error *error) {
  int64_t rows[TAKE_ROWS];
  uint32_t slots[TAKE_ROWS];
  n = row_map_run(&stream->map, first, n < TAKE_ROWS ? n : TAKE_ROWS);
  for (int64_t i = 0; i < n; i++) {
    rows[i] = first + i;
    slots[i] = (uint32_t)(slot + i);
  }
  TRY(stream_take(stream, rows, slots, n, error));
  *taken = n;
  return LS_OK;
}
