/* The caller's rows become a dataset file in memory, so that all that works with dataset files works with
 * them: splits, weights, windows, missing values, checks of every value, the identity of the data.
 *
 *   rank 0  rank 1 | rank 2  rank 3        two hosts
 *     |       |    |   |       |
 *     +-------+----|---+-------+--> first rank of host A: /dev/shm/lockstep-data-… , all rows
 *     +-------+----|---+-------+--> first rank of host B: /dev/shm/lockstep-data-… , all rows
 *
 * Rows travel in pieces, so the first ranks need little memory beside the file. The file is removed when the
 * ranks have read their rows from it. */
#include "library/library_impl.h"
#include "library/train_impl.h"

#include "layout/validation.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SPLITS = 3, KINDS = 3, PIECE_BYTES = 1 << 25, NAME_SIZE = 256, MOST_COLUMNS = 1 << 24 };
enum { KIND_X, KIND_Y, KIND_WEIGHTS };

static const char *const split_texts[SPLITS] = {"train", "valid", "test"};
static const char *const kind_texts[KINDS] = {"x", "y", "weights"};

/* What ranks compare. Plain values. */
typedef struct {
  int32_t given_rank;
  int32_t types[SPLITS][KINDS]; /* an ls_type; 0: there is none, or no row */
  int64_t rows[SPLITS];
  int64_t columns, targets;
} row_facts_t;

/* An array of the file, spread over the ranks. */
typedef struct {
  char name[NAME_SIZE];
  const ls_input *mine;
  ls_type type;
  int64_t columns;
  int split;
} spread_array_t;

typedef struct {
  world_t *world;
  const ls_training_data *data;
  row_facts_t *all;               /* (ranks) */
  int64_t *firsts;                /* (ranks, SPLITS): where a rank's rows begin */
  int *leaders;                   /* (ranks): the first rank of each one's host */
  size_t *sizes;                  /* (ranks): work space */
  unsigned char *piece, *pieces;  /* of this rank; of all, on a leader */
  store_t *store;                 /* on a leader */
  ls_error failure;               /* of this rank: later agreed upon, so that no rank leaves early */
  char path[TEMPORARY_PATH_SIZE]; /* on a leader: what it has made */
} collection_t;

static const ls_training_rows *rows_of(const ls_training_data *data, int split) {
  return split == 0 ? &data->train : split == 1 ? &data->valid : &data->test;
}

static const ls_input *array_of(const ls_training_rows *rows, int kind) {
  return kind == KIND_X ? &rows->x : kind == KIND_Y ? &rows->y : &rows->weights;
}

static int64_t columns_of(const ls_training_data *data, int kind) {
  return kind == KIND_X ? data->columns : kind == KIND_Y ? data->targets : 1;
}

/* ---- checks ---- */

static ls_status check_array(const ls_training_data *data, int split, int kind, ls_error *error) {
  const ls_training_rows *rows = rows_of(data, split);
  const ls_input *array = array_of(rows, kind);
  const char *of = split_texts[split], *what = kind_texts[kind];
  bool is_real = array->type == LS_FLOAT32 || array->type == LS_FLOAT64;
  bool is_integer = array->type == LS_INT32 || array->type == LS_INT64;
  if (rows->rows == 0 || (kind == KIND_WEIGHTS && array->values == NULL)) return LS_OK;
  if (kind == KIND_Y && data->targets == 0) return LS_OK;
  if (array->values == NULL) return error_set(error, LS_USAGE, "%s.%s has no values", of, what);
  if (!is_real && !(is_integer && kind == KIND_Y))
    return error_set(error, LS_USAGE, "%s.%s: its type must be LS_FLOAT32 or LS_FLOAT64%s", of, what,
                     kind == KIND_Y ? ", LS_INT32 or LS_INT64" : "");
  return LS_OK;
}

static ls_status check_names(const char *const *names, int64_t n, const char *what, ls_error *error) {
  for (int64_t i = 0; names != NULL && i < n; i++)
    if (names[i] == NULL) return error_set(error, LS_USAGE, "%s %" PRId64 " is NULL", what, i);
  return LS_OK;
}

