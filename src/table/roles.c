/* Which column is what: options name columns, and a first column may be an index. Then the features and
 * targets of all tables are put side by side. */
#include "base/text.h"
#include "table/table_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- columns by name or index ---- */

static ls_status no_such_column(const sheet_t *sheet, const char *column, bool is_index, ls_error *error) {
  const char *path = sheet->scan.place.path;
  size_t columns = sheet->scan.columns, used = 0;
  if (is_index)
    return error_set(error, LS_BAD_DATA,
                     "%s: column %s: indices of its %zu columns are 0 to %zu, or -1 to -%zu", path, column,
                     columns, columns - 1, columns);
  if (sheet->names == NULL)
    return error_set(
        error, LS_BAD_DATA,
        "%s: no header names a column '%s'; give the column's index (from 0, or -1 for the last)", path,
        column);
  char names[LS_MESSAGE_SIZE / 2] = "";
  for (size_t c = 0; c < columns && used < sizeof names; c++)
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", c > 0 ? ", " : "", sheet->names[c]);
  return error_set(error, LS_BAD_DATA,
                   "%s: the first line names no column '%s', only: %s; give one of these, or the column's "
                   "index (from 0, or -1 for the last)",
                   path, column, names);
}

static int64_t find_name(const sheet_t *sheet, const char *name) {
  for (size_t c = 0; c < sheet->scan.columns && sheet->names != NULL; c++)
    if (strcmp(sheet->names[c], name) == 0) return (int64_t)c;
  return -1;
}

/* What is known while options are read. */
typedef struct {
  sheet_t *sheet;
  bool tentative; /* the names may be no names */
  bool is_named;  /* an option has a name, which no number can be */
} column_lookup_t;

/* Finds a column, -1 if there is none; in a tentative look, a number is an index. */
static int64_t find_column(column_lookup_t *lookup, const char *text, bool *is_index) {
  int64_t columns = (int64_t)lookup->sheet->scan.columns, index = -1, named = find_name(lookup->sheet, text);
  *is_index = text_int64(text, &index);
  if (named >= 0 && !*is_index) lookup->is_named = true;
  if (named >= 0 && (!*is_index || !lookup->tentative)) return named;
  if (*is_index && index < 0) index += columns;
  return *is_index && index >= 0 && index < columns ? index : -1;
}

typedef ls_status (*use_column_t)(column_lookup_t *lookup, int64_t column, const char *option,
                                  ls_error *error);

/* Calls use for a column that an option names. */
static ls_status use_one(column_lookup_t *lookup, const char *text, const char *option, use_column_t use,
                         ls_error *error) {
  bool is_index = false;
  int64_t column = find_column(lookup, text, &is_index);
  if (column >= 0) return use(lookup, column, option, error);
  if (lookup->tentative) return LS_OK;
  ls_status status = no_such_column(lookup->sheet, text, is_index, error);
  return error_prefix(error, status, "%s", option);
}

