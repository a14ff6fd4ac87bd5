/* What the tests of this room share: a directory of their own, and run directories made of texts. */
#ifndef TESTS_INSPECT_PLACE_H
#define TESTS_INSPECT_PLACE_H

#include "base/error.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OK(call)                                                                                             \
  do {                                                                                                       \
    ls_error error_ = {0}, *error = &error_;                                                                 \
    cr_assert_eq((call), LS_OK, "%s: %s", #call, error->message);                                            \
    (void)error;                                                                                             \
  } while (0)

static char place[64];

static inline void place_make(void) {
  strcpy(place, "/tmp/lockstep-inspect-XXXXXX");
  cr_assert_not_null(mkdtemp(place));
  cr_assert_eq(chdir(place), 0);
  cr_assert_eq(mkdir("runs", 0777), 0);
}

static inline void place_remove(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", place);
  cr_assert_eq(chdir("/"), 0);
  cr_assert_eq(system(command), 0);
}

/* Writes a file, and makes its directory. */
static inline void put_file(const char *path, const char *text) {
  char folder[256];
  snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
  mkdir(folder, 0777);
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file, "%s", path);
  fputs(text, file);
  fclose(file);
}

#endif
