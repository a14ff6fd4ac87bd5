/* Sizes that cannot be: shapes in dataset files, and numbers on the command line, whose products do not fit
 * into 64 bits or into any memory. Each ends with a message that names it, before memory is taken. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 200});
  write_text("config.yaml",
             "data: {file: data.h5}\n"
             "model: {layers: [{dense: {units: 4, activation: tanh}}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 1, global_batch_size: 50}\n"
             "parallel: {threads: 1, shards: 2}\n",
             CLASSES);
  run_limit_memory(2); /* for a program that takes memory for a size all the same */
}

TestSuite(sizes, .init = set_up, .fini = place_remove);

static void expect_refused(int ranks, int code, const char *message, const char *words) {
  result_t result = run(ranks, "%s", words);
  cr_expect_eq(result.code, code, "%s ends with %d:\n%s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, message), "%s: %s", words, result.err);
  cr_expect_null(strstr(result.err, "no memory"), "%s: %s", words, result.err);
}

/* A fill value of NaN says that values are missing, so these arrays need no room in the file. */
Test(sizes, of_arrays) {
  static const struct {
    const char *x, *y, *words, *message;
    int code;
  } cases[] = {
      {"(200, 2**20 + 1, 16 * (2**40 - 2**20 + 1))", "(200,)", "", "more elements than any memory", 3},
      {"(2**61, 2)", "(2**61,)", "", "more elements than any memory", 3},
      {"(200, 2**32)", "(200,)", "", "a row of train/x has 4294967296 values; at most 2147483647", 3},
      {"(200, 16)", "(200, 2**40)", "", "a row of train/y has 1099511627776 values", 3},
      {"(200, 16)", "(200, 2**31 - 1)",
       "loss=mse data.window.length=3 data.window.targets=y data.window.horizon=2147483647",
       "data.window: 2147483647 steps of 2147483647 columns are more than any memory could hold", 2},
  };
  if (run_python() == NULL) cr_skip_test("needs h5py");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char words[256];
    write_text("huge.py",
               "import h5py, numpy as np\n"
               "def huge(name, shape):\n"
               "    f.create_dataset(name, shape, 'f4', chunks=tuple(1 for n in shape), fillvalue=np.nan)\n"
               "with h5py.File('huge.h5', 'w') as f:\n"
               "    huge('train/x', %s)\n"
               "    huge('train/y', %s)\n",
               cases[i].x, cases[i].y);
    cr_assert_eq(run_command("%s huge.py", run_python()).code, 0);
    snprintf(words, sizeof words, "train config.yaml data.file=huge.h5 data.missing=mean %s", cases[i].words);
    expect_refused(1 + (int)i % 2, cases[i].code, cases[i].message, words);
  }
}

Test(sizes, of_options) {
  expect_refused(2, 2, "--rows: '2147483648' is not a whole number from 1 to 2147483647",
                 "gradcheck config.yaml --rows 2147483648");
  expect_refused(ALONE, 2, "--elements: '9223372036854775808' is not",
                 "gradcheck config.yaml --elements 9223372036854775808");
  expect_refused(2, 2, "--steps: '9223372036854775807' is not",
                 "lr-find config.yaml --steps 9223372036854775807 --out rates.csv");
  expect_refused(ALONE, 2, "--samples: '100001' is not a number from 1 to 100000",
                 "predict model data.h5 --out p.csv --samples 100001");
  expect_refused(ALONE, 2, "--rows: '-9223372036854775809' is not",
                 "import --make xor --rows -9223372036854775809 o.h5");
  run_well(ALONE, "train config.yaml train.epochs=2147483647 train.steps=3 checkpoint.keep=2147483647");
  run_well(2, "train config.yaml name=other train.steps=2147483647 train.log_every=2147483647 "
              "data.memory_limit=4194303TiB");
}

Test(sizes, of_networks) {
  static const char *const layers[] = {
      "[dense: 2147483647, dense: 2147483647, dense: 5]",
      "[dense: 1048576, dense: 1048576, dense: 1048576, dense: 1048576, dense: 1048576, "
      "dense: 1048576, dense: 1048576, dense: 1048576, dense: 1048576, dense: 1048576, "
      "dense: 1048576, dense: 1048576, dense: 1048576, dense: 1048576, dense: 1048576, "
      "dense: 1048576, dense: 1048576, dense: 1048576, dense: 5]"};
  static const char *const messages[] = {"weights are too many",
                                         "parameters are more than any memory could hold"};
  for (int i = 0; i < 2; i++) {
    char words[512];
    snprintf(words, sizeof words, "check config.yaml 'model.layers=%s'", layers[i]);
    expect_refused(1 + i, 2, messages[i], words);
  }
}
