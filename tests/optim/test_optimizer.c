/* The optimisers against PyTorch's figures and plain re-implementations in double, and their independence of
 * slices. */
#include "figures/optimizers.h"
#include "optim/optimizer.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 1000, STEPS = 50, TEST_STATES = 2 };

static const optimizer_step_t base = {.learning_rate = 0.01,
                                      .momentum = 0.9,
                                      .beta1 = 0.9,
                                      .beta2 = 0.999,
                                      .epsilon = 1e-8,
                                      .alpha = 0.99,
                                      .trust_coefficient = 0.01,
                                      .trust = 0.5,
                                      .weight_decay = 0.1};

static double uniform(uint64_t *state) {
  *state = *state * 6364136223846793005U + 1442695040888963407U;
  return (double)(*state >> 11) * 0x1p-53 - 0.5;
}

/* The gradient of step t: it changes sign and size over elements and steps; every 16th is zero, as in
 * padding. */
static void fill_gradient(int t, float *g) {
  uint64_t state = (uint64_t)t * 977 + 5;
  for (int i = 0; i < N; i++) g[i] = i % 16 == 15 ? 0.0f : (float)(uniform(&state) * pow(10.0, i % 5 - 3));
}

static void fill_parameters(float *w) {
  uint64_t state = 42;
  for (int i = 0; i < N; i++) w[i] = (float)uniform(&state);
}

typedef struct {
  float w[N], a[N], b[N];
} vectors_t;

/* One slice, both passes where the optimiser has two; its trust is that of the step. */
static void update(const optimizer_t *optimizer, const optimizer_step_t *step, bool decay, size_t n, float *w,
                   float *g, float *const *state) {
  if (optimizer->layerwise.direction != NULL) optimizer->layerwise.direction(step, decay, n, w, g, state);
  optimizer->update(step, decay, n, w, g, state);
}

/* STEPS updates; a slice is as many elements as `slice`, but for the last. */
static void run(const optimizer_t *optimizer, optimizer_step_t step, bool decay, size_t slice,
                vectors_t *out) {
  float g[N];
  memset(out, 0, sizeof *out);
  fill_parameters(out->w);
  for (int t = 1; t <= STEPS; t++) {
    fill_gradient(t, g);
    step.step = t;
    optimizer_prepare(optimizer, &step);
    for (size_t first = 0; first < N; first += slice) {
      size_t n = N - first < slice ? N - first : slice;
      float *const state[] = {out->a + first, out->b + first};
      update(optimizer, &step, decay, n, out->w + first, g + first, state);
    }
  }
}

static void assert_near(const vectors_t *vectors, const double *expected, const char *what) {
  for (int i = 0; i < N; i++)
    cr_assert_float_eq((double)vectors->w[i], expected[i], 2e-6 * (1 + fabs(expected[i])),
                       "%s: element %d is %.9g, not %.9g", what, i, (double)vectors->w[i], expected[i]);
}

static void reference_sgd(double mu, double lr, bool nesterov, double *w) {
  float start[N], g[N];
  double buffer[N] = {0};
  fill_parameters(start);
  for (int i = 0; i < N; i++) w[i] = (double)start[i];
  for (int t = 1; t <= STEPS; t++) {
    fill_gradient(t, g);
    for (int i = 0; i < N; i++) {
      buffer[i] = mu * buffer[i] + (double)g[i];
      w[i] = w[i] - lr * (nesterov ? (double)g[i] + mu * buffer[i] : buffer[i]);
    }
  }
}

/* As in the papers: bias-corrected means spelled out. */
static void reference_adam(const optimizer_step_t *p, double decay, double *w) {
  float start[N], g[N];
  double m[N] = {0}, v[N] = {0};
  fill_parameters(start);
  for (int i = 0; i < N; i++) w[i] = (double)start[i];
  for (int t = 1; t <= STEPS; t++) {
    fill_gradient(t, g);
    for (int i = 0; i < N; i++) {
      m[i] = p->beta1 * m[i] + (1 - p->beta1) * (double)g[i];
      v[i] = p->beta2 * v[i] + (1 - p->beta2) * (double)g[i] * (double)g[i];
      double m_hat = m[i] / (1 - pow(p->beta1, t)), v_hat = v[i] / (1 - pow(p->beta2, t));
      w[i] -= p->learning_rate * decay * w[i];
      w[i] -= p->learning_rate * m_hat / (sqrt(v_hat) + p->epsilon);
    }
  }
}

/* The function of optimizers.py: its gradient at w. */
enum { CHAIN = 8 };

static void chain_gradient(const float *w, float *g) {
  double sums[CHAIN] = {0};
  for (int i = 0; i + 1 < CHAIN; i++) {
    double a = (double)w[i], d = (double)w[i + 1] - a * a;
    sums[i] += -8 * d * a - 2 * (1 - a);
    sums[i + 1] += 4 * d;
  }
  for (int i = 0; i < CHAIN; i++) g[i] = (float)sums[i];
}

typedef struct {
  const char *name;
  optimizer_step_t step;
  const double *end; /* (CHAIN): w after STEPS steps */
} chain_t;

