/* Quantiles of numbers that are spread over ranks.
 *
 * Nothing is sorted and nothing is gathered. A double without its sign is ordered like the integer of its
 * bits, so the k-th smallest number is found in four rounds: each round counts, over all ranks, how many
 * numbers have which next 16 bits, and keeps those among which the k-th one lies. Counts are integers, so the
 * result has the same bits on any layout. */
#ifndef ANOMALY_QUANTILE_H
#define ANOMALY_QUANTILE_H

#include "comm/world.h"

/* The quantile of level q, 0 to 1, of the n numbers of this rank and those of all others; n may be 0 on some
 * ranks. Between two numbers it is interpolated as NumPy's method "linear" does (method 7 of Hyndman and Fan
 * 1996, "Sample quantiles in statistical packages"): with N numbers x_0 <= x_1 <= …, and h = (N - 1) q,
 *
 *   x_j + (h - j) (x_{j+1} - x_j),   j = floor(h).
 *
 * LS_BAD_DATA if there is no number, or if a value is NaN, which has no place in the order. Collective. */
ls_status quantile_find(world_t *world, const double *values, int64_t n, double q, double *out,
                        ls_error *error);

#endif
