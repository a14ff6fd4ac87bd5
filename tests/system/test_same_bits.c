/* The promise of the program: one run, the same bits, on whatever ranks and threads and nodes it is spread.
 * Rows, widths and batches divide by nothing, and the last step of an epoch has one row. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { ROWS = 1013 };

typedef struct {
  int ranks, threads, ranks_per_node; /* ranks_per_node 0: all on one node */
} layout_case_t;

static void classification(const char *extra) {
  write_dataset("data.h5", (spec_t){.rows = ROWS});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.15, scaling: standard}\n" /* 861 training rows */
             "model:\n"
             "  layers:\n"
             "    - dense: {units: 37, activation: relu}\n"
             "    - residual: [{dense: {units: 37, activation: tanh}}, {dropout: 0.1}]\n"
             "    - dropout: 0.2\n"
             "    - dense: {units: 19, activation: gelu}\n"
             "    - dense: %d\n"
             "loss: {name: cross_entropy}\n"
             "optimizer: {name: adam, learning_rate: 0.01}\n"
             "schedule: {name: cosine, warmup_epochs: 0.5}\n"
             "train: {epochs: 3, global_batch_size: 86, clip_norm: 0.5, l2: 0.001}\n"
             "%s",
             CLASSES, extra);
}

static void regression(void) {
  write_dataset("data.h5", (spec_t){.rows = ROWS, .regression = true});
  write_text("config.yaml",
             "data:\n"
             "  {file: data.h5, validation: 0.15, scaling: {name: minmax, range: [-1, 1]},\n"
             "   target_scaling: standard}\n"
             "model:\n"
             "  layers:\n"
             "    - dense: {units: 23, activation: silu}\n"
             "    - dropout: 0.1\n"
             "    - dense: %d\n"
             "loss: huber\n"
             "optimizer: {name: sgd, learning_rate: 0.05, momentum: 0.9, nesterov: true}\n"
             "train: {epochs: 3, global_batch_size: 86}\n",
             TARGETS);
}

/* Runs config.yaml with S shards on all layouts and compares each with the first. */
static outcome_t compare(int shards, const char *overrides, const layout_case_t *cases, size_t n) {
  outcome_t first = {.epochs = 0};
  for (size_t i = 0; i < n; i++) {
    char name[64], node[64] = "";
    layout_case_t c = cases[i];
    snprintf(name, sizeof name, "%dx%d-%d-of-%d", c.ranks, c.threads, c.ranks_per_node, shards);
    if (c.ranks_per_node > 0) snprintf(node, sizeof node, "parallel.ranks_per_node=%d", c.ranks_per_node);
    run_well(c.ranks == 1 ? ALONE : c.ranks,
             "train config.yaml name=%s parallel.shards=%d parallel.threads=%d %s %s", name, shards,
             c.threads, node, overrides);
    outcome_t outcome = outcome_of(name);
    if (i == 0)
      first = outcome;
    else
      outcome_expect_same(&first, &outcome, name);
  }
  return first;
}

#define COMPARE(shards, overrides, ...)                                                                      \
  compare(shards, overrides, (const layout_case_t[]){__VA_ARGS__},                                           \
          sizeof((const layout_case_t[]){__VA_ARGS__}) / sizeof(layout_case_t))

TestSuite(same_bits, .init = place_make, .fini = place_remove);

/* Eight shards, and numbers of shards that are no power of two. On some layouts all ranks have as many
 * shards; on others some have one more, and the tree adds shards of two ranks first. */

Test(same_bits, on_any_layout_of_8_shards) {
  classification("");
  outcome_t outcome = COMPARE(8, "", {1, 1, 0}, {1, 3, 0}, {2, 2, 0}, {3, 1, 0}, {5, 1, 0});
  /* and something was trained: later epochs are better than the first */
  cr_assert_lt(outcome.train_loss[2], 0.9 * outcome.train_loss[0]);
}

Test(same_bits, on_any_layout_of_12_shards) {
  classification("");
  COMPARE(12, "", {1, 4, 0}, {2, 1, 0}, {5, 1, 0});
}

Test(same_bits, on_any_layout_of_6_shards) {
  classification("");
  COMPARE(6, "", {1, 1, 0}, {1, 4, 0}, {4, 1, 0});
}

Test(same_bits, on_any_layout_of_5_shards) {
  classification("");
  COMPARE(5, "", {1, 2, 0}, {1, 3, 0}, {3, 1, 0}, {2, 1, 0});
}

Test(same_bits, on_several_nodes_even_and_uneven) {
  classification("");
  COMPARE(8, "", {1, 1, 0}, {4, 1, 2}, {4, 1, 1}, {2, 2, 1});
  COMPARE(6, "", {1, 2, 0}, {5, 1, 2}, {3, 2, 2});
  COMPARE(5, "", {1, 1, 0}, {5, 1, 3}, {4, 1, 3});
}

/* Layers of 1.9 MB, so that between nodes each is cut in two, on its way out and back, and on one node more
 * tiles pass than there are places for: as they come, held back for the norm, and by layers. */
