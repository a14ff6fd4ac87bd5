#include "comm/launch.h"

#include "base/text.h"

#include <stdlib.h>

/* The number that a variable holds, or `otherwise`. */
static int64_t number_of(const char *variable, int64_t otherwise) {
  const char *text = getenv(variable);
  int64_t number = otherwise;
  if (text != NULL) text_int64(text, &number);
  return number;
}

int64_t launch_job_end(void) {
  return number_of("SLURM_JOB_END_TIME", 0);
}
