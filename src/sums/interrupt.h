/* How a long pass over the rows ends early, on all ranks at the same place.
 *
 * A rank may learn at any time that the run must stop, but ranks only agree together. So every rank asks
 * after the same shares of its rows: INTERRUPT_SHARES times in a pass, as rows divided among ranks take about
 * the same time. The main thread asks between two blocks, while the others go on. Whether a question is a
 * collective call or only counted is up to who answers it (train/fitting.c). If the answer is not LS_OK, all
 * threads leave the rest of their rows out, and the pass returns it. A rank that fails goes on asking, so
 * that no rank waits for it. */
#ifndef SUMS_INTERRUPT_H
#define SUMS_INTERRUPT_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INTERRUPT_SHARES = 64 };

typedef struct {
  /* The same on all ranks: LS_OK, LS_STOPPED if the work must end, or a failure. `begins`: the first question
   * of some work. All ranks ask alike, by their main thread. */
  ls_status (*ask)(void *context, bool begins, ls_error *error);
  void *context;
} interrupt_t;

/* NULL: never interrupted. Collective. */
static inline ls_status interrupt_ask(const interrupt_t *interrupt, bool begins, ls_error *error) {
  return interrupt == NULL ? LS_OK : interrupt->ask(interrupt->context, begins, error);
}

/* What a rank has asked in a pass. */
typedef struct {
  const interrupt_t *interrupt; /* NULL: nothing is asked */
  int64_t rows;                 /* of this rank */
  _Atomic int64_t done;         /* of these, by all threads */
  atomic_bool is_over;          /* the rest of the pass is left out */
  int asked;
  ls_status status; /* of the last question */
  ls_error error;
} interruption_t;

void interruption_begin(interruption_t *pass, const interrupt_t *interrupt, int64_t rows);

/* Called by each thread before and after a block. */
static inline bool interruption_is_over(interruption_t *pass) {
  return atomic_load_explicit(&pass->is_over, memory_order_relaxed);
}
void interruption_advance(interruption_t *pass, int64_t rows, bool is_main);

/* Asks what is left to ask. Returns what the pass was interrupted with, or LS_OK. Collective. */
ls_status interruption_end(interruption_t *pass, ls_error *error);

#endif
