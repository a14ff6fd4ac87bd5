/* The collectives that training needs: agreement on errors, collectives over all ranks, and the exchange
 * between nodes along a lane. */
#include "comm/world_impl.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- agreement ---- */

ls_status world_agree(world_t *world, ls_status status, ls_error *error) {
  ls_error local = {0};
  if (error == NULL) error = &local;
  int failed = status != LS_OK ? world->rank : world->size, first = failed;
  if (!is_alone(world))
    TRY_MPI(world, error, MPI_Iallreduce, &failed, &first, 1, MPI_INT, MPI_MIN, world->all);
  if (first == world->size) return LS_OK;
  ls_error theirs = *error;
  theirs.status = status;
  if (world->rank == first && theirs.message[0] == '\0')
    error_set(&theirs, status, "%s", ls_status_text(status));
  TRY(world_broadcast(world, &theirs, sizeof theirs, first, error));
  *error = theirs;
  if (world->size > 1) {
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used, " (rank %d on %s)", first,
             world->hosts[first]);
  }
  return theirs.status;
}

/* ---- collectives over all ranks ---- */

ls_status world_broadcast(world_t *world, void *bytes, size_t size, int root, ls_error *error) {
  char *at = bytes;
  if (is_alone(world)) return LS_OK;
  for (size_t done = 0; done < size; done += world->message) {
    int count = (int)(size - done < world->message ? size - done : world->message);
    TRY_MPI(world, error, MPI_Ibcast, at + done, count, MPI_BYTE, root, world->all);
  }
  return LS_OK;
}

ls_status world_barrier(world_t *world, ls_error *error) {
  if (!is_alone(world)) TRY_MPI(world, error, MPI_Ibarrier, world->all);
  return LS_OK;
}

ls_status world_gather(world_t *world, const void *mine, size_t size, void *all, ls_error *error) {
  if (is_alone(world)) {
    memcpy(all, mine, size);
    return LS_OK;
  }
  TRY_MPI(world, error, MPI_Iallgather, mine, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, world->all);
  return LS_OK;
}

static ls_status send_chunks(world_t *world, const char *bytes, size_t size, int root, ls_error *error) {
  for (size_t done = 0; done < size; done += world->message) {
    int count = (int)(size - done < world->message ? size - done : world->message);
    TRY_MPI(world, error, MPI_Isend, bytes + done, count, MPI_BYTE, root, 0, world->all);
  }
  return LS_OK;
}

static ls_status receive_chunks(world_t *world, char *bytes, size_t size, int from, ls_error *error) {
  for (size_t done = 0; done < size; done += world->message) {
    int count = (int)(size - done < world->message ? size - done : world->message);
    TRY_MPI(world, error, MPI_Irecv, bytes + done, count, MPI_BYTE, from, 0, world->all);
  }
  return LS_OK;
}

/* Simple and slow: everything passes through the collector. Only used at set-up and when saving. */
ls_status world_gather_pieces(world_t *world, const void *mine, const size_t *sizes, void *all, int root,
                              ls_error *error) {
  int collector = root < 0 ? 0 : root;
  size_t total = 0;
  for (int r = 0; r < world->size; r++) {
    if (world->rank == collector && r != collector)
      TRY(receive_chunks(world, (char *)all + total, sizes[r], r, error));
    else if (world->rank == collector && sizes[r] > 0)
      memmove((char *)all + total, mine, sizes[r]);
    else if (world->rank == r)
      TRY(send_chunks(world, mine, sizes[r], collector, error));
    total += sizes[r];
  }
  return root < 0 ? world_broadcast(world, all, total, collector, error) : LS_OK;
}

static ls_status reduce_in_place(world_t *world, void *values, size_t n, size_t element, MPI_Datatype type,
                                 MPI_Op op, ls_error *error) {
  size_t most = world->message / element;
  if (is_alone(world)) return LS_OK;
  for (size_t done = 0; done < n; done += most) {
    int count = (int)(n - done < most ? n - done : most);
    void *at = (char *)values + done * element;
    TRY_MPI(world, error, MPI_Iallreduce, MPI_IN_PLACE, at, count, type, op, world->all);
  }
  return LS_OK;
}

ls_status world_sum_f32(world_t *world, float *values, size_t n, ls_error *error) {
  return reduce_in_place(world, values, n, sizeof *values, MPI_FLOAT, MPI_SUM, error);
}

ls_status world_sum_i64(world_t *world, int64_t *values, size_t n, ls_error *error) {
  return reduce_in_place(world, values, n, sizeof *values, MPI_INT64_T, MPI_SUM, error);
}

ls_status world_max_i64(world_t *world, int64_t *values, size_t n, ls_error *error) {
  return reduce_in_place(world, values, n, sizeof *values, MPI_INT64_T, MPI_MAX, error);
}

ls_status world_min_i64(world_t *world, int64_t *values, size_t n, ls_error *error) {
  return reduce_in_place(world, values, n, sizeof *values, MPI_INT64_T, MPI_MIN, error);
}

/* ---- lanes ---- */

/* offsets[i] = where the piece of node i starts, in elements. LS_COMM when the total exceeds MPI's int
 * counts. */
static ls_status offsets_of(const int *counts, int n, int *offsets, ls_error *error) {
  int64_t at = 0;
  for (int i = 0; i < n; i++) {
    offsets[i] = (int)at;
    at += counts[i];
    if (at > INT_MAX)
      return error_set(
          error, LS_COMM,
          "a lane's slice has more than 2^31 floats: use more ranks per node, so that slices are "
          "smaller");
  }
  return LS_OK;
}

static ls_status lane_gather(world_t *world, void *all, const int *counts, MPI_Datatype type,
                             ls_error *error) {
  if (is_alone(world)) return LS_OK; /* the piece is in place */
  TRY(offsets_of(counts, world->nodes, world->offsets, error));
  TRY_MPI(world, error, MPI_Iallgatherv, MPI_IN_PLACE, 0, type, all, counts, world->offsets, type,
          world->lane);
  return LS_OK;
}

ls_status world_lane_gather(world_t *world, float *all, const int *counts, ls_error *error) {
  return lane_gather(world, all, counts, MPI_FLOAT, error);
}

ls_status world_lane_gather_f64(world_t *world, double *all, const int *counts, ls_error *error) {
  return lane_gather(world, all, counts, MPI_DOUBLE, error);
}
