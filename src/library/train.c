/* Training for other programs: the caller's settings, communicator and callbacks around train/insitu.h. Every
 * public function first leaves the caller's settings of OpenMP and floating point, and restores them before
 * the caller's code runs again. */
#include "library/library_impl.h"
#include "library/train_impl.h"

#include "score/caller.h"
#include "store/store.h"
#include "train/choices.h"
#include "train/insitu.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What messages and files call the settings and the data. */
static const char settings_source[] = "settings", data_source[] = "memory";

struct ls_training {
  world_t *world;
  settings_t *settings;
  memory_file_t data;
  line_log_t *lines;
  log_t log;
  insitu_t *insitu;
  insitu_report_t now; /* what is known of the training */
  double test_loss;
  bool has_failed, has_ended, keeps_run;
  ls_training_call *epoch;
  void *context;
  caller_t caller;
};

/* ---- the caller's settings ---- */

/* Threads that may have worked on this rank, one that communicates with them. */
static int threads_of(const ls_training *own) {
  int64_t threads = own->settings != NULL ? own->settings->parallel.threads : SETTINGS_AUTO;
  if (own->insitu != NULL) threads = insitu_threads(own->insitu);
  return threads > 0 && threads < MOST_CALLER_THREADS ? (int)threads + 1 : 1;
}

static void leave(ls_training *own) {
  caller_leave(&own->caller, threads_of(own));
}

/* Messages of the program, in words of the library: paths of temporary files would not help the caller, and
 * there are no options of a command line. */
static void reword(ls_error *error) {
  static const char of_name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
  static const struct {
    const char *from, *to, *more; /* letters that may follow `from` */
  } words[] = {{"/dev/shm/lockstep-data-", "the rows in memory", of_name},
               {"/tmp/lockstep-data-", "the rows in memory", of_name},
               {"--resume", "options.resumes", ""},
               {"--replace", "options.replaces", ""}};
  char rest[LS_MESSAGE_SIZE];
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    char *at = strstr(error->message, words[i].from);
    if (at == NULL) continue;
    const char *behind = at + strlen(words[i].from);
    snprintf(rest, sizeof rest, "%s", behind + strspn(behind, words[i].more));
    snprintf(at, sizeof error->message - (size_t)(at - error->message), "%s%s", words[i].to, rest);
  }
}

static ls_status come_back(ls_training *own, ls_status status, ls_error *error) {
  if (status != LS_OK) reword(error);
  caller_return(&own->caller, threads_of(own));
  return status;
}

/* After a failure of training, nothing is known of the state. The same on every rank. */
static ls_status check_usable(const ls_training *own, ls_error *error) {
  if (!own->has_failed) return LS_OK;
  return error_set(error, LS_USAGE, "this training has failed before, and can only be freed");
}

/* ---- settings ---- */

static ls_status check_options(const ls_training_options *options, ls_error *error) {
  if (options->settings == NULL) return error_set(error, LS_USAGE, "options.settings is NULL");
  if (options->n_overrides < 0 || (options->n_overrides > 0 && options->overrides == NULL))
    return error_set(error, LS_USAGE, "options: %" PRId64 " overrides at address %p", options->n_overrides,
                     (const void *)options->overrides);
  if (!options->keeps_run && (options->resumes || options->replaces))
    return error_set(error, LS_USAGE, "options: resumes and replaces are for a training with keeps_run");
  if (options->resumes && options->replaces)
    return error_set(error, LS_USAGE,
                     "options: resumes goes on with the earlier run and replaces removes it: choose one");
  return LS_OK;
}

