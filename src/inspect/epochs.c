#include "inspect/epochs.h"

#include "run/document.h"
#include "inspect/names.h"
#include "inspect/run_log.h"
#include "run/history.h"
#include "store/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_COLUMNS = 4096 };

static const char heads_folder[] = "heads/";

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the epochs of a run");
}

void epochs_free(epochs_t *epochs) {
  for (size_t c = 0; c < epochs->n_columns; c++) free(epochs->columns[c].values);
  free(epochs->columns);
  free(epochs->checksums);
  free(epochs->times);
  *epochs = (epochs_t){0};
}

static double *find_column(const epochs_t *epochs, const char *name) {
  for (size_t c = 0; c < epochs->n_columns; c++)
    if (strcmp(epochs->columns[c].name, name) == 0) return epochs->columns[c].values;
  return NULL;
}

const double *epochs_column(const epochs_t *epochs, const char *name) {
  return find_column(epochs, name);
}

/* ---- growing ---- */

/* Room for n epochs in every column. */
static ls_status reserve(epochs_t *epochs, size_t n, ls_error *error) {
  if (n <= epochs->capacity) return LS_OK;
  size_t capacity = 2 * epochs->capacity > n ? 2 * epochs->capacity : n;
  for (size_t c = 0; c < epochs->n_columns; c++) {
    double *values = realloc(epochs->columns[c].values, capacity * sizeof *values);
    if (values == NULL) return no_memory(error);
    epochs->columns[c].values = values;
  }
  uint64_t *checksums = realloc(epochs->checksums, capacity * sizeof *checksums);
  if (checksums == NULL) return no_memory(error);
  epochs->checksums = checksums;
  double *times = realloc(epochs->times, capacity * sizeof *times);
  if (times == NULL) return no_memory(error);
  epochs->times = times;
  epochs->capacity = capacity;
  return LS_OK;
}

/* Finds a column, or adds it with NaN in all epochs so far. *out is NULL if there are too many columns. */
static ls_status have_column(epochs_t *epochs, const char *name, double **out, ls_error *error) {
  *out = find_column(epochs, name);
  if (*out != NULL || epochs->n_columns == MOST_COLUMNS || strlen(name) >= EPOCH_NAME_SIZE) return LS_OK;
  epoch_column_t *columns = realloc(epochs->columns, (epochs->n_columns + 1) * sizeof *columns);
  if (columns == NULL) return no_memory(error);
  epochs->columns = columns;
  double *values = malloc((epochs->capacity + 1) * sizeof *values);
  if (values == NULL) return no_memory(error);
  for (size_t e = 0; e < epochs->n; e++) values[e] = NAN;
  epoch_column_t *column = &epochs->columns[epochs->n_columns++];
  column->values = *out = values;
  snprintf(column->name, sizeof column->name, "%s", name);
  return LS_OK;
}

static ls_status add_epoch(epochs_t *epochs, ls_error *error) {
  TRY(reserve(epochs, epochs->n + 1, error));
  size_t e = epochs->n++;
  for (size_t c = 0; c < epochs->n_columns; c++) epochs->columns[c].values[e] = NAN;
  epochs->checksums[e] = 0;
  epochs->times[e] = NAN;
  return LS_OK;
}

/* ---- history.h5 ---- */

typedef struct {
  const store_t *store;
  epochs_t *epochs;
  int64_t n;
} history_file_t;

/* Reads one array of the file, unless it is no column. */
static ls_status read_column(const char *path, const store_array_t *array, void *context, ls_error *error) {
  history_file_t *file = context;
  const char *name = path[0] == '/' ? path + 1 : path;
  double *values = NULL;
  if (array->dims != 1 || array->shape[0] != file->n || strncmp(name, "manifest/", 9) == 0) return LS_OK;
  if (strcmp(name, "parameters_checksum") == 0)
    return store_read_rows(file->store, name, 0, file->n, STORE_U64, file->epochs->checksums, error);
  TRY(have_column(file->epochs, name, &values, error));
  return values == NULL ? LS_OK : store_read_rows(file->store, name, 0, file->n, STORE_F64, values, error);
}

