/* What the ranks of a host need is their sum, whichever rank needs the most. */
#include "host/preflight.h"

#include "comm/world_impl.h"
#include "mpi/check.h"
#include "host/host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* The warnings that rank 0 gives. Valid until the next call. */
static const char *warnings_for(world_t *world, const preflight_needs_t *needs) {
  static char *text;
  size_t size = 0;
  ls_error error = {0};
  const layout_t layout = {.threads = 1, .cores_host = 1, .cores_online = 1};
  free(text);
  text = NULL;
  FILE *out = open_memstream(&text, &size);
  const log_t log = {.out = out};
  CHECK_OK(preflight_hosts(world, &layout, needs, NULL, &log, &error));
  fclose(out);
  return text;
}

static const char memory_words[] = "of memory free", shared_words[] = "of shared memory",
                  disk_words[] = "the run's files need";

/* Exactly the warnings that are expected. */
static void expect(const world_t *world, const char *text, bool memory, bool shared, bool disk,
                   const char *what) {
  const bool is_root = world_rank(world) == 0;
  CHECK((strstr(text, memory_words) != NULL) == (is_root && memory), "%s: %s", what, text);
  CHECK((strstr(text, shared_words) != NULL) == (is_root && shared), "%s: %s", what, text);
  CHECK((strstr(text, disk_words) != NULL) == (is_root && disk), "%s: %s", what, text);
}

/* Hosts that the ranks pretend to be on, all alike: one line tells of all. */
static void check_kinds(world_t *world) {
  static const char *const expected[] = {
      "host    a: ", "host    a and 1 like it: ", "host    a and 2 like it: "};
  const layout_t layout = {.threads = 1, .cores_host = 1, .cores_online = 1};
  const preflight_needs_t needs = {0};
  char(*real)[HOST_NAME_SIZE] = world->hosts, pretended[3][HOST_NAME_SIZE] = {"a", "b", "c"}, *text = NULL;
  size_t size = 0;
  ls_error error = {0};
  if (world->size > 3) return;
  FILE *out = open_memstream(&text, &size);
  world->hosts = pretended;
  CHECK_OK(preflight_hosts(world, &layout, &needs, out, &(log_t){0}, &error));
  world->hosts = real;
  fclose(out);
  if (world->rank == 0) {
    CHECK(strncmp(text, expected[world->size - 1], strlen(expected[world->size - 1])) == 0, "%s", text);
    CHECK(strstr(text + 1, "\nhost ") == NULL, "a kind has several lines: %s", text);
  }
  free(text);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  struct statvfs files;
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  const int size = world_size(world), rank = world_rank(world);
  double have[] = {host_free_memory(), 0};
  if (statvfs("/dev/shm", &files) == 0) have[1] = (double)files.f_bavail * (double)files.f_frsize;
  CHECK_OK(world_broadcast(world, have, sizeof have, 0, &error)); /* the figures change all the time */
  const double memory = have[0], shared = have[1];
  expect(world,
         warnings_for(world, &(preflight_needs_t){.memory = memory / 4 / size, .shared = shared / 4 / size}),
         false, false, false, "a quarter of all");
  preflight_needs_t needs = {.memory = 0.75 * memory, .shared = 0.75 * shared};
  expect(world, warnings_for(world, &needs), size > 1, size > 1, false, "three quarters each");
  for (int r = 0; r < size; r++) {
    char expected[64];
    needs = (preflight_needs_t){.memory = rank == r ? 10 * memory : 1e6};
    const char *text = warnings_for(world, &needs);
    expect(world, text, true, false, false, "memory of one rank");
    snprintf(expected, sizeof expected, "need %.1f GB", (10 * memory + 1e6 * (size - 1)) / 1e9);
    CHECK(rank > 0 || strstr(text, expected) != NULL, "no '%s' in: %s", expected, text);
    needs = (preflight_needs_t){.shared = rank == r ? 10 * shared : 1e3};
    text = warnings_for(world, &needs);
    expect(world, text, false, true, false, "shared memory of one rank");
    snprintf(expected, sizeof expected, "need %.1f MB", (10 * shared + 1e3 * (size - 1)) / 1e6);
    CHECK(rank > 0 || strstr(text, expected) != NULL, "no '%s' in: %s", expected, text);
  }
  check_kinds(world);
  needs = (preflight_needs_t){.directory = "/tmp/missing/runs", .files = 1e18};
  expect(world, warnings_for(world, &needs), false, false, true, "files");
  needs.files = 1;
  expect(world, warnings_for(world, &needs), false, false, false, "a file of one byte");
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
