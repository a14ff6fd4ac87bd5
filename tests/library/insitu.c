/* A program that trains while its own messages are on their way. Run by insitu.sh, which compares with
 * `lockstep train` on a file with the same rows.
 *
 *   insitu MODE SETTINGS [OVERRIDE…]     MODE: train, stop, save, errors, single, labels
 *
 * Rank 0 prints the checksum of the parameters, or of mode errors what was returned. Exit code 1: something
 * is not as it was promised. */
#include <lockstep/train.h>

#include <fenv.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

enum { COLUMNS = 3, PAD = 2, BIG = 1 << 17, OWN_THREADS = 3, MOST_EPOCHS = 100 };

static int rank, ranks, failures, is_loud; /* is_loud: what errors say is printed */
static size_t refused;                     /* allocations of at least this size in bytes fail; 0: none */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);

void *malloc(size_t size) {
  return refused > 0 && size >= refused ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  return refused > 0 && n * size >= refused ? NULL : __libc_calloc(n, size);
}

static void check(int is_right, const char *what) {
  if (is_right) return;
  printf("rank %d: not true: %s\n", rank, what);
  failures++;
}

/* ---- the settings of the caller ---- */

static unsigned float_mode(void) {
#ifdef __x86_64__
  return _mm_getcsr() & ~0x3fU; /* without the flags of exceptions */
#else
  return 0;
#endif
}

static void set_modes(void) {
  omp_set_dynamic(0);
  omp_set_num_threads(OWN_THREADS);
#pragma omp parallel
  {
    feenableexcept(FE_DIVBYZERO);
    fesetround(omp_get_thread_num() == 1 ? FE_DOWNWARD : FE_UPWARD);
  }
  omp_set_dynamic(1);
}

static void check_modes(const char *where) {
  unsigned wrong = 0;
  check(omp_get_dynamic() == 1, "omp_set_dynamic stays");
  check(omp_get_max_threads() == OWN_THREADS, "omp_set_num_threads stays");
  omp_set_dynamic(0);
#pragma omp parallel reduction(+ : wrong)
  {
    wrong += fegetround() != (omp_get_thread_num() == 1 ? FE_DOWNWARD : FE_UPWARD);
    wrong += fegetexcept() != FE_DIVBYZERO;
    wrong += (float_mode() & 0x8040U) != 0; /* denormals are flushed */
  }
  omp_set_dynamic(1);
  if (wrong > 0) printf("rank %d: %u settings of floating point changed, %s\n", rank, wrong, where);
  failures += wrong > 0;
}

/* ---- the data ---- */

/* The same numbers as in insitu.sh, exact in float. */
static float x_of(int split, int64_t row, int column) {
  return (float)((row * (column * 37 + 11) + column * 5 + split * 29) % 97 - 48) / 64.0F;
}

static float y_of(int split, int64_t row) {
  float a = x_of(split, row, 0), b = x_of(split, row, 1), c = x_of(split, row, 2);
  return (float)(2 * a - b) + (float)(split > 0 ? c : c * 0.5F);
}

/* Rows [*first, *first + n) of a split are this rank's; ranks have very different numbers of rows, some none.
 */
static int64_t share(int split, int64_t rows, int64_t *first) {
  int64_t from = rows * rank * rank / (ranks * ranks), to = rows * (rank + 1) * (rank + 1) / (ranks * ranks);
  if (split == 1) { /* all on the last rank */
    from = 0;
    to = rank == ranks - 1 ? rows : 0;
  }
  *first = from;
  return to - from;
}

static const int64_t rows_of_split[] = {1111, 60, 41};

/* x has gaps between its rows; y is every second number, and in double precision as in the file. */
static ls_training_rows make_rows(int split) {
  int64_t first = 0, n = share(split, rows_of_split[split], &first);
  float *x = calloc((size_t)(n * (COLUMNS + PAD) + 1), sizeof *x);
  double *y = calloc((size_t)(2 * n + 1), sizeof *y);
  for (int64_t r = 0; r < n; r++) {
    for (int c = 0; c < COLUMNS; c++) x[r * (COLUMNS + PAD) + c] = x_of(split, first + r, c);
    y[2 * r] = (double)y_of(split, first + r);
    y[2 * r + 1] = NAN;
  }
  return (ls_training_rows){.rows = n,
                            .x = {.values = x, .type = LS_FLOAT32, .row_stride = COLUMNS + PAD},
                            .y = {.values = y, .type = LS_FLOAT64, .row_stride = 2}};
}

