/* The graph itself: what it computes, how its parameters lie, what it refuses. */
#include "fixture.h"

#include "base/checksum.h"

/* ---- forward ---- */

Test(forward, agrees_with_the_reference) {
  layer_settings_t block[] = {DENSE(80, "gelu"), DENSE(130, "elu")};
  layer_settings_t layers[] = {DENSE(130, "selu"), RESIDUAL(block), DROPOUT(0.4), DENSE(7, "softplus")};
  network_t net = network_create(layers, COUNT(layers), 33, 10);
  double *y = calloc((size_t)(net.rows * net.outputs), sizeof *y);
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  CHECK(graph_reference(net.graph, net.plain, net.rows, net.x, &net.pass, y, NULL, error));
  for (int64_t i = 0; i < net.rows * net.outputs; i++)
    cr_assert_float_eq(tape_output(net.tape, 0)[i], y[i], 2e-5 * (1 + fabs(y[i])), "output %d", (int)i);
  free(y);
  network_destroy(&net);
}

Test(forward, of_inference_needs_no_deltas) {
  layer_settings_t layers[] = {DENSE(20, "tanh"), DROPOUT(0.5), DENSE(3, "silu")};
  network_t net = network_create(layers, COUNT(layers), 5, 6);
  graph_worker_t *worker = NULL;
  tape_t *tape = NULL;
  CHECK(graph_worker_create(net.graph, 6, 1, false, &worker, error));
  CHECK(tape_create(net.graph, 6, 0, &tape, error));
  memcpy(tape_input(tape, 0), tape_input(net.tape, 0), 6 * 5 * sizeof(float));
  net.pass.training = false;
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  graph_forward(worker, net.vector, tape, 0, 1, &net.pass);
  cr_assert_arr_eq(tape_output(tape, 0), tape_output(net.tape, 0), 6 * 3 * sizeof(float));
  cr_assert_eq(graph_tape_floats(net.graph, false), 5 + 20 + 20 + 3 + 3);
  graph_worker_destroy(&worker);
  tape_destroy(&tape);
  network_destroy(&net);
}

Test(forward, of_softmax_is_probabilities_whatever_the_size_of_its_inputs) {
  layer_settings_t layers[] = {SOFTMAX(), DENSE(3, "identity")};
  network_t net = network_create(layers, COUNT(layers), 3, 1);
  float *x = tape_input(net.tape, 0);
  x[0] = 1e4F, x[1] = 1e4F + logf(3.0F), x[2] = -1e4F;
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  double weights[3 * 3 + 3];
  network_unpack(net.graph, net.vector, weights);
  for (int o = 0; o < 3; o++) {
    double expected = 0.25 * weights[3 * o] + 0.75 * weights[3 * o + 1] + weights[9 + o];
    cr_expect_float_eq(tape_output(net.tape, 0)[o], expected, 1e-3);
  }
  network_destroy(&net);
}

/* ---- dropout ---- */

/* The outputs of a network that ends in dropout are zero exactly where it dropped. */
static size_t dropped(const network_t *net) {
  size_t zeros = 0;
  for (int64_t i = 0; i < net->rows * net->outputs; i++) zeros += tape_output(net->tape, 0)[i] == 0.0F;
  return zeros;
}

/* Bits of the tape's output and of the gradient. */
static void by_sections(const network_t *net, size_t floats, float *output, float *gradient) {
  size_t n = graph_cut(net->graph, floats, NULL), above = graph_nodes(net->graph);
  section_t *sections = calloc(n, sizeof *sections);
  graph_cut(net->graph, floats, sections);
  for (size_t s = 0; s < n; s++)
    graph_forward_section(net->worker, &sections[s], net->vector, net->tape, 0, 1, &net->pass);
  size_t outputs = (size_t)(net->rows * net->outputs);
  memcpy(output, tape_output(net->tape, 0), outputs * sizeof *output);
  memcpy(tape_output_delta(net->tape, 0), output, outputs * sizeof *output);
  for (size_t s = n; s-- > 0;) {
    if (s > 0 && sections[s].first == sections[s - 1].first) continue;
    graph_backward_between(net->worker, above, sections[s].first, net->vector, net->tape, 0, 1);
    above = sections[s].first;
  }
  slice_gradient(net->graph, net->worker, net->tape, 0, gradient);
  free(sections);
}

