/* Writes prediction files: a CSV table, or HDF5 arrays. One group of columns or arrays per head. */
#include "answers/answers.h"

#include "base/activity.h"
#include "base/progress.h"
#include "store/store.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The predictions of one head, or the values of a layer: a range of columns of the prediction matrix. */
typedef struct {
  const head_t *head; /* NULL: of a layer */
  const char *layer;  /* its name, or NULL */
  const char *name;   /* NULL when the network has one head */
  int64_t first, width;
  bool is_classes;    /* each row has one class: the column with the largest value, or the sign of a single
                         column */
  bool is_kernels;    /* of a kernel density the log-density alone: its thousand kernels are no clusters */
  char *const *names; /* (classes) class names, or NULL: classes are numbered */
  bool has_aleatoric, has_epistemic;
  element_t type; /* as which its values are written */
} answer_t;

typedef struct {
  const model_t *model;
  const predictions_t *all;
  answer_t answers[MOST_HEADS];
  size_t n;
  const windows_t *windows; /* the windows that the rows stand for, or NULL */
  const tables_t *ids;      /* columns that are taken over, or NULL */
} answers_t;

bool window_has_series(const windows_t *windows) {
  return windows->timeline.ids != NULL;
}

int64_t window_series(const windows_t *windows, int64_t row) {
  return timeline_series(&windows->timeline, row);
}

int64_t window_time(const windows_t *windows, int64_t row) {
  int64_t step = timeline_step(&windows->timeline, row);
  return timeline_row(&windows->timeline, step) + windows->length;
}

/* A cell of a column that is taken over; "" for a missing one. */
static const char *id_of(const tables_t *ids, size_t column, int64_t row) {
  double code = ids->rows[0].x[(size_t)row * ids->n_x + column];
  return isnan(code) ? "" : ids->features[ids->x[column].column].texts[(size_t)code];
}

static answers_t answers_of(const model_t *model, const predictions_t *predictions, const windows_t *windows,
                            const tables_t *ids) {
  const objective_t *objective = &model->objective;
  answers_t answers = {.model = model, .all = predictions, .n = objective->n, .windows = windows, .ids = ids};
  if (predictions->layer != NULL) {
    answers.n = 1;
    answers.answers[0] =
        (answer_t){.layer = predictions->layer, .width = predictions->columns, .type = predictions->type};
    return answers;
  }
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    bool is_classes = head->loss->target == TARGET_LABELS, is_only = objective->n == 1;
    int64_t first = predictions_first(objective, h);
    answers.answers[h] =
        (answer_t){.head = head,
                   .name = is_only ? NULL : head->name,
                   .first = first,
                   .width = predictions_first(objective, h + 1) - first,
                   .is_classes = is_classes,
                   .is_kernels = strcmp(model->settings->cluster.method, "kernels") == 0,
                   .names = is_classes ? model->class_names[h] : NULL,
                   .has_aleatoric = predictions->aleatoric != NULL && (is_only || head_has_deviations(head)),
                   .has_epistemic = predictions->epistemic != NULL,
                   .type = loss_is_regression(head->loss) ? predictions->type : ELEMENT_F32};
  }
  return answers;
}

/* A standard deviation that is written beside the values: of the whole prediction, or of one of its two
 * parts. */
typedef struct {
  const char *name;
  bool aleatoric, epistemic; /* the parts that it includes */
} deviation_t;

enum { DEVIATIONS = 3 };

static const deviation_t deviations[DEVIATIONS] = {
    {"std", true, true}, {"aleatoric_std", true, false}, {"epistemic_std", false, true}};

/* Whether the model provides every part of this deviation. */
static bool is_known(const answer_t *answer, const deviation_t *deviation) {
  return (!deviation->aleatoric || answer->has_aleatoric) && (!deviation->epistemic || answer->has_epistemic);
}

static double deviation_at(const predictions_t *all, const deviation_t *deviation, int64_t i) {
  double a = deviation->aleatoric ? element_at(all->aleatoric, all->type, i) : 0;
  double e = deviation->epistemic ? element_at(all->epistemic, all->type, i) : 0;
  return hypot(a, e);
}

