/* Private to the math room: four doubles side by side, as every compiler and CPU has them. The compiler
 * splits them into the registers that there are; no bits depend on that. */
#ifndef MATH_LANES_H
#define MATH_LANES_H

enum { LANE_COUNT = 4 };
typedef double lanes_t __attribute__((vector_size(LANE_COUNT * sizeof(double)), may_alias));
typedef double loose_lanes_t
    __attribute__((vector_size(LANE_COUNT * sizeof(double)), aligned(sizeof(double)), may_alias));

static inline lanes_t lanes_at(const double *x) {
  return *(const loose_lanes_t *)x;
}

static inline double lanes_sum(lanes_t x) {
  return (x[0] + x[2]) + (x[1] + x[3]);
}

#endif
