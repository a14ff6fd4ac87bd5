/* Processes, files and outcomes for the system tests. What a command says goes to files in the test's
 * directory, so that no pipe can fill up; descendants are found in /proc, since launchers put ranks into
 * process groups of their own. */
#include "system/run.h"

#include "base/clock.h"
#include "store/store.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 8192, MOST_WORDS = 128, TEXT_SIZE = 1 << 20 };

static char place[64];

void place_make(void) {
  strcpy(place, "/tmp/lockstep-system-XXXXXX");
  cr_assert_not_null(mkdtemp(place));
  cr_assert_eq(chdir(place), 0);
  /* Open MPI refuses root unless told twice, and never frees all it takes */
  setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
  setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
  setenv("OMPI_MCA_odls_base_sigkill_timeout", "0", 0); /* else a second passes after each failure */
  setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
}

void place_remove(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", place);
  cr_assert_eq(chdir("/"), 0);
  cr_assert_eq(system(command), 0);
}

bool run_is_sanitized(void) {
  return LOCKSTEP_SANITIZED;
}

void run_limit_memory(int gigabytes) {
  if (run_is_sanitized()) {
    char options[128];
    snprintf(options, sizeof options, "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=%d",
             gigabytes * 1024);
    setenv("ASAN_OPTIONS", options, 1);
    return;
  }
  const rlim_t bytes = (rlim_t)gigabytes << 30;
  const struct rlimit limit = {bytes, bytes};
  cr_assert_eq(setrlimit(RLIMIT_DATA, &limit), 0);
}

/* ---- processes ---- */

static void nap(void) {
  nanosleep(&(struct timespec){0, 2000000}, NULL);
}

/* Cuts a line into words. */
static void split_words(char *line, char *words[MOST_WORDS]) {
  int n = 0;
  for (char *at = line; *at != '\0' && n < MOST_WORDS - 1;) {
    while (*at == ' ') at++;
    if (*at == '\0') break;
    words[n++] = at;
    char *to = at;
    for (bool quoted = false; *at != '\0' && (quoted || *at != ' '); at++) {
      if (*at == '\'')
        quoted = !quoted;
      else
        *to++ = *at;
    }
    if (*at != '\0') at++;
    *to = '\0';
  }
  words[n] = NULL;
}

static void redirect(const char *path, int to) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || dup2(file, to) < 0) _exit(126);
  close(file);
}

static pid_t start_words(char *line) {
  char *words[MOST_WORDS];
  split_words(line, words);
  pid_t pid = fork();
  cr_assert_neq(pid, -1, "fork");
  if (pid > 0) return pid;
  int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  redirect("stdout.txt", STDOUT_FILENO);
  redirect("stderr.txt", STDERR_FILENO);
  execvp(words[0], words);
  _exit(127);
}

/* Parent and name of a process; parent 0 when it is gone. */
static pid_t parent_of(pid_t pid, char name[64]) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[n] = '\0';
  char *open = strchr(text, '('), *close = strrchr(text, ')');
  if (open == NULL || close == NULL) return 0;
  *close = '\0';
  snprintf(name, 64, "%.63s", open + 1);
  int parent = 0;
  return sscanf(close + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static bool descends_from(pid_t pid, pid_t ancestor) {
  char name[64];
  for (int depth = 0; depth < 16 && pid > 1; depth++) {
    if (pid == ancestor) return true;
    pid = parent_of(pid, name);
  }
  return false;
}

/* A signal to the first `most` descendants with this name, or whatever their name. Returns how many there
 * were. */
static int signal_descendants(pid_t ancestor, const char *wanted, int number, int most) {
  DIR *processes = opendir("/proc");
  int n = 0;
  if (processes == NULL) return 0;
  for (struct dirent *entry; n < most && (entry = readdir(processes)) != NULL;) {
    char name[64] = "";
    pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
    if (pid <= 1 || pid == ancestor || !descends_from(pid, ancestor)) continue;
    parent_of(pid, name);
    if (wanted == NULL || strcmp(name, wanted) == 0) n += kill(pid, number) == 0;
  }
  closedir(processes);
  return n;
}

int run_signal_ranks(pid_t launcher, int number, int most) {
  char name[64];
  parent_of(launcher, name);
  if (strcmp(name, "lockstep") == 0) return kill(launcher, number) == 0;
  return signal_descendants(launcher, "lockstep", number, most);
}

void run_kill_ranks(pid_t launcher) {
  run_signal_ranks(launcher, SIGKILL, ANY_RANKS);
}

static const char *read_text(const char *path, char text[TEXT_SIZE]) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return NULL;
  size_t n = fread(text, 1, TEXT_SIZE - 1, file);
  fclose(file);
  text[n] = '\0';
  return text;
}

