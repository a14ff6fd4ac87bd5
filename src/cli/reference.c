/* lockstep reference: what settings mean. */
#include "cli/command.h"

#include "pages/pages.h"
#include "train/choices.h"

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const arguments_t *a = input;
  (void)session;
  if (a->n > 0) return explain_print(stdout, settings_choices(), a->words[0], error);
  settings_reference(stdout, settings_choices(), REFERENCE_TEXT);
  return LS_OK;
}

static const struct argp argp = {
    .parser = arguments_key,
    .args_doc = "[KEY]",
    .doc = "Explains a setting: its meaning, its values, its default and an example. KEY is a key such as "
           "train.epochs, its last word if that is unique, a section such as train, or a kind of layer such "
           "as dense. Without KEY all settings are listed.\v`lockstep COMMAND --help=KEY` shows the same."};

const command_t command_reference = {
    .name = "reference",
    .meaning = "explain the settings: all, a section, or a key",
    .argp = &argp,
    .options_size = sizeof(arguments_t),
    .most = 1,
    .run = run,
};
