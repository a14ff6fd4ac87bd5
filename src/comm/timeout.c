/* How long ranks wait for each other. wait.c says how the time is spent. */
#include "comm/watch.h"
#include "comm/world_impl.h"

enum { LONGEST_PART = 10 }; /* seconds */

double world_part_of_timeout(const world_t *world) {
  double part = world->timeout / 10;
  return part > LONGEST_PART ? LONGEST_PART : part;
}

void world_set_timeout(world_t *world, double seconds) {
  world->timeout = world->is_guest ? 0 : seconds;
  seconds = world->timeout;
  if (world->whole != NULL) return;
  /* before ranks on other hosts say that this node does not answer: this process knows more */
  bool has_hosts = world->host_ranks < world->size;
  watch_ranks(world->peers, world->size,
              world->size > 1 ? seconds - (has_hosts ? 2 * world_part_of_timeout(world) : 0) : 0);
}

double world_timeout(const world_t *world) {
  return world->timeout;
}

double world_patience(const world_t *world) {
  return world->timeout - 3 * world_part_of_timeout(world);
}
