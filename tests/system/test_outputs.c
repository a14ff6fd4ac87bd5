/* Files that commands write at the end of their work: they never replace what a command reads, and a place
 * that cannot be written is found before the work. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(outputs, .init = place_make, .fini = place_remove);

static void train(void) {
  write_dataset("data.h5", (spec_t){.rows = 100});
  write_text("net.yaml", "data: {file: data.h5}\n"
                         "model: {layers: [dense: 5]}\n"
                         "loss: cross_entropy\n"
                         "train: {epochs: 1, global_batch_size: 32}\n"
                         "parallel: {shards: 2}\n");
  run_well(ALONE, "train net.yaml");
}

Test(outputs, do_not_replace_what_the_command_reads) {
  static const char *const commands[] = {
      "predict runs/net data.h5 --out data.h5",
      "predict runs/net data.h5 --out runs/../data.h5",
      "predict runs/net data.h5 --out runs/net/model.h5",
      "eval runs/net --json data.h5",
      "eval runs/net other.h5 --json other.h5",
      "eval runs/net --json runs/net/model.h5",
      "lr-find net.yaml --out data.h5",
      "bench net.yaml --json net.yaml --seconds 0.01",
      "bench net.yaml --json data.h5 --seconds 0.01",
  };
  train();
  write_dataset("other.h5", (spec_t){.rows = 50});
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    result_t result = run(1 + i % 2, "%s", commands[i]);
    cr_expect_eq(result.code, 2, "%s ends with %d:\n%s", commands[i], result.code, result.err);
    cr_expect_not_null(strstr(result.err, "this command reads it"), "%s: %s", commands[i], result.err);
  }
  run_well(ALONE, "check net.yaml");
  run_well(ALONE, "eval runs/net other.h5");
}

Test(outputs, are_checked_before_the_work) {
  static const char *const commands[] = {
      "predict runs/net data.h5 --out nowhere/p.csv",
      "predict runs/net data.h5 --out shut.csv",
      "eval runs/net --json nowhere/e.json",
      "lr-find net.yaml --out nowhere/l.h5 --steps 1000000000",
      "bench net.yaml --json nowhere/b.json --seconds 10000",
  };
  train();
  run_command("mkdir shut.csv");
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    result_t result = run(1 + i % 2, "%s", commands[i]);
    cr_expect_eq(result.code, 1, "%s ends with %d:\n%s", commands[i], result.code, result.err);
    cr_expect_not_null(strstr(result.err, "cannot be written"), "%s: %s", commands[i], result.err);
    cr_expect_str_eq(result.out, "", "%s has worked before it failed: %s", commands[i], result.out);
  }
}
