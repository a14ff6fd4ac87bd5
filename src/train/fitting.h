/* Runs that fit clusters in place of steps of the engine: `cluster.k` above 0. An iteration of the fit is an
 * epoch of the run, so the trainer's history, checkpoints, rules, signals and results are those of training.
 * With a fit, trainer->engine is NULL. */
#ifndef TRAIN_FITTING_H
#define TRAIN_FITTING_H

#include "cluster/fit.h"
#include "quality/quality.h"
#include "train/trainer_impl.h"

struct fitting {
  cluster_fit_t fit;
  gather_t gather;
  float *values;    /* of all arrays of the network, one after the other */
  float *vector;    /* (graph_floats): the parameters of every rank */
  fit_place_t next; /* where the fit stood before the present epoch; the same on every rank */
  interrupt_t interrupt;
  bool was_interrupted; /* within the last epoch, of which nothing is left */
};

/* Whether these settings are those of a fit; and a copy of them with what a fit cannot have otherwise. */
bool fitting_is_wanted(const settings_t *settings);
settings_t fitting_settings(const settings_t *settings);

/* LS_BAD_SETTINGS for settings that have no effect, or another network than that of the fit. Pure. */
ls_status fitting_check(const settings_t *settings, ls_error *error);

/* Makes trainer->fitting, once the rows are there. Collective. */
ls_status fitting_open(trainer_t *trainer, ls_error *error);
void fitting_close(trainer_t *trainer);

/* An optimiser without a state. */
const optimizer_t *fitting_optimizer(void);

/* vector (graph_floats) = what the first start begins with, on every rank. Collective. */
ls_status fitting_start(trainer_t *trainer, float *vector, ls_error *error);

/* One iteration: new parameters; copies.sums[0] = their objective over all rows; the position without the
 * epoch. If the run must stop within it, parameters and position are what they were, and was_interrupted is
 * set. Collective. */
ls_status fitting_epoch(trainer_t *trainer, ls_error *error);

/* On rank 0: whether every start has ended, by the history; and a few words about the last epoch. */
bool fitting_is_over(const trainer_t *trainer);
void fitting_describe(const trainer_t *trainer, char *text, size_t size);

/* The figures of the clusters on the training rows, by the present parameters, whose objective per row was
 * `objective`. Without labels: no run looks at them. Collective. */
ls_status fitting_judge(trainer_t *trainer, double objective, quality_t *out, ls_error *error);

/* LS_DIVERGED if a parameter or the objective is not finite. Collective. */
ls_status fitting_check_finite(trainer_t *trainer, double objective, ls_error *error);

#endif
