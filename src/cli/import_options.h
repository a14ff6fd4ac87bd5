/* The options of lockstep import: which words are inputs, which one is the output, and what the others say.
 */
#ifndef CLI_IMPORT_OPTIONS_H
#define CLI_IMPORT_OPTIONS_H

#include "cli/command.h"
#include "import/import.h"

enum { MOST_SPLITS = 16, MOST_WORDS = 3 * MOST_SPLITS };
enum { MOST_TEXTS = 256 };

/* The values of an option that may be given several times. */
typedef struct {
  const char *texts[MOST_TEXTS];
  size_t n;
} texts_t;

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
  texts_t labels, categorical, numeric, drop, ordered, cyclic, marks;
  const char *like;      /* a model, or NULL */
  const char *made_with; /* an option that is valid only with --make, or NULL */
} import_arguments_t;

/* Fills an import_arguments_t, which begins as zeros. Texts are those of the command line. */
extern const struct argp import_argp;

/* Whether the option with this key may be given several times. */
bool import_may_repeat(int key);

/* The names that the value of an option may be, or NULL. */
choice_list_t import_choices(int key);

#endif
