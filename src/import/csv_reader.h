/* Inside import: a CSV text as records of cells (RFC 4180), cut in place. */
#ifndef IMPORT_CSV_READER_H
#define IMPORT_CSV_READER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *path; /* for messages */
  char *at, *end;   /* what is still to be read; *end is NUL and may be written */
  char delimiter;
  int64_t line; /* of *at, from 1 */
} csv_reader_t;

/* One record; {0} is an empty one. Cells point into the text and stay valid. */
typedef struct {
  char **cells; /* malloc'd, used again by the next record */
  size_t n, room;
  int64_t line; /* where it starts */
} csv_record_t;

/* delimiter 0: found out from the first two lines. */
ls_status csv_open(const char *path, char *text, size_t size, char delimiter, csv_reader_t *out,
                   ls_error *error);

/* The next record; n is 0 at the end (blank lines there are no records). */
ls_status csv_next(csv_reader_t *reader, csv_record_t *record, ls_error *error);

/* Records still to come, as far as line ends outside quotes tell. */
int64_t csv_remaining(const csv_reader_t *reader);

#endif
