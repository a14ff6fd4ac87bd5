/* One row of the data worked through by `info --graph --row`, against numbers of NumPy. */
#include "system/run.h"

#include "figures/worked.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 13, MOST = 400 }; /* bytes of a line before its numbers */

static const char values[] =
    "'model.init_values={dense1.weight: [[0.25, -0.5], [0.75, 0.125], [-1.0, 0.375]], "
    "dense1.bias: [0.125, -0.25, 0.5], dense2.weight: [[0.5, -0.75, 0.25], "
    "[-0.125, 1.0, 0.625]], dense2.bias: [0.0625, -0.375]}'";

/* Row 2 is the one that is worked through. */
static void set_up(void) {
  place_make();
  write_text("two.csv", "a,b,y,z\n1,1,0,1\n2,-1,1,0\n0.5,-1.25,1.5,-0.5\n3,0,1,1\n-1,2,0,0\n");
  write_text("one.csv", "a,b,y\n1,1,0\n2,-1,1\n0.5,-1.25,1.5\n3,0,1\n-1,2,0\n");
  write_text("class.csv", "a,b,y\n1,1,no\n2,-1,yes\n0.5,-1.25,yes\n3,0,no\n-1,2,no\n");
  write_text("flags.csv", "a,b,y,z\n1,1,0,1\n2,-1,1,0\n0.5,-1.25,1,0\n3,0,1,1\n-1,2,0,0\n");
  run_well(ALONE, "import two.csv two.h5 --label y,z --regression");
  run_well(ALONE, "import one.csv one.h5 --label y --regression");
  run_well(ALONE, "import class.csv class.h5 --label y");
  run_well(ALONE, "import flags.csv flags.h5 --label y,z --regression");
  write_text("net.yaml", "data: {file: two.h5}\n"
                         "model: {layers: [{dense: {units: 3, activation: tanh}}, {dense: 2}]}\n"
                         "loss: mse\noptimizer: {name: sgd, learning_rate: 0.25}\ntrain: {epochs: 1}\n");
}

TestSuite(worked, .init = set_up, .fini = place_remove, .timeout = 300);

/* All numbers of the output, line by line. */
static size_t numbers_of(const char *text, double numbers[MOST]) {
  size_t n = 0;
  for (const char *line = text; line != NULL && *line != '\0';) {
    const char *end = strchr(line, '\n');
    if (strncmp(line, "  ", 2) == 0 && end - line > LABEL)
      for (char *at = (char *)line + LABEL, *next; at < end && n < MOST; at = next) {
        numbers[n] = strtod(at, &next);
        if (next == at || next > end) break;
        n++;
      }
    line = end != NULL ? end + 1 : NULL;
  }
  return n;
}

static void expect_numbers(const char *out, const double *expected, size_t n) {
  double found[MOST];
  const size_t many = numbers_of(out, found);
  cr_assert_eq(many, n, "%zu numbers instead of %zu:\n%s", many, n, out);
  for (size_t i = 0; i < n; i++)
    cr_expect_float_eq(found[i], expected[i], 2e-6 * fmax(1, fabs(expected[i])),
                       "number %zu: %.9g, not %.9g\n%s", i, found[i], expected[i], out);
}

#define EXPECT(out, expected) expect_numbers(out, expected, sizeof expected / sizeof *expected)

Test(worked, numbers_are_those_of_numpy) {
  EXPECT(run_well(ALONE, "info --graph --row 2 net.yaml %s", values).out, worked_mse);
  EXPECT(run_well(2, "info --graph --row 2 net.yaml %s", values).out, worked_mse);
  EXPECT(run_well(ALONE, "info --graph --row 2 net.yaml data.file=one.h5 'model.layers=[dense: 1]' "
                         "'model.init_values={dense1.weight: [[2.0, -0.5]], dense1.bias: 0.5}'")
             .out,
         worked_line);
  EXPECT(run_well(ALONE,
                  "info --graph --row 2 net.yaml data.file=class.h5 loss=cross_entropy "
                  "'model.layers=[{dense: {units: 3, activation: relu}}, {dense: 2}]' %s",
                  values)
             .out,
         worked_classes);
  EXPECT(
      run_well(
          ALONE,
          "info --graph --row 2 net.yaml data.file=flags.h5 loss=binary_cross_entropy "
          "'model.layers=[{dense: {units: 3, activation: sigmoid}}, {dense: {units: 2, activation: tanh}}]' "
          "%s",
          values)
          .out,
      worked_decisions);
}

/* An activation that is a layer of its own computes the same, in one more step. */
Test(worked, an_activation_may_be_a_layer) {
  double together[MOST], apart[MOST];
  size_t n = numbers_of(run_well(ALONE, "info --graph --row 2 net.yaml %s", values).out, together);
  size_t m = numbers_of(
      run_well(ALONE,
               "info --graph --row 2 net.yaml 'model.layers=[dense: 3, activation: tanh, dense: 2]' %s",
               values)
          .out,
      apart);
  cr_assert(n > 1 && m > n);
  cr_expect_eq(together[n - 1], apart[m - 1], "the loss after the step");
}

/* Training with one row a step does what the example says. */
Test(worked, a_trained_model_is_worked_through_with_its_weights) {
  run_well(ALONE, "train net.yaml name=trained train.epochs=0 %s", values);
  EXPECT(run_well(ALONE, "info --graph --row 2 runs/trained").out, worked_mse);
  EXPECT(run_well(ALONE, "info --graph --row 2 trained data.file=two.h5").out, worked_mse);
}

Test(worked, other_networks_show_what_each_layer_computes) {
  result_t result = run_well(ALONE, "info --graph --row 1 net.yaml "
                                    "'model.layers=[dense: 3, batch_norm: {}, dropout: 0.5, dense: 2]'");
  cr_expect_not_null(strstr(result.out, "\nbatch_norm1\n"), "%s", result.out);
  cr_expect_not_null(strstr(result.out, "\ndense2\n"), "%s", result.out);
  cr_expect_not_null(strstr(result.out, "for networks of dense layers and activations alone"), "%s",
                     result.out);
}

Test(worked, wide_layers_are_shortened_unless_asked) {
  const char *wide = "info --graph --row 1 net.yaml 'model.layers=[dense: 30, dense: 2]'";
  double numbers[MOST];
  result_t result = run_well(ALONE, "%s", wide);
  cr_expect_not_null(strstr(result.out, "(30 numbers)"), "%s", result.out);
  cr_expect_lt(numbers_of(result.out, numbers), MOST);
  cr_expect_null(strstr(run_well(ALONE, "%s --full", wide).out, "numbers)"));
}

Test(worked, what_cannot_be_is_refused) {
  static const struct {
    const char *part, *words;
  } cases[] = {
      {"there are 5 training rows, numbered from 0 to 4", "info --graph --row 5 net.yaml"},
      {"--row: '-1' is not a whole number", "info --graph --row=-1 net.yaml"},
      {"--row works only with --graph", "info --row 1 net.yaml"},
      {"--full works only with --row", "info --graph --full net.yaml"},
      {"--row and --dot exclude each other", "info --graph --dot --row 1 net.yaml"},
      {"has no array 'dense9.weight'",
       "info --graph --row 1 net.yaml 'model.init_values={dense9.weight: 1}'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (int ranks = ALONE; ranks <= 2; ranks += 2) {
      result_t result = run(ranks, "%s", cases[i].words);
      cr_expect_eq(result.code, 2, "%s: exit code %d\n%s", cases[i].words, result.code, result.err);
      cr_expect_not_null(strstr(result.err, cases[i].part), "no '%s' in: %s", cases[i].part, result.err);
    }
}
