/* What the machine is measured to do, as a user asks for it. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(bench, .init = place_make, .fini = place_remove);

/* The part of the JSON text that belongs to a level. */
static double figure(const char *json, const char *level, const char *key) {
  const char *at = strstr(json, level);
  cr_assert_not_null(at, "no %s in %s", level, json);
  return json_double(at, key);
}

Test(bench, network_has_the_levels_that_the_layout_has) {
  run_well(3, "bench --network --json one.json");
  const char *json = file_text("one.json");
  cr_assert_float_eq(json_double(json, "nodes"), 1, 0);
  cr_assert_gt(figure(json, "in_node", "beta"), 0);
  cr_assert_null(strstr(json, "exchange"), "%s", json);
  run_well(3, "bench --network --ranks-per-node=1 --json three.json");
  json = file_text("three.json");
  cr_assert_float_eq(json_double(json, "nodes"), 3, 0);
  cr_assert_null(strstr(json, "in_node"), "%s", json);
  cr_assert_gt(figure(json, "between_nodes", "alpha"), 0);
  /* beta is a slope of times: below 0 at times if other programs work beside, so it may be measured thrice */
  double between = figure(json, "between_nodes", "beta"), exchange = figure(json, "exchange", "beta");
  for (int i = 0; i < 2 && !(between > 0 && exchange > 0); i++) {
    run_well(3, "bench --network --ranks-per-node=1 --json three.json");
    between = figure(file_text("three.json"), "between_nodes", "beta");
    exchange = figure(file_text("three.json"), "exchange", "beta");
  }
  cr_assert(between > 0 && exchange > 0, "%g %g", between, exchange);
  run_well(3, "bench --network --ranks-per-node=2"); /* nodes of two ranks and of one */
}

Test(bench, says_what_it_lacks) {
  result_t result = run(ALONE, "bench --network");
  cr_assert_eq(result.code, 2, "%s", result.err);
  cr_assert_not_null(strstr(result.err, "mpirun -n 2"), "%s", result.err);
  result = run(2, "bench");
  cr_assert_eq(result.code, 2, "%s", result.err);
  cr_assert_not_null(strstr(result.err, "--network"), "%s", result.err);
}
