#include "run/checkpoint_part.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The values of a part are in the order of the parameter vector, whose layout follows from the network. A
 * version with another layout must use another format. */
static const char format[] = "lockstep checkpoint part 1";

enum { RANGE_NUMBERS = 3 }; /* int64_t of a part_range_t */
_Static_assert(sizeof(part_range_t) == RANGE_NUMBERS * sizeof(int64_t), "ranges are stored as they are");

void part_path(const char *checkpoint, int64_t part, int64_t parts, char *out, size_t size) {
  int stem = (int)(strlen(checkpoint) - strlen(".h5"));
  snprintf(out, size, "%.*s-part-%" PRId64 "-of-%" PRId64 ".h5", stem, checkpoint, part, parts);
}

static void state_path(const optimizer_t *optimizer, int k, char out[64]) {
  snprintf(out, 64, "optimizer/%s", optimizer->state_names[k]);
}

ls_status part_write(const char *path, const optimizer_t *optimizer, const float *const *states,
                     int64_t floats, ls_error *error) {
  store_t *store = NULL;
  TRY(store_create(path, &store, error));
  ls_status status = store_write_text(store, "/", "format", format, error);
  for (int k = 0; k < optimizer->states && status == LS_OK; k++) {
    char name[64];
    state_path(optimizer, k, name);
    status = store_write(store, name, STORE_F32, 1, &floats, states[k], error);
  }
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

/* ---- the list ---- */

ls_status part_list_create(int64_t parts, size_t ranges, part_list_t *out, ls_error *error) {
  part_list_t list = {.n = parts,
                      .seals = calloc((size_t)parts + 1, sizeof *list.seals),
                      .n_ranges = ranges,
                      .ranges = calloc(ranges + 1, sizeof *list.ranges)};
  if (list.seals == NULL || list.ranges == NULL) {
    part_list_free(&list);
    return error_set(error, LS_NO_MEMORY, "no memory for the list of %" PRId64 " parts of a checkpoint",
                     parts);
  }
  *out = list;
  return LS_OK;
}

void part_list_free(part_list_t *list) {
  free(list->seals);
  free(list->ranges);
  *list = (part_list_t){0};
}

ls_status part_list_write(const part_list_t *list, store_t *store, ls_error *error) {
  const int64_t ranges[] = {(int64_t)list->n_ranges, RANGE_NUMBERS};
  TRY(store_write(store, "parts/seal", STORE_U64, 1, &list->n, list->seals, error));
  return store_write(store, "parts/range", STORE_I64, 2, ranges, list->ranges, error);
}

/* Ranges of the file must not lead outside of anything that they are used for. */
static ls_status check_ranges(const store_t *store, const part_list_t *list, ls_error *error) {
  for (size_t i = 0; i < list->n_ranges; i++) {
    const part_range_t *range = &list->ranges[i];
    if (range->part < 1 || range->part > list->n || range->first < 0 || range->count < 0 ||
        range->first > INT64_MAX / 2 || range->count > INT64_MAX / 2)
      return error_set(error, LS_BAD_DATA, "%s: its list of parts is damaged", store_path(store));
  }
  return LS_OK;
}

ls_status part_list_read(const store_t *store, part_list_t *out, ls_error *error) {
  store_array_t seals = {0}, ranges = {0};
  part_list_t list = {0};
  *out = list;
  if (!store_has(store, "parts")) return LS_OK;
  TRY(store_describe(store, "parts/seal", &seals, error));
  TRY(store_describe(store, "parts/range", &ranges, error));
  if (seals.dims != 1 || ranges.dims != 2 || ranges.shape[1] != RANGE_NUMBERS)
    return error_set(error, LS_BAD_DATA, "%s: its list of parts is damaged", store_path(store));
  TRY(part_list_create(seals.shape[0], (size_t)ranges.shape[0], &list, error));
  ls_status status = store_read_rows(store, "parts/seal", 0, list.n, STORE_U64, list.seals, error);
  if (status == LS_OK)
    status = store_read_rows(store, "parts/range", 0, ranges.shape[0], STORE_I64, list.ranges, error);
  if (status == LS_OK) status = check_ranges(store, &list, error);
  if (status == LS_OK)
    *out = list;
  else
    part_list_free(&list);
  return status;
}

static ls_status check_part(const part_list_t *list, const char *checkpoint, int64_t part, ls_error *error) {
  char path[4096];
  uint64_t seal = 0;
  bool sealed = false;
  part_path(checkpoint, part, list->n, path, sizeof path);
  ls_status status = store_seal(path, &seal, error);
  if (status == LS_OK) status = store_check(path, 0, 1, &sealed, error);
  if (status == LS_OK && (!sealed || seal != list->seals[part - 1]))
    status = error_set(error, LS_BAD_DATA, "%s is not the part that was written with this checkpoint", path);
  return status == LS_OK ? LS_OK : error_prefix(error, status, "%s", checkpoint);
}

ls_status part_list_check(const part_list_t *list, const char *checkpoint, ls_error *error) {
  for (int64_t part = 1; part <= list->n; part++) TRY(check_part(list, checkpoint, part, error));
  return LS_OK;
}

/* ---- loading ---- */

typedef struct {
  const part_list_t *list;
  const optimizer_t *optimizer;
  const state_range_t *own;
  size_t n;
  float *const *states;
  int64_t left; /* values of each state that no part has given yet */
} load_t;

/* Reads what own range `own`, which begins at `to` of the vectors, has in common with a range that begins at
 * row `from` of the open part. */
static ls_status read_common(load_t *load, const store_t *part, const part_range_t *range, int64_t from,
                             const state_range_t *own, int64_t to, ls_error *error) {
  int64_t own_first = (int64_t)own->first, own_end = own_first + (int64_t)own->count;
  int64_t first = range->first > own_first ? range->first : own_first;
  int64_t end = range->first + range->count < own_end ? range->first + range->count : own_end;
  if (first >= end) return LS_OK;
  for (int k = 0; k < load->optimizer->states; k++) {
    char name[64];
    state_path(load->optimizer, k, name);
    TRY(store_read_rows(part, name, from + first - range->first, end - first, STORE_F32,
                        load->states[k] + to + first - own_first, error));
  }
  load->left -= end - first;
  return LS_OK;
}

/* Whether a part holds anything of the own ranges. */
static bool is_needed(const load_t *load, int64_t part) {
  for (size_t i = 0; i < load->list->n_ranges; i++) {
    const part_range_t *range = &load->list->ranges[i];
    for (size_t j = 0; j < load->n && range->part == part; j++)
      if (range->first < (int64_t)(load->own[j].first + load->own[j].count) &&
          (int64_t)load->own[j].first < range->first + range->count)
        return true;
  }
  return false;
}

static ls_status check_format(const store_t *part, ls_error *error) {
  char *text = NULL;
  TRY(store_read_text(part, "/", "format", &text, error));
  bool same = strcmp(text, format) == 0;
  free(text);
  if (same) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s is not a \"%s\"", store_path(part), format);
}

