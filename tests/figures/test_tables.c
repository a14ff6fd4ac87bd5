/* A table with categories and gaps against NumPy and PyTorch: what each rule of data.missing makes of its
 * rows, and the first steps of a network with an embedding. */
#include "figures/tables.h"

#include "store/store.h"
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(tables, .init = place_make, .fini = place_remove);

#define OK(call)                                                                                             \
  do {                                                                                                       \
    ls_error error_ = {0};                                                                                   \
    ls_error *e = &error_;                                                                                   \
    cr_assert_eq((call), LS_OK, "%s", e->message);                                                           \
  } while (0)

enum { COLOUR = 2, CITY, SIZE, CITIES = 14 };

static void write_table(void) {
  char text[CITIES][16];
  const char *cities[CITIES];
  for (int k = 0; k < CITIES; k++) {
    snprintf(text[k], sizeof text[k], "city %d", k);
    cities[k] = text[k];
  }
  store_t *store = NULL;
  OK(store_create("tables.h5", &store, e));
  OK(store_write(store, "train/x", STORE_F64, 2, (int64_t[]){TABLE_ROWS, TABLE_COLUMNS}, table_x, e));
  OK(store_write(store, "train/y", STORE_F64, 2, (int64_t[]){TABLE_ROWS, 1}, table_y, e));
  OK(store_write_text_array(store, "categories/2", (const char *[]){"blue", "green", "red", "teal"}, 4, e));
  OK(store_write_text_array(store, "categories/3", cities, CITIES, e));
  OK(store_write_text_array(store, "categories/4", (const char *[]){"small", "medium", "large"}, 3, e));
  OK(store_write_int(store, "categories/4", "ordered", 1, e));
  OK(store_publish(&store, e));
}

/* With one layer, a prediction is what its weights make of the inputs. */
Test(tables, gaps_are_filled_as_numpy_fills_them) {
  static const struct {
    const char *words;
    const double (*rows)[TABLE_INPUTS];
  } rules[] = {{"mean", filled_by_mean},
               {"median", filled_by_median},
               {"most_frequent", filled_by_most_frequent},
               {"constant data.missing_value=7.5", filled_by_constant}};
  float weights[TABLE_INPUTS], bias = 0, found[TABLE_ROWS];
  write_table();
  for (int i = 0; i < 8; i++) {
    const double(*rows)[TABLE_INPUTS] = rules[i / 2].rows;
    run_well(i % 2 == 0 ? ALONE : 3,
             "train %s/figures/tables.yaml 'model={layers: [dense: 1], embeddings: {above: none}}' "
             "data.scaling=none optimizer.learning_rate=1e-5 train.log_every=0 data.missing=%s",
             TESTS_FOLDER, rules[i / 2].words);
    run_well(ALONE, "predict runs/tables tables.h5 --out p.h5");
    read_floats("runs/tables/model.h5", "parameters/dense1/weight", 1, weights);
    read_floats("runs/tables/model.h5", "parameters/dense1/bias", 1, &bias);
    read_floats("p.h5", "prediction", TABLE_ROWS, found);
    for (int r = 0; r < TABLE_ROWS; r++) {
      double y = (double)bias, size = 1;
      for (int j = 0; j < TABLE_INPUTS; j++) {
        y += (double)weights[j] * rows[r][j];
        size += fabs((double)weights[j] * rows[r][j]);
      }
      cr_assert_float_eq(found[r], y, 1e-6 * size, "%s, row %d: %g, not %g", rules[i / 2].words, r, found[r],
                         y);
    }
  }
}

static void check_steps(int ranks) {
  int step = 0;
  run_well(ranks, "train %s/figures/tables.yaml", TESTS_FOLDER);
  for (const char *line = file_text("runs/tables/log.jsonl"); line != NULL; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, "{\"event\": \"step\"", 16) != 0) continue;
    cr_assert_lt(step, TABLE_STEPS, "more than %d steps", TABLE_STEPS);
    double loss = json_double(line, "loss");
    cr_assert_float_eq(loss, torch_losses[step], 1e-5 * torch_losses[step],
                       "%d rank(s), step %d: %.9g, not %.9g", ranks, step + 1, loss, torch_losses[step]);
    step++;
  }
  cr_assert_eq(step, TABLE_STEPS, "%d steps", step);
}

Test(tables, first_steps_of_an_embedding_are_those_of_pytorch) {
  write_table();
  check_steps(ALONE);
  check_steps(3);
}