#define STEP(...)                                                                                            \
  { .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, __VA_ARGS__ }

static const chain_t chains[] = {
    {"sgd", STEP(.learning_rate = 0.01), torch_sgd},
    {"sgd", STEP(.learning_rate = 0.01, .momentum = 0.9), torch_sgd_momentum},
    {"sgd", STEP(.learning_rate = 0.01, .momentum = 0.9, .nesterov = true), torch_sgd_nesterov},
    {"adam", STEP(.learning_rate = 0.02), torch_adam},
    {"adamw", STEP(.learning_rate = 0.02, .weight_decay = 0.1), torch_adamw},
    {"adagrad", STEP(.learning_rate = 0.1), torch_adagrad},
    {"rmsprop", STEP(.learning_rate = 0.01, .alpha = 0.99), torch_rmsprop},
    {"rmsprop", STEP(.learning_rate = 0.002, .alpha = 0.9, .momentum = 0.9), torch_rmsprop_momentum},
    {"nadam", STEP(.learning_rate = 0.02), torch_nadam},
    {"proximal", STEP(.learning_rate = 0.02, .l1 = 0.8), numpy_proximal},
};

/* What takes a whole run, since it looks at layers or at losses: tests/figures/test_first_steps.c (NumPy) and
 * test_lbfgs.c (PyTorch). */
static bool takes_a_run(const optimizer_t *optimizer) {
  return optimizer->update == NULL || optimizer->layerwise.trust != NULL;
}

static void check_chain(const chain_t *chain) {
  const optimizer_t *optimizer = optimizer_find(chain->name);
  float w[CHAIN], g[CHAIN], a[CHAIN] = {0}, b[CHAIN] = {0};
  float *const state[] = {a, b};
  optimizer_step_t step = chain->step;
  for (int i = 0; i < CHAIN; i++) w[i] = (float)(-1.2 + 0.3 * i);
  for (step.step = 1; step.step <= STEPS; step.step++) {
    chain_gradient(w, g);
    optimizer_prepare(optimizer, &step);
    optimizer->update(&step, true, CHAIN, w, g, state);
  }
  for (int i = 0; i < CHAIN; i++)
    cr_expect_float_eq((double)w[i], chain->end[i], 1e-5 * fabs(chain->end[i]),
                       "%s, momentum %g: w[%d] is %.9g, not %.9g", chain->name, step.momentum, i,
                       (double)w[i], chain->end[i]);
}

/* A row that is added to the table comes with figures of another program. */
Test(optimizer, fifty_steps_of_every_row_of_the_table_are_those_of_pytorch_or_numpy) {
  choice_t row;
  for (size_t i = 0; optimizer_choice(i, &row); i++) {
    int cases = 0;
    for (size_t k = 0; k < sizeof chains / sizeof chains[0]; k++) {
      if (strcmp(chains[k].name, row.name) != 0) continue;
      check_chain(&chains[k]);
      cases++;
    }
    cr_expect(cases > 0 || takes_a_run(optimizer_find(row.name)),
              "no figures for %s: a case in optimizers.py and a line in chains", row.name);
  }
}

/* Factors are left out once the product has vanished beside 1. */
Test(optimizer, nadam_steps_by_the_product_of_all_momenta) {
  optimizer_step_t step = base;
  double product = 1;
  step.beta1 = 0.99;
  for (step.step = 1; step.step < 20000; step.step++) {
    double mu = 0.99 * (1 - pow(0.96, 0.004 * (double)step.step) / 2);
    double next = 0.99 * (1 - pow(0.96, 0.004 * (double)(step.step + 1)) / 2);
    product *= mu;
    optimizer_prepare(optimizer_find("nadam"), &step);
    cr_assert_float_eq(step.gradient_share, (1 - mu) / (1 - product), 1e-12, "step %d", (int)step.step);
    cr_assert_float_eq(step.mean_share, next / (1 - product * next), 1e-12, "step %d", (int)step.step);
  }
}

Test(optimizer, sgd_follows_its_formula) {
  vectors_t *got = malloc(sizeof *got);
  double expected[N];
  const double momenta[] = {0.0, 0.5, 0.9};
  for (int k = 0; k < 6; k++) {
    optimizer_step_t step = base;
    step.momentum = momenta[k / 2];
    step.nesterov = k % 2 == 1;
    run(optimizer_find("sgd"), step, true, N, got);
    reference_sgd(step.momentum, step.learning_rate, step.nesterov, expected);
    assert_near(got, expected, "sgd");
  }
  free(got);
}

Test(optimizer, adam_follows_its_formula_and_never_decays) {
  vectors_t *got = malloc(sizeof *got);
  double expected[N];
  reference_adam(&base, 0.0, expected);
  for (int decay = 0; decay < 2; decay++) {
    run(optimizer_find("adam"), base, decay == 1, N, got);
    assert_near(got, expected, "adam");
  }
  free(got);
}

