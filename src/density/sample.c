#include "density/sample.h"

#include "base/activity.h"
#include "score/threads.h"
#include "store/store.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- drawing ---- */

typedef struct {
  ls_status status;
  ls_error error;
} draw_failure_t;

/* The rows of this rank. */
typedef struct {
  const row_draw_t *draw;
  uint64_t seed;
  int threads;
  int64_t first, rows, columns;
  double *x;
  int64_t *component;
  draw_failure_t *failures; /* (threads) */
} part_of_sample_t;

static void draw_part(void *context, int thread) {
  const part_of_sample_t *part = context;
  draw_failure_t *failure = &part->failures[thread];
  draw_thread_t *own = NULL;
  const int64_t begin = part->rows * thread / part->threads, end = part->rows * (thread + 1) / part->threads;
  failure->status = draw_thread_create(part->draw, &own, &failure->error);
  for (int64_t r = begin; r < end && failure->status == LS_OK; r++)
    part->component[r] = draw_row(part->draw, own, part->seed, part->first + r, part->x + r * part->columns);
  draw_thread_destroy(&own);
}

static ls_status draw_all(part_of_sample_t *part, ls_error *error) {
  threads_run(part->threads, draw_part, part);
  for (int t = 0; t < part->threads; t++)
    if (part->failures[t].status != LS_OK) {
      if (error != NULL) *error = part->failures[t].error;
      return part->failures[t].status;
    }
  return LS_OK;
}

/* The first row of a rank. */
static int64_t first_of(int64_t rows, int ranks, int rank) {
  return rows / ranks * rank + (rank < rows % ranks ? rank : rows % ranks);
}

static ls_status take_memory(part_of_sample_t *part, drawn_rows_t *all, bool is_root, ls_error *error) {
  const size_t rows = (size_t)part->rows, columns = (size_t)part->columns;
  part->x = malloc(rows * columns * sizeof *part->x + 1);
  part->component = malloc(rows * sizeof *part->component + 1);
  part->failures = calloc((size_t)part->threads, sizeof *part->failures);
  all->x = malloc(is_root ? (size_t)all->rows * columns * sizeof *all->x + 1 : 1);
  all->component = malloc(is_root ? (size_t)all->rows * sizeof *all->component + 1 : 1);
  if (part->x != NULL && part->component != NULL && part->failures != NULL && all->x != NULL &&
      all->component != NULL)
    return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " rows", all->rows);
}

static ls_status gather(world_t *world, int64_t rows, size_t row_bytes, const void *mine, void *all,
                        ls_error *error) {
  const int ranks = world_size(world);
  size_t *sizes = malloc((size_t)ranks * sizeof *sizes);
  ls_status status =
      sizes == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of ranks") : LS_OK;
  status = world_agree(world, status, error);
  for (int r = 0; r < ranks && status == LS_OK; r++)
    sizes[r] = (size_t)(first_of(rows, ranks, r + 1) - first_of(rows, ranks, r)) * row_bytes;
  if (status == LS_OK) status = world_gather_pieces(world, mine, sizes, all, 0, error);
  free(sizes);
  return status;
}

ls_status sample_run(world_t *world, const row_draw_t *draw, int threads, int64_t rows, uint64_t seed,
                     drawn_rows_t *out, ls_error *error) {
  const int ranks = world_size(world), rank = world_rank(world);
  const int64_t first = first_of(rows, ranks, rank), columns = draw_columns(draw);
  drawn_rows_t all = {.rows = rows, .columns = columns, .has_components = draw_has_components(draw)};
  part_of_sample_t part = {.draw = draw,
                           .seed = seed,
                           .threads = threads,
                           .first = first,
                           .rows = first_of(rows, ranks, rank + 1) - first,
                           .columns = columns};
  activity_set("drawing %" PRId64 " rows", rows);
  ls_status status = world_agree(world, take_memory(&part, &all, rank == 0, error), error);
  if (status == LS_OK) status = world_agree(world, draw_all(&part, error), error);
  if (status == LS_OK) status = gather(world, rows, (size_t)columns * sizeof *part.x, part.x, all.x, error);
  if (status == LS_OK)
    status = gather(world, rows, sizeof *part.component, part.component, all.component, error);
  free(part.x);
  free(part.component);
  free(part.failures);
  if (status == LS_OK)
    *out = all;
  else
    sample_free(&all);
  return status;
}

