/* Reads thousands of damaged copies of a file as the commands do: each is found to be damaged, or has the
 * same content. Children read, so a crash or a hang is one case, and counted.
 *
 *   damage KIND FILE DAMAGE STRIDE
 *
 * KIND: model, as `predict`, `eval` and `info` read it; checkpoint, as a resumed run does; dataset.
 * DAMAGE: flips    a bit of every STRIDE-th byte is flipped
 *         zeros    512 bytes, from every STRIDE-th byte on, become zero
 *         cuts     the file ends at every STRIDE-th byte
 * Prints a line of counts. Ends with 1 if there was a crash, a hang or a silent difference. */
#include "base/checksum.h"
#include "run/checkpoint.h"
#include "score/model_file.h"
#include "store/store.h"
#include "train/choices.h"
#include "train/fitting.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ZEROS = 512, CASE_SECONDS = 40 };

/* ---- content ---- */

static void add_text(checksum_t *sum, const char *text) {
  if (text != NULL) checksum_add(sum, text, strlen(text) + 1);
}

static ls_status add_model(const char *path, checksum_t *sum, model_t **out, ls_error *error) {
  char *settings = NULL;
  TRY(model_read(path, settings_choices(), out, error));
  const model_t *model = *out;
  TRY(settings_dump(model->settings, &settings, error));
  add_text(sum, settings);
  free(settings);
  for (int64_t m = 0; m < model->n_members; m++)
    checksum_add(sum, model->members[m], graph_floats(model->graph) * sizeof(float));
  const int64_t numbers[] = {model->step, model->epoch, model->shards, model->features.columns};
  checksum_add(sum, numbers, sizeof numbers);
  add_text(sum, model->checksum);
  for (int c = 0; model->class_names[0] != NULL && c < model->objective.heads[0].outputs; c++)
    add_text(sum, model->class_names[0][c]);
  return LS_OK;
}

static ls_status read_model(const char *path, checksum_t *sum, ls_error *error) {
  model_t *model = NULL;
  ls_status status = add_model(path, sum, &model, error);
  model_destroy(&model);
  return status;
}

static ls_status add_checkpoint(const char *path, const model_t *model, checksum_t *sum, ls_error *error) {
  const settings_t *settings = model->settings;
  const optimizer_t *optimizer =
      fitting_is_wanted(settings) ? fitting_optimizer() : optimizer_find(settings->optimizer.name);
  size_t floats = graph_floats(model->graph);
  checkpoint_t checkpoint = {.history = {.objective = &model->objective}};
  float *vectors = calloc((size_t)(OPTIMIZER_MAX_STATES + 1) * floats, sizeof *vectors);
  double *losses = calloc((size_t)(model->shards * MOST_HEADS), sizeof *losses);
  if (vectors == NULL || losses == NULL) abort();
  checkpoint.parameters = vectors;
  for (int k = 0; k < OPTIMIZER_MAX_STATES; k++) checkpoint.states[k] = vectors + (size_t)(k + 1) * floats;
  checkpoint.epoch_loss = losses;
  ls_status status = checkpoint_read(path, model->graph, optimizer, &checkpoint, error);
  if (status == LS_OK) {
    const position_t *position = &checkpoint.position;
    const int64_t numbers[] = {position->step,      position->epoch, position->step_in_epoch,
                               position->best_step, position->rows,  position->shards};
    checksum_add(sum, numbers, sizeof numbers);
    checksum_add(sum, vectors, (size_t)(OPTIMIZER_MAX_STATES + 1) * floats * sizeof *vectors);
    checksum_add(sum, losses, (size_t)position->shards * sizeof *losses);
    for (size_t i = 0; i < checkpoint.history.n; i++) {
      const history_row_t *row = &checkpoint.history.rows[i];
      checksum_add(sum, row->values, sizeof row->values);
      checksum_add(sum, &row->checksum, sizeof row->checksum);
    }
  }
  history_free(&checkpoint.history);
  free(vectors);
  free(losses);
  return status;
}

static ls_status read_checkpoint(const char *path, checksum_t *sum, ls_error *error) {
  position_t position;
  model_t *model = NULL;
  TRY(checkpoint_read_position(path, &position, error));
  ls_status status = add_model(path, sum, &model, error);
  if (status == LS_OK) status = add_checkpoint(path, model, sum, error);
  model_destroy(&model);
  return status;
}

typedef struct {
  const store_t *store;
  checksum_t *sum;
} walk_t;

