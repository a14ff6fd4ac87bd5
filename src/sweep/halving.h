/* Successive halving (Jamieson and Talwalkar 2016): all combinations train for a few epochs, the best 1 / eta
 * of them for eta times as many, and so on up to all epochs. Pure functions of figures, thread-safe. */
#ifndef SWEEP_HALVING_H
#define SWEEP_HALVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MOST_RUNGS = 64 };

/* The epochs after which the rungs end, increasing; the last one is `epochs`. There are as many rungs as eta
 * divides the combinations, and no rung is shorter than an epoch: rung i of s ends after
 * floor(epochs / eta^(s - 1 - i)). Returns s. eta >= 2. */
int halving_rungs(int64_t combinations, int64_t eta, int64_t epochs, int64_t out[MOST_RUNGS]);

/* Keeps the best floor(k / eta) of the k combinations that are alive, at least one. figures (n); NaN is worse
 * than any number; of equal figures the first is better. */
void halving_keep(const double *figures, size_t n, bool higher_is_better, int64_t eta, bool *alive);

/* Whether a figure is better than another. */
bool figure_is_better(double a, double b, bool higher_is_better);

#endif
