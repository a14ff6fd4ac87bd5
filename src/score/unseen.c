#include "score/unseen.h"

#include "features/unknown.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_SIZE = 160, MOST_NAMES = 5 };

/* " (Paris, Rome, ...)", the first unknown names that rows hold; "" when the file names none of them. */
static void list_names(const unknown_column_t *column, const category_names_t *names, char out[NAMES_SIZE]) {
  int n = 0;
  size_t used = 0;
  out[0] = '\0';
  for (int64_t k = 0; k < column->names && names != NULL; k++) {
    if (column->by_name[k] == 0) continue;
    const char *text = n == MOST_NAMES ? "..." : names->names[k];
    int length = snprintf(out + used, NAMES_SIZE - used, "%s%.40s", n == 0 ? " (" : ", ", text);
    if (length < 0 || used + (size_t)length >= NAMES_SIZE - 2) break;
    used += (size_t)length;
    if (n++ == MOST_NAMES) break;
  }
  if (n > 0) snprintf(out + used, NAMES_SIZE - used, ")");
}

static ls_status report_column(const unknown_t *unknown, const unknown_column_t *column,
                               const features_t *features, const dataset_t *dataset, const char *rows,
                               const log_t *log, ls_error *error) {
  const char *name = dataset->feature_names != NULL ? dataset->feature_names[column->column] : NULL;
  char names[NAMES_SIZE], text[128];
  list_names(column, dataset->categories != NULL ? &dataset->categories[column->column] : NULL, names);
  snprintf(text, sizeof text, "%.40s: column %" PRId64 "%s%.60s%s", rows, column->column,
           name != NULL ? " '" : "", name != NULL ? name : "", name != NULL ? "'" : "");
  if (column->is_number && features->fill == NULL)
    return error_set(error, LS_BAD_DATA,
                     "%s holds categories that no training row held%s in %" PRId64 " of %" PRId64
                     " rows; they have no place in the order of the others: train with data.missing to have "
                     "them treated like missing values",
                     text, names, column->rows, unknown->rows);
  log_warn(log,
           "%s holds categories that no training row held%s in %" PRId64 " of %" PRId64
           " rows; they count as %s",
           text, names, column->rows, unknown->rows, column->is_number ? "missing" : "no category");
  return LS_OK;
}

ls_status unseen_report(world_t *world, const features_t *features, const dataset_t *dataset,
                        const split_t *split, const char *rows, const log_t *log, ls_error *error) {
  unknown_t unknown = {0};
  TRY(unknown_count(world, features, split, &unknown, error));
  ls_status status = LS_OK;
  for (size_t i = 0; i < unknown.n && status == LS_OK; i++)
    if (unknown.columns[i].rows > 0)
      status = report_column(&unknown, &unknown.columns[i], features, dataset, rows, log, error);
  unknown_free(&unknown);
  return status;
}