/* The same for a text that may be a list with commas; a name may have commas itself. */
static ls_status use_text(column_lookup_t *lookup, const char *text, const char *option, use_column_t use,
                          ls_error *error) {
  bool is_index = false;
  if (strchr(text, ',') == NULL || find_column(lookup, text, &is_index) >= 0)
    return use_one(lookup, text, option, use, error);
  char *copy = strdup(text), *rest = NULL;
  if (copy == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %s", option);
  ls_status status = LS_OK;
  for (char *item = strtok_r(copy, ",", &rest); item != NULL && status == LS_OK;
       item = strtok_r(NULL, ",", &rest)) {
    item += strspn(item, " ");
    status = use_one(lookup, item, option, use, error);
  }
  free(copy);
  return status;
}

static ls_status use_list(column_lookup_t *lookup, table_list_t list, const char *option, use_column_t use,
                          ls_error *error) {
  for (size_t i = 0; i < list.n; i++) TRY(use_text(lookup, list.texts[i], option, use, error));
  return LS_OK;
}

/* ---- roles and wishes ---- */

static const char *const role_options[] = {[COLUMN_TARGET] = "--label",
                                           [COLUMN_WEIGHTS] = "--weights",
                                           [COLUMN_SERIES] = "--series",
                                           [COLUMN_DROPPED] = "--drop"};

static ls_status set_role(column_lookup_t *lookup, int64_t column, column_role_t role, ls_error *error) {
  column_role_t *now = &lookup->sheet->roles[column];
  if (*now != COLUMN_FEATURE && !lookup->tentative)
    return error_set(error, LS_USAGE, "%s: %s and %s name the same column", lookup->sheet->scan.place.path,
                     role_options[*now], role_options[role]);
  *now = role;
  return LS_OK;
}

static ls_status use_target(column_lookup_t *lookup, int64_t column, const char *option, ls_error *error) {
  (void)option;
  return set_role(lookup, column, COLUMN_TARGET, error);
}

static ls_status use_weights(column_lookup_t *lookup, int64_t column, const char *option, ls_error *error) {
  (void)option;
  lookup->sheet->weights = column;
  return set_role(lookup, column, COLUMN_WEIGHTS, error);
}

static ls_status use_series(column_lookup_t *lookup, int64_t column, const char *option, ls_error *error) {
  (void)option;
  lookup->sheet->series = column;
  return set_role(lookup, column, COLUMN_SERIES, error);
}

static ls_status use_dropped(column_lookup_t *lookup, int64_t column, const char *option, ls_error *error) {
  (void)option;
  return set_role(lookup, column, COLUMN_DROPPED, error);
}

static ls_status set_wish(column_lookup_t *lookup, int64_t column, column_wish_t wish, const char *option,
                          ls_error *error) {
  column_wish_t *now = &lookup->sheet->wishes[column];
  if (*now != WISH_NONE && !lookup->tentative)
    return error_set(error, LS_USAGE,
                     "%s: %s names column %" PRId64 ", of which another option says what it is",
                     lookup->sheet->scan.place.path, option, column + 1);
  *now = wish;
  return LS_OK;
}

static ls_status use_categorical(column_lookup_t *lookup, int64_t column, const char *option,
                                 ls_error *error) {
  return set_wish(lookup, column, WISH_CATEGORICAL, option, error);
}

static ls_status use_numeric(column_lookup_t *lookup, int64_t column, const char *option, ls_error *error) {
  return set_wish(lookup, column, WISH_NUMERIC, option, error);
}

static ls_status use_ordered(column_lookup_t *lookup, int64_t column, const char *option, ls_error *error) {
  return set_wish(lookup, column, WISH_ORDERED, option, error);
}

static ls_status use_cyclic(column_lookup_t *lookup, int64_t column, const char *option, ls_error *error) {
  (void)option;
  (void)error;
  lookup->sheet->is_cyclic[column] = true;
  return LS_OK;
}

/* COLUMN=low,medium,high */
static ls_status use_order(column_lookup_t *lookup, const char *text, ls_error *error) {
  const char *sign = strchr(text, '=');
  if (sign == NULL || sign == text || sign[1] == '\0')
    return error_set(error, LS_USAGE, "--ordered: '%.100s' is not COLUMN=FIRST,SECOND,…", text);
  char *column = strndup(text, (size_t)(sign - text));
  bool is_index = false;
  if (column == NULL) return error_set(error, LS_NO_MEMORY, "no memory for --ordered");
  int64_t found = find_column(lookup, column, &is_index);
  ls_status status = use_one(lookup, column, "--ordered", use_ordered, error);
  if (status == LS_OK && found >= 0) lookup->sheet->orders[found] = sign + 1;
  free(column);
  return status;
}

bool roles_is_text(const sheet_t *sheet, const tables_t *tables, size_t column) {
  bool is_number = sheet->wishes[column] == WISH_NUMERIC || sheet->is_cyclic[column] ||
                   (sheet->roles[column] == COLUMN_TARGET && tables->options.regression) ||
                   tables->options.like != NULL;
  return sheet->made != NULL && sheet->made->is_text != NULL && sheet->made->is_text[column] && !is_number;
}

/* How a column's cells are to be read. A label becomes classes by its texts, unless it is a number to
 * predict. */
static csv_mode_t mode_of(const sheet_t *sheet, const tables_t *tables, size_t column) {
  column_role_t role = sheet->roles[column];
  if (role == COLUMN_DROPPED || role == COLUMN_UNASKED) return CSV_SKIPPED;
  bool is_text = role == COLUMN_SERIES || (role == COLUMN_TARGET && tables->has_classes) ||
                 sheet->wishes[column] == WISH_CATEGORICAL || sheet->wishes[column] == WISH_ORDERED ||
                 roles_is_text(sheet, tables, column);
  return is_text ? CSV_WORDS : CSV_NUMBERS;
}

static bool asks_for(const table_like_t *like, const char *name) {
  size_t length = strlen(name);
  for (size_t j = 0; j < like->n_features; j++) {
    const char *feature = like->feature_names[j];
    if (strcmp(feature, name) == 0) return true;
    if (strncmp(feature, name, length) == 0 && strncmp(feature + length, " (", 2) == 0) return true;
  }
  return false;
}

/* What a model asks for: categories where it has categories, other columns are left out. */
static void follow_model(sheet_t *sheet, const table_like_t *like) {
  for (size_t c = 0; c < sheet->scan.columns && sheet->names != NULL; c++) {
    if (sheet->roles[c] == COLUMN_FEATURE && !asks_for(like, sheet->names[c]))
      sheet->roles[c] = COLUMN_UNASKED;
    for (size_t j = 0; j < like->n_features; j++)
      if (like->categories[j].n > 0 && strcmp(like->feature_names[j], sheet->names[c]) == 0)
        sheet->wishes[c] = WISH_CATEGORICAL;
  }
}

ls_status roles_find(sheet_t *sheet, const tables_t *tables, bool tentative, bool *is_named, int64_t *label,
                     ls_error *error) {
  const table_options_t *options = &tables->options;
  size_t n = sheet->scan.columns;
  column_lookup_t lookup = {.sheet = sheet, .tentative = tentative};
  sheet->weights = sheet->series = -1;
  for (size_t c = 0; c < n; c++) {
    sheet->roles[c] = tables->options.is_y ? COLUMN_TARGET : COLUMN_FEATURE;
    sheet->wishes[c] = WISH_NONE;
    sheet->is_cyclic[c] = false;
    sheet->orders[c] = NULL;
  }
  if (!tables->options.is_y) {
    TRY(use_list(&lookup, options->labels, "--label", use_target, error));
    if (options->series != NULL) TRY(use_one(&lookup, options->series, "--series", use_series, error));
    if (options->weights != NULL) TRY(use_one(&lookup, options->weights, "--weights", use_weights, error));
    TRY(use_list(&lookup, options->drop, "--drop", use_dropped, error));
    TRY(use_list(&lookup, options->categorical, "--categorical", use_categorical, error));
    TRY(use_list(&lookup, options->numeric, "--numeric", use_numeric, error));
    TRY(use_list(&lookup, options->cyclic, "--cyclic", use_cyclic, error));
    for (size_t i = 0; i < options->ordered.n; i++) TRY(use_order(&lookup, options->ordered.texts[i], error));
    if (options->like != NULL) follow_model(sheet, options->like);
  }
  *label = -1;
  for (size_t c = 0; c < n; c++)
    if (*label < 0 && sheet->roles[c] == COLUMN_TARGET && (!tables->options.is_y || tables->has_classes))
      *label = (int64_t)c;
  *is_named = lookup.is_named;
  for (size_t c = 0; c < n; c++) sheet->modes[c] = mode_of(sheet, tables, c);
  return LS_OK;
}

/* ---- an index ---- */

/* Whether the cells of a column are 0, 1, 2, … or 1, 2, 3, … */
static bool counts_rows(const csv_scan_t *scan) {
  double next = 0;
  bool any = false;
  for (size_t k = 0; k < scan->n_chunks; k++)
    for (int64_t i = 0; i < scan->chunks[k].rows; i++) {
      double cell = scan->chunks[k].cells[(size_t)i * scan->columns];
      bool begins = (cell >= 0 && cell <= 0) || (cell >= 1 && cell <= 1); /* a missing cell is NaN */
      if (any ? !(cell >= next && cell <= next) : !begins) return false;
      next = cell + 1;
      any = true;
    }
  return any;
}

/* pandas and R write a first column that numbers or names the rows. As a feature it would tell the network
 * the order of the file. */
static bool is_index(const sheet_t *sheet) {
  static const char *const names[] = {"", "index", "Unnamed: 0", "rownames", "row.names", "X.1", "...1"};
  const csv_scan_t *scan = &sheet->scan;
  size_t features = 0;
  bool may_be = false;
  if (sheet->names == NULL || sheet->roles[0] != COLUMN_FEATURE || sheet->wishes[0] != WISH_NONE)
    return false;
  for (size_t c = 0; c < scan->columns; c++) features += sheet->roles[c] == COLUMN_FEATURE;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    may_be |= strcasecmp(sheet->names[0], names[i]) == 0;
  if (features < 2 || !may_be) return false;
  return scan->counts[0].words > 0 || counts_rows(scan);
}

/* The first table decides: rows of a test may have been taken from the middle of a table. */
void roles_find_index(tables_t *tables) {
  sheet_t *first = &tables->sheets[0];
  if (tables->options.keep_index || tables->options.is_y || tables->options.like != NULL || !is_index(first))
    return;
  for (size_t k = 0; k < tables->n_tables; k++) {
    sheet_t *sheet = &tables->sheets[k];
    if (sheet->names != NULL && sheet->roles[0] == COLUMN_FEATURE &&
        strcmp(sheet->names[0], first->names[0]) == 0)
      sheet->roles[0] = COLUMN_INDEX;
  }
}

/* ---- tables side by side ---- */

static ls_status no_memory(const tables_t *tables, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "%s: no memory for its columns", tables->sheets[0].scan.place.path);
}

