#include "base/checksum.h"

#define XXH_INLINE_ALL /* the header alone: one library less to link */
#include <xxhash.h>

/* What a checksum_t * points to is xxHash's own state. */
static XXH3_state_t *state_of(checksum_t *checksum) {
  return (XXH3_state_t *)(void *)checksum;
}

uint64_t checksum_of(const void *bytes, size_t size) {
  return XXH3_64bits(bytes, size);
}

checksum_t *checksum_begin(void) {
  XXH3_state_t *state = XXH3_createState();
  if (state != NULL) XXH3_64bits_reset(state);
  return (checksum_t *)(void *)state;
}

void checksum_add(checksum_t *checksum, const void *bytes, size_t size) {
  XXH3_64bits_update(state_of(checksum), bytes, size);
}

uint64_t checksum_end(checksum_t **checksum) {
  if (*checksum == NULL) return 0;
  uint64_t sum = XXH3_64bits_digest(state_of(*checksum));
  XXH3_freeState(state_of(*checksum));
  *checksum = NULL;
  return sum;
}
