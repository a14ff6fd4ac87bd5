#include "quality/criteria.h"

#include <math.h>
#include <string.h>

int64_t criteria_parameters(const char *covariance, int64_t k, int64_t d) {
  const struct {
    const char *name;
    int64_t numbers;
  } rows[] = {
      {"full", k * d * (d + 1) / 2}, {"tied", d * (d + 1) / 2}, {"diagonal", k * d}, {"spherical", k}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (strcmp(covariance, rows[i].name) == 0) return k - 1 + k * d + rows[i].numbers;
  return 0;
}

criteria_t criteria_find(int64_t parameters, double rows, double mean_log_density) {
  const double likelihood = rows * mean_log_density, p = (double)parameters;
  return (criteria_t){
      .parameters = parameters, .bic = p * log(rows) - 2 * likelihood, .aic = 2 * p - 2 * likelihood};
}
