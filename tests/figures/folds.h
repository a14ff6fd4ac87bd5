/* Written by folds.py. */
/* clang-format off */
static const int folds_150_3_5[] = {17, 8, 5, 17, 7, 6, 17, 7, 6, 17, 7, 6, 17, 7, 6};
static const int folds_100_7_3[] = {13, 3, 5, 3, 4, 4, 2, 12, 4, 4, 3, 4, 5, 1, 12, 3, 5, 3, 4, 4, 2};
static const int folds_61_4_10[] = {4, 1, 1, 1, 4, 1, 1, 0, 3, 1, 2, 0, 3, 1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1};
static const int folds_23_5_2[] = {5, 1, 3, 1, 2, 5, 1, 2, 1, 2};
