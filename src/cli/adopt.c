/* lockstep adopt: makes a model of weights that another program wrote (scripts/import_model.py). Whatever
 * makes a model readable later comes from here: the same checks as for every model, the checksum of the
 * parameters, the manifest and the seal. */
#include "cli/command.h"

#include "math/finite.h"
#include "train/choices.h"
#include "host/host.h"

#include <inttypes.h>
#include <stdio.h>

enum { KEY_OUT = FIRST_KEY };

typedef struct {
  arguments_t arguments;
  const char *out;
} adopt_arguments_t;

static const struct argp_option options[] = {
    {"out", KEY_OUT, "MODEL", 0, "the model file to write; default model.h5", 0},
    {0},
};

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  adopt_arguments_t *a = state->input;
  if (key == KEY_OUT) a->out = arg;
  if (key == ARGP_KEY_END && a->out == NULL) a->out = "model.h5";
  return key == KEY_OUT || key == ARGP_KEY_END ? 0 : arguments_key(key, arg, state);
}

static ls_status check_numbers(const model_t *model, const char *path, ls_error *error) {
  for (int64_t m = 0; m < model->n_members; m++)
    if (!floats_are_finite(model->members[m], graph_floats(model->graph)))
      return error_set(error, LS_BAD_DATA, "%s: its parameters are not all finite", path);
  return LS_OK;
}

static ls_status adopt(const adopt_arguments_t *a, const model_t *model, ls_error *error) {
  host_facts_t host;
  model_parts_t parts = model_parts(model);
  TRY(check_numbers(model, a->arguments.words[0], error));
  host_facts(&host);
  parts.libraries = host.libraries;
  parts.cpu = host.cpu;
  TRY(model_write(a->out, &parts, NULL, error));
  printf("%s: %" PRId64 " parameters, checksum %s\n", a->out,
         graph_parameters(model->graph) * model->n_members, model->checksum);
  return LS_OK;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const adopt_arguments_t *a = input;
  model_t *model = NULL;
  const char *const inputs[] = {a->arguments.words[0]};
  TRY(output_check(session, "out", a->out, inputs, 1, error));
  TRY(model_read_weights(a->arguments.words[0], settings_choices(), &model, error));
  ls_status status = adopt(a, model, error);
  model_destroy(&model);
  return status;
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "WEIGHTS",
    .doc =
        "Makes a model of weights and settings that another program wrote (docs/formats.md). Checks them as "
        "those of any model, and adds checksum, manifest and seal.\vscripts/import_model.py calls this "
        "command, for ONNX, PyTorch, Keras and NumPy files."};

const command_t command_adopt = {
    .name = "adopt",
    .meaning = "make a model of weights from another program",
    .argp = &argp,
    .options_size = sizeof(adopt_arguments_t),
    .fewest = 1,
    .most = 1,
    .run = run,
};
