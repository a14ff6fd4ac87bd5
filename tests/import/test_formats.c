/* Imports of files that NumPy, h5py and Python have written, and files that are damaged. formats.py writes
 * them; it asks for each import with a line on its standard output, and reads what comes out with h5py. The
 * imports happen in this process: hundreds of programs would take minutes to start. */
#include "base/text.h"
#include "import/import.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/lockstep-formats-XXXXXX";

static void enter_folder(void) {
  cr_assert(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

static void leave_folder(void) {
  char command[64];
  snprintf(command, sizeof command, "rm -r %s", folder);
  cr_assert(chdir("/") == 0 && system(command) == 0);
}

TestSuite(formats, .init = enter_folder, .fini = leave_folder);

/* Runs an import with the words of a command line: files, --train, --test, --label, --regression,
 * --numeric, --most-memory. *said (malloc'd) is what it prints, or the error. */
static ls_status import_words(char *line, char **said) {
  import_input_t inputs[2] = {{0}};
  import_options_t options = {
      .inputs = inputs, .output = "out.h5", .table.cells.header = -1, .overwrite = true};
  const char *split = NULL, *label = NULL, *numeric = NULL;
  char *rest = NULL;
  size_t size = 0;
  double bytes = 0;
  ls_error error = {0};
  for (char *word = strtok_r(line, " \n", &rest); word != NULL; word = strtok_r(NULL, " \n", &rest)) {
    import_input_t *last = options.n_inputs > 0 ? &inputs[options.n_inputs - 1] : NULL;
    if (strcmp(word, "--train") == 0 || strcmp(word, "--test") == 0)
      split = word + 2;
    else if (strcmp(word, "--regression") == 0)
      options.table.regression = true;
    else if (strcmp(word, "--label") == 0)
      label = strtok_r(NULL, " \n", &rest);
    else if (strcmp(word, "--numeric") == 0)
      numeric = strtok_r(NULL, " \n", &rest);
    else if (strcmp(word, "--most-memory") == 0) {
      cr_assert(text_bytes(strtok_r(NULL, " \n", &rest), &bytes));
      options.most_memory = (int64_t)bytes;
    } else if (last != NULL && last->split == split)
      last->y = word;
    else
      inputs[options.n_inputs++] = (import_input_t){split, word, NULL};
  }
  options.table.labels = (table_list_t){&label, label != NULL};
  options.table.numeric = (table_list_t){&numeric, numeric != NULL};
  log_t log = {.out = open_memstream(said, &size)};
  ls_status status = import_run(&options, &log, &error);
  if (status != LS_OK) fprintf(log.out, "%s\n", error.message);
  fclose(log.out);
  return status;
}

Test(formats, files_of_other_programs_are_imported_exactly_or_refused, .timeout = 300) {
  int words[2], answers[2], state = 0;
  char line[4096] = "";
  cr_assert(pipe(words) == 0 && pipe(answers) == 0);
  pid_t python = fork();
  if (python == 0) {
    dup2(answers[0], STDIN_FILENO);
    dup2(words[1], STDOUT_FILENO);
    close(words[0]);
    close(answers[1]);
    execl("/usr/bin/python3", "python3", TESTS_FOLDER "/import/formats.py", (char *)NULL);
    _exit(127);
  }
  close(words[1]);
  close(answers[0]);
  FILE *in = fdopen(words[0], "r"), *out = fdopen(answers[1], "w");
  while (fgets(line, sizeof line, in) != NULL && strncmp(line, "end", 3) != 0) {
    char *said = NULL;
    ls_status status = import_words(line, &said);
    fprintf(out, "%d %zu\n%s", ls_status_exit_code(status), strlen(said), said);
    fflush(out);
    free(said);
  }
  size_t n = fread(line, 1, sizeof line - 1, in);
  line[n] = '\0';
  waitpid(python, &state, 0);
  cr_expect(WIFEXITED(state) && WEXITSTATUS(state) == 0 && n > 0, "%s", line);
  fclose(in);
  fclose(out);
}
