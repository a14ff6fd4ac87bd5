/* What is known of rows: values of an array or of a table's column that mean anomalous. */
#include "anomaly/labels.h"
#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char file[64];

static void write_file(void) {
  static const int32_t kind[] = {3, 0, 2, 0, 1}, is[] = {0, 1, 0, 0, 1};
  static const double gap[] = {0, 1, NAN, 0, 0}, x[10] = {0};
  static const char *const names[] = {"shirt", "shoe", "bag", "7"};
  const int64_t five[] = {5, 1}, pairs[] = {5, 2}, four[] = {4};
  store_t *store = NULL;
  ls_error error = {0};
  snprintf(file, sizeof file, "labels-%d.h5", (int)getpid());
  cr_assert_eq(store_create(file, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_write(store, "x", STORE_F64, 2, pairs, x, &error), LS_OK);
  cr_assert_eq(store_write(store, "kind", STORE_I32, 2, five, kind, &error), LS_OK);
  cr_assert_eq(store_write(store, "is", STORE_I32, 1, five, is, &error), LS_OK);
  cr_assert_eq(store_write(store, "gap", STORE_F64, 1, five, gap, &error), LS_OK);
  cr_assert_eq(store_write(store, "short", STORE_I32, 1, four, kind, &error), LS_OK);
  cr_assert_eq(store_write_texts(store, "/", "class_names", names, 4, &error), LS_OK);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
}

static void remove_file(void) {
  unlink(file);
}

TestSuite(labels, .init = write_file, .fini = remove_file);

/* 'a' for an anomalous row, '.' for another; or the message. */
static const char *labels_of(const char *path, const char *anomalous, ls_status expected) {
  static ls_error error;
  static char out[8];
  bool *found = NULL;
  int64_t n = 0;
  const labels_request_t request = {path, anomalous};
  cr_expect_eq(labels_read(file, "x", &request, &found, &n, &error), expected, "%s %s: %s", path, anomalous,
               error.message);
  if (expected != LS_OK) return error.message;
  for (int64_t i = 0; i < n; i++) out[i] = found[i] ? 'a' : '.';
  out[n] = '\0';
  free(found);
  return out;
}

Test(labels, values_are_numbers_or_names_of_classes) {
  cr_expect_str_eq(labels_of("is", NULL, LS_OK), ".a..a");
  cr_expect_str_eq(labels_of("kind", "2", LS_OK), "..a..");
  cr_expect_str_eq(labels_of("kind", "shirt,bag", LS_OK), ".aaa.");
  cr_expect_str_eq(labels_of("kind", "0,1,2,3.0", LS_OK), "aaaaa");
  cr_expect_str_eq(labels_of("kind", "7", LS_OK), "a....", "a name of a class comes first");
}

Test(labels, mistakes_have_messages) {
  cr_expect_not_null(strstr(labels_of("kind", NULL, LS_USAGE), "holds 3, 0, 2, 1"));
  cr_expect_not_null(strstr(labels_of("kind", "2,9", LS_USAGE), "'9' in kind, which holds 3, 0, 2, 1"));
  cr_expect_not_null(strstr(labels_of("kind", "hat", LS_USAGE), "neither a number nor a class"));
  cr_expect_not_null(strstr(labels_of("kind", "", LS_USAGE), "neither a number nor a class"));
  cr_expect_not_null(strstr(labels_of("gap", NULL, LS_BAD_DATA), "row 2 of gap is not finite"));
  cr_expect_not_null(strstr(labels_of("short", "2", LS_BAD_DATA), "has 4 labels, but x has 5 rows"));
  cr_expect_not_null(strstr(labels_of("x", "2", LS_BAD_DATA), "2 dimensions"));
  cr_expect_not_null(strstr(labels_of("none", "2", LS_BAD_DATA), "there is no array none"));
}

Test(labels, cells_of_a_table_are_texts) {
  static const char *const texts[] = {"ok", "broken", "1.0", "ok"};
  const labels_request_t request = {"state", "broken,1"}, none = {"state", NULL}, other = {"state", "gone"};
  bool *found = NULL;
  ls_error error = {0};
  cr_assert_eq(labels_of_texts(texts, 4, &request, &found, &error), LS_OK, "%s", error.message);
  cr_expect(!found[0] && found[1] && found[2] && !found[3]);
  free(found);
  cr_expect_eq(labels_of_texts(texts, 4, &none, &found, &error), LS_USAGE);
  cr_expect_not_null(strstr(error.message, "holds 'ok'"), "%s", error.message);
  cr_expect_eq(labels_of_texts(texts, 4, &other, &found, &error), LS_USAGE);
  static const char *const empty[] = {"ok", ""};
  cr_expect_eq(labels_of_texts(empty, 2, &request, &found, &error), LS_BAD_DATA);
}
