/* How fast the library predicts: one row, 64 rows beside what training needs to gather 64 rows and to compute
 * their outputs, and several threads with one model.
 *
 *   speed MODEL [--check]        MODEL takes float32 rows
 *
 * Everything is measured in turns, in short blocks. Times of one thread are those on its core, so other
 * programs that want the core do not count: the median of the blocks, with --check the least. The rows per
 * second of several threads are those of their best round. With --check nothing depends on how busy the
 * machine is: a thread must not need more time on its core beside others, and must never wait for another.
 * The other half of a core may belong to somebody else, so what is not true is tried again. */
#include "library/library_impl.h"

#include "base/float_mode.h"
#include "model/graph.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ROWS = 64, CALL_ROWS = 32, BLOCKS = 41, ROUNDS = 15, TRIES = 5, MOST_THREADS = 4, KINDS = 3 };
enum { ONE_CALLS = 1000, MANY_CALLS = 100, THREAD_CALLS = 400 };
enum { ONE_ROW, MANY_ROWS, TRAINING }; /* KINDS */

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* values (n) are sorted. */
static double median(double *values, int n) {
  qsort(values, (size_t)n, sizeof *values, compare);
  return values[n / 2];
}

/* Ends the program: what follows needs what failed. */
static void need(ls_status status, const ls_error *error) {
  if (status == LS_OK) return;
  fprintf(stderr, "speed: %s\n", error->message);
  exit(1);
}

/* ---- one thread ---- */

/* What a thread of training has: a tape with the operands of gradients, and rows in random order. */
typedef struct {
  const ls_model *model;
  graph_worker_t *worker;
  tape_t *tape;
  split_t split;
  gather_t gather;
  uint32_t order[ROWS];
} training_t;

static void training_begin(const ls_model *model, float *x, training_t *out) {
  ls_error error = {0};
  const features_t *features = &model->model->features;
  const split_arrays_t arrays = {.rows = ROWS, .features = features->columns, .type = ELEMENT_F32, .x = x};
  out->model = model;
  need(split_from_memory(&arrays, &out->split, &error), &error);
  need(gather_create(&out->split, features, &out->gather, &error), &error);
  need(tape_create(model->model->graph, ROWS, CALL_ROWS, &out->tape, &error), &error);
  need(graph_worker_create(model->model->graph, CALL_ROWS, ROWS / CALL_ROWS, true, &out->worker, &error),
       &error);
  for (uint32_t i = 0; i < ROWS; i++) out->order[i] = (i * 37) % ROWS;
}

/* The part of a step that predictions have too: rows.c, rows_pass. */
static void training_forward(training_t *training) {
  static const pass_t passes[ROWS / CALL_ROWS];
  gather_features(&training->gather, training->order, ROWS, tape_input(training->tape, 0));
  graph_forward(training->worker, training->model->model->members[0], training->tape, 0, ROWS / CALL_ROWS,
                passes);
}

typedef struct {
  ls_predictor *predictor;
  ls_input x;
  ls_predictions y;
  training_t training;
} work_t;

/* Seconds of one call of a kind on the core. */
static double block_seconds(work_t *work, int kind) {
  const int calls = kind == ONE_ROW ? ONE_CALLS : MANY_CALLS;
  ls_error error = {0};
  float_mode_t mode = float_mode_flush();
  const double begin = now(CLOCK_THREAD_CPUTIME_ID);
  for (int k = 0; k < calls; k++) {
    if (kind == TRAINING)
      training_forward(&work->training);
    else
      need(ls_predict(work->predictor, kind == ONE_ROW ? 1 : ROWS, &work->x, &work->y, &error), &error);
  }
  const double seconds = (now(CLOCK_THREAD_CPUTIME_ID) - begin) / calls;
  float_mode_restore(mode);
  return seconds;
}

/* Prints the times, or checks them. Returns the number of faults. */
static int measure_one(work_t *work, int checks) {
  static double seconds[KINDS][BLOCKS];
  for (int kind = 0; kind < KINDS; kind++) block_seconds(work, kind); /* caches */
  for (int b = 0; b < BLOCKS; b++)
    for (int kind = 0; kind < KINDS; kind++) seconds[kind][b] = block_seconds(work, kind);
  double found[KINDS];
  for (int kind = 0; kind < KINDS; kind++) {
    found[kind] = median(seconds[kind], BLOCKS);
    if (checks) found[kind] = seconds[kind][0];
  }
  const double share = found[TRAINING] / found[MANY_ROWS];
  printf(
      "one row %.2f us; %d rows %.2f us, %.2f times the speed of gather and forward in training (%.2f us)\n",
      1e6 * found[ONE_ROW], ROWS, 1e6 * found[MANY_ROWS], share, 1e6 * found[TRAINING]);
  if (!checks || share >= 0.8) return 0;
  puts("not true: 64 rows reach at least 0.8 of the forward share of training");
  return 1;
}

/* ---- several threads ---- */

typedef struct {
  const ls_model *model;
  ls_input x;
  float *y;
  pthread_barrier_t *barrier;
  double cpu; /* seconds of the thread on its core, of a call */
  long waits; /* times that the thread gave up its core to wait */
  double begin, end;
} thread_t;

