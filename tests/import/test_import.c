/* Import: what comes out is read back through the store; the figures expected stand in the input texts above
 * them. */
#include "import/import.h"
#include "store/store.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define SKLEARN "/usr/lib/python3/dist-packages/sklearn/datasets/data/"

static char folder[] = "/tmp/lockstep-import-XXXXXX";
static ls_error error;

static void enter_folder(void) {
  cr_assert(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

static void leave_folder(void) {
  char command[64];
  snprintf(command, sizeof command, "rm -r %s", folder);
  cr_assert(chdir("/") == 0 && system(command) == 0);
}

TestSuite(import, .init = enter_folder, .fini = leave_folder);

/* ---- helpers ---- */

static void write_bytes(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  cr_assert(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static void write_text(const char *path, const char *text) {
  write_bytes(path, text, strlen(text));
}

static ls_status run(import_options_t options) {
  options.output = "out.h5";
  options.overwrite = true;
  return import_run(&options, NULL, &error);
}

/* A list of one text, or of none. */
static table_list_t one(const char *text) {
  static const char *kept[16];
  static size_t next;
  const char **place = &kept[next++ % 16];
  *place = text;
  return (table_list_t){place, text != NULL};
}

/* One table, header and delimiter found out. */
static ls_status run_table(const char *text, const char *label) {
  write_text("t.csv", text);
  import_input_t input = {.x = "t.csv"};
  return run((import_options_t){
      .inputs = &input, .n_inputs = 1, .table.labels = one(label), .table.cells.header = -1});
}

static store_t *open_output(void) {
  store_t *store = NULL;
  cr_assert(store_open("out.h5", &store, &error) == LS_OK, "%s", error.message);
  return store;
}

static int64_t rows_of(const char *name) {
  store_t *store = open_output();
  store_array_t array = {0};
  cr_assert(store_describe(store, name, &array, &error) == LS_OK, "%s", error.message);
  store_close(&store);
  return array.shape[0];
}

/* The array is (n, …) with these values, `bytes` each and integer or not. */
static void expect_array(const char *name, bool is_integer, size_t bytes, int64_t rows, int64_t width,
                         const double *values) {
  store_t *store = open_output();
  store_array_t array = {0};
  double found[64];
  cr_assert(store_describe(store, name, &array, &error) == LS_OK, "%s", error.message);
  int64_t row = 1;
  for (int k = 1; k < array.dims; k++) row *= array.shape[k];
  cr_assert(array.is_integer == is_integer && array.element_bytes == bytes, "%s: type", name);
  cr_assert(array.shape[0] == rows && row == width, "%s: %" PRId64 " rows of %" PRId64, name, array.shape[0],
            row);
  cr_assert(store_read_rows(store, name, 0, rows, STORE_F64, found, &error) == LS_OK, "%s", error.message);
  for (int64_t i = 0; i < rows * width; i++)
    cr_assert(found[i] == values[i], "%s[%" PRId64 "]: %g, not %g", name, i, found[i], values[i]);
  store_close(&store);
}

static void expect_texts(const char *key, size_t n, const char *const *texts) {
  store_t *store = open_output();
  char **found = NULL;
  size_t n_found = 0;
  cr_assert(store_read_texts(store, "/", key, &found, &n_found, &error) == LS_OK, "%s", error.message);
  cr_assert(n_found == n, "%s: %zu", key, n_found);
  for (size_t i = 0; i < n; i++) cr_assert(strcmp(found[i], texts[i]) == 0, "%s %zu: %s", key, i, found[i]);
  free(found);
  store_close(&store);
}

static bool has_attribute(const char *key) {
  store_t *store = open_output();
  bool has = store_has_attribute(store, "/", key);
  store_close(&store);
  return has;
}

/* It failed so, saying so, and left no output behind. */
static void expect_failure(ls_status status, ls_status expected, const char *message) {
  cr_assert(status == expected && error.status == expected, "status %d: %s", (int)status, error.message);
  cr_assert(strstr(error.message, message) != NULL, "\"%s\" does not say \"%s\"", error.message, message);
  cr_assert(access("out.h5", F_OK) != 0, "an output was left");
}

#define EXPECT_ARRAY(name, is_integer, bytes, rows, width, ...)                                              \
  expect_array(name, is_integer, bytes, rows, width, (const double[]){__VA_ARGS__})
#define EXPECT_TEXTS(key, ...)                                                                               \
  expect_texts(key, sizeof(const char *[]){__VA_ARGS__} / sizeof(char *), (const char *[]){__VA_ARGS__})

/* ---- IDX ---- */

static const unsigned char idx_images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0,   0,   0,
                                           1, 0, 0, 0, 3, 1, 2, 3, 253, 254, 255};
static const unsigned char idx_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 9};

Test(import, idx_bytes_stay_bytes_gzipped_or_not) {
  gzFile packed = gzopen("images.gz", "wb");
  cr_assert(gzwrite(packed, idx_images, sizeof idx_images) == (int)sizeof idx_images &&
            gzclose(packed) == Z_OK);
  write_bytes("images", idx_images, sizeof idx_images);
  write_bytes("labels", idx_labels, sizeof idx_labels);
  import_input_t inputs[] = {{"train", "images.gz", "labels"}, {"test", "images", "labels"}};
  cr_assert(run((import_options_t){.inputs = inputs, .n_inputs = 2, .table.cells.header = -1}) == LS_OK, "%s",
            error.message);
  EXPECT_ARRAY("train/x", true, 1, 2, 3, 1, 2, 3, 253, 254, 255);
  EXPECT_ARRAY("test/x", true, 1, 2, 3, 1, 2, 3, 253, 254, 255);
  EXPECT_ARRAY("train/y", true, 1, 2, 1, 7, 9);
  cr_assert(!has_attribute("class_names"));
}

Test(import, idx_types_are_read_big_endian) {
  static const struct {
    unsigned char bytes[16];
    size_t size, stored;
    bool is_integer;
    double value;
  } cases[] = {
      {{0, 0, 0x09, 1, 0, 0, 0, 1, 0xfe}, 9, 4, true, -2},
      {{0, 0, 0x0b, 1, 0, 0, 0, 1, 0xff, 0x01}, 10, 4, true, -255},
      {{0, 0, 0x0c, 1, 0, 0, 0, 1, 0x00, 0x01, 0x00, 0x02}, 12, 4, true, 65538},
      {{0, 0, 0x0d, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0x00, 0x00}, 12, 4, false, 1.5},
      {{0, 0, 0x0e, 1, 0, 0, 0, 1, 0xbf, 0xf8, 0, 0, 0, 0, 0, 0}, 16, 8, false, -1.5},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    write_bytes("x", cases[i].bytes, cases[i].size);
    import_input_t input = {.x = "x"};
    cr_assert(run((import_options_t){.inputs = &input, .n_inputs = 1}) == LS_OK, "%s", error.message);
    expect_array("train/x", cases[i].is_integer, cases[i].stored, 1, 1, &cases[i].value);
  }
}

Test(import, damaged_idx_and_gzip_are_refused) {
  import_input_t input = {.x = "x"};
  import_options_t options = {.inputs = &input, .n_inputs = 1};
  write_bytes("x", idx_images, sizeof idx_images - 1);
  expect_failure(run(options), LS_BAD_DATA, "x: the header promises 6 bytes of values, the file holds 5");
  write_bytes("x", idx_images, 9);
  expect_failure(run(options), LS_BAD_DATA, "cut in the middle of its IDX header");
  gzFile packed = gzopen("x", "wb");
  for (int i = 0; i < 1000; i++) gzprintf(packed, "%d,%d\n", i, i * i);
  gzclose(packed);
  cr_assert(truncate("x", 500) == 0);
  expect_failure(run(options), LS_BAD_DATA, "x: broken or cut gzip data");
  cr_assert(remove("x") == 0);
  expect_failure(run(options), LS_BAD_DATA, "x: cannot be opened: No such file");
  input.x = ".";
  expect_failure(run(options), LS_BAD_DATA, "Is a directory");
}

Test(import, labels_that_do_not_fit_the_rows_are_refused) {
  static const unsigned char three[] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 9, 1};
  write_bytes("x", idx_images, sizeof idx_images);
  write_bytes("y", three, sizeof three);
  import_input_t input = {.x = "x", .y = "y"};
  expect_failure(run((import_options_t){.inputs = &input, .n_inputs = 1}), LS_BAD_DATA,
                 "x has 2 rows, but y has 3");
  input = (import_input_t){.x = "y", .y = "x"};
  expect_failure(run((import_options_t){.inputs = &input, .n_inputs = 1}), LS_BAD_DATA, "rows");
}

/* ---- NPY ---- */

/* Header text padded as NumPy does, then values. */
static void write_npy(const char *path, int version, const char *header, const void *values, size_t size) {
  FILE *file = fopen(path, "wb");
  int prefix = version == 1 ? 10 : 12;
  int length = (prefix + (int)strlen(header) + 64) / 64 * 64 - prefix;
  cr_assert(file != NULL);
  fwrite("\x93NUMPY", 1, 6, file);
  fputc(version, file);
  fputc(0, file);
  for (int k = 0; k < prefix - 8; k++) fputc(length >> (8 * k) & 255, file);
  fprintf(file, "%-*s\n", length - 1, header);
  cr_assert(fwrite(values, 1, size, file) == size && fclose(file) == 0);
}

Test(import, npy_versions_and_types) {
  const float x[] = {1.5F, -2, 3, 4, 5, 6};
  const int64_t y[] = {3, 1000000000000};
  const uint16_t half[] = {0x3c00, 0xc500, 0x0001, 0x7bff}; /* 1, -5, 2^-24, 65504 */
  import_input_t input = {.x = "x", .y = "y"};
  write_npy("x", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", x, sizeof x);
  write_npy("y", 2, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }", y, sizeof y);
  cr_assert(run((import_options_t){.inputs = &input, .n_inputs = 1}) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/x", false, 4, 2, 3, 1.5, -2, 3, 4, 5, 6);
  EXPECT_ARRAY("train/y", true, 8, 2, 1, 3, 1e12);
  write_npy("x", 3, "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2), }", half, sizeof half);
  cr_assert(run((import_options_t){.inputs = &input, .n_inputs = 1}) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/x", false, 4, 2, 2, 1, -5, 0x1p-24, 65504);
}

Test(import, npy_that_cannot_be_read_says_what_to_do) {
  const double x[6] = {0};
  static const struct {
    const char *header, *message;
  } cases[] = {
      {"{'descr': '<f8', 'fortran_order': Perhaps, 'shape': (2, 3), }", "neither True nor False"},
      {"{'descr': '<q8', 'fortran_order': False, 'shape': (6,), }", "'<q8' are not plain numbers"},
      {"{'descr': '<U0', 'fortran_order': False, 'shape': (6,), }", "'<U0' have no size"},
      {"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (6,), }", "a structured array"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (), }", "a single number"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 4), }",
       "promises 64 bytes of values, the file holds 48"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4), }", "there are no values"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    write_npy("x", 1, cases[i].header, x, sizeof x);
    import_input_t input = {.x = "x"};
    expect_failure(run((import_options_t){.inputs = &input, .n_inputs = 1}), LS_BAD_DATA, cases[i].message);
  }
}

/* ---- CSV ---- */

Test(import, csv_quotes_crlf_and_byte_order_mark) {
  cr_assert(run_table("\xef\xbb\xbf\"a, \"\"b\"\"\",c,\"kind\r\nof\"\r\n1, 2 ,\"x,y\"\r\n\"3\",4.5,z\r\n\r\n",
                      "-1") == LS_OK,
            "%s", error.message);
  EXPECT_ARRAY("train/x", false, 4, 2, 2, 1, 2, 3, 4.5);
  EXPECT_ARRAY("train/y", true, 4, 2, 1, 0, 1);
  EXPECT_TEXTS("class_names", "x,y", "z");
  EXPECT_TEXTS("feature_names", "a, \"b\"", "c");
}

Test(import, csv_delimiters_are_found_out) {
  static const char *const texts[] = {"1,2,3\n4,5,6\n",      "1;2;3\n4;5;6",
                                      "1\t2\t3\n4\t5\t6\n",  " 1 2  3 \n4  5 6\n",
                                      "1 2 3\r\n4 5 6 \r\n", "a b;c d;e\n1;2;3\n4;5;6\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    cr_assert(run_table(texts[i], NULL) == LS_OK, "%zu: %s", i, error.message);
    EXPECT_ARRAY("train/x", false, 4, 2, 3, 1, 2, 3, 4, 5, 6);
  }
  cr_assert(run_table("1.5e+00\n2.5e+00\n", NULL) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/x", false, 4, 2, 1, 1.5, 2.5);
}

Test(import, csv_header_is_found_out) {
  cr_assert(run_table("1,2\n3,4\n", NULL) == LS_OK);
  cr_assert(rows_of("train/x") == 2 && !has_attribute("feature_names"));
  cr_assert(run_table("a,b\n3,4\n", NULL) == LS_OK);
  EXPECT_TEXTS("feature_names", "a", "b");
  cr_assert(run_table("0,1,target\n5,6,0\n7,8,1\n", "target") == LS_OK); /* as pandas numbers columns */
  EXPECT_TEXTS("feature_names", "0", "1");
  cr_assert(run_table("0,1,target\n5,6,0\n7,8,1\n", "-1") == LS_OK);
  EXPECT_TEXTS("feature_names", "0", "1");
  cr_assert(run_table("5,7,b\n7,8,1\n", "2") == LS_OK);
  cr_assert(rows_of("train/x") == 2);
  cr_assert(run_table("5,6,b\n7,8,a\n", "2") == LS_OK); /* a label in text makes no header */
  EXPECT_ARRAY("train/y", true, 4, 2, 1, 1, 0);
}

Test(import, csv_first_row_with_a_gap_is_no_header) {
  static const char *const texts[] = {"5.1,NA,1\n1,2,0\n", "5.1,?,1\n1,2,0\n", ",3,1\n1,2,0\n", ",1\n2,0\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    cr_assert(run_table(texts[i], "-1") == LS_OK, "%s: %s", texts[i], error.message);
    cr_assert(rows_of("train/x") == 2 && !has_attribute("feature_names"), "%s", texts[i]);
  }
}

Test(import, csv_label_by_name_and_by_index_from_either_end) {
  const char *table = "a,kind,b\n1,2,3\n4,0,6\n7,1,9\n";
  static const char *const labels[] = {"kind", "1", "-2"};
  for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
    cr_assert(run_table(table, labels[i]) == LS_OK, "%s", error.message);
    EXPECT_ARRAY("train/x", false, 4, 3, 2, 1, 3, 4, 6, 7, 9);
    EXPECT_ARRAY("train/y", true, 4, 3, 1, 2, 0, 1);
    EXPECT_TEXTS("feature_names", "a", "b");
  }
  cr_assert(remove("out.h5") == 0);
  expect_failure(run_table(table, "kindd"), LS_BAD_DATA, "names no column 'kindd', only: a, kind, b");
  expect_failure(run_table(table, "3"), LS_BAD_DATA, "indices of its 3 columns are 0 to 2, or -1 to -3");
  expect_failure(run_table(table, "-4"), LS_BAD_DATA, "0 to 2, or -1 to -3");
}

Test(import, csv_errors_name_line_and_column) {
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"1,2,0\n3,inf,1\n", "t.csv:2: column 2: 'inf' is not a finite number"},
      {"1,2,0\n3,1e999,1\n", "t.csv:2: column 2: '1e999' is not a finite number"},
      {"a,b,y\n1,2,0\n3,4,\n", "t.csv:3: column 3 (y): '' is a missing label"},
      {"\"a\n\",b,y\n1,2,0\n3,4\n", "t.csv:4: 2 cells where other rows have 3"},
      {"a,b,y\n1,2,0\n\n3,1\n", "t.csv:4: 2 cells where"},
      {"a,b,y,z\n1,2,0\n", "3 cells below a header of 4"},
      {"a,b,y\n1,\"2,0\n3,4,0\n", "t.csv:2: a quote (\") is opened and never closed"},
      {"a,b,y\n1,\"2\"3,0\n", "t.csv:2: text after a closing quote"},
      {"a,b,y\n", "no row of data"},
      {"1,2,0.5\n3,4,1.5\n", "label 0.5 is a number but not an integer"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_failure(run_table(cases[i].text, "-1"), LS_BAD_DATA, cases[i].message);
}

Test(import, files_of_other_kinds_are_named) {
  import_input_t input = {.x = "x"};
  import_options_t options = {.inputs = &input, .n_inputs = 1, .table.cells.header = -1};
  write_bytes("x", "\x89HDF\r\n\x1a\n....", 12);
  expect_failure(run(options), LS_BAD_DATA, "x cannot be read");
  write_bytes("x", "PK\x03\x04", 4);
  expect_failure(run(options), LS_BAD_DATA, "zip archive");
  write_bytes("x", "PAR1....PAR1", 12);
  expect_failure(run(options), LS_BAD_DATA, "scripts/import_table.py");
  write_bytes("x", "BZh91AY", 7);
  expect_failure(run(options), LS_BAD_DATA, "bunzip2");
  write_bytes("x", "1\0,\0002\0", 6);
  expect_failure(run(options), LS_BAD_DATA, "NUL bytes");
  write_bytes("x", "", 0);
  expect_failure(run(options), LS_BAD_DATA, "x: the file is empty");
}

/* ---- classes ---- */

Test(import, integer_labels_are_classes_by_number_and_texts_by_alphabet) {
  cr_assert(run_table("1,2\n1,0\n1,1\n1,2\n", "1") == LS_OK);
  EXPECT_ARRAY("train/y", true, 4, 4, 1, 2, 0, 1, 2);
  cr_assert(!has_attribute("class_names"));
  cr_assert(run_table("1,10\n1,9\n1,-1\n1,9.0\n", "1") == LS_OK);
  EXPECT_ARRAY("train/y", true, 4, 4, 1, 2, 1, 0, 1);
  EXPECT_TEXTS("class_names", "-1", "9", "10");
  cr_assert(run_table("1,pear\n1,10\n1,Apple\n1,9\n", "1") == LS_OK);
  EXPECT_ARRAY("train/y", true, 4, 4, 1, 3, 0, 2, 1);
  EXPECT_TEXTS("class_names", "10", "9", "Apple", "pear");
}

Test(import, classes_are_numbered_over_all_inputs) {
  write_text("a.csv", "x,kind\n1,dog\n2,cat\n");
  write_text("b.csv", "x,kind\n3,eel\n4,dog\n5,ant\n");
  import_input_t inputs[] = {{"train", "a.csv", NULL}, {"test", "b.csv", NULL}};
  import_options_t options = {
      .inputs = inputs, .n_inputs = 2, .table.labels = one("kind"), .table.cells.header = -1};
  cr_assert(run(options) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/y", true, 4, 2, 1, 2, 1);
  EXPECT_ARRAY("test/y", true, 4, 3, 1, 3, 2, 0);
  EXPECT_TEXTS("class_names", "ant", "cat", "dog", "eel");
  write_text("b.csv", "z,kind\n3,eel\n");
  cr_assert(remove("out.h5") == 0);
  expect_failure(run(options), LS_BAD_DATA, "feature 1 is called 'x' in a.csv and 'z' in b.csv");
  write_text("b.csv", "x,y,kind\n3,4,eel\n");
  expect_failure(run(options), LS_BAD_DATA, "a row of a.csv has 1 values, a row of b.csv has 2");
}

Test(import, regression_keeps_the_label_as_a_number) {
  write_text("t.csv", "a,t\n1,0.1\n2,3\n");
  import_input_t input = {.x = "t.csv"};
  import_options_t options = {.inputs = &input,
                              .n_inputs = 1,
                              .table.labels = one("t"),
                              .table.cells.header = -1,
                              .table.regression = true};
  cr_assert(run(options) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/y", false, 8, 2, 1, 0.1, 3);
  write_text("t.csv", "a,t\n1,0.1\n2,high\n");
  cr_assert(remove("out.h5") == 0);
  expect_failure(run(options), LS_BAD_DATA, "t.csv:3: column 2 (t): 'high' is not a number");
}

Test(import, csv_targets_may_lie_beside_x) {
  write_text("x.csv", "1 2\n3 4\n");
  write_text("y.csv", "0.5,1\n1.5,2\n");
  import_input_t input = {.x = "x.csv", .y = "y.csv"};
  import_options_t options = {.inputs = &input, .n_inputs = 1, .table.cells.header = -1};
  cr_assert(run(options) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/x", false, 4, 2, 2, 1, 2, 3, 4);
  EXPECT_ARRAY("train/y", false, 8, 2, 2, 0.5, 1, 1.5, 2);
  write_text("y.csv", "Iris virginica\nIris setosa\n");
  cr_assert(run(options) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/y", true, 4, 2, 1, 1, 0);
  write_text("y.csv", "4.0\n2\n");
  options.table.regression = true;
  cr_assert(run(options) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/y", false, 8, 2, 1, 4, 2);
}

Test(import, features_are_float_only_where_that_is_exact) {
  cr_assert(run_table("1,0.5\n16777216,2\n", NULL) == LS_OK);
  EXPECT_ARRAY("train/x", false, 4, 2, 2, 1, 0.5, 16777216, 2);
  cr_assert(run_table("1,0.5\n16777217,2\n", NULL) == LS_OK);
  EXPECT_ARRAY("train/x", false, 8, 2, 2, 1, 0.5, 16777217, 2);
  cr_assert(run_table("1,0.1\n2,1e300\n", NULL) == LS_OK);
  EXPECT_ARRAY("train/x", false, 8, 2, 2, 1, 0.1, 2, 1e300);
  write_text("u.csv", "1\n0.5\n");
  write_text("v.csv", "2\n0.1\n"); /* of one file that needs double, all are double */
  const import_input_t inputs[] = {{"train", "u.csv", NULL}, {"test", "v.csv", NULL}};
  cr_assert(run((import_options_t){.inputs = inputs, .n_inputs = 2, .table.cells.header = 0}) == LS_OK, "%s",
            error.message);
  EXPECT_ARRAY("train/x", false, 8, 2, 1, 1, 0.5);
  EXPECT_ARRAY("test/x", false, 8, 2, 1, 2, 0.1);
}

/* ---- scikit-learn's files ---- */

Test(import, scikit_learn_header_names_the_classes) {
  cr_assert(run_table("2,1,ok,bad\n7,1\n8,0\n", "-1") == LS_OK, "%s",
            error.message); /* more cells than columns */
  EXPECT_ARRAY("train/x", false, 4, 2, 1, 7, 8);
  EXPECT_ARRAY("train/y", true, 4, 2, 1, 1, 0);
  EXPECT_TEXTS("class_names", "ok", "bad");
  cr_assert(run_table("3,2,yes\n7,1,no\n8,0,no\n", "-1") == LS_OK); /* not followed by three rows */
  cr_assert(rows_of("train/x") == 3);
  cr_assert(remove("out.h5") == 0);
  expect_failure(run_table("2,1,ok,bad\n7,1\n8,2\n", "-1"), LS_BAD_DATA,
                 "the first line names 2 classes, but there is a label 2");
}

Test(import, scikit_learn_files) {
  if (access(SKLEARN "iris.csv", R_OK) != 0) cr_skip_test("python3-sklearn is not installed");
  static const struct {
    const char *x, *y, *label;
    bool regression;
    int64_t rows, width;
    double first, last; /* of x, NumPy's float(numpy.loadtxt(…)) */
    double first_y;
  } cases[] = {
      {SKLEARN "iris.csv", NULL, "-1", false, 150, 4, 5.1, 1.8, 0},
      {SKLEARN "wine_data.csv", NULL, "-1", false, 178, 13, 14.23, 560, 0},
      {SKLEARN "breast_cancer.csv", NULL, "-1", false, 569, 30, 17.99, 0.07039, 0},
      {SKLEARN "digits.csv.gz", NULL, "-1", false, 1797, 64, 0, 0, 0},
      {SKLEARN "diabetes_data_raw.csv.gz", SKLEARN "diabetes_target.csv.gz", NULL, true, 442, 10, 59, 92,
       151},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    import_input_t input = {.x = cases[i].x, .y = cases[i].y};
    double row[64], y = -1;
    cr_assert(run((import_options_t){.inputs = &input,
                                     .n_inputs = 1,
                                     .table.labels = one(cases[i].label),
                                     .table.regression = cases[i].regression,
                                     .table.cells.header = -1}) == LS_OK,
              "%s", error.message);
    store_t *store = open_output();
    store_array_t array;
    cr_assert(store_describe(store, "train/x", &array, &error) == LS_OK);
    cr_assert(array.shape[0] == cases[i].rows && array.shape[1] == cases[i].width, "%s", cases[i].x);
    cr_assert(store_read_rows(store, "train/x", 0, 1, STORE_F64, row, &error) == LS_OK);
    cr_assert(row[0] == cases[i].first, "%s: %g", cases[i].x, row[0]);
    cr_assert(store_read_rows(store, "train/x", cases[i].rows - 1, 1, STORE_F64, row, &error) == LS_OK);
    cr_assert(row[cases[i].width - 1] == cases[i].last, "%s: %g", cases[i].x, row[cases[i].width - 1]);
    cr_assert(store_read_rows(store, "train/y", 0, 1, STORE_F64, &y, &error) == LS_OK);
    cr_assert(y == cases[i].first_y, "%s: %g", cases[i].x, y);
    store_close(&store);
    if (i == 0) EXPECT_TEXTS("class_names", "setosa", "versicolor", "virginica");
    if (i == 2) EXPECT_TEXTS("class_names", "malignant", "benign");
  }
}

/* ---- splits ---- */

enum { N = 103 };

/* Row i holds i and its label i mod 7 beside it. */
static void write_counted(void) {
  FILE *file = fopen("n.csv", "w");
  for (int i = 0; i < N; i++) fprintf(file, "%d,%d\n", i, i % 7);
  cr_assert(fclose(file) == 0);
}

static const import_share_t three_shares[] = {{"train", 0.8}, {"valid", 0.1}, {"test", 0.1}};

static ls_status run_shares(const import_share_t *shares, size_t n, bool shuffle, uint64_t seed) {
  import_input_t input = {.x = "n.csv"};
  write_counted();
  return run((import_options_t){.inputs = &input,
                                .n_inputs = 1,
                                .shares = shares,
                                .n_shares = n,
                                .table.labels = one("1"),
                                .table.cells.header = -1,
                                .shuffle = shuffle,
                                .in_order = !shuffle,
                                .shuffle_seed = seed});
}

/* All rows of the three groups one after the other; x and y of a row belong together. */
static void read_counted(int order[N]) {
  store_t *store = open_output();
  int64_t at = 0;
  for (int g = 0; g < 3; g++) {
    char x_name[16], y_name[16];
    snprintf(x_name, sizeof x_name, "%s/x", three_shares[g].split);
    snprintf(y_name, sizeof y_name, "%s/y", three_shares[g].split);
    int64_t n = rows_of(x_name);
    double exact = three_shares[g].share * N;
    cr_assert((double)n > exact - 1 && (double)n < exact + 1, "%s: %" PRId64, x_name, n);
    double x[N];
    int32_t y[N];
    cr_assert(at + n <= N && store_read_rows(store, x_name, 0, n, STORE_F64, x, &error) == LS_OK);
    cr_assert(store_read_rows(store, y_name, 0, n, STORE_I32, y, &error) == LS_OK);
    for (int64_t i = 0; i < n; i++) {
      cr_assert((int)x[i] % 7 == y[i], "a row was torn");
      order[at++] = (int)x[i];
    }
  }
  cr_assert(at == N);
  store_close(&store);
}

Test(import, shares_cut_all_rows_in_order) {
  int order[N];
  cr_assert(run_shares(three_shares, 3, false, 0) == LS_OK, "%s", error.message);
  read_counted(order);
  for (int i = 0; i < N; i++) cr_assert(order[i] == i);
}

Test(import, shuffle_deals_every_row_once_and_by_its_seed) {
  int a[N], b[N], c[N], seen[N] = {0}, at_home = 0, early = 0;
  cr_assert(run_shares(three_shares, 3, true, 5) == LS_OK, "%s", error.message);
  read_counted(a);
  cr_assert(run_shares(three_shares, 3, true, 5) == LS_OK);
  read_counted(b);
  cr_assert(run_shares(three_shares, 3, true, 6) == LS_OK);
  read_counted(c);
  for (int i = 0; i < N; i++) {
    seen[a[i]]++;
    at_home += a[i] == i;
    early += i >= N - 10 && a[i] < N - 10; /* test rows from before: shuffled before it was split */
  }
  for (int i = 0; i < N; i++) cr_assert(seen[i] == 1);
  cr_assert(at_home < 10 && early > 5);
  cr_assert(memcmp(a, b, sizeof a) == 0);
  cr_assert(memcmp(a, c, sizeof a) != 0);
}

Test(import, shares_are_rounded_to_the_nearest_row) {
  static const import_share_t shares[] = {{"train", 0.55}, {"test", 0.45}}; /* 5.5 rows of 10 */
  import_input_t input = {.x = "t.csv"};
  write_text("t.csv", "a,b\n1,2\n2,3\n3,4\n4,5\n5,6\n6,7\n7,8\n8,9\n9,10\n10,11\n");
  cr_assert(
      run((import_options_t){
          .inputs = &input, .n_inputs = 1, .shares = shares, .n_shares = 2, .table.cells.header = -1}) ==
          LS_OK,
      "%s", error.message);
  cr_assert(rows_of("train/x") == 6 && rows_of("test/x") == 4, "%d rows", (int)rows_of("train/x"));
}

/* Rows of a megabyte are written five at a time: two whole blocks, and one row. */
enum { LONG_ROW = 1 << 18, LONG_ROWS = 11 };

Test(import, shuffled_rows_in_several_blocks_come_once_each_with_their_labels, .timeout = 60) {
  float *x = calloc((size_t)LONG_ROW * LONG_ROWS, sizeof *x);
  int64_t y[LONG_ROWS], labels[LONG_ROWS];
  int seen[LONG_ROWS] = {0}, at_home = 0;
  import_input_t input = {.x = "x", .y = "y"};
  cr_assert(x != NULL);
  for (int r = 0; r < LONG_ROWS; r++) {
    y[r] = 10 * r;
    for (int c = 0; c < LONG_ROW; c++) x[(size_t)r * LONG_ROW + (size_t)c] = (float)(r * 1000 + c % 997);
  }
  write_npy("x", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (11, 262144), }", x,
            (size_t)LONG_ROW * LONG_ROWS * sizeof *x);
  write_npy("y", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (11,), }", y, sizeof y);
  cr_assert(run((import_options_t){.inputs = &input, .n_inputs = 1, .shuffle = true, .shuffle_seed = 3}) ==
                LS_OK,
            "%s", error.message);
  store_t *store = open_output();
  cr_assert(store_read_rows(store, "train/x", 0, LONG_ROWS, STORE_F32, x, &error) == LS_OK);
  cr_assert(store_read_rows(store, "train/y", 0, LONG_ROWS, STORE_I64, labels, &error) == LS_OK);
  for (int r = 0; r < LONG_ROWS; r++) {
    const float *row = x + (size_t)r * LONG_ROW;
    int number = (int)(row[0] / 1000);
    cr_assert(number >= 0 && number < LONG_ROWS && labels[r] == 10 * number, "row %d: label %d", number,
              (int)labels[r]);
    seen[number]++;
    at_home += number == r;
    for (int c = 0; c < LONG_ROW; c++) cr_assert(row[c] == (float)(number * 1000 + c % 997));
  }
  for (int r = 0; r < LONG_ROWS; r++) cr_assert(seen[r] == 1, "row %d comes %d times", r, seen[r]);
  cr_assert(at_home < LONG_ROWS - 1, "nothing was shuffled");
  store_close(&store);
  free(x);
}

/* Files are compared 65,536 bytes at a time. */
Test(import, may_be_repeated_but_replaces_no_other_content) {
  enum { VALUES = 60000, CHANGED = 45000 };
  static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 1), }";
  static float x[VALUES];
  import_input_t input = {.x = "x"};
  const import_options_t options = {.inputs = &input, .n_inputs = 1, .output = "out.h5"};
  float found = 0;
  for (int i = 0; i < VALUES; i++) x[i] = (float)i;
  write_npy("x", 1, header, x, sizeof x);
  cr_assert(import_run(&options, NULL, &error) == LS_OK, "%s", error.message);
  cr_assert(import_run(&options, NULL, &error) == LS_OK, "the same again: %s", error.message);
  x[CHANGED] = -1;
  write_npy("x", 1, header, x, sizeof x);
  cr_expect_eq(import_run(&options, NULL, &error), LS_USAGE);
  cr_expect_not_null(strstr(error.message, "out.h5 exists and holds something else"), "%s", error.message);
  cr_expect(access("out.h5.new", F_OK) != 0);
  store_t *store = open_output();
  cr_assert(store_read_rows(store, "train/x", CHANGED, 1, STORE_F32, &found, &error) == LS_OK);
  store_close(&store);
  cr_expect_eq(found, CHANGED);
}

Test(import, options_that_do_not_fit_are_refused) {
  static const import_share_t short_of_one[] = {{"train", 0.8}, {"test", 0.1}};
  static const import_share_t twice[] = {{"train", 0.5}, {"train", 0.5}};
  static const import_share_t negative[] = {{"train", 1.5}, {"test", -0.5}};
  static const import_share_t tiny[] = {{"train", 0.999}, {"test", 0.001}};
  static const import_share_t path[] = {{"a/b", 1}};
  expect_failure(run_shares(short_of_one, 2, false, 0), LS_USAGE, "add up to 0.9");
  expect_failure(run_shares(twice, 2, false, 0), LS_USAGE, "split 'train' is given twice");
  expect_failure(run_shares(negative, 2, false, 0), LS_USAGE, "share train=1.5");
  expect_failure(run_shares(tiny, 2, false, 0), LS_BAD_DATA, "none is left for split 'test'");
  expect_failure(run_shares(path, 1, false, 0), LS_USAGE, "'a/b' cannot be a split's name");
  import_input_t inputs[] = {{NULL, "n.csv", NULL}, {NULL, "n.csv", NULL}};
  expect_failure(run((import_options_t){.inputs = inputs, .n_inputs = 2}), LS_USAGE,
                 "without a split's name");
  inputs[0] = (import_input_t){"train", "n.csv", NULL};
  inputs[1] = (import_input_t){"train", "n.csv", NULL};
  expect_failure(run((import_options_t){.inputs = inputs, .n_inputs = 2}), LS_USAGE, "given twice");
}

Test(import, a_named_input_stands_beside_one_that_is_split) {
  write_counted();
  write_text("t.csv", "500,0\n");
  import_input_t inputs[] = {{NULL, "n.csv", NULL}, {"test", "t.csv", NULL}};
  import_share_t shares[] = {{"train", 0.9}, {"valid", 0.1}};
  cr_assert(run((import_options_t){.inputs = inputs,
                                   .n_inputs = 2,
                                   .shares = shares,
                                   .n_shares = 2,
                                   .table.labels = one("-1"),
                                   .table.cells.header = -1}) == LS_OK,
            "%s", error.message);
  cr_assert(rows_of("train/x") == 93 && rows_of("valid/x") == 10);
  EXPECT_ARRAY("test/x", false, 4, 1, 1, 500);
}

/* ---- series ---- */

Test(import, rows_of_a_series_come_to_lie_behind_each_other_in_the_order_of_the_file) {
  write_text("t.csv", "t,site,x,y\n0,north,1,10\n0,east,2,20\n1,north,3,30\n1,south,4,40\n2,east,5,50\n");
  import_input_t input = {.x = "t.csv"};
  const import_options_t options = {.inputs = &input,
                                    .n_inputs = 1,
                                    .table.cells.header = -1,
                                    .table.series = "site",
                                    .table.labels = one("y"),
                                    .table.regression = true};
  cr_assert(run(options) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/series", true, 8, 5, 1, 0, 0, 1, 1, 2);
  EXPECT_ARRAY("train/x", false, 4, 5, 2, 0, 2, 2, 5, 0, 1, 1, 3, 1, 4);
  EXPECT_ARRAY("train/y", false, 8, 5, 1, 20, 50, 10, 30, 40);
  EXPECT_TEXTS("series_names", "east", "north", "south");
  EXPECT_TEXTS("feature_names", "t", "x");
}

Test(import, series_that_have_numbers_keep_them) {
  write_text("t.csv", "7,1.5\n-3,2.5\n7,3.5\n");
  import_input_t input = {.x = "t.csv"};
  import_options_t options = {.inputs = &input, .n_inputs = 1, .table.cells.header = -1, .table.series = "0"};
  cr_assert(run(options) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/series", true, 8, 3, 1, -3, 7, 7);
  EXPECT_ARRAY("train/x", false, 4, 3, 1, 2.5, 1.5, 3.5);
  cr_assert(!has_attribute("series_names"));
  unlink("out.h5");
  options.shuffle = true;
  expect_failure(run(options), LS_USAGE, "--shuffle");
  options.shuffle = false;
  options.table.series = "site";
  expect_failure(run(options), LS_BAD_DATA, "'site'");
  options.table.series = "1";
  options.table.labels = one("-1");
  expect_failure(run(options), LS_USAGE, "same column");
  write_text("t.csv", "7,1.5\n,2.5\n");
  options =
      (import_options_t){.inputs = &input, .n_inputs = 1, .table.cells.header = -1, .table.series = "0"};
  expect_failure(run(options), LS_BAD_DATA, "t.csv:2: column 1");
}

/* ---- what a user states, or a file says, and an import must not ignore ---- */

Test(import, an_output_that_exists_is_not_overwritten) {
  write_text("t.csv", "1,2\n3,4\n");
  write_text("out.h5", "mine");
  import_input_t input = {.x = "t.csv"};
  import_options_t options = {.inputs = &input, .n_inputs = 1, .table.cells.header = -1, .output = "out.h5"};
  cr_assert(import_run(&options, NULL, &error) == LS_USAGE);
  cr_assert(strstr(error.message, "out.h5 exists") != NULL, "%s", error.message);
  cr_assert(access("out.h5.new", F_OK) != 0);
  options.overwrite = true;
  cr_assert(import_run(&options, NULL, &error) == LS_OK, "%s", error.message);
  options.overwrite = false;
  cr_assert(import_run(&options, NULL, &error) == LS_OK, "the same again: %s", error.message);
}

Test(import, a_misspelt_split_is_refused) {
  static const struct {
    const char *name, *meant;
  } cases[] = {
      {"trian", "train"}, {"Train", "train"}, {"val", "valid"}, {"validation", "valid"}, {"tset", "test"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char message[64];
    const import_share_t shares[] = {{cases[i].name, 0.5}, {"fold1", 0.5}};
    snprintf(message, sizeof message, "did you mean %s?", cases[i].meant);
    expect_failure(run_shares(shares, 2, true, 1), LS_USAGE, message);
  }
  const import_share_t folds[] = {{"fold1", 0.5}, {"fold2", 0.5}};
  cr_assert(run_shares(folds, 2, true, 1) == LS_OK, "%s", error.message);
}

Test(import, columns_of_one_name_are_refused) {
  expect_failure(run_table("a,b,a\n1,2,3\n", NULL), LS_BAD_DATA, "columns 1 and 3 are both called 'a'");
}

Test(import, a_column_that_numbers_the_rows_is_left_out) {
  static const char *const names[] = {"", "index", "Unnamed: 0", "rownames"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    for (int first = 0; first < 2; first++) {
      char text[128];
      snprintf(text, sizeof text, "%s,a,kind\n%d,5,x\n%d,6,y\n", names[i], first, first + 1);
      cr_assert(run_table(text, "kind") == LS_OK, "%s: %s", text, error.message);
      EXPECT_ARRAY("train/x", false, 4, 2, 1, 5, 6);
      EXPECT_TEXTS("feature_names", "a");
    }
  cr_assert(run_table("rownames,a,kind\nOhio,5,x\nUtah,6,y\n", "kind") == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/x", false, 4, 2, 1, 5, 6);
  cr_assert(run_table("index,a,kind\n1,5,x\n3,6,y\n", "kind") == LS_OK, "%s", error.message); /* no index */
  EXPECT_ARRAY("train/x", false, 4, 2, 2, 1, 5, 3, 6);
  cr_assert(run_table("number,a,kind\n1,5,x\n2,6,y\n", "kind") == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/x", false, 4, 2, 2, 1, 5, 2, 6);
  write_text("t.csv", ",a,kind\n1,5,x\n2,6,y\n");
  import_input_t input = {.x = "t.csv"};
  cr_assert(run((import_options_t){.inputs = &input,
                                   .n_inputs = 1,
                                   .table.labels = one("kind"),
                                   .table.cells.header = -1,
                                   .table.keep_index = true}) == LS_OK);
  EXPECT_ARRAY("train/x", false, 4, 2, 2, 1, 5, 2, 6);
}

Test(import, a_first_line_of_numbers_in_order_is_a_header) {
  cr_assert(run_table("0,1,2\n5,6,9\n7,8,4\n", NULL) == LS_OK, "%s", error.message);
  EXPECT_TEXTS("feature_names", "0", "1", "2");
  cr_assert(run_table("1990,1995,2000\n5,6,9\n7,8,4\n", NULL) == LS_OK, "%s", error.message);
  EXPECT_TEXTS("feature_names", "1990", "1995", "2000");
  cr_assert(run_table("1,2,3\n2,3,4\n9,8,4\n", NULL) == LS_OK, "%s",
            error.message); /* the second line, too */
  cr_assert(rows_of("train/x") == 3 && !has_attribute("feature_names"));
}

/* ---- columns of tables ---- */

static void expect_categories(const char *name, bool is_ordered, size_t n, const char *const *texts) {
  store_t *store = open_output();
  char **found = NULL;
  size_t n_found = 0;
  int64_t ordered = 0;
  cr_assert(store_verify(store, &error) == LS_OK, "%s", error.message);
  cr_assert(store_read_text_array(store, name, &found, &n_found, &error) == LS_OK, "%s", error.message);
  cr_assert(n_found == n, "%s: %zu", name, n_found);
  for (size_t i = 0; i < n; i++) cr_assert_str_eq(found[i], texts[i]);
  if (is_ordered)
    cr_assert(store_read_int(store, name, "ordered", &ordered, &error) == LS_OK && ordered == 1);
  cr_assert(store_has_attribute(store, name, "ordered") == is_ordered);
  free(found);
  store_close(&store);
}

Test(import, categories_are_named_in_the_file) {
  write_text("a.csv", "id,colour,size,w,y\n1,red,low,1,dog\n2,,high,2,cat\n");
  write_text("b.csv", "id,colour,size,w,y\n3,blue,low,3,dog\n");
  const import_input_t inputs[] = {{"train", "a.csv", NULL}, {"test", "b.csv", NULL}};
  const import_options_t options = {.inputs = inputs,
                                    .n_inputs = 2,
                                    .table.labels = one("y"),
                                    .table.drop = one("id"),
                                    .table.ordered = one("size=low,high"),
                                    .table.weights = "w",
                                    .table.cells.header = -1};
  cr_assert(run(options) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("test/x", false, 4, 1, 2, 0, 0);
  EXPECT_ARRAY("train/weights", false, 8, 2, 1, 1, 2);
  EXPECT_ARRAY("test/weights", false, 8, 1, 1, 3);
  EXPECT_TEXTS("feature_names", "colour", "size");
  EXPECT_TEXTS("class_names", "cat", "dog");
  expect_categories("categories/0", false, 2, (const char *const[]){"blue", "red"});
  expect_categories("categories/1", true, 2, (const char *const[]){"low", "high"});
  store_t *store = open_output();
  double x[4];
  cr_assert(store_read_rows(store, "train/x", 0, 2, STORE_F64, x, &error) == LS_OK);
  cr_assert(x[0] == 1 && x[1] == 0 && x[2] != x[2] && x[3] == 1);
  store_close(&store);
}

Test(import, weights_go_with_their_rows) {
  import_input_t input = {.x = "weighted.csv"};
  double x[N], weights[N];
  int moved = 0;
  FILE *file = fopen("weighted.csv", "w");
  fputs("x,w\n", file);
  for (int i = 0; i < N; i++) fprintf(file, "%d,%d\n", i, 3 * i + 1);
  cr_assert(fclose(file) == 0);
  cr_assert(run((import_options_t){.inputs = &input,
                                   .n_inputs = 1,
                                   .table.weights = "w",
                                   .table.cells.header = -1,
                                   .shuffle = true,
                                   .shuffle_seed = 4}) == LS_OK,
            "%s", error.message);
  store_t *store = open_output();
  cr_assert(store_read_rows(store, "train/x", 0, N, STORE_F64, x, &error) == LS_OK, "%s", error.message);
  cr_assert(store_read_rows(store, "train/weights", 0, N, STORE_F64, weights, &error) == LS_OK);
  for (int i = 0; i < N; i++) {
    moved += x[i] != i;
    cr_expect(weights[i] == 3 * x[i] + 1, "row %d: %g has the weight %g", i, x[i], weights[i]);
  }
  cr_assert(moved > N / 2, "nothing was shuffled");
  store_close(&store);
}

Test(import, a_model_gives_columns_categories_and_classes) {
  static const char *const features[] = {"n", "colour"}, *const colours[] = {"red", "blue"};
  static const char *const classes[] = {"no", "yes"};
  static const table_list_t categories[] = {{NULL, 0}, {colours, 2}};
  static const table_like_t like = {2, features, categories, {classes, 2}};
  write_text("t.csv", "colour,more,y,n\nblue,1,yes,5\ngreen,2,no,6\n");
  const import_input_t input = {.x = "t.csv"};
  import_options_t options = {.inputs = &input,
                              .n_inputs = 1,
                              .table.labels = one("y"),
                              .table.like = &like,
                              .table.cells.header = -1};
  cr_assert(run(options) == LS_OK, "%s", error.message);
  EXPECT_ARRAY("train/x", false, 4, 2, 2, 5, 1, 6, -1);
  EXPECT_ARRAY("train/y", true, 4, 2, 1, 1, 0);
  EXPECT_TEXTS("class_names", "no", "yes");
  expect_categories("categories/1", false, 2, colours);
  write_text("t.csv", "more,y,n\n1,yes,5\n");
  cr_assert(remove("out.h5") == 0);
  expect_failure(run(options), LS_BAD_DATA, "there is no column 'colour', which the model asks for");
}

Test(import, several_labels_become_columns_of_y) {
  write_text("t.csv", "a,y,kind\n1,0.5,dog\n2,1.5,cat\n");
  const import_input_t input = {.x = "t.csv"};
  cr_assert(run((import_options_t){
                .inputs = &input, .n_inputs = 1, .table.labels = one("y,kind"), .table.cells.header = -1}) ==
                LS_OK,
            "%s", error.message);
  EXPECT_ARRAY("train/y", false, 8, 2, 2, 0.5, 1, 1.5, 0);
  EXPECT_TEXTS("class_names_1", "cat", "dog");
}

Test(import, a_pipe_is_read_once) {
  cr_assert(mkfifo("pipe", 0600) == 0);
  pid_t child = fork();
  if (child == 0) {
    write_text("pipe", "a,b\nx,1\n7,2\n");
    _exit(0);
  }
  const import_input_t input = {.x = "pipe"};
  cr_assert(run((import_options_t){.inputs = &input, .n_inputs = 1, .table.cells.header = -1}) == LS_OK, "%s",
            error.message);
  EXPECT_ARRAY("train/x", false, 4, 2, 2, 1, 1, 0, 2);
  waitpid(child, NULL, 0);
}

Test(import, utf_16_is_named) {
  write_bytes("t.csv",
              "\xff\xfe"
              "a\0,\0b\0",
              8);
  const import_input_t input = {.x = "t.csv"};
  expect_failure(run((import_options_t){.inputs = &input, .n_inputs = 1}), LS_BAD_DATA,
                 "iconv -f UTF-16 -t UTF-8");
}

/* 60 rows sorted by class, 30, 20 and 10 of the three. */
static void write_sorted(void) {
  FILE *file = fopen("sorted.csv", "w");
  for (int i = 0; i < 60; i++) fprintf(file, "%d,%s\n", i, i < 30 ? "a" : i < 50 ? "b" : "c");
  fclose(file);
}

static void count_classes(const char *name, int64_t counts[3]) {
  store_t *store = open_output();
  double y[64];
  int64_t rows = rows_of(name);
  cr_assert(store_read_rows(store, name, 0, rows, STORE_F64, y, &error) == LS_OK, "%s", error.message);
  memset(counts, 0, 3 * sizeof *counts);
  for (int64_t i = 0; i < rows; i++) counts[(int)y[i]]++;
  store_close(&store);
}

Test(import, a_split_of_classes_gives_each_part_its_share) {
  int64_t train[3], test[3];
  write_sorted();
  import_input_t input = {.x = "sorted.csv"};
  const import_share_t shares[] = {{"train", 0.7}, {"test", 0.3}};
  import_options_t options = {.inputs = &input,
                              .n_inputs = 1,
                              .table.labels = one("-1"),
                              .table.cells.header = 0,
                              .shares = shares,
                              .n_shares = 2};
  cr_assert(run(options) == LS_OK, "%s", error.message);
  count_classes("train/y", train);
  count_classes("test/y", test);
  for (int c = 0; c < 3; c++) {
    int64_t all = train[c] + test[c], expected = c == 0 ? 30 : c == 1 ? 20 : 10;
    cr_assert(all == expected);
    cr_assert(labs((long)(10 * train[c] - 7 * all)) <= 10, "class %d: %" PRId64 " of %" PRId64, c, train[c],
              all);
  }
  options.in_order = true;
  cr_assert(run(options) == LS_OK, "%s", error.message);
  count_classes("test/y", test);
  cr_assert(test[0] == 0 && test[1] == 8 && test[2] == 10);
}

Test(import, a_class_that_training_lacks_is_reported) {
  char text[4096] = "";
  write_sorted();
  import_input_t input = {.x = "sorted.csv"};
  const import_share_t shares[] = {{"train", 0.7}, {"test", 0.3}};
  FILE *out = fopen("log", "w+");
  const log_t log = {.out = out};
  const import_options_t options = {.inputs = &input,
                                    .n_inputs = 1,
                                    .table.labels = one("-1"),
                                    .table.cells.header = 0,
                                    .shares = shares,
                                    .n_shares = 2,
                                    .in_order = true,
                                    .output = "out.h5"};
  cr_assert(import_run(&options, &log, &error) == LS_OK, "%s", error.message);
  rewind(out);
  cr_assert(fread(text, 1, sizeof text - 1, out) > 0);
  fclose(out);
  cr_assert(
      strstr(text, "warning: train has no row of 1 of the 3 classes (c), so training cannot learn them") !=
          NULL,
      "%s", text);
  cr_assert(strstr(text, "warning: test has no row of 1 of the 3 classes (a)") != NULL, "%s", text);
}
