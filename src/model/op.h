/* Private to the model room: nodes of the graph, and the functions of an op.
 *
 * A node is a value (rows, width) and the op that computes it from earlier values. An op is a row of
 * functions, in op.c, op_random.c, op_tied.c, op_row.c, op_batch.c, op_table.c or op_fitted.c. An op always
 * overwrites its results. If a value is used more than once, worker.c lets the op write to scratch memory and
 * adds. */
#ifndef MODEL_OP_H
#define MODEL_OP_H

#include "math/activation.h"
#include "math/dense.h"
#include "model/graph.h"

enum { NODE_MAX_INPUTS = 2, NODE_NAME_SIZE = 48 };

typedef struct op op_t;

/* The parameters of a dense layer or an embedding; of a tied layer its own bias, and the layout and the
 * offsets of the weights of node `source`. `plain_` offsets count in the concatenation of plain
 * arrays, the others in the parameter vector. */
typedef struct {
  dense_layout_t layout;
  bool has_bias;
  bool is_shared; /* tied layers use the weights too */
  size_t source;
  const char *init;
  size_t weight, bias;
  size_t transposed; /* the transposed copy of the weights, for backward; if the input needs a delta, or
                      * a tied layer reads it */
  size_t rounded;    /* the rounded copy, for forward in training; only with pairs of bf16 numbers */
  size_t plain_weight, plain_bias;
} dense_parameters_t;

/* The parameters of layer_norm and batch_norm: a scale and a shift per value; batch_norm also has a running
 * mean and variance. Offsets as above. */
typedef struct {
  size_t scale, shift, mean, variance;
  size_t plain_scale, plain_shift, plain_mean, plain_variance;
} norm_parameters_t;

typedef struct covariance covariance_t;

/* The parameters of gaussians besides the means, which are in dense, as the centres of centres are. Offsets
 * as above. `layout` is that of one block of the factors: (d, d) of one component (full) or of all (tied),
 * (K, d) (diagonal). Spherical factors have none: they are K numbers. */
typedef struct {
  const covariance_t *covariance;
  dense_layout_t layout;
  int64_t blocks;
  size_t factor, offset, plain_factor, plain_offset;
} fitted_parameters_t;

/* What take and embedding read of the input. */
typedef struct {
  int64_t column; /* embedding: the value that is the number of a vector */
  int64_t stride; /* width of the input */
} table_source_t;

/* How backward passes the deltas of a node on. */
typedef struct {
  bool needs_delta;              /* this node or a node before it has parameters */
  size_t delta;                  /* the node whose buffer holds this node's delta: itself or a later one */
  bool adds_to[NODE_MAX_INPUTS]; /* the delta of that input already holds the share of another use, so add */
} backward_plan_t;

typedef struct {
  const op_t *op;
  size_t number; /* index in the graph; the input is node 0 */
  char name[NODE_NAME_SIZE];
  size_t inputs[NODE_MAX_INPUTS]; /* numbers of earlier nodes */
  int64_t width;

  const activation_t *activation; /* dense (fused) and activation; otherwise NULL */
  double rate;                    /* dropout; noise: of masks */
  double deviation;               /* noise, sample: of the numbers that are added */
  double beta;                    /* sample: weight of the divergence */
  double l1, l2;                  /* penalty */
  int64_t joined;                 /* join: width of the first input */
  double epsilon, momentum;       /* layer_norm, batch_norm */

  dense_parameters_t dense;
  norm_parameters_t norm;
  fitted_parameters_t fitted;
  table_source_t table;
  backward_plan_t backward;
} node_t;

/* An op applied to some rows. Every pointer points to the first of these rows. */
typedef struct {
  const node_t *node;
  int64_t rows;
  const precision_t *precision;    /* of products: the graph's in training, otherwise fp32 */
  float *words;                    /* scratch of the thread: the factors of one product */
  float *work;                     /* scratch of the thread: op->work floats, at least */
  const float *parameters;         /* the whole vector */
  const pass_t *pass;              /* for finish, and for forward of an op that does not span */
  bool has_copies;                 /* the copies of the weights are there */
  const float *x[NODE_MAX_INPUTS]; /* (rows, width of that input) */
  float *y;                        /* (rows, width) */
  float *factors;                  /* (rows, width): kept by the op; NULL on a tape without deltas */
  float *record;                   /* (RECORD_FLOATS(width)): kept per call; NULL on a tape without deltas */
  /* dense, in training: the operands of the weight gradient for the slice that contains the rows, and where
   * the rows are in that slice (dense.h); otherwise NULL */
  float *columns, *panels;
  int64_t slice_rows, slice_row;
  int64_t from, to;     /* dense and embedding, forward: the outputs to compute */
  float *dy;            /* (rows, width): backward only */
  const float *weights; /* (rows): how much the penalties of rows count, in backward; NULL: not at all */
} call_t;

