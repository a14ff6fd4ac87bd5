#include "data/dataset.h"

size_t element_size(element_t type) {
  static const size_t sizes[] = {[ELEMENT_U8] = 1, [ELEMENT_F32] = 4, [ELEMENT_F64] = 8};
  return sizes[type];
}