Test(sections, do_what_whole_passes_do) {
  layer_settings_t inner[] = {DENSE(40, "tanh"), DROPOUT(0.2)};
  layer_settings_t layers[] = {LAYER_NORM(), DENSE(40, "relu"), RESIDUAL(inner), DENSE(100, "gelu"),
                               BATCH_NORM(), DENSE(70, "silu"), DENSE(5, NULL)};
  network_t net = network_create(layers, COUNT(layers), 30, 64);
  size_t floats = graph_floats(net.graph), outputs = (size_t)(net.rows * net.outputs);
  float *output = calloc(2 * outputs, sizeof *output), *gradient = calloc(2 * floats, sizeof *gradient);
  net.pass.training = true;
  by_sections(&net, floats, output, gradient);
  cr_assert_eq(graph_cut(net.graph, floats, NULL), 1);
  for (size_t most = floats / 2; most > 500; most /= 2) {
    size_t n = graph_cut(net.graph, most, NULL);
    section_t *sections = calloc(n, sizeof *sections);
    graph_cut(net.graph, most, sections);
    cr_assert_gt(n, 1);
    cr_assert_eq(sections[0].offset, 0);
    cr_assert_eq(sections[n - 1].end, graph_nodes(net.graph));
    for (size_t s = 1; s < n; s++) cr_assert_geq(sections[s].offset, sections[s - 1].offset);
    free(sections);
    by_sections(&net, most, output + outputs, gradient + floats);
    cr_assert_arr_eq(output, output + outputs, outputs * sizeof *output, "sections of %zu weights", most);
    cr_assert_arr_eq(gradient, gradient + floats, floats * sizeof *gradient, "sections of %zu weights", most);
  }
  free(output);
  free(gradient);
  network_destroy(&net);
}

Test(dropout, drops_its_share_and_scales_the_rest) {
  enum { ROWS = 400, WIDTH = 250 };
  layer_settings_t layers[] = {DENSE(WIDTH, "sigmoid"), DROPOUT(0.3)};
  network_t net = network_create(layers, COUNT(layers), 4, ROWS);
  float *all = calloc(ROWS * WIDTH, sizeof *all);
  net.pass.training = false;
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  memcpy(all, tape_output(net.tape, 0), ROWS * WIDTH * sizeof *all);
  cr_assert_eq(dropped(&net), 0);
  net.pass.training = true;
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  double share = (double)dropped(&net) / (ROWS * WIDTH);
  double deviation = sqrt(0.3 * 0.7 / (ROWS * WIDTH));
  cr_assert_float_eq(share, 0.3, 5 * deviation, "dropped a share of %g", share);
  for (int64_t i = 0; i < ROWS * WIDTH; i++) {
    double y = (double)tape_output(net.tape, 0)[i];
    if (y != 0) cr_assert_float_eq(y, (double)all[i] / 0.7, 1e-6);
  }
  free(all);
  network_destroy(&net);
}

static void collect_mask(const graph_t *graph, const float *vector, tape_t *tape, int64_t rows, int64_t block,
                         pass_t pass, bool *mask) {
  graph_worker_t *worker = NULL;
  CHECK(graph_worker_create(graph, block, 1, false, &worker, error));
  for (int64_t row = 0; row < rows; row += block) {
    pass_t here = pass;
    here.row = row;
    graph_forward(worker, vector, tape, row, 1, &here);
  }
  for (int64_t i = 0; i < rows * graph_outputs(graph); i++) mask[i] = tape_output(tape, 0)[i] != 0.0F;
  graph_worker_destroy(&worker);
}

