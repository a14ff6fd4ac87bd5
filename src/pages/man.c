/* Man pages, from the tables that --help prints. */
#include "pages/pages.h"

#include "base/roff.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char overview[] =
    "Trains neural networks on CPUs, from a laptop to a cluster, with the same bits on any layout.";

static const struct {
  int code;
  const char *meaning;
} exit_codes[] = {
    {0, "done"},
    {1, "failed"},
    {2, "bad usage or settings"},
    {3, "bad data"},
    {75, "stopped early on request"},
};

/* ---- parts of pages ---- */

static void put_section(FILE *out, const char *title) {
  fprintf(out, ".SH %s\n", title);
}

/* Name and section of the page, its date, and the section NAME. */
static void put_head(FILE *out, const char *name, int section, const char *meaning) {
  const char *epoch = getenv("SOURCE_DATE_EPOCH");
  time_t now = epoch != NULL ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
  char date[32] = "";
  struct tm day;
  if (gmtime_r(&now, &day) != NULL) strftime(date, sizeof date, "%Y-%m-%d", &day);
  fputs(".\\\" Written by lockstep --man.\n.TH ", out);
  for (const char *c = name; *c != '\0'; c++) fputc(toupper((unsigned char)*c), out);
  fprintf(out, " %d %s \"lockstep %s\"\n", section, date, LOCKSTEP_VERSION);
  put_section(out, "NAME");
  roff_words(out, name);
  fputs(" \\-\n", out);
  roff_text(out, meaning);
}

static void put_item(FILE *out, const char *name, const char *meaning) {
  fputs(".TP\n.B ", out);
  roff_words(out, name);
  fputc('\n', out);
  roff_text(out, meaning);
}

static void put_exit_codes(FILE *out) {
  put_section(out, "EXIT STATUS");
  for (size_t i = 0; i < sizeof exit_codes / sizeof exit_codes[0]; i++) {
    char code[8];
    snprintf(code, sizeof code, "%d", exit_codes[i].code);
    put_item(out, code, exit_codes[i].meaning);
  }
}

/* Each line of args_doc is one way to call the command. */
static void put_synopsis(FILE *out, const page_command_t *command) {
  put_section(out, "SYNOPSIS");
  const char *line = command->argp->args_doc;
  for (bool is_first = true; line != NULL; is_first = false) {
    const char *end = strchr(line, '\n');
    char words[256];
    snprintf(words, sizeof words, "%.*s", end != NULL ? (int)(end - line) : (int)strlen(line), line);
    fputs(is_first ? "" : ".br\n", out);
    fprintf(out, ".B lockstep %s\n", command->name);
    if (command->argp->options != NULL) fputs("[OPTION...]\n", out);
    roff_words(out, words);
    fputc('\n', out);
    line = end == NULL ? NULL : end + 1;
  }
}

static void put_options(FILE *out, const struct argp *argp) {
  if (argp->options == NULL) return;
  put_section(out, "OPTIONS");
  for (const struct argp_option *o = argp->options; o->name != NULL; o++) {
    char *whole = argp->help_filter != NULL ? argp->help_filter(o->key, o->doc, NULL) : NULL;
    bool is_optional = (o->flags & OPTION_ARG_OPTIONAL) != 0;
    fputs(".TP\n\\fB\\-\\-", out);
    roff_words(out, o->name);
    fputs("\\fR", out);
    if (o->arg != NULL) {
      fputs(is_optional ? "[=\\fI" : "=\\fI", out);
      roff_words(out, o->arg);
      fputs(is_optional ? "\\fR]" : "\\fR", out);
    }
    fputc('\n', out);
    roff_text(out, whole != NULL ? whole : o->doc);
    if (whole != o->doc) free(whole);
  }
}

