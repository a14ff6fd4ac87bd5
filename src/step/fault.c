#include "step/fault.h"

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
