/* Training inside other programs, from their memory and over their MPI.
 *
 *   MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
 *   ls_training_data data = {.columns = 4, .targets = 1, .train = {.rows = n, .x = {x, LS_FLOAT64}, …}};
 *   ls_training_options options = {.settings = yaml, .epoch = after_epoch, .context = &simulation};
 *   ls_training *training = NULL;
 *   ls_error error = {0};
 *   if (ls_training_create(MPI_COMM_WORLD, &data, &options, &training, &error) != LS_OK) …error.message…
 *   if (ls_training_run(training, NULL, &error) != LS_OK) …
 *   if (ls_training_model(training, &model, &error) != LS_OK) …      (lockstep/lockstep.h predicts with it)
 *   ls_training_free(&training);
 *
 * This is the only header of lockstep that needs mpi.h. Programs that include it link `lockstep_train`, which
 * has all functions of lockstep/lockstep.h too.
 *
 * Every function is collective over the communicator, unless it says otherwise: all ranks call the same
 * functions in the same order, from the thread that started MPI and outside of OpenMP's parallel regions. A
 * failure on one rank is returned on every rank, with the message of that rank; the program then goes on, and
 * may use MPI as before. Only a call that a rank cannot even recognise as one (a communicator that is
 * MPI_COMM_NULL, MPI not started) fails on that rank alone.
 *
 * The library prints nothing and never ends the program. It neither starts nor ends MPI, and works on a
 * duplicate of the communicator, so messages of the caller that are on their way stay what they are. It takes
 * no signals and changes no environment. Settings of OpenMP and of floating point are as before whenever the
 * caller's code runs: after each call, and in the callbacks.
 *
 * It waits for other ranks for as long as it takes: parallel.timeout, with which the program `lockstep` finds
 * ranks that hang, has no effect, because it could only end the job. */
#ifndef LOCKSTEP_TRAIN_H
#define LOCKSTEP_TRAIN_H

#include "lockstep/lockstep.h"

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rows of this rank. */
typedef struct {
  int64_t rows;     /* may be 0, then the arrays are not looked at */
  ls_input x;       /* (rows, columns): LS_FLOAT32 or LS_FLOAT64, raw features */
  ls_input y;       /* (rows, targets): also LS_INT32 or LS_INT64: labels, classes or values */
  ls_input weights; /* (rows, 1), of rows; values NULL: none */
} ls_training_rows;

/* The data of a training. Only read by ls_training_create, which copies it. The rows of a split are those of
 * rank 0 of the communicator, then those of rank 1, and so on. Training ends with the same bits as `lockstep
 * train` with a dataset file whose arrays hold the same rows in this order and in the same types, however
 * they are spread over ranks. Names, and which arrays there are, must be the same on every rank. */
typedef struct {
  int64_t columns, targets;            /* of a row; targets 0: there is no y */
  const char *const *column_names;     /* (columns), or NULL */
  int64_t classes;                     /* number of class_names; 0: none */
  const char *const *class_names;      /* of labels 0, 1, … */
  ls_training_rows train, valid, test; /* valid and test may be empty on all ranks. data.validation of the
                                          settings can take validation rows from the training rows instead */
} ls_training_data;

/* What is known after an epoch; the same on every rank. NaN: there is no such figure. */
typedef struct {
  int64_t epoch, step; /* done so far */
  double train_loss;   /* mean over the rows of the epoch */
  double valid_loss, valid_accuracy, valid_mae, valid_rmse, valid_r2;
  double learning_rate, gradient_norm; /* of the last step */
  double seconds;                      /* that the steps of the epoch took */
  const char *checksum;                /* of the parameters: 16 hexadecimal digits, valid during the call */
} ls_training_epoch;

/* Called on every rank after each epoch, also on ranks for which there is no work. It may use MPI, also
 * collectively. If it returns something else than 0 on any rank, ls_training_run returns on all ranks. It
 * must not call functions of this header. */
typedef int ls_training_call(const ls_training_epoch *epoch, void *context);

/* Called on rank 0 with each line that `lockstep train` would print. */
typedef void ls_training_log(const char *line, void *context);

typedef struct {
  const char *settings; /* the text of a settings file (YAML), without data.file */
  int64_t n_overrides;
  const char *const *overrides; /* "train.epochs=20", as on the command line */
  int keeps_run; /* 1: the training writes the directory runs/NAME, as `lockstep train` does, with
                    checkpoints, history and model.h5. All ranks must see that directory. 0: it writes no file
                  */
  int resumes;   /* 1, with keeps_run: goes on from the newest checkpoint of the run, if there is one */
  int replaces;  /* 1, with keeps_run: removes an earlier run of this name, which else is renamed */
  ls_training_call *epoch; /* or NULL */
  ls_training_log *log;    /* or NULL */
  void *context;           /* of both */
} ls_training_options;

typedef struct ls_training ls_training;

/* Prepares a training: settings, data, network and initial parameters. The settings must be the same on all
 * ranks. train.members and `lockstep solve` are not available. While this function works, each host holds all
 * rows once more, in /dev/shm (or /tmp). *out is caller-owned (ls_training_free). */
LS_API ls_status ls_training_create(MPI_Comm communicator, const ls_training_data *data,
                                    const ls_training_options *options, ls_training **out, ls_error *error);

/* Frees the training, and the duplicate of the communicator. Call it before MPI_Finalize. */
LS_API void ls_training_free(ls_training **training);

/* Trains until the settings end the training, or a callback asks to stop. *ended (may be NULL) is 1 if
 * nothing is left to train: then the parameters are those that `lockstep train` writes to model.h5, the best
 * by checkpoint.best if there are validation rows. Otherwise *ended is 0, and the next call goes on in the
 * same state, as if there had been no interruption. LS_STOPPED if train.time_limit has ended the training
 * early; with keeps_run there is a checkpoint then. After any other failure the training can only be freed.
 */
LS_API ls_status ls_training_run(ls_training *training, int *ended, ls_error *error);

/* Writes a checkpoint to the run directory, from which a training with `resumes`, or `lockstep train
 * --resume`, goes on to the same bits; returns when the checkpoint is on the disk. LS_USAGE without
 * keeps_run. */
LS_API ls_status ls_training_save(ls_training *training, ls_error *error);

/* Rank 0 writes a model file with the present parameters. Only rank 0 looks at the path. */
LS_API ls_status ls_training_write(ls_training *training, const char *path, ls_error *error);

/* Gives every rank a model with the present parameters, for predictions without MPI: the same as reading the
 * file of ls_training_write. *out is caller-owned (ls_model_free) and outlives the training. */
LS_API ls_status ls_training_model(ls_training *training, ls_model **out, ls_error *error);

/* The following only look at the training. Not collective. */

/* The loss of the test rows, known when the training has ended; NaN before, and without test rows. */
LS_API double ls_training_test_loss(const ls_training *training);
LS_API int64_t ls_training_epochs(const ls_training *training); /* done so far */
LS_API int64_t ls_training_steps(const ls_training *training);
/* The checksum of the present parameters: parameters_checksum of `lockstep train`. */
LS_API const char *ls_training_checksum(const ls_training *training);

#ifdef __cplusplus
}
#endif

#endif