/* The text before \v introduces the command, the text after it explains more. */
static void put_description(FILE *out, const char *doc) {
  const char *more = strchr(doc, '\v');
  char *first = strndup(doc, more != NULL ? (size_t)(more - doc) : strlen(doc));
  put_section(out, "DESCRIPTION");
  if (first != NULL) roff_text(out, first);
  if (more != NULL) {
    fputs(".PP\n", out);
    roff_text(out, more + 1);
  }
  free(first);
}

/* ---- pages ---- */

static void put_command(FILE *out, const page_command_t *command) {
  char name[64];
  snprintf(name, sizeof name, "lockstep-%s", command->name);
  put_head(out, name, 1, command->meaning);
  put_synopsis(out, command);
  put_description(out, command->argp->doc);
  put_options(out, command->argp);
  put_exit_codes(out);
  put_section(out, "SEE ALSO");
  fputs(".BR lockstep (1),\n.BR lockstep\\-settings (5)\n", out);
}

static void put_program(FILE *out, const page_tables_t *tables) {
  put_head(out, "lockstep", 1, "train neural networks on CPUs, with the same bits on any layout");
  put_section(out, "SYNOPSIS");
  fputs(".B lockstep\nCOMMAND ARGUMENTS\n.br\n.B mpirun \\-n\nRANKS\n.B lockstep\nCOMMAND ARGUMENTS\n", out);
  put_section(out, "DESCRIPTION");
  roff_text(out, overview);
  roff_text(out, "Alone it uses the cores of one process, under `mpirun` or `srun` those of all ranks.");
  put_section(out, "COMMANDS");
  for (size_t i = 0; i < tables->n; i++) put_item(out, tables->commands[i].name, tables->commands[i].meaning);
  put_item(out, "help", "list the commands, or explain the one that follows");
  put_item(out, "version", "the same as --version");
  put_section(out, "OPTIONS");
  put_item(out, "--help", "list the commands; after a command: explain it (also -h)");
  put_item(out, "--help=KEY", "after a command that takes settings: explain one of them, or a section");
  put_item(out, "--version", "list the libraries, the instruction sets, the commit and the compiler's flags");
  put_item(out, "--man=FOLDER", "write these man pages into a folder");
  put_item(out, "--completions=bash|zsh|fish", "print what completes command lines in a shell");
  put_exit_codes(out);
  put_section(out, "SEE ALSO");
  for (size_t i = 0; i < tables->n; i++) {
    fputs(".BR lockstep\\-", out);
    roff_words(out, tables->commands[i].name);
    fputs(" (1),\n", out);
  }
  fputs(".BR lockstep\\-settings (5)\n", out);
}

static void put_settings(FILE *out, const page_tables_t *tables) {
  put_head(out, "lockstep-settings", 5, "the settings of a network and of its training");
  put_section(out, "DESCRIPTION");
  settings_reference(out, tables->choices, REFERENCE_MAN);
  put_section(out, "SEE ALSO");
  fputs(".BR lockstep (1),\n.BR lockstep\\-train (1)\n", out);
}

ls_status man_write(const page_tables_t *tables, const char *folder, ls_error *error) {
  for (size_t i = 0; i < tables->n + 2; i++) {
    const page_command_t *command = i < tables->n ? &tables->commands[i] : NULL;
    const char *page = command != NULL ? command->name : i == tables->n ? "" : "settings";
    char path[4096];
    snprintf(path, sizeof path, "%s/lockstep%s%s.%c", folder, page[0] == '\0' ? "" : "-", page,
             i == tables->n + 1 ? '5' : '1');
    FILE *out = fopen(path, "w");
    if (out == NULL) return error_set(error, LS_IO, "%s cannot be written: %s", path, strerror(errno));
    if (command != NULL)
      put_command(out, command);
    else if (i == tables->n)
      put_program(out, tables);
    else
      put_settings(out, tables);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed)
      return error_set(error, LS_IO, "%s could not be written: %s", path, strerror(errno));
  }
  return LS_OK;
}
