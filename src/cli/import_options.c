#include "cli/import_options.h"

#include "base/text.h"
#include "train/choices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_TRAIN = FIRST_KEY, KEY_VALID, KEY_TEST, KEY_LABEL, KEY_SPLIT, KEY_SHUFFLE, KEY_REGRESSION };
enum {
  KEY_MISSING = KEY_REGRESSION + 1,
  KEY_HEADER,
  KEY_DELIMITER,
  KEY_MAKE,
  KEY_ROWS,
  KEY_FEATURES,
  KEY_CLASSES
};
enum {
  KEY_NOISE = KEY_CLASSES + 1,
  KEY_SEED,
  KEY_SERIES,
  KEY_SOURCE,
  KEY_OVERWRITE,
  KEY_KEEP_INDEX,
  KEY_WEIGHTS,
  KEY_CATEGORICAL,
  KEY_NUMERIC,
  KEY_DROP,
  KEY_ORDERED,
  KEY_CYCLIC,
  KEY_DATES,
  KEY_DECIMAL,
  KEY_ENCODING,
  KEY_DROP_UNLABELLED,
  KEY_LIKE,
  KEY_MOST_MEMORY,
  KEYS_END
};
static const struct argp_option options[] = {
    {"train", KEY_TRAIN, "X [Y]", 0, "training rows: file of features, file of labels or targets", 1},
    {"valid", KEY_VALID, "X [Y]", 0, "validation rows", 1},
    {"test", KEY_TEST, "X [Y]", 0, "test rows", 1},
    {"label", KEY_LABEL, "COLUMNS", 0,
     "CSV: column of labels; text becomes classes. Columns are given by name or index (from 0; -1 is the "
     "last), "
     "several with commas or by several options. Several labels become targets: text as classes, numbers as "
     "numbers",
     2},
    {"regression", KEY_REGRESSION, NULL, 0, "CSV: labels are numbers to predict, not classes", 2},
    {"drop-unlabelled", KEY_DROP_UNLABELLED, NULL, 0, "CSV: leave rows without a label out", 2},
    {"series", KEY_SERIES, "COLUMN", 0,
     "CSV: column with the time series of each row, by name or index; for data.window.series", 2},
    {"weights", KEY_WEIGHTS, "COLUMN", 0, "CSV: column that says how much each row counts; for data.weights",
     2},
    {"categorical", KEY_CATEGORICAL, "COLUMNS", 0,
     "CSV: columns that hold categories, even if they are numbers or as many as names", 2},
    {"ordered", KEY_ORDERED, "COLUMN=A,B,…", 0, "CSV: a column of categories in this order", 2},
    {"numeric", KEY_NUMERIC, "COLUMNS", 0, "CSV: columns that hold numbers; a text in them is an error", 2},
    {"like", KEY_LIKE, "MODEL", 0,
     "CSV: read the columns that this model was trained on, with its categories and classes, for eval and "
     "predict",
     2},
    {"drop", KEY_DROP, "COLUMNS", 0, "CSV: columns to leave out", 2},
    {"cyclic", KEY_CYCLIC, "COLUMNS", 0,
     "CSV: columns of dates that also become sine and cosine of the time of year, of week and of day", 2},
    {"missing", KEY_MISSING, "MARK,…", OPTION_ARG_OPTIONAL,
     "CSV: texts that mean a missing cell, beside the empty cell, ?, NA, N/A, n/a, <NA>, #N/A, NaN, nan, "
     "NaT, "
     "null, NULL, None, . and -. Missing cells of features become NaN, which data.missing treats; the option "
     "without a value changes nothing",
     2},
    {"keep-index", KEY_KEEP_INDEX, NULL, 0,
     "CSV: keep a first column that only numbers or names the rows; it is left out otherwise", 2},
    {"header", KEY_HEADER, "yes|no|auto", 0, "CSV: whether the first line names the columns; default auto",
     2},
    {"delimiter", KEY_DELIMITER, "C", 0, "CSV: character between cells, or tab or space; default: detected",
     2},
    {"dates", KEY_DATES, "dmy|mdy", 0, "CSV: the order of day and month in dates like 1/2/2020", 2},
    {"decimal", KEY_DECIMAL, "point|comma", 0,
     "CSV: what stands before decimals, where the cells do not tell", 2},
    {"encoding", KEY_ENCODING, "utf-8|latin-1", 0, "CSV: encoding of the file; default utf-8", 2},
    {"make", KEY_MAKE, "KIND", 0, "make a synthetic set, one of", 3},
    {"rows", KEY_ROWS, "N", 0, "--make: number of rows; default 1000", 3},
    {"features", KEY_FEATURES, "D", 0, "--make blobs, sine, friedman: number of features", 3},
    {"classes", KEY_CLASSES, "K", 0, "--make spirals, blobs: number of classes", 3},
    {"noise", KEY_NOISE, "SIGMA", 0,
     "--make: standard deviation of normal noise, added to x of classes and series, to y of values; default "
     "0, blobs and ar 1",
     3},
    {"seed", KEY_SEED, "SEED", 0, "--make: seed of points and noise; default 1", 3},
    {"split", KEY_SPLIT, "train=A,test=B", 0, "divide the rows into splits with these shares", 4},
    {"shuffle", KEY_SHUFFLE, "SEED|none", 0,
     "shuffle the rows once, before they are divided. Without this option, --split shuffles rows of classes "
     "and gives each split its share of every class; none keeps the order of the file",
     4},
    {"source", KEY_SOURCE, "TEXT", 0, "where the data comes from; stored in the file", 4},
    {"most-memory", KEY_MOST_MEMORY, "SIZE", 0,
     "the most memory that the content of one input may take, such as 8GB; default: half of the machine's",
     4},
    {"overwrite", KEY_OVERWRITE, NULL, 0, "replace the output file if there is one", 4},
    {0},
};

