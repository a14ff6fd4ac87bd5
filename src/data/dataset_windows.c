/* The rows that windows are made of: this rank's range of a split's timeline, which is a piece of every
 * series in it. */
#include "data/dataset_impl.h"

#include <inttypes.h>
#include <string.h>

/* Steps [first, first + n) of the timeline, series by series. */
static ls_status read_steps(const loading_t *load, const timeline_t *timeline, const row_format_t *format,
                            int64_t first, int64_t n, void *out, ls_error *error) {
  char *to = out;
  for (int64_t run, step = first; step < first + n; step += run) {
    int64_t row = timeline_row(timeline, step);
    run = timeline_run(timeline, step, first + n - step);
    TRY(rows_read(load->store, *format, (rows_t){row, row + run, NULL, ROW_KEPT}, to, error));
    to += (size_t)run * format->row_size;
  }
  return LS_OK;
}

static ls_status load_steps(const loading_t *load, const windows_t *windows, const row_format_t *format,
                            dataset_t *dataset, void *out, ls_error *error) {
  void *memory = NULL;
  TRY(rows_make_room(dataset, load, format, windows->steps, &memory, error));
  TRY(read_steps(load, &windows->timeline, format, windows->begin, windows->steps, memory, error));
  memcpy(out, &memory, sizeof memory);
  return LS_OK;
}

ls_status windows_load(const loading_t *load, const split_names_t *names, int which, dataset_t *dataset,
                       split_t *split, ls_error *error) {
  const source_t *source = &load->plan->split[which];
  target_kind_t kind = load->request->targets.kind;
  windows_t *windows = arena_new(&dataset->arena, 1, sizeof *windows);
  if (windows == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for windows", load->file);
  TRY(windows_deal(load->window, &load->timelines[which], split, &dataset->arena, windows, error));
  windows->columns = source->features;
  windows->targets = windows_target_columns(load->window, source);
  split->windows = windows;
  split->features = windows->length * windows->columns;
  const row_format_t x = features_format(names->x, source);
  TRY(load_steps(load, windows, &x, dataset, &split->x, error));
  if (kind == TARGET_NONE) return LS_OK;
  split->width = load->request->targets.width;
  TRY(windows_choose(windows, load->request->targets, &dataset->arena, error));
  if (windows_use_y(load->window)) {
    const row_format_t y = targets_format(names->y, source, (target_request_t){.kind = kind});
    TRY(load_steps(load, windows, &y, dataset, &split->targets, error));
  }
  return windows_check_values(split, load->request->targets, load->file,
                              windows_use_y(load->window) ? names->y : names->x, error);
}