Test(dropout, mask_is_the_same_however_rows_are_cut) {
  enum { ROWS = 12, WIDTH = 300, N = ROWS * WIDTH };
  layer_settings_t layers[] = {DENSE(WIDTH, "sigmoid"), DROPOUT(0.5)};
  network_t net = network_create(layers, COUNT(layers), 4, ROWS);
  static bool whole[N], cut[N];
  collect_mask(net.graph, net.vector, net.tape, ROWS, ROWS, net.pass, whole);
  for (int64_t block = 1; block < ROWS; block++) {
    if (ROWS % block != 0) continue;
    collect_mask(net.graph, net.vector, net.tape, ROWS, block, net.pass, cut);
    cr_assert_arr_eq(cut, whole, sizeof whole, "in blocks of %d rows", (int)block);
  }
  network_destroy(&net);
}

Test(dropout, mask_differs_by_seed_step_shard_row_and_op) {
  enum { ROWS = 2, WIDTH = 200, N = ROWS * WIDTH };
  layer_settings_t once[] = {DENSE(WIDTH, "sigmoid"), DROPOUT(0.5)};
  layer_settings_t later[] = {DENSE(WIDTH, "sigmoid"), DROPOUT(0.0), DROPOUT(0.5)};
  network_t net = network_create(once, COUNT(once), 4, ROWS);
  network_t other = network_create(later, COUNT(later), 4, ROWS);
  static bool mask[N], changed[N];
  collect_mask(net.graph, net.vector, net.tape, ROWS, ROWS, net.pass, mask);
  pass_t passes[] = {net.pass, net.pass, net.pass, net.pass};
  passes[0].seed++, passes[1].step++, passes[2].shard++, passes[3].step += 2;
  for (int i = 0; i < 4; i++) {
    collect_mask(net.graph, net.vector, net.tape, ROWS, ROWS, passes[i], changed);
    cr_assert_arr_neq(changed, mask, sizeof mask, "change %d", i);
  }
  collect_mask(net.graph, net.vector, net.tape, ROWS, ROWS, passes[1], mask);
  cr_assert_arr_neq(changed, mask, sizeof mask, "two steps that follow each other");
  collect_mask(net.graph, net.vector, net.tape, ROWS, ROWS, net.pass, mask);
  collect_mask(other.graph, other.vector, other.tape, ROWS, ROWS, other.pass, changed);
  cr_assert_arr_neq(changed, mask, sizeof mask, "another op");
  cr_assert_arr_neq(mask, mask + WIDTH, WIDTH * sizeof mask[0], "another row");
  network_destroy(&net);
  network_destroy(&other);
}

/* ---- parameters ---- */

Test(parameters, are_named_shaped_and_counted_in_graph_order) {
  layer_settings_t block[] = {DENSE_WITHOUT_BIAS(9, "relu"), DENSE(20, "tanh")};
  layer_settings_t layers[] = {DENSE(20, "gelu"), RESIDUAL(block), DENSE(3, "identity")};
  graph_t *graph = NULL;
  CHECK(graph_create(layers, COUNT(layers), 7, &graph, error));
  const char *names[] = {"dense1/weight", "dense1/bias",   "dense2/weight", "dense3/weight",
                         "dense3/bias",   "dense4/weight", "dense4/bias"};
  cr_assert_eq(graph_parameter_count(graph), COUNT(names));
  for (size_t i = 0; i < COUNT(names); i++) cr_assert_str_eq(graph_parameter(graph, i)->name, names[i]);
  const parameter_t *weight = graph_parameter(graph, 2), *bias = graph_parameter(graph, 4);
  cr_assert(weight->dims == 2 && weight->shape[0] == 9 && weight->shape[1] == 20 && weight->is_weight);
  cr_assert(weight->fan_in == 20 && weight->fan_out == 9);
  cr_assert(bias->dims == 1 && bias->shape[0] == 20 && !bias->is_weight);
  cr_assert_str_eq(bias->init, "zeros");
  cr_assert_eq(graph_parameters(graph), 7 * 20 + 20 + 20 * 9 + 9 * 20 + 20 + 20 * 3 + 3);
  cr_assert_eq(graph_flops_per_row(graph), 2.0 * (2 * 7 * 20 + 3 * (20 * 9 + 9 * 20 + 20 * 3)));
  cr_assert_eq(graph_outputs(graph), 3);
  cr_assert_eq(graph_inputs(graph), 7);
  graph_destroy(&graph);
}

