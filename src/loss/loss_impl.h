/* Private to the losses: the functions that the table in loss.c refers to. */
#ifndef LOSS_LOSS_IMPL_H
#define LOSS_LOSS_IMPL_H

#include "loss/loss.h"

#define LOSS(name)                                                                                           \
  double loss_##name(const loss_params_t *params, int64_t rows, int64_t width, const float *z,               \
                     target_t target, float *delta);                                                         \
  double loss_##name##_reference(const loss_params_t *params, int64_t width, const double *z,                \
                                 const double *target);

/* loss_values.c */
LOSS(mse)
LOSS(mae)
LOSS(huber)
LOSS(bce)
LOSS(poisson)
LOSS(gaussian)
LOSS(quantile)
void loss_bce_predict(const loss_params_t *params, int64_t width, float *z);
void loss_poisson_predict(const loss_params_t *params, int64_t width, float *z);
void loss_bce_slope(int64_t width, const float *p, int64_t k, float *slopes);
void loss_poisson_slope(int64_t width, const float *p, int64_t k, float *slopes);
void loss_gaussian_predict(const loss_params_t *params, int64_t width, float *z);

/* loss_classes.c */
LOSS(cross_entropy)
LOSS(hinge)
LOSS(perceptron)
void loss_cross_entropy_predict(const loss_params_t *params, int64_t width, float *z);
void loss_cross_entropy_slope(int64_t width, const float *p, int64_t k, float *slopes);

/* loss_fitted.c */
LOSS(distortion)
LOSS(density)
void loss_distortion_describe(int64_t width, const float *z, double *out);
void loss_density_describe(int64_t width, const float *z, double *out);
void loss_distortion_slope(int64_t width, const float *z, int64_t column, float *slopes);
void loss_density_slope(int64_t width, const float *z, int64_t column, float *slopes);

#undef LOSS

#endif
