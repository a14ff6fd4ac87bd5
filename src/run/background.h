/* A thread that does one job at a time beside the steps of training: it writes files.
 *
 * It disturbs as little as possible: its priority is lower than that of the threads that compute, it wakes up
 * behind them, and it receives no signals. It runs on the cores of its rank. It never calls MPI; what a job
 * results in is told to other ranks by the thread that waits for it. */
#ifndef RUN_BACKGROUND_H
#define RUN_BACKGROUND_H

#include "base/error.h"

#include <stdbool.h>

typedef struct background background_t;

/* A job. It owns what `context` points to until it is done. */
typedef ls_status background_job_t(void *context, ls_error *error);

/* *out is caller-owned (background_destroy). Not collective. */
ls_status background_create(background_t **out, ls_error *error);

/* Waits for the job at work and ends the thread. */
void background_destroy(background_t **background);

/* Begins a job. The previous one must have been waited for. */
void background_start(background_t *background, background_job_t *job, void *context);

/* Whether a job is at work. Any thread may ask. false for NULL. */
bool background_is_busy(const background_t *background);

/* Waits for the job and returns its result; LS_OK if there was none since the last call. */
ls_status background_wait(background_t *background, ls_error *error);

/* Of the last job that is done: seconds from its start to its end, and seconds that it kept a core busy. */
typedef struct {
  double wall, core;
} background_cost_t;
background_cost_t background_cost(const background_t *background);

#endif
