/* Reads a table: threads take chunks from the source and parse them. Then the words that chunks found are
 * merged into one list for each column, column by column, in the order of the chunks. */
#include "base/progress.h"
#include "base/text.h"
#include "table/csv.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_THREADS = 256 };

/* ---- threads ---- */

typedef struct {
  void (*work)(void *context);
  void *context;
} task_t;

static void *run_task(void *argument) {
  const task_t *task = argument;
  task->work(task->context);
  return NULL;
}

int csv_threads(int wanted) {
  cpu_set_t cores;
  int n = wanted > 0 ? wanted : sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
  return n < MOST_THREADS ? n : MOST_THREADS;
}

/* A thread that the system does not start is left out: the others do its work. */
void csv_parallel(int threads, void (*work)(void *context), void *context) {
  pthread_t others[MOST_THREADS];
  task_t task = {work, context};
  int n = 0;
  while (n < threads - 1 && n < MOST_THREADS && pthread_create(&others[n], NULL, run_task, &task) == 0) n++;
  work(context);
  for (int i = 0; i < n; i++) pthread_join(others[i], NULL);
}

/* ---- chunks ---- */

typedef struct {
  csv_scan_t *scan;
  csv_source_t *source;
  const csv_mode_t *modes;
  pthread_mutex_t lock; /* protects all that follows, and the list of chunks */
  size_t room;
  bool is_done;
  double bytes;     /* of the cells and words that were parsed */
  ls_status status; /* of the source, or of the size */
  ls_error *error;
} pool_t;

/* Takes the next chunk of text and gives its number. */
static bool take_chunk(pool_t *reading, csv_text_t *text, size_t *number) {
  csv_scan_t *scan = reading->scan;
  int64_t read = 0, all = 0;
  if (reading->is_done) return false;
  reading->status = csv_source_chunk(reading->source, text, reading->error);
  if (reading->status != LS_OK || text->size == 0) return false;
  if (scan->n_chunks == reading->room) {
    size_t room = 2 * reading->room;
    csv_chunk_t *larger = reallocarray(scan->chunks, room, sizeof *larger);
    if (larger == NULL) {
      reading->status =
          error_set(reading->error, LS_NO_MEMORY, "%s: no memory for %zu chunks", scan->place.path, room);
      return false;
    }
    scan->chunks = larger;
    reading->room = room;
  }
  *number = scan->n_chunks++;
  scan->chunks[*number] = (csv_chunk_t){0};
  csv_source_progress(reading->source, &read, &all);
  progress_reach(read);
  return true;
}

/* What the cells of a chunk take in memory. */
static double chunk_bytes(const csv_chunk_t *chunk, size_t columns) {
  double bytes = (double)chunk->rows * (double)columns * sizeof *chunk->cells;
  for (size_t c = 0; c < columns && chunk->words != NULL; c++) bytes += csv_words_bytes(&chunk->words[c]);
  return bytes;
}

/* Stops the reading when the cells take more memory than they may. */
static void count_bytes(pool_t *reading, double bytes) {
  const csv_place_t *place = &reading->scan->place;
  char limit[32];
  reading->bytes += bytes;
  if (place->reading.most == 0 || reading->status != LS_OK) return;
  if (reading->bytes <= (double)place->reading.most) return;
  text_write_bytes((int64_t)place->reading.most, limit, sizeof limit);
  reading->is_done = true;
  reading->status =
      error_set(reading->error, LS_BAD_DATA,
                "%s: its cells take more than %s, the most memory that a table may take; if that "
                "is right, raise it with --most-memory",
                place->path, limit);
}

static void parse_chunks(void *context) {
  pool_t *reading = context;
  csv_scan_t *scan = reading->scan;
  csv_text_t text = {0};
  for (;;) {
    size_t number = 0;
    csv_chunk_t chunk;
    pthread_mutex_lock(&reading->lock);
    bool taken = take_chunk(reading, &text, &number);
    reading->is_done |= !taken;
    pthread_mutex_unlock(&reading->lock);
    if (!taken) break;
    csv_chunk_parse(&scan->dialect, &text, scan->columns, reading->modes, &chunk);
    double bytes = chunk_bytes(&chunk, scan->columns);
    pthread_mutex_lock(&reading->lock);
    scan->chunks[number] = chunk;
    reading->is_done |= chunk.fault != CSV_SOUND;
    count_bytes(reading, bytes);
    pthread_mutex_unlock(&reading->lock);
  }
  free(text.bytes);
}