Test(parameters, pack_and_unpack_are_inverse_and_leave_padding_zero) {
  layer_settings_t layers[] = {DENSE(67, "relu"), DENSE(10, "identity")};
  network_t net = network_create(layers, COUNT(layers), 13, 8);
  size_t others = 0;
  for (size_t i = 0; i < graph_parameter_count(net.graph); i++) {
    float plain[67 * 13], back[67 * 13];
    size_t n =
        (size_t)(graph_parameter(net.graph, i)->shape[0] *
                 (graph_parameter(net.graph, i)->dims == 2 ? graph_parameter(net.graph, i)->shape[1] : 1));
    for (size_t k = 0; k < n; k++) plain[k] = (float)(k + 1) + (float)i / 8;
    graph_pack(net.graph, i, plain, net.vector);
    graph_unpack(net.graph, i, net.vector, back);
    cr_assert_arr_eq(back, plain, n * sizeof(float), "array %zu", i);
  }
  for (size_t i = 0; i < graph_floats(net.graph); i++) others += net.vector[i] != 0.0F;
  cr_assert_eq(others, net.n, "arrays overlap or touch padding");
  network_destroy(&net);
}

Test(parameters, weights_come_before_biases_in_whole_blocks) {
  layer_settings_t layers[] = {DENSE(67, "relu"), DENSE(10, "identity")};
  graph_t *graph = NULL;
  CHECK(graph_create(layers, COUNT(layers), 13, &graph, error));
  size_t weights = graph_weight_floats(graph), floats = graph_floats(graph);
  cr_assert(weights % GRAPH_BLOCK == 0 && floats % GRAPH_BLOCK == 0 && weights < floats);
  float *vector = calloc(floats, sizeof *vector), ones[67 * 13];
  for (size_t k = 0; k < COUNT(ones); k++) ones[k] = 1;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    memset(vector, 0, floats * sizeof *vector);
    graph_pack(graph, i, ones, vector);
    size_t first = 0;
    while (vector[first] == 0) first++;
    cr_assert_eq(first % 16, 0, "array %zu starts inside a cache line", i);
    for (size_t k = first; k < floats; k++)
      if (vector[k] != 0) cr_assert_eq(k < weights, graph_parameter(graph, i)->is_weight);
  }
  free(vector);
  graph_destroy(&graph);
}

Test(parameters, tiles_lie_apart_and_hold_every_parameter) {
  layer_settings_t layers[] = {DENSE(130, "relu"), DENSE_WITHOUT_BIAS(70, "relu"), DENSE(10, "identity")};
  network_t net = network_create(layers, COUNT(layers), 1100, 8);
  size_t inside = 0;
  char *covered = calloc(graph_floats(net.graph), 1);
  for (size_t i = 0; i < graph_tiles(net.graph); i++) {
    tile_t tile = graph_tile(net.graph, i);
    cr_assert(tile.floats > 0 && tile.runs > 0, "tile %zu", i);
    cr_assert_leq(tile.runs * tile.floats, graph_largest_tile(net.graph));
    for (size_t r = 0; r < tile.runs; r++)
      for (size_t k = tile.offset + r * tile.stride, n = 0; n < tile.floats; n++, k++) {
        cr_assert(k < graph_floats(net.graph) && covered[k]++ == 0, "tile %zu", i);
        inside += net.vector[k] != 0.0F;
      }
  }
  cr_assert_eq(inside, net.n);
  free(covered);
  network_destroy(&net);
}

