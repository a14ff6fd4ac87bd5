/* Weights as a table, and as numbers in the settings: what comes back, and what is refused. */
#include "base/checksum.h"
#include "base/float_mode.h"
#include "score/given.h"
#include "score/weights_csv.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/lockstep-weights-XXXXXX";

static void set_up(void) {
  cr_assert_not_null(mkdtemp(folder));
  cr_assert_eq(chdir(folder), 0);
  float_mode_begin(); /* as the program computes: denormals are zero */
}

static void tear_down(void) {
  unlink("w.csv");
  rmdir(folder);
}

TestSuite(weights_csv, .init = set_up, .fini = tear_down);

static graph_t *make_graph_of(int64_t inputs, int64_t units) {
  const layer_settings_t layers[] = {
      {.kind = LAYER_DENSE, .units = units, .bias = true, .activation = "tanh", .init = "auto"},
      {.kind = LAYER_BATCH_NORM, .epsilon = 1e-5, .momentum = 0.1},
      {.kind = LAYER_DENSE, .units = 2, .bias = false, .activation = "identity", .init = "auto"}};
  graph_t *graph = NULL;
  ls_error error = {0};
  cr_assert_eq(graph_create(layers, 3, inputs, &graph, &error), LS_OK, "%s", error.message);
  return graph;
}

static graph_t *make_graph(void) {
  return make_graph_of(13, 19);
}

static void write_table(const char *lines) {
  FILE *out = fopen("w.csv", "w");
  cr_assert_not_null(out);
  fprintf(out, "%s", lines);
  fclose(out);
}

/* Floats of every size and both signs, by their bits. */
static void fill(const graph_t *graph, float *vector) {
  uint32_t bits = 1;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const size_t n = parameter_values(graph_parameter(graph, i));
    float *plain = malloc(n * sizeof *plain);
    for (size_t k = 0; k < n; k++) {
      bits = bits * 1664525 + 1013904223;
      uint32_t finite =
          (bits & UINT32_C(0x7f800000)) == UINT32_C(0x7f800000) ? bits & UINT32_C(0x807fffff) : bits;
      memcpy(plain + k, &finite, sizeof finite);
    }
    if (n > 2) memcpy(plain, (const uint32_t[]){1, UINT32_C(0x80000000), UINT32_C(0x007fffff)}, 12);
    graph_pack(graph, i, plain, vector);
    free(plain);
  }
}

static void expect_to_come_back(graph_t *graph) {
  const size_t bytes = graph_floats(graph) * sizeof(float);
  float *vector = calloc(1, bytes), *again = calloc(1, bytes);
  weights_given_t given = {0};
  ls_error error = {0};
  fill(graph, vector);
  cr_assert_eq(weights_csv_write("w.csv", graph, vector, &error), LS_OK, "%s", error.message);
  cr_assert_eq(weights_csv_read("w.csv", graph, false, again, &given, &error), LS_OK, "%s", error.message);
  cr_expect_eq(given.given, graph_plain_floats(graph));
  cr_expect_arr_eq(vector, again, bytes);
  weights_given_free(&given);
  free(vector);
  free(again);
  graph_destroy(&graph);
}

Test(weights_csv, every_float_comes_back_with_its_bits) {
  expect_to_come_back(make_graph());
}

/* Arrays are written in pieces of up to 65,536 numbers. */
Test(weights_csv, arrays_of_several_pieces_come_back) {
  expect_to_come_back(make_graph_of(300, 500));
}

/* The file is read in pieces of 65,536 bytes. */
Test(weights_csv, the_checksum_of_a_table_is_that_of_all_its_bytes) {
  enum { SIZE = 2 * (1 << 16) + 1000 };
  static char bytes[SIZE];
  char found[17] = "", expected[17];
  ls_error error = {0};
  for (int i = 0; i < SIZE; i++) bytes[i] = (char)('a' + i * 7 % 23 + i / (1 << 16));
  FILE *out = fopen("w.csv", "wb");
  cr_assert_not_null(out);
  cr_assert_eq(fwrite(bytes, 1, SIZE, out), SIZE);
  fclose(out);
  cr_assert_eq(given_checksum("w.csv", found, &error), LS_OK, "%s", error.message);
  checksum_t *sum = checksum_begin();
  checksum_add(sum, bytes, SIZE);
  snprintf(expected, sizeof expected, "%016" PRIx64, checksum_end(&sum));
  cr_expect_str_eq(found, expected);
}

Test(weights_csv, spreadsheets_may_have_written_the_table) {
  graph_t *graph = make_graph();
  float *vector = calloc(graph_floats(graph), sizeof *vector), plain[19];
  weights_given_t given = {0};
  ls_error error = {0};
  write_table("\xef\xbb\xbflayer,parameter,row,column,value\r\n\"dense1\" , "
              "bias,18,,-7e-3\r\n\r\ndense9,weight,0,0,1\r\n");
  cr_assert_eq(weights_csv_read("w.csv", graph, true, vector, &given, &error), LS_OK, "%s", error.message);
  cr_expect_eq(given.given, 1);
  cr_expect_str_eq(given.others, "dense9");
  graph_unpack(graph, 1, vector, plain);
  cr_expect(plain[18] == -7e-3F && plain[0] == 0);
  weights_given_free(&given);
  free(vector);
  graph_destroy(&graph);
}

