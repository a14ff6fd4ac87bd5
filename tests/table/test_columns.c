/* Columns: which are features, what kind they have, the header, several tables, and a model's expectations.
 */
#include "table/tables.h"

TestSuite(columns, .fini = free_tables);

static void expect_class_names(size_t n, const char *const *names) {
  expect_names("classes", tables->classes.names, tables->classes.n, names, n);
}

/* ---- kinds ---- */

Test(columns, texts_are_categories_in_alphabetical_order) {
  READ("colour,size,b\nred,10,1\nblue,9,2\n,NA,3\nred,2,4\n", .categorical = LIST("size"));
  FEATURE(0, 1, 0, NAN, 1);
  CATEGORIES(0, "blue", "red");
  FEATURE(1, 2, 1, NAN, 0);
  CATEGORIES(1, "2", "9", "10");
  FEATURE(2, 1, 2, 3, 4);
  cr_assert(tables->features[2].kind == KIND_NUMBER && tables->features[0].missing == 1);
  expect_report("category           2: blue, red, 1 missing");
  READ("a,b\nx,1\n7,2\n07,3\n7,4\n", 0); /* numbers among texts keep their texts */
  CATEGORIES(0, "07", "7", "x");
  FEATURE(0, 2, 1, 0, 1);
}

Test(columns, ordered_categories_follow_the_given_order) {
  const char *text = "a,b\nhigh,1\nlow,2\n,3\n";
  READ(text, .ordered = LIST("a=low,medium,high"));
  CATEGORIES(0, "low", "medium", "high");
  FEATURE(0, 2, 0, NAN);
  cr_assert(tables->features[0].is_ordered);
  REFUSE(LS_BAD_DATA, "t.csv:2: column 1 (a): 'high' is missing in the order", text,
         .ordered = LIST("a=low,medium"));
  REFUSE(LS_USAGE, "--ordered: 'a' is not COLUMN=FIRST,SECOND", text, .ordered = LIST("a"));
}

Test(columns, a_few_texts_among_numbers_are_an_error_with_three_ways_out) {
  char text[1024] = "a,b\n";
  for (int i = 0; i < 38; i++) sprintf(text + strlen(text), "%d,%d\n", i % 7, i);
  strcat(text, "unknown,1\n5,1\n-,2\nlost,3\n");
  REFUSE(LS_BAD_DATA,
         "t.csv:40: column 1 (a): 'unknown' is not a number, but 39 of 41 cells are: give "
         "--missing='unknown,lost' if that means a missing cell, --categorical 'a' if the column holds "
         "categories, "
         "--drop 'a' to leave it out",
         text, 0);
  READ(text, .cells = {.marks = LIST("unknown", "lost")});
  cr_assert(tables->features[0].missing == 3 && tables->features[0].kind == KIND_NUMBER);
  READ(text, .categorical = LIST("a"));
  CATEGORIES(0, "0", "1", "2", "3", "4", "5", "6", "lost", "unknown");
  READ(text, .drop = LIST("a"));
  cr_assert(tables->n_x == 1 && strcmp(tables->x[0].name, "b") == 0);
  strcat(text, "gone,4\n"); /* 39 of 42 are fewer than 95 % */
  READ(text, 0);
  cr_assert(tables->features[0].kind == KIND_CATEGORY && tables->features[0].n_texts == 10);
}

Test(columns, names_and_empty_columns_are_left_out) {
  char text[4096] = "id,void,b\n";
  for (int i = 0; i < 60; i++) sprintf(text + strlen(text), "name %d,NA,%d\n", i, i);
  READ(text, 0);
  cr_assert(tables->n_x == 1 && strcmp(tables->x[0].name, "b") == 0);
  expect_report(
      "column id has 60 different texts in 60 cells, like names, and is left out; --categorical 'id' keeps");
  expect_report("column void is empty and left out");
  READ(text, .categorical = LIST("id"));
  cr_assert(tables->n_x == 2 && tables->features[0].n_texts == 60);
  READ("a,b\n7,1\n7,2\n", 0);
  expect_report("7 in all rows: constant");
  REFUSE(LS_BAD_DATA, "no column is left as a feature", "a,b\n,x\n,y\n", .labels = LIST("b"));
}

/* ---- naming columns ---- */

