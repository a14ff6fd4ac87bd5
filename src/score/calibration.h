/* Whether a classifier's probabilities are to be believed: of the decisions of which it is 80% sure, 80%
 * should be right. Decisions are sorted into bins by confidence, the probability of the class decided for
 * (Guo et al. 2017). */
#ifndef SCORE_CALIBRATION_H
#define SCORE_CALIBRATION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CALIBRATION_BINS = 15 };

/* Bin b holds confidences in (b / 15, (b + 1) / 15]. */
typedef struct {
  bool is_known; /* the loss gives probabilities */
  int64_t decisions[CALIBRATION_BINS], correct[CALIBRATION_BINS];
  double confidence[CALIBRATION_BINS]; /* sums */
} calibration_t;

/* The bin of a confidence; 0 for NaN, the confidence of a network whose outputs are NaN. */
int calibration_bin(double confidence);

/* Expected calibration error: the mean over decisions of |accuracy - mean confidence| of their bin. */
double calibration_error(const calibration_t *calibration);

/* The reliability table: a line for each bin that is not empty. */
void calibration_print(const calibration_t *calibration, FILE *out);

/* The same as JSON, with a comma in front: "ece": ..., "reliability": [{"confidence": ..., "accuracy": ...,
 * "decisions":
 * ...}, ...]. */
void calibration_json(const calibration_t *calibration, FILE *out);

#endif
