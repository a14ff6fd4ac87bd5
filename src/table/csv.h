/* Private to the table room: tables in text (CSV) as numbers and words.
 *
 * A table is read once, in chunks that end where a record ends. Threads parse chunks into blocks of cells:
 *
 *   csv_source   text in chunks: plain or gzipped file, or memory
 *   csv_dialect  delimiter, quotes, what comes before the first record; where a record ends
 *   csv_chunk    a chunk's records as a block (rows, columns) of doubles
 *   csv_scan     all chunks, and one list of words for each column
 *
 * A cell is one double. A number is its value, a missing cell is NaN, and any other text, a *word*, is a NaN
 * whose low bits are the word's code in a list of the distinct words of the column. So memory is bounded by
 * the size of the columns, and whatever a column turns out to be is decided once for each distinct word.
 * Nothing depends on the number of threads or the size of chunks except the codes of words, which no caller
 * sees. */
#ifndef TABLE_CSV_H
#define TABLE_CSV_H

#include "base/error.h"
#include "table/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- csv_number.c ---- */

/* Reads the decimal number that starts at `at`, correctly rounded: [+-] digits [. digits] [e [+-] digits].
 * The text must end with a character that is no part of a number. Returns the end of the number, NULL if
 * there is none or its value is infinite. Sets *point if it has a decimal point. */
const char *csv_number_scan(const char *at, double *out, bool *point);

/* The whole cell as a decimal number; nan and inf are numbers, 0x1F is not. */
bool csv_number(const char *cell, double *out);

/* ---- csv_words.c ---- */

typedef struct {
  size_t offset; /* of the text in the pool */
  size_t length;
  uint64_t hash;
  int64_t line;  /* the first line that has it */
  int64_t count; /* cells */
} csv_word_t;

/* Distinct texts. {0} is empty. */
typedef struct {
  csv_word_t *words; /* in the order of their codes */
  size_t n, room;
  uint32_t *slots; /* hash table of codes + 1; 0: free */
  size_t n_slots;  /* a power of 2 */
  char *pool;
  size_t pool_size, pool_room;
} csv_words_t;

/* Adds `count` cells with a word and gives its code. False: no memory. */
bool csv_words_add(csv_words_t *words, const char *text, size_t length, int64_t line, int64_t count,
                   uint32_t *code);
/* A word's text, ended by NUL; valid until the next addition. */
const char *csv_words_text(const csv_words_t *words, size_t code);
/* Whether the list has the word. */
bool csv_words_has(const csv_words_t *words, const char *text);
void csv_words_free(csv_words_t *words);
/* Bytes in memory. */
double csv_words_bytes(const csv_words_t *words);

/* ---- cells ---- */

/* A word in a block: 0xFFF8 above its code + 1. Numbers are never NaN, and a missing cell is 0x7FF8. */
static inline double csv_word_cell(uint32_t code) {
  uint64_t bits = UINT64_C(0xFFF8) << 48 | ((uint64_t)code + 1);
  double cell;
  memcpy(&cell, &bits, sizeof cell);
  return cell;
}

/* The code of a word, -1 for a missing cell; the cell is NaN. */
static inline int64_t csv_cell_code(double cell) {
  uint64_t bits;
  memcpy(&bits, &cell, sizeof bits);
  return bits >> 63 ? (int64_t)(bits & UINT64_C(0xFFFFFFFFFFFF)) - 1 : -1;
}

/* ---- csv_dialect.c ---- */

/* How a table is written. */
typedef struct {
  char delimiter; /* ' ': any run of blanks */
  char quote;     /* " or ' */
  table_list_t marks;
} csv_dialect_t;

/* The mark of a missing cell that the text is; NULL: none. */
const char *csv_mark(const csv_dialect_t *dialect, const char *text, size_t length);

/* The position after the first record of [at, end), NULL if the record is not complete there: the text goes
 * on unless `is_all`. *cells counts its cells. */
const char *csv_record_end(const csv_dialect_t *dialect, const char *at, const char *end, bool is_all,
                           size_t *cells);

/* The same for the last record that is complete. */
const char *csv_last_record_end(const csv_dialect_t *dialect, const char *at, const char *end);

/* Finds out how the sample, the first lines of a file followed by NUL, is written. dialect->delimiter 0:
 * found out as well. *skipped: bytes before the first record: a byte-order mark, a line sep=C, comments,
 * blank lines. A line of column names may begin with #: *hash is then 1, the length of that mark. */
void csv_dialect_find(const char *sample, size_t size, csv_dialect_t *dialect, size_t *skipped, size_t *hash);

/* ---- csv_source.c ---- */

/* A piece of text, followed by NUL. {0} is empty; the buffer is reused. */
typedef struct {
  char *bytes; /* malloc'd */
  size_t size, room;
} csv_text_t;

typedef struct csv_source csv_source_t;

/* Opens a file (memory == NULL), or text in memory, which is borrowed. No record may be larger than
 * reading->most. *out is caller-owned (csv_source_close). */
ls_status csv_source_open(const char *path, const char *memory, size_t size, const csv_dialect_t *wanted,
                          const table_reading_t *reading, csv_source_t **out, ls_error *error);
