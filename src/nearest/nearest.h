/* The nearest of K centres for each row of a block.
 *
 * The score of centre c for row x is x·c' + s with c' = c − m, s = −½‖c'‖² − m·c', and m a row amid all
 * rows or centres: −½‖x − c‖² + ½‖x − m‖². So all scores of a block are one
 * product of matrices, in floats. Taking m off makes them more precise when rows are far from 0.
 *
 * Rounding could choose another centre than the nearest one if two are almost as near. The error of a score
 * is at most (d + 4) u (‖x‖ max‖c'‖ + max|s|), u = 2⁻²⁴ (Higham: "Accuracy and stability of numerical
 * algorithms", 2002, section 3.1). If another score is within twice this bound of the best, the distances of
 * these centres are computed in double, by differences, and the smallest wins; of equal ones the centre with
 * the lowest number. So the choice is that of double precision on every CPU. */
#ifndef NEAREST_NEAREST_H
#define NEAREST_NEAREST_H

#include "base/arena.h"
#include "math/dense.h"

enum { NEAREST_ROWS = 128 }; /* most rows of a call */

typedef struct {
  int64_t centres, inputs;
  dense_layout_t layout; /* of as many outputs as fill the panels */
  const float *plain;    /* (centres, inputs), borrowed from nearest_set */
  double *mean;          /* (inputs): m */
  float *shifted;        /* (centres, inputs): c' */
  float *panels;         /* c' as the products take it */
  float *offsets;        /* (layout.out): s; the lowest float behind the last centre */
  double norm, offset;   /* max‖c'‖, max|s| */
  float **scores;        /* (threads): (NEAREST_ROWS, layout.out) */
  const activation_t *identity;
} nearest_t;

/* Room for `centres` centres. Memory comes from the arena. Not collective. */
ls_status nearest_create(int64_t centres, int64_t inputs, int threads, arena_t *arena, nearest_t *out,
                         ls_error *error);

/* Takes n centres (n, inputs), at most those there is room for; borrowed until the next call. mean (inputs):
 * m, of whole floats; NULL: the mean of the centres. */
void nearest_set(nearest_t *nearest, const float *centres, int64_t n, const double *mean);

/* If scores may err by so much, they may also have left the range of floats, so distances decide. */
#define NEAREST_MOST_ERROR 0x1p96

/* Centre k belongs to group k mod NEAREST_GROUPS. */
enum { NEAREST_GROUPS = 16 };

/* What is known of the scores of a row: that of the nearest centre is at least best - error, those of the
 * other centres of group g are at most others[g] + error. */
typedef struct {
  double best, error;
  float others[NEAREST_GROUPS];
} score_t;

/* out (rows): the number of the nearest centre. scores (rows), or NULL. norms (rows): ‖x‖, not rounded down
 * (norm_of). Thread-safe for different threads. */
void nearest_find(const nearest_t *nearest, int thread, int64_t rows, const float *x, const float *norms,
                  int32_t *out, score_t *scores);

/* ‖x − c‖² and ‖x‖² in double. Pure. */
double squared_distance(int64_t n, const float *x, const float *c);
double squared_norm(int64_t n, const float *x);
float norm_of(double squares);

/* ‖x − c‖² in floats, which errs by at most the part rough_part(n) of it. Pure. */
float rough_distance(int64_t n, const float *x, const float *c);
double rough_part(int64_t n);

#endif