Test(same_bits, when_layers_pass_between_ranks_in_pieces) {
  write_dataset("data.h5", (spec_t){.rows = ROWS});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.15, scaling: standard}\n"
             "model:\n"
             "  layers:\n"
             "    - dense: {units: 690, activation: gelu}\n"
             "    - residual: [{dense: {units: 690, activation: relu}}, {dropout: 0.1}]\n"
             "    - layer_norm\n"
             "    - dense: {units: 690, activation: relu}\n"
             "    - dense: %d\n"
             "loss: cross_entropy\n"
             "optimizer: {name: adam, learning_rate: 0.001}\n"
             "train: {epochs: 2, global_batch_size: 240, log_every: 1000}\n"
             "checkpoint: {every: never}\n",
             CLASSES);
  COMPARE(6, "", {1, 1, 0}, {3, 1, 0}, {2, 2, 0}, {4, 1, 2}, {3, 1, 1});
  COMPARE(5, "", {1, 2, 0}, {2, 1, 0}); /* two subtrees on one rank, one on the other */
  COMPARE(6, "train.clip_norm=0.1", {1, 1, 0}, {3, 1, 0}, {2, 2, 1});
  COMPARE(6, "optimizer=lamb", {1, 1, 0}, {2, 1, 0}, {4, 1, 2});
}

Test(same_bits, in_any_order_of_rows) {
  classification("");
  outcome_t none = COMPARE(6, "data.shuffle=none", {1, 1, 0}, {3, 1, 0});
  outcome_t blocks = COMPARE(6, "data.shuffle=blocks", {1, 1, 0}, {2, 2, 1});
  cr_assert_neq(none.epoch_checksum[0], blocks.epoch_checksum[0], "the order makes no difference");
}

Test(same_bits, in_regression_with_scaled_targets) {
  regression();
  COMPARE(8, "", {1, 1, 0}, {1, 3, 0}, {2, 2, 0}, {3, 1, 2});
}

/* Layers that the networks above have not. */
Test(same_bits, in_any_kind_of_layer) {
  write_dataset("data.h5", (spec_t){.rows = ROWS});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.15, scaling: standard}\n"
             "model:\n"
             "  layers:\n"
             "    - batch_norm\n"
             "    - dense: {units: 37, activation: hard_swish}\n"
             "    - layer_norm\n"
             "    - dense: {units: 21, activation: mish}\n"
             "    - residual: [{batch_norm: {momentum: 0.3}}, {dense: {units: 21, activation: "
             "hard_sigmoid}}, softmax]\n"
             "    - dense: %d\n"
             "loss: cross_entropy\n"
             "optimizer: {name: adam, learning_rate: 0.01}\n"
             "train: {epochs: 2, global_batch_size: 86}\n",
             CLASSES);
  COMPARE(6, "", {1, 1, 0}, {1, 3, 0}, {3, 1, 0}, {2, 2, 1});
  COMPARE(2, "train.global_batch_size=400", {1, 1, 0}, {1, 3, 0}, {2, 1, 0}); /* slices of two calls */
}

Test(same_bits, of_losses_of_margins_and_of_two_outputs_a_target) {
  classification("");
  COMPARE(6, "loss.name=hinge loss.class_weights=balanced", {1, 1, 0}, {1, 3, 0}, {3, 1, 0});
  regression();
  COMPARE(6, "loss=gaussian_nll 'model.layers=[dense: {units: 23, activation: silu}, dense: 6]'", {1, 1, 0},
          {1, 3, 0}, {3, 1, 0});
}

/* Pairs of rows of bf16 numbers: slices and calls of odd rows, calls that share a pair, and what passes
 * between nodes in pieces. */
Test(same_bits, in_bf16) {
  classification("");
  outcome_t rounded = COMPARE(6, "train.precision=bf16", {1, 1, 0}, {1, 3, 0}, {3, 1, 0}, {2, 2, 1});
  outcome_t plain = COMPARE(6, "", {1, 1, 0});
  cr_assert_neq(rounded.epoch_checksum[0], plain.epoch_checksum[0], "nothing was rounded");
  COMPARE(2, "train.precision=bf16 train.global_batch_size=402", {1, 1, 0}, {1, 3, 0}, {2, 1, 0});
  COMPARE(5,
          "train.precision=bf16 train.epochs=2 'model.layers=[dense: {units: 690, activation: relu}, "
          "dense: {units: 690, activation: gelu}, dense: 5]'",
          {1, 1, 0}, {2, 2, 1}, {3, 1, 1});
}

/* One step an epoch, as many rows as there are: the same as naming their number. */
Test(same_bits, in_full_batches) {
  regression();
  outcome_t all = COMPARE(8, "train.global_batch_size=all", {1, 1, 0}, {3, 1, 2});
  outcome_t named = COMPARE(8, "train.global_batch_size=861", {1, 2, 0});
  outcome_expect_same(&all, &named, "861 of 861 rows");
}

/* Norms of whole layers are sums over threads, ranks and nodes; layers share blocks and are cut by them. */
Test(same_bits, with_layerwise_optimisers) {
  regression();
  COMPARE(6, "'optimizer={name: lamb, learning_rate: 0.02}' train.clip_norm=0.5", {1, 1, 0}, {3, 1, 2},
          {1, 3, 0});
  COMPARE(5, "'optimizer={name: lars, learning_rate: 0.5, momentum: 0.9, trust_coefficient: 0.02}'",
          {1, 2, 0}, {5, 1, 3}, {2, 2, 1});
}

/* The textbook reduction adds in another order: close, not equal, and a different way through the program. */
Test(same_bits, and_the_textbook_reduction_comes_close) {
  classification("");
  outcome_t tree = COMPARE(8, "", {1, 1, 0});
  run_well(3, "train config.yaml name=mpi parallel.shards=8 parallel.threads=1 parallel.reduce=mpi");
  outcome_t mpi = outcome_of("mpi");
  for (int e = 0; e < 3; e++) cr_assert_float_eq(mpi.train_loss[e], tree.train_loss[e], 1e-3);
}
