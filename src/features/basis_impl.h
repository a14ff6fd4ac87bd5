/* What the files of basis functions share: what tells one kind from another. */
#ifndef FEATURES_BASIS_IMPL_H
#define FEATURES_BASIS_IMPL_H

#include "features/basis.h"

enum { MOST_FUNCTIONS = 1 << 20, MOST_DEGREE = 64 };

struct basis_kind {
  choice_t choice;
  bool is_polynomial;  /* else a function of sums with centres */
  bool has_landmarks;  /* centres are training rows; else drawn at random, or found of the rows */
  bool has_components; /* centres are principal components; sums are of (x - mean) c */
  bool is_distance;    /* sums are of (x - c)^2, else of x c */
  void (*finish)(const basis_t *basis, int64_t n, float *phi);
  void (*slope)(const basis_t *basis, int64_t n, float *z); /* z becomes d phi / d z */
};

/* NULL: there is no kind of this name. */
const basis_kind_t *basis_find_kind(const char *name);
ls_status basis_no_memory(const basis_t *basis, ls_error *error);

#endif
