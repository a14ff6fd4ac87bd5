/* Inside the model room: what a node of the graph is, and what an op must offer.
 *
 * A node is a value (rows, width) together with the op that makes it from earlier values. An op is a row of
 * functions, in op.c or op_row.c. It always overwrites what it is given to fill; where a value is used more
 * than once, the walk (worker.c) gives it scratch and adds. */
#ifndef MODEL_OP_H
#define MODEL_OP_H

#include "math/dense.h"
#include "math/eltwise.h"
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

  /* dense: its parameters, in the parameter vector and in the concatenation of plain arrays */
  dense_layout_t layout;
  bool has_bias;
  const char *init;
  size_t weight, bias;
  size_t transposed; /* the copy of the weights that backward reads, where a delta is handed on */
  size_t plain_weight, plain_bias;

  /* differentiation, decided once */
  bool needs_delta;              /* parameters lie at or before this node */
  size_t delta;                  /* the node in whose buffer this node's delta lies: itself or a later one */
  bool adds_to[NODE_MAX_INPUTS]; /* that input's delta already holds another use's share */
} node_t;

/* One thread's kernels for one node; what the op does not use is NULL. */
typedef struct {
  eltwise_kernel_t *eltwise_forward, *eltwise_backward;
} kernels_t;

/* An op at work on some rows: every pointer is at the first of them. */
typedef struct {
  const node_t *node;
  const kernels_t *kernels;
  int64_t rows;
  const float *parameters;         /* the whole vector */
  const pass_t *pass;              /* forward only */
  const float *x[NODE_MAX_INPUTS]; /* (rows, width of that input) */
  float *y;                        /* (rows, width) */
  float *factors;                  /* (rows, width): dropout's; NULL on a tape without deltas */
  /* dense, in training: what the weights' gradient reads of the slice that the rows are in, and where in that
   * slice they are (dense.h); else NULL */
  float *columns, *panels;
  int64_t slice_rows, slice_row;
  float *dy; /* (rows, width): backward only */
} call_t;

struct op {
  const char *name;
  int n_inputs;
  bool keeps_factors; /* wants (rows, width) floats of its own on the tape between forward and backward */
  int in_place;       /* the input whose delta may lie in the buffer of the op's own delta; -1: none */
  /* makes the kernels for calls of `rows` rows; NULL: needs none */
  ls_status (*create)(const node_t *node, int64_t rows, bool train, kernels_t *out, ls_error *error);
  void (*forward)(const call_t *call);
  /* turns dy, once complete, into what the parameters' gradient needs; NULL: nothing to do */
  void (*settle)(const call_t *call);
  /* dx (rows, width of that input) = dL/d that input by this op alone; after settle */
  void (*backward)(const call_t *call, int input, float *dx);
  /* one row in double, plainly; plain: all parameters, `row` within the shard's slice */
  void (*reference)(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                    const double *const *x, double *y);
};

extern const op_t op_input, op_dense, op_activation, op_dropout, op_add; /* op.c */
extern const op_t op_softmax;                                            /* op_row.c */

/* Whether a dense layer can apply this function itself: backward must find f' from the output alone. */
bool op_dense_fuses(const activation_t *activation);

#endif