static void free_rows(ls_training_rows *rows) {
  free((void *)(uintptr_t)rows->x.values);
  free((void *)(uintptr_t)rows->y.values);
}

/* ---- own messages ---- */

/* On the communicator that the training was given. */
typedef struct {
  MPI_Comm comm;
  int *out, *in, any;
  MPI_Request requests[3];
  int calls, stop_at, waits_for_any;
} traffic_t;

static traffic_t traffic_begin(MPI_Comm comm) {
  traffic_t traffic = {.comm = comm, .out = calloc(BIG, sizeof(int)), .in = calloc(BIG, sizeof(int))};
  for (int i = 0; i < BIG; i++) traffic.out[i] = rank * BIG + i;
  MPI_Irecv(traffic.in, BIG, MPI_INT, (rank + ranks - 1) % ranks, 1, comm, &traffic.requests[0]);
  MPI_Isend(traffic.out, BIG, MPI_INT, (rank + 1) % ranks, 1, comm, &traffic.requests[1]);
  return traffic;
}

/* A receive that any message would fit: until it is complete, the callback sends none. */
static void traffic_ask_any(traffic_t *traffic) {
  traffic->waits_for_any = 1;
  MPI_Irecv(&traffic->any, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, traffic->comm, &traffic->requests[2]);
}

static void traffic_end(traffic_t *traffic) {
  int all = 1, found = 0;
  for (int i = 0; i < 2; i++) MPI_Wait(&traffic->requests[i], MPI_STATUS_IGNORE);
  MPI_Test(&traffic->requests[2], &found, MPI_STATUS_IGNORE);
  check(!found, "no message of the library comes to the caller");
  MPI_Barrier(traffic->comm);
  MPI_Send(&rank, 1, MPI_INT, (rank + 1) % ranks, 9, traffic->comm);
  MPI_Wait(&traffic->requests[2], MPI_STATUS_IGNORE);
  check(traffic->any == (rank + ranks - 1) % ranks, "the caller's message comes through");
  for (int i = 0; i < BIG; i++) all &= traffic->in[i] == (rank + ranks - 1) % ranks * BIG + i;
  check(all, "a message that was on its way is whole");
  free(traffic->out);
  free(traffic->in);
}

static int after_epoch(const ls_training_epoch *epoch, void *context) {
  traffic_t *traffic = context;
  int mine = rank + 1, sum = 0, halo = -1;
  check_modes("in the callback");
  traffic->calls++;
  check(isfinite(epoch->train_loss) && isfinite(epoch->valid_loss) && epoch->step > 0, "figures are known");
  check(strlen(epoch->checksum) == 16, "the checksum is known");
  if (!traffic->waits_for_any) {
    MPI_Sendrecv(&mine, 1, MPI_INT, (rank + 1) % ranks, 2, &halo, 1, MPI_INT, (rank + ranks - 1) % ranks, 2,
                 traffic->comm, MPI_STATUS_IGNORE);
    check(halo == (rank + ranks - 1) % ranks + 1, "own messages in the callback");
  }
  MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, traffic->comm);
  check(sum == ranks * (ranks + 1) / 2, "own sums in the callback");
  return epoch->epoch == traffic->stop_at && rank == ranks - 1; /* one rank asks, all stop */
}

/* ---- a training ---- */

static int lines; /* of the log */

static void take_line(const char *line, void *context) {
  (void)context;
  check(strchr(line, '\n') == NULL, "a line of the log has no end of line");
  check(fegetround() == FE_UPWARD && (float_mode() & 0x8040U) == 0, "the log is told in the caller's mode");
  lines += strncmp(line, "epoch ", 6) == 0;
}

static char *settings_text;
static const char **overrides;
static int64_t n_overrides;
static ls_training_rows rows[3];
static const char *const names[] = {"a", "b", "c"};

