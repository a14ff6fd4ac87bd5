#include "run/partner.h"

#include "base/activity.h"
#include "run/predecessor.h"
#include "run/run_lock.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 4 << 20, NAME_SIZE = 64, ALL = -1 };

static ls_status copies_of(const run_directory_t *run, run_directory_t *out, ls_error *error) {
  int length = snprintf(out->path, sizeof out->path, "%s.copy", run->path);
  out->lock = NULL;
  if (length >= (int)sizeof out->path)
    return error_set(error, LS_BAD_SETTINGS, "runs: the path of the run directory is too long");
  return LS_OK;
}

/* ---- files on their way ---- */

/* A file that one rank sends to another one, or to ALL. */
typedef struct {
  world_t *world;
  int from, to;
  const char *source; /* on `from`: the path */
  const char *target; /* NULL: this rank does not keep the file */
  size_t *sizes;      /* room (ranks) */
  char *chunk;        /* room (CHUNK) */
} transfer_t;

static ls_status read_error(const char *path, ls_error *error) {
  return error_set(error, LS_IO, "%s: cannot be read: %s", path, strerror(errno));
}

/* Opens the file and tells all ranks its size. Collective. */
static ls_status open_source(const transfer_t *t, int *file, int64_t *size, ls_error *error) {
  const bool sends = world_rank(t->world) == t->from;
  struct stat about = {0};
  ls_status status = LS_OK;
  *file = sends ? open(t->source, O_RDONLY | O_CLOEXEC) : -1;
  if (sends && (*file < 0 || fstat(*file, &about) != 0)) status = read_error(t->source, error);
  status = world_agree(t->world, status, error);
  *size = about.st_size;
  return status == LS_OK ? world_broadcast(t->world, size, sizeof *size, t->from, error) : status;
}

