/* Prints the computation graph for users, as text or for Graphviz. In forward, values flow from each op to
 * its users. In backward, deltas flow the other way; where a value is used more than once, they are added. */
#include "model/graph.h"

#include "model/graph_impl.h"

#include <inttypes.h>
#include <string.h>

/* Prints a table with a line per node. */
void graph_print(const graph_t *graph, FILE *out) {
  fprintf(out, "%-16s %9s  %-15s %12s %14s\n", "layer", "outputs", "function", "parameters", "FLOPs per row");
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    int64_t parameters = 0;
    for (size_t k = 0; k < graph->n_arrays; k++)
      if (graph->arrays[k].node == i && !graph->arrays[k].about.is_statistic)
        parameters += (int64_t)graph->arrays[k].count;
    char function[32] = "";
    if (node->activation != NULL) snprintf(function, sizeof function, "%s", node->activation->name);
    if (node->op == &op_dropout) snprintf(function, sizeof function, "rate %g", node->rate);
    if (node->op == &op_noise)
      snprintf(function, sizeof function, "%.4g, mask %.4g", node->deviation, node->rate);
    if (node->op == &op_sample) snprintf(function, sizeof function, "beta %.6g", node->beta);
    if (node->op == &op_penalty) snprintf(function, sizeof function, "l1 %.4g, l2 %.4g", node->l1, node->l2);
    if (node->op == &op_gaussians)
      snprintf(function, sizeof function, "%s", covariance_name(node->fitted.covariance));
    if (node->op == &op_add)
      snprintf(function, sizeof function, "+ %.20s", graph->nodes[node->inputs[0]].name);
    fprintf(out, "%-16s %9" PRId64 "  %-15s %12" PRId64 " %14.0f\n", node->name, node->width, function,
            parameters, node_flops_per_row(graph, node));
  }
  fprintf(out, "%-16s %9" PRId64 "  %-15s %12" PRId64 " %14.0f\n", "total", graph_outputs(graph), "",
          graph->parameters, graph_flops_per_row(graph));
}

/* ---- passes ---- */

/* Writes "f = relu", "rate 0.2" or nothing. */
static void detail_text(const node_t *node, char *out, size_t size) {
  out[0] = '\0';
  if (node->activation != NULL) snprintf(out, size, "f = %s", node->activation->name);
  if (node->op == &op_dropout) snprintf(out, size, "rate %g", node->rate);
  if (node->op == &op_noise) snprintf(out, size, "deviation %g, mask %g", node->deviation, node->rate);
  if (node->op == &op_gaussians)
    snprintf(out, size, "%s covariance", covariance_name(node->fitted.covariance));
  if (node->op == &op_sample) snprintf(out, size, "beta %g", node->beta);
  if (node->op == &op_penalty) snprintf(out, size, "l1 %g, l2 %g", node->l1, node->l2);
  if (node->op == &op_embedding) snprintf(out, size, "k = x_%" PRId64, node->table.column + 1);
}

/* Writes "dense1, dense2": the inputs of a node; with `deltas`, only those that need a delta. */
static void inputs_text(const graph_t *graph, const node_t *node, bool deltas, char *out, size_t size) {
  size_t length = 0;
  out[0] = '\0';
  for (int k = 0; k < node->op->n_inputs; k++) {
    const node_t *input = &graph->nodes[node->inputs[k]];
    if (deltas && !input->backward.needs_delta) continue;
    int n = snprintf(out + length, size - length, "%s%s%s", length > 0 ? ", " : "", input->name,
                     deltas && node->backward.adds_to[k] ? " (added to the one that is there)" : "");
    length += n > 0 && (size_t)n < size - length ? (size_t)n : 0;
  }
}

/* Writes "weight (64, 13), bias (64)": the arrays of a node; of a tied one first whose weights it has. */
static void parameters_text(const graph_t *graph, const node_t *node, char *out, size_t size) {
  size_t length = 0;
  out[0] = '\0';
  if (node->op == &op_tied)
    length = (size_t)snprintf(out, size, "W of %s", graph->nodes[node->dense.source].name);
  for (size_t i = 0; i < graph->n_arrays; i++) {
    const parameter_t *about = &graph->arrays[i].about;
    const char *name = strchr(about->name, '/') + 1;
    if (graph->arrays[i].node != node->number) continue;
    int n = about->dims == 2 ? snprintf(out + length, size - length, "%s%s (%" PRId64 ", %" PRId64 ")",
                                        length > 0 ? ", " : "", name, about->shape[0], about->shape[1])
                             : snprintf(out + length, size - length, "%s%s (%" PRId64 ")",
                                        length > 0 ? ", " : "", name, about->shape[0]);
    length += n > 0 && (size_t)n < size - length ? (size_t)n : 0;
  }
}