/* ---- values ---- */

static error_t add_file(import_arguments_t *a, const char *path) {
  if (a->n_files == MOST_WORDS) return arguments_refuse(&a->arguments, "too many files");
  a->files[a->n_files++] = (file_t){a->split, path};
  return 0;
}

/* Reads "train=0.8,test=0.2". Splits the text in place; it belongs to argv. */
static error_t read_shares(import_arguments_t *a, char *text) {
  char *rest = NULL;
  for (char *item = strtok_r(text, ",", &rest); item != NULL; item = strtok_r(NULL, ",", &rest)) {
    import_share_t share = {.split = item};
    char *sign = strchr(item, '=');
    if (a->import.n_shares == MOST_SPLITS) return arguments_refuse(&a->arguments, "--split: too many splits");
    if (sign == NULL || !text_double(sign + 1, &share.share))
      return arguments_refuse(&a->arguments, "--split: '%.60s' is not NAME=SHARE, as in train=0.8", item);
    *sign = '\0';
    a->shares[a->import.n_shares++] = share;
  }
  return 0;
}

/* Reads the seed of --shuffle. */
static error_t read_shuffle(import_arguments_t *a, const char *text) {
  int64_t seed = 0;
  a->import.in_order = strcmp(text, "none") == 0;
  if (a->import.in_order) return 0;
  error_t failed = arguments_count(&a->arguments, "shuffle", text, 0, INT64_MAX, &seed);
  a->import.shuffle = true;
  a->import.shuffle_seed = (uint64_t)seed;
  return failed;
}