/* Index of the head's first column in a row of the predictions. */
static int64_t place_of(const predictions_t *all, const answer_t *answer, int64_t row) {
  return row * all->columns + answer->first;
}

/* The predicted class: the first of the largest values, or the sign of a single score. A description of the
 * row begins with its cluster. */
static int32_t class_of(const predictions_t *all, const answer_t *answer, int64_t row) {
  int64_t first = place_of(all, answer, row), best = 0;
  if (answer->head != NULL && answer->head->loss->describe != NULL)
    return (int32_t)element_at(all->mean, all->type, first);
  if (answer->width == 1) return element_at(all->mean, all->type, first) > 0;
  for (int64_t c = 1; c < answer->width; c++)
    if (element_at(all->mean, all->type, first + c) > element_at(all->mean, all->type, first + best))
      best = c;
  return (int32_t)best;
}

/* The i-th part of the values, deviations excluded; false after the last one. */
static bool value_part(const answer_t *answer, size_t i, loss_part_t *out) {
  const head_t *head = answer->head;
  if (head == NULL) {
    *out = (loss_part_t){.width = answer->width};
    snprintf(out->name, sizeof out->name, "%.31s", answer->layer);
    return i == 0;
  }
  if (answer->is_kernels && i > 0) return false;
  if (answer->is_kernels) i = 1; /* behind the cluster (loss/loss.h) */
  if (i >= loss_parts(head->loss, &head->params)) return false;
  *out = loss_part(head->loss, &head->params, head->outputs, i);
  return !out->is_deviation;
}

/* ---- CSV ---- */

enum { ROWS_OF_A_BEAT = 1024 };

