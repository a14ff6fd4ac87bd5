/* The kinds of synthetic sets. A kind computes one row from uniform random numbers. Noise is added
 * afterwards: to the features if y is a class, to the target if y is a value. */
#include "base/random.h"
#include "import/import_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

/* Purposes of the random numbers of a set, used as the time of their stream. */
enum { DRAW_PLACE, DRAW_NOISE, DRAW_CENTRE };

typedef enum { MADE_CLASSES, MADE_VALUES, MADE_SERIES } made_t; /* y: labels, values, none */

/* Computes a row from u (features), uniform in [0, 1): fills x (features), and *y if y is a value. */
typedef void (*place_row_t)(const synthetic_t *set, int64_t row, const double *u, double *x, double *y);

typedef struct {
  choice_t choice;
  made_t made;
  int64_t features, most_features;               /* the least number, which is the default; the most */
  int64_t fewest_classes, classes, most_classes; /* the least number, the default, the most */
  double noise;                                  /* default */
  place_row_t place;
  void (*filter)(int64_t rows, float *x); /* applied to the whole series once all rows exist, or NULL */
} kind_t;

enum { MOST_FEATURES = 100000, MOST_CLASSES = 1000 };

/* ---- classes: row i is of class i mod K ---- */

/* Two half circles of radius 1; the second is turned by 180 degrees and has its centre at (1, 1/2). */
static void place_moons(const synthetic_t *set, int64_t row, const double *u, double *x, double *y) {
  (void)set, (void)y;
  double t = pi * u[0];
  x[0] = row % 2 == 0 ? cos(t) : 1 - cos(t);
  x[1] = row % 2 == 0 ? sin(t) : 0.5 - sin(t);
}

/* A circle of radius 1 around one of radius 1/2. */
static void place_circles(const synthetic_t *set, int64_t row, const double *u, double *x, double *y) {
  (void)set, (void)y;
  double t = 2 * pi * u[0], r = row % 2 == 0 ? 1 : 0.5;
  x[0] = r * cos(t);
  x[1] = r * sin(t);
}

/* K arms of one and a half turns: the radius r runs from 0.1 to 1, at the angle 2 pi k / K + 3 pi r. */
static void place_spirals(const synthetic_t *set, int64_t row, const double *u, double *x, double *y) {
  (void)y;
  double r = 0.1 + 0.9 * u[0];
  double t = 2 * pi * (double)(row % set->classes) / (double)set->classes + 3 * pi * r;
  x[0] = r * cos(t);
  x[1] = r * sin(t);
}

/* Class k lies around its own centre, uniform in [-10, 10)^d. */
static void place_blobs(const synthetic_t *set, int64_t row, const double *u, double *x, double *y) {
  (void)u, (void)y;
  random_stream_t stream = {set->seed, RANDOM_SYNTHETIC, DRAW_CENTRE, (uint64_t)(row % set->classes)};
  random_uniform(&stream, (size_t)set->features, x);
  for (int64_t j = 0; j < set->features; j++) x[j] = 20 * x[j] - 10;
}

/* Corners of a square: class 0 at (1, 1) and (-1, -1), class 1 at (-1, 1) and (1, -1), in turn. */
static void place_xor(const synthetic_t *set, int64_t row, const double *u, double *x, double *y) {
  (void)set, (void)u, (void)y;
  x[1] = row / 2 % 2 == 0 ? 1 : -1;
  x[0] = row % 2 == 0 ? x[1] : -x[1];
}

/* ---- curves: y = f(x) ---- */

/* y = sin(pi x_1) … sin(pi x_d), x uniform in [-1, 1)^d. */
static void place_sine(const synthetic_t *set, int64_t row, const double *u, double *x, double *y) {
  (void)row;
  *y = 1;
  for (int64_t j = 0; j < set->features; j++) {
    x[j] = (double)(float)(2 * u[j] - 1); /* rounded to float, as it will be stored */
    *y *= sin(pi * x[j]);
  }
}

/* Friedman 1991, "Multivariate adaptive regression splines", section 4.3: x uniform in [0, 1)^d; only five
 * features matter. */