static result_t finish(pid_t pid, double began, double limit) {
  static char out[TEXT_SIZE], err[TEXT_SIZE];
  result_t result = {.code = -1};
  int status = 0;
  bool ended = false;
  while (!ended && clock_seconds() - began < limit) {
    ended = waitpid(pid, &status, WNOHANG) == pid;
    if (!ended) nap();
  }
  if (!ended) {
    signal_descendants(pid, NULL, SIGKILL, INT_MAX);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  } else {
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  result.seconds = clock_seconds() - began;
  result.out = read_text("stdout.txt", out);
  result.err = read_text("stderr.txt", err);
  return result;
}

/* Sanitizers make the program slower. */
result_t run_finish(pid_t launcher, double limit) {
  return finish(launcher, clock_seconds(), limit * LOCKSTEP_SLOWER);
}

const char *run_launcher(int ranks) {
  static char line[1024];
  if (ranks == ALONE) return LOCKSTEP_PROGRAM;
  snprintf(line, sizeof line, "%s %d %s", LOCKSTEP_MPIRUN, ranks, LOCKSTEP_PROGRAM);
  return line;
}

static pid_t start_line(const char *launcher, const char *format, va_list args) {
  static char line[LINE_SIZE];
  int used = snprintf(line, sizeof line, "%s%s", launcher, launcher[0] != '\0' ? " " : "");
  int more = vsnprintf(line + used, sizeof line - (size_t)used, format, args);
  cr_assert_lt(used + more, (int)sizeof line);
  return start_words(line);
}

pid_t run_start_command(int ranks, const char *format, ...) {
  char launcher[1024] = "";
  va_list args;
  if (ranks != ALONE) snprintf(launcher, sizeof launcher, "%s %d", LOCKSTEP_MPIRUN, ranks);
  va_start(args, format);
  pid_t pid = start_line(launcher, format, args);
  va_end(args);
  return pid;
}

pid_t run_start(int ranks, const char *format, ...) {
  va_list args;
  va_start(args, format);
  pid_t pid = start_line(run_launcher(ranks), format, args);
  va_end(args);
  return pid;
}

/* One of some thousand processes crashes in MPI_Finalize of Open MPI 4.1 (open-mpi/ompi, issue 10117): a
 * thread of the library is at work where code has been unloaded, so that not even a frame of its stack can be
 * told. What lockstep had to do is done by then. */
static bool fell_in_finalize(const result_t *result) {
  return strstr(result->err, "*** Process received signal ***") != NULL &&
         strstr(result->err, "[ 0]") == NULL;
}

result_t run(int ranks, const char *format, ...) {
  result_t result = {0};
  for (int attempt = 0; attempt < 2; attempt++) {
    va_list args;
    va_start(args, format);
    pid_t pid = start_line(run_launcher(ranks), format, args);
    va_end(args);
    result = run_finish(pid, LIMIT_SECONDS);
    if (!fell_in_finalize(&result)) break;
  }
  return result;
}

result_t run_command(const char *format, ...) {
  va_list args;
  va_start(args, format);
  pid_t pid = start_line("", format, args);
  va_end(args);
  return run_finish(pid, LIMIT_SECONDS);
}

const char *run_python(void) {
  static const char *const names[] = {"python3", "/usr/bin/python3", "/usr/local/bin/python3"};
  static const char *found =
      NULL; /* imports take a third of a second, so modules are only looked for, once */
  for (size_t i = 0; i < sizeof names / sizeof names[0] && found == NULL; i++)
    if (run_command("%s -c 'import sys; from importlib.util import find_spec; "
                    "sys.exit(None in [find_spec(m) for m in (\"h5py\", \"numpy\")])'",
                    names[i])
            .code == 0)
      found = names[i];
  return found;
}

result_t run_well(int ranks, const char *format, ...) {
  va_list args;
  va_start(args, format);
  pid_t pid = start_line(run_launcher(ranks), format, args);
  va_end(args);
  result_t result = run_finish(pid, LIMIT_SECONDS);
  cr_assert_eq(result.code, 0, "`%s` with %d rank(s) ended with %d after %.1f s:\n%s", format, ranks,
               result.code, result.seconds, result.err);
  return result;
}

/* ---- files ---- */

bool file_exists(const char *path) {
  struct stat about;
  return stat(path, &about) == 0;
}

const char *file_text(const char *path) {
  static char text[TEXT_SIZE];
  const char *found = read_text(path, text);
  cr_assert_not_null(found, "%s cannot be read", path);
  return found;
}

void json_value(const char *json, const char *key, char out[64]) {
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\": ", key);
  const char *at = strstr(json, quoted);
  out[0] = '\0';
  if (at == NULL) return;
  at += strlen(quoted);
  at += *at == '"';
  snprintf(out, 64, "%.*s", (int)strcspn(at, "\",}\n"), at);
}

