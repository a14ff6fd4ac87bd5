/* Mixtures, one rule per loss. Sums over networks are in double, in the order of the networks. */
#include "loss/mixture.h"

#include <math.h>
#include <string.h>

/* Mixes one row. z of network m is at z + m * stride. */
typedef void (*mix_t)(int64_t n, int64_t width, const float *z, int64_t stride, float *out);

/* Instead of fmax(), because gcc 12 for ARM fails with an internal error on fmax() in loops. NaN propagates
 * through the sums in any case. */
static double larger(double a, double b) {
  return b > a ? b : a;
}

static void mix_mean(int64_t n, int64_t width, const float *z, int64_t stride, float *out) {
  for (int64_t i = 0; i < width; i++) {
    double sum = 0;
    for (int64_t m = 0; m < n; m++) sum += (double)z[m * stride + i];
    out[i] = (float)(sum / (double)n);
  }
}

/* log sum_i exp(z_i) */
static double log_sum(int64_t width, const float *z) {
  double most = (double)z[0], sum = 0;
  for (int64_t i = 1; i < width; i++) most = larger(most, (double)z[i]);
  for (int64_t i = 0; i < width; i++) sum += exp((double)z[i] - most);
  return most + log(sum);
}

/* log of the mean over m of softmax(z_m)_i; its softmax is that mean. Works with logarithms throughout, so
 * classes with a tiny probability do not become impossible. */
static void mix_softmax(int64_t n, int64_t width, const float *z, int64_t stride, float *out) {
  for (int64_t i = 0; i < width; i++) {
    double most = -INFINITY, sum = 0; /* sum of exp(term - most) so far */
    for (int64_t m = 0; m < n; m++) {
      double term = (double)z[m * stride + i] - log_sum(width, z + m * stride);
      if (term > most) {
        sum = sum * exp(most - term) + 1;
        most = term;
      } else {
        sum += exp(term - most);
      }
    }
    out[i] = (float)(most + log(sum / (double)n));
  }
}

/* log(1 + exp(z)) */
static double softplus(double z) {
  return fmax(z, 0) + log1p(exp(-fabs(z)));
}

/* log p - log(1 - p), with p the mean over m of the logistic function s(z_m); log s(z) = -softplus(-z). */
static void mix_logistic(int64_t n, int64_t width, const float *z, int64_t stride, float *out) {
  for (int64_t i = 0; i < width; i++) {
    double yes = 0, no = 0, most_yes = -INFINITY, most_no = -INFINITY;
    for (int64_t m = 0; m < n; m++) {
      most_yes = larger(most_yes, -softplus(-(double)z[m * stride + i]));
      most_no = larger(most_no, -softplus((double)z[m * stride + i]));
    }
    for (int64_t m = 0; m < n; m++) {
      yes += exp(-softplus(-(double)z[m * stride + i]) - most_yes);
      no += exp(-softplus((double)z[m * stride + i]) - most_no);
    }
    out[i] = (float)(most_yes + log(yes) - most_no - log(no));
  }
}

/* log of the mean of exp(z_m), that is, of the mean rate. */
static void mix_rate(int64_t n, int64_t width, const float *z, int64_t stride, float *out) {
  for (int64_t i = 0; i < width; i++) {
    double most = -INFINITY, sum = 0;
    for (int64_t m = 0; m < n; m++) most = larger(most, (double)z[m * stride + i]);
    for (int64_t m = 0; m < n; m++) sum += exp((double)z[m * stride + i] - most);
    out[i] = (float)(most + log(sum / (double)n));
  }
}

/* The normal distribution with the mean and variance of the mixture. The variance is the mean of the
 * variances plus the variance of the means (Lakshminarayanan et al. 2017). */
static void mix_normal(int64_t n, int64_t width, const float *z, int64_t stride, float *out) {
  int64_t k = width / 2; /* k means, then k log variances */
  mix_mean(n, k, z, stride, out);
  for (int64_t i = 0; i < k; i++) {
    double variance = 0;
    for (int64_t m = 0; m < n; m++) {
      double d = (double)z[m * stride + i] - (double)out[i];
      variance += exp((double)z[m * stride + k + i]) + d * d;
    }
    out[k + i] = (float)log(variance / (double)n);
  }
}

static const struct {
  const char *loss;
  mix_t mix;
} mixture_table[] = {
    {"cross_entropy", mix_softmax}, {"binary_cross_entropy", mix_logistic},
    {"poisson_nll", mix_rate},      {"gaussian_nll", mix_normal},
    {"density", mix_rate}, /* the mean of densities, component by component */
};

static mix_t mix_of(const loss_t *loss) {
  for (size_t i = 0; i < sizeof mixture_table / sizeof mixture_table[0]; i++)
    if (strcmp(mixture_table[i].loss, loss->name) == 0) return mixture_table[i].mix;
  return mix_mean;
}

void mixture_outputs(const objective_t *objective, int64_t n, int64_t rows, const float *z, float *out) {
  int64_t width = objective->outputs;
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    mix_t mix = mix_of(head->loss);
    for (int64_t at = head->first; at < rows * width; at += width)
      mix(n, head->outputs, z + at, rows * width, out + at);
  }
}

void mixture_deviation(int64_t n, int64_t values, int64_t stride, const float *p, double *deviation) {
  for (int64_t i = 0; i < values; i++) {
    double sum = 0, squares = 0;
    for (int64_t m = 0; m < n; m++) sum += (double)p[m * stride + i];
    for (int64_t m = 0; m < n; m++) {
      double d = (double)p[m * stride + i] - sum / (double)n;
      squares += d * d;
    }
    deviation[i] = sqrt(squares / (double)n);
  }
}
