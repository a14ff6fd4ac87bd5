/* Tables in text. The first line is a list of options like `label=-1 delimiter=; header=0`; the rest is the
 * table. Read in pieces of a few bytes, a table gives the same numbers or the same error. */
#include "fuzz/fuzz.h"
#include "table/table.h"

#include <string.h>

enum { MOST_BYTES = 64 << 20, WHOLE = 1 << 16, PIECE = 16 };

/* ---- the options ---- */

typedef struct {
  table_options_t options;
  const char *texts[8]; /* of the lists, one each */
  size_t n;
} asked_t;

static void set_list(asked_t *asked, table_list_t *list, const char *value) {
  if (asked->n == sizeof asked->texts / sizeof asked->texts[0]) return;
  asked->texts[asked->n] = value;
  *list = (table_list_t){&asked->texts[asked->n++], 1};
}

static void set_option(asked_t *asked, const char *key, const char *value) {
  table_options_t *options = &asked->options;
  const struct {
    const char *key;
    table_list_t *list;
  } lists[] = {{"label", &options->labels},       {"categorical", &options->categorical},
               {"numeric", &options->numeric},    {"drop", &options->drop},
               {"cyclic", &options->cyclic},      {"ordered", &options->ordered},
               {"missing", &options->cells.marks}};
  const struct {
    const char *key;
    bool *flag;
  } flags[] = {{"regression", &options->regression},
               {"keep_index", &options->keep_index},
               {"drop_unlabelled", &options->drop_unlabelled},
               {"is_y", &options->is_y},
               {"latin1", &options->reading.latin1}};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    if (strcmp(key, lists[i].key) == 0) set_list(asked, lists[i].list, value);
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
    if (strcmp(key, flags[i].key) == 0) *flags[i].flag = *value == '1';
  if (strcmp(key, "series") == 0) options->series = value;
  if (strcmp(key, "weights") == 0) options->weights = value;
  if (strcmp(key, "header") == 0) options->cells.header = *value == '1' ? 1 : 0;
  if (strcmp(key, "delimiter") == 0 && strchr(",;\t| ", *value) != NULL) options->cells.delimiter = *value;
  if (strcmp(key, "decimal") == 0 && strchr(".,", *value) != NULL) options->cells.decimal = *value;
  if (strcmp(key, "dates") == 0) options->cells.dates = *value == 'm' ? "mdy" : "dmy";
}

static void read_options(char *line, asked_t *out) {
  *out = (asked_t){.options = {.cells = {.header = -1}, .reading = {.threads = 1, .most = MOST_BYTES}}};
  for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
    char *value = strchr(word, '=');
    if (value == NULL) continue;
    *value = '\0';
    set_option(out, word, value + 1);
  }
}

/* ---- reading twice ---- */

static ls_status read_in_pieces(const table_place_t *place, table_options_t options, size_t piece,
                                tables_t **out, ls_error *error) {
  options.reading.piece = piece;
  return tables_read(place, 1, &options, out, error);
}

static void same_bytes(const void *a, const void *b, size_t n) {
  MUST((a == NULL) == (b == NULL));
  MUST(a == NULL || memcmp(a, b, n) == 0);
}

static void compare(const tables_t *a, const tables_t *b) {
  const table_rows_t *x = a->rows, *y = b->rows;
  size_t rows = (size_t)x->rows;
  MUST(x->rows == y->rows && a->n_x == b->n_x && a->n_targets == b->n_targets);
  same_bytes(x->x, y->x, rows * a->n_x * sizeof *x->x);
  same_bytes(x->classes, y->classes, rows * sizeof *x->classes);
  same_bytes(x->targets, y->targets, rows * a->n_targets * sizeof *x->targets);
  same_bytes(x->series, y->series, rows * sizeof *x->series);
  same_bytes(x->weights, y->weights, rows * sizeof *x->weights);
  MUST(a->classes.n == b->classes.n);
  for (size_t i = 0; a->classes.names != NULL && i < a->classes.n; i++)
    MUST(strcmp(a->classes.names[i], b->classes.names[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *line_end = memchr(data, '\n', size);
  if (line_end == NULL) return 0;
  size_t first = (size_t)(line_end - data) + 1;
  char *line = fuzz_text(data, first - 1), *table = fuzz_text(data + first, size - first);
  asked_t asked;
  tables_t *whole = NULL, *pieces = NULL;
  ls_error error = {0}, other = {0};
  read_options(line, &asked);
  const table_place_t place = {.path = "table.csv", .memory = table, .size = size - first};
  ls_status status = read_in_pieces(&place, asked.options, WHOLE, &whole, &error);
  fuzz_check_error(status, &error);
  MUST(read_in_pieces(&place, asked.options, PIECE, &pieces, &other) == status);
  MUST(strcmp(error.message, other.message) == 0);
  if (status == LS_OK) compare(whole, pieces);
  tables_free(&whole);
  tables_free(&pieces);
  free(table);
  free(line);
  return 0;
}
