/* Reading: quotes, line ends, what stands before a table, encodings; and that neither the size of chunks nor
 * the number of threads changes anything. */
#include "table/tables.h"

#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

TestSuite(reading, .fini = free_tables);

/* ---- chunks and threads ---- */

/* Words in quotes with delimiters, doubled quotes and line ends in them; a gap now and then. */
static char *make_table(int rows, const char *line_end, size_t *size) {
  char *text = NULL;
  FILE *out = open_memstream(&text, size);
  fprintf(out, "number,\"wo\"\"rd\",other,late%s", line_end);
  for (int i = 0; i < rows; i++) {
    fprintf(out, "%d.%d,", i * 37 % rows, i * 7 % 10); /* the largest is neither first nor last */
    if (i % 11 == 3)
      fprintf(out, "NA,");
    else
      fprintf(out, "\"w, %d%sof \"\"%d\"\"\",", i % 13, i % 5 == 0 ? line_end : " ", i % 3);
    fprintf(out, "%s,%s%s", i % 2 ? "x" : "'y", i % 4 == 1 ? "late" : "7", line_end);
  }
  fclose(out);
  return text;
}

/* All that is found, as text. */
static char *describe(void) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  const log_t log = {.out = out};
  tables_report(tables, &log);
  for (size_t f = 0; f < tables->n_x; f++) {
    const table_column_t *column = &tables->features[tables->x[f].column];
    fprintf(out, "%s:", tables->x[f].name);
    for (size_t i = 0; i < column->n_texts; i++) fprintf(out, " [%s]", column->texts[i]);
    for (int64_t i = 0; i < tables->rows[0].rows; i++)
      fprintf(out, " %.17g", tables->rows[0].x[(size_t)i * tables->n_x + f]);
    fprintf(out, "\n");
  }
  fclose(out);
  return text;
}

Test(reading, chunks_and_threads_change_nothing) {
  static const char *const line_ends[] = {"\n", "\r\n", "\r"};
  for (int e = 0; e < 3; e++) {
    size_t size = 0;
    char *text = make_table(60, line_ends[e], &size), *whole = NULL;
    READ(text, .reading = {.threads = 1});
    cr_assert(tables->rows[0].rows == 60 && tables->n_x == 4);
    CATEGORIES(3, "7", "late");
    cr_assert(tables->features[1].n_texts > 30);
    whole = describe();
    for (size_t piece = 1; piece < size + 10; piece += piece < 150 ? 1 : 97)
      for (int threads = 1; threads <= 3; threads++) {
        READ(text, .reading = {.threads = threads, .piece = piece});
        char *parts = describe();
        cr_assert_str_eq(parts, whole, "pieces of %zu bytes, %d threads", piece, threads);
        free(parts);
      }
    free(whole);
    free(text);
  }
}

/* Behind the first 64 KB, which are read at once, a chunk ends where the file was read to. */
Test(reading, ends_of_reads_change_nothing) {
  size_t size = 0;
  char *text = make_table(3000, "\r\n", &size);
  cr_assert(size > 80000);
  READ(text, .reading = {.threads = 1});
  char *whole = describe();
  for (size_t piece = 600; piece < 680; piece++) {
    READ(text, .reading = {.threads = 2, .piece = piece});
    char *parts = describe();
    cr_assert(strcmp(parts, whole) == 0, "pieces of %zu bytes", piece);
    free(parts);
  }
  free(whole);
  free(text);
}

Test(reading, errors_do_not_depend_on_chunks) {
  const char *text = "a,b\n1,2\n3,\"x\ny\"\n4,5\n6\n7,8,9\n";
  for (size_t piece = 1; piece < 40; piece++)
    for (int threads = 1; threads <= 3; threads++)
      REFUSE(LS_BAD_DATA, "t.csv:6: 1 cell where other rows have 2", text,
             .reading = {.threads = threads, .piece = piece});
}

