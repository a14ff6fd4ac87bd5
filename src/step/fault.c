#include "step/fault.h"

#include "math/finite.h"
#include "step/engine_impl.h"

/* A key orders faults by step and then by place, so that the smallest key of all ranks is the first fault. */
enum { PLACE_BITS = 30 };
static const int64_t no_fault = INT64_MAX, most_place = ((int64_t)1 << PLACE_BITS) - 1;

void fault_note(atomic_llong *first, int64_t updates, size_t where) {
  int64_t place = (int64_t)where & most_place;
  long long key = (updates + 1) << PLACE_BITS | place, before = atomic_load(first);
  while ((before == 0 || key < before) && !atomic_compare_exchange_weak(first, &before, key)) {
  }
}

bool engine_has_fault(engine_t *engine) {
  return atomic_load_explicit(&engine->faults.loss, memory_order_relaxed) != 0 ||
         atomic_load_explicit(&engine->faults.gradient, memory_order_relaxed) != 0;
}

ls_status engine_take_faults(engine_t *engine, engine_faults_t *out, ls_error *error) {
  int64_t keys[] = {atomic_exchange(&engine->faults.loss, 0), atomic_exchange(&engine->faults.gradient, 0)};
  for (int i = 0; i < 2; i++)
    if (keys[i] == 0) keys[i] = no_fault;
  TRY(world_min_i64(engine->in.world, keys, 2, error));
  int64_t places[2];
  for (int i = 0; i < 2; i++) places[i] = keys[i] == no_fault ? -1 : keys[i] & most_place;
  *out = (engine_faults_t){(keys[0] >> PLACE_BITS) - 1, places[0], (keys[1] >> PLACE_BITS) - 1,
                           places[1] < 0 ? -1 : places[1] * FAULT_FLOATS};
  return LS_OK;
}

/* The place in the vector of the first own number that is not finite; plan.floats if all are. `values` is the
 * whole vector, or the shares of this rank one after the other. */
static size_t find_place(const engine_t *engine, const float *values, bool is_whole) {
  size_t first = engine->plan.floats;
  for (size_t k = 0; k < engine->plan.n_buckets; k++) {
    const bucket_t *bucket = &engine->plan.buckets[k];
    const float *share = values + (is_whole ? bucket->own.first : bucket->at) * GRAPH_BLOCK;
#pragma omp parallel for num_threads(engine->in.layout->threads) reduction(min : first)
    for (size_t b = 0; b < bucket->own.count; b++) {
      const float *block = share + b * GRAPH_BLOCK;
      if (floats_are_finite(block, GRAPH_BLOCK)) continue;
      size_t place = (bucket->own.first + b) * GRAPH_BLOCK + floats_first_bad(block, GRAPH_BLOCK);
      first = place < first ? place : first;
    }
  }
  return first;
}

ls_status engine_check_finite(engine_t *engine, int64_t *place, int *state, ls_error *error) {
  const int64_t floats = (int64_t)engine->plan.floats;
  int64_t found = no_fault;
  for (int k = -1; k < engine->updates.method->states && found == no_fault; k++) {
    const float *values = k < 0 ? engine->node.parameters : engine->updates.states[k];
    int64_t first = (int64_t)find_place(engine, values, k < 0);
    if (first < floats) found = (k + 1) * floats + first;
  }
  TRY(world_min_i64(engine->in.world, &found, 1, error));
  *place = found == no_fault ? -1 : found % floats;
  *state = found == no_fault ? -1 : (int)(found / floats) - 1;
  return LS_OK;
}

skips_t engine_skips(const engine_t *engine) {
  return engine->threads[0].skips;
}

void engine_set_skips(engine_t *engine, const skips_t *skips) {
  for (int i = 0; i < steps_threads(engine); i++) engine->threads[i].skips = *skips;
}