double json_double(const char *json, const char *key) {
  char text[64], *end = text;
  json_value(json, key, text);
  double value = strtod(text, &end);
  return end == text ? NAN : value;
}

void read_floats(const char *path, const char *name, int64_t rows, float *out) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, name, 0, rows, STORE_F32, out, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

static void read_column(const store_t *store, const char *name, int64_t n, store_type_t type, void *out) {
  ls_error error = {0};
  cr_assert_eq(store_read_rows(store, name, 0, n, type, out, &error), LS_OK, "%s", error.message);
}

static void read_history(const char *path, outcome_t *outcome) {
  ls_error error = {0};
  store_t *store = NULL;
  store_array_t array;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_describe(store, "train_loss", &array, &error), LS_OK, "%s", error.message);
  outcome->epochs = array.shape[0];
  cr_assert_leq(outcome->epochs, MOST_EPOCHS);
  read_column(store, "train_loss", outcome->epochs, STORE_F64, outcome->train_loss);
  read_column(store, "valid_loss", outcome->epochs, STORE_F64, outcome->epoch_valid_loss);
  read_column(store, "parameters_checksum", outcome->epochs, STORE_U64, outcome->epoch_checksum);
  store_close(&store);
}

outcome_t outcome_of(const char *name) {
  outcome_t outcome;
  char path[256];
  memset(&outcome, 0, sizeof outcome);
  snprintf(path, sizeof path, "runs/%s/summary.json", name);
  const char *json = file_text(path);
  json_value(json, "parameters_checksum", outcome.checksum);
  json_value(json, "valid_loss", outcome.valid_loss);
  json_value(json, "test_loss", outcome.test_loss);
  json_value(json, "test_accuracy", outcome.test_metric);
  if (outcome.test_metric[0] == '\0') json_value(json, "test_rmse", outcome.test_metric);
  if (outcome.test_metric[0] == '\0')
    json_value(json, "silhouette", outcome.test_metric); /* of a clustering */
  cr_assert_eq(strlen(outcome.checksum), 16, "%s: %s", path, json);
  cr_assert_neq(outcome.test_loss[0], '\0', "%s: %s", path, json);
  snprintf(path, sizeof path, "runs/%s/config.yaml", name);
  const char *settings = file_text(path);
  const bool is_fit = strstr(settings, "name: distortion") || strstr(settings, "name: density");
  cr_assert(outcome.test_metric[0] != '\0' || is_fit, "%s: no metric: %s", name, json);
  snprintf(path, sizeof path, "runs/%s/history.h5", name);
  read_history(path, &outcome);
  return outcome;
}

void outcome_expect_same(const outcome_t *a, const outcome_t *b, const char *what) {
  cr_expect_eq(a->epochs, b->epochs, "%s: %" PRId64 " and %" PRId64 " epochs", what, a->epochs, b->epochs);
  for (int64_t e = 0; e < a->epochs && e < b->epochs; e++) {
    cr_assert_eq(memcmp(&a->train_loss[e], &b->train_loss[e], sizeof(double)), 0,
                 "%s: train_loss of epoch %" PRId64 ": %a and %a", what, e + 1, a->train_loss[e],
                 b->train_loss[e]);
    cr_assert_eq(a->epoch_checksum[e], b->epoch_checksum[e], "%s: parameters after epoch %" PRId64, what,
                 e + 1);
    cr_assert_eq(memcmp(&a->epoch_valid_loss[e], &b->epoch_valid_loss[e], sizeof(double)), 0,
                 "%s: valid_loss of epoch %" PRId64 ": %a and %a", what, e + 1, a->epoch_valid_loss[e],
                 b->epoch_valid_loss[e]);
  }
  cr_assert_str_eq(a->checksum, b->checksum, "%s: checksums %s and %s", what, a->checksum, b->checksum);
  cr_assert_str_eq(a->valid_loss, b->valid_loss, "%s: valid_loss %s and %s", what, a->valid_loss,
                   b->valid_loss);
  cr_assert_str_eq(a->test_loss, b->test_loss, "%s: test_loss %s and %s", what, a->test_loss, b->test_loss);
  cr_assert_str_eq(a->test_metric, b->test_metric, "%s: test metric %s and %s", what, a->test_metric,
                   b->test_metric);
}