/* ---- merging ---- */

/* The first line of each chunk, chunk 0 the first record. */
static int64_t *first_lines(const csv_scan_t *scan) {
  int64_t *lines = calloc(scan->n_chunks + 1, sizeof *lines);
  if (lines == NULL) return NULL;
  lines[0] = scan->first_line;
  lines[1] = scan->first_line;
  const char *text = scan->first_text.bytes;
  for (size_t i = 0; i < scan->first_text.size; i++)
    lines[1] += text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n');
  for (size_t k = 1; k < scan->n_chunks; k++) lines[k + 1] = lines[k] + scan->chunks[k].lines;
  return lines;
}

static ls_status check_fault(const csv_scan_t *scan, const csv_chunk_t *chunk, int64_t first_line,
                             ls_error *error) {
  int64_t line = first_line + chunk->fault_line;
  const char delimiter = scan->dialect.delimiter;
  if (chunk->fault == CSV_SOUND) return LS_OK;
  if (chunk->fault != CSV_RAGGED)
    return csv_fault_error(scan->place.path, line, chunk->fault, scan->dialect.quote, error);
  return error_set(error, LS_BAD_DATA,
                   "%s:%" PRId64 ": %zu cell%s where other rows have %zu (delimiter '%s')", scan->place.path,
                   line, chunk->fault_cells, chunk->fault_cells == 1 ? "" : "s", scan->columns,
                   delimiter == '\t' ? "tab" : (char[]){delimiter, '\0'});
}

static void merge_counts(csv_count_t *all, const csv_count_t *some, int64_t first_line) {
  if (some->missing > 0 && (all->missing == 0 || first_line + some->missing_line < all->missing_line)) {
    all->mark = some->mark;
    all->missing_line = first_line + some->missing_line;
  }
  all->numbers += some->numbers;
  all->words += some->words;
  all->missing += some->missing;
  all->point |= some->point;
  all->low = fmin(all->low, some->low);
  all->high = fmax(all->high, some->high);
}

/* Adds a column of a chunk to the table's. */
static bool merge_column(csv_scan_t *scan, csv_chunk_t *chunk, int64_t first_line, size_t column) {
  const csv_words_t *words = &chunk->words[column];
  merge_counts(&scan->counts[column], &chunk->counts[column], first_line);
  if (words->n == 0) return true;
  uint32_t *codes = calloc(words->n, sizeof *codes);
  chunk->codes[column] = codes;
  for (size_t i = 0; i < words->n && codes != NULL; i++)
    if (!csv_words_add(&scan->words[column], csv_words_text(words, i), words->words[i].length,
                       first_line + words->words[i].line, words->words[i].count, &codes[i]))
      return false;
  return codes != NULL;
}

typedef struct {
  csv_scan_t *scan;
  const int64_t *lines;
  atomic_size_t next; /* column */
  atomic_bool failed;
} merging_t;

static void merge_columns(void *context) {
  merging_t *merging = context;
  csv_scan_t *scan = merging->scan;
  size_t column = 0;
  while ((column = atomic_fetch_add(&merging->next, 1)) < scan->columns)
    for (size_t k = 1; k < scan->n_chunks; k++) {
      if (!merge_column(scan, &scan->chunks[k], merging->lines[k], column))
        atomic_store(&merging->failed, true);
      csv_words_free(&scan->chunks[k].words[column]);
    }
}

/* What a chunk found in its columns, which the table now has. */
static void free_lists(csv_chunk_t *chunk) {
  free(chunk->words);
  free(chunk->counts);
  chunk->words = NULL;
  chunk->counts = NULL;
}

/* Takes the blank lines at the end of a table with one column back. */
static void drop_blank_tail(csv_scan_t *scan) {
  bool goes_on = true;
  for (size_t k = scan->n_chunks; k-- > 1 && goes_on;) {
    csv_chunk_t *chunk = &scan->chunks[k];
    goes_on = chunk->blank_tail == chunk->rows;
    chunk->rows -= chunk->blank_tail;
    scan->rows -= chunk->blank_tail;
    scan->counts[0].missing -= chunk->blank_tail;
  }
}

