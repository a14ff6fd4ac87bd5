/* Whether all ranks were asked for the same: ranks make the same collective calls only if they run the same
 * program with the same arguments. The settings file need not be compared, because rank 0 reads it for all.
 * Nor need the instruction set: it does not change the bits. */
#include "request/request.h"

#include "base/checksum.h"
#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is compared, as plain bytes: checksums, and the beginning of the arguments, to show. */
typedef struct {
  uint64_t words, program;
  uint32_t one; /* its bytes lie in the order of the machine's */
  char commit[60], text[120];
} rank_request_t;

static rank_request_t request_of(int argc, char **argv) {
  rank_request_t request;
  size_t used = 0, size = sizeof request.text;
  memset(&request, 0, sizeof request);
  request.one = 1;
  snprintf(request.commit, sizeof request.commit, "%.20s (%.30s)", LOCKSTEP_VERSION, host_commit);
  request.program = checksum_of(request.commit, strlen(request.commit));
  for (int i = 1; i < argc; i++) {
    request.words = 31 * request.words + checksum_of(argv[i], strlen(argv[i]) + 1);
    if (used < size)
      used += (size_t)snprintf(request.text + used, size - used, "%s%s", i > 1 ? " " : "", argv[i]);
  }
  return request;
}

static ls_status compare(const rank_request_t *root, const rank_request_t *other, int rank, const char *host,
                         ls_error *error) {
  if (other->one != root->one)
    return error_set(error, LS_USAGE,
                     "the machines of a job store numbers alike, but %s, of rank %d, does not", host, rank);
  if (other->program != root->program)
    return error_set(
        error, LS_USAGE,
        "the ranks of a job run the same program, but rank 0 runs %s and rank %d on %s %s: install "
        "the same one on all nodes",
        root->commit, rank, host, other->commit);
  if (other->words == root->words) return LS_OK;
  return error_set(
      error, LS_USAGE,
      "the ranks of a job take the same arguments, but rank 0 has `%s` and rank %d on %s has `%s`",
      root->text, rank, host, other->text);
}

ls_status request_compare(const session_t *session, int argc, char **argv, ls_error *error) {
  const world_t *world = session->world;
  const rank_request_t mine = request_of(argc, argv);
  rank_request_t *all = calloc((size_t)world_size(world), sizeof *all);
  ls_status status =
      all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the arguments of all ranks") : LS_OK;
  TRY_OR_DONE(world_agree(session->world, status, error));
  TRY_OR_DONE(world_gather(session->world, &mine, sizeof mine, all, error));
  for (int r = 1; r < world_size(world) && status == LS_OK; r++)
    status = compare(&all[0], &all[r], r, world_host(world, r), error);
done:
  free(all);
  return status;
}