/* A record holds what batch_norm keeps of a call. The first float is the number of rows that count. After
 * RECORD_HEAD floats, for each column: the sum of x, the sum of squared distances from the mean, 1/deviation,
 * and two sums of backward. A slice has room for one record per RECORD_EVERY rows. */
enum { RECORD_SUM, RECORD_SQUARES, RECORD_INVERSE, RECORD_DELTA, RECORD_PRODUCT, RECORD_ROWS };
enum { RECORD_HEAD = 16, RECORD_EVERY = 64 };
#define RECORD_FLOATS(width) (RECORD_HEAD + RECORD_ROWS * (width))

struct op {
  const char *name;
  const char *formula, *derivative; /* for users: y from x, and the deltas from dy; NULL for op_input */
  int n_inputs;
  bool has_weight;    /* has a matrix of weights */
  bool has_operands;  /* keeps the operands of a weight gradient on the tape */
  bool has_scale;     /* has the parameters scale and shift; scale multiplies the factors */
  bool keeps_record;  /* keeps a record of each call, and running statistics in the vector */
  bool keeps_factors; /* keeps (rows, width) floats on the tape between forward and backward */
  bool is_fitted;     /* its parameters are fitted, not trained: centres, gaussians */
  int in_place;       /* the input that may share the buffer of this op's delta; -1: none */
  bool spans;         /* forward and backward accept several calls at once: rows are independent */
  /* floats of call->work that forward and backward need for a call of `rows` rows; NULL: none */
  size_t (*work)(const node_t *node, int64_t rows);
  void (*forward)(const call_t *call);
  /* the rest of forward, call by call, after a forward that spans; NULL: nothing */
  void (*finish)(const call_t *call);
  /* converts a complete dy to what the gradient of the parameters needs; NULL: nothing */
  void (*settle)(const call_t *call);
  /* dx (rows, width of that input) = dL/d that input through this op only; after settle */
  void (*backward)(const call_t *call, int input, float *dx);
  /* out[r] += what the node adds to the loss of row r, from its input x and its output y; NULL: nothing. Its
   * gradient is part of backward. */
  void (*penalty)(const node_t *node, int64_t rows, const float *x, const float *y, double *out);
  double (*penalty_reference)(const node_t *node, const double *x, const double *y); /* of one row */
  /* computes one row in double; plain: all parameters; row: within the shard's slice */
  void (*reference)(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                    const double *const *x, double *y);
  /* instead of reference when rows depend on each other: all rows of a call */
  void (*reference_rows)(const node_t *node, const double *plain, const pass_t *pass, int64_t rows,
                         const double *x, double *y);
};

extern const op_t op_input, op_dense, op_activation, op_add; /* op.c */
extern const op_t op_dropout, op_noise, op_sample;           /* op_random.c */
extern const op_t op_penalty;                                /* op_penalty.c */
extern const op_t op_tied;                                   /* op_tied.c */
extern const op_t op_join;                                   /* op_row.c */
extern const op_t op_softmax, op_layer_norm;                 /* op_row.c */
extern const op_t op_batch_norm;                             /* op_batch.c */
extern const op_t op_take, op_embedding;                     /* op_table.c */
extern const op_t op_centres, op_gaussians;                  /* op_fitted.c */

/* Whether a dense layer can apply this function itself. The output must determine f'. */
bool op_dense_fuses(const activation_t *activation);

/* Standard normal numbers for columns [first, first + n) of a row of a slice; first is a multiple of 8, and n
 * at most 256. */
void op_normals(const node_t *node, const pass_t *pass, int64_t row, int64_t first, size_t n, float *out);

/* full, tied, diagonal or spherical; NULL: no such name. */
const covariance_t *covariance_find(const char *name);
const char *covariance_name(const covariance_t *covariance);
/* Whether the factors of a node are lower triangular matrices: full and tied gaussians. */
bool covariance_is_triangular(const node_t *node);
/* The factors of one covariance as blocks of matrices: fills layout and blocks, 0 blocks for spherical. */
void covariance_shape(node_t *node);

/* Operations of forward for one row: a difference, a product and a sum are one each. */
double op_fitted_flops(const node_t *node);

/* The number of the vector that an embedding takes for a row x of the input; -1: none. */
int64_t op_embedding_vector(const node_t *node, const float *x);

#endif
