/* Matches the names of a dataset with those that a model was trained on: columns of x and classes. Rows from
 * another file may have their columns in another order, or only some of the classes. */
#ifndef SCORE_MATCH_H
#define SCORE_MATCH_H

#include "data/dataset.h"
#include "score/model_file.h"

/* Makes the model read the columns of x by their names: `names` (n) are those of the file, n as many as the
 * model has. LS_BAD_DATA for a file that lacks a column, or names one twice. Without names of the model or of
 * the file nothing is done. To be called before rows are gathered for the model. */
ls_status match_features(model_t *model, const char *file, char *const *names, int64_t n, ls_error *error);

/* Makes the labels of a split the class numbers of the model, where file and model both name classes and do
 * it differently. LS_BAD_DATA for a class that the model does not know, and, because such numbers are not
 * labels or not in memory, for several heads and for streamed rows. */
ls_status match_classes(const model_t *model, const char *file, const dataset_t *dataset, split_t *split,
                        ls_error *error);

#endif
