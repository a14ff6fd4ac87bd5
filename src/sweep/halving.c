#include "sweep/halving.h"

#include <math.h>

int halving_rungs(int64_t combinations, int64_t eta, int64_t epochs, int64_t out[MOST_RUNGS]) {
  int rungs = 1;
  int64_t scale = 1;
  for (; rungs < MOST_RUNGS && combinations / eta >= scale && epochs / eta >= scale; rungs++) scale *= eta;
  for (int i = 0; i < rungs; i++, scale /= eta) out[i] = epochs / scale;
  return rungs;
}

bool figure_is_better(double a, double b, bool higher_is_better) {
  if (isnan(a) || isnan(b)) return !isnan(a) && isnan(b);
  return higher_is_better ? a > b : a < b;
}

void halving_keep(const double *figures, size_t n, bool higher_is_better, int64_t eta, bool *alive) {
  int64_t left = 0;
  for (size_t i = 0; i < n; i++) left += alive[i];
  int64_t keep = left / eta > 1 ? left / eta : 1;
  for (; left > keep; left--) {
    size_t worst = n;
    for (size_t i = 0; i < n; i++)
      if (alive[i] && (worst == n || !figure_is_better(figures[i], figures[worst], higher_is_better)))
        worst = i;
    alive[worst] = false;
  }
}
