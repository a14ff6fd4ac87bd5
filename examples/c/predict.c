/* Predicts the rows of a table of numbers.
 *
 *   predict MODEL <ROWS.csv
 *
 * The first line names the columns; other columns than the model's are ignored. One line of predictions per
 * row. */
#include <lockstep/lockstep.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 256, LINE_SIZE = 1 << 16 };

static int stop(const char *message) {
  fprintf(stderr, "predict: %s\n", message);
  return 1;
}

int main(int n, char **words) {
  static char names[LINE_SIZE], line[LINE_SIZE];
  double row[MOST_COLUMNS] = {0};
  ls_column columns[MOST_COLUMNS];
  int64_t n_columns = 0;
  ls_error error = {0};
  ls_model *model = NULL;
  ls_predictor *predictor = NULL;
  if (n != 2) return stop("predict MODEL <ROWS.csv");
  if (ls_model_read(words[1], &model, &error) != LS_OK) return stop(error.message);
  if (ls_predictor_create(model, NULL, &predictor, &error) != LS_OK) return stop(error.message);

  if (fgets(names, sizeof names, stdin) == NULL) return stop("no header");
  for (char *name = strtok(names, ",\r\n"); name != NULL && n_columns < MOST_COLUMNS;
       name = strtok(NULL, ",\r\n")) {
    columns[n_columns] = (ls_column){.name = name, .values = &row[n_columns], .type = LS_FLOAT64};
    n_columns++;
  }
  int64_t outputs = ls_model_outputs(model);
  double *found = malloc((size_t)outputs * sizeof *found);
  const ls_predictions out = {.mean = {.values = found, .type = LS_FLOAT64}};
  while (found != NULL && fgets(line, sizeof line, stdin) != NULL) {
    char *at = line;
    for (int64_t c = 0; c < n_columns; c++, at += *at == ',') row[c] = strtod(at, &at);
    if (ls_predict_table(predictor, 1, n_columns, columns, &out, &error) != LS_OK) return stop(error.message);
    for (int64_t k = 0; k < outputs; k++) printf("%s%.17g", k > 0 ? "," : "", found[k]);
    putchar('\n');
  }
  free(found);
  ls_predictor_free(&predictor);
  ls_model_free(&model);
  return 0;
}
