/* Student's t against scipy.stats.t.ppf 1.x, and an interval that was worked out by hand. */
#include "sweep/student.h"

#include <criterion/criterion.h>
#include <math.h>

Test(student, quantiles_are_those_of_scipy) {
  static const struct {
    double p, degrees, t;
  } cases[] = {{0.975, 1, 12.7062047361747},
               {0.975, 2, 4.30265272974946},
               {0.975, 4, 2.77644510519779},
               {0.975, 9, 2.2621571627982},
               {0.975, 49, 2.00957523712924},
               {0.975, 1000, 1.96233908082641},
               {0.995, 3, 5.84090930973336},
               {0.6, 7, 0.263166861352023},
               {0.9995, 1, 636.61924876879},
               {0.975, 1e6, 1.95996635681411},
               {0.5, 3, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    double t = student_quantile(cases[i].p, cases[i].degrees);
    cr_expect_float_eq(t, cases[i].t, 1e-9 * (1 + cases[i].t), "t(%g, %g) is %.15g", cases[i].p,
                       cases[i].degrees, t);
  }
}

/* Mean 7/3, squares of deviations 42/9, deviation sqrt(21/9), t of 2 degrees 4.302653. */
Test(student, an_interval_worked_out_by_hand) {
  const double values[] = {1, 2, 4};
  interval95_t interval = student_interval(values, 3);
  cr_expect_float_eq(interval.mean, 7.0 / 3, 1e-15);
  cr_expect_float_eq(interval.half, 4.30265272974946 * sqrt(21.0 / 9) / sqrt(3), 1e-9);
  cr_expect(isnan(student_interval(values, 1).half) && student_interval(values, 1).mean == 1);
  cr_expect(isnan(student_interval(values, 0).mean));
}
