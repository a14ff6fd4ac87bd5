/* Every number of the settings has a range; both of its ends are taken, and what lies beyond is refused, also
 * where it does not fit into 64 bits. The rows of the table say what there is to try. */
#include "fixture.h"

#include "config/keys.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define WITH_ROWS "data: {file: a.h5, window: {length: 2}, basis: rbf, validation: 0.1}\n"
#define WITH_NET  "model: {layers: [dense: 10]}\nloss: mse\n"

/* Settings in which every key has a use, as far as one choice does not exclude another. */
static const char *const bases[] = {
    MINIMAL, WITH_ROWS WITH_NET "schedule: {name: step, scaling: linear}\n",
    MINIMAL "schedule: {name: cosine}\noptimizer: sgd\n",
    MINIMAL "optimizer: adamw\nsolve: {method: ridge}\nstop: {tol: 1, metric: valid_loss}\n"};
enum { BASES = sizeof bases / sizeof bases[0] };

/* Whether one of the settings takes the override; otherwise *error is why the last one does not. */
static bool is_taken(const char *path, const char *value, ls_error *error) {
  char override[256];
  const char *const overrides[] = {override, NULL};
  snprintf(override, sizeof override, "%s=%s", path, value);
  bool taken = false;
  for (size_t i = 0; i < BASES && !taken; i++) {
    settings_t *settings = NULL;
    taken = parse(bases[i], overrides, &settings, error) == LS_OK;
    if (!taken && strstr(error->message, path) != NULL && strstr(error->message, "has no effect") == NULL)
      return false;
    settings_destroy(&settings);
  }
  return taken;
}

/* The tables of this test have not all choices, so a key may have no use in any of its settings: then it was
 * read, and its range is right. */
static void expect_taken(const char *path, const char *value) {
  ls_error error = {0};
  bool is_right = is_taken(path, value, &error) || strstr(error.message, "has no effect") != NULL;
  cr_expect(is_right, "%s=%s: %s", path, value, error.message);
}

static void expect_out(const char *path, const char *value) {
  ls_error error = {0};
  cr_expect_not(is_taken(path, value, &error), "%s=%s is taken", path, value);
  cr_expect(strstr(error.message, path) != NULL &&
                (strstr(error.message, "out of range") != NULL || strstr(error.message, "expected") != NULL ||
                 strstr(error.message, "must be finite") != NULL),
            "%s=%s: %s", path, value, error.message);
}

static bool is_whole(const key_row_t *row) {
  return row->type == &type_integer || row->type == &type_batch || row->type == &type_limit;
}

Test(ranges, of_whole_numbers_end_where_the_table_says) {
  int tried = 0;
  for (size_t i = 0; i < settings_keys.n; i++) {
    const key_row_t *row = &settings_keys.rows[i];
    if (!is_whole(row)) continue;
    char low[32], high[32], below[32], above[32];
    cr_assert(row->range.high > row->range.low && row->range.high <= 0x1p53, "%s has no range", row->path);
    const int64_t first = (int64_t)row->range.low, last = (int64_t)row->range.high;
    snprintf(low, sizeof low, "%" PRId64, first);
    snprintf(high, sizeof high, "%" PRId64, last);
    snprintf(below, sizeof below, "%" PRId64, first - 1);
    snprintf(above, sizeof above, "%" PRId64, last + 1);
    expect_taken(row->path, low);
    expect_taken(row->path, high);
    static const char *const never[] = {"9223372036854775807",
                                        "9223372036854775808",
                                        "-9223372036854775808",
                                        "18446744073709551616",
                                        "1e30",
                                        "0.5",
                                        "nan",
                                        "inf",
                                        "0x10",
                                        "''"};
    expect_out(row->path, below);
    expect_out(row->path, above);
    for (size_t k = 0; k < sizeof never / sizeof never[0]; k++) expect_out(row->path, never[k]);
    tried++;
  }
  cr_expect_geq(tried, 20);
}

Test(ranges, of_numbers_end_where_the_table_says) {
  int tried = 0;
  for (size_t i = 0; i < settings_keys.n; i++) {
    const key_row_t *row = &settings_keys.rows[i];
    if (row->type != &type_number) continue;
    const range_t range = row->range;
    char value[40];
    bool has_range = range.low != 0 || range.high != 0;
    if (has_range) {
      snprintf(value, sizeof value, "%.17g", range.low);
      (range.low_open ? expect_out : expect_taken)(row->path, value);
      snprintf(value, sizeof value, "%.17g", nextafter(range.low, -1));
      expect_out(row->path, value);
    }
    if (has_range && isfinite(range.high)) {
      snprintf(value, sizeof value, "%.17g", range.high);
      (range.high_open ? expect_out : expect_taken)(row->path, value);
      snprintf(value, sizeof value, "%.17g", nextafter(range.high, INFINITY));
      expect_out(row->path, value);
    }
    if (!has_range || isinf(range.high)) expect_taken(row->path, "1.7976931348623157e308");
    static const char *const never[] = {"nan", "inf", "-inf", "1e999", "x"};
    for (size_t k = 0; k < sizeof never / sizeof never[0]; k++) expect_out(row->path, never[k]);
    tried++;
  }
  cr_expect_geq(tried, 20);
}

