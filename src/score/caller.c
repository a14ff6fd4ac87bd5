#include "score/caller.h"

#include "base/float_mode.h"

#include <omp.h>

static int bounded(int threads, int most) {
  if (most > threads) threads = most;
  return threads < MOST_CALLER_THREADS ? threads : MOST_CALLER_THREADS;
}

void caller_leave(caller_t *caller, int threads) {
  caller->dynamic = omp_get_dynamic();
  caller->most = omp_get_max_threads();
  caller->threads = 1;
  omp_set_dynamic(0);
  const int n = bounded(threads, caller->most);
#pragma omp parallel num_threads(n)
  {
    fegetenv(&caller->modes[omp_get_thread_num()]);
    fesetenv(FE_DFL_ENV);
    float_mode_flush();
#pragma omp single
    caller->threads = omp_get_num_threads();
  }
}

void caller_return(const caller_t *caller, int threads) {
  omp_set_dynamic(0);
  const int n = bounded(threads, caller->threads);
#pragma omp parallel num_threads(n)
  {
    const int thread = omp_get_thread_num();
    fesetenv(&caller->modes[thread < caller->threads ? thread : 0]);
  }
  omp_set_num_threads(caller->most);
  omp_set_dynamic(caller->dynamic);
}