static ls_status read_file(const char *path, epochs_t *epochs, ls_error *error) {
  store_t *store = NULL;
  store_array_t about = {0};
  TRY(store_open(path, &store, error));
  ls_status status = store_describe(store, "epoch", &about, error);
  if (status == LS_OK && about.dims != 1)
    status = error_set(error, LS_BAD_DATA, "%s: epoch is no column", path);
  history_file_t file = {store, epochs, about.shape[0]};
  if (status == LS_OK) status = reserve(epochs, (size_t)about.shape[0], error);
  if (status == LS_OK) {
    epochs->n = (size_t)about.shape[0];
    for (size_t e = 0; e < epochs->n; e++) {
      epochs->checksums[e] = 0;
      epochs->times[e] = NAN;
    }
    if (epochs->n > 0) status = store_visit(store, read_column, &file, error);
  }
  store_close(&store);
  return status;
}

/* ---- the log ---- */

typedef struct {
  epochs_t *epochs;
  size_t fixed; /* epochs of history.h5 */
  bool with_times;
} log_walk_t;

/* The number behind "KEY": of a line that lockstep wrote; NaN if there is none. */
static double number_in(const char *line, const char *key) {
  char quoted[32];
  double value = NAN;
  snprintf(quoted, sizeof quoted, "\"%s\": ", key);
  const char *at = strstr(line, quoted);
  return at != NULL && sscanf(at + strlen(quoted), "%lf", &value) == 1 ? value : NAN;
}

/* The epoch with this number, or n if there is none. */
static size_t find_epoch(const epochs_t *epochs, double number) {
  const double *numbers = epochs_column(epochs, "epoch");
  size_t e = epochs->n;
  while (e > 0 && numbers != NULL && numbers[e - 1] > number) e--;
  return e > 0 && numbers != NULL && numbers[e - 1] == number ? e - 1 : epochs->n;
}

/* A run that goes on from a step has lost the epochs after it, which come again. */
static void forget_after(log_walk_t *walk, double step) {
  const double *steps = epochs_column(walk->epochs, "step");
  while (steps != NULL && walk->epochs->n > walk->fixed && steps[walk->epochs->n - 1] > step)
    walk->epochs->n--;
}

/* Stores the numbers of a table in the last epoch, in columns named PREFIX + key. */
static ls_status take_numbers(epochs_t *epochs, const char *prefix, const yaml_value_t *table,
                              ls_error *error) {
  for (const yaml_value_t *item = table->first; item != NULL; item = item->next) {
    char name[2 * EPOCH_NAME_SIZE];
    double number = document_number(table, item->key), *values = NULL;
    if (!isfinite(number) || strcmp(item->key, "time") == 0) continue;
    if (snprintf(name, sizeof name, "%s%s", prefix, item->key) >= EPOCH_NAME_SIZE) continue;
    TRY(have_column(epochs, name, &values, error));
    if (values != NULL) values[epochs->n - 1] = number;
  }
  return LS_OK;
}

static ls_status take_epoch(epochs_t *epochs, const yaml_value_t *event, ls_error *error) {
  const yaml_value_t *heads = document_find(event, "heads");
  const char *checksum = document_text(event, "parameters_checksum");
  TRY(add_epoch(epochs, error));
  TRY(take_numbers(epochs, "", event, error));
  for (const yaml_value_t *head = heads == NULL ? NULL : heads->first; head != NULL; head = head->next) {
    char prefix[EPOCH_NAME_SIZE];
    if (head->kind != YAML_TABLE || head->key == NULL) continue;
    snprintf(prefix, sizeof prefix, "%s%.100s/", heads_folder, head->key);
    TRY(take_numbers(epochs, prefix, head, error));
  }
  epochs->times[epochs->n - 1] = document_number(event, "time");
  if (checksum != NULL && sscanf(checksum, "%16" SCNx64, &epochs->checksums[epochs->n - 1]) != 1)
    epochs->checksums[epochs->n - 1] = 0;
  return LS_OK;
}

