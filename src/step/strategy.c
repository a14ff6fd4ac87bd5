#include "step/strategy.h"

static const strategy_t *const strategies[] = {&mpi_strategy, &ring_strategy, &overlapped_strategy};

const strategy_t *strategy_choose(const char *reduce, int nodes) {
  size_t i = 0;
  while (i + 1 < sizeof strategies / sizeof *strategies && !strategies[i]->suits(reduce, nodes)) i++;
  return strategies[i];
}
