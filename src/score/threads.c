#include "score/threads.h"

#include "base/float_mode.h"

#include <omp.h>

void threads_run(int threads, void (*run)(void *context, int thread), void *context) {
  omp_set_dynamic(0);
#pragma omp parallel num_threads(threads)
  {
    omp_set_num_threads(1);
    float_mode_begin();
    run(context, omp_get_thread_num());
  }
}
