#include "sweep/student.h"

#include <math.h>

/* The continued fraction of the incomplete beta function by Lentz's method: DLMF 8.17.22. Converges fast for
 * x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
  const double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1), value;
  d = 1 / (fabs(d) < tiny ? tiny : d);
  value = d;
  for (int m = 1; m <= 10000; m++) {
    const double terms[] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))};
    double factor = 1;
    for (int k = 0; k < 2; k++) {
      d = 1 + terms[k] * d;
      c = 1 + terms[k] / c;
      d = 1 / (fabs(d) < tiny ? tiny : d);
      if (fabs(c) < tiny) c = tiny;
      factor = c * d;
      value *= factor;
    }
    if (fabs(factor - 1) < 1e-16) break;
  }
  return value;
}

/* I_x(a, b), the regularised incomplete beta function: DLMF 8.17.2 with 8.17.8, and 8.17.4 for large x. */
static double beta_share(double a, double b, double x) {
  double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* The probability of more than t >= 0: half of I_x(v / 2, 1 / 2) at x = v / (v + t^2). */
static double upper_tail(double t, double degrees) {
  return t > 0 ? 0.5 * beta_share(degrees / 2, 0.5, degrees / (degrees + t * t)) : 0.5;
}

double student_quantile(double p, double degrees) {
  double low = 0, high = 1;
  while (upper_tail(high, degrees) > 1 - p && high < 1e300) high *= 2;
  for (int i = 0; i < 200 && low < high; i++) { /* bisection to the last bit */
    double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    if (upper_tail(middle, degrees) > 1 - p)
      low = middle;
    else
      high = middle;
  }
  return high;
}

interval95_t student_interval(const double *values, size_t n) {
  double sum = 0, squares = 0;
  if (n == 0) return (interval95_t){NAN, NAN};
  for (size_t i = 0; i < n; i++) sum += values[i];
  double mean = sum / (double)n;
  if (n == 1) return (interval95_t){mean, NAN};
  for (size_t i = 0; i < n; i++) squares += (values[i] - mean) * (values[i] - mean);
  double deviation = sqrt(squares / (double)(n - 1));
  return (interval95_t){mean, student_quantile(0.975, (double)(n - 1)) * deviation / sqrt((double)n)};
}
