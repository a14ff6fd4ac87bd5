#include "data/split.h"

#include <inttypes.h>
#include <string.h>

size_t element_size(element_t type) {
  static const size_t sizes[] = {[ELEMENT_U8] = 1, [ELEMENT_F32] = 4, [ELEMENT_F64] = 8};
  return sizes[type];
}

/* A split points at what a dataset owns, and may change; one made of a caller's arrays is only read. */
static void borrow(const void *array, void *out) {
  memcpy(out, &array, sizeof array);
}

ls_status split_from_memory(const split_arrays_t *arrays, split_t *out, ls_error *error) {
  if (arrays->rows < 0 || arrays->rows > UINT32_MAX)
    return error_set(error, LS_BAD_DATA, "%" PRId64 " rows: at most 2^32 - 1 can be taken at once",
                     arrays->rows);
  if (arrays->features < 1 || (arrays->x == NULL && arrays->rows > 0))
    return error_set(error, LS_BAD_DATA, "rows in memory have no features");
  *out = (split_t){.partition = {arrays->rows, 1},
                   .shards = 1,
                   .rows = arrays->rows,
                   .features = arrays->features,
                   .type = arrays->type,
                   .width = arrays->targets != NULL ? arrays->width : 0};
  borrow(arrays->x, &out->x);
  borrow(arrays->labels, &out->labels);
  borrow(arrays->targets, &out->targets);
  borrow(arrays->weights, &out->weights);
  return LS_OK;
}