/* The same network for calls of other row counts may lie differently in memory; its plain arrays may not. */
Test(parameters, checksum_is_that_of_the_plain_arrays) {
  layer_settings_t layers[] = {DENSE(67, "relu"), DENSE(10, "identity")};
  for (int64_t rows = 1; rows <= 64; rows *= 8) {
    network_t net = network_create(layers, COUNT(layers), 13, rows);
    float *plain = calloc(net.n, sizeof *plain);
    for (size_t i = 0; i < net.n; i++) plain[i] = (float)net.plain[i];
    uint64_t sum = 0;
    CHECK(graph_checksum(net.graph, net.vector, &sum, error));
    cr_assert_eq(sum, checksum_of(plain, net.n * sizeof *plain));
    free(plain);
    network_destroy(&net);
  }
}

Test(parameters, of_norms_come_with_biases_and_statistics_last) {
  layer_settings_t layers[] = {BATCH_NORM(), DENSE(6, "relu"), LAYER_NORM(), DENSE(2, "identity")};
  network_t net = network_create(layers, COUNT(layers), 4, 8);
  const char *names[] = {"batch_norm1/scale", "batch_norm1/shift",   "dense1/weight", "dense1/bias",
                         "layer_norm1/scale", "layer_norm1/shift",   "dense2/weight", "dense2/bias",
                         "batch_norm1/mean",  "batch_norm1/variance"};
  cr_assert_eq(graph_parameter_count(net.graph), COUNT(names));
  for (size_t i = 0; i < COUNT(names); i++) cr_expect_str_eq(graph_parameter(net.graph, i)->name, names[i]);
  cr_expect_str_eq(graph_parameter(net.graph, 0)->init, "ones");
  cr_expect_eq(graph_parameters(net.graph), 8 + 30 + 12 + 14);
  cr_expect_eq(graph_plain_floats(net.graph), 8 + 30 + 12 + 14 + 8);
  cr_expect_eq(graph_floats(net.graph) - graph_trained_floats(net.graph), GRAPH_BLOCK);
  network_destroy(&net);
}

/* Two steps by hand: r <- (1 - momentum) r + momentum found, variances by their degrees of freedom. */
Test(parameters, running_statistics_are_averages_of_what_is_found) {
  layer_settings_t layers[] = {BATCH_NORM(), DENSE(2, "identity")};
  network_t net = network_create(layers, COUNT(layers), 3, 8);
  float block[GRAPH_BLOCK] = {0}, sums[GRAPH_BLOCK] = {0}, *mean = block, *variance = block + 16;
  const size_t offset = graph_trained_floats(net.graph);
  for (int j = 0; j < 3; j++) {
    mean[j] = 2;
    variance[j] = 4;
    sums[j] = 30;
    sums[16 + j] = 32;
  }
  graph_step_statistics(net.graph, offset, GRAPH_BLOCK, sums, 10, 8, block);
  cr_expect_float_eq(mean[1], 0.9 * 2 + 0.1 * 3, 1e-6);
  cr_expect_float_eq(variance[2], 0.9 * 4 + 0.1 * 4, 1e-6);
  graph_step_statistics(net.graph, offset, GRAPH_BLOCK, sums, 10, 0, block);
  cr_expect_float_eq(mean[1], 0.9 * 2.1 + 0.1 * 3, 1e-6);
  cr_expect_float_eq(variance[2], 4, 1e-6);
  cr_expect(block[3] == 0 && block[19] == 0, "padding stays zero");
  ls_error error = {0};
  cr_expect_eq(graph_check_rows(net.graph, 1, &error), LS_BAD_SETTINGS);
  cr_expect_eq(graph_check_rows(net.graph, 2, &error), LS_OK);
  network_destroy(&net);
}

