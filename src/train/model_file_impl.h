/* Inside of model files: what heads know of their classes (head_classes.c) as model_file.c writes and reads
 * it. */
#ifndef TRAIN_MODEL_FILE_IMPL_H
#define TRAIN_MODEL_FILE_IMPL_H

#include "store/store.h"
#include "train/model_file.h"

ls_status head_classes_write(store_t *store, const model_parts_t *parts, ls_error *error);
/* Into a model whose settings and objective are there. */
ls_status head_classes_read(const store_t *store, model_t *model, ls_error *error);

#endif