Test(ranges, of_periods_seeds_and_sizes) {
  expect_taken("checkpoint.every", "2147483647 steps");
  expect_taken("stop.over", "2147483647 epochs");
  expect_out("checkpoint.every", "2147483648 steps");
  expect_out("checkpoint.every", "9223372036854775807 epochs");
  expect_out("checkpoint.every", "99999999999999999999 steps");
  expect_out("checkpoint.every", "0 epochs");
  expect_out("stop.over", "2147483648 epochs");
  expect_taken("train.seed", "18446744073709551615");
  expect_out("train.seed", "18446744073709551616");
  expect_out("train.seed", "-1");
  expect_taken("data.memory_limit", "1B");
  expect_taken("data.memory_limit", "4194303TiB");
  expect_out("data.memory_limit", "4194304TiB");
  expect_out("data.memory_limit", "0B");
  expect_out("data.memory_limit", "1e400TiB");
}

Test(ranges, of_layers) {
  expect_taken("model.layers", "[dense: 2147483647]");
  expect_taken("model.layers", "[dense: 1]");
  expect_out("model.layers", "[dense: 2147483648]");
  expect_out("model.layers", "[dense: 0]");
  expect_out("model.layers", "[dense: 9223372036854775808]");
}

/* ---- texts that are large or deep ---- */

Test(ranges, of_depth_and_number_in_yaml) {
  enum { SIZE = 1 << 20 };
  char *text = malloc(SIZE);
  for (int depth = 70; depth < 200000; depth *= 20) {
    size_t used = (size_t)snprintf(text, SIZE, "%s", "model: ");
    memset(text + used, '[', (size_t)depth);
    snprintf(text + used + depth, SIZE - used - (size_t)depth, "\n");
    assert_refused(text, NULL, "runs/t.yaml:1: ", "nested more than 64 levels deep");
  }
  size_t used = (size_t)snprintf(text, SIZE, "%s", "model: [");
  for (int i = 0; i < 100001; i++) used += (size_t)snprintf(text + used, SIZE - used, "1,");
  assert_refused(text, NULL, "runs/t.yaml:1: ", "more than 100000 values");
  used = (size_t)snprintf(text, SIZE, "%s", "{");
  for (int i = 0; i < 300; i++) used += (size_t)snprintf(text + used, SIZE - used, "k%d: 1, ", i);
  assert_refused(text, NULL, "runs/t.yaml:1: ", "more than 256 keys");
  free(text);
}

Test(ranges, of_anchors_are_empty) {
  assert_refused("a: &x [1, 1]\nb: &y [*x, *x, *x]\nc: [*y, *y, *y]\n", NULL,
                 "runs/t.yaml:1: ", "anchors (&)");
  assert_refused("a: 1\nb: *x\n", NULL, "runs/t.yaml:2: ", "aliases (*)");
  assert_refused("<<: {a: 1}\n" MINIMAL, NULL, "runs/t.yaml:1: <<", "unknown key");
}

Test(ranges, of_long_keys_and_values) {
  enum { LENGTH = 900000 };
  char *text = malloc(LENGTH + 200), *key = malloc(LENGTH + 1);
  memset(key, 'k', LENGTH);
  key[LENGTH] = '\0';
  sprintf(text, "? %s\n: 1\n" MINIMAL, key);
  assert_refused(text, NULL, "runs/t.yaml:1: kkk", "unknown key");
  sprintf(text, "%s: 1\n" MINIMAL, key); /* a simple key of YAML has at most 1024 characters */
  assert_refused(text, NULL, "runs/t.yaml:", "not valid YAML");
  sprintf(text, MINIMAL "name: %s\n", key);
  assert_refused(text, NULL, "runs/t.yaml:", "cannot name a directory");
  sprintf(text, MINIMAL "optimizer: %s\n", key);
  assert_refused(text, NULL, "runs/t.yaml:", "unknown name 'kkk");
  sprintf(text, MINIMAL "train: {epochs: %s}\n", key);
  assert_refused(text, NULL, "runs/t.yaml:", "expected a whole number");
  memset(key, '9', LENGTH);
  sprintf(text, MINIMAL "train: {epochs: %s}\n", key);
  assert_refused(text, NULL, "runs/t.yaml:", "expected a whole number");
  sprintf(text, MINIMAL "train: {l2: %s}\n", key);
  assert_refused(text, NULL, "runs/t.yaml:", "expected a number");
  free(text);
  free(key);
}
