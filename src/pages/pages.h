/* What is written from the tables behind --help: man pages, completion of command lines in shells, and what a
 * setting means. */
#ifndef PAGES_PAGES_H
#define PAGES_PAGES_H

#include "config/settings.h"

#include <argp.h>

/* A command of the program, as its table describes it. */
typedef struct {
  const char *name;
  const char *meaning; /* one line */
  const struct argp *argp;
  choice_list_t (*choices)(
      int key); /* the names that an option's value may be, or NULL; NULL: none has any */
} page_command_t;

/* All of them, first to last, and the names that settings may have. Everything is borrowed. */
typedef struct {
  const page_command_t *commands;
  size_t n;
  const settings_choices_t *choices;
} page_tables_t;

/* Writes a man page for the program, for each command and for the settings into an existing folder:
 * lockstep.1, lockstep-COMMAND.1, lockstep-settings.5. Environment: SOURCE_DATE_EPOCH is the date of the
 * pages, else today. */
ls_status man_write(const page_tables_t *tables, const char *folder, ls_error *error);

/* Prints what completes command lines in bash, zsh or fish. LS_USAGE for another name. */
ls_status completions_print(const page_tables_t *tables, const char *shell, ls_error *error);

/* Explains what `word` names: a key such as train.epochs or its last word, a section such as train, or a kind
 * of layer: meaning, values, default, and an override that the settings take. LS_USAGE with the nearest name
 * if there is none. */
ls_status explain_print(FILE *out, const settings_choices_t *choices, const char *word, ls_error *error);

#endif
