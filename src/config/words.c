/* The words that a value may be, where only this room needs them. The lists of names that the rooms above own
 * come in as settings_choices_t. */
#include "config/keys.h"

bool shuffle_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"full", "the rows of each shard in a new random order every epoch"},
      {"blocks",
       "blocks of 1024 rows in random order, shuffled inside each block; for data that is read from disk"},
      {"none", "rows in the order of the file"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

bool reduce_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"shared", "the tree sums gradients in shared memory, and the update is part of the sum; same bits on "
                 "any layout"},
      {"mpi", "MPI_Allreduce, then every rank updates all parameters; the textbook method, for comparison"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

bool parts_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"auto", "all ranks, if there are several and the state has more than 256 MB"},
      {"one", "rank 0 collects it and writes one file"},
      {"ranks", "each rank writes its share to a file of its own"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

bool on_nan_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"stop", "the run ends with exit code 1, and the last checkpoint stays; costs nothing"},
      {"skip", "the step changes neither parameters nor the optimiser's state; every update then needs the "
               "whole gradient first, as with clip_norm"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

bool covariance_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"full", "each component has a covariance matrix of its own"},
      {"tied", "all components share one covariance matrix"},
      {"diagonal", "each component has a variance for every input"},
      {"spherical", "each component has one variance"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

bool window_targets_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"x", "all columns of x"},
      {"y", "all columns of y, which has a row for every row of x"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

bool bandwidth_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"silverman", "(n (d + 2) / 4)^(-1 / (d + 4)) deviations, for n rows of d inputs"},
      {"scott", "n^(-1 / (d + 4)) deviations"},
      {"cross_validated",
       "of 20 from a tenth of Silverman's to twice that, the one under which rows are most likely by the "
       "others"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

bool data_targets_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"y", "the labels or targets in y"},
      {"x", "the features themselves, scaled and encoded, without basis functions: for an autoencoder; no y "
            "is read"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

bool missing_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"error", "stop with an error that names row and column"},
      {"drop", "leave the row out; `predict` stops with an error"},
      {"mean", "replace by the mean of the column's training rows; categories: by none"},
      {"median", "replace by the median of the column's training rows; categories: by none"},
      {"most_frequent", "replace by the value or category that most of the column's training rows hold"},
      {"constant", "replace by data.missing_value; categories: by none"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

bool components_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"auto", "exact or randomized, whichever needs fewer products"},
      {"exact", "eigenvectors of the covariance of all features"},
      {"randomized", "a few random directions are turned towards the components by passes over the rows"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

bool init_layers_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {
      {"all", "all layers, which must have the same shapes here, and how features are filled in, scaled and "
              "encoded and targets scaled"},
      {"matching", "layers that have the same name and shapes here; the others begin as without init_from, "
                   "and scaling is fitted to the rows of the run"},
  };
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}
