/* lockstep weights: prints the weights of a model, and writes them to a file that can be edited. Training can
 * begin with such a file (model.init_from). */
#include "cli/command.h"

#include "inspect/names.h"
#include "inspect/weights.h"
#include "score/weights_csv.h"
#include "train/choices.h"
#include "host/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KEY_OUT = FIRST_KEY, KEY_LAYER, KEY_MEMBER, KEY_FULL };

typedef struct {
  arguments_t arguments;
  const char *out;
  weights_print_t print; /* member 0: not given */
} weights_arguments_t;

static const struct argp_option options[] = {
    {"out", KEY_OUT, "FILE", 0,
     "write all weights to FILE.csv, a line each, or to FILE.h5, which also holds settings and scaling", 0},
    {"layer", KEY_LAYER, "NAME", 0, "print this layer alone", 0},
    {"member", KEY_MEMBER, "M", 0, "of an ensemble: the M-th network, from 1", 0},
    {"full", KEY_FULL, NULL, 0, "do not shorten wide layers", 0},
    {0},
};

static bool ends_in(const char *path, const char *end) {
  const char *dot = strrchr(path, '.');
  return dot != NULL && strcmp(dot, end) == 0;
}

static error_t check_words(weights_arguments_t *a) {
  if (a->out != NULL && !ends_in(a->out, ".csv") && !ends_in(a->out, ".h5") && !ends_in(a->out, ".hdf5"))
    return arguments_refuse(&a->arguments, "--out: '%.200s' ends neither in .csv nor in .h5", a->out);
  if (a->out != NULL && (a->print.layer != NULL || a->print.is_full))
    return arguments_refuse(&a->arguments, "--layer and --full are for printing: a file holds all weights");
  return 0;
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  weights_arguments_t *a = state->input;
  enum { MOST_MEMBERS = 10000 };
  switch (key) {
  case KEY_OUT:
    a->out = arg;
    return 0;
  case KEY_LAYER:
    a->print.layer = arg;
    return 0;
  case KEY_MEMBER:
    return arguments_count(&a->arguments, "member", arg, 1, MOST_MEMBERS, &a->print.member);
  case KEY_FULL:
    a->print.is_full = true;
    return 0;
  case ARGP_KEY_END:
    return check_words(a);
  default:
    return arguments_key(key, arg, state);
  }
}

static ls_status choose_member(const model_t *model, int64_t *member, ls_error *error) {
  if (*member > model->n_members || (*member == 0 && model->n_members > 1))
    return error_set(error, LS_USAGE, "the model has %" PRId64 " network%s: choose one with --member 1%s",
                     model->n_members, model->n_members > 1 ? "s" : "",
                     model->n_members > 1 ? " or more" : "");
  if (*member == 0) *member = 1;
  return LS_OK;
}

static ls_status write_file(const weights_arguments_t *a, const model_t *model, ls_error *error) {
  const float *vector = model->members[a->print.member - 1];
  host_facts_t host;
  model_parts_t parts = model_parts(model);
  host_facts(&host);
  parts.libraries = host.libraries;
  parts.cpu = host.cpu;
  parts.parameters = vector;
  parts.members = NULL;
  parts.n_members = 1;
  TRY(ends_in(a->out, ".csv") ? weights_csv_write(a->out, model->graph, vector, error)
                              : model_write_weights(a->out, &parts, error));
  printf("%zu weights: %s\n", graph_plain_floats(model->graph), a->out);
  return LS_OK;
}

static ls_status show(weights_arguments_t *a, const model_t *model, ls_error *error) {
  TRY(choose_member(model, &a->print.member, error));
  if (a->out != NULL) return write_file(a, model, error);
  return weights_print(model, &a->print, stdout, error);
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  weights_arguments_t *a = input;
  model_t *model = NULL;
  char path[4096];
  TRY(model_path(a->arguments.words[0], path, sizeof path, error));
  TRY(output_check(session, "out", a->out, (const char *const[]){path}, 1, error));
  TRY(model_is_weights(path) ? model_read_weights(path, settings_choices(), &model, error)
                             : model_read(path, settings_choices(), &model, error));
  ls_status status = show(a, model, error);
  model_destroy(&model);
  return status;
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "MODEL [--out FILE]",
    .doc =
        "Prints the weights of a model, layer by layer, or writes them to a file.\vMODEL is a model file, a "
        "checkpoint, a run directory, or a file that --out FILE.h5 has written. In the tables a row is a "
        "unit "
        "and a column an input. Edit the file by hand and train with model.init_from=FILE: without an "
        "epoch (train.epochs=0) the run's model has exactly these weights."};

const command_t command_weights = {
    .name = "weights",
    .meaning = "print or write the weights of a model",
    .argp = &argp,
    .options_size = sizeof(weights_arguments_t),
    .fewest = 1,
    .most = 1,
    .run = run,
};
