/* Heat in a bar, u_t = (k(u) u_x)_x, on several ranks, each with a part of the bar. The conductivity k is the
 * solution of an equation that is solved again for every cell in every step. While the simulation runs, it
 * collects pairs (u, k). A network learns k from them, in the memory of the simulation, which goes on between
 * two epochs. Then the network takes the place of the equation.
 *
 *   mpirun -n 2 insitu [CELLS] [STEPS]
 *
 * Rank 0 prints how the training goes, and how far the simulation with the network is from the one without.
 */
#include <lockstep/train.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char settings[] = "name: conductivity\n"
                               "data: {scaling: standard, target_scaling: standard, validation: 0.1}\n"
                               "model:\n"
                               "  layers:\n"
                               "    - dense: {units: 16, activation: tanh}\n"
                               "    - dense: {units: 16, activation: tanh}\n"
                               "    - dense: 1\n"
                               "loss: mse\n"
                               "optimizer: {name: adam, learning_rate: 0.01}\n"
                               "schedule: {name: cosine}\n"
                               "train: {epochs: 40, global_batch_size: 128}\n"
                               "parallel: {threads: 1}\n";

enum { SAMPLES = 20, STEPS_BETWEEN_SAMPLES = 50, STEPS_BETWEEN_EPOCHS = 10, LEFT = 1, RIGHT = 2 };

/* This rank's part of the bar: u[1] … u[n], with a cell of each neighbour beside it. */
typedef struct {
  MPI_Comm comm;
  int rank, ranks;
  int n;
  double dx, dt;
  double *u, *k, *next;
  ls_predictor *surrogate; /* NULL: k is computed from its equation */
  int steps;
} bar_t;

