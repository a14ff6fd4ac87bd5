/* A world inside a program that has started MPI itself. Everything goes through a duplicate of the caller's
 * communicator, so messages of the caller and of lockstep never meet. */
#include "comm/world_impl.h"

#include <stdlib.h>

/* What can be seen without asking other ranks. */
static ls_status check_started(const MPI_Comm *communicator, ls_error *error) {
  int has_begun = 0, has_ended = 0, is_inter = 0;
  MPI_Initialized(&has_begun);
  MPI_Finalized(&has_ended);
  if (!has_begun || has_ended)
    return error_set(error, LS_USAGE, "MPI %s", has_begun ? "has ended already" : "has not been started");
  if (*communicator == MPI_COMM_NULL) return error_set(error, LS_USAGE, "the communicator is MPI_COMM_NULL");
  MPI_Comm_test_inter(*communicator, &is_inter);
  return is_inter ? error_set(error, LS_USAGE, "the communicator is an intercommunicator") : LS_OK;
}

/* The threads of a rank compute while this one communicates. */
static ls_status check_level(ls_error *error) {
  int level = MPI_THREAD_SINGLE, is_main = 0;
  MPI_Query_thread(&level);
  MPI_Is_thread_main(&is_main);
  if (level < MPI_THREAD_FUNNELED)
    return error_set(
        error, LS_USAGE,
        "MPI was started without threads: call MPI_Init_thread with MPI_THREAD_FUNNELED or more");
  if (level == MPI_THREAD_FUNNELED && !is_main)
    return error_set(error, LS_USAGE,
                     "with MPI_THREAD_FUNNELED, only the thread that started MPI may train a network");
  return LS_OK;
}

/* `bare` has no tables. Failures of MPI on the caller's communicator go to the caller's error handler. */
static ls_status copy_comm(world_t *bare, MPI_Comm from, ls_error *error) {
  TRY_MPI(bare, error, MPI_Comm_idup, from, &bare->start);
  MPI_Comm_set_errhandler(bare->start, MPI_ERRORS_RETURN); /* inherited by all that is made of it */
  return LS_OK;
}

ls_status world_adopt(const void *communicator, world_t **out, ls_error *error) {
  const MPI_Comm *from = communicator;
  world_t bare = {.start = MPI_COMM_NULL,
                  .all = MPI_COMM_NULL,
                  .node = MPI_COMM_NULL,
                  .lane = MPI_COMM_NULL,
                  .is_guest = true};
  world_t *world = NULL, *filled = NULL;
  TRY(check_started(from, error));
  TRY(copy_comm(&bare, *from, error));
  world = calloc(1, sizeof *world);
  ls_status status = agree_on_memory(&bare, world != NULL, error);
  if (status != LS_OK) {
    free(world);
    if (!bare.lost) MPI_Comm_free(&bare.start);
    return status;
  }
  *world = bare;
  TRY(world_fill(world, &filled, error));
  status = world_agree(filled, check_level(error), error);
  if (status == LS_OK)
    *out = filled;
  else
    world_destroy(&filled);
  return status;
}
