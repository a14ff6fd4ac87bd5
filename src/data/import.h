/* Import: IDX, CSV and NPY files become one dataset file. Serial. */
#ifndef DATA_IMPORT_H
#define DATA_IMPORT_H

#include "base/error.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One input: a table (CSV: features and label in one file), or x with y beside it (IDX, NPY; y may be NULL). */
typedef struct {
  const char *split; /* group it goes to, or NULL: to be split by shares ("train" when there are none) */
  const char *x;     /* path; the format is found by content (IDX, NPY, gzip) and else CSV */
  const char *y;     /* path or NULL */
} import_input_t;

typedef struct {
  const char *split; /* group */
  double share;      /* shares add up to 1 within 1e-9 */
} import_share_t;

typedef struct {
  const import_input_t *inputs;
  size_t n_inputs;
  const import_share_t *shares;
  size_t n_shares;
  const char *output;
  const char *label;  /* CSV: column by name or index (negative counts from the end), NULL: no label */
  bool regression;    /* CSV: keep a numeric label as a target instead of making classes of it */
  int header;         /* CSV: 1 has one, 0 has none, -1: found out (a first line with a non-numeric cell where
                         all features of the next are numeric) */
  char delimiter;     /* CSV: 0 finds out among , ; tab */
  bool shuffle;
  uint64_t shuffle_seed;
  const char *source; /* attribute source, or NULL: the file names */
} import_options_t;

/* LS_BAD_DATA names file, line and column (CSV) or what is wrong with the header (IDX, NPY). */
ls_status import_run(const import_options_t *options, const log_t *log, ls_error *error);

#endif
