/* What a sweep varies: words of the command line. `key=a,b,c` is an axis with three values,
 * `key=log(1e-4,1e-1)` an axis from which values are drawn, and `key=a` a value that all runs share. A
 * combination is one value for each axis. Nothing here is collective. */
#ifndef SWEEP_AXES_H
#define SWEEP_AXES_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* AXIS_VALUES: the values are listed. Else they are drawn from [low, high]: evenly in the logarithm, evenly,
 * or whole numbers. */
typedef enum { AXIS_VALUES, AXIS_LOG, AXIS_UNIFORM, AXIS_INT } axis_kind_t;

typedef struct {
  const char *key;
  axis_kind_t kind;
  const char *const *values; /* (n): YAML; AXIS_VALUES only */
  int64_t n;
  double low, high;
} axis_t;

/* The product of the axes, or what is drawn from it. {0} is empty. */
typedef struct {
  axis_t *axes; /* (n), in the order of the command line */
  size_t n;
  char **fixed; /* (n_fixed): words that all runs share, "key=value" */
  size_t n_fixed;
  int64_t combinations;
  const char *
      *chosen;   /* (combinations, n): the value of each axis; the last axis changes fastest in a grid */
  arena_t arena; /* owns all above */
} axes_t;

enum { MOST_COMBINATIONS = 1 << 20 };

/* Reads the words. Commas in brackets, braces, parentheses of a range and quotes do not separate values.
 * LS_USAGE: a word without a key, a key that is given twice, a value that is given twice, an empty value, a
 * range that is none. *out is caller-owned (axes_free), also after a failure. The words are borrowed. */
ls_status axes_parse(char *const *words, size_t n, axes_t *out, ls_error *error);
void axes_free(axes_t *axes);

/* Fills axes->combinations and axes->chosen. random 0: takes all combinations of the product. random > 0:
 * draws this number of combinations, without repetition if all axes list values; axes with ranges draw from
 * them. The same seed draws the same combinations. LS_USAGE: ranges without random, more combinations than
 * there are, or than MOST_COMBINATIONS. */
ls_status axes_combine(axes_t *axes, int64_t random, uint64_t seed, ls_error *error);

/* "key=value key=value" of one combination, cut to `size`. */
void axes_describe(const axes_t *axes, int64_t combination, char *out, size_t size);

/* The words of a command for one combination: `first`, what all runs share, and the axes' values, (1 +
 * n_fixed + n) in all; for combination -1 without the axes, (1 + n_fixed). NULL when there is no memory.
 * Owned by the arena. */
char **axes_words(const axes_t *axes, char *first, int64_t combination, arena_t *arena);

#endif
