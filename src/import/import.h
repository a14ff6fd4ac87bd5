/* Import: converts tables and arrays in many formats, or a synthetic set, to one dataset file. */
#ifndef IMPORT_IMPORT_H
#define IMPORT_IMPORT_H

#include "base/error.h"
#include "base/log.h"
#include "import/synthetic.h"
#include "table/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One input: a CSV table with features and label in one file, or x and y in two files of any format (y may be
 * NULL). A CSV file as y holds either one column of labels, or targets: several columns, or one column with
 * `regression`. */
typedef struct {
  const char *split; /* the group that receives the rows; NULL: divided by shares ("train" without shares) */
  const char *x;     /* path, FILE:PART or "-" (standard input); the content decides the format */
  const char *y;     /* path or NULL */
} import_input_t;

typedef struct {
  const char *split; /* group */
  double share;      /* shares add up to 1 within 1e-9 */
} import_share_t;

typedef struct {
  const import_input_t *inputs; /* at most one has no group */
  size_t n_inputs;
  const import_share_t *shares;
  size_t n_shares;
  const synthetic_t *synthetic; /* generated instead of reading the one input's files; or NULL */
  const char *output;
  table_options_t table; /* CSV, and tables in other formats */
  bool shuffle;          /* shuffle each input before it is split */
  bool in_order;         /* split rows of classes in the order of the input too; otherwise, without
                            `shuffle`, they are shuffled with seed 1 and dealt so that each split gets its
                            share of every class */
  uint64_t shuffle_seed;
  int64_t most_memory; /* bytes that the content of one input may take; 0: half of the machine's memory */
  bool overwrite;      /* replace an output that exists and holds something else; otherwise LS_USAGE */
  const char *source;  /* text of the attribute `source`; NULL: the file names */
} import_options_t;

/* Runs an import. Classes are numbered over all inputs together: text labels in alphabetical order, integer
 * labels in numerical order (so 0 … K-1 stay unchanged). LS_BAD_DATA names file, line and column (CSV) or the
 * fault in the header (IDX, NPY); LS_USAGE names the faulty option. */
ls_status import_run(const import_options_t *options, const log_t *log, ls_error *error);

#endif
