/* What launchers and batch systems tell a process in its environment: the only place that knows their
 * variables. */
#ifndef COMM_LAUNCH_H
#define COMM_LAUNCH_H

#include <stdint.h>

/* When the batch system will end the job, in seconds since 1970; 0 when nobody says. */
int64_t launch_job_end(void);

#endif
