/* Synthetic sets: without noise every point obeys the equation of its curve, with noise the distance from it
 * has the deviation that was asked for; the same seed gives the same rows, whatever their number. */
#include "import/import_impl.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;
static ls_error error;

typedef struct {
  synthetic_t set;
  import_array_t x, y;
  const float *points;
  const int32_t *labels;
  const double *values;
} made_t;

static made_t make(const char *name, int64_t rows, int64_t features, int64_t classes, double noise) {
  synthetic_t wanted = {name, rows, features, classes, noise, 3};
  made_t made = {0};
  cr_assert(synthetic_settle(&wanted, &made.set, &error) == LS_OK, "%s", error.message);
  cr_assert(synthetic_make(&made.set, &made.x, &made.y, &error) == LS_OK, "%s", error.message);
  made.points = made.x.values;
  made.labels = made.y.values;
  made.values = made.y.values;
  return made;
}

static void drop(made_t *made) {
  import_array_free(&made->x);
  import_array_free(&made->y);
}

enum { N = 2000, OWN = SYNTHETIC_DEFAULT };

Test(synthetic, moons_and_circles_lie_on_their_circles) {
  made_t moons = make("moons", N, OWN, OWN, 0), circles = make("circles", N, OWN, OWN, 0);
  for (int i = 0; i < N; i++) {
    double x = moons.points[2 * i], y = moons.points[2 * i + 1];
    int second = moons.labels[i];
    cr_assert(second == i % 2 && (second ? y <= 0.5 : y >= 0), "row %d: (%g, %g)", i, x, y);
    cr_assert_float_eq(hypot(x - second, y - 0.5 * second), 1, 1e-6);
    cr_assert_float_eq(hypot(circles.points[2 * i], circles.points[2 * i + 1]), i % 2 ? 0.5 : 1, 1e-6);
  }
  drop(&moons);
  drop(&circles);
}

Test(synthetic, an_arm_of_a_spiral_is_at_the_angle_of_its_radius) {
  enum { ARMS = 3 };
  made_t made = make("spirals", N, OWN, ARMS, 0);
  for (int i = 0; i < N; i++) {
    double x = made.points[2 * i], y = made.points[2 * i + 1], r = hypot(x, y);
    double turn = atan2(y, x) - 2 * pi * made.labels[i] / ARMS - 3 * pi * r;
    cr_assert_float_eq(remainder(turn, 2 * pi), 0, 1e-4, "row %d of class %d", i, made.labels[i]);
    cr_assert(r > 0.1 - 1e-6 && r < 1 + 1e-6);
  }
  drop(&made);
}

/* Three by default. */
Test(synthetic, blobs_may_be_two) {
  for (int classes = 2; classes <= 3; classes++) {
    made_t made = make("blobs", 12, OWN, classes == 2 ? 2 : OWN, OWN);
    for (int i = 0; i < 12; i++)
      cr_expect_eq(made.labels[i], i % classes, "row %d of %d classes", i, classes);
    drop(&made);
  }
}

/* The class is the exclusive or of the signs, and each corner has a quarter of the rows. */
Test(synthetic, xor_has_a_corner_for_each_pair_of_signs) {
  made_t exact = make("xor", N, OWN, OWN, 0), noisy = make("xor", N, OWN, OWN, OWN);
  int rows[2][2] = {{0}};
  double square = 0;
  for (int i = 0; i < N; i++) {
    const float *point = exact.points + 2 * i;
    cr_assert(fabsf(point[0]) == 1 && fabsf(point[1]) == 1, "row %d: (%g, %g)", i, (double)point[0],
              (double)point[1]);
    cr_assert_eq(exact.labels[i], (point[0] > 0) != (point[1] > 0), "row %d", i);
    cr_assert_eq(noisy.labels[i], exact.labels[i], "row %d", i);
    rows[point[0] > 0][point[1] > 0]++;
    for (int j = 0; j < 2; j++) square += pow((double)(noisy.points[2 * i + j] - point[j]), 2) / (2 * N);
  }
  for (int corner = 0; corner < 4; corner++) cr_expect_eq(rows[corner / 2][corner % 2], N / 4);
  cr_expect_float_eq(sqrt(square), 0.3, 0.02);
  drop(&exact);
  drop(&noisy);
}

/* Mean and deviation of a class's coordinate; centres of different classes differ. */
Test(synthetic, blobs_are_normal_around_a_centre_for_each_class) {
  enum { CLASSES = 4, D = 3, EACH = N / CLASSES };
  made_t made = make("blobs", N, D, CLASSES, 0.5);
  double mean[CLASSES][D] = {0}, square[CLASSES][D] = {0};
  for (int i = 0; i < N; i++)
    for (int j = 0; j < D; j++) {
      mean[made.labels[i]][j] += made.points[i * D + j] / EACH;
      square[made.labels[i]][j] += made.points[i * D + j] * made.points[i * D + j] / EACH;
    }
  for (int k = 0; k < CLASSES; k++)
    for (int j = 0; j < D; j++) {
      cr_assert_float_eq(sqrt(square[k][j] - mean[k][j] * mean[k][j]), 0.5, 0.06);
      cr_assert(fabs(mean[k][j]) < 10.2 && (k == 0 || fabs(mean[k][j] - mean[0][j]) > 1e-3));
    }
  drop(&made);
}