/* The options' text and overrides. The name of the data comes last, so it holds. */
static ls_status parse(const ls_training_options *options, settings_t **out, ls_error *error) {
  char file[64], **words = NULL;
  size_t n = (size_t)options->n_overrides;
  TRY(check_options(options, error));
  words = calloc(n + 1, sizeof *words);
  if (words == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the settings");
  for (size_t i = 0; i < n; i++) words[i] = (char *)(uintptr_t)options->overrides[i]; /* only read */
  snprintf(file, sizeof file, "data.file=%s", data_source);
  words[n] = file;
  ls_status status = settings_parse(options->settings, strlen(options->settings), settings_source, words,
                                    n + 1, settings_choices(), out, error);
  free(words);
  if (status != LS_OK || (*out)->train.members == 1) return status;
  return error_set(error, LS_BAD_SETTINGS,
                   "train.members: a program cannot train an ensemble; train its members one by one");
}

/* LS_BAD_SETTINGS if a rank has other settings than rank 0. Collective. */
static ls_status compare(world_t *world, const settings_t *settings, ls_error *error) {
  char *mine = NULL, *first = NULL;
  ls_status status = settings_dump(settings, &mine, error);
  size_t size = status == LS_OK ? strlen(mine) + 1 : 0, sizes = size;
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_broadcast(world, &sizes, sizeof sizes, 0, error));
  first = malloc(sizes);
  if (first == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the settings");
  TRY_OR_DONE(world_agree(world, status, error));
  memcpy(first, mine, sizes < size ? sizes : size);
  TRY_OR_DONE(world_broadcast(world, first, sizes, 0, error));
  if (sizes != size || memcmp(mine, first, size) != 0)
    status = error_set(error, LS_BAD_SETTINGS, "the settings of this rank are not those of rank 0");
  status = world_agree(world, status, error);
done:
  free(mine);
  free(first);
  return status;
}

/* ---- life ---- */

static ls_status open_log(ls_training *own, const ls_training_options *options, ls_error *error) {
  if (options->log == NULL || world_rank(own->world) != 0) return LS_OK;
  own->lines = line_log_open(options->log, options->context, &own->caller.modes[0]);
  own->log.out = line_log_stream(own->lines);
  return own->lines != NULL ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for the log");
}

static ls_status create(ls_training *own, const ls_training_data *data, const ls_training_options *options,
                        ls_error *error) {
  TRY(world_agree(own->world, parse(options, &own->settings, error), error));
  TRY(compare(own->world, own->settings, error));
  TRY(world_agree(own->world, open_log(own, options, error), error));
  TRY(memory_file_make(own->world, data, own->settings, &own->data, error));
  own->settings->data.file = own->data.path;
  const train_options_t train = {.resume = options->resumes != 0,
                                 .replace = options->replaces != 0,
                                 .in_memory = options->keeps_run == 0,
                                 .data_name = data_source,
                                 .log = &own->log};
  store_allow_external(false);
  TRY(insitu_create(own->world, own->settings, &train, &own->insitu, error));
  if (own->settings->data.memory_limit == 0) memory_file_remove(&own->data); /* else it is read again */
  own->settings->data.file = data_source;
  return insitu_report(own->insitu, &own->now, error);
}

static void destroy(ls_training **training) {
  ls_training *own = *training;
  insitu_destroy(&own->insitu);
  memory_file_remove(&own->data);
  line_log_close(&own->lines);
  settings_destroy(&own->settings);
  world_destroy(&own->world);
  free(own);
  *training = NULL;
}

/* Every rank gets an empty training, or none does. Takes over the world. */
static ls_status new_training(world_t *world, ls_training **out, ls_error *error) {
  ls_training *own = calloc(1, sizeof *own);
  ls_status status = own == NULL ? error_set(error, LS_NO_MEMORY, "no memory for a training") : LS_OK;
  status = world_agree(world, status, error);
  if (status != LS_OK) {
    free(own);
    world_destroy(&world);
    return status;
  }
  own->world = world;
  own->test_loss = NAN;
  *out = own;
  return LS_OK;
}

ls_status ls_training_create(MPI_Comm communicator, const ls_training_data *data,
                             const ls_training_options *options, ls_training **out, ls_error *error) {
  static const ls_training_data no_data;
  static const ls_training_options no_options;
  ls_error local = {0};
  world_t *world = NULL;
  ls_training *own = NULL;
  if (error == NULL) error = &local;
  if (data == NULL) data = &no_data;
  if (options == NULL) options = &no_options;
  TRY(world_adopt(&communicator, &world, error));
  TRY(new_training(world, &own, error));
  own->keeps_run = options->keeps_run != 0;
  own->epoch = options->epoch;
  own->context = options->context;
  leave(own);
  ls_status status = come_back(own, create(own, data, options, error), error);
  if (status == LS_OK)
    *out = own;
  else
    ls_training_free(&own);
  return status;
}

void ls_training_free(ls_training **training) {
  if (training == NULL || *training == NULL) return;
  caller_t caller;
  const int threads = threads_of(*training);
  caller_leave(&caller, threads);
  destroy(training);
  caller_return(&caller, threads);
}

/* ---- training ---- */

static ls_training_epoch epoch_of(const insitu_report_t *report) {
  return (ls_training_epoch){.epoch = report->epoch,
                             .step = report->step,
                             .train_loss = report->train_loss,
                             .valid_loss = report->valid_loss,
                             .valid_accuracy = report->valid_accuracy,
                             .valid_mae = report->valid_mae,
                             .valid_rmse = report->valid_rmse,
                             .valid_r2 = report->valid_r2,
                             .learning_rate = report->learning_rate,
                             .gradient_norm = report->gradient_norm,
                             .seconds = report->seconds,
                             .checksum = report->checksum};
}

/* Calls the caller's function. *stops is the same on every rank. Collective. */
static ls_status tell(ls_training *own, bool *stops, ls_error *error) {
  const ls_training_epoch epoch = epoch_of(&own->now);
  int64_t answer = 0;
  if (own->epoch == NULL) return LS_OK;
  caller_return(&own->caller, threads_of(own));
  answer = own->epoch(&epoch, own->context) != 0;
  leave(own);
  TRY(world_max_i64(own->world, &answer, 1, error));
  *stops = answer != 0;
  return LS_OK;
}

static ls_status run(ls_training *own, bool *ended, ls_error *error) {
  bool stops = false;
  while (!own->now.is_over && !stops) {
    TRY(insitu_epoch(own->insitu, error));
    TRY(insitu_report(own->insitu, &own->now, error));
    if (own->now.is_new) TRY(tell(own, &stops, error));
  }
  *ended = own->now.is_over && !own->now.is_requested;
  if (!*ended || own->has_ended) return LS_OK;
  TRY(insitu_end(own->insitu, &own->test_loss, error));
  own->has_ended = true;
  return insitu_report(own->insitu, &own->now, error); /* of the best parameters */
}

/* A training that a limit has ended goes on with the next call. */
static ls_status stopped(ls_training *own, ls_error *error) {
  own->now.is_over = false;
  return error_set(error, LS_STOPPED, "stopped after step %" PRId64 ": train.time_limit is near%s",
                   own->now.step, own->keeps_run ? "; there is a checkpoint" : "");
}

ls_status ls_training_run(ls_training *training, int *ended, ls_error *error) {
  ls_error local = {0};
  bool has_ended = false;
  if (error == NULL) error = &local;
  TRY(check_usable(training, error));
  leave(training);
  ls_status status = run(training, &has_ended, error);
  training->has_failed = status != LS_OK;
  if (status == LS_OK && training->now.is_requested && training->now.is_over)
    status = stopped(training, error);
  if (status == LS_OK && ended != NULL) *ended = has_ended;
  return come_back(training, status, error);
}

/* ---- results ---- */

ls_status ls_training_save(ls_training *training, ls_error *error) {
  ls_error local = {0};
  if (error == NULL) error = &local;
  TRY(check_usable(training, error));
  if (!training->keeps_run)
    return error_set(error, LS_USAGE, "checkpoints are in the directory of a run: set options.keeps_run");
  if (training->has_ended)
    return error_set(error, LS_USAGE, "the training has ended: its model is in the directory of the run");
  leave(training);
  return come_back(training, insitu_save(training->insitu, error), error);
}

ls_status ls_training_write(ls_training *training, const char *path, ls_error *error) {
  ls_error local = {0};
  if (error == NULL) error = &local;
  TRY(check_usable(training, error));
  leave(training);
  return come_back(training, insitu_write(training->insitu, path, error), error);
}

/* Rank 0 reads the model that it has written. */
static ls_status read_bytes(const char *path, char **bytes, size_t *size, ls_error *error) {
  FILE *file = fopen(path, "rb");
  long end = -1;
  if (file != NULL && fseek(file, 0, SEEK_END) == 0) end = ftell(file);
  *size = end > 0 ? (size_t)end : 0;
  *bytes = end > 0 ? malloc(*size) : NULL;
  bool is_read = *bytes != NULL && fseek(file, 0, SEEK_SET) == 0 && fread(*bytes, 1, *size, file) == *size;
  ls_status status =
      is_read ? LS_OK : error_set(error, LS_IO, "the model in %s cannot be read: %s", path, strerror(errno));
  if (file != NULL) fclose(file);
  return status;
}

/* The bytes of a model file of now, on every rank. malloc'd. Collective. */
static ls_status model_bytes(ls_training *own, char **bytes, size_t *size, ls_error *error) {
  char path[TEMPORARY_PATH_SIZE] = "";
  bool is_root = world_rank(own->world) == 0;
  ls_status status = LS_OK;
  int file = is_root ? temporary_open("model", path) : -1;
  if (is_root && file < 0)
    status = error_set(error, LS_IO, "no temporary file for a model: %s", strerror(errno));
  if (file >= 0) close(file);
  TRY_OR_DONE(world_agree(own->world, status, error));
  TRY_OR_DONE(insitu_write(own->insitu, path, error));
  if (is_root) status = read_bytes(path, bytes, size, error);
  TRY_OR_DONE(world_agree(own->world, status, error));
  TRY_OR_DONE(world_broadcast(own->world, size, sizeof *size, 0, error));
  if (!is_root) *bytes = malloc(*size);
  if (*bytes == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for a model of %zu bytes", *size);
  TRY_OR_DONE(world_agree(own->world, status, error));
  status = world_broadcast(own->world, *bytes, *size, 0, error);
done:
  if (path[0] != '\0') unlink(path);
  return status;
}

ls_status ls_training_model(ls_training *training, ls_model **out, ls_error *error) {
  ls_error local = {0};
  char *bytes = NULL;
  size_t size = 0;
  ls_model *model = NULL;
  if (error == NULL) error = &local;
  TRY(check_usable(training, error));
  leave(training);
  ls_status status = model_bytes(training, &bytes, &size, error);
  if (status == LS_OK)
    status = world_agree(training->world, ls_model_read_memory(bytes, size, &model, error), error);
  free(bytes);
  if (status == LS_OK)
    *out = model;
  else
    ls_model_free(&model);
  return come_back(training, status, error);
}

double ls_training_test_loss(const ls_training *training) {
  return training->test_loss;
}

int64_t ls_training_epochs(const ls_training *training) {
  return training->now.epoch;
}

int64_t ls_training_steps(const ls_training *training) {
  return training->now.step;
}

const char *ls_training_checksum(const ls_training *training) {
  return training->now.checksum;
}
