/* Whether two networks are connected: curves between them, and the loss along these. Between two networks
 * that were trained from different initial weights the straight line has a barrier. A curve with one trained
 * point between its ends usually has none (Garipov et al. 2018), and often the straight line has none either
 * once the hidden units of one network are put in the order of the other's (Entezari et al. 2022).
 *
 * The work goes curve by curve: search it, then compute losses and metrics at some points. In between its
 * state is saved a few times per minute. A search that was stopped goes on from there, with the same bits. */
#ifndef LANDSCAPE_CONNECT_H
#define LANDSCAPE_CONNECT_H

#include "landscape/align.h"
#include "landscape/search.h"
#include "run/stop_watch.h"

#define CONNECT_FORMAT            "lockstep connect 1"
#define CONNECT_CHECKPOINT_FORMAT "lockstep connect checkpoint 1"

/* All borrowed. */
typedef struct {
  const char *first, *second; /* model files */
  bool curves[CURVES];        /* which of them are wanted; curves that are aligned only with `align` */
  bool align;     /* all curves but the straight one lead to the second network as it is aligned */
  int64_t points; /* of each curve, ends included, at least 3 */
  int64_t rows;   /* of each split only the first; 0: all */
  search_plan_t search;
  const char *out;   /* of the result; state is saved in OUT.checkpoint */
  const char *model; /* model file for the middle of a curve; NULL: none */
  bool resume;       /* go on from OUT.checkpoint if there is one */
  int64_t job_end;   /* end of the batch job in seconds since 1970; 0: unknown */
  const log_t *log;
} connect_options_t;

/* What is known of each point: mean loss, and a metric, of training rows and test rows. */
enum { CONNECT_TRAIN_LOSS, CONNECT_TRAIN_METRIC, CONNECT_TEST_LOSS, CONNECT_TEST_METRIC, CONNECT_VALUES };

/* The values at the points of a curve. */
typedef struct {
  double *values[CONNECT_VALUES]; /* (points): NaN where there is none */
  int64_t done;                   /* points whose values are known */
  float *theta;                   /* (point_size), on rank 0; NULL if the curve has none */
  curve_barrier_t barriers[2];    /* of training rows, of test rows; NaN without such rows */
} connect_curve_t;

/* The result and everything that is needed to find it; connect_free. */
typedef struct {
  const connect_options_t *options;
  point_t *point;
  double *t; /* (points) */
  connect_curve_t curves[CURVES];
  const float *first; /* (point_size), as are the other ends; on rank 0 all are of use */
  float *second;
  float *aligned;        /* second, without alignment */
  symmetry_t symmetry;   /* with alignment */
  alignment_t alignment; /* on rank 0 */
  curve_search_t search;
  int64_t curve;         /* at work; all curves before are complete */
  const char *metric;    /* "acc", "rmse"; NULL: none */
  const char *test;      /* "test", "valid", "": the rows beside the training rows */
  char checksums[2][17]; /* of the models, on rank 0 */
  stop_watch_t watch;
  arena_t arena;
} connect_t;

/* Changes the settings of the first model to those of a search: their optimiser takes no part, and penalties
 * do not count, because the loss shall be small that is reported. */
void connect_settle(settings_t *settings);

/* Opens both models and their rows, finds the curves, writes options->out and options->model, and removes the
 * checkpoint. LS_BAD_DATA if the models have different networks; LS_STOPPED after a signal or near the end of
 * the job, when the state is saved. `settings`: of point_settings and connect_settle. *out is caller-owned
 * (connect_free), and set on success alone. Collective. */
ls_status connect_run(world_t *world, const settings_t *settings, const connect_options_t *options,
                      connect_t **out, ls_error *error);
void connect_free(connect_t **connect);

/* The name of a value: "train_loss", "test_acc"; "" if there is no such value. Pure. */
void connect_value_name(const connect_t *connect, int value, char *out, size_t size);

#endif