static void print_forward(const graph_t *graph, const node_t *node, FILE *out) {
  char from[160], detail[64], parameters[160];
  inputs_text(graph, node, false, from, sizeof from);
  detail_text(node, detail, sizeof detail);
  parameters_text(graph, node, parameters, sizeof parameters);
  fprintf(out, "%3zu  %-14s (rows, %" PRId64 ")", node->number, node->name, node->width);
  if (from[0] != '\0') fprintf(out, "  from %s: %s", from, node->op->formula);
  if (detail[0] != '\0') fprintf(out, ", %s", detail);
  if (parameters[0] != '\0') fprintf(out, "; %s", parameters);
  fputc('\n', out);
}

static void print_backward(const graph_t *graph, const node_t *node, FILE *out) {
  char to[200];
  inputs_text(graph, node, true, to, sizeof to);
  fprintf(out, "%3zu  %-14s %s", node->number, node->name, node->op->derivative);
  fprintf(out, to[0] != '\0' ? "; delta to %s\n" : "; no delta goes on\n", to);
}

void graph_print_passes(const graph_t *graph, const char *origin, FILE *out) {
  fputs("forward\n", out);
  if (origin != NULL) fprintf(out, "     %s\n", origin);
  for (size_t i = 0; i < graph->n_nodes; i++) print_forward(graph, &graph->nodes[i], out);
  fprintf(out, "     loss           from %s and the targets\n", graph_output_node(graph)->name);
  fputs("\nbackward (dy: the delta of an op's output, dL/dy)\n", out);
  fprintf(out, "     loss           dL/dy; delta to %s\n", graph_output_node(graph)->name);
  for (size_t i = graph->n_nodes; i-- > 1;)
    if (graph->nodes[i].backward.needs_delta) print_backward(graph, &graph->nodes[i], out);
}

/* ---- Graphviz ---- */

static void dot_node(const graph_t *graph, const node_t *node, FILE *out) {
  char detail[64], parameters[160];
  detail_text(node, detail, sizeof detail);
  parameters_text(graph, node, parameters, sizeof parameters);
  fprintf(out, "  n%zu [label=\"%s", node->number, node->name);
  if (node->op->formula != NULL) fprintf(out, "\\n%s", node->op->formula);
  if (detail[0] != '\0') fprintf(out, "\\n%s", detail);
  if (parameters[0] != '\0') fprintf(out, "\\n%s", parameters);
  fputs("\"];\n", out);
}

/* A solid edge for the value, labelled with its width, and a dashed edge back for the delta. */
static void dot_edges(const graph_t *graph, const node_t *node, FILE *out) {
  for (int k = 0; k < node->op->n_inputs; k++) {
    const node_t *input = &graph->nodes[node->inputs[k]];
    fprintf(out, "  n%zu -> n%zu [label=\"%" PRId64 "\"];\n", input->number, node->number, input->width);
    if (input->backward.needs_delta)
      fprintf(out, "  n%zu -> n%zu [style=dashed, color=\"#d55e00\", constraint=false];\n", node->number,
              input->number);
  }
}

void graph_print_dot(const graph_t *graph, const char *origin, FILE *out) {
  const node_t *last = graph_output_node(graph);
  fputs("digraph network {\n"
        "  node [shape=box, fontname=\"sans-serif\"];\n"
        "  edge [fontname=\"sans-serif\"];\n",
        out);
  for (size_t i = 0; i < graph->n_nodes; i++) dot_node(graph, &graph->nodes[i], out);
  if (origin != NULL) fprintf(out, "  origin [label=\"%s\"];\n  origin -> n0;\n", origin);
  fputs("  loss [shape=ellipse];\n", out);
  for (size_t i = 1; i < graph->n_nodes; i++) dot_edges(graph, &graph->nodes[i], out);
  fprintf(out,
          "  n%zu -> loss [label=\"%" PRId64 "\"];\n"
          "  loss -> n%zu [style=dashed, color=\"#d55e00\", constraint=false];\n"
          "}\n",
          last->number, last->width, last->number);
}