static size_t list_columns(const sheet_t *sheet, column_role_t role, int64_t *out) {
  size_t n = 0;
  for (size_t c = 0; c < sheet->scan.columns; c++)
    if (sheet->roles[c] == role) out[n++] = (int64_t)c;
  return n;
}

static const char *name_of(const sheet_t *sheet, int64_t column) {
  return sheet->names != NULL && column >= 0 ? sheet->names[column] : "";
}

static ls_status check_alike(const tables_t *tables, const sheet_t *sheet, size_t features, size_t targets,
                             ls_error *error) {
  const sheet_t *first = &tables->sheets[0];
  const char *a = first->scan.place.path, *b = sheet->scan.place.path;
  if (features != tables->n_features)
    return error_set(error, LS_BAD_DATA,
                     "a row of %s has %zu values, a row of %s has %zu, or other dimensions", a,
                     tables->n_features, b, features);
  if (targets != tables->n_targets)
    return error_set(error, LS_BAD_DATA, "%s has %zu columns of labels or targets, %s has %zu", a,
                     tables->n_targets, b, targets);
  if (first->names == NULL || sheet->names == NULL) return LS_OK;
  for (size_t j = 0; j < features; j++)
    if (strcmp(name_of(first, first->features[j]), name_of(sheet, sheet->features[j])) != 0)
      return error_set(error, LS_BAD_DATA, "feature %zu is called '%.60s' in %s and '%.60s' in %s", j + 1,
                       name_of(first, first->features[j]), a, name_of(sheet, sheet->features[j]), b);
  return LS_OK;
}

