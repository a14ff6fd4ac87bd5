/* What is said of a path that is not there. */
#include "base/path.h"

#include "store/descriptors.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char place[] = "/tmp/lockstep-path-XXXXXX";

static void touch(const char *path) {
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file);
  fclose(file);
}

static void set_up(void) {
  cr_assert_not_null(mkdtemp(place));
  cr_assert_eq(chdir(place), 0);
  mkdir("runs", 0700);
  mkdir("runs/moons", 0700);
  touch("runs/moons/model.h5");
  touch("net.yaml");
  touch("moons.h5");
  touch("moons.csv");
  touch(".hidden.h5");
}

static void tear_down(void) {
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", place);
  cr_expect_eq(system(command), 0);
}

TestSuite(path, .init = set_up, .fini = tear_down);

Test(path, nearest_names) {
  static const struct {
    const char *path, *ending, *meant; /* NULL: nothing */
  } cases[] = {{"nett.yaml", ".yaml", "net.yaml"},
               {"net.yml", ".yaml", "net.yaml"},
               {"NET.yaml", ".yaml", "net.yaml"},
               {"net", ".yaml", "net.yaml"},
               {"moon.h5", ".h5", "moons.h5"}, /* not moons.csv */
               {"moons", ".h5", "runs/moons"},
               {"moosn", ".h5", "runs/moons"},
               {"moons", ".yaml", NULL},
               {"runs/moon", ".h5", "runs/moons"},
               {"run/moons", ".h5", "runs/moons"},
               {"runs/moon/model.h5", ".h5", "runs/moons/model.h5"},
               {"runs/moon/other.h5", ".h5", NULL},
               {"hidden.h5", ".h5", NULL},
               {"elsewhere/net.yaml", ".yaml", NULL}};
  char hint[PATH_HINT_SIZE], expected[PATH_HINT_SIZE];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    path_hint(cases[i].path, cases[i].ending, hint);
    snprintf(expected, sizeof expected, " (relative to %s)", place);
    if (cases[i].meant != NULL)
      snprintf(expected, sizeof expected, " (relative to %s); did you mean %s?", place, cases[i].meant);
    cr_expect_str_eq(hint, expected, "%s: '%s'", cases[i].path, hint);
  }
}

Test(path, an_absolute_path_has_no_directory_to_start_from) {
  char path[64], hint[PATH_HINT_SIZE];
  snprintf(path, sizeof path, "%s/nett.yaml", place);
  path_hint(path, ".yaml", hint);
  cr_expect_null(strstr(hint, "relative"), "%s", hint);
  cr_expect_not_null(strstr(hint, "/net.yaml?"), "%s", hint);
  path_hint("net.yaml", ".yaml", hint);
  cr_expect_str_eq(hint, "", "the file is there");
}

Test(path, advice_by_the_end_of_a_name) {
  cr_expect_not_null(strstr(path_advice("a/b.CSV"), "lockstep import"));
  cr_expect_not_null(strstr(path_advice("x.npy"), "lockstep import"));
  cr_expect_not_null(strstr(path_advice("net.yaml"), "settings"));
  cr_expect_str_eq(path_advice("a.h5"), "");
  cr_expect_str_eq(path_advice(".csv"), "");
}

Test(path, no_descriptor_stays_open) {
  char hint[PATH_HINT_SIZE];
  int before = open_descriptors();
  for (int i = 0; i < 3; i++) {
    path_hint("moon.h5", ".h5", hint);
    path_hint("runs/moon/model.h5", ".h5", hint);
    path_hint("nothing/like/this", ".h5", hint);
  }
  cr_assert_eq(open_descriptors(), before, "%d descriptors before, %d after", before, open_descriptors());
}