Test(columns, are_named_by_name_index_and_lists) {
  const char *text = "a,\"b,c\",d,e\n1,2,3,4\n5,6,7,8\n";
  READ(text, .drop = LIST("b,c", "0,-1"));
  cr_assert(tables->n_x == 1 && strcmp(tables->x[0].name, "d") == 0);
  READ(text, .drop = LIST("a, e"));
  cr_assert(tables->n_x == 2);
  REFUSE(LS_BAD_DATA, "--drop: t.csv: the first line names no column 'x', only: a, b,c, d, e", text,
         .drop = LIST("x"));
  REFUSE(LS_BAD_DATA, "--numeric: t.csv: column 4: indices of its 4 columns are 0 to 3", text,
         .numeric = LIST("4"));
  REFUSE(LS_USAGE, "--label and --drop name the same column", text, .labels = LIST("a"), .drop = LIST("0"));
  REFUSE(LS_USAGE, "--numeric names column 1", text, .categorical = LIST("a"), .numeric = LIST("a"));
  READ("1,2\n3,4\n", .drop = LIST("0")); /* no header */
  FEATURE(0, 2, 4);
  READ("x,y\nu,v\nu,w\n", .categorical = LIST("x")); /* the name makes it a header */
  cr_assert(tables->rows[0].rows == 2);
}

Test(columns, of_one_name_are_refused_unless_one_is_dropped) {
  REFUSE(LS_BAD_DATA, "columns 1 and 3 are both called 'a': rename one, or leave column 3 out with --drop 2",
         "a,b,a\n1,2,3\n", 0);
  READ("a,b,a\n1,2,3\n", .drop = LIST("2"));
  FEATURE(0, 1);
}

/* ---- the header ---- */

Test(columns, headers_above_texts) {
  READ("colour,size\nred,1\nblue,2\n", 0); /* a number below a name */
  cr_assert(tables->has_names && tables->rows[0].rows == 2);
  READ("colour,shape\nred,round\nblue,square\nred,square\n", 0); /* nothing occurs again */
  cr_assert(tables->has_names && tables->rows[0].rows == 3);
  expect_report("warning: t.csv: the first line is taken for the names of columns");
  expect_report("--header no");
  READ("red,round\nblue,square\nred,square\n", 0); /* red occurs again */
  cr_assert(!tables->has_names && tables->rows[0].rows == 3);
  READ("colour,shape\nred,round\nblue,square\n", .cells = {.header = 2});
  cr_assert(!tables->has_names && tables->rows[0].rows == 3);
  READ(",x\n1,2\n2,4\n", 0); /* only an index has no name */
  cr_assert(tables->n_x == 1 && tables->rows[0].x[1] == 4);
  READ("a\tb\nx\t1\t2\ny\t3\t4\n", 0); /* as R writes row names */
  cr_assert(tables->has_names && tables->n_x == 2 && strcmp(tables->x[0].name, "a") == 0);
}

/* ---- labels, weights ---- */

Test(columns, several_labels_are_targets) {
  const table_list_t lists[] = {LIST("y", "kind"), LIST("y,kind"), LIST("-1", "0")};
  for (size_t i = 0; i < 3; i++) {
    READ("y,a,kind\n0.5,1,dog\n1.5,2,cat\n-2,3,dog\n", .labels = lists[i]);
    const double expected[] = {0.5, 1, 1.5, 0, -2, 1};
    cr_assert(tables->n_targets == 2 && !tables->has_classes && tables->n_x == 1);
    for (int k = 0; k < 6; k++) cr_assert(tables->rows[0].targets[k] == expected[k]);
    cr_assert(tables->target_classes[0].n == 0 && tables->target_classes[1].n == 2);
    cr_assert_str_eq(tables->target_classes[1].names[0], "cat");
  }
}

Test(columns, rows_without_a_label) {
  const char *text = "a,y\n1,x\n2,\n3,NA\n4,z\n";
  for (size_t piece = 1; piece < 30; piece += 4) {
    REFUSE(LS_BAD_DATA,
           "t.csv:3: column 2 (y): '' is a missing label; 2 of 4 rows have none: fill them in, or leave them "
           "out with "
           "--drop-unlabelled",
           text, .labels = LIST("y"), .reading = {.piece = piece});
    READ(text, .labels = LIST("y"), .drop_unlabelled = true, .reading = {.piece = piece});
    FEATURE(0, 1, 4);
    cr_assert(tables->rows[0].classes[0] == 0 && tables->rows[0].classes[1] == 1);
    expect_report("2 of 4 rows have no label and are left out");
  }
  REFUSE(LS_BAD_DATA, "no row of data", "a,y\n1,\n2,\n", .labels = LIST("y"), .drop_unlabelled = true);
}

