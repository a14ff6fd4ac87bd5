/* The learning rate of a search, and what a search may use. */
#include "landscape/search.h"

#include <criterion/criterion.h>

Test(search, rate_is_whole_for_half_of_the_steps_and_then_falls_to_a_hundredth) {
  static const struct {
    int64_t step;
    double share;
  } cases[] = {{0, 1}, {500, 1}, {600, 1 - 0.99 / 4}, {700, 1 - 0.99 / 2}, {900, 0.01}, {999, 0.01}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    cr_expect_float_eq(search_rate(0.4, cases[i].step, 1000), 0.4 * cases[i].share, 1e-12, "step %d",
                       (int)cases[i].step);
}

Test(search, every_choice_is_an_optimiser_with_a_rate) {
  choice_t choice;
  size_t n = 0;
  for (; search_choice(n, &choice); n++) {
    cr_expect_not_null(optimizer_find(choice.name), "%s", choice.name);
    cr_expect_not_null(optimizer_find(choice.name)->update, "%s", choice.name);
    cr_expect(search_default_rate(choice.name) > 0, "%s", choice.name);
  }
  cr_expect_eq(n, 2);
  cr_expect_eq(search_default_rate("lbfgs"), 0);
}