/* Reads an option that goes with --make. */
static error_t read_made(import_arguments_t *a, int key, const char *text) {
  synthetic_t *set = &a->synthetic;
  int64_t seed = 0;
  error_t failed = 0;
  switch (key) {
  case KEY_ROWS:
    a->made_with = "rows";
    return arguments_count(&a->arguments, "rows", text, 1, INT64_MAX, &set->rows);
  case KEY_FEATURES:
    a->made_with = "features";
    return arguments_count(&a->arguments, "features", text, 1, MOST_COUNT, &set->features);
  case KEY_CLASSES:
    a->made_with = "classes";
    return arguments_count(&a->arguments, "classes", text, 1, MOST_COUNT, &set->classes);
  case KEY_SEED:
    a->made_with = "seed";
    failed = arguments_count(&a->arguments, "seed", text, 0, INT64_MAX, &seed);
    set->seed = (uint64_t)seed;
    return failed;
  default:
    a->made_with = "noise";
    if (text_double(text, &set->noise) && set->noise >= 0) return 0;
    return arguments_refuse(&a->arguments,
                            "--noise: '%.60s' is not a standard deviation, a number of at least 0", text);
  }
}

/* Reads one of two words. */
static error_t read_word(import_arguments_t *a, const char *option, const char *text, const char *first,
                         const char *second, bool *is_second) {
  *is_second = strcmp(text, second) == 0;
  if (*is_second || strcmp(text, first) == 0) return 0;
  return arguments_refuse(&a->arguments, "--%s: '%.60s' is neither %s nor %s", option, text, first, second);
}

static error_t read_dates(import_arguments_t *a, const char *text) {
  bool is_mdy = false;
  error_t failed = read_word(a, "dates", text, "dmy", "mdy", &is_mdy);
  a->import.table.cells.dates = is_mdy ? "mdy" : "dmy";
  return failed;
}

static error_t read_decimal(import_arguments_t *a, const char *text) {
  bool is_comma = false;
  error_t failed = read_word(a, "decimal", text, "point", "comma", &is_comma);
  a->import.table.cells.decimal = is_comma ? ',' : '.';
  return failed;
}

static error_t add_text(import_arguments_t *a, texts_t *texts, const char *text) {
  if (texts->n == MOST_TEXTS)
    return arguments_refuse(&a->arguments, "more than %d options of one kind", MOST_TEXTS);
  texts->texts[texts->n++] = text;
  return 0;
}

/* Reads "-9,unknown". Splits the text in place; it belongs to argv. */
static error_t read_marks(import_arguments_t *a, char *text) {
  char *rest = NULL;
  for (char *mark = text != NULL ? strtok_r(text, ",", &rest) : NULL; mark != NULL;
       mark = strtok_r(NULL, ",", &rest)) {
    error_t failed = add_text(a, &a->marks, mark);
    if (failed) return failed;
  }
  return 0;
}

static error_t read_most_memory(import_arguments_t *a, const char *text) {
  double bytes = 0;
  if (!text_bytes(text, &bytes) || bytes < 1 || bytes >= 0x1p62)
    return arguments_refuse(&a->arguments, "--most-memory: '%.60s' is not a size like 800MB or 8GB", text);
  a->import.most_memory = (int64_t)bytes;
  return 0;
}