void write_text(const char *path, const char *format, ...) {
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file, "%s", path);
  va_list args;
  va_start(args, format);
  vfprintf(file, format, args);
  va_end(args);
  cr_assert_eq(fclose(file), 0, "%s", path);
}

/* ---- datasets ---- */

double noise(uint64_t i) {
  uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Features of very different size, as tables have them. */
static double feature(int64_t row, int64_t column) {
  return pow(10, (double)(column % 5) - 2) * (noise((uint64_t)(row * FEATURES + column)) - 0.3);
}

/* Something smooth of the features, so that there is something to learn. */
static double target(int64_t row, int64_t k) {
  double sum = 0;
  for (int64_t c = 0; c < FEATURES; c++)
    sum += sin((double)(k + 1) * (double)c) * noise((uint64_t)(row * FEATURES + c));
  return 1000 * (double)(k + 1) + 100 * sum;
}

static int64_t label(int64_t row) {
  double at = (target(row, 0) - 1000) / 80 + 2.5 + 0.3 * noise((uint64_t)row + 1000003);
  return at < 0 ? 0 : at >= CLASSES ? CLASSES - 1 : (int64_t)at;
}

static void write_array(store_t *store, const char *name, int64_t rows, int64_t width, const double *values) {
  ls_error error = {0};
  const int64_t shape[] = {rows, width};
  cr_assert_eq(store_write(store, name, STORE_F64, width == 0 ? 1 : 2, shape, values, &error), LS_OK, "%s",
               error.message);
}

static void write_labels(store_t *store, const char *name, int64_t rows, const double *values) {
  ls_error error = {0};
  int64_t *labels = malloc((size_t)rows * sizeof *labels);
  cr_assert_not_null(labels);
  for (int64_t i = 0; i < rows; i++) labels[i] = (int64_t)values[i];
  cr_assert_eq(store_write(store, name, STORE_I64, 1, &rows, labels, &error), LS_OK, "%s", error.message);
  free(labels);
}

/* y of rows [first, first + rows). */
static void write_y(store_t *store, const char *name, int64_t first, int64_t rows, spec_t spec) {
  int64_t width = spec.regression ? TARGETS : spec.one_hot > 0 ? spec.one_hot : 1;
  double *y = calloc((size_t)(rows * width), sizeof *y);
  cr_assert_not_null(y);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t k = 0; k < width && spec.regression; k++) y[i * width + k] = target(first + i, k);
    if (!spec.regression && spec.one_hot > 0) y[i * width + label(first + i) % width] = 1;
    if (!spec.regression && spec.one_hot == 0) y[i] = (double)label(first + i);
  }
  if (spec.label_row > 0 && spec.label_row < rows) y[spec.label_row] = CLASSES;
  if (spec.regression || spec.one_hot > 0)
    write_array(store, name, rows, width, y);
  else
    write_labels(store, name, rows, y);
  free(y);
}

static void write_x(store_t *store, const char *name, int64_t first, int64_t rows, int64_t nan_row) {
  double *x = calloc((size_t)(rows * FEATURES), sizeof *x);
  cr_assert_not_null(x);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t c = 0; c < FEATURES; c++) x[i * FEATURES + c] = feature(first + i, c);
  if (nan_row > 0) x[nan_row * FEATURES + 3] = NAN;
  write_array(store, name, rows, FEATURES, x);
  free(x);
}

static void write_weights(store_t *store, const char *name, int64_t first, int64_t rows) {
  ls_error error = {0};
  float *weights = malloc((size_t)rows * sizeof *weights);
  cr_assert_not_null(weights);
  for (int64_t i = 0; i < rows; i++) weights[i] = (float)fmax(0, 4 * noise((uint64_t)(first + i) + 17) - 1);
  cr_assert_eq(store_write(store, name, STORE_F32, 1, &rows, weights, &error), LS_OK, "%s", error.message);
  free(weights);
}

void write_dataset(const char *path, spec_t spec) {
  ls_error error = {0};
  store_t *store = NULL;
  spec_t good = {.rows = spec.rows, .regression = spec.regression, .one_hot = spec.one_hot};
  cr_assert_eq(store_create(path, &store, &error), LS_OK, "%s", error.message);
  write_x(store, "train/x", 0, spec.rows, spec.nan_row);
  if (!spec.without_y) write_y(store, "train/y", 0, spec.y_rows > 0 ? spec.y_rows : spec.rows, spec);
  write_x(store, "test/x", spec.rows, TEST_ROWS, 0);
  write_y(store, "test/y", spec.rows, TEST_ROWS, good);
  if (spec.weighted) write_weights(store, "train/weights", 0, spec.rows);
  if (spec.weighted) write_weights(store, "test/weights", spec.rows, TEST_ROWS);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
}