/* The columns that a model asks for, in its order. A feature "NAME (sin of year)" comes from the column NAME.
 */
static ls_status align_with_model(tables_t *tables, sheet_t *sheet, ls_error *error) {
  const table_like_t *like = tables->options.like;
  if (sheet->names == NULL)
    return error_set(
        error, LS_BAD_DATA,
        "%s: the model finds columns by their names, but the first line names none; with --header yes "
        "it does",
        sheet->scan.place.path);
  for (size_t j = 0; j < like->n_features; j++) {
    const char *feature = like->feature_names[j];
    int64_t column = find_name(sheet, feature);
    int cycle = -1;
    for (int k = 0; k < TABLE_CYCLES && column < 0; k++) {
      size_t length = strlen(feature), end = strlen(csv_cycle_names[k]) + 3;
      if (length <= end || strncmp(feature + length - end + 2, csv_cycle_names[k], end - 3) != 0) continue;
      for (size_t c = 0; c < sheet->scan.columns; c++)
        if (strlen(sheet->names[c]) == length - end && strncmp(sheet->names[c], feature, length - end) == 0)
          column = (int64_t)c, cycle = k;
    }
    if (column < 0)
      return error_set(error, LS_BAD_DATA, "%s: there is no column '%.100s', which the model asks for",
                       sheet->scan.place.path, feature);
    sheet->features[j] = column;
    if (tables->x[j].name == NULL) tables->x[j] = (table_feature_t){j, cycle, strdup(feature)};
    if (tables->x[j].name == NULL) return no_memory(tables, error);
  }
  return LS_OK;
}