static error_t read_header(import_arguments_t *a, const char *text) {
  static const struct {
    const char *name;
    int value;
  } rows[] = {{"yes", 1}, {"no", 0}, {"auto", -1}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (strcmp(text, rows[i].name) == 0) {
      a->import.table.cells.header = rows[i].value;
      return 0;
    }
  return arguments_refuse(&a->arguments, "--header: '%.60s' is none of yes, no, auto", text);
}

static error_t read_delimiter(import_arguments_t *a, const char *text) {
  bool is_tab = strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0;
  bool is_space = strcmp(text, "space") == 0;
  if (!is_tab && !is_space && strlen(text) != 1)
    return arguments_refuse(&a->arguments, "--delimiter: '%.60s' is not one character, tab or space", text);
  if (!is_tab && !is_space && !table_may_separate(text[0]))
    return arguments_refuse(&a->arguments, "--delimiter: a quote or the end of a line cannot separate cells");
  a->import.table.cells.delimiter = is_tab ? '\t' : is_space ? ' ' : text[0];
  return 0;
}

/* ---- which file is what ---- */

/* The output file is the word that belongs to no split. If every word does, or no split was named, it is the
 * last word. */
static size_t find_output(const import_arguments_t *a) {
  bool has_split = false;
  for (size_t i = 0; i < a->n_files; i++) has_split |= a->files[i].split != NULL;
  for (size_t i = 0; has_split && i < a->n_files; i++)
    if (a->files[i].split == NULL) return i;
  return a->n_files - 1;
}

static bool ends_in(const char *text, const char *end) {
  size_t length = strlen(text);
  return length > strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* Two consecutive words of one split are x and y of one input. */
static error_t add_input(import_arguments_t *a, const file_t *file) {
  size_t n = a->import.n_inputs;
  import_input_t *last = n == 0 ? NULL : &a->inputs[n - 1];
  if (last != NULL && last->split == file->split) {
    if (last->y != NULL)
      return arguments_refuse(
          &a->arguments,
          "'%.200s' is one file too many: an input is a file of features and at most one file of labels",
          file->path);
    last->y = file->path;
    return 0;
  }
  if (n == MOST_SPLITS) return arguments_refuse(&a->arguments, "too many inputs");
  a->inputs[a->import.n_inputs++] = (import_input_t){file->split, file->path, NULL};
  return 0;
}

/* Checks the options that go with --make: it takes no input files and no --source. */
static error_t check_made(import_arguments_t *a) {
  bool is_made = a->synthetic.name != NULL;
  if (!is_made && a->made_with != NULL)
    return arguments_refuse(&a->arguments, "--%s works only with --make, which is missing", a->made_with);
  if (!is_made) return 0;
  if (a->n_files != 1 || a->files[0].split != NULL)
    return arguments_refuse(&a->arguments, "--make takes no input files: name only the output file");
  if (a->import.source != NULL)
    return arguments_refuse(&a->arguments,
                            "--source does not go with --make: a synthetic set describes itself");
  a->import.synthetic = &a->synthetic;
  a->inputs[a->import.n_inputs++] = (import_input_t){NULL, a->synthetic.name, NULL};
  return 0;
}

static error_t finish(import_arguments_t *a) {
  error_t refused = check_made(a);
  if (refused) return refused;
  if (a->n_files < 2 && a->synthetic.name == NULL)
    return arguments_refuse(&a->arguments, "name the input and the output file");
  size_t output = find_output(a);
  a->import.output = a->files[output].path;
  if (!ends_in(a->import.output, ".h5") && !ends_in(a->import.output, ".hdf5"))
    return arguments_refuse(
        &a->arguments,
        "'%.200s' would be the output file, but does not end in .h5: name the output file last",
        a->import.output);
  for (size_t i = 0; i < a->n_files; i++) {
    error_t failed = i == output ? 0 : add_input(a, &a->files[i]);
    if (failed) return failed;
  }
  return 0;
}

/* Options that may be given several times, and where their values go. */
static texts_t *texts_of(import_arguments_t *a, int key) {
  return key == KEY_LABEL         ? &a->labels
         : key == KEY_CATEGORICAL ? &a->categorical
         : key == KEY_NUMERIC     ? &a->numeric
         : key == KEY_DROP        ? &a->drop
         : key == KEY_ORDERED     ? &a->ordered
         : key == KEY_CYCLIC      ? &a->cyclic
         : key == KEY_MISSING     ? &a->marks
                                  : NULL;
}

choice_list_t import_choices(int key) {
  return key == KEY_MAKE ? synthetic_choice : NULL;
}

bool import_may_repeat(int key) {
  import_arguments_t none;
  return key <= KEY_TEST || texts_of(&none, key) != NULL;
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  import_arguments_t *a = state->input;
  if (key > KEY_TEST && key < KEYS_END) a->split = NULL;
  switch (key) {
  case ARGP_KEY_INIT:
    a->synthetic = (synthetic_t){.rows = 1000,
                                 .features = SYNTHETIC_DEFAULT,
                                 .classes = SYNTHETIC_DEFAULT,
                                 .noise = SYNTHETIC_DEFAULT,
                                 .seed = 1};
    a->import.table.cells.header = -1;
    return 0;
  case KEY_TRAIN:
    a->split = "train";
    return add_file(a, arg);
  case KEY_VALID:
    a->split = "valid";
    return add_file(a, arg);
  case KEY_TEST:
    a->split = "test";
    return add_file(a, arg);
  case KEY_LABEL:
  case KEY_CATEGORICAL:
  case KEY_NUMERIC:
  case KEY_DROP:
  case KEY_ORDERED:
  case KEY_CYCLIC:
    return add_text(a, texts_of(a, key), arg);
  case KEY_MISSING:
    return read_marks(a, arg);
  case KEY_SERIES:
    a->import.table.series = arg;
    return 0;
  case KEY_WEIGHTS:
    a->import.table.weights = arg;
    return 0;
  case KEY_REGRESSION:
    a->import.table.regression = true;
    return 0;
  case KEY_DROP_UNLABELLED:
    a->import.table.drop_unlabelled = true;
    return 0;
  case KEY_DATES:
    return read_dates(a, arg);
  case KEY_DECIMAL:
    return read_decimal(a, arg);
  case KEY_ENCODING:
    return read_word(a, "encoding", arg, "utf-8", "latin-1", &a->import.table.reading.latin1);
  case KEY_HEADER:
    return read_header(a, arg);
  case KEY_DELIMITER:
    return read_delimiter(a, arg);
  case KEY_SPLIT:
    return read_shares(a, arg);
  case KEY_SHUFFLE:
    return read_shuffle(a, arg);
  case KEY_MAKE:
    a->synthetic.name = arg;
    return 0;
  case KEY_ROWS:
  case KEY_FEATURES:
  case KEY_CLASSES:
  case KEY_NOISE:
  case KEY_SEED:
    return read_made(a, key, arg);
  case KEY_SOURCE:
    a->import.source = arg;
    return 0;
  case KEY_LIKE:
    a->like = arg;
    return 0;
  case KEY_OVERWRITE:
    a->import.overwrite = true;
    return 0;
  case KEY_KEEP_INDEX:
    a->import.table.keep_index = true;
    return 0;
  case KEY_MOST_MEMORY:
    return read_most_memory(a, arg);
  case ARGP_KEY_ARG:
    return add_file(a, arg);
  case ARGP_KEY_END:
    return finish(a);
  default:
    return arguments_key(key, arg, state);
  }
}

/* Appends the table of synthetic sets to the help of --make. argp frees the result if it is not the text it
 * passed in. */
static char *complete_help(int key, const char *text, void *input) {
  (void)input;
  char names[256], *whole = NULL;
  if (key != KEY_MAKE) return (char *)text;
  choice_names(synthetic_choice, names, sizeof names);
  return asprintf(&whole, "%s %s", text, names) < 0 ? (char *)text : whole;
}

const struct argp import_argp = {
    .options = options,
    .parser = parse_key,
    .help_filter = complete_help,
    .args_doc = "--train X [Y] --test X [Y] OUT.h5\nTABLE OUT.h5 --label COLUMN\nX [Y] OUT.h5\n--make "
                "KIND OUT.h5",
    .doc =
        "Converts tables and arrays to one dataset file, or makes a synthetic one. Formats, gzipped or "
        "not: CSV, NPY, NPZ, IDX, libsvm, and tables in HDF5.\vThe content decides the format. FILE:NAME is "
        "one array or table of an NPZ or HDF5 file, - is the standard input. Options for CSV hold for tables "
        "in other formats too. Without --train, --valid and --test all rows go to the split "
        "`train`, or are divided by --split. A file without labels can be used with `lockstep predict`."};
