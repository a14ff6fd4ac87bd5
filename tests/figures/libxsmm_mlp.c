/* Training steps of a multilayer perceptron by the fully connected layers of libxsmm 1.17 (Debian:
 * libxsmm-dev), to compare speed with: relu, softmax loss, SGD, no bias, the same rows in every step. The
 * numbers are made up. Prints rows per second, the median of five repeats. Not built with the tests:
 *
 *   cc -O3 -march=native -fopenmp libxsmm_mlp.c -o libxsmm_mlp -lxsmmext -lxsmm -lxsmmnoblas -lm -ldl
 *   OMP_NUM_THREADS=2 OMP_PROC_BIND=true ./libxsmm_mlp ROWS BN BK BC SECONDS SIZE SIZE…
 *
 * for example 1024 128 32 98 0.2 784 512 512 10. Rows are cut into blocks of BN, outputs of BK, the first
 * layer's inputs of BC; a size that these do not divide into blocks of 64 or none. */
#include <libxsmm.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_LAYERS = 16, REPEATS = 5, WARM_UP = 2, PAGE = 2097152 };

typedef struct {
  int rows, threads, layers, sizes[MOST_LAYERS + 1];
  int row_block, out_block, in_block;
  libxsmm_dnn_fullyconnected *layer[MOST_LAYERS];
  libxsmm_dnn_optimizer *sgd[MOST_LAYERS];
  libxsmm_dnn_softmaxloss *loss;
  size_t scratch;
} network_t;

static libxsmm_dnn_err_t code;

static void must(const char *what) {
  if (code == LIBXSMM_DNN_SUCCESS) return;
  fprintf(stderr, "%s: %s\n", what, libxsmm_dnn_get_error(code));
  exit(1);
}

static float *made_up(size_t n, float size) {
  float *x = libxsmm_aligned_malloc(n * sizeof *x, PAGE);
  for (size_t i = 0; i < n; i++) x[i] = size * ((float)rand() / (float)RAND_MAX - 0.5f);
  return x;
}

static int block_of(int n, int wanted) {
  return n % wanted == 0 ? wanted : n % 64 == 0 ? 64 : n;
}

static void reserve(network_t *net, size_t bytes) {
  if (bytes > net->scratch) net->scratch = bytes;
}