static ls_status merge(csv_scan_t *scan, ls_error *error) {
  int64_t *lines = first_lines(scan);
  bool failed = lines == NULL;
  ls_status status = LS_OK;
  for (size_t k = 1; k < scan->n_chunks && !failed && status == LS_OK; k++) {
    csv_chunk_t *chunk = &scan->chunks[k];
    status = check_fault(scan, chunk, lines[k], error);
    chunk->codes = calloc(scan->columns, sizeof *chunk->codes);
    failed = chunk->codes == NULL;
    scan->rows += chunk->rows;
    scan->comments += chunk->comments;
  }
  if (status == LS_OK && !failed) {
    merging_t merging = {.scan = scan, .lines = lines};
    csv_parallel(csv_threads(scan->place.reading.threads), merge_columns, &merging);
    failed = atomic_load(&merging.failed);
    for (size_t k = 1; k < scan->n_chunks; k++) free_lists(&scan->chunks[k]);
    drop_blank_tail(scan);
  }
  free(lines);
  if (status == LS_OK && failed)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for its words", scan->place.path);
  return status;
}

/* ---- the table ---- */

static void free_rows(csv_scan_t *scan) {
  for (size_t k = 0; k < scan->n_chunks; k++) csv_chunk_free(&scan->chunks[k], scan->columns);
  for (size_t c = 0; c < scan->columns && scan->words != NULL; c++) csv_words_free(&scan->words[c]);
  free(scan->chunks);
  free(scan->words);
  free(scan->counts);
  scan->chunks = NULL;
  scan->words = NULL;
  scan->counts = NULL;
  scan->n_chunks = 0;
  scan->rows = scan->comments = 0;
}

static ls_status no_memory(const csv_scan_t *scan, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu columns", scan->place.path, scan->columns);
}

ls_status csv_scan_rows(csv_scan_t *scan, const csv_mode_t *modes, ls_error *error) {
  const csv_place_t *place = &scan->place;
  csv_source_t *source = NULL;
  csv_text_t first = {0};
  int64_t read = 0, all = 0;
  enum { FIRST_ROOM = 64 };
  free_rows(scan);
  scan->chunks = calloc(FIRST_ROOM, sizeof *scan->chunks);
  scan->words = calloc(scan->columns, sizeof *scan->words);
  scan->counts = calloc(scan->columns, sizeof *scan->counts);
  if (scan->chunks == NULL || scan->words == NULL || scan->counts == NULL) return no_memory(scan, error);
  scan->n_chunks = 1;
  for (size_t c = 0; c < scan->columns; c++)
    scan->counts[c] = (csv_count_t){.low = INFINITY, .high = -INFINITY};
  TRY(csv_source_open(place->path, place->memory, place->size, &scan->dialect, &place->reading, &source,
                      error));
  pool_t reading = {.scan = scan,
                    .source = source,
                    .modes = modes,
                    .lock = PTHREAD_MUTEX_INITIALIZER,
                    .room = FIRST_ROOM,
                    .error = error};
  csv_source_progress(source, &read, &all);
  progress_begin(all, NULL, "reading %s", place->path);
  reading.status = csv_source_record(source, &first, error);
  if (reading.status == LS_OK) csv_parallel(csv_threads(place->reading.threads), parse_chunks, &reading);
  progress_end();
  free(first.bytes);
  csv_source_close(&source);
  /* a fault in a chunk comes before what stopped the reading */
  bool has_fault = false;
  for (size_t k = 1; k < scan->n_chunks; k++) has_fault |= scan->chunks[k].fault != CSV_SOUND;
  if (reading.status != LS_OK && !has_fault) return reading.status;
  return merge(scan, error);
}

ls_status csv_scan_add_first(csv_scan_t *scan, const csv_mode_t *modes, ls_error *error) {
  csv_text_t text = {.bytes = malloc(scan->first_text.room), .size = scan->first_text.size};
  csv_chunk_t *chunk = &scan->chunks[0];
  if (text.bytes == NULL) return no_memory(scan, error);
  memcpy(text.bytes, scan->first_text.bytes, scan->first_text.room);
  csv_chunk_parse(&scan->dialect, &text, scan->columns, modes, chunk);
  free(text.bytes);
  TRY(check_fault(scan, chunk, scan->first_line, error));
  chunk->codes = calloc(scan->columns, sizeof *chunk->codes);
  if (chunk->codes == NULL) return no_memory(scan, error);
  for (size_t c = 0; c < scan->columns; c++)
    if (!merge_column(scan, chunk, scan->first_line, c)) return no_memory(scan, error);
  scan->rows += chunk->rows;
  return LS_OK;
}

/* ---- texts in UTF-8 ---- */

