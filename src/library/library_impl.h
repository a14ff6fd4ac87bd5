/* Inside of the library: what a model and a predictor are. */
#ifndef LIBRARY_LIBRARY_IMPL_H
#define LIBRARY_LIBRARY_IMPL_H

#include "lockstep/lockstep.h"

#include "score/model_file.h"
#include "score/predictor.h"

struct ls_model {
  model_t *model;
};

#endif
