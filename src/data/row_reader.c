/* Rows by number. Rows that are wanted may lie scattered in their part of the file: where most of a part is
 * wanted it is read in one go and its rows are dealt to their slots, else each row is read by itself. */
#include "data/row_reader.h"

#include "base/activity.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Reading one row by itself takes about as long as reading this many neighbours with it. */
enum { SPARSE_PLAIN = 4, SPARSE_LIBRARY = 32 };

/* ---- which rows ---- */

enum { WORD = 64 };

static void fill_bits(const rows_t *rows, uint64_t *bits, uint32_t *before) {
  uint32_t count = 0;
  for (int64_t i = 0; i < rows->end - rows->first; i++) {
    if (i % WORD == 0) before[i / WORD] = count;
    if (rows->kinds[rows->first + i] != rows->wanted) continue;
    bits[i / WORD] |= (uint64_t)1 << i % WORD;
    count++;
  }
}

ls_status row_map_make(const rows_t *rows, arena_t *arena, row_map_t *out, ls_error *error) {
  row_map_t map = {.first = rows->first, .timeline = rows->timeline};
  if (rows->kinds != NULL) {
    map.words = (rows->end - rows->first + WORD - 1) / WORD;
    uint64_t *bits = arena_new(arena, (size_t)map.words, sizeof *bits);
    uint32_t *before = arena_new(arena, (size_t)map.words, sizeof *before);
    if (bits == NULL || before == NULL)
      return error_set(error, LS_NO_MEMORY, "no memory for the map of %" PRId64 " rows",
                       rows->end - rows->first);
    fill_bits(rows, bits, before);
    map.bits = bits;
    map.before = before;
  }
  *out = map;
  return LS_OK;
}

/* The last word with at most k rows before it has the k-th row, or only empty words follow it up to there. */
int64_t row_map_find(const row_map_t *map, int64_t k) {
  if (map->timeline != NULL) return timeline_row(map->timeline, map->first + k);
  if (map->bits == NULL) return map->first + k;
  int64_t low = 0, high = map->words;
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    if (map->before[middle] <= k)
      low = middle;
    else
      high = middle;
  }
  uint64_t word = map->bits[low];
  for (int64_t left = k - map->before[low]; left > 0; left--) word &= word - 1;
  return map->first + low * WORD + __builtin_ctzll(word);
}

int64_t row_map_run(const row_map_t *map, int64_t k, int64_t n) {
  return map->timeline != NULL ? timeline_run(map->timeline, map->first + k, n) : n;
}

/* ---- conversion ---- */

#define CONVERT(from, to)                                                                                    \
  static void from##_to_##to(const void *raw, int64_t n, void *out) {                                        \
    const from *x = raw;                                                                                     \
    to *y = out;                                                                                             \
    for (int64_t i = 0; i < n; i++) y[i] = (to)x[i];                                                         \
  }
CONVERT(uint8_t, float)
CONVERT(int32_t, float)
CONVERT(int64_t, float)
CONVERT(uint64_t, float)
CONVERT(double, float)
CONVERT(uint8_t, double)
CONVERT(int32_t, double)
CONVERT(int64_t, double)
CONVERT(uint64_t, double)
CONVERT(float, double)

typedef void (*convert_t)(const void *raw, int64_t n, void *out);

/* From each type of the file (columns) to those that formats read as; NULL on the diagonal. */
static const convert_t conversions[STORE_TYPES][STORE_TYPES] = {
    [STORE_F32] = {[STORE_U8] = uint8_t_to_float,
                   [STORE_I32] = int32_t_to_float,
                   [STORE_I64] = int64_t_to_float,
                   [STORE_U64] = uint64_t_to_float,
                   [STORE_F64] = double_to_float},
    [STORE_F64] = {[STORE_U8] = uint8_t_to_double,
                   [STORE_I32] = int32_t_to_double,
                   [STORE_I64] = int64_t_to_double,
                   [STORE_U64] = uint64_t_to_double,
                   [STORE_F32] = float_to_double},
};

/* ---- reading ---- */

static size_t raw_row_bytes(const row_reader_t *row_reader) {
  return (size_t)row_reader->format.width * store_type_size(row_reader->place.type);
}

ls_status row_reader_create(const store_t *store, int file, row_format_t format, const staging_t *staging,
                            row_reader_t *out, ls_error *error) {
  row_reader_t row_reader = {.path = store_path(store), .file = file, .format = format, .staging = staging};
  size_t row = (size_t)format.width * store_type_size(format.type);
  TRY(rows_check(store, format.name, format.width, 0, error));
  TRY(store_locate(store, format.name, &row_reader.place, error));
  if (row_reader.place.is_plain && row_reader.place.type != format.type)
    row_reader.convert = conversions[format.type][row_reader.place.type];
  if (row_reader.convert == NULL)
    row_reader.place.is_plain = row_reader.place.is_plain && row_reader.place.type == format.type;
  if (row_reader.place.is_plain && raw_row_bytes(&row_reader) > row) row = raw_row_bytes(&row_reader);
  row_reader.room = (int64_t)(staging->bytes / row);
  if (row_reader.room == 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.memory_limit leaves no room for a row of %s (%zu bytes) on its way: raise it",
                     format.name, row);
  *out = row_reader;
  return LS_OK;
}