static ls_status add_array(const char *name, const store_array_t *array, void *context, ls_error *error) {
  walk_t *walk = context;
  int64_t elements = 1;
  for (int d = 0; d < array->dims; d++) elements *= array->shape[d];
  double *values = calloc((size_t)elements + 1, sizeof *values);
  if (values == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %s", name);
  ls_status status =
      store_read_rows(walk->store, name, 0, array->dims > 0 ? array->shape[0] : 1, STORE_F64, values, error);
  add_text(walk->sum, name);
  checksum_add(walk->sum, array->shape, (size_t)array->dims * sizeof *array->shape);
  checksum_add(walk->sum, values, (size_t)elements * sizeof *values);
  free(values);
  return status;
}

static ls_status read_dataset(const char *path, checksum_t *sum, ls_error *error) {
  store_t *store = NULL;
  bool sealed = false;
  TRY(store_open(path, &store, error));
  ls_status status = store_check(path, 0, 1, &sealed, error);
  /* without a seal, rows are trained as they are: the manifest tells, as `info` and `check` do */
  if (status == LS_OK && !sealed) status = store_verify(store, error);
  if (status == LS_OK) status = store_visit(store, add_array, &(walk_t){store, sum}, error);
  store_close(&store);
  return status;
}

static const struct {
  const char *name;
  ls_status (*read)(const char *path, checksum_t *sum, ls_error *error);
} kinds[] = {{"model", read_model}, {"checkpoint", read_checkpoint}, {"dataset", read_dataset}};

static int kind;

/* The checksum of the content, or 0 for a file that is refused. */
static uint64_t content(const char *path) {
  ls_error error = {0};
  checksum_t *sum = checksum_begin();
  ls_status status = kinds[kind].read(path, sum, &error);
  uint64_t value = checksum_end(&sum);
  if (status != LS_OK && error.message[0] == '\0') abort(); /* refused without a word */
  return status == LS_OK ? value : 0;
}

/* ---- damage ---- */

static unsigned char *bytes;
static size_t size;
static int copy; /* the file that is damaged */

static void put(size_t at, const void *data, size_t n) {
  if (pwrite(copy, data, n, (off_t)at) != (ssize_t)n) abort();
}

static bool flip(size_t at) {
  unsigned char byte = (unsigned char)(bytes[at] ^ (1 << at % 8));
  put(at, &byte, 1);
  return true;
}

static bool zero(size_t at) {
  static const unsigned char zeros[ZEROS];
  size_t n = size - at < ZEROS ? size - at : ZEROS;
  put(at, zeros, n);
  return memcmp(bytes + at, zeros, n) != 0;
}

static bool cut(size_t at) {
  if (ftruncate(copy, (off_t)at) != 0) abort();
  return true;
}

/* Each damages the copy; false if it is as before. */
static const struct {
  const char *name;
  bool (*damage)(size_t at);
  bool repairs_all; /* else ZEROS bytes at most */
} damages[] = {{"flips", flip, false}, {"zeros", zero, false}, {"cuts", cut, true}};

static int damage;

/* Shared with the child that reads. */
typedef struct {
  size_t at;
  long found, same, different;
} progress_t;

static void try_all(progress_t *progress, const char *path, size_t stride, uint64_t expected) {
  for (; progress->at < size; progress->at += stride) {
    size_t at = progress->at, n = damages[damage].repairs_all ? size - at
                                  : size - at < ZEROS         ? size - at
                                                              : ZEROS;
    alarm(CASE_SECONDS);
    damages[damage].damage(at);
    uint64_t sum = content(path);
    progress->found += sum == 0;
    progress->same += sum == expected;
    if (sum != 0 && sum != expected) {
      progress->different++;
      printf("%s at byte %zu: a silent difference\n", damages[damage].name, at);
    }
    put(at, bytes + at, n);
  }
}

static int find(const char *name, const char *what, const char *const *names, int n) {
  for (int i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return i;
  fprintf(stderr, "damage: there is no %s '%s'\n", what, name);
  exit(2);
}

static void load(const char *path) {
  struct stat about;
  int file = open(path, O_RDONLY);
  if (file < 0 || fstat(file, &about) != 0) abort();
  size = (size_t)about.st_size;
  bytes = malloc(size);
  if (bytes == NULL || read(file, bytes, size) != (ssize_t)size) abort();
  close(file);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  kind = find(argv[1], "kind", (const char *[]){"model", "checkpoint", "dataset"}, 3);
  damage = find(argv[3], "damage", (const char *[]){"flips", "zeros", "cuts"}, 3);
  const size_t stride = (size_t)atol(argv[4]);
  char path[] = "/tmp/lockstep-damage-XXXXXX";
  load(argv[2]);
  copy = mkstemp(path);
  put(0, bytes, size);
  const uint64_t expected = content(path);
  progress_t *progress =
      mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (expected == 0 || stride == 0 || progress == MAP_FAILED) abort();
  long crashes = 0, hangs = 0;
  while (progress->at < size) {
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      try_all(progress, path, stride, expected);
      fflush(stdout);
      _exit(0);
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    hangs += hung;
    crashes += !hung;
    printf("%s at byte %zu: %s\n", argv[3], progress->at, hung ? "hangs" : "crashes");
    put(0, bytes, size);
    progress->at += stride;
  }
  unlink(path);
  printf("%-10s %s of %zu bytes, every %zu: %ld found, %ld the same, %ld different, %ld crashes, %ld hangs\n",
         argv[1], argv[3], size, stride, progress->found, progress->same, progress->different, crashes,
         hangs);
  return progress->different > 0 || crashes > 0 || hangs > 0;
}