Test(reading, files_are_read_as_memory_is_gzipped_or_not) {
  char folder[] = "/tmp/lockstep-table-XXXXXX", path[64];
  size_t size = 0;
  char *text = make_table(5000, "\r\n", &size);
  READ(text, 0);
  cr_assert(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/t.csv", folder);
  for (int packed = 0; packed < 2; packed++) {
    gzFile file = gzopen(path, packed ? "wb" : "wbT");
    cr_assert(gzwrite(file, text, (unsigned)size) == (int)size && gzclose(file) == Z_OK);
    tables_t *found = NULL;
    const table_place_t place = {.path = path};
    const table_options_t options = {.cells = {.header = -1}, .reading = {.threads = 3, .piece = 10000}};
    cr_assert(tables_read(&place, 1, &options, &found, &error) == LS_OK, "%s", error.message);
    size_t bytes = (size_t)tables->rows[0].rows * tables->n_x * sizeof(double);
    cr_assert(found->rows[0].rows == 5000 && memcmp(found->rows[0].x, tables->rows[0].x, bytes) == 0);
    tables_free(&found);
  }
  cr_assert(remove(path) == 0 && rmdir(folder) == 0);
  free(text);
}

/* ---- how tables are written ---- */

Test(reading, delimiters_are_found) {
  static const char *const texts[] = {"a,b\n1,2\n3,4\n",
                                      "a;b\n1;2\n3;4\n",
                                      "a|b\n1|2\n3|4\n",
                                      "a\tb\n1\t2\n3\t4\n",
                                      "a b\n1 2\n3 4\n",
                                      "  a   b\n  1   2 \n 3 4\n",
                                      "\"a\" \"b\"\n1 2\n3 \t4\n",
                                      "sep=;\na;b\n1;2\n3;4\n",
                                      "sep=|\r\na|b\r\n1|2\r\n3|4\r\n",
                                      "# a b\n1 2\n3 4\n",
                                      "#a,b\n1,2\n3,4\n",
                                      "'a','b'\n'1',2\n3,'4'\n",
                                      "\n \na,b\n\n1,2\n \n3,4\n\n",
                                      "# made by x\n#\na,b\n1,2\n# half\n3,4\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    READ(texts[i], 0);
    FEATURE(0, 1, 3);
    FEATURE(1, 2, 4);
    cr_assert(strcmp(tables->x[0].name, "a") == 0 && strcmp(tables->x[1].name, "b") == 0, "%s", texts[i]);
  }
  READ("name,b\nNew York,1\nOld Town,2\n", 0);
  CATEGORIES(0, "New York", "Old Town");
  READ("state\nNew York\nNew York\nUtah\n", .cells = {.header = 1}); /* blanks in texts do not separate */
  CATEGORIES(0, "New York", "Utah");
}

Test(reading, a_line_names_no_delimiter_that_cannot_be_one) {
  READ("sep=\n\na\n1\n3\n", .cells = {.header = 2}); /* such a line is a row like others */
  CATEGORIES(0, "1", "3", "a", "sep=");
  READ("sep=\r\na\n1\n3\n", .cells = {.header = 2});
  CATEGORIES(0, "1", "3", "a", "sep=");
  READ("sep=\"\na\n1\n3\n", .cells = {.header = 2});
  CATEGORIES(0, "1", "3", "a", "sep=\"");
  READ("sep='\na\n1\n3\n", .cells = {.header = 2});
  CATEGORIES(0, "1", "3", "a", "sep='");
}

Test(reading, comments_are_counted_and_rows_that_look_like_them_stay) {
  READ("a,b\n1,2\n# a note\n#N/A,5\n3,4\n# and, another, one\n", 0);
  FEATURE(0, 1, NAN, 3);
  FEATURE(1, 2, 5, 4);
  expect_report("2 lines that begin with # left out");
}

Test(reading, quotes_count_only_at_the_start_of_a_cell) {
  READ("a,b\n5\" pipe,1\n'tis,2\nd\"Arc,3\n", 0);
  CATEGORIES(0, "'tis", "5\" pipe", "d\"Arc");
  READ("a,b\n'x, y',1\n'it''s',2\n", 0);
  CATEGORIES(0, "it's", "x, y");
  REFUSE(LS_BAD_DATA, "t.csv:2: a quote (\") is opened and never closed", "a,b\n\"1,2\n3,4\n", 0);
  REFUSE(LS_BAD_DATA, "t.csv:4: text after a closing quote", "a,b\n\"1\n2\",3\n\"1\"2,3\n", 0);
}

Test(reading, blank_lines_of_one_column_are_missing_cells) {
  READ("a\n1\n\n3\n\n\n", 0);
  FEATURE(0, 1, NAN, 3);
}

Test(reading, encodings) {
  READ("name,b\nZ\xc3\xbcrich,1\nGen\xc3\xa8ve,2\n", 0);
  CATEGORIES(0, "Gen\xc3\xa8ve", "Z\xc3\xbcrich");
  REFUSE(LS_BAD_DATA,
         "t.csv:3: a name or category is not UTF-8 text: for a file in ISO 8859-1 give --encoding latin-1",
         "name,b\nZug,1\nZ\xfcrich,2\n", 0);
  REFUSE(LS_BAD_DATA, "t.csv:1: a name or category is not UTF-8", "n\xe4me,b\n1,2\n", 0);
  READ("n\xe4me,b\nZug,1\nZ\xfcrich,2\n", .reading = {.latin1 = true});
  CATEGORIES(0, "Zug", "Z\xc3\xbcrich");
  cr_assert_str_eq(tables->x[0].name, "n\xc3\xa4me");
  static const char *const wrong[] = {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    char text[64];
    snprintf(text, sizeof text, "a,b\n%s,1\nx,2\n", wrong[i]);
    REFUSE(LS_BAD_DATA, "is not UTF-8", text, 0);
  }
}

Test(reading, nul_bytes_are_refused) {
  static const char text[] = "a,b\n1,2\n\0,3\n";
  const table_place_t place = {.path = "t.csv", .memory = text, .size = sizeof text - 1};
  const table_options_t options = {.cells = {.header = -1}};
  cr_assert(tables_read(&place, 1, &options, &tables, &error) == LS_BAD_DATA);
  cr_assert(strstr(error.message, "NUL bytes") != NULL, "%s", error.message);
}

/* ---- sizes ---- */

/* Runs the test with at most this much memory for data. AddressSanitizer needs terabytes of addresses for
 * itself: no limit is possible there. */
static void limit_memory(rlim_t megabytes) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  (void)megabytes;
  return;
#endif
#endif
  const struct rlimit limit = {megabytes << 20, megabytes << 20};
  cr_assert_eq(setrlimit(RLIMIT_DATA, &limit), 0);
}

