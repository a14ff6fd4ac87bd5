/* Internal to import: splits a CSV text into records of cells (RFC 4180), in place. */
#ifndef IMPORT_CSV_READER_H
#define IMPORT_CSV_READER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *path; /* for messages */
  char *at, *end;   /* the unread text; *end is NUL and may be overwritten */
  char delimiter;
  int64_t line; /* line number of *at, from 1 */
} csv_reader_t;

/* One record; {0} is an empty one. Cells point into the text and remain valid. */
typedef struct {
  char **cells; /* malloc'd, reused for the next record */
  size_t n, room;
  int64_t line; /* line on which it starts */
} csv_record_t;

/* Opens a CSV text. With delimiter 0 the first two lines decide. LS_BAD_DATA for text with NUL bytes. */
ls_status csv_open(const char *path, char *text, size_t size, char delimiter, csv_reader_t *out,
                   ls_error *error);

/* Reads the next record; n is 0 at the end. Blank lines at the end of the text are not records. */
ls_status csv_next(csv_reader_t *reader, csv_record_t *record, ls_error *error);

/* Number of remaining records, counted by line ends outside quotes. */
int64_t csv_remaining(const csv_reader_t *reader);

#endif