Test(columns, labels_of_numbers) {
  REFUSE(LS_BAD_DATA, "give --regression", "a,y\n1,0.5\n2,1.5\n", .labels = LIST("y"));
  REFUSE(LS_BAD_DATA, "; 1 rows have no label: --drop-unlabelled leaves them out", "a,y\n1,0.5\n2,\n",
         .labels = LIST("y"));
  READ("a,y\n1,yes\n2,no\n", .labels = LIST("y"));
  expect_class_names(2, (const char *const[]){"no", "yes"});
  READ("a,y\n1,\"1,200\"\n2,7\n", .labels = LIST("y"), .regression = true);
  cr_assert(tables->rows[0].targets[0] == 1200 && tables->rows[0].targets[1] == 7);
}

Test(columns, weights_are_checked) {
  READ("a,w,b\n1,0,2\n3,2.5,4\n", .weights = "w");
  cr_assert(tables->n_x == 2 && tables->rows[0].weights[0] == 0 && tables->rows[0].weights[1] == 2.5);
  REFUSE(LS_BAD_DATA, "weights must be 0 or more, but one is -1", "a,w\n1,-1\n", .weights = "w");
  REFUSE(LS_BAD_DATA, "t.csv:3: column 2 (w): '' is a missing weight", "a,w\n1,1\n2,\n", .weights = "w");
  REFUSE(LS_BAD_DATA, "t.csv:2: column 2 (w): 'inf' is not a finite number", "a,w\n1,inf\n", .weights = "w");
}

/* ---- several tables ---- */

static ls_status read_two(const char *a, const char *b, table_options_t options) {
  const table_place_t places[] = {{.path = "a.csv", .memory = a, .size = strlen(a)},
                                  {.path = "b.csv", .memory = b, .size = strlen(b)}};
  tables_free(&tables);
  options.cells.header = -1;
  return tables_read(places, 2, &options, &tables, &error);
}

Test(columns, tables_share_kinds_categories_and_classes) {
  const table_options_t options = {.labels = LIST("y")};
  cr_assert(read_two("c,n,y\nred,1,dog\nblue,2,cat\n", "c,n,y\ngreen,x,eel\nred,y,dog\n", options) == LS_OK,
            "%s", error.message);
  CATEGORIES(0, "blue", "green", "red");
  CATEGORIES(1, "1", "2", "x", "y"); /* numbers in one table, texts in the other */
  const double a[] = {2, 0, 0, 1}, b[] = {1, 2, 2, 3};
  cr_assert(memcmp(tables->rows[0].x, a, sizeof a) == 0 && memcmp(tables->rows[1].x, b, sizeof b) == 0);
  expect_class_names(3, (const char *const[]){"cat", "dog", "eel"});
  cr_assert(tables->rows[1].classes[0] == 2 && tables->rows[1].classes[1] == 1);
}

Test(columns, an_index_of_the_first_table_is_one_in_all) {
  cr_assert(read_two(",a,b\n0,5,6\n1,7,8\n", ",a,b\n17,1,2\n40,3,4\n", (table_options_t){0}) == LS_OK, "%s",
            error.message);
  cr_assert(tables->n_x == 2 && tables->rows[1].x[0] == 1);
}

/* ---- texts that the program wrote itself ---- */

static ls_status read_made(const char *text, table_made_t made, table_options_t options) {
  const table_place_t place = {.path = "t.npy", .memory = text, .size = strlen(text), .made = &made};
  tables_free(&tables);
  return tables_read(&place, 1, &options, &tables, &error);
}