static void fail(const char *message) {
  fprintf(stderr, "insitu: %s\n", message);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

/* ---- the simulation ---- */

/* k = 0.2 + u² exp(-k), by fixed-point iteration. */
static double solve_k(double u) {
  double k = 0.2, before;
  do {
    before = k;
    k = 0.2 + u * u * exp(-before);
  } while (fabs(k - before) > 1e-12);
  return k;
}

/* k of all cells, those of the neighbours too. */
static void find_k(bar_t *bar) {
  int64_t n = bar->n + 2;
  ls_error error = {0};
  ls_input u = {.values = bar->u, .type = LS_FLOAT64};
  ls_predictions k = {.mean = {.values = bar->k, .type = LS_FLOAT64}};
  if (bar->surrogate == NULL)
    for (int i = 0; i < n; i++) bar->k[i] = solve_k(bar->u[i]);
  else if (ls_predict(bar->surrogate, n, &u, &k, &error) != LS_OK)
    fail(error.message);
}

/* Gives the neighbours their cells. The ends of the bar are at 1 and 0. */
static void exchange(bar_t *bar) {
  int left = bar->rank > 0 ? bar->rank - 1 : MPI_PROC_NULL;
  int right = bar->rank < bar->ranks - 1 ? bar->rank + 1 : MPI_PROC_NULL;
  MPI_Request requests[4];
  MPI_Status statuses[4];
  bar->u[0] = 1;
  bar->u[bar->n + 1] = 0;
  MPI_Irecv(&bar->u[0], 1, MPI_DOUBLE, left, RIGHT, bar->comm, &requests[0]);
  MPI_Irecv(&bar->u[bar->n + 1], 1, MPI_DOUBLE, right, LEFT, bar->comm, &requests[1]);
  MPI_Isend(&bar->u[1], 1, MPI_DOUBLE, left, LEFT, bar->comm, &requests[2]);
  MPI_Isend(&bar->u[bar->n], 1, MPI_DOUBLE, right, RIGHT, bar->comm, &requests[3]);
  MPI_Waitall(4, requests, statuses);
}

static void step(bar_t *bar) {
  const double *u = bar->u, *k = bar->k, c = bar->dt / (bar->dx * bar->dx);
  exchange(bar);
  find_k(bar);
  for (int i = 1; i <= bar->n; i++) {
    double right = (k[i] + k[i + 1]) / 2 * (u[i + 1] - u[i]),
           left = (k[i - 1] + k[i]) / 2 * (u[i] - u[i - 1]);
    bar->next[i] = u[i] + c * (right - left);
  }
  memcpy(bar->u + 1, bar->next + 1, (size_t)bar->n * sizeof *bar->u);
  bar->steps++;
}

static bar_t bar_create(MPI_Comm comm, int cells) {
  bar_t bar = {.comm = comm, .dx = 1.0 / cells};
  MPI_Comm_rank(comm, &bar.rank);
  MPI_Comm_size(comm, &bar.ranks);
  bar.n = (int)((long)cells * (bar.rank + 1) / bar.ranks - (long)cells * bar.rank / bar.ranks);
  bar.dt = 0.4 * bar.dx * bar.dx; /* k is below 1 */
  bar.u = calloc((size_t)bar.n + 2, sizeof *bar.u);
  bar.k = calloc((size_t)bar.n + 2, sizeof *bar.k);
  bar.next = calloc((size_t)bar.n + 2, sizeof *bar.next);
  if (bar.u == NULL || bar.k == NULL || bar.next == NULL) fail("no memory");
  return bar;
}

static void bar_free(bar_t *bar) {
  free(bar->u);
  free(bar->k);
  free(bar->next);
}

/* ---- training ---- */

/* After each epoch: the simulation goes on, with messages of its own. */
static int after_epoch(const ls_training_epoch *epoch, void *context) {
  bar_t *bar = context;
  for (int i = 0; i < STEPS_BETWEEN_EPOCHS; i++) step(bar);
  if (bar->rank == 0 && epoch->epoch % 10 == 0)
    printf("epoch %2d: validation loss %.2e, the simulation is at step %d\n", (int)epoch->epoch,
           epoch->valid_loss, bar->steps);
  return epoch->valid_loss < 1e-8; /* good enough: stop */
}

/* Each rank trains with what it has seen: `rows` pairs of u and k. */
static ls_model *train(bar_t *bar, int64_t rows, const double *u, const double *k) {
  static const char *const names[] = {"u"};
  const ls_training_data data = {.columns = 1,
                                 .targets = 1,
                                 .column_names = names,
                                 .train = {.rows = rows,
                                           .x = {.values = u, .type = LS_FLOAT64},
                                           .y = {.values = k, .type = LS_FLOAT64}}};
  const ls_training_options options = {.settings = settings, .epoch = after_epoch, .context = bar};
  ls_error error = {0};
  ls_training *training = NULL;
  ls_model *model = NULL;
  if (ls_training_create(bar->comm, &data, &options, &training, &error) != LS_OK ||
      ls_training_run(training, NULL, &error) != LS_OK ||
      ls_training_model(training, &model, &error) != LS_OK)
    fail(error.message);
  if (bar->rank == 0)
    printf("parameters %s after %d steps\n", ls_training_checksum(training),
           (int)ls_training_steps(training));
  ls_training_free(&training);
  return model;
}

/* The simulation runs, and keeps what it computes. */
static ls_model *learn(bar_t *bar) {
  size_t rows = 0, most = (size_t)bar->n * SAMPLES;
  double *u = calloc(most, sizeof *u), *k = calloc(most, sizeof *k);
  if (u == NULL || k == NULL) fail("no memory");
  for (int s = 0; s < SAMPLES; s++) {
    for (int i = 0; i < STEPS_BETWEEN_SAMPLES; i++) step(bar);
    memcpy(u + rows, bar->u + 1, (size_t)bar->n * sizeof *u);
    for (int i = 1; i <= bar->n; i++) k[rows++] = solve_k(bar->u[i]);
  }
  ls_model *model = train(bar, (int64_t)rows, u, k);
  free(u);
  free(k);
  return model;
}

int main(int n, char **words) {
  int level = 0, cells = n > 1 ? atoi(words[1]) : 100, steps = n > 2 ? atoi(words[2]) : 2000;
  double error = 0;
  ls_error problem = {0};
  MPI_Init_thread(&n, &words, MPI_THREAD_FUNNELED, &level);
  bar_t bar = bar_create(MPI_COMM_WORLD, cells), exact = bar_create(MPI_COMM_WORLD, cells);
  ls_model *model = learn(&bar);
  memcpy(exact.u, bar.u, ((size_t)bar.n + 2) * sizeof *bar.u);
  if (ls_predictor_create(model, NULL, &bar.surrogate, &problem) != LS_OK) fail(problem.message);
  for (int i = 0; i < steps; i++) step(&bar);
  for (int i = 0; i < steps; i++) step(&exact);
  for (int i = 1; i <= bar.n; i++) error = fmax(error, fabs(bar.u[i] - exact.u[i]));
  MPI_Allreduce(MPI_IN_PLACE, &error, 1, MPI_DOUBLE, MPI_MAX, bar.comm);
  if (bar.rank == 0)
    printf("after %d more steps with the network, the largest error is %.1e\n", steps, error);
  ls_predictor_free(&bar.surrogate);
  ls_model_free(&model);
  bar_free(&bar);
  bar_free(&exact);
  MPI_Finalize();
  return error < 0.01 ? 0 : 1;
}
