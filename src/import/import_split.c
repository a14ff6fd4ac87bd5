/* Classes and splits: an order of rows that gives each split its share of every class, and a count of the
 * rows of each class in each split. */
#include "base/random.h"
#include "import/import_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PRINTED_CLASSES = 20, COUNT_WIDTH = 10 };

/* ---- classes of a part ---- */

const tables_t *import_labels(const import_t *import) {
  const tables_t *tables = import->y != NULL ? import->y : import->x;
  return tables != NULL && tables->n_targets > 0 ? tables : NULL;
}

bool import_has_labels(const import_part_t *part) {
  const import_array_t *y = &part->y;
  return y->dims == 1 && (y->type == STORE_U8 || y->type == STORE_I32 || y->type == STORE_I64);
}

static int64_t label_at(const import_array_t *y, int64_t row) {
  return y->type == STORE_U8    ? ((const uint8_t *)y->values)[row]
         : y->type == STORE_I32 ? ((const int32_t *)y->values)[row]
                                : ((const int64_t *)y->values)[row];
}

/* The number of classes if labels are 0 … K-1 or a part of that; 0 if they are anything else. */
static int64_t classes_of(const import_part_t *part) {
  int64_t rows = part->y.shape[0], most = -1;
  for (int64_t i = 0; i < rows; i++) {
    int64_t label = label_at(&part->y, i);
    if (label < 0 || label > INT32_MAX) return 0;
    if (label > most) most = label;
  }
  return most + 1;
}

/* ---- the order of a stratified split ---- */

/* The place of a row in the order. Row j of the n rows of a class gets the place (j + 1/2) / n. */
typedef struct {
  double place;
  uint32_t row, rank; /* rank: position after shuffling, which decides between equal places */
} ranked_row_t;

static int by_place(const void *a, const void *b) {
  const ranked_row_t *x = a, *y = b;
  if (x->place < y->place || x->place > y->place) return x->place < y->place ? -1 : 1;
  return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Rows are shuffled, and the rows of each class are then spread evenly. So any cut leaves on both sides the
 * same share of every class, to within one row. */
ls_status import_stratified_order(const import_part_t *part, uint64_t seed, size_t number, uint32_t **out,
                                  ls_error *error) {
  size_t rows = (size_t)part->y.shape[0], classes = (size_t)classes_of(part);
  uint32_t *order = malloc(rows * sizeof *order + 1);
  ranked_row_t *places = malloc(rows * sizeof *places + 1);
  int64_t *counts = calloc(2 * classes + 1, sizeof *counts), *seen = counts == NULL ? NULL : counts + classes;
  ls_status status = LS_OK;
  if (order == NULL || places == NULL || counts == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for the order of %zu rows", rows));
  random_stream_t stream = {.seed = seed, .purpose = RANDOM_IMPORT, .shard = number};
  random_permutation(&stream, rows, order);
  for (size_t i = 0; i < rows && classes > 0; i++) counts[label_at(&part->y, (int64_t)i)]++;
  for (size_t i = 0; i < rows && classes > 0; i++) {
    int64_t label = label_at(&part->y, order[i]);
    places[i] = (ranked_row_t){((double)seen[label]++ + 0.5) / (double)counts[label], order[i], (uint32_t)i};
  }
  if (classes > 0) qsort(places, rows, sizeof *places, by_place);
  for (size_t i = 0; i < rows && classes > 0; i++) order[i] = places[i].row;
  *out = order;
  order = NULL;
done:
  free(order);
  free(places);
  free(counts);
  return status;
}

/* ---- counts ---- */

ls_status class_counts_add(class_counts_t *counts, const import_part_t *part, const char *split,
                           const uint32_t *order, int64_t first, int64_t rows, ls_error *error) {
  if (!import_has_labels(part) || counts->n_splits == MOST_COUNTED_SPLITS) return LS_OK;
  size_t classes = (size_t)classes_of(part);
  int64_t *of_split = calloc(classes + 1, sizeof *of_split);
  if (of_split == NULL) return error_set(error, LS_NO_MEMORY, "no memory to count %zu classes", classes);
  for (int64_t i = first; i < first + rows && classes > 0; i++)
    of_split[label_at(&part->y, order == NULL ? i : order[i])]++;
  counts->splits[counts->n_splits] = (split_counts_t){split, of_split, classes};
  counts->n_splits++;
  return LS_OK;
}

void class_counts_free(class_counts_t *counts) {
  for (size_t s = 0; s < counts->n_splits; s++) free(counts->splits[s].rows);
  *counts = (class_counts_t){0};
}

static int64_t count_of(const split_counts_t *split, size_t class) {
  return class < split->classes ? split->rows[class] : 0;
}

static void class_name(const import_t *import, size_t class, char out[64]) {
  const tables_t *labels = import_labels(import);
  if (labels != NULL && labels->classes.names != NULL && class < labels->classes.n)
    snprintf(out, 64, "%.60s", labels->classes.names[class]);
  else
    snprintf(out, 64, "%zu", class);
}

/* Names the classes that a split lacks, as long as the names fit. */
static void warn_of_missing(const import_t *import, const split_counts_t *split, size_t classes,
                            const log_t *log) {
  char names[256] = "", name[64];
  size_t used = 0, missing = 0;
  for (size_t c = 0; c < classes; c++) {
    if (count_of(split, c) > 0) continue;
    class_name(import, c, name);
    if (used < sizeof names - 70)
      used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", missing > 0 ? ", " : "", name);
    missing++;
  }
  if (missing == 0) return;
  const char *what =
      strcmp(split->name, "train") == 0 ? "so training cannot learn them" : "so it says nothing of them";
  log_warn(log, "%s has no row of %zu of the %zu classes (%s), %s", split->name, missing, classes, names,
           what);
}

void class_counts_report(const class_counts_t *counts, const import_t *import, const log_t *log) {
  size_t classes = 0;
  for (size_t s = 0; s < counts->n_splits; s++)
    if (counts->splits[s].classes > classes) classes = counts->splits[s].classes;
  if (classes < 2) return;
  if (classes <= MOST_PRINTED_CLASSES && counts->n_splits > 1) {
    char line[512], name[64];
    size_t used = (size_t)snprintf(line, sizeof line, "%-20s", "rows of class");
    for (size_t s = 0; s < counts->n_splits && used < sizeof line; s++)
      used +=
          (size_t)snprintf(line + used, sizeof line - used, " %*.10s", COUNT_WIDTH, counts->splits[s].name);
    log_info(log, "%s", line);
    for (size_t c = 0; c < classes; c++) {
      class_name(import, c, name);
      used = (size_t)snprintf(line, sizeof line, "  %-18.18s", name);
      for (size_t s = 0; s < counts->n_splits && used < sizeof line; s++)
        used += (size_t)snprintf(line + used, sizeof line - used, " %*" PRId64, COUNT_WIDTH,
                                 count_of(&counts->splits[s], c));
      log_info(log, "%s", line);
    }
  }
  for (size_t s = 0; s < counts->n_splits; s++) warn_of_missing(import, &counts->splits[s], classes, log);
}
