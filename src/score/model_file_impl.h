/* Inside of model files: the parts that have files of their own. All functions read or write an open store,
 * and none is collective. */
#ifndef SCORE_MODEL_FILE_IMPL_H
#define SCORE_MODEL_FILE_IMPL_H

#include "store/store.h"
#include "score/model_file.h"

/* ---- head_classes.c ---- */

/* Names and weights of the classes of all heads. */
ls_status head_classes_write(store_t *store, const model_parts_t *parts, ls_error *error);
/* Into a model whose settings and objective are there. */
ls_status head_classes_read(const store_t *store, model_t *model, ls_error *error);

/* ---- posterior_file.c ---- */

ls_status posterior_write(store_t *store, const posterior_t *posterior, ls_error *error);
/* Reads the posterior of a network with these inputs and outputs. LS_BAD_DATA if an array has another shape.
 * `posterior` is caller-owned (posterior_free), also after a failure. */
ls_status posterior_read(const store_t *store, int64_t inputs, int64_t outputs, posterior_t *posterior,
                         ls_error *error);

#endif