static void place_friedman(const synthetic_t *set, int64_t row, const double *u, double *x, double *y) {
  (void)row;
  for (int64_t j = 0; j < set->features; j++) x[j] = (double)(float)u[j];
  *y = 10 * sin(pi * x[0] * x[1]) + 20 * (x[2] - 0.5) * (x[2] - 0.5) + 10 * x[3] + 5 * x[4];
}

/* A time series with periods of 24 steps, like the hours of a day, and of 168 steps, like the hours of a
 * week. */
static void place_seasons(const synthetic_t *set, int64_t row, const double *u, double *x, double *y) {
  (void)set, (void)u, (void)y;
  x[0] = sin(2 * pi * (double)row / 24) + 0.5 * sin(2 * pi * (double)row / 168);
}

/* The input of the autoregression is noise only. */
static void place_nothing(const synthetic_t *set, int64_t row, const double *u, double *x, double *y) {
  (void)set, (void)row, (void)u, (void)y;
  x[0] = 0;
}

/* x_t = 3/2 x_{t-1} - 3/4 x_{t-2} + e_t, starting at rest. The roots of z^2 - 3/2 z + 3/4 are at the angle pi
 * / 6, so the series oscillates with a period of about 12 steps. */
static void filter_ar(int64_t rows, float *x) {
  for (int64_t t = 0; t < rows; t++) {
    double one = t > 0 ? (double)x[t - 1] : 0, two = t > 1 ? (double)x[t - 2] : 0;
    x[t] = (float)((double)x[t] + 1.5 * one - 0.75 * two);
  }
}

static const kind_t kinds[] = {
    {{"moons", "two interleaved half circles"}, MADE_CLASSES, 2, 2, 2, 2, 2, 0, place_moons, NULL},
    {{"circles", "a circle inside a circle"}, MADE_CLASSES, 2, 2, 2, 2, 2, 0, place_circles, NULL},
    {{"spirals", "arms that wind around each other, one per class"},
     MADE_CLASSES,
     2,
     2,
     2,
     2,
     MOST_CLASSES,
     0,
     place_spirals,
     NULL},
    {{"blobs", "a normally distributed cloud for each class"},
     MADE_CLASSES,
     2,
     MOST_FEATURES,
     2,
     3,
     MOST_CLASSES,
     1,
     place_blobs,
     NULL},
    {{"xor", "a cloud at each corner of a square, opposite corners of one class"},
     MADE_CLASSES,
     2,
     2,
     2,
     2,
     2,
     0.3,
     place_xor,
     NULL},
    {{"sine", "y = sin(pi x_1) ... sin(pi x_d) over [-1, 1)^d"},
     MADE_VALUES,
     1,
     MOST_FEATURES,
     0,
     0,
     0,
     0,
     place_sine,
     NULL},
    {{"friedman", "y = 10 sin(pi x_1 x_2) + 20 (x_3 - 1/2)^2 + 10 x_4 + 5 x_5 over [0, 1)^d"},
     MADE_VALUES,
     5,
     MOST_FEATURES,
     0,
     0,
     0,
     0,
     place_friedman,
     NULL},
    {{"seasons", "a time series with periods of 24 and 168 steps, without y"},
     MADE_SERIES,
     1,
     1,
     0,
     0,
     0,
     0,
     place_seasons,
     NULL},
    {{"ar", "a time series, the autoregression x_t = 3/2 x_{t-1} - 3/4 x_{t-2} + noise, without y"},
     MADE_SERIES,
     1,
     1,
     0,
     0,
     0,
     1,
     place_nothing,
     filter_ar},
};

bool synthetic_choice(size_t i, choice_t *out) {
  if (i >= sizeof kinds / sizeof kinds[0]) return false;
  *out = kinds[i].choice;
  return true;
}

/* ---- checking a request ---- */

static ls_status settle_count(const kind_t *kind, const char *what, int64_t fewest, int64_t usual,
                              int64_t most, int64_t *count, ls_error *error) {
  if (*count == SYNTHETIC_DEFAULT) *count = usual;
  if (*count >= fewest && *count <= most) return LS_OK;
  if (fewest == most)
    return error_set(error, LS_USAGE, "--make %s has %" PRId64 " %s, not %" PRId64, kind->choice.name, fewest,
                     what, *count);
  return error_set(error, LS_USAGE, "--make %s has %" PRId64 " to %" PRId64 " %s, not %" PRId64,
                   kind->choice.name, fewest, most, what, *count);
}

