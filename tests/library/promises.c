/* What the library promises its caller, seen from outside: no call allocates anything but those that make a
 * model or a predictor. A prediction leaves rounding, traps and flags as they are, computes the same bits
 * whatever they are, and prints nothing. Threads share a model. promises MODEL        MODEL takes float32
 * rows Linked with the shared library alone, as a user's program is. */
#include <lockstep/lockstep.h>

#include <fenv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 300, THREADS = 4 };

static int failures;
static __thread int counts, allocations; /* counts: whether this thread's allocations are counted */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  allocations += counts;
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  allocations += counts;
  return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
  allocations += counts;
  return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  allocations += counts;
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  allocations += counts;
  *out = __libc_memalign(alignment, size);
  return *out == NULL;
}

static void check(int is_right, const char *what) {
  if (is_right) return;
  printf("not true: %s\n", what);
  failures++;
}

/* The library's work is between ls_model_read and ls_model_free; `x` and `y` are the caller's. */
typedef struct {
  const ls_model *model;
  const float *x;
  double *y;
  int code;
} job_t;

static void *work(void *context) {
  job_t *job = context;
  ls_predictor *predictor = NULL;
  ls_error error = {0};
  job->code = ls_predictor_create(job->model, NULL, &predictor, &error) != LS_OK;
  for (int k = 0; k < 20 && job->code == 0; k++)
    job->code =
        ls_predict(predictor, ROWS, &(ls_input){.values = job->x, .type = LS_FLOAT32},
                   &(ls_predictions){.mean = {.values = job->y, .type = LS_FLOAT64}}, &error) != LS_OK;
  ls_predictor_free(&predictor);
  return NULL;
}

/* ---- what a call allocates ---- */

/* Columns with the names of the model: texts for categories, numbers otherwise. Returns their number; 0: the
 * model takes no table. */
static int64_t make_table(const ls_model *model, const float *x, ls_column *columns, const char **texts) {
  const int64_t n = ls_model_columns(model);
  for (int64_t c = 0; c < n; c++) {
    const int64_t categories = ls_model_categories(model, c);
    if (ls_model_column_name(model, c) == NULL || ls_model_steps(model) > 1) return 0;
    for (int64_t r = 0; r < ROWS && categories > 0; r++)
      texts[c * ROWS + r] = ls_model_category_name(model, c, r % categories);
    columns[c] = (ls_column){.name = ls_model_column_name(model, c),
                             .values = categories > 0 ? (const void *)(texts + c * ROWS) : x + c,
                             .type = categories > 0 ? LS_TEXT : LS_FLOAT32,
                             .stride = categories > 0 ? 1 : n};
  }
  return n;
}

/* Calls everything that takes a predictor, with rows in several forms; all that can be asked for. */
static void count_allocations(const ls_model *model, const float *x) {
  const int64_t inputs = ls_model_inputs(model), outputs = ls_model_outputs(model),
                heads = ls_model_heads(model);
  ls_predictor *predictor = NULL;
  ls_error error = {0};
  check(ls_predictor_create(model, &(ls_predictor_options){.derivatives = 1}, &predictor, &error) == LS_OK,
        error.message);
  if (predictor == NULL) return;
  double *doubles = calloc((size_t)(ROWS * inputs), sizeof *doubles);
  double *found = calloc((size_t)(3 * ROWS * (outputs + inputs)), sizeof *found);
  int32_t *classes = calloc((size_t)(ROWS * heads), sizeof *classes);
  ls_column *columns = calloc((size_t)ls_model_columns(model), sizeof *columns);
  const char **texts = calloc((size_t)(ROWS * ls_model_columns(model)), sizeof *texts);
  const int64_t n = make_table(model, x, columns, texts);
  const ls_output plain = {.values = found, .type = LS_FLOAT64}, none = {0};
  ls_predictions all = {.mean = plain, .classes = classes};
  if (ls_predictor_has_aleatoric(predictor))
    all.aleatoric = (ls_output){.values = found + ROWS * outputs, .type = LS_FLOAT64};
  if (ls_predictor_has_epistemic(predictor))
    all.epistemic = (ls_output){.values = found + 2 * ROWS * outputs, .type = LS_FLOAT64};
  const ls_input forms[] = {{.values = x, .type = LS_FLOAT32},
                            {.values = x, .type = LS_FLOAT32, .row_stride = 1, .column_stride = ROWS},
                            {.values = doubles, .type = LS_FLOAT64},
                            {.values = doubles, .type = LS_FLOAT64, .row_stride = 1, .column_stride = ROWS}};
  int failed = 0;
  counts = 1;
  for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++)
    for (int64_t rows = 1; rows <= ROWS; rows *= ROWS) {
      failed += ls_predict(predictor, rows, &forms[f], &all, &error) != LS_OK;
      failed += ls_derivative(predictor, rows, &forms[f], 0, &plain, &error) != LS_OK;
      failed += ls_directional(predictor, rows, &forms[f], &forms[f], &plain, &error) != LS_OK;
    }
  if (n > 0) failed += ls_predict_table(predictor, ROWS, n, columns, &all, &error) != LS_OK;
  ls_predict(predictor, -1, &forms[0], &all, &error); /* an error allocates nothing either */
  ls_derivative(predictor, 1, &forms[0], outputs, &none, &error);
  counts = 0;
  check(failed == 0, error.message);
  check(allocations == 0, "no call with a predictor allocates anything");
  ls_predictor_free(&predictor);
  free(texts);
  free(columns);
  free(classes);
  free(found);
  free(doubles);
}