static ls_status read_bytes(const row_reader_t *row_reader, int64_t first, int64_t n, char *to,
                            ls_error *error) {
  size_t row = raw_row_bytes(row_reader), left = (size_t)n * row;
  off_t at = (off_t)row_reader->place.offset + (off_t)first * (off_t)row;
  while (left > 0) {
    ssize_t got = pread(row_reader->file, to, left, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return error_set(error, LS_IO, "%s: rows %" PRId64 " to %" PRId64 " of %s cannot be read: %s",
                       row_reader->path, first, first + n, row_reader->format.name, strerror(errno));
    if (got == 0)
      return error_set(error, LS_BAD_DATA,
                       "%s: rows %" PRId64 " to %" PRId64 " of %s are gone: the file was cut off while it "
                       "was being read",
                       row_reader->path, first, first + n, row_reader->format.name);
    to += got;
    at += got;
    left -= (size_t)got;
  }
  return LS_OK;
}

/* n rows as their format reads them; no more than row_reader->room where they are converted. */
static ls_status read_rows(const row_reader_t *row_reader, const store_t *store, int64_t first, int64_t n,
                           void *to, ls_error *error) {
  activity_beat();
  if (!row_reader->place.is_plain)
    return store_read_rows(store, row_reader->format.name, first, n, row_reader->format.type, to, error);
  if (row_reader->convert == NULL) return read_bytes(row_reader, first, n, to, error);
  TRY(read_bytes(row_reader, first, n, row_reader->staging->raw, error));
  row_reader->convert(row_reader->staging->raw, n * row_reader->format.width, to);
  return LS_OK;
}

static char *slot_of(const row_reader_t *row_reader, uint32_t slot) {
  return row_reader->slots + (size_t)slot * row_reader->format.row_size;
}

/* Rows that follow each other, in the file and in the slots, and need no change. */
static ls_status take_run(const row_reader_t *row_reader, const store_t *store, int64_t row, uint32_t slot,
                          int64_t n, ls_error *error) {
  row_piece_t piece = {row_reader->path, &row_reader->format, slot_of(row_reader, slot), row};
  TRY(read_rows(row_reader, store, row, n, slot_of(row_reader, slot), error));
  for (int64_t i = 0; i < n && row_reader->format.check != NULL; i++)
    TRY(row_reader->format.check(&piece, i, error));
  return LS_OK;
}

/* The whole part of the array from row `low` to row `high`, of which the wanted rows are dealt out. */
static ls_status take_part(const row_reader_t *row_reader, const store_t *store, const int64_t *rows,
                           const uint32_t *slots, int64_t n, int64_t low, int64_t high, ls_error *error) {
  for (int64_t first = low; first <= high; first += row_reader->room) {
    int64_t count = high + 1 - first < row_reader->room ? high + 1 - first : row_reader->room;
    row_piece_t piece = {row_reader->path, &row_reader->format, row_reader->staging->values, first};
    TRY(read_rows(row_reader, store, first, count, row_reader->staging->values, error));
    for (int64_t i = 0; i < n; i++)
      if (rows[i] >= first && rows[i] < first + count)
        TRY(row_take(&piece, rows[i] - first, slot_of(row_reader, slots[i]), error));
  }
  return LS_OK;
}

ls_status row_reader_take(const row_reader_t *row_reader, const store_t *store, const int64_t *rows,
                          const uint32_t *slots, int64_t n, ls_error *error) {
  if (n == 0) return LS_OK;
  int64_t low = rows[0], high = rows[0];
  bool is_run = row_reader->convert == NULL && row_reader->format.put == NULL;
  for (int64_t i = 1; i < n; i++) {
    if (rows[i] < low) low = rows[i];
    if (rows[i] > high) high = rows[i];
    is_run = is_run && rows[i] == rows[0] + i && slots[i] == slots[0] + i;
  }
  if (is_run) return take_run(row_reader, store, rows[0], slots[0], n, error);
  if (high - low + 1 <= n * (row_reader->place.is_plain ? SPARSE_PLAIN : SPARSE_LIBRARY))
    return take_part(row_reader, store, rows, slots, n, low, high, error);
  for (int64_t i = 0; i < n; i++) TRY(row_reader_take(row_reader, store, rows + i, slots + i, 1, error));
  return LS_OK;
}
