/* Inside the model room: what a node of the graph is, and what an op must offer.
 *
 * A node is a value (rows, width) together with the op that makes it from earlier values. An op is a row of
 * functions, in op.c, op_row.c or op_batch.c. It always overwrites what it is given to fill; where a value is
 * used more than once, the walk (worker.c) gives it scratch and adds. */
#ifndef MODEL_OP_H
#define MODEL_OP_H

#include "math/activation.h"
#include "math/dense.h"
#include "model/graph.h"

enum { NODE_MAX_INPUTS = 2, NODE_NAME_SIZE = 48 };

typedef struct op op_t;

typedef struct {
  const op_t *op;
  size_t number; /* index in the graph; the input is number 0 */
  char name[NODE_NAME_SIZE];
  size_t inputs[NODE_MAX_INPUTS]; /* numbers of earlier nodes */
  int64_t width;

  const activation_t *activation; /* dense (fused) and activation; else NULL */
  double rate;                    /* dropout */
  int64_t joined;                 /* join: width of the first input */
  double epsilon, momentum;       /* layer_norm, batch_norm */

  /* dense: its parameters, in the parameter vector and in the concatenation of plain arrays */
  dense_layout_t layout;
  bool has_bias;
  const char *init;
  size_t weight, bias;
  size_t transposed; /* the copy of the weights that backward reads, where a delta is handed on */
  size_t rounded;    /* the copy that forward reads in training, where factors are pairs of bf16 numbers */
  size_t plain_weight, plain_bias;

  /* layer_norm, batch_norm: a scale and a shift for each value; batch_norm: a running mean and variance, too
   */
  size_t scale, shift, mean, variance;
  size_t plain_scale, plain_shift, plain_mean, plain_variance;

  /* differentiation, decided once */
  bool needs_delta;              /* parameters lie at or before this node */
  size_t delta;                  /* the node in whose buffer this node's delta lies: itself or a later one */
  bool adds_to[NODE_MAX_INPUTS]; /* that input's delta already holds another use's share */
} node_t;

/* An op at work on some rows: every pointer is at the first of them. */
typedef struct {
  const node_t *node;
  int64_t rows;
  const precision_t *precision;    /* of products: the graph's in training, else fp32 */
  float *words;                    /* the thread's own: room for the factors of one product */
  const float *parameters;         /* the whole vector */
  const pass_t *pass;              /* forward of an op that does not span */
  const float *x[NODE_MAX_INPUTS]; /* (rows, width of that input) */
  float *y;                        /* (rows, width) */
  float *factors;                  /* (rows, width): the op's own; NULL on a tape without deltas */
  float *record;                   /* (RECORD_FLOATS(width)) of this call; NULL on a tape without deltas */
  /* dense, in training: what the weights' gradient reads of the slice that the rows are in, and where in that
   * slice they are (dense.h); else NULL */
  float *columns, *panels;
  int64_t slice_rows, slice_row;
  int64_t from, to; /* dense, forward: the outputs that are wanted */
  float *dy;        /* (rows, width): backward only */
} call_t;

/* What batch_norm keeps of a call: how many rows count (in the first float), and for each column the sum of
 * x, the sum of squares of its distances from their mean, 1/deviation, and two sums of backward. A slice has
 * room for one record every RECORD_EVERY rows. */
enum { RECORD_SUM, RECORD_SQUARES, RECORD_INVERSE, RECORD_DELTA, RECORD_PRODUCT, RECORD_ROWS };
enum { RECORD_HEAD = 16, RECORD_EVERY = 64 };
#define RECORD_FLOATS(width) (RECORD_HEAD + RECORD_ROWS * (width))

struct op {
  const char *name;
  const char *formula, *derivative; /* for people: y from x, and the deltas from dy; op_input: none */
  int n_inputs;
  bool has_scale;     /* has the parameters scale and shift; factors are then what the scale multiplies */
  bool keeps_record;  /* wants a record of each call, and running statistics in the parameter vector */
  bool keeps_factors; /* wants (rows, width) floats of its own on the tape between forward and backward */
  int in_place;       /* the input whose delta may lie in the buffer of the op's own delta; -1: none */
  bool spans;         /* forward and backward take the rows of several calls at once: no row's bits depend on
                         the others */
  void (*forward)(const call_t *call);
  /* what is left of forward to do call by call, behind a forward that spans; NULL: nothing */
  void (*finish)(const call_t *call);
  /* turns dy, once complete, into what the parameters' gradient needs; NULL: nothing to do */
  void (*settle)(const call_t *call);
  /* dx (rows, width of that input) = dL/d that input by this op alone; after settle */
  void (*backward)(const call_t *call, int input, float *dx);
  /* one row in double, plainly; plain: all parameters, `row` within the shard's slice */
  void (*reference)(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                    const double *const *x, double *y);
  /* in its place where rows depend on each other: all rows of a call at once */
  void (*reference_rows)(const node_t *node, const double *plain, const pass_t *pass, int64_t rows,
                         const double *x, double *y);
};

extern const op_t op_input, op_dense, op_activation, op_dropout, op_add; /* op.c */
extern const op_t op_join;                                               /* op_row.c */
extern const op_t op_softmax, op_layer_norm;                             /* op_row.c */
extern const op_t op_batch_norm;                                         /* op_batch.c */

/* Whether a dense layer can apply this function itself: backward must find f' from the output alone. */
bool op_dense_fuses(const activation_t *activation);

#endif