void sample_free(drawn_rows_t *sample) {
  free(sample->x);
  free(sample->component);
  *sample = (drawn_rows_t){0};
}

/* ---- the file ---- */

/* The name of the category that column c has where its value is x; NULL for a number. */
static const char *category_of(const features_t *features, int64_t c, double x) {
  const codes_t *codes =
      features->codes != NULL ? &features->codes[c % features_file_columns(features)] : NULL;
  if (codes == NULL || codes->names.n == 0 || !(x >= 0) || x >= (double)codes->names.n) return NULL;
  return codes->names.names[(size_t)x];
}

/* A text cell, quoted where it must be (RFC 4180). */
static void put_text(FILE *out, const char *text) {
  const bool is_quoted = strpbrk(text, ",\"\n\r") != NULL;
  if (is_quoted) fputc('"', out);
  for (; *text != '\0'; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  if (is_quoted) fputc('"', out);
}

static void put_table(FILE *out, const model_t *model, const drawn_rows_t *sample) {
  enum { ROWS_OF_A_BEAT = 1024 };
  const int digits = model->features.scaler.is_double ? DBL_DECIMAL_DIG : FLT_DECIMAL_DIG;
  for (int64_t c = 0; c < sample->columns; c++) {
    if (c > 0) fputc(',', out);
    if (model->feature_names != NULL)
      put_text(out, model->feature_names[c]);
    else
      fprintf(out, "x%" PRId64, c);
  }
  fputc('\n', out);
  for (int64_t r = 0; r < sample->rows; r++) {
    if (r % ROWS_OF_A_BEAT == 0) activity_beat();
    for (int64_t c = 0; c < sample->columns; c++) {
      const double x = sample->x[r * sample->columns + c];
      const char *category = category_of(&model->features, c, x);
      if (c > 0) fputc(',', out);
      if (category != NULL)
        put_text(out, category);
      else if (!isnan(x)) /* an empty cell is a missing one */
        fprintf(out, "%.*g", digits, x);
    }
    fputc('\n', out);
  }
}

static ls_status write_csv(const char *path, const model_t *model, const drawn_rows_t *sample,
                           ls_error *error) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %s", path);
  put_table(out, model, sample);
  ls_status status =
      fclose(out) == 0 ? store_write_file(path, text, error)
                       : error_set(error, LS_NO_MEMORY, "no memory for %s; HDF5 (FILE.h5) takes less", path);
  free(text);
  return status;
}

/* Rows as the files of training rows have them: the same names of columns and of categories. */
static ls_status write_names(store_t *store, const model_t *model, const drawn_rows_t *sample,
                             ls_error *error) {
  const features_t *features = &model->features;
  if (model->feature_names != NULL)
    TRY(store_write_texts(store, "/", "feature_names", (const char *const *)model->feature_names,
                          (size_t)sample->columns, error));
  for (int64_t c = 0; features->codes != NULL && c < features_file_columns(features); c++) {
    char name[48];
    const category_names_t *names = &features->codes[c].names;
    snprintf(name, sizeof name, "categories/%" PRId64, c);
    if (names->n > 0)
      TRY(store_write_text_array(store, name, (const char *const *)names->names, names->n, error));
  }
  return LS_OK;
}

static ls_status write_arrays(store_t *store, const model_t *model, const drawn_rows_t *sample,
                              ls_error *error) {
  const int64_t shape[] = {sample->rows, sample->columns};
  const bool is_double = model->features.scaler.is_double;
  TRY(write_names(store, model, sample, error));
  TRY(store_declare(store, "x", is_double ? STORE_F64 : STORE_F32, 2, shape, error));
  TRY(store_write_rows(store, "x", 0, sample->rows, STORE_F64, sample->x, error));
  if (sample->has_components)
    TRY(store_write(store, "component", STORE_I64, 1, shape, sample->component, error));
  return store_write_text(store, "/", "parameters_checksum", model->checksum, error);
}

ls_status sample_write(const char *path, const model_t *model, const drawn_rows_t *sample, ls_error *error) {
  const char *dot = strrchr(path, '.');
  store_t *store = NULL;
  activity_set("writing %s", path);
  if (dot != NULL && strcmp(dot, ".csv") == 0) return write_csv(path, model, sample, error);
  TRY(store_create(path, &store, error));
  ls_status status = write_arrays(store, model, sample, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}
