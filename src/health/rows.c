#include "health/rows.h"

#include "base/arena.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Inputs, targets and weights beyond this are named as a probable cause. */
static const float huge = 1e6F;

/* The most conspicuous of n x width values: the first that is not finite, or the largest. */
typedef struct {
  float value;
  int64_t row, column;
} extreme_t;

static extreme_t find_extreme(const float *values, int64_t n, int64_t width) {
  extreme_t found = {0};
  for (int64_t i = 0; i < n * width; i++) {
    if (isfinite(values[i]) && fabsf(values[i]) <= fabsf(found.value)) continue;
    found = (extreme_t){values[i], i / width, i % width};
    if (!isfinite(values[i])) break;
  }
  return found;
}

static void tell_extreme(const engine_t *engine, const char *what, extreme_t found, int64_t step, int s,
                         char *text, size_t size) {
  if (isfinite(found.value) && fabsf(found.value) < huge) return;
  const size_t length = strlen(text);
  snprintf(text + length, size - length,
           "%straining row %" PRId64 ", of shard %d, has the %s %g in column %" PRId64,
           length > 0 ? "; " : "", engine_row_number(engine, step, s, found.row),
           engine_inputs(engine)->layout->first_shard + s, what, (double)found.value, found.column);
}

/* A rank's rows of a shard in one step. */
typedef struct {
  float *x, *values, *weights;
  int32_t *labels;
} shard_rows_t;

static ls_status make_rows(const engine_inputs_t *in, arena_t *arena, shard_rows_t *out, ls_error *error) {
  const int64_t rows = slice_shape(in->settings->train.global_batch_size, in->layout->shards).slice_rows;
  *out = (shard_rows_t){.x = arena_new(arena, (size_t)(rows * graph_inputs(in->graph)), sizeof(float)),
                        .values = arena_new(arena, (size_t)(rows * in->objective->targets), sizeof(float)),
                        .weights = arena_new(arena, (size_t)rows, sizeof(float)),
                        .labels = arena_new(arena, (size_t)rows, sizeof(int32_t))};
  if (out->x != NULL && out->values != NULL && out->weights != NULL && out->labels != NULL) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory to look at rows");
}

/* What is unusual about the rows of own shard s in a step of the epoch; nothing is added if nothing is. */
static void look_at_rows(engine_t *engine, const shard_rows_t *rows, int64_t step, int s, char *text,
                         size_t size) {
  const engine_inputs_t *in = engine_inputs(engine);
  const int64_t targets = in->objective->has_labels ? 0 : in->objective->targets;
  int64_t n = engine_rows(engine, step, s, rows->x, rows->labels, rows->values, rows->weights);
  tell_extreme(engine, "input", find_extreme(rows->x, n, graph_inputs(in->graph)), step, s, text, size);
  tell_extreme(engine, "target", find_extreme(rows->values, n, targets), step, s, text, size);
  tell_extreme(engine, "weight", find_extreme(rows->weights, n, 1), step, s, text, size);
}

ls_status rows_suspect(engine_t *engine, int64_t step, int64_t shard, char *out, size_t size,
                       ls_error *error) {
  const engine_inputs_t *in = engine_inputs(engine);
  arena_t arena = {0};
  shard_rows_t rows;
  ls_status status = LS_OK;
  int64_t owner = world_size(in->world);
  out[0] = '\0';
  if (in->train->stream != NULL) {
    snprintf(out, size, "its rows are not known, because rows are streamed");
    return LS_OK;
  }
  TRY_OR_DONE(world_agree(in->world, make_rows(in, &arena, &rows, error), error));
  for (int s = 0; s < in->layout->own_shards && out[0] == '\0'; s++)
    if (shard < 0 || shard == in->layout->first_shard + s) look_at_rows(engine, &rows, step, s, out, size);
  if (out[0] != '\0') owner = world_rank(in->world);
  TRY_OR_DONE(world_min_i64(in->world, &owner, 1, error));
  if (owner < world_size(in->world))
    TRY_OR_DONE(world_broadcast(in->world, out, size, (int)owner, error));
  else
    snprintf(out, size, "none of its rows is unusual");
done:
  arena_free(&arena);
  return status;
}
