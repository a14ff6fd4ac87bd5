#include "sums/interrupt.h"

void interruption_begin(interruption_t *pass, const interrupt_t *interrupt, int64_t rows) {
  pass->interrupt = interrupt;
  pass->rows = rows;
  pass->asked = 0;
  pass->status = LS_OK;
  atomic_store(&pass->done, 0);
  atomic_store(&pass->is_over, false);
}

static void ask_up_to(interruption_t *pass, int64_t share) {
  while (pass->asked < share && pass->status == LS_OK) {
    pass->status = interrupt_ask(pass->interrupt, pass->asked == 0, &pass->error);
    pass->asked++;
  }
  if (pass->status != LS_OK) atomic_store(&pass->is_over, true);
}

void interruption_advance(interruption_t *pass, int64_t rows, bool is_main) {
  if (pass->interrupt == NULL) return;
  const int64_t done = atomic_fetch_add(&pass->done, rows) + rows;
  if (is_main) ask_up_to(pass, done * INTERRUPT_SHARES / pass->rows);
}

ls_status interruption_end(interruption_t *pass, ls_error *error) {
  if (pass->interrupt == NULL) return LS_OK;
  ask_up_to(pass, INTERRUPT_SHARES);
  if (pass->status != LS_OK && error != NULL) *error = pass->error;
  return pass->status;
}
