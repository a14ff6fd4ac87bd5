/* Matches the names of a dataset with those that a model was trained on: columns of x and classes. Rows from
 * another file may have their columns in another order, or only some of the classes. */
#ifndef SCORE_MATCH_H
#define SCORE_MATCH_H

#include "data/dataset.h"
#include "score/model_file.h"

/* Makes the model read the columns of x by their names, and categories by theirs. LS_BAD_DATA for a file that
 * lacks a column, or names one twice, or has categories where the model has numbers or the other way round.
 * Without names of columns of the model or of the file they are taken in their order. To be called before
 * rows are gathered for the model, which may be matched with one file after the other. */
ls_status match_features(model_t *model, const char *file, const dataset_t *dataset, ls_error *error);

/* Makes the labels of a split the class numbers of the model, where file and model both name classes and do
 * it differently. LS_BAD_DATA for a class that the model does not know, and, because such numbers are not
 * labels or not in memory, for several heads and for streamed rows. */
ls_status match_classes(const model_t *model, const char *file, const dataset_t *dataset, split_t *split,
                        ls_error *error);

#endif
