/* A sketch of each row: where it is in the space that the centres span.
 *
 * Take orthonormal axes that span the centres c' = c − m of one pass, at most SKETCH_MOST of them. A row
 * y = x − m has the coordinates q along these axes, and a rest y⊥ that is orthogonal to them. In later passes
 * centres have moved, but most of their way is within the space: their own rest c⊥ is small. With
 *
 *   y · c'  =  q · q_c  +  y⊥ · c⊥,      |y⊥ · c⊥|  ≤  ‖y⊥‖ ‖c⊥‖
 *
 * a few coordinates in place of all features tell the score of each centre (nearest.h) within a small width.
 * For most rows all centres but one are out of the question then. The rest measure their distances to the
 * few centres that are left. The idea is that of bounds by projections (Johnson, Lindenstrauss 1984, draw
 * axes by chance; here centres choose them), and of the law of cosines for what they leave out.
 *
 * Coordinates take as long as one pass over all distances. The widths grow while centres move, so after some
 * passes new axes pay (sketch_is_due). A sketch never changes which centre is found, only how soon. */
#ifndef NEAREST_SKETCH_H
#define NEAREST_SKETCH_H

#include "nearest/bounds.h"

enum { SKETCH_MOST = 64, SKETCH_CANDIDATES = 16 };

/* What some passes cost. */
typedef struct {
  int64_t asked;    /* rows that the sketch was asked about */
  int64_t vague;    /* those of which it told too little: a product has to find their centre */
  int64_t measured; /* distances from a row to a centre */
} sketch_cost_t;

typedef struct {
  int64_t most; /* axes; 0: a sketch does not pay */
  int64_t k, inputs, rows;
  int threads;
  bool is_known;             /* axes and coordinates are those of this start */
  sketch_cost_t cost;        /* since the axes were chosen */
  dense_layout_t axes_shape; /* inputs -> most */
  dense_layout_t shape;      /* most -> as many outputs as fill the panels of k centres */
  double *axes;              /* (most, inputs): orthonormal; 0 behind the last one */
  double *work;              /* (k, inputs): c' */
  double *squares;           /* (k): ‖c'‖² */
  float *plain;              /* (most, inputs) or (shape.out, most): what is packed next */
  float *panels, *starts;    /* the axes as products take them; (most): −axes m */
  float *coordinates;        /* (rows, most) */
  float *rests;              /* (rows): at least ‖y⊥‖ */
  float *centres;            /* coordinates of the centres as products take them */
  float *offsets, *widths;   /* (shape.out): −½‖c'‖², at least ‖c⊥‖ */
  double mean_norm;          /* ‖m‖ */
  double slope, base; /* scores err by at most slope (‖x‖ + ‖m‖) + base + 2⁻²² ‖y‖² beside their widths */
  const activation_t *identity;
} sketch_t;

/* How many axes a sketch has for k centres; 0: it would not pay. At most an eighth of the inputs. Pure. */
int64_t sketch_axes(int64_t k, int64_t inputs);

/* Memory comes from the arena: 4 (most + 1) bytes a row. most: axes, 0 for no sketch. Not collective. */
ls_status sketch_create(int64_t most, int64_t k, int64_t inputs, int64_t rows, int threads, arena_t *arena,
                        sketch_t *out, ls_error *error);

/* Whether the next pass should choose axes: there are none, or what better axes would have saved has cost as
 * much as choosing them. */
bool sketch_is_due(const sketch_t *sketch);

/* Chooses axes for centres (k, inputs); mean (inputs). sketch_take of every row has to follow. */
void sketch_choose(sketch_t *sketch, const float *centres, const double *mean);

/* Takes the coordinates of rows [first, first + n); x (n, inputs). rows: what is known of them. */
void sketch_take(const sketch_t *sketch, int64_t first, int64_t n, const float *x, const row_t *rows);

/* Takes the centres of a pass, (k, inputs). */
void sketch_set(sketch_t *sketch, const float *centres, const double *mean);

/* scores (n, shape.out): of rows first + which[i]. room (n, most): memory. */
void sketch_scores(const sketch_t *sketch, int64_t first, const int32_t *which, int64_t n, float *room,
                   float *scores);

/* What a look at the scores of a row tells: only centres whose scores are `least` or more can be the nearest.
 * The score of the nearest is at least `low`; all others may be too low by `error`. */
typedef struct {
  double low, error;
  float least;
  int32_t best; /* of the candidates, the one with the highest score */
  int64_t n;    /* how many there are; 0: nothing is known */
  int32_t candidates[SKETCH_CANDIDATES];
} glance_t;

/* Looks at the scores (shape.out) of a row, of which `row`, `rest` and `lower` are known, and replaces them
 * by the highest that they can be. */
void sketch_glance(const sketch_t *sketch, const row_t *row, float rest, const float *lower, float *scores,
                   glance_t *out);

/* Adds the cost of a pass. Gives the sketch up if it told too little of most rows. Not thread-safe. */
void sketch_count(sketch_t *sketch, const sketch_cost_t *cost);

#endif
