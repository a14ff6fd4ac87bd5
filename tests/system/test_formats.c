/* Inputs of `lockstep import` that only a whole program has: the standard input, and sizes in words. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(formats, .init = place_make, .fini = place_remove);

Test(formats, a_table_comes_through_a_pipe) {
  float x[4];
  write_text("t.csv", "u,v,kind\n1,2,b\n3,4,a\n");
  write_text("script",
             "cat t.csv | %s import - plain.h5 --label kind &&\n"
             "gzip -c t.csv | %s import - packed.h5 --label kind --most-memory 1MB\n",
             run_launcher(ALONE), run_launcher(ALONE));
  result_t result = run_command("sh script");
  cr_assert_eq(result.code, 0, "%s%s", result.out, result.err);
  read_floats("plain.h5", "train/x", 2, x);
  cr_expect(x[0] == 1 && x[1] == 2 && x[2] == 3 && x[3] == 4);
  cr_expect_eq(run_command("cmp plain.h5 packed.h5").code, 0);
  write_text("script", "printf 'PK\\003\\004' | %s import - e.h5\n", run_launcher(ALONE));
  cr_expect_not_null(strstr(run_command("sh script").err, "not through a pipe"));
  cr_expect_not_null(
      strstr(run_command("sh -c 'true | %s import - e.h5'", run_launcher(ALONE)).err, "the file is empty"));
}

Test(formats, inputs_that_make_no_sense_are_refused) {
  write_text("t.csv", "1,2\n3,4\n");
  result_t result = run(ALONE, "import - - out.h5");
  cr_expect(result.code == 2 && strstr(result.err, "only once") != NULL, "%s", result.err);
  result = run(ALONE, "import t.csv out.h5 --most-memory 100");
  cr_expect(result.code == 2 && strstr(result.err, "a size like 800MB") != NULL, "%s", result.err);
  result = run(ALONE, "import t.csv out.h5 --most-memory 3B");
  cr_expect(result.code == 3 && strstr(result.err, "--most-memory") != NULL, "%s", result.err);
}

/* -S hides installed modules, whether there are any or not. */
Test(formats, a_script_without_pyarrow_says_how_to_get_it) {
  const char *interpreter = run_python();
  cr_assert_not_null(interpreter);
  result_t result =
      run_command("%s -S %s/../scripts/import_table.py t.parquet t.h5", interpreter, TESTS_FOLDER);
  cr_expect_eq(result.code, 69);
  cr_expect_not_null(strstr(result.err, "pip install pyarrow"), "%s", result.err);
}
