/* lockstep diff: reports whether two models or runs are bit-identical, and where they first differ. */
#include "cli/command.h"

#include "inspect/difference.h"

#include <stdio.h>

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const arguments_t *a = input;
  const char *words[2] = {a->words[0], a->words[1]};
  bool same = false;
  (void)session;
  TRY(inspect_difference(words, &same, error));
  if (same) return LS_OK;
  fflush(stdout);
  return error_set(error, LS_FAILED, "%s and %s are not bit-identical", words[0], words[1]);
}

static const struct argp argp = {
    .parser = arguments_key,
    .args_doc = "A B",
    .doc =
        "Compares two models, checkpoints or runs bit by bit, and reports where they first differ: "
        "parameters, scaling, names of classes and features, and the losses of their epochs.\vThe exit code "
        "is 0 if they are bit-identical and 1 if not."};

const command_t command_diff = {
    .name = "diff",
    .meaning = "compare two models or runs bit by bit",
    .argp = &argp,
    .options_size = sizeof(arguments_t),
    .fewest = 2,
    .most = 2,
    .run = run,
};
