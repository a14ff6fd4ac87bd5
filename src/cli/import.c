/* lockstep import: finds out which words are inputs and which one is the output. The import room does the
 * work. */
#include "cli/command.h"

#include "base/text.h"
#include "import/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SPLITS = 16, MOST_WORDS = 3 * MOST_SPLITS };
enum { KEY_TRAIN = 256, KEY_VALID, KEY_TEST, KEY_LABEL, KEY_SPLIT, KEY_SHUFFLE, KEY_REGRESSION };
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
  KEYS_END
};

/* A file name and the option before it: --train, --valid or --test, otherwise NULL. */
typedef struct {
  const char *split;
  const char *path;
} file_t;

typedef struct {
  arguments_t arguments;
  import_options_t import;
  file_t files[MOST_WORDS];
  size_t n_files;
  const char *split; /* the split that the following words belong to */
  import_input_t inputs[MOST_SPLITS];
  import_share_t shares[MOST_SPLITS];
  synthetic_t synthetic;
  bool given[KEYS_END - KEY_TRAIN];
  const char *made_with; /* an option that is valid only with --make, or NULL */
} import_arguments_t;

static const struct argp_option options[] = {
    {"train", KEY_TRAIN, "X [Y]", 0, "training rows: file of features, file of labels or targets", 1},
    {"valid", KEY_VALID, "X [Y]", 0, "validation rows", 1},
    {"test", KEY_TEST, "X [Y]", 0, "test rows", 1},
    {"label", KEY_LABEL, "COLUMN", 0,
     "CSV: column of labels, by name or index (from 0; -1 is the last); text becomes classes", 2},
    {"regression", KEY_REGRESSION, NULL, 0, "CSV: labels are numbers to predict, not classes", 2},
    {"series", KEY_SERIES, "COLUMN", 0,
     "CSV: column with the time series of each row, by name or index; for data.window.series", 2},
    {"missing", KEY_MISSING, NULL, 0,
     "CSV: empty cells, NA, NaN and ? among the features become NaN, which data.missing treats", 2},
    {"keep-index", KEY_KEEP_INDEX, NULL, 0,
     "CSV: keep a first column that only numbers or names the rows; it is left out otherwise", 2},
    {"header", KEY_HEADER, "yes|no|auto", 0, "CSV: whether the first line names the columns; default auto",
     2},
    {"delimiter", KEY_DELIMITER, "C", 0, "CSV: character between cells, or tab or space; default: detected",
     2},
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
  error_t failed = arguments_count(&a->arguments, "shuffle", text, 0, &seed);
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
    return arguments_count(&a->arguments, "rows", text, 1, &set->rows);
  case KEY_FEATURES:
    a->made_with = "features";
    return arguments_count(&a->arguments, "features", text, 1, &set->features);
  case KEY_CLASSES:
    a->made_with = "classes";
    return arguments_count(&a->arguments, "classes", text, 1, &set->classes);
  case KEY_SEED:
    a->made_with = "seed";
    failed = arguments_count(&a->arguments, "seed", text, 0, &seed);
    set->seed = (uint64_t)seed;
    return failed;
  default:
    a->made_with = "noise";
    if (text_double(text, &set->noise) && set->noise >= 0) return 0;
    return arguments_refuse(&a->arguments,
                            "--noise: '%.60s' is not a standard deviation, a number of at least 0", text);
  }
}

static error_t read_header(import_arguments_t *a, const char *text) {
  static const struct {
    const char *name;
    int value;
  } rows[] = {{"yes", 1}, {"no", 0}, {"auto", -1}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (strcmp(text, rows[i].name) == 0) {
      a->import.header = rows[i].value;
      return 0;
    }
  return arguments_refuse(&a->arguments, "--header: '%.60s' is none of yes, no, auto", text);
}

static error_t read_delimiter(import_arguments_t *a, const char *text) {
  bool is_tab = strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0;
  bool is_space = strcmp(text, "space") == 0;
  if (!is_tab && !is_space && strlen(text) != 1)
    return arguments_refuse(&a->arguments, "--delimiter: '%.60s' is not one character, tab or space", text);
  a->import.delimiter = is_tab ? '\t' : is_space ? ' ' : text[0];
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

/* An option may be given once. argp has no names of keys, so the table of options is asked. */
static error_t check_once(import_arguments_t *a, int key, const char *text) {
  bool again = a->given[key - KEY_TRAIN];
  a->given[key - KEY_TRAIN] = true;
  if (!again) return 0;
  const struct argp_option *option = options;
  while (option->key != key) option++;
  if (key == KEY_LABEL)
    return arguments_refuse(&a->arguments,
                            "--label is given twice ('%.60s' and '%.60s'): one column holds the labels; put "
                            "several targets into a table of their own, X.csv Y.csv",
                            a->import.label, text);
  return arguments_refuse(&a->arguments, "--%s is given twice", option->name);
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  import_arguments_t *a = state->input;
  if (key > KEY_TEST && key < KEYS_END) {
    error_t refused = check_once(a, key, arg);
    if (refused) return refused;
    a->split = NULL;
  }
  switch (key) {
  case ARGP_KEY_INIT:
    a->synthetic = (synthetic_t){.rows = 1000,
                                 .features = SYNTHETIC_DEFAULT,
                                 .classes = SYNTHETIC_DEFAULT,
                                 .noise = SYNTHETIC_DEFAULT,
                                 .seed = 1};
    a->import.header = -1;
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
    a->import.label = arg;
    return 0;
  case KEY_SERIES:
    a->import.series = arg;
    return 0;
  case KEY_REGRESSION:
    a->import.regression = true;
    return 0;
  case KEY_MISSING:
    a->import.missing = true;
    return 0;
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
  case KEY_OVERWRITE:
    a->import.overwrite = true;
    return 0;
  case KEY_KEEP_INDEX:
    a->import.keep_index = true;
    return 0;
  case ARGP_KEY_ARG:
    return add_file(a, arg);
  case ARGP_KEY_END:
    return finish(a);
  default:
    return arguments_key(key, arg, state);
  }
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  import_arguments_t *a = input;
  log_t results = {stdout};
  (void)session;
  a->import.inputs = a->inputs;
  a->import.shares = a->shares;
  return import_run(&a->import, &results, error);
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

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .help_filter = complete_help,
    .args_doc = "--train X [Y] --test X [Y] OUT.h5\nTABLE.csv OUT.h5 --label COLUMN\nX [Y] OUT.h5\n--make "
                "KIND OUT.h5",
    .doc =
        "Converts IDX (gzipped or not), CSV and NPY files to one dataset file, or makes a synthetic "
        "one.\vThe content decides the format. Without --train, --valid and --test all rows go to the split "
        "`train`, or are divided by --split. A file without labels can be used with `lockstep predict`."};

const command_t command_import = {
    .name = "import",
    .meaning = "convert IDX, CSV or NPY files to a dataset file, or make a synthetic one",
    .argp = &argp,
    .options_size = sizeof(import_arguments_t),
    .most = ANY_NUMBER,
    .in_order = true,
    .run = run,
};