static ls_status walk_line(const char *line, void *context, ls_error *error) {
  log_walk_t *walk = context;
  epochs_t *epochs = walk->epochs;
  if (run_log_is(line, "resume")) forget_after(walk, number_in(line, "step"));
  if (run_log_is(line, "return")) forget_after(walk, number_in(line, "to_step"));
  if (!run_log_is(line, "epoch")) return LS_OK;
  double number = number_in(line, "epoch");
  size_t known = find_epoch(epochs, number);
  if (known < epochs->n && walk->with_times) epochs->times[known] = number_in(line, "time");
  const double *numbers = epochs_column(epochs, "epoch");
  bool is_next = isfinite(number) && (epochs->n == 0 || (numbers != NULL && number > numbers[epochs->n - 1]));
  if (!is_next) return LS_OK;
  arena_t arena = {0};
  yaml_value_t *event = NULL;
  ls_status status = document_parse(line, "log.jsonl", &arena, &event, error);
  if (status == LS_OK) status = take_epoch(epochs, event, error);
  arena_free(&arena);
  return status == LS_BAD_DATA ? LS_OK : status; /* a damaged line counts as absent */
}

/* ---- order ---- */

/* The place of a column among those of the network, or of a head's column among those of its head. */
static int place_of(const char *name) {
  char own[HISTORY_NAME_SIZE];
  int c = 0;
  for (; c < HISTORY_WIDTH; c++) {
    history_column_name(c, own);
    if (strcmp(name, own) == 0) break;
  }
  return c;
}

static bool is_of_head(const char *name) {
  return strncmp(name, heads_folder, sizeof heads_folder - 1) == 0;
}

/* Network first, then heads, then others; heads by name. */
static int by_place(const void *first, const void *second) {
  const char *a = ((const epoch_column_t *)first)->name, *b = ((const epoch_column_t *)second)->name;
  const char *of_a = strrchr(a, '/'), *of_b = strrchr(b, '/');
  int group_a = is_of_head(a) ? 1 : place_of(a) < HISTORY_WIDTH ? 0 : 2;
  int group_b = is_of_head(b) ? 1 : place_of(b) < HISTORY_WIDTH ? 0 : 2;
  if (group_a != group_b) return group_a - group_b;
  if (group_a == 1) {
    size_t length_a = (size_t)(of_a - a), length_b = (size_t)(of_b - b);
    int order = strncmp(a, b, length_a < length_b ? length_a : length_b);
    if (order != 0) return order;
    if (length_a != length_b) return length_a < length_b ? -1 : 1;
  }
  int order = place_of(of_a == NULL ? a : of_a + 1) - place_of(of_b == NULL ? b : of_b + 1);
  return order != 0 ? order : strcmp(a, b);
}

ls_status epochs_read(const char *directory, bool with_times, epochs_t *out, ls_error *error) {
  char path[NAMED_PATH_SIZE + 16];
  epochs_t epochs = {0};
  ls_error why = {0};
  struct stat about;
  snprintf(path, sizeof path, "%s/history.h5", directory);
  ls_status status = stat(path, &about) == 0 ? read_file(path, &epochs, &why) : LS_OK;
  if (status != LS_OK) { /* the log has them, too */
    epochs_free(&epochs);
    snprintf(epochs.damage, sizeof epochs.damage, "%.*s", (int)sizeof epochs.damage - 1, why.message);
  }
  log_walk_t walk = {&epochs, epochs.n, with_times};
  snprintf(path, sizeof path, "%s/log.jsonl", directory);
  status = document_lines(path, walk_line, &walk, error);
  if (status != LS_OK) {
    epochs_free(&epochs);
    return status;
  }
  if (epochs.n_columns > 0) qsort(epochs.columns, epochs.n_columns, sizeof *epochs.columns, by_place);
  *out = epochs;
  return LS_OK;
}