Test(weights_csv, what_is_no_weight_is_refused_with_its_line) {
  static const struct {
    const char *part, *lines;
  } cases[] = {
      {"w.csv:3: 'dense1,bias,0,,nan': the value is no finite number",
       "dense1,weight,0,0,1\ndense1,bias,0,,nan\n"},
      {"w.csv:2: 'dense1,weight,0,0,1e60': the value is no finite", "dense1,weight,0,0,1e60\n"},
      {"w.csv:2: 'dense1,weight,0,0,0x1p3': the value is no finite", "dense1,weight,0,0,0x1p3\n"},
      {"w.csv:2: 'dense1,weight,0,0,1,5': a line has five fields", "dense1,weight,0,0,1,5\n"},
      {"w.csv:2: 'dense1;weight;0;0;1': a line has five fields", "dense1;weight;0;0;1\n"},
      {"w.csv:2: 'dense1,weight,0,0,': the value is no finite", "dense1,weight,0,0,\n"},
      {"w.csv:2: dense1.weight[0,13]: there is no such weight", "dense1,weight,0,13,1\n"},
      {"w.csv:2: dense1.weight[0]: write one weight of this array", "dense1,weight,0,,1\n"},
      {"w.csv:2: dense7.weight[0,0]: the network has no array", "dense7,weight,0,0,1\n"},
      {"w.csv:3: 'dense1,weight,0,0,2': an earlier line gives this weight too",
       "dense1,weight,0,0,1\ndense1,weight,0,0,2\n"},
  };
  graph_t *graph = make_graph();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256];
    weights_given_t given = {.given = 77};
    ls_error error = {0};
    snprintf(text, sizeof text, "layer,parameter,row,column,value\n%s", cases[i].lines);
    write_table(text);
    cr_expect_eq(weights_csv_read("w.csv", graph, false, NULL, &given, &error), LS_BAD_DATA, "%s",
                 cases[i].lines);
    cr_expect_not_null(strstr(error.message, cases[i].part), "no '%s' in: %s", cases[i].part, error.message);
    cr_expect_eq(given.given, 77, "untouched");
  }
  write_table("dense1,weight,0,0,1\n");
  ls_error error = {0};
  weights_given_t given = {0};
  cr_expect_eq(weights_csv_read("w.csv", graph, false, NULL, &given, &error), LS_BAD_DATA);
  cr_expect_not_null(strstr(error.message, "the first line of a table of weights"), "%s", error.message);
  write_table("layer,parameter,row,column,value\ndense9,weight,0,0,1\n,weight,0,0,1\n");
  cr_expect_eq(weights_csv_read("w.csv", graph, true, NULL, &given, &error), LS_BAD_DATA, "layers of others");
  cr_expect_not_null(strstr(error.message, "w.csv:3: ',weight,0,0,1': the name of a layer is missing"), "%s",
                     error.message);
  write_table("");
  cr_expect_eq(weights_csv_read("w.csv", graph, false, NULL, &given, &error), LS_BAD_DATA);
  cr_expect_not_null(strstr(error.message, "is empty"), "%s", error.message);
  graph_destroy(&graph);
}

/* ---- numbers in the settings ---- */

static ls_status set_values(const graph_t *graph, given_weight_t item, float *vector, ls_error *error) {
  const settings_t settings = {.model = {.init_from = "none", .init_values = {&item, 1}}};
  return given_values_set(&settings, graph, vector, &(log_t){0}, error);
}

Test(weights_csv, numbers_are_set_as_one_a_list_or_a_matrix) {
  graph_t *graph = make_graph();
  float *vector = calloc(graph_floats(graph), sizeof *vector), plain[19 * 13];
  double matrix[2 * 19];
  for (int i = 0; i < 38; i++) matrix[i] = i + 0.5;
  cr_assert_eq(set_values(graph, (given_weight_t){"dense2.weight", matrix, 2, 19}, vector, NULL), LS_OK);
  cr_assert_eq(set_values(graph, (given_weight_t){"dense2.weight[1,0]", (double[]){-3}, 0, 0}, vector, NULL),
               LS_OK);
  cr_assert_eq(set_values(graph, (given_weight_t){"dense1.bias", (double[]){0.25}, 0, 0}, vector, NULL),
               LS_OK);
  graph_unpack(graph, 4, vector, plain);
  cr_expect_str_eq(graph_parameter(graph, 4)->name, "dense2/weight");
  cr_expect(plain[0] == 0.5F && plain[18] == 18.5F && plain[19] == -3 && plain[37] == 37.5F);
  graph_unpack(graph, 1, vector, plain);
  cr_expect(plain[0] == 0.25F && plain[18] == 0.25F);
  free(vector);
  graph_destroy(&graph);
}

Test(weights_csv, numbers_of_another_shape_are_refused) {
  double values[60] = {0};
  const struct {
    given_weight_t item;
    const char *part;
  } cases[] = {
      {{"dense9.bias", values, 0, 0},
       "model.init_values: dense9.bias: the network has no array 'dense9.bias'"},
      {{"dense1.weight", values, 2, 0},
       "the array has the shape (19, 13): give a list for each of the 19 units"},
      {{"dense2.weight", values, 19, 2}, "the array has the shape (2, 19)"},
      {{"dense1.bias", values, 2, 0}, "the array has 19 numbers"},
      {{"dense1.bias", values, 1, 19}, "the array has 19 numbers"},
      {{"dense1.bias[0]", values, 1, 0}, "one weight is one number, not a list"},
  };
  graph_t *graph = make_graph();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ls_error error = {0};
    cr_expect_eq(set_values(graph, cases[i].item, NULL, &error), LS_BAD_SETTINGS, "%s", cases[i].item.name);
    cr_expect_not_null(strstr(error.message, cases[i].part), "no '%s' in: %s", cases[i].part, error.message);
  }
  graph_destroy(&graph);
}
