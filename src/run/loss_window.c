#include "run/loss_window.h"

#include <math.h>

loss_window_t loss_window_begin(int64_t steps, int64_t updates, int64_t rows, double epoch_sum) {
  return (loss_window_t){
      .steps = steps, .begin = updates, .rows = rows, .before = -epoch_sum, .means = {NAN, NAN}};
}

void loss_window_end(loss_window_t *window, int64_t updates, int64_t rows, double epoch_sum) {
  double mean = (window->before + epoch_sum) / (double)(rows - window->rows), older = window->means[1];
  *window = loss_window_begin(window->steps, updates, rows, epoch_sum);
  window->means[0] = older;
  window->means[1] = mean;
}

void loss_window_epoch(loss_window_t *window, double epoch_sum) {
  window->before += epoch_sum;
}

ls_status loss_window_save(const loss_window_t *window, store_t *store, ls_error *error) {
  if (window->steps == 0) return LS_OK;
  TRY(store_write_int(store, "/", "window_steps", window->steps, error));
  TRY(store_write_int(store, "/", "window_begin", window->begin, error));
  TRY(store_write_int(store, "/", "window_rows", window->rows, error));
  TRY(store_write_double(store, "/", "window_before", window->before, error));
  TRY(store_write_double(store, "/", "window_loss_0", window->means[0], error));
  return store_write_double(store, "/", "window_loss_1", window->means[1], error);
}

ls_status loss_window_load(loss_window_t *window, const store_t *store, ls_error *error) {
  *window = (loss_window_t){0};
  if (!store_has_attribute(store, "/", "window_steps")) return LS_OK;
  TRY(store_read_int(store, "/", "window_steps", &window->steps, error));
  TRY(store_read_int(store, "/", "window_begin", &window->begin, error));
  TRY(store_read_int(store, "/", "window_rows", &window->rows, error));
  TRY(store_read_double(store, "/", "window_before", &window->before, error));
  TRY(store_read_double(store, "/", "window_loss_0", &window->means[0], error));
  return store_read_double(store, "/", "window_loss_1", &window->means[1], error);
}