static ls_status load_part(load_t *load, const char *checkpoint, int64_t part, ls_error *error) {
  char path[4096];
  store_t *store = NULL;
  int64_t from = 0;
  part_path(checkpoint, part, load->list->n, path, sizeof path);
  TRY(store_open(path, &store, error));
  ls_status status = check_format(store, error);
  for (size_t i = 0; i < load->list->n_ranges && status == LS_OK; i++) {
    const part_range_t *range = &load->list->ranges[i];
    int64_t to = 0;
    if (range->part != part) continue;
    for (size_t j = 0; j < load->n && status == LS_OK; j++) {
      status = read_common(load, store, range, from, &load->own[j], to, error);
      to += (int64_t)load->own[j].count;
    }
    from += range->count;
  }
  store_close(&store);
  return status;
}

ls_status part_list_load(const part_list_t *list, const char *checkpoint, const optimizer_t *optimizer,
                         const state_range_t *own, size_t n, float *const *states, ls_error *error) {
  load_t load = {.list = list, .optimizer = optimizer, .own = own, .n = n, .states = states};
  for (size_t j = 0; j < n; j++) load.left += (int64_t)own[j].count;
  for (int64_t part = 1; part <= list->n; part++)
    if (is_needed(&load, part)) TRY(load_part(&load, checkpoint, part, error));
  if (load.left == 0) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: its parts do not hold the state of the whole network",
                   checkpoint);
}