static ls_training_data make_data(void) {
  return (ls_training_data){.columns = COLUMNS,
                            .targets = 1,
                            .column_names = names,
                            .train = rows[0],
                            .valid = rows[1],
                            .test = rows[2]};
}

static ls_training_options make_options(traffic_t *traffic) {
  return (ls_training_options){.settings = settings_text,
                               .n_overrides = n_overrides,
                               .overrides = overrides,
                               .epoch = traffic != NULL ? after_epoch : NULL,
                               .context = traffic};
}

static void stop_test(const ls_error *error) {
  printf("rank %d: %s: %s\n", rank, ls_status_text(error->status), error->message);
  fflush(stdout);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static ls_training *create(const ls_training_options *options) {
  ls_error error = {0};
  ls_training *training = NULL;
  const ls_training_data data = make_data();
  if (ls_training_create(MPI_COMM_WORLD, &data, options, &training, &error) != LS_OK) stop_test(&error);
  check_modes("after ls_training_create");
  return training;
}

static int run(ls_training *training) {
  ls_error error = {0};
  int ended = -1;
  if (ls_training_run(training, &ended, &error) != LS_OK) stop_test(&error);
  check_modes("after ls_training_run");
  return ended;
}

/* All ranks predict the same with the model of the training. */
static void predict(ls_training *training) {
  ls_error error = {0};
  ls_model *model = NULL;
  ls_predictor *predictor = NULL;
  float x[COLUMNS];
  double y = 0, low = 0, high = 0;
  for (int c = 0; c < COLUMNS; c++) x[c] = x_of(2, 7, c);
  if (ls_training_model(training, &model, &error) != LS_OK ||
      ls_predictor_create(model, NULL, &predictor, &error) != LS_OK ||
      ls_predict(predictor, 1, &(ls_input){.values = x, .type = LS_FLOAT32},
                 &(ls_predictions){.mean = {.values = &y, .type = LS_FLOAT64}}, &error) != LS_OK)
    stop_test(&error);
  check(strcmp(ls_model_checksum(model), ls_training_checksum(training)) == 0, "the model is the training's");
  check(strcmp(ls_model_column_name(model, 1), "b") == 0, "columns keep their names");
  MPI_Allreduce(&y, &low, 1, MPI_DOUBLE, MPI_MIN, MPI_COMM_WORLD);
  MPI_Allreduce(&y, &high, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  check(low == high && isfinite(y), "all ranks predict the same");
  ls_predictor_free(&predictor);
  ls_model_free(&model);
}

static void finish(ls_training *training) {
  ls_error error = {0};
  MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
  MPI_Comm_get_errhandler(MPI_COMM_WORLD, &handler);
  check(handler == MPI_ERRORS_ARE_FATAL, "the communicator keeps its error handler");
  check(run(training) == 1, "a training that has ended stays so");
  check(isfinite(ls_training_test_loss(training)), "the loss of the test rows is known");
  if (ls_training_write(training, "insitu.h5", &error) != LS_OK) stop_test(&error);
  predict(training);
  check(ls_training_save(training, &error) == LS_USAGE, "nothing is saved when all is over");
  if (rank == 0) printf("%s\n", ls_training_checksum(training));
  ls_training_free(&training);
  check_modes("after ls_training_free");
}

static void train(void) {
  traffic_t traffic = traffic_begin(MPI_COMM_WORLD);
  ls_training_options options = make_options(&traffic);
  options.log = take_line;
  traffic_ask_any(&traffic);
  ls_training *training = create(&options);
  check(run(training) == 1, "the training ends");
  check(traffic.calls == ls_training_epochs(training), "a call after every epoch");
  check(lines == (rank == 0 ? traffic.calls : 0), "rank 0 gets the lines of the log");
  finish(training);
  traffic_end(&traffic);
}

/* A callback stops the training twice. */
static void stop(void) {
  traffic_t traffic = {.comm = MPI_COMM_WORLD, .stop_at = 2};
  ls_training_options options = make_options(&traffic);
  ls_training *training = create(&options);
  check(run(training) == 0 && ls_training_epochs(training) == 2, "the callback stops the training");
  predict(training);
  traffic.stop_at = 3;
  check(run(training) == 0 && ls_training_epochs(training) == 3, "and again");
  traffic.stop_at = 0;
  check(run(training) == 1, "then it ends");
  finish(training);
}

/* ---- mistakes of one rank ---- */

static void expect(const char *what, const ls_training_data *data, const ls_training_options *options,
                   ls_status wanted) {
  ls_error error = {0};
  ls_training *training = NULL;
  int status = (int)ls_training_create(MPI_COMM_WORLD, data, options, &training, &error), low = 0, high = 0,
      sum = 0;
  const int one = 1;
  MPI_Allreduce(&status, &low, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  MPI_Allreduce(&status, &high, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  check(low == (int)wanted && high == (int)wanted, what);
  check(training == NULL && error.status == wanted && error.message[0] != '\0', what);
  check(sum == ranks, "MPI works after an error");
  check(strstr(error.message, "/proc/") == NULL && strstr(error.message, "--") == NULL,
        "messages are for callers");
  check_modes(what);
  if (rank == 0 && is_loud) printf("%s: %s: %s\n", what, ls_status_text((ls_status)status), error.message);
}

/* The run is saved, freed, and gone on with from its file. */
static void save(void) {
  traffic_t traffic = {.comm = MPI_COMM_WORLD, .stop_at = 2};
  ls_error error = {0};
  ls_training_options options = make_options(&traffic);
  options.keeps_run = 1;
  ls_training *training = create(&options);
  check(run(training) == 0, "the callback stops the training");
  if (ls_training_save(training, &error) != LS_OK) stop_test(&error);
  ls_training_free(&training);
  options.resumes = 1;
  traffic.stop_at = 0;
  const ls_training_data data = make_data();
  const char *other = "train.seed=9";
  ls_training_options changed = options;
  const char **words = calloc((size_t)n_overrides + 1, sizeof *words);
  memcpy(words, overrides, (size_t)n_overrides * sizeof *words);
  words[n_overrides] = other;
  changed.overrides = words;
  changed.n_overrides++;
  expect("another seed", &data, &changed, LS_BAD_SETTINGS);
  free(words);
  training = create(&options);
  check(ls_training_epochs(training) == 2, "it goes on where it was");
  check(run(training) == 1, "then it ends");
  finish(training);
}

static void errors(void) {
  is_loud = 1;
  const int bad = ranks - 1; /* the rank that makes the mistake */
  const char *wrong[] = {"train.epochs=-1"}, *other[] = {"train.epochs=7"};
  ls_training_options usual = make_options(NULL), options = usual;
  ls_training_data data = make_data();
  expect("no data", NULL, &usual, LS_USAGE);
  expect("no options", &data, NULL, LS_USAGE);

  if (rank == bad) options.n_overrides = 1, options.overrides = wrong;
  expect("a bad setting", &data, &options, LS_BAD_SETTINGS);
  if (rank == bad) options.overrides = other;
  if (ranks > 1) expect("another setting", &data, &options, LS_BAD_SETTINGS);
  options = usual;
  if (rank == bad) options.settings = "model: [";
  expect("a bad text", &data, &options, LS_BAD_SETTINGS);
  options = usual;
  options.resumes = 1;
  expect("resumes without a run", &data, &options, LS_USAGE);

  if (rank == bad) data.train.x.values = NULL;
  expect("an array without values", &data, &usual, LS_USAGE);
  data = make_data();
  if (rank == bad) data.train.x.type = LS_TEXT;
  expect("an array of texts", &data, &usual, LS_USAGE);
  data = make_data();
  if (rank == bad) data.columns = 2;
  if (ranks > 1) expect("fewer columns", &data, &usual, LS_USAGE);
  data = make_data();
  if (rank == bad) data.train.y.type = LS_FLOAT32;
  if (rank == bad) data.train.rows = 1;
  if (ranks > 1) expect("another type", &data, &usual, LS_USAGE);
  data = make_data();
  data.train.rows = 0;
  expect("no training rows", &data, &usual, LS_USAGE);

  data = make_data();
  float *x = (float *)(uintptr_t)data.train.x.values, before = x[0];
  if (rank == bad) x[0] = NAN;
  expect("a value that is not finite", &data, &usual, LS_BAD_DATA);
  x[0] = before;

  if (rank == bad) refused = 1 << 20;
  expect("no memory", &data, &usual, LS_NO_MEMORY);
  refused = 0;

  ls_error error = {0};
  ls_training *training = NULL;
  MPI_Comm none = MPI_COMM_NULL;
  check(ls_training_create(none, &data, &usual, &training, &error) == LS_USAGE, "no communicator");
  training = create(&usual);
  check(ls_training_save(training, &error) == LS_USAGE, "no run directory to save in");
  check(ls_training_write(training, "nowhere/at/all.h5", &error) == LS_IO,
        "no such folder is an error on all ranks");
  check(run(training) == 1, "after all these mistakes a training works");
  ls_training_free(&training);
  check(training == NULL, "what is freed is NULL");
}

/* Classes as integers, with names and weights of rows; validation rows are a share of the training rows. */
static void labels(void) {
  static const char *const classes[] = {"high", "low", "middle"};
  int64_t first = 0, n = share(0, rows_of_split[0], &first);
  int64_t *y = calloc((size_t)n + 1, sizeof *y);
  double *weights = calloc((size_t)n + 1, sizeof *weights);
  for (int64_t r = 0; r < n; r++) {
    y[r] = ((first + r) * 7 + 1) % 3; /* low, middle, high, … */
    weights[r] = 0.5 + (double)((first + r) % 4);
  }
  ls_error error = {0};
  ls_model *model = NULL;
  ls_training_data data = make_data();
  data.classes = 3;
  data.class_names = classes;
  data.train.y = (ls_input){.values = y, .type = LS_INT64};
  data.train.weights = (ls_input){.values = weights, .type = LS_FLOAT64};
  data.valid = data.test = (ls_training_rows){0};
  const ls_training_options options = make_options(NULL);
  ls_training *training = NULL;
  if (ls_training_create(MPI_COMM_WORLD, &data, &options, &training, &error) != LS_OK) stop_test(&error);
  check(run(training) == 1, "the training ends");
  check(isnan(ls_training_test_loss(training)), "without test rows they have no loss");
  if (ls_training_model(training, &model, &error) != LS_OK) stop_test(&error);
  check(strcmp(ls_model_class_name(model, 0, 2), "middle") == 0, "classes keep their names");
  if (ls_training_write(training, "insitu.h5", &error) != LS_OK) stop_test(&error);
  if (rank == 0) printf("%s\n", ls_training_checksum(training));
  ls_model_free(&model);
  ls_training_free(&training);
  data.valid = rows[1];
  expect("validation rows twice", &data, &options, LS_USAGE);
  free(y);
  free(weights);
}

/* MPI was started without threads. */
static void single(void) {
  int level = 0;
  const ls_training_data data = make_data();
  const ls_training_options options = make_options(NULL);
  MPI_Query_thread(&level);
  if (level < MPI_THREAD_FUNNELED) expect("no threads", &data, &options, LS_USAGE);
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "r");
  char *text = calloc(1, 1 << 16);
  if (file == NULL || fread(text, 1, (1 << 16) - 1, file) == 0) exit(2);
  fclose(file);
  return text;
}

int main(int n, char **words) {
  static const struct {
    const char *name;
    void (*run)(void);
  } modes[] = {{"train", train},   {"stop", stop},     {"save", save},
               {"errors", errors}, {"single", single}, {"labels", labels}};
  int level = 0, sum = 0;
  if (n < 3) return 2;
  MPI_Init_thread(NULL, NULL, strcmp(words[1], "single") == 0 ? MPI_THREAD_SINGLE : MPI_THREAD_FUNNELED,
                  &level);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  settings_text = read_file(words[2]);
  overrides = (const char **)(words + 3);
  n_overrides = n - 3;
  for (int split = 0; split < 3; split++) rows[split] = make_rows(split);
  set_modes();
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    if (strcmp(words[1], modes[i].name) == 0) modes[i].run();
  for (int split = 0; split < 3; split++) free_rows(&rows[split]);
  free(settings_text);
  MPI_Allreduce(MPI_IN_PLACE, &failures, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  sum = failures;
  MPI_Finalize();
  return sum > 0;
}
