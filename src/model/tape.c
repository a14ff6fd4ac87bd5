/* The tape: a buffer for every value, and in training for every delta that is needed. */
#include "model/graph.h"

#include "model/graph_impl.h"

#include <inttypes.h>
#include <stdlib.h>

static bool owns_delta(const node_t *node) {
  return node->backward.needs_delta && node->backward.delta == node->number;
}

size_t graph_tape_floats(const graph_t *graph, bool train) {
  size_t floats = 0;
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    size_t buffers = 1;
    if (train) buffers += (size_t)owns_delta(node) + (size_t)node->op->keeps_factors;
    floats += buffers * (size_t)node->width;
    if (train && node->op->has_operands)
      floats += (size_t)((node->dense.layout.in + node->dense.layout.padded_out) / graph->precision->factors);
  }
  return floats;
}

static float *buffer(tape_t *tape, int64_t rows, int64_t width) {
  return arena_new(&tape->arena, (size_t)rows, (size_t)width * sizeof(float));
}

static float *records(tape_t *tape, const node_t *node, int64_t rows) {
  int64_t slices = rows / tape->slice_rows, each = tape_records(tape);
  return buffer(tape, slices * each, RECORD_FLOATS(node->width));
}

/* Starts with the last node, because a delta may share the buffer of a later node. */
static bool take_buffers(tape_t *tape, int64_t rows) {
  const graph_t *graph = tape->graph;
  for (size_t i = graph->n_nodes; i-- > 0;) {
    const node_t *node = &graph->nodes[i];
    if ((tape->values[i] = buffer(tape, rows, node->width)) == NULL) return false;
    if (tape->slice_rows == 0) continue;
    if (node->op->keeps_factors && (tape->factors[i] = buffer(tape, rows, node->width)) == NULL) return false;
    if (node->op->keeps_record && (tape->records[i] = records(tape, node, rows)) == NULL) return false;
    if (node->op->has_operands) {
      int64_t words = rows / tape->slice_rows * tape->slice_words;
      tape->columns[i] = buffer(tape, words, node->dense.layout.in);
      tape->panels[i] = buffer(tape, words, node->dense.layout.padded_out);
      if (tape->columns[i] == NULL || tape->panels[i] == NULL) return false;
    }
    if (node->op->penalty != NULL && tape->weights == NULL && (tape->weights = buffer(tape, rows, 1)) == NULL)
      return false;
    if (!node->backward.needs_delta) continue;
    tape->deltas[i] = owns_delta(node) ? buffer(tape, rows, node->width) : tape->deltas[node->backward.delta];
    if (tape->deltas[i] == NULL) return false;
  }
  return true;
}

static bool take_tables(tape_t *tape) {
  float ***tables[] = {&tape->values,  &tape->deltas,  &tape->factors,
                       &tape->records, &tape->columns, &tape->panels};
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
    if ((*tables[i] = arena_new(&tape->arena, tape->graph->n_nodes, sizeof(float *))) == NULL) return false;
  return true;
}

ls_status tape_create(const graph_t *graph, int64_t rows, int64_t slice_rows, tape_t **out, ls_error *error) {
  tape_t *tape = calloc(1, sizeof *tape);
  if (tape != NULL) {
    tape->graph = graph;
    tape->rows = rows;
    tape->slice_rows = slice_rows;
    tape->slice_words = precision_words(graph->precision, slice_rows);
  }
  if (tape == NULL || !take_tables(tape) || !take_buffers(tape, rows)) {
    tape_destroy(&tape);
    return error_set(error, LS_NO_MEMORY,
                     "no memory for the activations of %" PRId64 " rows (%zu floats each); a smaller "
                     "train.global_batch_size or more ranks need less",
                     rows, graph_tape_floats(graph, slice_rows > 0));
  }
  *out = tape;
  return LS_OK;
}

void tape_destroy(tape_t **tape) {
  if (tape == NULL || *tape == NULL) return;
  arena_free(&(*tape)->arena);
  free(*tape);
  *tape = NULL;
}

float *tape_input(tape_t *tape, int64_t row) {
  return tape->values[0] + row * tape->graph->nodes[0].width;
}

float *tape_output(tape_t *tape, int64_t row) {
  const node_t *node = graph_output_node(tape->graph);
  return tape->values[node->number] + row * node->width;
}

float *tape_weights(tape_t *tape, int64_t row) {
  return tape->weights != NULL ? tape->weights + row : NULL;
}

float *tape_node(tape_t *tape, size_t node, int64_t row) {
  return tape->values[node] + row * tape->graph->nodes[node].width;
}

const float *tape_values(const tape_t *tape, size_t node, int64_t row) {
  return tape->values[node] + row * tape->graph->nodes[node].width;
}

const float *tape_input_delta(const tape_t *tape, int64_t row) {
  return tape->deltas[0] + row * tape->graph->nodes[0].width;
}

float *tape_output_delta(tape_t *tape, int64_t row) {
  const node_t *node = graph_output_node(tape->graph);
  return tape->deltas[node->number] + row * node->width;
}
