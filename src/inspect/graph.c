#include "inspect/graph.h"

#include "features/basis.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void inspect_graph(const graph_t *graph, const basis_settings_t *basis, int64_t features, bool dot) {
  char text[256];
  choice_t kind = {0};
  basis_choice((size_t)choice_find(basis_choice, basis->name), &kind);
  snprintf(text, sizeof text, "input: phi of %" PRId64 " features x by the basis %s, %s", features, kind.name,
           kind.meaning);
  const char *origin = strcmp(basis->name, "none") == 0 ? NULL : text;
  if (dot)
    graph_print_dot(graph, origin, stdout);
  else
    graph_print_passes(graph, origin, stdout);
}