int main(int n, char **words) {
  ls_error error = {0};
  ls_model *model = NULL;
  ls_predictor *predictor = NULL;
  if (n != 2) return 2;
  if (ls_model_read(words[1], &model, &error) != LS_OK ||
      ls_predictor_create(model, NULL, &predictor, &error) != LS_OK) {
    puts(error.message);
    return 1;
  }
  size_t inputs = (size_t)ls_model_inputs(model), outputs = (size_t)ls_model_outputs(model);
  float *x = calloc(ROWS * inputs, sizeof *x);
  double *plain = calloc(ROWS * outputs, sizeof *plain), *strange = calloc(ROWS * outputs, sizeof *strange);
  double *threads = calloc(THREADS * ROWS * outputs, sizeof *threads);
  for (size_t i = 0; i < ROWS * inputs; i++) x[i] = (float)((i * 7919) % 1009) / 400.0F - 1.2F;
  const ls_input rows = {.values = x, .type = LS_FLOAT32};
  ls_predictions out = {.mean = {.values = plain, .type = LS_FLOAT64}};

  counts = 1;
  ls_status status = ls_predict(predictor, ROWS, &rows, &out, &error);
  counts = 0;
  check(status == LS_OK, error.message);
  check(allocations == 0, "a prediction allocates nothing");
  count_allocations(model, x);

  /* unusual settings of the caller */
  fesetround(FE_UPWARD);
  ls_predictor *reread = NULL;
  ls_model *again = NULL;
  check(ls_model_read(words[1], &again, &error) == LS_OK && fegetround() == FE_UPWARD,
        "reading keeps rounding");
  check(ls_predictor_create(again, NULL, &reread, &error) == LS_OK, error.message);
  out.mean.values = strange;
  check(ls_predict(reread, ROWS, &rows, &out, &error) == LS_OK, error.message);
  check(memcmp(plain, strange, ROWS * outputs * sizeof *plain) == 0, "the mode of reading changes no bits");
  ls_predictor_free(&reread);
  ls_model_free(&again);
  feclearexcept(FE_ALL_EXCEPT);
  feraiseexcept(FE_UNDERFLOW);
  feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
  out.mean.values = strange;
  status = ls_predict(predictor, ROWS, &rows, &out, &error);
  check(fegetround() == FE_UPWARD, "the direction of rounding stays");
  check(fegetexcept() == (FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW), "traps stay");
  check(fetestexcept(FE_ALL_EXCEPT) == FE_UNDERFLOW, "flags of exceptions stay");
  fedisableexcept(FE_ALL_EXCEPT);
  fesetround(FE_TONEAREST);
  check(status == LS_OK, error.message);
  check(memcmp(plain, strange, ROWS * outputs * sizeof *plain) == 0, "the caller's settings change no bits");

  pthread_t workers[THREADS];
  job_t jobs[THREADS];
  for (size_t t = 0; t < THREADS; t++) {
    jobs[t] = (job_t){.model = model, .x = x, .y = threads + t * ROWS * outputs};
    pthread_create(&workers[t], NULL, work, &jobs[t]);
  }
  for (size_t t = 0; t < THREADS; t++) {
    pthread_join(workers[t], NULL);
    check(jobs[t].code == 0, "a thread predicts");
    check(memcmp(plain, jobs[t].y, ROWS * outputs * sizeof *plain) == 0, "threads agree");
  }

  free(threads);
  free(strange);
  free(plain);
  free(x);
  ls_predictor_free(&predictor);
  ls_model_free(&model);
  check(model == NULL && predictor == NULL, "what is freed is NULL");
  return failures > 0;
}
