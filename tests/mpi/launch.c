/* What a batch system says of a job is the same decision on every rank, though their environments differ. */
#include "comm/launch.h"

#include "mpi/check.h"

#include <stdlib.h>
#include <string.h>

/* The number of tasks that this rank's environment has, or nothing. */
static launch_t launch_with(const char *tasks, const char *step) {
  unsetenv("SLURM_NTASKS");
  unsetenv("SLURM_STEP_ID");
  if (tasks != NULL) setenv("SLURM_NTASKS", tasks, 1);
  if (step != NULL) setenv("SLURM_STEP_ID", step, 1);
  return launch_read();
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  char more[16];
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  snprintf(more, sizeof more, "%d", world_size(world) + 1);
  bool is_root = world_rank(world) == 0;
  launch_t launch = launch_with(is_root ? more : NULL, NULL);
  ls_status status = launch_check_tasks(&launch, world, &error);
  CHECK(status == LS_USAGE, "rank %d goes on though rank 0 knows of %s tasks", world_rank(world), more);
  CHECK(strstr(error.message, more) != NULL, "rank %d: %s", world_rank(world), error.message);
  launch = launch_with(is_root ? NULL : more, NULL);
  CHECK_OK(launch_check_tasks(&launch, world, &error));
  launch = launch_with(more, "0"); /* a launcher inside a step of the job */
  CHECK_OK(launch_check_tasks(&launch, world, &error));
  launch = launch_with(more, NULL);
  launch.is_step = true;
  CHECK_OK(launch_check_tasks(&launch, world, &error));
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