/* Not collective. */
static ls_status check_data(const ls_training_data *data, ls_error *error) {
  if (data->columns < 1 || data->columns > MOST_COLUMNS || data->targets < 0 || data->targets > MOST_COLUMNS)
    return error_set(error, LS_USAGE, "a row cannot have %" PRId64 " columns and %" PRId64 " targets",
                     data->columns, data->targets);
  if (data->classes < 0 || (data->classes > 0 && data->class_names == NULL))
    return error_set(error, LS_USAGE, "%" PRId64 " classes without class_names", data->classes);
  for (int s = 0; s < SPLITS; s++) {
    if (rows_of(data, s)->rows < 0)
      return error_set(error, LS_USAGE, "%s has %" PRId64 " rows", split_texts[s], rows_of(data, s)->rows);
    for (int k = 0; k < KINDS; k++) TRY(check_array(data, s, k, error));
  }
  TRY(check_names(data->column_names, data->columns, "the name of column", error));
  return check_names(data->class_names, data->classes, "the name of class", error);
}

static row_facts_t own_facts(const world_t *world, const ls_training_data *data) {
  row_facts_t facts;
  memset(&facts, 0, sizeof facts);
  facts.given_rank = world_given_rank(world);
  facts.columns = data->columns;
  facts.targets = data->targets;
  for (int s = 0; s < SPLITS; s++) {
    const ls_training_rows *rows = rows_of(data, s);
    facts.rows[s] = rows->rows;
    for (int k = 0; k < KINDS && rows->rows > 0; k++)
      if (array_of(rows, k)->values != NULL && columns_of(data, k) > 0)
        facts.types[s][k] = (int32_t)array_of(rows, k)->type;
  }
  return facts;
}

/* The rank, in the caller's numbers, whose facts are not those of others. All ranks find the same. */
static ls_status check_agreement(const collection_t *own, ls_error *error) {
  const row_facts_t *all = own->all;
  for (int r = 1; r < world_size(own->world); r++)
    if (all[r].columns != all[0].columns || all[r].targets != all[0].targets)
      return error_set(error, LS_USAGE,
                       "rank %d has rows of %" PRId64 " columns and %" PRId64 " targets, rank %d of %" PRId64
                       " and %" PRId64,
                       all[r].given_rank, all[r].columns, all[r].targets, all[0].given_rank, all[0].columns,
                       all[0].targets);
  for (int s = 0; s < SPLITS; s++)
    for (int k = 0; k < KINDS; k++) {
      int first = -1;
      for (int r = 0; r < world_size(own->world); r++) {
        if (all[r].rows[s] == 0) continue;
        if (first < 0) first = r;
        if (all[r].types[s][k] != all[first].types[s][k])
          return error_set(error, LS_USAGE, "%s.%s: ranks %d and %d have arrays of different types",
                           split_texts[s], kind_texts[k], all[first].given_rank, all[r].given_rank);
      }
    }
  return LS_OK;
}

/* ---- who holds what ---- */

static int64_t total_rows(const collection_t *own, int split) {
  int64_t rows = 0;
  for (int r = 0; r < world_size(own->world); r++) rows += own->all[r].rows[split];
  return rows;
}

/* The type of an array on the ranks that have rows of it; 0: there is no such array. */
static int32_t type_of(const collection_t *own, int split, int kind) {
  for (int r = 0; r < world_size(own->world); r++)
    if (own->all[r].rows[split] > 0) return own->all[r].types[split][kind];
  return 0;
}

/* Rows of a rank follow those of all ranks before it in the caller's order. */
static void find_firsts(collection_t *own) {
  int ranks = world_size(own->world);
  for (int r = 0; r < ranks; r++)
    for (int q = 0; q < ranks; q++)
      if (own->all[q].given_rank < own->all[r].given_rank)
        for (int s = 0; s < SPLITS; s++) own->firsts[r * SPLITS + s] += own->all[q].rows[s];
}

static void find_leaders(collection_t *own) {
  for (int r = 0; r < world_size(own->world); r++) {
    own->leaders[r] = 0;
    while (strcmp(world_host(own->world, own->leaders[r]), world_host(own->world, r)) != 0) own->leaders[r]++;
  }
}

static bool leads(const collection_t *own) {
  return own->leaders[world_rank(own->world)] == world_rank(own->world);
}

/* Room for a piece: a row at least, and no more than PIECE_BYTES of all ranks together. */
static size_t piece_bytes(const collection_t *own) {
  int64_t widest = own->data->columns > own->data->targets ? own->data->columns : own->data->targets;
  size_t row = (size_t)widest * sizeof(double), share = PIECE_BYTES / (size_t)world_size(own->world);
  return row < share ? share : row;
}

