/* Mixtures against the means that they stand for. */
#include "loss/mixture.h"

#include <criterion/criterion.h>
#include <math.h>

enum { N = 3, ROWS = 2, WIDTH = 4, VALUES = ROWS * WIDTH };

static const float z[N * VALUES] = {0,  1, -2, 3,  5, 5,  5,  5, /* */ 2, -1, 0.5F, 0,
                                    -9, 8, 7,  -3, 1, -1, -1, 1, /* */ 0, 0,  40,   -40};

/* The outputs of a network with one head. */
static void mix(const char *loss, int64_t n, int64_t rows, int64_t width, const float *outputs, float *out) {
  const head_t head = {.loss = loss_find(loss), .weight = 1, .outputs = width};
  const objective_t objective = {.heads = &head, .n = 1, .outputs = width};
  mixture_outputs(&objective, n, rows, outputs, out);
}

Test(mixture, classes_have_the_mean_probability) {
  float out[VALUES];
  mix("cross_entropy", N, ROWS, WIDTH, z, out);
  for (int r = 0; r < ROWS; r++) {
    double total = 0;
    for (int i = 0; i < WIDTH; i++) {
      double mean = 0;
      for (int m = 0; m < N; m++) {
        const float *row = z + m * VALUES + r * WIDTH;
        double sum = 0;
        for (int k = 0; k < WIDTH; k++) sum += exp((double)row[k]);
        mean += exp((double)row[i]) / sum / N;
      }
      cr_expect_float_eq(exp((double)out[r * WIDTH + i]), mean, 1e-6 * mean, "row %d class %d", r, i);
      total += exp((double)out[r * WIDTH + i]);
    }
    cr_expect_float_eq(total, 1, 1e-6);
  }
}

Test(mixture, decisions_have_the_mean_probability) {
  float out[VALUES];
  mix("binary_cross_entropy", N, ROWS, WIDTH, z, out);
  for (int i = 0; i < VALUES; i++) {
    double yes = 0, no = 0;
    for (int m = 0; m < N; m++) {
      yes += 1 / (1 + exp(-(double)z[m * VALUES + i])) / N;
      no += 1 / (1 + exp((double)z[m * VALUES + i])) / N;
    }
    cr_expect_float_eq((double)out[i], log(yes / no), 1e-6 * (1 + fabs(log(yes / no))), "value %d", i);
  }
}

/* A class that all networks hold for impossible to float's smallest number still has a logarithm. */
Test(mixture, no_class_becomes_impossible) {
  const float far[] = {0, -500, 0, -600};
  float out[2];
  mix("cross_entropy", 2, 1, 2, far, out);
  cr_expect_float_eq((double)out[1], -500 - log(2), 1e-3);
}

/* Moments of a mixture by their definition: E y, and E y^2 - (E y)^2. */
Test(mixture, normal_distributions_have_the_mean_and_variance_of_their_mixture) {
  float out[VALUES];
  mix("gaussian_nll", N, ROWS, WIDTH, z, out);
  for (int r = 0; r < ROWS; r++)
    for (int i = 0; i < WIDTH / 2; i++) {
      double first = 0, second = 0;
      for (int m = 0; m < N; m++) {
        const float *row = z + m * VALUES + r * WIDTH;
        first += (double)row[i] / N;
        second += (exp((double)row[WIDTH / 2 + i]) + (double)row[i] * (double)row[i]) / N;
      }
      double variance = second - first * first;
      cr_expect_float_eq((double)out[r * WIDTH + i], first, 1e-5);
      cr_expect_float_eq(exp((double)out[r * WIDTH + WIDTH / 2 + i]), variance, 1e-5 * variance);
    }
}

Test(mixture, rates_are_averaged) {
  const float logs[] = {0, 1, 2, -1};
  float out[2];
  mix("poisson_nll", 2, 1, 2, logs, out);
  cr_expect_float_eq(exp((double)out[0]), (1 + exp(2)) / 2, 1e-5);
  cr_expect_float_eq(exp((double)out[1]), (exp(1) + exp(-1)) / 2, 1e-5);
}

Test(mixture, other_outputs_are_averaged_and_their_spread_told) {
  float out[VALUES];
  double deviation[VALUES];
  mix("mse", N, ROWS, WIDTH, z, out);
  mixture_deviation(N, VALUES, VALUES, z, deviation);
  for (int i = 0; i < VALUES; i++) {
    double a = (double)z[i], b = (double)z[VALUES + i], c = (double)z[2 * VALUES + i];
    cr_expect_float_eq((double)out[i], (a + b + c) / 3, 1e-5);
    double square =
        ((a - b) * (a - b) + (b - c) * (b - c) + (c - a) * (c - a)) / 9; /* mean over pairs, halved */
    cr_expect_float_eq(deviation[i], sqrt(square), 1e-5);
  }
}

Test(mixture, heads_are_mixed_each_by_its_own_loss) {
  const head_t heads[] = {{.loss = loss_find("gaussian_nll"), .outputs = 2},
                          {.loss = loss_find("mse"), .first = 2, .outputs = 2}};
  const objective_t objective = {.heads = heads, .n = 2, .outputs = WIDTH};
  float out[VALUES], normal[2 * ROWS], values[2 * ROWS], parts[N * 2 * ROWS];
  mixture_outputs(&objective, N, ROWS, z, out);
  for (int i = 0; i < N * 2 * ROWS; i++) parts[i] = z[i / 2 * WIDTH + i % 2];
  mix("gaussian_nll", N, ROWS, 2, parts, normal);
  for (int i = 0; i < N * 2 * ROWS; i++) parts[i] = z[i / 2 * WIDTH + 2 + i % 2];
  mix("mse", N, ROWS, 2, parts, values);
  for (int r = 0; r < ROWS; r++) {
    cr_expect_arr_eq(out + r * WIDTH, normal + 2 * r, 2 * sizeof *out);
    cr_expect_arr_eq(out + r * WIDTH + 2, values + 2 * r, 2 * sizeof *out);
  }
}