Test(reading, wide_tables_take_memory_for_their_rows_alone) {
  enum { COLUMNS = 200000, ROWS = 3 };
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  for (int r = -1; r < ROWS; r++)
    for (int c = 0; c < COLUMNS; c++)
      fprintf(out, r < 0 ? "c%d%c" : "%d%c", r < 0 ? c : r, c + 1 < COLUMNS ? ',' : '\n');
  fclose(out);
  limit_memory(300); /* 256 rows of cells alone would be 400 MB */
  READ(text, .reading = {.threads = 1});
  cr_assert(tables->n_x == COLUMNS && tables->rows[0].rows == ROWS);
  free_tables();
  free(text);
}

Test(reading, a_row_may_not_be_larger_than_the_most_memory) {
  enum { SIZE = 1 << 25 };
  const table_options_t options = {.cells = {.header = -1}, .reading = {.most = 8000000}};
  const table_place_t place = {.path = "line.csv.gz"};
  char *zeros = malloc(SIZE);
  gzFile file = gzopen("line.csv.gz", "wb");
  memset(zeros, '0', SIZE);
  gzputs(file, "a,b\n1,2\n3,");
  cr_assert_eq(gzwrite(file, zeros, SIZE), SIZE);
  gzclose(file);
  free(zeros);
  cr_assert_eq(tables_read(&place, 1, &options, &tables, &error), LS_BAD_DATA);
  cr_assert_not_null(strstr(error.message, "line.csv.gz: a row has more than 8MB of text"), "%s",
                     error.message);
  cr_assert_not_null(strstr(error.message, "--most-memory"), "%s", error.message);
  unlink("line.csv.gz");
}

Test(reading, texts_count_as_memory) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  fprintf(out, "a,b\n");
  for (int r = 0; r < 2000; r++) fprintf(out, "%d,%0500d\n", r, r);
  fclose(out);
  REFUSE(LS_BAD_DATA, "its cells take more than 800KB", text, .categorical = LIST("b"),
         .reading = {.most = 800000, .piece = 100000});
  READ(text, .categorical = LIST("b"), .reading = {.most = 8000000, .piece = 100000});
  free(text);
}

Test(reading, headers_of_the_largest_numbers) {
  READ("9223372036854775806,9223372036854775807\n1,2\n3,4\n");
  READ("y,9223372036854775806,9223372036854775807,-9223372036854775808\n1,2,3,4\n", .labels = LIST("y"));
  READ("9223372036854775807,-9223372036854775808,0\n1e300,-1e300,\n3,4,5\n");
  cr_assert_eq(tables->n_x, 3);
  REFUSE(LS_BAD_DATA, "--series: t.csv: label -9223372036854775808", "a,s\n1,-9223372036854775808\n2,3\n",
         .series = "s");
}