static ls_status make_tables(collection_t *own, ls_error *error) {
  size_t ranks = (size_t)world_size(own->world);
  own->all = calloc(ranks, sizeof *own->all);
  own->firsts = calloc(ranks * SPLITS, sizeof *own->firsts);
  own->leaders = calloc(ranks, sizeof *own->leaders);
  own->sizes = calloc(ranks, sizeof *own->sizes);
  own->piece = malloc(piece_bytes(own));
  if (own->all != NULL && own->firsts != NULL && own->leaders != NULL && own->sizes != NULL &&
      own->piece != NULL)
    return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for the rows of %zu ranks", ranks);
}

/* ---- the file ---- */

static ls_status create_file(collection_t *own, ls_error *error) {
  if (!leads(own)) return LS_OK;
  own->pieces = malloc((size_t)world_size(own->world) * piece_bytes(own));
  if (own->pieces == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the rows of all ranks");
  int file = temporary_open("data", own->path);
  if (file < 0)
    return error_set(error, LS_IO, "no temporary file for the rows of all ranks: %s", strerror(errno));
  close(file);
  return store_create(own->path, &own->store, error);
}

static store_type_t stored_type(ls_type type) {
  return type == LS_FLOAT32   ? STORE_F32
         : type == LS_FLOAT64 ? STORE_F64
         : type == LS_INT32   ? STORE_I32
                              : STORE_I64;
}

/* Copies rows [first, first + n) of this rank to own->piece, side by side. */
static void pack(const collection_t *own, const spread_array_t *array, int64_t first, int64_t n) {
  const ls_input *from = array->mine;
  size_t size = store_type_size(stored_type(array->type));
  int64_t row_stride = from->row_stride != 0 ? from->row_stride : array->columns;
  int64_t column_stride = from->column_stride != 0 ? from->column_stride : 1;
  unsigned char *to = own->piece;
  for (int64_t r = first; r < first + n; r++)
    for (int64_t c = 0; c < array->columns; c++, to += size)
      memcpy(to, (const unsigned char *)from->values + (r * row_stride + c * column_stride) * (int64_t)size,
             size);
}

static int64_t rows_in_round(const collection_t *own, int split, int rank, int64_t first, int64_t most) {
  int64_t left = own->all[rank].rows[split] - first;
  return left < 0 ? 0 : left < most ? left : most;
}

/* On a leader: writes the pieces of a round. */
static ls_status write_pieces(collection_t *own, const spread_array_t *array, int64_t first, int64_t most,
                              ls_error *error) {
  const unsigned char *at = own->pieces;
  for (int r = 0; r < world_size(own->world); r++) {
    int64_t n = rows_in_round(own, array->split, r, first, most);
    if (n > 0)
      TRY(store_write_rows(own->store, array->name, own->firsts[r * SPLITS + array->split] + first, n,
                           stored_type(array->type), at, error));
    at += own->sizes[r];
  }
  return LS_OK;
}

/* Each leader in turn collects the pieces of all ranks. Collective. */
static ls_status collect_array(collection_t *own, const spread_array_t *array, ls_error *error) {
  int ranks = world_size(own->world), rank = world_rank(own->world);
  int64_t row_bytes = array->columns * (int64_t)store_type_size(stored_type(array->type)), longest = 0;
  int64_t most = (int64_t)piece_bytes(own) / row_bytes;
  const int64_t shape[] = {total_rows(own, array->split), array->columns};
  ls_error *failure = &own->failure;
  if (leads(own) && failure->status == LS_OK)
    store_declare(own->store, array->name, stored_type(array->type), array->columns > 1 ? 2 : 1, shape,
                  failure);
  for (int r = 0; r < ranks; r++)
    if (own->all[r].rows[array->split] > longest) longest = own->all[r].rows[array->split];
  for (int64_t first = 0; first < longest; first += most) {
    for (int r = 0; r < ranks; r++)
      own->sizes[r] = (size_t)(rows_in_round(own, array->split, r, first, most) * row_bytes);
    if (own->sizes[rank] > 0) pack(own, array, first, (int64_t)own->sizes[rank] / row_bytes);
    for (int r = 0; r < ranks; r++)
      if (own->leaders[r] == r)
        TRY(world_gather_pieces(own->world, own->piece, own->sizes, own->pieces, r, error));
    if (leads(own) && failure->status == LS_OK) write_pieces(own, array, first, most, failure);
  }
  return LS_OK;
}

/* On a leader. */
static ls_status publish(collection_t *own, ls_error *error) {
  const ls_training_data *data = own->data;
  if (data->column_names != NULL)
    TRY(store_write_texts(own->store, "/", "feature_names", data->column_names, (size_t)data->columns,
                          error));
  if (data->classes > 0)
    TRY(store_write_texts(own->store, "/", "class_names", data->class_names, (size_t)data->classes, error));
  return store_publish(&own->store, error);
}

/* ---- names ---- */

/* Sets the name of a split's weights if the settings have none, and says how its arrays are called. */
static const char *name_of(settings_t *settings, int split, int kind) {
  static const char *const usual[SPLITS] = {"train/weights", "valid/weights", "test/weights"};
  data_settings_t *data = &settings->data;
  const char **names[SPLITS][KINDS] = {{&data->x, &data->y, &data->weights},
                                       {&data->valid_x, &data->valid_y, &data->valid_weights},
                                       {&data->test_x, &data->test_y, &data->test_weights}};
  const char **name = names[split][kind];
  if (kind == KIND_WEIGHTS && strcmp(*name, "none") == 0) *name = usual[split];
  return *name;
}

static ls_status check_splits(const collection_t *own, const settings_t *settings, ls_error *error) {
  if (total_rows(own, 0) == 0) return error_set(error, LS_USAGE, "no rank has training rows");
  if (total_rows(own, 1) > 0 &&
      (validation_splits_training(settings) || settings->data.validation.group != NULL))
    return error_set(
        error, LS_USAGE,
        "valid has rows, but data.validation or data.folds says that validation rows are chosen among the "
        "training rows: leave one of them out");
  return LS_OK;
}

/* ---- the whole ---- */

/* Collective. */
static ls_status collect(collection_t *own, settings_t *settings, ls_error *error) {
  const row_facts_t mine = own_facts(own->world, own->data);
  TRY(world_gather(own->world, &mine, sizeof mine, own->all, error));
  TRY(check_agreement(own, error));
  TRY(check_splits(own, settings, error));
  find_firsts(own);
  find_leaders(own);
  TRY(world_agree(own->world, create_file(own, error), error));
  for (int s = 0; s < SPLITS; s++)
    for (int k = 0; k < KINDS; k++) {
      spread_array_t array = {.mine = array_of(rows_of(own->data, s), k),
                              .type = (ls_type)type_of(own, s, k),
                              .columns = columns_of(own->data, k),
                              .split = s};
      if (array.type == 0) continue;
      snprintf(array.name, sizeof array.name, "%s", name_of(settings, s, k));
      TRY(collect_array(own, &array, error));
    }
  ls_status status = own->failure.status;
  if (status != LS_OK) *error = own->failure;
  if (status == LS_OK && leads(own)) status = publish(own, error);
  return world_agree(own->world, status, error);
}

/* Every rank learns the file of its host. Collective. */
static ls_status share_path(collection_t *own, memory_file_t *out, ls_error *error) {
  int ranks = world_size(own->world);
  char *paths = calloc((size_t)ranks, TEMPORARY_PATH_SIZE);
  ls_status status =
      paths == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the names of files") : LS_OK;
  TRY_OR_DONE(world_agree(own->world, status, error));
  TRY_OR_DONE(world_gather(own->world, own->path, TEMPORARY_PATH_SIZE, paths, error));
  memcpy(out->path, paths + own->leaders[world_rank(own->world)] * TEMPORARY_PATH_SIZE, sizeof out->path);
done:
  free(paths);
  return status;
}

ls_status memory_file_make(world_t *world, const ls_training_data *data, settings_t *settings,
                           memory_file_t *out, ls_error *error) {
  collection_t own = {.world = world, .data = data};
  memory_file_t found = {.is_owner = false};
  TRY(world_agree(world, check_data(data, error), error));
  ls_status status = world_agree(world, make_tables(&own, error), error);
  if (status == LS_OK) status = collect(&own, settings, error);
  if (status == LS_OK) status = share_path(&own, &found, error);
  store_close(&own.store);
  if (status == LS_OK) {
    found.is_owner = own.path[0] != '\0';
    *out = found;
  } else if (own.path[0] != '\0') {
    unlink(own.path);
  }
  free(own.all);
  free(own.firsts);
  free(own.leaders);
  free(own.sizes);
  free(own.piece);
  free(own.pieces);
  return status;
}

void memory_file_remove(memory_file_t *file) {
  if (file->is_owner) unlink(file->path);
  file->is_owner = false;
}
