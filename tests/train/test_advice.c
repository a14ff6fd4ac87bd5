/* The rule by which a training that diverges is told from one that begins badly, on histories made by hand.
 */
#include "train/advice.h"

#include <criterion/criterion.h>
#include <math.h>

enum { MOST = 8 };

/* The epochs, from 1, after which the warning is given: bit e - 1. */
static unsigned warned_after(double zero_loss, size_t n, const double *losses) {
  static history_row_t rows[MOST];
  unsigned found = 0;
  for (size_t i = 0; i < n; i++) {
    rows[i].values[HISTORY_TRAIN_LOSS] = losses[i];
    const history_t history = {.rows = rows, .n = i + 1};
    found |= (unsigned)advice_diverges(&history, zero_loss) << i;
  }
  return found;
}

#define WARNED(zero_loss, ...)                                                                               \
  warned_after(zero_loss, sizeof((const double[]){__VA_ARGS__}) / sizeof(double),                            \
               (const double[]){__VA_ARGS__})

Test(advice, is_given_once_when_losses_stay_absurd) {
  cr_expect_eq(WARNED(1, 1e20, 1e20, 1e20, 1e20), 4U);
  cr_expect_eq(WARNED(1, 0.5, 0.4, 0.3, 2000, 3000), 8U);
  cr_expect_eq(WARNED(1, 1e20, 1e20, 1e20, 1, 1e20), 4U, "once, whatever comes later");
  cr_expect_eq(WARNED(1, 1e6, 1e4, 999, 10), 0U, "a bad beginning");
  cr_expect_eq(WARNED(1, 1e20, 1e20), 0U, "two epochs tell nothing");
  cr_expect_eq(WARNED(0, 5, 5, 5, 5), 0U, "nor does a loss of 0");
  cr_expect_eq(WARNED(-1, 5, 5, 5, 5), 0U);
}
