/* What `lockstep watch` shows of a run: its state, how far it is, when it will end, what its time goes into,
 * and its curves. Everything comes from the files of the run, so the run may train on another host. */
#ifndef INSPECT_WATCH_PAGE_H
#define INSPECT_WATCH_PAGE_H

#include "inspect/run_facts.h"
#include "inspect/run_files.h"

#include <stdbool.h>

typedef struct {
  run_facts_t facts;
  epochs_t epochs; /* with times */
  run_files_t files;
  double now; /* seconds since 1970 */
} watched_t;

typedef struct {
  size_t width, height; /* columns and lines that the page may have; height 0: as many as it likes */
  bool is_utf8;
  const char
      *columns; /* of the history, for the curves: "train_loss,valid_loss"; NULL: losses and a metric */
} watch_page_t;

/* Checks that the run has the columns that the user named; of a run without epochs nothing is known. LS_USAGE
 * with the nearest name. */
ls_status watch_page_check(const watch_page_t *page, const epochs_t *epochs, ls_error *error);

/* Prints the page, each line with a newline. */
void watch_page_print(const watch_page_t *page, const watched_t *watched, FILE *out);

/* Print one line: who works on the run, or how it ended; epoch `e`, with its losses and metric. */
void watch_print_state(const watched_t *watched, size_t width, FILE *out);
void watch_print_epoch(const watched_t *watched, size_t e, FILE *out);

#endif