ls_status roles_align(tables_t *tables, ls_error *error) {
  const table_like_t *like = tables->options.is_y ? NULL : tables->options.like;
  const size_t columns = tables->sheets[0].scan.columns;
  size_t room = like != NULL && like->n_features > columns ? like->n_features : columns;
  tables->features = calloc(room, sizeof *tables->features);
  tables->targets = calloc(columns, sizeof *tables->targets);
  tables->x = calloc((TABLE_CYCLES + 1) * room, sizeof *tables->x);
  if (tables->features == NULL || tables->targets == NULL || tables->x == NULL)
    return no_memory(tables, error);
  if (like != NULL) tables->n_x = like->n_features;
  for (size_t k = 0; k < tables->n_tables; k++) {
    sheet_t *sheet = &tables->sheets[k];
    size_t most = sheet->scan.columns > room ? sheet->scan.columns : room;
    sheet->features = calloc(most, sizeof *sheet->features);
    sheet->targets = calloc(most, sizeof *sheet->targets);
    if (sheet->features == NULL || sheet->targets == NULL) return no_memory(tables, error);
    size_t targets = list_columns(sheet, COLUMN_TARGET, sheet->targets), features = 0;
    if (like != NULL) {
      TRY(align_with_model(tables, sheet, error));
      features = like->n_features;
    } else {
      features = list_columns(sheet, COLUMN_FEATURE, sheet->features);
    }
    if (k == 0) {
      tables->n_features = features;
      tables->n_targets = targets;
    }
    TRY(check_alike(tables, sheet, features, targets, error));
    for (size_t j = 0; j < features; j++)
      if (tables->features[j].name == NULL || *tables->features[j].name == '\0')
        tables->features[j].name = name_of(sheet, sheet->features[j]);
    for (size_t j = 0; j < targets; j++)
      if (tables->targets[j].name == NULL || *tables->targets[j].name == '\0')
        tables->targets[j].name = name_of(sheet, sheet->targets[j]);
  }
  if (tables->n_features == 0 && !tables->options.is_y)
    return error_set(error, LS_BAD_DATA,
                     "%s: there are no columns besides those of --label and --series, so no features; is the "
                     "delimiter '%c'?",
                     tables->sheets[0].scan.place.path, tables->sheets[0].scan.dialect.delimiter);
  return LS_OK;
}
