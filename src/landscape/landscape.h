/* The loss along a line or over a plane of parameters, point by point, into a file.
 *
 * The ranks compute points of their own if each of them can hold all rows, else every point together. Sums
 * over rows follow the tree in both cases: the same bits on any layout. Every few seconds the points so far
 * are published; a landscape that was stopped or killed goes on with the points that are missing. */
#ifndef LANDSCAPE_LANDSCAPE_H
#define LANDSCAPE_LANDSCAPE_H

#include "landscape/plane.h"

#define LANDSCAPE_FORMAT "lockstep landscape 1"

typedef struct {
  plane_options_t plane;
  coordinates_t axis[2]; /* n 0: the plane's natural coordinates */
  bool with_test;        /* also the test rows, or else the validation rows */
  bool resume;           /* go on with the file, if there is one */
  const char *out;
  int64_t job_end; /* when the job ends (launch_job_end); 0: not known */
  const log_t *log;
} landscape_options_t;

/* What was found at each point: columns of the file, by names of Li's tool. */
typedef enum { FIGURE_LOSS, FIGURE_ACCURACY, FIGURE_RMSE, FIGURES } figure_t;

typedef struct {
  plane_t plane;
  coordinates_t axis[2]; /* of a line the second has one point, n = 1 */
  int64_t points, done;  /* in the order of the file: x runs fastest */
  double *figures[POINT_ROWS]
                 [FIGURES]; /* (points): NaN where not computed; NULL: not for this network or rows */
  double loss_at_origin;    /* training loss at the point's start */
  char identity[17];        /* checksum of all that decides the numbers, hex */
  arena_t arena;
} landscape_t;

/* Computes the landscape of the point's start and writes it to options->out. LS_STOPPED after a signal, with
 * what was computed in the file; LS_FAILED while another process writes the file; LS_BAD_SETTINGS to resume
 * another landscape. *out is caller-owned (landscape_free) and complete on rank 0. Collective. */
ls_status landscape_run(point_t *point, const landscape_options_t *options, landscape_t *out,
                        ls_error *error);
void landscape_free(landscape_t *landscape);

/* The point with the least finite training loss; -1 if there is none. Pure. */
int64_t landscape_least(const landscape_t *landscape);
/* The coordinates of point i. Pure. */
void landscape_at(const landscape_t *landscape, int64_t i, double *x, double *y);

/* ---- landscape_file.c, on rank 0 ---- */

ls_status landscape_write(const landscape_t *landscape, const point_t *point, const char *path,
                          ls_error *error);
/* Takes over what a file holds of the same landscape: figures and `done`. LS_BAD_SETTINGS if it holds another
 * one. */
ls_status landscape_read(landscape_t *landscape, const char *path, ls_error *error);

#endif