/* The length of the UTF-8 sequence at `at`; 0: there is none (Unicode 15, table 3-7). */
static size_t sequence_length(const unsigned char *at) {
  unsigned char low = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
  unsigned char high = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
  size_t length = at[0] < 0x80                     ? 1
                  : at[0] >= 0xc2 && at[0] <= 0xdf ? 2
                  : at[0] >= 0xe0 && at[0] <= 0xef ? 3
                  : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                   : 0;
  if (length > 1 && (at[1] < low || at[1] > high)) return 0;
  for (size_t i = 2; i < length; i++)
    if (at[i] < 0x80 || at[i] > 0xbf) return 0;
  return length;
}

static bool is_utf8(const char *text) {
  const unsigned char *at = (const unsigned char *)text;
  for (size_t length = 1; *at != '\0' && length > 0; at += length) length = sequence_length(at);
  return *at == '\0';
}

/* ISO 8859-1 to UTF-8: a byte from 0x80 on becomes two. */
static char *from_latin1(const char *text) {
  char *made = malloc(2 * strlen(text) + 1), *to = made;
  for (const unsigned char *at = (const unsigned char *)text; made != NULL && *at != '\0'; at++) {
    if (*at >= 0x80) *to++ = (char)(0xc0 | *at >> 6);
    *to++ = (char)(*at >= 0x80 ? 0x80 | (*at & 0x3f) : *at);
  }
  if (made != NULL) *to = '\0';
  return made;
}

static bool is_ascii(const char *text) {
  while (*text != '\0' && (unsigned char)*text < 0x80) text++;
  return *text == '\0';
}

static ls_status decode(csv_scan_t *scan, int64_t line, const char *text, const char **out, ls_error *error) {
  *out = text;
  if (is_ascii(text)) return LS_OK;
  if (!scan->place.reading.latin1) {
    if (is_utf8(text)) return LS_OK;
    return error_set(error, LS_BAD_DATA,
                     "%s:%" PRId64 ": a name or category is not UTF-8 text: for a file in ISO 8859-1 give "
                     "--encoding latin-1",
                     scan->place.path, line);
  }
  char *made = from_latin1(text), **larger = reallocarray(scan->made, scan->n_made + 1, sizeof *larger);
  if (larger != NULL) scan->made = larger;
  if (made == NULL || larger == NULL) {
    free(made);
    return no_memory(scan, error);
  }
  scan->made[scan->n_made++] = made;
  *out = made;
  return LS_OK;
}

ls_status csv_scan_text(csv_scan_t *scan, size_t column, size_t code, const char **out, ls_error *error) {
  const csv_words_t *words = &scan->words[column];
  return decode(scan, words->words[code].line, csv_words_text(words, code), out, error);
}

ls_status csv_scan_open(const csv_place_t *place, csv_scan_t *out, ls_error *error) {
  csv_source_t *source = NULL;
  ls_status status = LS_OK;
  *out = (csv_scan_t){.place = *place};
  TRY(csv_source_open(place->path, place->memory, place->size, &place->wanted, &place->reading, &source,
                      error));
  out->dialect = *csv_source_dialect(source);
  out->first_line = csv_source_line(source);
  TRY_OR_DONE(csv_source_record(source, &out->first_text, error));
  out->cut_text = out->first_text;
  out->cut_text.bytes = malloc(out->first_text.room);
  if (out->cut_text.bytes == NULL) TRY_OR_DONE(no_memory(out, error));
  memcpy(out->cut_text.bytes, out->first_text.bytes, out->first_text.room);
  TRY_OR_DONE(csv_record_cut(place->path, out->first_line, &out->dialect, &out->cut_text, &out->first,
                             &out->n_first, error));
  for (size_t c = 0; c < out->n_first; c++) {
    const char *text = NULL;
    TRY_OR_DONE(decode(out, out->first_line, out->first[c], &text, error));
    memcpy(&out->first[c], &text, sizeof text);
  }
  TRY_OR_DONE(csv_source_peek(source, &out->columns, error));
  if (out->columns == 0) out->columns = out->n_first;
  if (out->columns == 0) status = error_set(error, LS_BAD_DATA, "%s: no row of data", place->path);
done:
  csv_source_close(&source);
  return status;
}

void csv_scan_free(csv_scan_t *scan) {
  free_rows(scan);
  for (size_t i = 0; i < scan->n_made; i++) free(scan->made[i]);
  free(scan->made);
  free(scan->first);
  free(scan->first_text.bytes);
  free(scan->cut_text.bytes);
  *scan = (csv_scan_t){0};
}
