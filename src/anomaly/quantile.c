#include "anomaly/quantile.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIGIT_BITS = 16, DIGITS = 1 << DIGIT_BITS, KEY_BITS = 64 };

static const uint64_t sign = (uint64_t)1 << (KEY_BITS - 1);

/* An integer that is ordered like the number: larger numbers that are negative have smaller bits. */
static uint64_t key_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (bits & sign) != 0 ? ~bits : bits | sign;
}

static double value_of(uint64_t key) {
  const uint64_t bits = (key & sign) != 0 ? key & ~sign : ~key;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* The key of the number that is k-th in the order of all ranks, from 0. counts (DIGITS) is memory. */
static ls_status select_key(world_t *world, const double *values, int64_t n, int64_t k, int64_t *counts,
                            uint64_t *out, ls_error *error) {
  uint64_t key = 0, known = 0; /* the bits of the key that are decided */
  for (int shift = KEY_BITS - DIGIT_BITS; shift >= 0; shift -= DIGIT_BITS) {
    memset(counts, 0, DIGITS * sizeof *counts);
    for (int64_t i = 0; i < n; i++) {
      const uint64_t of_value = key_of(values[i]);
      if ((of_value & known) == key) counts[(of_value >> shift) % DIGITS]++;
    }
    TRY(world_sum_i64(world, counts, DIGITS, error));
    uint64_t digit = 0;
    for (; digit < DIGITS - 1 && k >= counts[digit]; digit++) k -= counts[digit];
    key |= digit << shift;
    known |= (uint64_t)(DIGITS - 1) << shift;
  }
  *out = key;
  return LS_OK;
}

/* The next number in the order behind the one with number j and this key. */
static ls_status select_next(world_t *world, const double *values, int64_t n, int64_t j, uint64_t key,
                             double *out, ls_error *error) {
  int64_t up_to = 0, least = INT64_MAX; /* keys are compared as signed numbers, from which the sign is off */
  for (int64_t i = 0; i < n; i++) {
    const uint64_t of_value = key_of(values[i]);
    const int64_t is_signed = (int64_t)(of_value ^ sign);
    up_to += of_value <= key;
    if (of_value > key && is_signed < least) least = is_signed;
  }
  TRY(world_sum_i64(world, &up_to, 1, error));
  TRY(world_min_i64(world, &least, 1, error));
  *out = value_of(j + 1 < up_to ? key : (uint64_t)least ^ sign);
  return LS_OK;
}

/* a + t (b - a), as NumPy computes it: from the nearer end. Equal ends may be infinite. */
static double between(double a, double b, double t) {
  if (a == b) return a;
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

static ls_status find(world_t *world, const double *values, int64_t n, int64_t all, double q, int64_t *counts,
                      double *out, ls_error *error) {
  const double h = (double)(all - 1) * q;
  const int64_t j = (int64_t)floor(h);
  uint64_t key = 0;
  TRY(select_key(world, values, n, j, counts, &key, error));
  double low = value_of(key), high = low;
  if (j + 1 < all) TRY(select_next(world, values, n, j, key, &high, error));
  *out = between(low, high, h - (double)j);
  return LS_OK;
}

ls_status quantile_find(world_t *world, const double *values, int64_t n, double q, double *out,
                        ls_error *error) {
  int64_t found[] = {n, 0}, *counts = malloc(DIGITS * sizeof *counts);
  ls_status status = LS_OK;
  for (int64_t i = 0; i < n; i++) found[1] += isnan(values[i]);
  if (counts == NULL) status = error_set(error, LS_NO_MEMORY, "no memory to count numbers");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_sum_i64(world, found, 2, error));
  if (found[0] == 0) TRY_OR_DONE(error_set(error, LS_BAD_DATA, "there are no numbers to find a quantile of"));
  if (found[1] > 0)
    TRY_OR_DONE(error_set(error, LS_BAD_DATA,
                          "%" PRId64 " of %" PRId64 " numbers are NaN, so there is no quantile", found[1],
                          found[0]));
  status = find(world, values, n, found[0], q, counts, out, error);
done:
  free(counts);
  return status;
}
