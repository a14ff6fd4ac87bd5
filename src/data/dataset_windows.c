/* The steps that windows are made of: this rank's range of a split's timeline, which is a piece of every
 * series in it; in memory, or as they pass. */
#include "data/stream_impl.h"

/* The columns of an array in which a loss takes some values alone, or class numbers: at every step of it, so
 * that rows can be refused as they are read. */
static ls_status bound(const loading_t *load, const windows_t *windows, const double *columns,
                       dataset_t *dataset, row_format_t *format, ls_error *error) {
  int64_t n = 0;
  target_column_t *bounds = arena_new(&dataset->arena, (size_t)windows->n_forecast, sizeof *bounds);
  if (bounds == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for columns", load->file);
  for (int64_t c = 0; c < windows->n_forecast; c++) {
    target_column_t bounds_of = windows->forecast[c];
    bool is_bounded = bounds_of.low != 0 || bounds_of.high != 0 || format->type == STORE_F64;
    if (!(is_bounded && bounds_of.step == 0) && bounds_of.classes == 0) continue;
    if (columns != NULL) bounds_of.column = (int64_t)columns[bounds_of.column];
    bounds[n++] = bounds_of;
  }
  *format = bounded_format(*format, bounds, n);
  return LS_OK;
}

/* What is read of the arrays. */
static ls_status make_formats(const loading_t *load, const split_names_t *names, const source_t *source,
                              const windows_t *windows, dataset_t *dataset, row_format_t formats[ARRAYS],
                              ls_error *error) {
  formats[ARRAY_X] = features_format(names->x, source);
  if (source->has_weights) formats[ARRAY_WEIGHT] = weights_format(names->weights);
  const target_request_t *targets = &load->request->targets;
  if (targets->kind == TARGET_NONE || targets->of_x) return LS_OK;
  if (!windows_use_y(load->window))
    return bound(load, windows, windows->of_x, dataset, &formats[ARRAY_X], error);
  if (targets->kind == TARGET_LABELS) {
    formats[ARRAY_Y] = labels_format(names->y, source, targets->width);
    return LS_OK;
  }
  formats[ARRAY_Y] = targets_format(names->y, source, (target_request_t){.kind = TARGET_VALUES});
  return bound(load, windows, NULL, dataset, &formats[ARRAY_Y], error);
}

static ls_status make_windows(const loading_t *load, const source_t *source, int which, dataset_t *dataset,
                              split_t *split, ls_error *error) {
  windows_t *windows = arena_new(&dataset->arena, 1, sizeof *windows);
  if (windows == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for windows", load->file);
  arena_t *table = dataset->reader == NULL ? &dataset->arena : NULL;
  TRY(windows_deal(load->window, &load->timelines[which], split, table, windows, error));
  split->y_type = source->y_type;
  windows->columns = source->features;
  windows->targets = windows_target_columns(load->window, source);
  split->windows = windows;
  split->features = windows->length * windows->columns;
  if (load->request->targets.kind == TARGET_NONE) return LS_OK;
  if (load->request->targets.kind == TARGET_VALUES) split->width = load->request->targets.width;
  split->y_is_x = load->request->targets.of_x;
  if (split->y_is_x) split->y_type = source->type == ELEMENT_F64 ? ELEMENT_F64 : ELEMENT_F32;
  if (split->y_is_x) return LS_OK;
  return windows_choose(windows, load->request->targets, &dataset->arena, error);
}

/* ---- more steps than memory ---- */

/* The columns of x that are forecast, as targets, for those who look at steps as rows. */
static ls_status columns_format(const loading_t *load, const char *x, const source_t *source,
                                const windows_t *windows, dataset_t *dataset, row_format_t *out,
                                ls_error *error) {
  target_column_t *columns = arena_new(&dataset->arena, (size_t)windows->targets, sizeof *columns);
  const source_t as_y = {.y_width = source->features,
                         .y_type = source->type == ELEMENT_F64 ? ELEMENT_F64 : ELEMENT_F32};
  if (columns == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for columns", load->file);
  for (int64_t k = 0; k < windows->targets; k++)
    columns[k].column = windows->of_x != NULL ? (int64_t)windows->of_x[k] : k;
  *out = targets_format(
      x, &as_y, (target_request_t){.kind = TARGET_VALUES, .width = windows->targets, .columns = columns});
  return LS_OK;
}

/* The rank's own steps as rows, by which scalers are fitted: a stream of its own. */
static ls_status stream_steps(const loading_t *load, const source_t *source, row_format_t formats[ARRAYS],
                              dataset_t *dataset, split_t *split, ls_error *error) {
  windows_t *windows = split->windows;
  split_t *steps = arena_new(&dataset->arena, 1, sizeof *steps);
  if (steps == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for steps", load->file);
  *steps = windows_as_steps(split);
  bool has_values = load->request->targets.kind == TARGET_VALUES && !load->request->targets.of_x;
  if (has_values && formats[ARRAY_Y].row_size == 0) {
    TRY(columns_format(load, formats[ARRAY_X].name, source, windows, dataset, &formats[ARRAY_Y], error));
    steps->y_type = formats[ARRAY_Y].type == STORE_F64 ? ELEMENT_F64 : ELEMENT_F32;
  }
  int64_t first = shard_first(windows->time, split->first_shard);
  const rows_t rows = {first, first + steps->rows, NULL, ROW_KEPT, &windows->timeline};
  TRY(stream_create(dataset->reader, load->store, &rows, formats, steps, error));
  windows->by_steps = steps;
  return LS_OK;
}

static ls_status stream_windows(const loading_t *load, const row_format_t formats[ARRAYS],
                                const source_t *source, int which, dataset_t *dataset, split_t *split,
                                ls_error *error) {
  const timeline_t *timeline = &split->windows->timeline;
  const rows_t all = {0, timeline_steps(timeline), NULL, ROW_KEPT, timeline};
  row_format_t of_steps[ARRAYS] = {[ARRAY_X] = formats[ARRAY_X]};
  if (load->request->targets.kind == TARGET_VALUES) of_steps[ARRAY_Y] = formats[ARRAY_Y];
  if (which == TRAIN) TRY(stream_steps(load, source, of_steps, dataset, split, error));
  return stream_create(dataset->reader, load->store, &all, formats, split, error);
}

/* ---- the whole ---- */

ls_status windows_load(const loading_t *load, const split_names_t *names, int which, dataset_t *dataset,
                       split_t *split, ls_error *error) {
  const source_t *source = &load->plan->split[which];
  row_format_t formats[ARRAYS] = {0};
  TRY(make_windows(load, source, which, dataset, split, error));
  const windows_t *windows = split->windows;
  TRY(make_formats(load, names, source, windows, dataset, formats, error));
  if (dataset->reader != NULL) return stream_windows(load, formats, source, which, dataset, split, error);
  const rows_t rows = {windows->begin, windows->begin + windows->steps, NULL, ROW_KEPT, &windows->timeline};
  return arrays_load(dataset, load, formats, &rows, windows->steps, split, error);
}