/* ---- what it refuses, what it prints ---- */

static void refuse(layer_settings_t *layers, size_t n, const char *const *words, size_t n_words) {
  graph_t *graph = NULL;
  ls_error error = {0};
  cr_assert_eq(graph_create(layers, n, 4, &graph, &error), LS_BAD_SETTINGS);
  cr_assert_null(graph);
  for (size_t i = 0; i < n_words; i++)
    cr_expect(strstr(error.message, words[i]) != NULL, "'%s' lacks '%s'", error.message, words[i]);
}

Test(settings, of_a_residual_block_that_changes_the_width_are_refused) {
  layer_settings_t block[] = {DENSE(7, "tanh")};
  layer_settings_t layers[] = {DENSE(6, "tanh"), RESIDUAL(block)};
  layers[1].where = "net.yaml:12";
  const char *words[] = {"net.yaml:12: model.layers: ", "residual", "7 values from 6", "units: 6"};
  refuse(layers, COUNT(layers), words, COUNT(words));
}

Test(settings, without_anything_to_train_are_refused) {
  layer_settings_t layers[] = {DROPOUT(0.5)};
  const char *words[] = {"no dense layer"};
  refuse(layers, COUNT(layers), words, COUNT(words));
  refuse(layers, 0, words, COUNT(words));
}

Test(settings, with_unknown_names_or_bad_numbers_are_refused) {
  layer_settings_t activation[] = {DENSE(6, "sigmoit")};
  layer_settings_t init[] = {DENSE(6, "tanh")};
  layer_settings_t units[] = {DENSE(0, "tanh")};
  layer_settings_t huge[] = {DENSE(INT64_MAX, "tanh")};
  layer_settings_t rate[] = {DENSE(6, "tanh"), DROPOUT(1.0)};
  layer_settings_t empty[] = {DENSE(6, "tanh"), {.kind = LAYER_RESIDUAL}};
  init[0].init = "best";
  const char *words[] = {"sigmoit",   "sigmoid",           "best", "units is 0", "too many",
                         "rate is 1", "at least one layer"};
  refuse(activation, 1, words, 2);
  refuse(init, 1, words + 2, 1);
  refuse(units, 1, words + 3, 1);
  refuse(huge, 1, words + 4, 1);
  refuse(rate, 2, words + 5, 1);
  refuse(empty, 2, words + 6, 1);
}

Test(settings, with_a_step_where_a_gradient_is_needed_are_refused) {
  layer_settings_t fused[] = {DENSE(6, "step"), DENSE(2, "identity")};
  layer_settings_t block[] = {ACTIVATION("step"), DENSE(6, "tanh")};
  layer_settings_t inside[] = {DENSE(6, "tanh"), RESIDUAL(block)};
  fused[0].where = "net.yaml:3";
  const char *words[] = {"net.yaml:3: model.layers: ", "step has no slope", "hard_sigmoid"};
  refuse(fused, COUNT(fused), words, COUNT(words));
  refuse(inside, COUNT(inside), words + 1, 1);
}

Test(print, has_a_line_per_layer_and_the_totals) {
  layer_settings_t layers[] = {DENSE(256, "relu"), DROPOUT(0.2), DENSE(10, "identity")};
  graph_t *graph = NULL;
  CHECK(graph_create(layers, COUNT(layers), 784, &graph, error));
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  graph_print(graph, out);
  fclose(out);
  size_t lines = 0;
  for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
  cr_assert_eq(lines, 1 + 1 + 3 + 1);
  cr_assert(strstr(text, "200960") != NULL && strstr(text, "203530") != NULL &&
            strstr(text, "rate 0.2") != NULL);
  cr_assert(strstr(text, "total") != NULL && strstr(text, "818176") != NULL);
  free(text);
  graph_destroy(&graph);
}
