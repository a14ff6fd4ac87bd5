/* Lines and planes in the space of parameters: a centre, one or two directions, and coordinates on them.
 *
 *   w(x, y) = centre + (x - origin_x) d_x + (y - origin_y) d_y
 *
 * The origin is where the centre has its coordinates: (0, 0), or the present values of two weights if x and y
 * are the weights themselves. Computed in double and rounded to float, the same on every rank. */
#ifndef LANDSCAPE_PLANE_H
#define LANDSCAPE_PLANE_H

#include "base/arena.h"
#include "landscape/point.h"

enum { PLANE_TEXT = 512, AXIS_MOST = 10001 };

/* Coordinates low, …, high at equal distances; n >= 2. n 0: not given. */
typedef struct {
  double low, high;
  int64_t n;
} coordinates_t;

/* Reads LOW:HIGH:N. LS_USAGE, beginning with `what`. */
ls_status axis_parse(const char *what, const char *text, coordinates_t *out, ls_error *error);
/* Coordinate i; the last one is `high` exactly. */
double axis_at(const coordinates_t *axis, int64_t i);

/* How directions are made. Names as users write them are in plane_kind_name. */
typedef enum { PLANE_RANDOM, PLANE_WEIGHTS, PLANE_MODELS, PLANE_TRAJECTORY } plane_kind_t;
const char *plane_kind_name(plane_kind_t kind); /* "random", static */

/* How a random direction is scaled to the weights (Li et al. 2018, section 4): each row of a weight matrix,
 * which makes one value of the layer's output, to the norm of the weights in it; each array as a whole; or
 * not at all. */
typedef enum { NORM_FILTER, NORM_LAYER, NORM_NONE } norm_t;
bool norm_choice(size_t i, choice_t *out);

typedef struct {
  plane_kind_t kind;
  int axes;             /* of random directions: 1 or 2 */
  uint64_t seed;        /* of random directions */
  norm_t norm;          /* of random directions */
  bool with_biases;     /* random directions move arrays of one dimension too: by their own values */
  bool is_relative;     /* x and y of weights are distances from their present values */
  const char *words[2]; /* weights, or model files; NULL where there is none */
  const char *run;      /* of a trajectory: the run directory */
} plane_options_t;

/* Projections of points of a trajectory; (n) each, in the order of steps. */
typedef struct {
  int64_t n;
  double *x, *y;
  int64_t *step;
  double explained[2]; /* share of the variance along each direction */
} trajectory_t;

typedef struct {
  plane_kind_t kind;
  int axes;
  size_t size;
  const float *centre;  /* (size), borrowed */
  double *direction[2]; /* (size); the second is NULL for a line */
  double origin[2];
  char name[2][PLANE_TEXT]; /* of the axes, for people */
  trajectory_t trajectory;  /* n 0: none */
  coordinates_t natural[2]; /* the coordinates to use unless others are given */
} plane_t;

/* Makes the plane through the start of the point. Memory comes from the arena. LS_USAGE for weights that do
 * not exist, LS_BAD_DATA for other models than point_read takes, and for fewer checkpoints than a plane
 * needs. Collective. */
ls_status plane_make(point_t *point, const plane_options_t *options, arena_t *arena, plane_t *out,
                     ls_error *error);

/* The parameters at (x, y); out (size). y is ignored for a line. */
void plane_at(const plane_t *plane, double x, double y, float *out);

#endif
