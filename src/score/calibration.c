#include "score/calibration.h"

#include "base/json.h"

#include <inttypes.h>
#include <math.h>

int calibration_bin(double confidence) {
  const double bin = ceil(confidence * CALIBRATION_BINS) - 1;
  return bin >= CALIBRATION_BINS ? CALIBRATION_BINS - 1 : bin > 0 ? (int)bin : 0;
}

static double accuracy(const calibration_t *calibration, int bin) {
  return (double)calibration->correct[bin] / (double)calibration->decisions[bin];
}

static double confidence(const calibration_t *calibration, int bin) {
  return calibration->confidence[bin] / (double)calibration->decisions[bin];
}

double calibration_error(const calibration_t *calibration) {
  int64_t all = 0;
  double sum = 0;
  for (int b = 0; b < CALIBRATION_BINS; b++) {
    all += calibration->decisions[b];
    sum += fabs((double)calibration->correct[b] - calibration->confidence[b]);
  }
  return sum / (double)all;
}

void calibration_print(const calibration_t *calibration, FILE *out) {
  fprintf(out, "\ncalibration error (ECE) %.4f\n%10s %10s %10s\n", calibration_error(calibration),
          "confidence", "accuracy", "decisions");
  for (int b = 0; b < CALIBRATION_BINS; b++)
    if (calibration->decisions[b] > 0)
      fprintf(out, "%10.4f %10.4f %10" PRId64 "\n", confidence(calibration, b), accuracy(calibration, b),
              calibration->decisions[b]);
}

void calibration_json(const calibration_t *calibration, FILE *out) {
  bool first = true;
  json_number(out, false, "ece", calibration_error(calibration));
  fputs(", \"reliability\": [", out);
  for (int b = 0; b < CALIBRATION_BINS; b++) {
    if (calibration->decisions[b] == 0) continue;
    fputs(first ? "{" : ", {", out);
    json_number(out, true, "confidence", confidence(calibration, b));
    json_number(out, false, "accuracy", accuracy(calibration, b));
    json_integer(out, false, "decisions", calibration->decisions[b]);
    fputc('}', out);
    first = false;
  }
  fputc(']', out);
}
