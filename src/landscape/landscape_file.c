/* The file of a landscape. Names are those of the tool of Li et al. (2018): figures lie as numpy.meshgrid
 * lays out its coordinates, (y, x), and of a line (x). */
#include "landscape/landscape.h"

#include "store/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const figure_names[POINT_ROWS][FIGURES] = {{"train_loss", "train_acc", "train_rmse"},
                                                              {"test_loss", "test_acc", "test_rmse"}};

/* ---- writing ---- */

static ls_status write_axis(store_t *store, const char *name, const coordinates_t *axis, ls_error *error) {
  double *at = malloc((size_t)axis->n * sizeof *at);
  if (at == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the coordinates of a landscape");
  for (int64_t i = 0; i < axis->n; i++) at[i] = axis_at(axis, i);
  ls_status status = store_write(store, name, STORE_F64, 1, &axis->n, at, error);
  free(at);
  return status;
}

static ls_status write_figures(const landscape_t *landscape, store_t *store, ls_error *error) {
  const int64_t plane[] = {landscape->axis[1].n, landscape->axis[0].n};
  const int dims = landscape->plane.axes;
  for (int r = 0; r < POINT_ROWS; r++)
    for (int f = 0; f < FIGURES; f++)
      if (landscape->figures[r][f] != NULL)
        TRY(store_write(store, figure_names[r][f], STORE_F64, dims, plane + 2 - dims,
                        landscape->figures[r][f], error));
  return LS_OK;
}

static ls_status write_trajectory(const trajectory_t *trajectory, store_t *store, ls_error *error) {
  const int64_t two = 2;
  if (trajectory->n == 0) return LS_OK;
  TRY(store_write(store, "proj_xcoord", STORE_F64, 1, &trajectory->n, trajectory->x, error));
  TRY(store_write(store, "proj_ycoord", STORE_F64, 1, &trajectory->n, trajectory->y, error));
  TRY(store_write(store, "proj_step", STORE_I64, 1, &trajectory->n, trajectory->step, error));
  return store_write(store, "explained_variance_ratio_", STORE_F64, 1, &two, trajectory->explained, error);
}

static ls_status write_facts(const landscape_t *landscape, const point_t *point, store_t *store,
                             ls_error *error) {
  const training_t *training = point_training(point);
  const plane_t *plane = &landscape->plane;
  TRY(store_write_text(store, "/", "format", LANDSCAPE_FORMAT, error));
  TRY(store_write_text(store, "/", "identity", landscape->identity, error));
  TRY(store_write_text(store, "/", "model", point_origin(point), error));
  TRY(store_write_text(store, "/", "name", training->settings->name, error));
  TRY(store_write_text(store, "/", "data", training->settings->data.file, error));
  TRY(store_write_text(store, "/", "loss", training->objective->heads[0].loss->name, error));
  TRY(store_write_text(store, "/", "directions", plane_kind_name(plane->kind), error));
  TRY(store_write_text(store, "/", "xdirection", plane->name[0], error));
  TRY(store_write_double(store, "/", "xorigin", plane->origin[0], error));
  if (plane->axes == 2) TRY(store_write_text(store, "/", "ydirection", plane->name[1], error));
  if (plane->axes == 2) TRY(store_write_double(store, "/", "yorigin", plane->origin[1], error));
  TRY(store_write_int(store, "/", "train_rows", point_rows(point, POINT_TRAIN), error));
  if (landscape->figures[POINT_TEST][FIGURE_LOSS] != NULL) {
    TRY(store_write_int(store, "/", "test_rows", point_rows(point, POINT_TEST), error));
    TRY(store_write_text(store, "/", "test_split", point_split(point, POINT_TEST), error));
  }
  TRY(store_write_double(store, "/", "train_loss_at_origin", landscape->loss_at_origin, error));
  TRY(store_write_int(store, "/", "shards", training->layout->shards, error));
  TRY(store_write_int(store, "/", "points", landscape->points, error));
  return store_write_int(store, "/", "done", landscape->done, error);
}

ls_status landscape_write(const landscape_t *landscape, const point_t *point, const char *path,
                          ls_error *error) {
  store_t *store = NULL;
  TRY(store_create(path, &store, error));
  ls_status status = write_facts(landscape, point, store, error);
  if (status == LS_OK) status = write_axis(store, "xcoordinates", &landscape->axis[0], error);
  if (status == LS_OK && landscape->plane.axes == 2)
    status = write_axis(store, "ycoordinates", &landscape->axis[1], error);
  if (status == LS_OK) status = write_figures(landscape, store, error);
  if (status == LS_OK) status = write_trajectory(&landscape->plane.trajectory, store, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

/* ---- reading ---- */

static ls_status read_facts(const landscape_t *landscape, const store_t *store, int64_t *done,
                            ls_error *error) {
  char *format = NULL, *identity = NULL;
  ls_status status = store_read_text(store, "/", "format", &format, error);
  if (status == LS_OK && strcmp(format, LANDSCAPE_FORMAT) != 0)
    status = error_set(error, LS_BAD_DATA, "%s is no landscape, but '%.60s'", store_path(store), format);
  if (status == LS_OK) status = store_read_text(store, "/", "identity", &identity, error);
  if (status == LS_OK && strcmp(identity, landscape->identity) != 0)
    status = error_set(error, LS_BAD_SETTINGS,
                       "%s holds another landscape (other directions, coordinates, rows or weights): leave "
                       "--resume out to replace it, or name another file with --out",
                       store_path(store));
  if (status == LS_OK) status = store_read_int(store, "/", "done", done, error);
  if (status == LS_OK && (*done < 0 || *done > landscape->points))
    status = error_set(error, LS_BAD_DATA, "%s: %" PRId64 " of %" PRId64 " points cannot be done",
                       store_path(store), *done, landscape->points);
  free(format);
  free(identity);
  return status;
}

static ls_status read_figures(landscape_t *landscape, const store_t *store, ls_error *error) {
  const int64_t rows = landscape->plane.axes == 2 ? landscape->axis[1].n : landscape->axis[0].n;
  for (int r = 0; r < POINT_ROWS; r++)
    for (int f = 0; f < FIGURES; f++) {
      store_array_t array = {0};
      int64_t values = 1;
      if (landscape->figures[r][f] == NULL) continue;
      TRY(store_describe(store, figure_names[r][f], &array, error));
      for (int d = 0; d < array.dims; d++) values *= array.shape[d];
      if (array.dims != landscape->plane.axes || values != landscape->points || array.shape[0] != rows)
        return error_set(error, LS_BAD_DATA, "%s: %s has another shape than the landscape", store_path(store),
                         figure_names[r][f]);
      TRY(store_read_rows(store, figure_names[r][f], 0, rows, STORE_F64, landscape->figures[r][f], error));
    }
  return LS_OK;
}

ls_status landscape_read(landscape_t *landscape, const char *path, ls_error *error) {
  store_t *store = NULL;
  int64_t done = 0;
  TRY(store_open_whole(path, &store, error));
  ls_status status = read_facts(landscape, store, &done, error);
  if (status == LS_OK) status = read_figures(landscape, store, error);
  store_close(&store);
  if (status == LS_OK) landscape->done = done;
  return status;
}
