/* Copies of checkpoints on another host: the bytes of all chunks, and no file that stays open; a partner that
 * cannot keep a copy ends no run. The file is longer than two chunks of what is sent at a time. */
#include "run/partner.h"

#include "mpi/check.h"
#include "store/descriptors.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 4 << 20, BYTES = 2 * CHUNK + 12345 };

/* The file need not be a checkpoint: this one is good if it is there. */
ls_status checkpoint_read_position(const char *path, position_t *out, ls_error *error) {
  *out = (position_t){.step = 1};
  return access(path, R_OK) == 0 ? LS_OK : error_set(error, LS_BAD_DATA, "%s is missing", path);
}

static unsigned char byte_at(size_t i) {
  return (unsigned char)(i * 7 + i / CHUNK * 31 + i / 1000);
}

static void write_source(const run_directory_t *run, int64_t step) {
  char path[RUN_FILE_SIZE];
  run_checkpoint(run, step, path);
  FILE *file = fopen(path, "wb");
  CHECK(file != NULL, "%s", path);
  for (size_t i = 0; file != NULL && i < BYTES; i++) fputc(byte_at(i), file);
  if (file != NULL) fclose(file);
}

static void check_copy(const run_directory_t *run, int64_t step) {
  char path[RUN_FILE_SIZE];
  unsigned char *found = malloc(BYTES + 1);
  run_checkpoint(run, step, path);
  FILE *file = fopen(path, "rb");
  size_t n = file != NULL && found != NULL ? fread(found, 1, BYTES + 1, file) : 0, wrong = 0;
  if (file != NULL) fclose(file);
  CHECK(n == BYTES, "%s has %zu bytes", path, n);
  for (size_t i = 0; i < n && i < BYTES; i++) wrong += found[i] != byte_at(i);
  CHECK(wrong == 0, "%zu bytes of the copy are wrong", wrong);
  free(found);
}

/* The last rank keeps copies. */
static void check_partner(world_t *world, const char *place) {
  ls_error error = {0};
  const int rank = world_rank(world), size = world_size(world);
  const settings_t settings = {.checkpoint = {.keep = 2, .copies = 2}};
  static const log_t quiet = {0};
  int keeper = size - 1;
  run_directory_t run = {.lock = NULL};
  partner_t partner = {.in = {.world = world, .run = &run, .settings = &settings, .log = &quiet},
                       .ranks = &keeper,
                       .n = 1,
                       .step = -1,
                       .best_step = -1};
  snprintf(run.path, sizeof run.path, "%s/run", place);
  snprintf(partner.own.path, sizeof partner.own.path, "%s/copy", place);
  partner.sizes = calloc((size_t)size, sizeof *partner.sizes);
  partner.chunk = malloc(CHUNK);
  if (rank == 0) write_source(&run, 1);
  CHECK_OK(partner_copy(&partner, 1, -1, &error));
  if (rank == keeper) check_copy(&partner.own, 1);
  int before = open_descriptors();
  if (rank == 0) write_source(&run, 2);
  CHECK_OK(partner_copy(&partner, 2, -1, &error));
  if (rank == keeper) check_copy(&partner.own, 2);
  CHECK_OK(partner_copy(&partner, 3, -1, &error)); /* is not there: reported, and the run goes on */
  snprintf(partner.own.path, sizeof partner.own.path, "%s/missing", place);
  if (rank == 0) write_source(&run, 4);
  CHECK_OK(partner_copy(&partner, 4, -1, &error));
  CHECK(open_descriptors() == before, "rank %d: %d descriptors before, %d after", rank, before,
        open_descriptors());
  free(partner.sizes);
  free(partner.chunk);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  char place[] = "/tmp/lockstep-copies-XXXXXX", command[96];
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  if (world_rank(world) == 0) {
    CHECK(mkdtemp(place) != NULL, "no temporary directory");
    snprintf(command, sizeof command, "mkdir %s/run %s/copy", place, place);
    CHECK(system(command) == 0, "%s", command);
  }
  CHECK_OK(world_broadcast(world, place, sizeof place, 0, &error));
  world_set_timeout(world, 20);
  if (world_size(world) > 1) check_partner(world, place);
  CHECK_OK(world_barrier(world, &error));
  snprintf(command, sizeof command, "rm -r %s", place);
  if (world_rank(world) == 0) CHECK(system(command) == 0, "%s", command);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
