/* The activation table: each row's definition, derivative and backward pass agree with each other, with
 * central differences, and with what the kernels compute. */
#include "math/activation.h"

#include "base/float_mode.h"
#include "math/functions.h"
#include "math/kernels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const activation_t *row(size_t i) {
  choice_t choice;
  return activation_choice(i, &choice) ? activation_find(choice.name) : NULL;
}

static void assert_near(double a, double b, double tolerance, const char *name, double x) {
  cr_assert(fabs(a - b) <= tolerance * (1 + fabs(b)), "%s at %g: %.9g, expected %.9g", name, x, a, b);
}

Test(activation, unknown_names_are_not_found) {
  cr_assert_null(activation_find("rel"));
}

/* Figures from the closed forms in 40-digit decimal arithmetic (Python's decimal; the normal distribution by
 * its power series), rounded to 15 digits. A row
 * that is added to the table comes with some. */
Test(activation, values_are_those_of_the_literature) {
  const struct {
    const char *name;
    double x, value;
  } expected[] = {{"sigmoid", 1, 0.731058578630005},
                  {"tanh", 0.5, 0.462117157260010},
                  {"relu", -2, 0},
                  {"leaky_relu", -2, -0.02},
                  {"elu", -1, -0.632120558828558},
                  {"selu", -1, -1.11133073781256},
                  {"selu", 2, 2.10140197471096},
                  {"gelu", 1, 0.841344746068543},
                  {"gelu", -1, -0.158655253931457},
                  {"silu", 1, 0.731058578630005},
                  {"softplus", 0, 0.693147180559945},
                  {"softplus", 800, 800},
                  {"softplus", -800, 0},
                  {"mish", 1, 0.865098388267310},
                  {"mish", -1, -0.303401461374109},
                  {"mish", 800, 800},
                  {"mish", -800, 0},
                  {"hard_sigmoid", 1, 2.0 / 3},
                  {"hard_sigmoid", -4, 0},
                  {"hard_sigmoid", 4, 1},
                  {"hard_swish", -1, -1.0 / 3},
                  {"hard_swish", 4, 4},
                  {"step", 0, 0},
                  {"step", 1e-300, 1},
                  {"identity", 3, 3}};
  for (size_t i = 0; row(i) != NULL; i++) {
    int cases = 0;
    for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
      if (strcmp(expected[k].name, row(i)->name) != 0) continue;
      assert_near(row(i)->value(expected[k].x), expected[k].value, 1e-14, expected[k].name, expected[k].x);
      cases++;
    }
    cr_expect_gt(cases, 0, "no values of %s: lines in expected", row(i)->name);
    cr_expect_not_null(row(i)->init, "%s", row(i)->name);
  }
}

Test(activation, derivative_is_the_central_difference) {
  const double h = 1e-5;
  for (size_t i = 0; row(i) != NULL; i++)
    for (double x = -6.03; x < 6 && row(i)->derivative != NULL; x += 0.1) {
      double difference = (row(i)->value(x + h) - row(i)->value(x - h)) / (2 * h);
      assert_near(row(i)->derivative(x), difference, 1e-8, row(i)->name, x);
    }
}

Test(activation, backward_from_output_multiplies_by_the_derivative) {
  enum { N = 1203 };
  float y[N], delta[N];
  for (size_t i = 0; row(i) != NULL; i++) {
    if (row(i)->backward_from_output == NULL) continue;
    for (int k = 0; k < N; k++) {
      y[k] = (float)row(i)->value(0.01 * k - 6.005);
      delta[k] = (float)(k % 7 - 3);
    }
    row(i)->backward_from_output(N, y, delta);
    for (int k = 0; k < N; k++) {
      double x = 0.01 * k - 6.005;
      assert_near((double)delta[k], (k % 7 - 3) * row(i)->derivative(x), 1e-6, row(i)->name, x);
    }
  }
}

/* Far out too, where exp overflows; and all multiples of 1/4 up to 8, since pieces often meet at one of them.
 */
static double sample(int k, int n) {
  enum { QUARTERS = 65 };
  static const double far[] = {-1000, 1000, 30, -45, 60, -75, 90, -105};
  const int many = (int)(sizeof far / sizeof far[0]);
  if (k < many) return far[k];
  if (k < many + QUARTERS) return 0.25 * (k - many) - 8;
  return 16.0 * k / n - 8.003;
}

/* Each instruction set's rows compute the definition, and all have the same bits. Lengths leave every
 * possible rest of a vector. */
Test(activation, loops_compute_value_and_derivative_with_the_same_bits_everywhere) {
  enum { N = 1203 };
  static float x[N], y[N], dy[N], dx[N], again[N];
  float_mode_begin();
  for (int k = 0; k < N; k++) {
    x[k] = (float)sample(k, N);
    dy[k] = (float)(k % 5 - 2);
  }
  for (size_t i = 0; kernels_of(ISA_BASELINE)->activations[i].name != NULL; i++) {
    const activation_t *f = &kernels_of(ISA_BASELINE)->activations[i];
    f->forward(N, x, y);
    if (f->backward != NULL) f->backward(N, x, dy, dx);
    for (int k = 0; k < N; k++) {
      assert_near((double)y[k], f->value((double)x[k]), 2e-6, f->name, (double)x[k]);
      if (f->backward != NULL)
        assert_near((double)dx[k], (double)dy[k] * f->derivative((double)x[k]), 2e-6, f->name, (double)x[k]);
    }
    for (int isa = 0; isa < ISAS; isa++) {
      if (!isa_supported((isa_t)isa)) continue;
      const activation_t *other = &kernels_of((isa_t)isa)->activations[i];
      for (int n = N - 17; n <= N; n++) {
        memcpy(again, x, sizeof x);
        other->forward((size_t)n, again, again);
        cr_assert_eq(memcmp(again, y, (size_t)n * sizeof *y), 0, "%s of %s differs", f->name,
                     isa_name((isa_t)isa));
        if (f->backward == NULL) continue;
        memcpy(again, dy, sizeof dy);
        other->backward((size_t)n, x, again, again);
        cr_assert_eq(memcmp(again, dx, (size_t)n * sizeof *dx), 0, "slope of %s of %s differs", f->name,
                     isa_name((isa_t)isa));
      }
    }
  }
}

Test(activation, library_names_itself) {
  cr_assert_eq(strncmp(floats_library_version(), "SLEEF ", 6), 0, "%s", floats_library_version());
}