Test(optimizer, adamw_decays_where_told) {
  vectors_t *got = malloc(sizeof *got);
  double expected[N];
  for (int decay = 0; decay < 2; decay++) {
    reference_adam(&base, decay == 1 ? base.weight_decay : 0.0, expected);
    run(optimizer_find("adamw"), base, decay == 1, N, got);
    assert_near(got, expected, "adamw");
  }
  free(got);
}

/* The step by its definition: the w that makes |w - v|^2 / 2 + lr l1 |w| smallest, v = w - lr g, found by
 * trying the only places where its slope can be zero. */
Test(optimizer, proximal_steps_to_the_least_of_distance_and_penalty) {
  optimizer_step_t step = {.learning_rate = 0.5, .l1 = 0.3, .step = 1};
  const double threshold = step.learning_rate * step.l1;
  const float gradient[] = {0.1F, -2, 0.3F, 0, -0.31F, 5}, start[] = {0.2F, -0.1F, 0, 0.15F, -0.15F, 0};
  enum { CASES = sizeof start / sizeof start[0] };
  for (int on_weights = 0; on_weights < 2; on_weights++) {
    float w[CASES];
    memcpy(w, start, sizeof w);
    optimizer_find("proximal")->update(&step, on_weights == 1, CASES, w, gradient, NULL);
    for (int i = 0; i < CASES; i++) {
      double v = (double)start[i] - step.learning_rate * (double)gradient[i], best = 0;
      const double candidates[] = {v - threshold, v + threshold};
      for (int k = 0; k < 2; k++) {
        double c = candidates[k];
        if ((c - v) * (c - v) / 2 + threshold * fabs(c) <
            (best - v) * (best - v) / 2 + threshold * fabs(best))
          best = c;
      }
      cr_expect_float_eq((double)w[i], on_weights == 1 ? best : v, 1e-7, "case %d: %g", i, (double)w[i]);
    }
  }
}

Test(optimizer, same_bits_however_the_vector_is_cut) {
  vectors_t *whole = malloc(sizeof *whole), *cut = malloc(sizeof *cut);
  choice_t choice;
  for (size_t i = 0; optimizer_choice(i, &choice); i++) {
    const optimizer_t *optimizer = optimizer_find(choice.name);
    if (optimizer->update == NULL) continue;
    run(optimizer, base, true, N, whole);
    const size_t slices[] = {16, 48, 512, 7, 1};
    for (size_t k = 0; k < sizeof slices / sizeof slices[0]; k++) {
      run(optimizer, base, true, slices[k], cut);
      cr_assert_eq(memcmp(whole, cut, sizeof *whole), 0, "%s in slices of %zu", choice.name, slices[k]);
    }
  }
  free(whole);
  free(cut);
}

Test(optimizer, zeros_with_zero_gradients_stay_zero) {
  choice_t choice;
  for (size_t i = 0; optimizer_choice(i, &choice); i++) {
    if (optimizer_find(choice.name)->update == NULL) continue;
    float w[40] = {0}, g[40] = {0}, a[40] = {0}, b[40] = {0};
    float *const state[] = {a, b};
    for (int t = 1; t <= 3; t++) {
      optimizer_step_t step = base;
      step.step = t;
      optimizer_prepare(optimizer_find(choice.name), &step);
      update(optimizer_find(choice.name), &step, true, 40, w, g, state);
    }
    for (int k = 0; k < 40; k++) cr_assert(w[k] == 0.0f && a[k] == 0.0f && b[k] == 0.0f, "%s", choice.name);
  }
}

Test(optimizer, trust_is_the_ratio_of_the_norms) {
  const optimizer_step_t step = {.trust_coefficient = 0.01, .weight_decay = 0.5};
  const layerwise_t lars = optimizer_find("lars")->layerwise, lamb = optimizer_find("lamb")->layerwise;
  cr_assert_float_eq(lars.trust(&step, 4, 6), 0.01 * 4 / (6 + 0.5 * 4), 1e-15);
  cr_assert_float_eq(lamb.trust(&step, 3, 6), 0.5, 1e-15);
  cr_assert(lars.trust(&step, 0, 6) == 1 && lars.trust(&step, 4, 0) == 1, "nothing to scale by");
  cr_assert(lamb.trust(&step, 0, 6) == 1 && lamb.trust(&step, 4, 0) == 1, "nothing to scale by");
}

Test(optimizer, names_and_states) {
  choice_t choice;
  for (size_t i = 0; optimizer_choice(i, &choice); i++) {
    const optimizer_t *optimizer = optimizer_find(choice.name);
    cr_assert_not_null(optimizer);
    cr_assert_str_eq(optimizer->name, choice.name);
    cr_assert_leq(optimizer->states, OPTIMIZER_MAX_STATES);
    cr_assert(
        optimizer->states <= TEST_STATES || optimizer->update == NULL,
        "%s has %d states, and this file's tests have memory for %d: add some to vectors_t, check_chain "
        "and zeros_with_zero_gradients_stay_zero",
        choice.name, optimizer->states, TEST_STATES);
    for (int k = 0; k < optimizer->states; k++) cr_assert_not_null(optimizer->state_names[k]);
  }
  cr_assert_null(optimizer_find("adm"));
}