/* Each kind of handle has functions of its own for the same things. */
#define BIND(kind, handle, type, data)                                                                       \
  do {                                                                                                       \
    libxsmm_dnn_tensor_datalayout *layout =                                                                  \
        libxsmm_dnn_##kind##_create_tensor_datalayout(handle, type, &code);                                  \
    must(#kind);                                                                                             \
    libxsmm_dnn_tensor *tensor = libxsmm_dnn_link_tensor(layout, data, &code);                               \
    must(#kind);                                                                                             \
    code = libxsmm_dnn_##kind##_bind_tensor(handle, tensor, type);                                           \
    must(#kind);                                                                                             \
  } while (0)

static void make_layer(network_t *net, int l, float *const *values, float *const *deltas) {
  int in = net->sizes[l], out = net->sizes[l + 1], is_last = l + 1 == net->layers;
  int bk = block_of(out, net->out_block), bc = block_of(in, l == 0 ? net->in_block : net->out_block);
  size_t outputs = (size_t)net->rows * (size_t)out, count = (size_t)in * (size_t)out;
  float *weights = made_up(count, 0.1f), *gradient = made_up(count, 0.1f);
  const libxsmm_dnn_fullyconnected_desc layer = {
      .N = net->rows,
      .C = in,
      .K = out,
      .bn = net->row_block,
      .bk = bk,
      .bc = bc,
      .threads = net->threads,
      .datatype_in = LIBXSMM_DNN_DATATYPE_F32,
      .datatype_out = LIBXSMM_DNN_DATATYPE_F32,
      .buffer_format = LIBXSMM_DNN_TENSOR_FORMAT_NCPACKED,
      .filter_format = LIBXSMM_DNN_TENSOR_FORMAT_CKPACKED,
      .fuse_ops = is_last ? LIBXSMM_DNN_FULLYCONNECTED_FUSE_NONE : LIBXSMM_DNN_FULLYCONNECTED_FUSE_RELU,
  };
  net->layer[l] = libxsmm_dnn_create_fullyconnected(layer, &code);
  must("layer");
  BIND(fullyconnected, net->layer[l], LIBXSMM_DNN_REGULAR_INPUT, values[l]);
  BIND(fullyconnected, net->layer[l], LIBXSMM_DNN_GRADIENT_INPUT, deltas[l]);
  BIND(fullyconnected, net->layer[l], LIBXSMM_DNN_REGULAR_OUTPUT, values[l + 1]);
  BIND(fullyconnected, net->layer[l], LIBXSMM_DNN_GRADIENT_OUTPUT, deltas[l + 1]);
  BIND(fullyconnected, net->layer[l], LIBXSMM_DNN_REGULAR_FILTER, weights);
  BIND(fullyconnected, net->layer[l], LIBXSMM_DNN_GRADIENT_FILTER, gradient);
  if (!is_last)
    BIND(fullyconnected, net->layer[l], LIBXSMM_DNN_RELU_MASK, libxsmm_aligned_malloc(outputs, PAGE));
  reserve(net, libxsmm_dnn_fullyconnected_get_scratch_size(net->layer[l], &code));

  const libxsmm_dnn_optimizer_desc sgd = {
      .C = in,
      .K = out,
      .bc = bc,
      .bk = bk,
      .learning_rate = 1e-4f,
      .threads = net->threads,
      .opt_type = LIBXSMM_DNN_OPTIMIZER_SGD,
      .datatype_master = LIBXSMM_DNN_DATATYPE_F32,
      .datatype = LIBXSMM_DNN_DATATYPE_F32,
      .filter_format = LIBXSMM_DNN_TENSOR_FORMAT_CKPACKED,
  };
  net->sgd[l] = libxsmm_dnn_create_optimizer(sgd, &code);
  must("optimiser");
  BIND(optimizer, net->sgd[l], LIBXSMM_DNN_REGULAR_FILTER, weights);
  BIND(optimizer, net->sgd[l], LIBXSMM_DNN_GRADIENT_FILTER, gradient);
  reserve(net, libxsmm_dnn_optimizer_get_scratch_size(net->sgd[l], &code));
}

static void make_loss(network_t *net, float *outputs, float *deltas) {
  int classes = net->sizes[net->layers],
      *labels = libxsmm_aligned_malloc((size_t)net->rows * sizeof *labels, PAGE);
  for (int r = 0; r < net->rows; r++) labels[r] = r % classes;
  const libxsmm_dnn_softmaxloss_desc loss = {
      .N = net->rows,
      .C = classes,
      .bn = net->row_block,
      .bc = block_of(classes, net->out_block),
      .loss_weight = 1,
      .threads = net->threads,
      .datatype = LIBXSMM_DNN_DATATYPE_F32,
      .buffer_format = LIBXSMM_DNN_TENSOR_FORMAT_NCPACKED,
  };
  net->loss = libxsmm_dnn_create_softmaxloss(loss, &code);
  must("loss");
  BIND(softmaxloss, net->loss, LIBXSMM_DNN_REGULAR_INPUT, outputs);
  BIND(softmaxloss, net->loss, LIBXSMM_DNN_GRADIENT_INPUT, deltas);
  BIND(softmaxloss, net->loss, LIBXSMM_DNN_REGULAR_OUTPUT, made_up((size_t)net->rows * (size_t)classes, 1));
  BIND(softmaxloss, net->loss, LIBXSMM_DNN_LABEL, labels);
  reserve(net, libxsmm_dnn_softmaxloss_get_scratch_size(net->loss, &code));
}

static void make_network(network_t *net) {
  float *values[MOST_LAYERS + 1], *deltas[MOST_LAYERS + 1];
  for (int l = 0; l <= net->layers; l++) {
    values[l] = made_up((size_t)net->rows * (size_t)net->sizes[l], 1);
    deltas[l] = made_up((size_t)net->rows * (size_t)net->sizes[l], 1);
  }
  for (int l = 0; l < net->layers; l++) make_layer(net, l, values, deltas);
  make_loss(net, values[net->layers], deltas[net->layers]);
  void *scratch = libxsmm_aligned_malloc(net->scratch + PAGE, PAGE);
  for (int l = 0; l < net->layers; l++) {
    libxsmm_dnn_fullyconnected_bind_scratch(net->layer[l], scratch);
    libxsmm_dnn_optimizer_bind_scratch(net->sgd[l], scratch);
  }
  libxsmm_dnn_softmaxloss_bind_scratch(net->loss, scratch);
}

static void train_step(const network_t *net, int thread) {
  for (int l = 0; l < net->layers; l++)
    libxsmm_dnn_fullyconnected_execute_st(net->layer[l], LIBXSMM_DNN_COMPUTE_KIND_FWD, 0, thread);
  libxsmm_dnn_softmaxloss_execute_st(net->loss, LIBXSMM_DNN_COMPUTE_KIND_FWD, 0, thread);
  libxsmm_dnn_softmaxloss_execute_st(net->loss, LIBXSMM_DNN_COMPUTE_KIND_BWD, 0, thread);
  for (int l = net->layers - 1; l >= 0; l--) {
    libxsmm_dnn_compute_kind kind = l > 0 ? LIBXSMM_DNN_COMPUTE_KIND_BWDUPD : LIBXSMM_DNN_COMPUTE_KIND_UPD;
    libxsmm_dnn_fullyconnected_execute_st(net->layer[l], kind, 0, thread);
    libxsmm_dnn_optimizer_execute_st(net->sgd[l], 0, thread);
  }
}

static double seconds_of(const network_t *net, long steps) {
  double begin = omp_get_wtime();
#pragma omp parallel
  for (long s = 0; s < steps; s++) train_step(net, omp_get_thread_num());
  return omp_get_wtime() - begin;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int n, char **words) {
  enum { SIZES = 6 };
  network_t net = {.threads = omp_get_max_threads(), .layers = n - SIZES - 1};
  if (net.layers < 1 || net.layers > MOST_LAYERS) {
    fprintf(stderr, "usage: %s ROWS BN BK BC SECONDS SIZE SIZE…\n", words[0]);
    return 2;
  }
  net.rows = atoi(words[1]), net.row_block = atoi(words[2]), net.out_block = atoi(words[3]);
  net.in_block = atoi(words[4]);
  for (int l = 0; l <= net.layers; l++) net.sizes[l] = atoi(words[SIZES + l]);
  make_network(&net);

  double wanted = atof(words[5]), speeds[REPEATS];
  long steps = 3;
  for (int r = 0; r < WARM_UP; r++) steps = (long)(wanted / seconds_of(&net, steps) * (double)steps) + 1;
  for (int r = 0; r < REPEATS; r++) speeds[r] = (double)(steps * net.rows) / seconds_of(&net, steps);
  qsort(speeds, REPEATS, sizeof *speeds, by_size);
  printf("%.0f rows/s, loss %.3f\n", speeds[REPEATS / 2],
         (double)libxsmm_dnn_softmaxloss_get_loss(net.loss, &code));
  return 0;
}