Test(synthetic, curves_are_their_formula_and_noise_is_added_to_it) {
  made_t plain = make("sine", N, 2, OWN, 0), noisy = make("sine", N, 2, OWN, 0.3);
  made_t friedman = make("friedman", N, 7, OWN, 0);
  double sum = 0, squares = 0;
  for (int i = 0; i < N; i++) {
    const float *x = plain.points + 2 * i, *f = friedman.points + 7 * i;
    cr_assert_float_eq(plain.values[i], sin(pi * (double)x[0]) * sin(pi * (double)x[1]), 1e-12);
    cr_assert_float_eq(friedman.values[i],
                       10 * sin(pi * (double)f[0] * (double)f[1]) + 20 * pow((double)f[2] - 0.5, 2) +
                           10 * (double)f[3] + 5 * (double)f[4],
                       1e-12);
    cr_assert(x[0] >= -1 && x[0] < 1 && f[6] >= 0 && f[6] < 1);
    sum += noisy.values[i] - plain.values[i];
    squares += pow(noisy.values[i] - plain.values[i], 2);
  }
  cr_assert(memcmp(plain.points, noisy.points, N * 2 * sizeof(float)) == 0);
  cr_assert_float_eq(sum / N, 0, 4 * 0.3 / sqrt(N));
  cr_assert_float_eq(sqrt(squares / N), 0.3, 0.02);
  drop(&plain);
  drop(&noisy);
  drop(&friedman);
}

Test(synthetic, a_series_repeats_and_has_no_y) {
  made_t made = make("seasons", 400, OWN, OWN, 0);
  cr_assert(made.y.dims == 0 && made.x.shape[1] == 1);
  for (int t = 0; t + 168 < 400; t++) cr_assert_float_eq(made.points[t], made.points[t + 168], 1e-6);
  cr_assert_float_eq(made.points[6], 1 + 0.5 * sin(2 * pi * 6 / 168), 1e-6);
  drop(&made);
}

Test(synthetic, an_autoregression_is_driven_by_its_noise) {
  made_t still = make("ar", 100, OWN, OWN, 0), made = make("ar", N, OWN, OWN, 0.3),
         few = make("ar", 100, OWN, OWN, 0.3);
  double sum = 0, squares = 0;
  for (int t = 0; t < 100; t++) cr_assert_eq(still.points[t], 0);
  for (int t = 2; t < N; t++) {
    double e = (double)made.points[t] - 1.5 * (double)made.points[t - 1] + 0.75 * (double)made.points[t - 2];
    sum += e;
    squares += e * e;
  }
  cr_assert_float_eq(sum / N, 0, 4 * 0.3 / sqrt(N));
  cr_assert_float_eq(sqrt(squares / N), 0.3, 0.02);
  cr_assert(memcmp(few.points, made.points, 100 * sizeof(float)) == 0);
  drop(&still);
  drop(&made);
  drop(&few);
}

Test(synthetic, a_larger_set_begins_with_the_rows_of_a_smaller_one) {
  made_t few = make("blobs", 100, 5, 3, OWN), many = make("blobs", 300, 5, 3, OWN);
  cr_assert(memcmp(few.points, many.points, 500 * sizeof(float)) == 0);
  synthetic_t other = few.set;
  other.seed = 4;
  import_array_t x = {0}, y = {0};
  cr_assert(synthetic_make(&other, &x, &y, &error) == LS_OK);
  cr_assert(memcmp(few.points, x.values, 500 * sizeof(float)) != 0);
  import_array_free(&x);
  import_array_free(&y);
  drop(&few);
  drop(&many);
}

Test(synthetic, says_what_a_kind_cannot_be) {
  static const struct {
    synthetic_t wanted;
    const char *message;
  } cases[] = {
      {{"suns", 10, OWN, OWN, OWN, 1}, "none of moons, circles"},
      {{"moons", 10, 3, OWN, OWN, 1}, "has 2 features, not 3"},
      {{"moons", 10, OWN, 3, OWN, 1}, "has 2 classes, not 3"},
      {{"friedman", 10, 4, OWN, OWN, 1}, "has 5 to"},
      {{"sine", 0, 1, OWN, OWN, 1}, "--rows"},
      {{"sine", 10, 1, OWN, NAN, 1}, "--noise"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    synthetic_t out;
    cr_assert_eq(synthetic_settle(&cases[i].wanted, &out, &error), LS_USAGE);
    cr_assert(strstr(error.message, cases[i].message) != NULL, "%s", error.message);
  }
}
