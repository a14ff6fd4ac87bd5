/* Import: IDX, CSV and NPY files, or a synthetic set, become one dataset file. Serial. */
#ifndef IMPORT_IMPORT_H
#define IMPORT_IMPORT_H

#include "base/error.h"
#include "base/log.h"
#include "import/synthetic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One input: a table (CSV: features and label in one file), or x with y beside it (any format; y may be
 * NULL). A CSV file as y is one column of labels, or targets: several columns, or one with `regression`. */
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
  const import_input_t *inputs; /* at most one of them without a group */
  size_t n_inputs;
  const import_share_t *shares;
  size_t n_shares;
  const synthetic_t *synthetic; /* made in the place of the one input, whose files are not read; or NULL */
  const char *output;
  const char *label;  /* CSV: column by name or index (from 0; negative counts from the end: -1 is the last),
                         NULL: no label */
  const char *series; /* CSV: column that names the series of each row, as `label`; NULL: none. Rows are put
                         in the order of their series, those of one stay in the order of the file */
  bool regression;    /* CSV: keep a numeric label as a target instead of making classes of it */
  int header; /* CSV: 1 has one, 0 has none, -1: found out (no cell of the features is a number, or all are
                 and the label is a name above a number). A first line as in scikit-learn's files, "rows,
                 features, class names", is known by its figures unless 0 is given. */
  char delimiter; /* CSV: 0 finds out among , ; tab space; runs of spaces count as one */
  bool missing;   /* CSV: empty cells, NA, NaN and ? among the features become NaN in place of being errors */
  bool shuffle;   /* each input, before it is split */
  uint64_t shuffle_seed;
  const char *source; /* attribute source, or NULL: the file names */
} import_options_t;

/* Text labels become classes in alphabetical order, integers in numerical order (so 0 … K-1 stay as they
 * are), over all inputs together. LS_BAD_DATA names file, line and column (CSV) or what is wrong with the
 * header (IDX, NPY); LS_USAGE what is wrong with the options. */
ls_status import_run(const import_options_t *options, const log_t *log, ls_error *error);

#endif