static long waits_so_far(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

static void *predict_often(void *context) {
  thread_t *own = context;
  ls_predictor *predictor = NULL;
  ls_error error = {0};
  const ls_predictions y = {.mean = {.values = own->y, .type = LS_FLOAT32}};
  need(ls_predictor_create(own->model, &(ls_predictor_options){.most_rows = ROWS}, &predictor, &error),
       &error);
  need(ls_predict(predictor, ROWS, &own->x, &y, &error), &error);
  pthread_barrier_wait(own->barrier);
  const long waits = waits_so_far();
  const double cpu = now(CLOCK_THREAD_CPUTIME_ID);
  own->begin = now(CLOCK_MONOTONIC);
  for (int k = 0; k < THREAD_CALLS; k++) need(ls_predict(predictor, ROWS, &own->x, &y, &error), &error);
  own->end = now(CLOCK_MONOTONIC);
  own->cpu = (now(CLOCK_THREAD_CPUTIME_ID) - cpu) / THREAD_CALLS;
  own->waits = waits_so_far() - waits;
  ls_predictor_free(&predictor);
  return NULL;
}

/* What n threads need for a call each: wall time by throughput, time on a core, waits; the worst thread. */
typedef struct {
  double wall, cpu;
  long waits;
  int agree;
} round_t;

static round_t run_threads(int n, const ls_model *model, const ls_input *x, size_t outputs,
                           const float *expected) {
  pthread_t threads[MOST_THREADS];
  thread_t own[MOST_THREADS];
  pthread_barrier_t barrier;
  const size_t bytes = ROWS * outputs * sizeof(float);
  round_t round = {.agree = 1};
  pthread_barrier_init(&barrier, NULL, (unsigned)n);
  for (int t = 0; t < n; t++) {
    own[t] = (thread_t){.model = model, .x = *x, .y = malloc(bytes), .barrier = &barrier};
    if (own[t].y == NULL || pthread_create(&threads[t], NULL, predict_often, &own[t]) != 0) exit(1);
  }
  double begin = 1e300, end = 0;
  for (int t = 0; t < n; t++) {
    pthread_join(threads[t], NULL);
    if (own[t].begin < begin) begin = own[t].begin;
    if (own[t].end > end) end = own[t].end;
    if (own[t].cpu > round.cpu) round.cpu = own[t].cpu;
    round.waits += own[t].waits;
    round.agree &= memcmp(own[t].y, expected, bytes) == 0;
    free(own[t].y);
  }
  pthread_barrier_destroy(&barrier);
  round.wall = (end - begin) / THREAD_CALLS / n;
  return round;
}

static int measure_threads(const ls_model *model, const ls_input *x, size_t outputs, const float *expected,
                           int checks) {
  static const int counts[] = {1, 2, MOST_THREADS};
  enum { COUNTS = sizeof counts / sizeof counts[0] };
  double wall[COUNTS], cpu[COUNTS];
  long waits[COUNTS];
  int faults = 0;
  for (int r = 0; r < ROUNDS; r++)
    for (int c = 0; c < COUNTS; c++) {
      const round_t round = run_threads(counts[c], model, x, outputs, expected);
      if (r == 0 || round.wall < wall[c]) wall[c] = round.wall;
      if (r == 0 || round.cpu < cpu[c]) cpu[c] = round.cpu;
      if (r == 0 || round.waits < waits[c]) waits[c] = round.waits;
      if (!round.agree) {
        printf("not true: %d threads agree\n", counts[c]);
        return 1;
      }
    }
  for (int c = 0; c < COUNTS; c++) {
    printf("%d thread%s: %.2f times the rows of one thread a second; a call takes %.2f us of a core, %ld "
           "waits\n",
           counts[c], c == 0 ? "" : "s", wall[0] / wall[c], 1e6 * cpu[c], waits[c]);
    if (!checks || (cpu[c] <= 1.3 * cpu[0] && waits[c] == 0)) continue;
    puts("not true: a thread takes no more time beside others than alone, and waits for none");
    faults++;
  }
  return faults;
}

/* ---- the whole ---- */

int main(int n, char **words) {
  ls_error error = {0};
  ls_model *model = NULL;
  work_t work = {0};
  const int checks = n == 3 && strcmp(words[2], "--check") == 0;
  if (n != 2 + checks) return 2;
  need(ls_model_read(words[1], &model, &error), &error);
  need(ls_predictor_create(model, NULL, &work.predictor, &error), &error);
  const size_t inputs = (size_t)ls_model_inputs(model), outputs = (size_t)ls_model_outputs(model);
  float *x = calloc(ROWS * inputs, sizeof *x), *y = calloc(ROWS * outputs, sizeof *y);
  if (x == NULL || y == NULL) return 1;
  for (size_t i = 0; i < ROWS * inputs; i++) x[i] = (float)((i * 7919) % 1009) / 400.0F - 1.2F;
  work.x = (ls_input){.values = x, .type = LS_FLOAT32};
  work.y = (ls_predictions){.mean = {.values = y, .type = LS_FLOAT32}};
  training_begin(model, x, &work.training);
  int faults = 1, clashes = 1;
  for (int k = 0; k < (checks ? TRIES : 1) && faults > 0; k++) faults = measure_one(&work, checks);
  for (int k = 0; k < (checks ? TRIES : 1) && clashes > 0; k++)
    clashes = measure_threads(model, &work.x, outputs, y, checks);
  graph_worker_destroy(&work.training.worker);
  tape_destroy(&work.training.tape);
  gather_free(&work.training.gather);
  ls_predictor_free(&work.predictor);
  ls_model_free(&model);
  free(x);
  free(y);
  return faults + clashes > 0;
}