void csv_source_close(csv_source_t **source);
const csv_dialect_t *csv_source_dialect(const csv_source_t *source);
/* The line on which the unread text begins, before the first chunk is taken. */
int64_t csv_source_line(const csv_source_t *source);
/* Bytes of the file that were read, and all of them (0: unknown). */
void csv_source_progress(const csv_source_t *source, int64_t *read, int64_t *all);

/* Takes the next record, or the next chunk of whole records. text->size is 0 at the end. */
ls_status csv_source_record(csv_source_t *source, csv_text_t *text, ls_error *error);
ls_status csv_source_chunk(csv_source_t *source, csv_text_t *text, ls_error *error);
/* Counts the cells of the next record that is no blank line or comment, 0 at the end. */
ls_status csv_source_peek(csv_source_t *source, size_t *cells, ls_error *error);

/* ---- csv_chunk.c ---- */

typedef enum {
  CSV_NUMBERS, /* cells are numbers, or else words */
  CSV_WORDS,   /* cells are words, numbers too: their texts matter */
  CSV_SKIPPED  /* the cells are not wanted */
} csv_mode_t;

/* What a chunk, or a table, has in one column. */
typedef struct {
  int64_t numbers, words, missing; /* cells */
  double low, high;                /* of the numbers */
  bool point;                      /* whether a number has a decimal point */
  const char *mark;                /* of the first missing cell */
  int64_t missing_line;            /* its line */
} csv_count_t;

typedef enum { CSV_SOUND, CSV_RAGGED, CSV_OPEN_QUOTE, CSV_AFTER_QUOTE, CSV_NO_MEMORY } csv_fault_t;

typedef struct {
  double *cells; /* (rows, columns) */
  int64_t rows, room;
  int64_t lines;       /* line ends in the text */
  int64_t comments;    /* lines left out because they begin with # */
  int64_t blank_tail;  /* of a table with one column: rows at the end that are blank lines */
  csv_words_t *words;  /* (columns) */
  csv_count_t *counts; /* (columns) */
  csv_fault_t fault;
  int64_t fault_line;
  size_t fault_cells;
  uint32_t **codes; /* (columns)(words): codes in the table's lists of words */
} csv_chunk_t;

/* Parses the records of `text`, which may be overwritten. Lines count from 0 at its beginning. A fault ends
 * the chunk. The caller frees the chunk. */
void csv_chunk_parse(const csv_dialect_t *dialect, csv_text_t *text, size_t columns, const csv_mode_t *modes,
                     csv_chunk_t *out);
void csv_chunk_free(csv_chunk_t *chunk, size_t columns);

/* The error of a fault other than CSV_RAGGED. */
ls_status csv_fault_error(const char *path, int64_t line, csv_fault_t fault, char quote, ls_error *error);

/* Cuts one record into cells, texts ended by NUL in the text. *cells is malloc'd. */
ls_status csv_record_cut(const char *path, int64_t line, const csv_dialect_t *dialect, csv_text_t *text,
                         char ***cells, size_t *n, ls_error *error);

/* ---- csv_scan.c ---- */

/* Where a table is and how it is read. */
typedef struct {
  const char *path;
  const char *memory; /* the content, borrowed; NULL: the file is read */
  size_t size;
  csv_dialect_t wanted; /* delimiter 0: found out */
  table_reading_t reading;
} csv_place_t;

/* A table of numbers and words. */
typedef struct {
  csv_place_t place;
  csv_dialect_t dialect;
  csv_text_t first_text, cut_text; /* the first record, whole and cut into cells */
  char **first;                    /* (n_first) cells of the first record, in UTF-8 */
  size_t n_first;
  int64_t first_line;
  size_t columns;
  csv_chunk_t *chunks; /* (n_chunks); the first one is the first record, without rows while it is a header */
  size_t n_chunks;
  int64_t rows, comments;
  csv_words_t *words;  /* (columns) */
  csv_count_t *counts; /* (columns) */
  char **made;         /* (n_made) malloc'd texts in UTF-8 */
  size_t n_made;
} csv_scan_t;

/* Reads the first record and counts the columns. The caller frees the scan, also after a failure. */
ls_status csv_scan_open(const csv_place_t *place, csv_scan_t *out, ls_error *error);

/* Reads all rows after the first record; modes (columns). Called again, it reads them anew. */
ls_status csv_scan_rows(csv_scan_t *scan, const csv_mode_t *modes, ls_error *error);

/* Makes the first record a row. */
ls_status csv_scan_add_first(csv_scan_t *scan, const csv_mode_t *modes, ls_error *error);

/* A word in UTF-8. The scan owns it. LS_BAD_DATA if the file has another encoding. */
ls_status csv_scan_text(csv_scan_t *scan, size_t column, size_t code, const char **out, ls_error *error);
void csv_scan_free(csv_scan_t *scan);

/* Runs work(context) in as many threads, the calling one included, and waits. */
void csv_parallel(int threads, void (*work)(void *context), void *context);
/* The number of threads that `wanted` stands for; 0: as many as cores. */
int csv_threads(int wanted);

#endif