/* Writes a text cell, quoted when it contains a delimiter, a quote or a line end (RFC 4180). */
static void put_cell(FILE *out, const char *prefix, const char *text) {
  bool quoted = strpbrk(text, ",\"\n\r") != NULL;
  fprintf(out, "%s%s", quoted ? "\"" : "", prefix);
  for (; *text != '\0'; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  if (quoted) fputc('"', out);
}

static void put_name(FILE *out, const char *prefix, const answer_t *answer, int64_t c) {
  if (answer->names != NULL)
    put_cell(out, prefix, answer->names[c]);
  else
    fprintf(out, "%s%" PRId64, prefix, c);
}

/* Writes the names of `width` columns: WHAT_OUTPUT, or WHAT for a single column. With several heads the
 * head's name comes first: HEAD_WHAT. */
static void put_names(FILE *out, const answer_t *answer, const char *what, int64_t width) {
  char prefix[sizeof answer->head->name + sizeof(loss_part_t)];
  snprintf(prefix, sizeof prefix, "%s%s%s%s", answer->name != NULL ? answer->name : "",
           answer->name != NULL ? "_" : "", what, width > 1 ? "_" : "");
  if (width == 1) fprintf(out, ",%s", prefix);
  for (int64_t c = 0; c < width && width > 1; c++) {
    fputc(',', out);
    put_name(out, prefix, answer, c);
  }
}

static void put_header(FILE *out, const answers_t *answers) {
  fputs("row", out);
  for (size_t j = 0; answers->ids != NULL && j < answers->ids->n_x; j++) {
    fputc(',', out);
    put_cell(out, "", answers->ids->x[j].name);
  }
  if (answers->windows != NULL) fputs(window_has_series(answers->windows) ? ",series,time" : ",time", out);
  for (const answer_t *answer = answers->answers; answer < answers->answers + answers->n; answer++) {
    loss_part_t part;
    if (answer->is_classes) put_names(out, answer, "class", 1);
    for (size_t i = 0; value_part(answer, i, &part); i++) put_names(out, answer, part.name, part.width);
    for (int d = 0; d < DEVIATIONS; d++)
      if (is_known(answer, &deviations[d])) put_names(out, answer, deviations[d].name, answer->width);
  }
  fputc('\n', out);
}

/* All digits of a float, or of a double. */
static void put_number(FILE *out, const answer_t *answer, double value) {
  fprintf(out, ",%.*g", answer->type == ELEMENT_F64 ? DBL_DECIMAL_DIG : FLT_DECIMAL_DIG, value);
}

static void put_answer(FILE *out, const predictions_t *all, const answer_t *answer, int64_t row) {
  int64_t first = place_of(all, answer, row), end = first + answer->width;
  loss_part_t part;
  if (answer->is_classes) {
    fputc(',', out);
    put_name(out, "", answer, class_of(all, answer, row));
  }
  for (size_t p = 0; value_part(answer, p, &part); p++)
    for (int64_t i = first + part.first; i < first + part.first + part.width; i++)
      put_number(out, answer, element_at(all->mean, all->type, i));
  for (int d = 0; d < DEVIATIONS; d++)
    for (int64_t i = first; i < end && is_known(answer, &deviations[d]); i++)
      put_number(out, answer, deviation_at(all, &deviations[d], i));
}

static void put_table(FILE *out, const answers_t *answers) {
  put_header(out, answers);
  for (int64_t row = 0; row < answers->all->rows; row++) {
    if (row % ROWS_OF_A_BEAT == 0) activity_beat();
    if (row % ROWS_OF_A_BEAT == 0) progress_reach(row);
    fprintf(out, "%" PRId64, row);
    for (size_t j = 0; answers->ids != NULL && j < answers->ids->n_x; j++) {
      fputc(',', out);
      put_cell(out, "", id_of(answers->ids, j, row));
    }
    if (answers->windows != NULL && window_has_series(answers->windows))
      fprintf(out, ",%" PRId64, window_series(answers->windows, row));
    if (answers->windows != NULL) fprintf(out, ",%" PRId64, window_time(answers->windows, row));
    for (size_t h = 0; h < answers->n; h++) put_answer(out, answers->all, &answers->answers[h], row);
    fputc('\n', out);
  }
}

ls_status answers_write_csv(const char *path, const model_t *model, const predictions_t *predictions,
                            const windows_t *windows, const tables_t *ids, ls_error *error) {
  const answers_t answers = answers_of(model, predictions, windows, ids);
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %s", path);
  activity_set("writing %s", path);
  progress_begin(answers.all->rows, NULL, "writing %s", path);
  put_table(out, &answers);
  progress_end();
  ls_status status = fclose(out) == 0 ? store_write_file(path, text, error)
                                      : error_set(error, LS_NO_MEMORY,
                                                  "no memory for %s; HDF5 (--out FILE.h5) takes less", path);
  free(text);
  return status;
}

/* ---- HDF5 ---- */

enum { ARRAY_SIZE = 128 };

/* The name of an array: WHAT, or HEAD/WHAT with several heads. */
static void array_name(const answer_t *answer, const char *what, char out[ARRAY_SIZE]) {
  snprintf(out, ARRAY_SIZE, "%s%s%s", answer->name != NULL ? answer->name : "",
           answer->name != NULL ? "/" : "", what);
}

/* Writes the class of each row, or its cluster, under the name `what`. */
static ls_status write_classes(store_t *store, const predictions_t *all, const answer_t *answer,
                               const char *what, ls_error *error) {
  char name[ARRAY_SIZE];
  int32_t *classes = malloc((size_t)all->rows * sizeof *classes);
  if (classes == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " classes", all->rows);
  for (int64_t row = 0; row < all->rows; row++) classes[row] = class_of(all, answer, row);
  array_name(answer, what, name);
  ls_status status = store_write(store, name, STORE_I32, 1, &all->rows, classes, error);
  free(classes);
  return status;
}

/* What is written as the columns of one array: deviation `d`, or with NULL the values from column `first`. */
typedef struct {
  const char *name;
  const deviation_t *deviation;
  int64_t first, width;
} answer_columns_t;

static ls_status write_columns(store_t *store, const predictions_t *all, const answer_t *answer,
                               const answer_columns_t *range, ls_error *error) {
  const int64_t shape[] = {all->rows, range->width}, n = shape[0] * shape[1];
  if (range->width == 0) return LS_OK;
  bool is_double = answer->type == ELEMENT_F64;
  char name[ARRAY_SIZE];
  array_name(answer, range->name, name);
  if (range->deviation == NULL && range->width == all->columns && answer->type == all->type)
    return store_write(store, name, is_double ? STORE_F64 : STORE_F32, 2, shape, all->mean, error);
  void *values = malloc((size_t)n * element_size(answer->type) + 1);
  if (values == NULL) return error_set(error, LS_NO_MEMORY, "no memory for predictions");
  for (int64_t i = 0; i < n; i++) {
    int64_t at = place_of(all, answer, i / range->width) + range->first + i % range->width;
    double value = range->deviation != NULL ? deviation_at(all, range->deviation, at)
                                            : element_at(all->mean, all->type, at);
    if (is_double)
      ((double *)values)[i] = value;
    else
      ((float *)values)[i] = (float)value;
  }
  ls_status status = store_write(store, name, is_double ? STORE_F64 : STORE_F32, 2, shape, values, error);
  free(values);
  return status;
}

static ls_status write_answer(store_t *store, const answers_t *answers, const answer_t *answer,
                              ls_error *error) {
  const char *group = answer->name != NULL ? answer->name : "/";
  loss_part_t part;
  for (size_t i = 0; value_part(answer, i, &part); i++) {
    const answer_columns_t range = {part.name, NULL, part.first, part.width};
    TRY(part.is_cluster ? write_classes(store, answers->all, answer, part.name, error)
                        : write_columns(store, answers->all, answer, &range, error));
  }
  for (int d = 0; d < DEVIATIONS; d++) {
    const answer_columns_t range = {deviations[d].name, &deviations[d], 0, answer->width};
    if (is_known(answer, &deviations[d])) TRY(write_columns(store, answers->all, answer, &range, error));
  }
  if (!answer->is_classes) return LS_OK;
  TRY(write_classes(store, answers->all, answer, "class", error));
  if (answer->names == NULL) return LS_OK;
  return store_write_texts(store, group, "class_names", (const char *const *)answer->names,
                           (size_t)answer->head->classes, error);
}

/* Writes one number per window. */
static ls_status write_numbers(store_t *store, const answers_t *answers, const char *name,
                               int64_t (*number)(const windows_t *windows, int64_t row), ls_error *error) {
  int64_t rows = answers->all->rows, *numbers = malloc((size_t)rows * sizeof *numbers);
  if (numbers == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " numbers", rows);
  for (int64_t row = 0; row < rows; row++) numbers[row] = number(answers->windows, row);
  ls_status status = store_write(store, name, STORE_I64, 1, &rows, numbers, error);
  free(numbers);
  return status;
}

/* Writes the columns that are taken over as arrays id/NAME of texts. */
static ls_status write_ids(store_t *store, const answers_t *answers, ls_error *error) {
  const tables_t *ids = answers->ids;
  const size_t rows = (size_t)answers->all->rows;
  const char **texts = calloc(rows + 1, sizeof *texts);
  ls_status status = LS_OK;
  if (texts == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu texts", rows);
  for (size_t j = 0; j < ids->n_x && status == LS_OK; j++) {
    char name[ARRAY_SIZE];
    snprintf(name, sizeof name, "id/%.100s", ids->x[j].name);
    for (size_t row = 0; row < rows; row++) texts[row] = id_of(ids, j, (int64_t)row);
    status = store_write_text_array(store, name, texts, rows, error);
  }
  free(texts);
  return status;
}

static ls_status write_arrays(store_t *store, const answers_t *answers, ls_error *error) {
  if (answers->windows != NULL) TRY(write_numbers(store, answers, "time", window_time, error));
  if (answers->windows != NULL && window_has_series(answers->windows))
    TRY(write_numbers(store, answers, "series", window_series, error));
  if (answers->ids != NULL) TRY(write_ids(store, answers, error));
  for (size_t h = 0; h < answers->n; h++) TRY(write_answer(store, answers, &answers->answers[h], error));
  return store_write_text(store, "/", "parameters_checksum", answers->model->checksum, error);
}

ls_status answers_write_hdf5(const char *path, const model_t *model, const predictions_t *predictions,
                             const windows_t *windows, const tables_t *ids, ls_error *error) {
  const answers_t answers = answers_of(model, predictions, windows, ids);
  store_t *store = NULL;
  TRY(store_create(path, &store, error));
  ls_status status = write_arrays(store, &answers, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}
