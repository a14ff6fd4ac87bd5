/* Settings: YAML, then a line `%%`, then overrides, one a line. Settings that are accepted come back equal
 * from the text that a run stores, and their network has a shape. */
#include "config/settings.h"
#include "fuzz/fuzz.h"
#include "model/graph.h"
#include "loss/objective.h"
#include "train/choices.h"

#include <string.h>

enum { MOST_OVERRIDES = 16, INPUTS = 5 };

/* Cuts the overrides off the YAML text. */
static size_t cut_overrides(char *text, char *overrides[MOST_OVERRIDES]) {
  size_t n = 0;
  char *mark = strstr(text, "\n%%\n");
  if (mark == NULL) return 0;
  *mark = '\0';
  for (char *line = strtok(mark + 4, "\n"); line != NULL && n < MOST_OVERRIDES; line = strtok(NULL, "\n"))
    overrides[n++] = line;
  return n;
}

static void check_round_trip(const settings_t *settings) {
  ls_error error = {0};
  char *text = NULL;
  settings_t *again = NULL;
  const char *changed = NULL;
  MUST(settings_dump(settings, &text, &error) == LS_OK);
  ls_status status =
      settings_restore(text, strlen(text), "stored", NULL, 0, settings_choices(), &again, &error);
  if (status != LS_OK) fprintf(stderr, "%s\n%s\n", error.message, text);
  MUST(status == LS_OK);
  MUST(settings_compare_except(settings, again, (const char *const[]){NULL}, &changed, &error) == LS_OK);
  if (changed != NULL) fprintf(stderr, "%s\n%s\n", changed, text);
  MUST(changed == NULL);
  settings_destroy(&again);
  free(text);
}

static void make_network(const settings_t *settings) {
  ls_error error = {0};
  graph_t *graph = NULL;
  objective_t objective = {0};
  ls_status status = graph_create(settings->model.layers, settings->model.n_layers, INPUTS, &graph, &error);
  fuzz_check_error(status, &error);
  if (status != LS_OK) return;
  status = objective_create(settings, graph_outputs(graph), &objective, &error);
  fuzz_check_error(status, &error);
  if (status == LS_OK) objective_free(&objective);
  graph_destroy(&graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = fuzz_text(data, size), *overrides[MOST_OVERRIDES];
  ls_error error = {0};
  settings_t *settings = NULL;
  size_t n = cut_overrides(text, overrides), length = n > 0 ? strlen(text) : size;
  ls_status status =
      settings_parse(text, length, "net.yaml", overrides, n, settings_choices(), &settings, &error);
  fuzz_check_error(status, &error);
  MUST((status == LS_OK) == (settings != NULL));
  if (status == LS_OK) {
    check_round_trip(settings);
    make_network(settings);
  }
  settings_destroy(&settings);
  free(text);
  return 0;
}