static ls_status read_chunk(int file, const transfer_t *t, size_t size, ls_error *error) {
  for (size_t done = 0; done < size;) {
    ssize_t got = read(file, t->chunk + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = ENODATA;
    if (got <= 0) return read_error(t->source, error);
    done += (size_t)got;
  }
  return LS_OK;
}

static ls_status send_chunk(const transfer_t *t, size_t size, ls_error *error) {
  if (t->to == ALL) return world_broadcast(t->world, t->chunk, size, t->from, error);
  const char nothing = 0;
  const char *mine = world_rank(t->world) == t->from ? t->chunk : &nothing;
  t->sizes[t->from] = size;
  ls_status status = world_gather_pieces(t->world, mine, t->sizes, t->chunk, t->to, error);
  t->sizes[t->from] = 0;
  return status;
}

/* Sends all bytes, also after a failure of one rank, so that all ranks make the same calls. *problem is that
 * of this rank. Returns LS_COMM. */
static ls_status send_bytes(const transfer_t *t, int file, int64_t size, store_bytes_t *to, ls_error *problem,
                            ls_error *error) {
  for (int64_t done = 0; done < size; done += CHUNK) {
    const size_t n = (size_t)(size - done < CHUNK ? size - done : CHUNK);
    if (file >= 0 && problem->status == LS_OK) problem->status = read_chunk(file, t, n, problem);
    TRY(send_chunk(t, n, error));
    if (to != NULL && problem->status == LS_OK)
      problem->status = store_bytes_append(to, t->chunk, n, problem);
  }
  return LS_OK;
}

/* The target appears complete or not at all. The same status on all ranks. Collective. */
static ls_status transfer(const transfer_t *t, ls_error *error) {
  int file = -1;
  int64_t size = 0;
  store_bytes_t *to = NULL;
  ls_error problem = {0};
  ls_status status = open_source(t, &file, &size, error);
  if (status == LS_OK && t->target != NULL) problem.status = store_bytes_create(t->target, &to, &problem);
  if (status == LS_OK) status = send_bytes(t, file, size, to, &problem, error);
  if (file >= 0) close(file);
  if (status == LS_OK) {
    if (error != NULL) *error = problem;
    status = world_agree(t->world, problem.status, error);
  }
  if (status == LS_OK && to != NULL) problem.status = store_bytes_publish(&to, &problem);
  store_bytes_drop(&to);
  if (status != LS_OK) return status;
  if (error != NULL) *error = problem;
  return world_agree(t->world, problem.status, error);
}

static ls_status take_room(world_t *world, size_t **sizes, char **chunk, ls_error *error) {
  *sizes = calloc((size_t)world_size(world), sizeof **sizes);
  *chunk = malloc(CHUNK);
  if (*sizes != NULL && *chunk != NULL) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for copies of checkpoints");
}

/* ---- blind ranks ---- */

/* Sets blind (ranks) to whether a rank is the first one of its host that does not see the run directory. */
static ls_status find_blind(const partner_inputs_t *in, bool *blind, ls_error *error) {
  bool sees = true;
  TRY(run_lock_is_seen(in->world, in->run->path, in->run->lock, &sees, error));
  const bool mine = !sees;
  TRY(world_gather(in->world, &mine, sizeof mine, blind, error));
  for (int r = world_size(in->world) - 1; r > 0; r--)
    for (int before = 0; before < r && blind[r]; before++)
      if (blind[before] && strcmp(world_host(in->world, before), world_host(in->world, r)) == 0)
        blind[r] = false;
  return LS_OK;
}

static int count(const bool *blind, int ranks) {
  int n = 0;
  for (int r = 0; r < ranks; r++) n += blind[r];
  return n;
}

/* ---- restoring ---- */

/* What a rank has found on its disk. */
typedef struct {
  int64_t step; /* -1: nothing */
  int64_t best_step;
  bool in_run; /* in runs/NAME, not in runs/NAME.copy */
} found_t;

/* Keeps the checkpoint of `run` if it is the newest one so far. */
static void look_in(const run_directory_t *run, const log_t *log, bool in_run, found_t *found) {
  position_t position = {0};
  ls_error ignored = {0}; /* reported in the log */
  bool has = false;
  if (run_newest_checkpoint(run, log, &has, &position, &ignored) == LS_OK && has &&
      position.step > found->step)
    *found = (found_t){position.step, position.best_step, in_run};
}

/* The rank whose checkpoint the run goes on from: the newest; -1: there is none. */
static int choose_holder(const found_t *all, int ranks) {
  int holder = -1;
  for (int r = 0; r < ranks; r++)
    if (all[r].step >= 0 && (holder < 0 || all[r].step > all[holder].step)) holder = r;
  return holder;
}

/* The file with the best parameters of the checkpoint of `step`: another checkpoint, or best-STEP.h5; "" if
 * there is none but the checkpoint itself. */
static void name_best(const run_directory_t *run, int64_t step, int64_t best_step, char out[NAME_SIZE]) {
  char path[RUN_FILE_SIZE];
  out[0] = '\0';
  for (int i = 0; i < 2 && best_step >= 0 && best_step != step && out[0] == '\0'; i++) {
    (i == 0 ? run_checkpoint : run_best)(run, best_step, path);
    if (run_has(path)) snprintf(out, NAME_SIZE, "%s", strrchr(path, '/') + 1);
  }
}

/* Gives one file of the holder's directory to all ranks that lack it. Collective. */
static ls_status spread_file(const partner_inputs_t *in, const transfer_t *how, const run_directory_t *from,
                             const char *name, bool lacks, ls_error *error) {
  char source[RUN_FILE_SIZE], target[RUN_FILE_SIZE], all[NAME_SIZE];
  transfer_t t = *how;
  snprintf(all, sizeof all, "%s", name);
  TRY(world_broadcast(in->world, all, sizeof all, t.from, error));
  if (all[0] == '\0') return LS_OK;
  run_file(from, all, source);
  run_file(in->run, all, target);
  t.source = source;
  t.target = lacks ? target : NULL;
  return transfer(&t, error);
}

/* Collective. */
static ls_status spread(const partner_inputs_t *in, const found_t *all, int holder, bool lacks,
                        ls_error *error) {
  run_directory_t from = *in->run;
  transfer_t how = {.world = in->world, .from = holder, .to = ALL};
  char name[RUN_FILE_SIZE], best[NAME_SIZE];
  ls_status status = all[holder].in_run ? LS_OK : copies_of(in->run, &from, error);
  if (status == LS_OK && lacks) status = store_make_directory(in->run->path, error);
  if (status == LS_OK) status = take_room(in->world, &how.sizes, &how.chunk, error);
  status = world_agree(in->world, status, error);
  if (status == LS_OK) {
    name_best(&from, all[holder].step, all[holder].best_step, best);
    status = spread_file(in, &how, &from, best, lacks, error);
  }
  if (status == LS_OK) {
    run_checkpoint(&from, all[holder].step, name);
    status = spread_file(in, &how, &from, strrchr(name, '/') + 1, lacks, error);
  }
  if (status == LS_OK && lacks && world_rank(in->world) != 0)
    run_prune(in->run, in->settings->checkpoint.keep, all[holder].best_step);
  if (status == LS_OK && holder != 0)
    log_info(in->log, "the checkpoint of step %" PRId64 " comes from %s, on whose disk it was kept",
             all[holder].step, world_host(in->world, holder));
  free(how.sizes);
  free(how.chunk);
  return status;
}

/* `blind` and `all` are room for a value of each rank. */
static ls_status restore(const partner_inputs_t *in, bool *blind, found_t *all, ls_error *error) {
  const int rank = world_rank(in->world), ranks = world_size(in->world);
  const log_t quiet = {0};
  run_directory_t copies;
  found_t mine = {.step = -1, .best_step = -1};
  TRY(find_blind(in, blind, error));
  TRY(world_agree(in->world, copies_of(in->run, &copies, error), error));
  if (blind[rank]) look_in(in->run, &quiet, true, &mine);
  if (blind[rank] || rank == 0) look_in(&copies, &quiet, false, &mine);
  int64_t newest = mine.step;
  TRY(world_max_i64(in->world, &newest, 1, error));
  if (newest < 0 && count(blind, ranks) == 0) return LS_OK; /* only rank 0 can have a checkpoint */
  if (rank == 0) {
    found_t own = {.step = -1, .best_step = -1};
    look_in(in->run, in->log, true, &own);
    if (own.step >= mine.step) mine = own;
  }
  TRY(world_gather(in->world, &mine, sizeof mine, all, error));
  const int holder = choose_holder(all, ranks);
  if (holder < 0) return LS_OK;
  const bool is_here = mine.in_run && mine.step == all[holder].step;
  const bool lacks = (rank == 0 || blind[rank]) && !is_here;
  int64_t any = lacks;
  TRY(world_max_i64(in->world, &any, 1, error));
  return any ? spread(in, all, holder, lacks, error) : LS_OK;
}

ls_status partner_restore(const partner_inputs_t *inputs, ls_error *error) {
  const size_t ranks = (size_t)world_size(inputs->world);
  bool *blind = calloc(ranks, sizeof *blind);
  found_t *all = calloc(ranks, sizeof *all);
  activity_set("looking for checkpoints");
  ls_status status = blind != NULL && all != NULL
                         ? LS_OK
                         : error_set(error, LS_NO_MEMORY, "no memory to look for checkpoints");
  status = world_agree(inputs->world, status, error);
  if (status == LS_OK) status = restore(inputs, blind, all, error);
  free(blind);
  free(all);
  return status;
}

/* ---- copying ---- */

static void report_partners(const partner_t *partner, int blind) {
  const partner_inputs_t *in = &partner->in;
  const int64_t wanted = in->settings->checkpoint.copies;
  if (blind == 0)
    log_info(in->log, "checkpoint.copies: all hosts see %s, so there is one copy of its checkpoints",
             in->run->path);
  else if (partner->n + 1 < wanted)
    log_warn(in->log, "checkpoint.copies: %d copies in place of %" PRId64 ", because there are %d hosts",
             partner->n + 1, wanted, partner->n + 1);
}

static ls_status choose_partners(partner_t *partner, bool *blind, ls_error *error) {
  TRY(find_blind(&partner->in, blind, error));
  const int ranks = world_size(partner->in.world);
  for (int r = 0; r < ranks && partner->n + 1 < partner->in.settings->checkpoint.copies; r++)
    if (blind[r]) partner->ranks[partner->n++] = r;
  report_partners(partner, count(blind, ranks));
  return LS_OK;
}

static bool keeps(const partner_t *partner) {
  for (int i = 0; i < partner->n; i++)
    if (partner->ranks[i] == world_rank(partner->in.world)) return true;
  return false;
}

static ls_status prepare_directory(const partner_t *partner, ls_error *error) {
  if (!keeps(partner)) return LS_OK;
  const log_t quiet = {0};
  if (!partner->in.resumes)
    TRY(run_directory_fresh(&partner->own, partner->in.replaces, &quiet, error));
  else
    TRY(store_make_directory(partner->own.path, error));
  run_tidy(&partner->own);
  return run_write_settings(&partner->own, partner->in.settings, error);
}

ls_status partner_open(const partner_inputs_t *inputs, partner_t *partner, ls_error *error) {
  const size_t ranks = (size_t)world_size(inputs->world);
  *partner = (partner_t){.in = *inputs, .step = -1, .best_step = -1};
  if (inputs->settings->checkpoint.copies == 1) return LS_OK;
  bool *blind = calloc(ranks, sizeof *blind);
  partner->ranks = calloc(ranks, sizeof *partner->ranks);
  ls_status status = take_room(inputs->world, &partner->sizes, &partner->chunk, error);
  if (status == LS_OK && (blind == NULL || partner->ranks == NULL))
    status = error_set(error, LS_NO_MEMORY, "no memory for copies of checkpoints");
  if (status == LS_OK) status = copies_of(inputs->run, &partner->own, error);
  status = world_agree(inputs->world, status, error);
  if (status == LS_OK) status = choose_partners(partner, blind, error);
  free(blind);
  if (status == LS_OK) status = world_agree(inputs->world, prepare_directory(partner, error), error);
  return status;
}

void partner_free(partner_t *partner) {
  free(partner->ranks);
  free(partner->sizes);
  free(partner->chunk);
  *partner = (partner_t){0};
}

/* Sends one file of the run to a partner. Collective. */
static ls_status copy_file(const partner_t *partner, int to, const char *name, ls_error *error) {
  char source[RUN_FILE_SIZE], target[RUN_FILE_SIZE];
  run_file(partner->in.run, name, source);
  run_file(&partner->own, name, target);
  const transfer_t t = {.world = partner->in.world,
                        .to = to,
                        .source = source,
                        .target = world_rank(partner->in.world) == to ? target : NULL,
                        .sizes = partner->sizes,
                        .chunk = partner->chunk};
  return transfer(&t, error);
}

/* On the partner: the copy must have the bytes that rank 0 has sealed. */
static ls_status check_copy(const partner_t *partner, const char *name, ls_error *error) {
  char path[RUN_FILE_SIZE];
  position_t position;
  run_file(&partner->own, name, path);
  ls_status status = checkpoint_read_position(path, &position, error);
  if (status != LS_OK) unlink(path);
  return status;
}

/* `names`: the best parameters, or "", and the checkpoint. Collective. */
static ls_status copy_to(const partner_t *partner, int to, char names[2][NAME_SIZE], int64_t best_step,
                         ls_error *error) {
  const bool receives = world_rank(partner->in.world) == to;
  for (int i = 0; i < 2; i++)
    if (names[i][0] != '\0') TRY(copy_file(partner, to, names[i], error));
  TRY(world_agree(partner->in.world, receives ? check_copy(partner, names[1], error) : LS_OK, error));
  if (receives) run_prune(&partner->own, partner->in.settings->checkpoint.keep, best_step);
  return LS_OK;
}

ls_status partner_copy(partner_t *partner, int64_t good_step, int64_t best_step, ls_error *error) {
  struct {
    int64_t step, best_step;
    char names[2][NAME_SIZE];
  } what = {.step = good_step > partner->step ? good_step : -1, .best_step = best_step, .names = {""}};
  char path[RUN_FILE_SIZE];
  if (partner->n == 0) return LS_OK;
  if (world_rank(partner->in.world) == 0 && what.step >= 0) {
    if (best_step != partner->best_step) name_best(partner->in.run, good_step, best_step, what.names[0]);
    run_checkpoint(partner->in.run, good_step, path);
    snprintf(what.names[1], NAME_SIZE, "%s", strrchr(path, '/') + 1);
    partner->step = good_step;
    partner->best_step = best_step;
  }
  TRY(world_broadcast(partner->in.world, &what, sizeof what, 0, error));
  for (int i = 0; what.step >= 0 && i < partner->n; i++) {
    ls_error problem = {0};
    activity_set("copying the checkpoint of step %" PRId64 " to rank %d", what.step, partner->ranks[i]);
    ls_status status = copy_to(partner, partner->ranks[i], what.names, what.best_step, &problem);
    activity_set("training");
    if (status == LS_COMM) {
      if (error != NULL) *error = problem;
      return status;
    }
    if (status != LS_OK)
      log_warn(partner->in.log,
               "the copy of the checkpoint of step %" PRId64 " on %s failed: %s; training goes on", what.step,
               world_host(partner->in.world, partner->ranks[i]), problem.message);
  }
  return LS_OK;
}