ls_status synthetic_settle(const synthetic_t *wanted, synthetic_t *out, ls_error *error) {
  synthetic_t set = *wanted;
  int found = choice_find(synthetic_choice, set.name);
  if (found < 0) {
    char names[256];
    const char *near = choice_nearest(synthetic_choice, set.name);
    choice_names(synthetic_choice, names, sizeof names);
    return error_set(error, LS_USAGE, "--make: '%.60s' is none of %s%s%s%s", set.name, names,
                     near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                     near != NULL ? "?" : "");
  }
  const kind_t *kind = &kinds[found];
  if (set.rows < 1)
    return error_set(error, LS_USAGE, "--rows: a set has at least one row, not %" PRId64, set.rows);
  TRY(settle_count(kind, "features", kind->features, kind->features, kind->most_features, &set.features,
                   error));
  TRY(settle_count(kind, "classes", kind->fewest_classes, kind->classes, kind->most_classes, &set.classes,
                   error));
  if (set.noise == SYNTHETIC_DEFAULT) set.noise = kind->noise;
  if (!(set.noise >= 0 && isfinite(set.noise)))
    return error_set(error, LS_USAGE, "--noise is a standard deviation, at least 0, not %g", set.noise);
  *out = set;
  return LS_OK;
}

void synthetic_describe(const synthetic_t *set, char *out, size_t size) {
  snprintf(out, size, "synthetic: %s, %" PRId64 " rows, %" PRId64 " features, noise %g, seed %" PRIu64,
           set->name, set->rows, set->features, set->noise, set->seed);
}

/* ---- making ---- */

static ls_status new_array(store_type_t type, int dims, int64_t rows, int64_t width, import_array_t *out,
                           ls_error *error) {
  *out = (import_array_t){.type = type, .dims = dims, .shape = {rows, width}};
  out->values = calloc((size_t)rows, (size_t)width * store_type_size(type));
  if (out->values == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " rows of %" PRId64 " values", rows,
                     width);
  return LS_OK;
}

/* Makes one row. u has room for twice the number of features. */
static void make_row(const kind_t *kind, const synthetic_t *set, int64_t row, double *u, float *x,
                     import_array_t *y) {
  size_t n = (size_t)set->features;
  double *place = u + n, value = 0;
  random_stream_t stream = {set->seed, RANDOM_SYNTHETIC, DRAW_PLACE, (uint64_t)row};
  random_uniform(&stream, n, u);
  kind->place(set, row, u, place, &value);
  stream.time = DRAW_NOISE;
  random_normal(&stream, n, u);
  double noise_of_x = kind->made == MADE_VALUES ? 0 : set->noise;
  for (size_t j = 0; j < n; j++) x[j] = (float)(place[j] + noise_of_x * u[j]);
  if (kind->made == MADE_CLASSES) ((int32_t *)y->values)[row] = (int32_t)(row % set->classes);
  if (kind->made == MADE_VALUES) ((double *)y->values)[row] = value + set->noise * u[0];
}

ls_status synthetic_make(const synthetic_t *set, import_array_t *x, import_array_t *y, ls_error *error) {
  const kind_t *kind = &kinds[choice_find(synthetic_choice, set->name)];
  TRY(new_array(STORE_F32, 2, set->rows, set->features, x, error));
  if (kind->made == MADE_CLASSES) TRY(new_array(STORE_I32, 1, set->rows, 1, y, error));
  if (kind->made == MADE_VALUES) TRY(new_array(STORE_F64, 2, set->rows, 1, y, error));
  double *u = calloc(2 * (size_t)set->features, sizeof *u);
  if (u == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for a row of %" PRId64 " features", set->features);
  for (int64_t row = 0; row < set->rows; row++)
    make_row(kind, set, row, u, (float *)x->values + row * set->features, y);
  free(u);
  if (kind->filter != NULL) kind->filter(set->rows, x->values);
  return LS_OK;
}
