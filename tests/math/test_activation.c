/* The activation table: each row's definition, derivative and backward pass agree with each other, with
 * central differences, and with what the kernels compute. */
#include "math/activation.h"
#include "math/eltwise.h"

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
    row(i)->backward_from_output(row(i), N, y, delta);
    for (int k = 0; k < N; k++) {
      double x = 0.01 * k - 6.005;
      assert_near((double)delta[k], (k % 7 - 3) * row(i)->derivative(x), 1e-6, row(i)->name, x);
    }
  }
}

/* The softplus of oneDNN (2.6 and 3.2) is off by up to 4e-6 far below zero, as measured. */
static double kernel_tolerance(const activation_t *activation) {
  return activation->eltwise == ELTWISE_SOFT_RELU ? 5e-6 : 2e-6;
}

/* Far out too, where exp overflows, and where pieces meet. */
static double sample(int k, int n) {
  static const double own[] = {-1000, 1000, 30, -45, 60, -75, 90, -105, 0, 3, -3};
  if (k < (int)(sizeof own / sizeof own[0])) return own[k];
  return 16.0 * k / n - 8.003;
}

Test(activation, kernels_compute_value_and_derivative) {
  enum { N = 1203 };
  static float x[N], y[N], dy[N], dx[N];
  ls_error error = {0};
  for (size_t i = 0; row(i) != NULL; i++) {
    eltwise_kernel_t *forward = NULL, *backward = NULL;
    cr_assert_eq(eltwise_create(row(i), N, false, &forward, &error), LS_OK, "%s", error.message);
    bool has_slope = row(i)->derivative != NULL;
    if (has_slope)
      cr_assert_eq(eltwise_create(row(i), N, true, &backward, &error), LS_OK, "%s", error.message);
    for (int k = 0; k < N; k++) {
      x[k] = (float)sample(k, N);
      dy[k] = (float)(k % 5 - 2);
    }
    eltwise_forward(forward, x, y);
    if (has_slope) eltwise_backward(backward, x, dy, dx);
    for (int k = 0; k < N; k++) {
      assert_near((double)y[k], row(i)->value((double)x[k]), kernel_tolerance(row(i)), row(i)->name,
                  (double)x[k]);
      if (!has_slope) continue;
      assert_near((double)dx[k], (double)dy[k] * row(i)->derivative((double)x[k]), 2e-6, row(i)->name,
                  (double)x[k]);
    }
    if (has_slope) {
      eltwise_backward(backward, x, dy, dy);
      cr_assert_eq(memcmp(dy, dx, sizeof dx), 0, "%s: backward in place differs", row(i)->name);
    }
    eltwise_forward(forward, x, x);
    cr_assert_eq(memcmp(x, y, sizeof x), 0, "%s: forward in place differs", row(i)->name);
    eltwise_destroy(&forward);
    eltwise_destroy(&backward);
    cr_assert_null(forward);
  }
}

Test(activation, library_names_itself) {
  char text[64];
  eltwise_library_version(text, sizeof text);
  cr_assert_eq(strncmp(text, "oneDNN ", 7), 0, "%s", text);
  eltwise_library_version(text, 4);
  cr_assert_str_eq(text, "one");
}