/* The options would find semicolons and no header. */
Test(columns, made_tables_follow_no_option_on_how_cells_are_written) {
  const table_options_t options = {.cells = {.header = 0, .delimiter = ';'}, .reading = {.latin1 = true}};
  const table_made_t named = {.has_names = true, .is_utf8 = true}, bare = {.is_utf8 = true};
  cr_assert(read_made("\"2\",\"1\",\"ö\"\n1,2,\"é;\"\n3,4,\"#'\"\n", named, options) == LS_OK, "%s",
            error.message);
  cr_assert(tables->rows[0].rows == 2 && tables->n_x == 3);
  cr_assert_str_eq(tables->features[2].name, "ö");
  CATEGORIES(2, "#'", "é;");
  cr_assert(read_made("\"a\",1\n\"b\",NaN\n", bare, options) == LS_OK, "%s", error.message);
  cr_assert(tables->rows[0].rows == 2 && !tables->has_names);
}

Test(columns, made_texts_stay_texts_unless_the_user_says_otherwise) {
  static const bool is_text[] = {true, true, false};
  const table_made_t made = {.has_names = true, .is_text = is_text};
  const char *text = "\"a\",\"b\",\"c\"\n\"01\",\"7\",1\n\"1\",\"8\",2\n\"01\",\"8\",3\n";
  cr_assert(read_made(text, made, (table_options_t){.numeric = LIST("b")}) == LS_OK, "%s", error.message);
  CATEGORIES(0, "01", "1");
  FEATURE(0, 0, 1, 0);
  FEATURE(1, 7, 8, 8);
  FEATURE(2, 1, 2, 3);
  cr_assert(read_made(text, made, (table_options_t){.labels = LIST("b"), .regression = true}) == LS_OK, "%s",
            error.message);
  cr_assert(tables->rows[0].targets[0] == 7 && tables->rows[0].targets[2] == 8);
  /* a CSV file beside it has the same column as numbers */
  const char *csv = "a,b,c\n1,7,1\n2,9,2\n";
  const table_place_t places[] = {{.path = "t.csv", .memory = csv, .size = strlen(csv)},
                                  {.path = "t.h5", .memory = text, .size = strlen(text), .made = &made}};
  tables_free(&tables);
  cr_assert(tables_read(places, 2, &(table_options_t){.cells.header = -1}, &tables, &error) == LS_OK, "%s",
            error.message);
  CATEGORIES(0, "01", "1", "2");
  CATEGORIES(1, "7", "8", "9");
}

Test(columns, a_table_stays_below_its_limit) {
  READ("a,b\n1,2\n3,4\n", .reading = {.most = 32});
  REFUSE(LS_BAD_DATA, "its cells take more than 31B", "a,b\n1,2\n3,4\n", .reading = {.most = 31});
}

/* ---- a model's expectations ---- */

static const char *const model_features[] = {"n", "c", "when (sin of year)"};
static const char *const model_categories[] = {"red", "blue"};
static const char *const model_classes[] = {"no", "yes"};
static const table_list_t per_feature[] = {{NULL, 0}, {model_categories, 2}, {NULL, 0}};
static const table_like_t like = {3, model_features, per_feature, {model_classes, 2}};

Test(columns, follow_a_model) {
  READ("extra,c,y,when,n\n?,blue,yes,2019-01-01,1.5\nq,green,no,2019-12-31,\n7,red,no,2019-07-02,2\n",
       .like = &like, .labels = LIST("y"));
  cr_assert(tables->n_x == 3);
  FEATURE(0, 1.5, NAN, 2);
  FEATURE(1, 1, -1, 0);
  cr_assert(tables->rows[0].x[2] == 0);
  cr_assert(tables->rows[0].classes[0] == 1 && tables->rows[0].classes[1] == 0);
  expect_report("warning: column c: 1 cells hold texts that the model does not know; their code is -1");
  expect_report("t.csv: 1 column that the model does not ask for is left out");
  REFUSE(LS_BAD_DATA, "t.csv: there is no column 'c', which the model asks for", "n,when\n1,2019-01-01\n",
         .like = &like);
  REFUSE(LS_BAD_DATA, "'x' is not a number, but the model knows the column as numbers",
         "n,c,when\nx,red,2019-01-01\n", .like = &like);
  REFUSE(LS_BAD_DATA, "t.csv:2: column 4 (y): 'maybe' is no class of the model",
         "n,c,when,y\n1,red,2019-01-01,maybe\n", .like = &like, .labels = LIST("y"));
}
