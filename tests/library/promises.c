/* What the library promises its caller, seen from outside: a prediction allocates nothing, leaves rounding,
 * traps and flags as they are, computes the same bits whatever they are, and prints nothing. Threads share a
 * model. promises MODEL        MODEL takes float32 rows Linked with the shared library alone, as a user's
 * program is. */
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
