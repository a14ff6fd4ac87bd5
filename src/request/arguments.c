/* Parses a command's arguments with argp. Here argp neither prints nor exits: under mpirun all ranks parse
 * the same command line, and only one rank reports an error. */
#include "request/request.h"

#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

error_t arguments_refuse(arguments_t *arguments, const char *format, ...) {
  va_list args;
  va_start(args, format);
  arguments->error.status = LS_USAGE;
  vsnprintf(arguments->error.message, sizeof arguments->error.message, format, args);
  va_end(args);
  return EINVAL;
}

/* The nearest option to a word with dashes; NULL if none is near. */
static const char *nearest_option(const struct argp_option *options, const char *word, size_t length) {
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)length, word);
  size_t best = length / 3 + 2; /* as choice_nearest */
  const char *near = NULL;
  for (const struct argp_option *o = options; o != NULL && o->name != NULL; o++) {
    const size_t distance = text_distance(name, o->name);
    if (distance >= best) continue;
    best = distance;
    near = o->name;
  }
  return near;
}

/* Explains why getopt stopped at an option: the option is unknown, lacks its value, or has a value it does
 * not take. */
static void refuse_option(arguments_t *arguments, const struct argp_state *state) {
  const struct argp_option *options = state->root_argp->options;
  const char *word = state->argv[state->next - 1];
  const size_t dashes = strspn(word, "-"), length = strcspn(word + dashes, "=");
  for (const struct argp_option *o = options; o != NULL && o->name != NULL; o++) {
    if (dashes < 2 || strlen(o->name) != length || strncmp(word + 2, o->name, length) != 0) continue;
    arguments_refuse(arguments, o->arg != NULL ? "option %.80s needs a value" : "option %.80s takes no value",
                     word);
    return;
  }
  char key[64], full[SETTING_PATH_SIZE];
  snprintf(key, sizeof key, "%.*s", (int)length, word + dashes);
  const char *near = nearest_option(options, word + dashes, length);
  if (arguments->command->shows_settings && settings_key_find(key, full))
    arguments_refuse(arguments, "there is no option %.80s; settings have no dashes: %s=VALUE", word, full);
  else if (near != NULL)
    arguments_refuse(arguments, "there is no option %.80s; did you mean --%s?", word, near);
  else
    arguments_refuse(arguments, "there is no option %.80s", word);
}

error_t arguments_key(int key, char *arg, struct argp_state *state) {
  arguments_t *arguments = state->input;
  (void)arg;
  switch (key) {
  case ARGP_KEY_ARGS:
    arguments->words = state->argv + state->next;
    arguments->n = (size_t)(state->argc - state->next);
    return 0;
  case ARGP_KEY_ERROR:
    if (arguments->error.status == LS_OK) refuse_option(arguments, state);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* An option that is given twice has one value that would not be used. argp has no names of keys, so the table
 * of options is asked. */
static error_t parse_once(int key, char *arg, struct argp_state *state) {
  arguments_t *arguments = state->input;
  const command_t *command = arguments->command;
  size_t number = (size_t)(key - FIRST_KEY);
  if (key < FIRST_KEY || number >= sizeof arguments->given) return command->argp->parser(key, arg, state);
  bool again = arguments->given[number] && (command->may_repeat == NULL || !command->may_repeat(key));
  arguments->given[number] = true;
  if (!again) return command->argp->parser(key, arg, state);
  const struct argp_option *option = command->argp->options;
  while (option->key != key) option++;
  return arguments_refuse(arguments, "--%s is given twice", option->name);
}

ls_status arguments_parse(const command_t *command, int argc, char **argv, arguments_t *options,
                          ls_error *error) {
  unsigned flags = ARGP_NO_EXIT | ARGP_NO_ERRS | ARGP_NO_HELP | (command->in_order ? ARGP_IN_ORDER : 0);
  struct argp argp = *command->argp;
  argp.parser = parse_once;
  options->command = command;
  int code = argp_parse(&argp, argc, argv, flags, NULL, options);
  if (code == 0 && options->n < command->fewest)
    arguments_refuse(options, "an argument is missing: lockstep %s %s", command->name,
                     command->argp->args_doc);
  else if (code == 0 && options->n > command->most)
    arguments_refuse(options, "'%.80s' is one argument too many: lockstep %s %s",
                     options->words[command->most], command->name, command->argp->args_doc);
  else if (code == 0)
    return LS_OK;
  if (code == ENOMEM) return error_set(error, LS_NO_MEMORY, "no memory to read the arguments");
  return error_set(error, LS_USAGE, "%s (see `lockstep %s --help`)", options->error.message, command->name);
}

error_t arguments_count(arguments_t *arguments, const char *option, const char *text, int64_t least,
                        int64_t most, int64_t *out) {
  if (text_int64(text, out) && *out >= least && *out <= most) return 0;
  return arguments_refuse(arguments, "--%s: '%.60s' is not a whole number from %" PRId64 " to %" PRId64,
                          option, text, least, most);
}

error_t arguments_positive(arguments_t *arguments, const char *option, const char *text, double *out) {
  if (text_double(text, out) && *out > 0 && isfinite(*out)) return 0;
  return arguments_refuse(arguments, "--%s: '%.60s' is not a number above 0", option, text);
}
