/* Finds overrides that a command does not use. A settings file is written for `train`, so other commands
 * ignore keys of the file that they do not need. A user who writes a key on the command line expects an
 * effect, so such an override is an error. */
#include "request/request.h"

#include <string.h>

typedef struct {
  const char *commands, *keys; /* names with spaces between them; a section stands for all of its keys */
  const char *why;
} unused_t;

static const unused_t table[] = {
    {"train check sweep", "solve", "it belongs to `lockstep solve`"},
    {"train check sweep solve lr-find gradcheck bench", "components", "it belongs to `lockstep components`"},
    {"lr-find gradcheck bench", "name runs checkpoint", "no run is kept"},
    {"lr-find gradcheck bench", "solve", "it belongs to `lockstep solve`"},
    {"lr-find gradcheck bench",
     "stop train.epochs train.steps train.log_every train.verify_every train.time_limit train.top_k "
     "train.members",
     "no run is trained to its end"},
    {"lr-find", "schedule optimizer.learning_rate", "the rate grows from --low to --high"},
    {"gradcheck",
     "optimizer schedule train.clip_norm train.on_nan train.max_skips train.l1 train.l2 train.precision "
     "model.freeze",
     "the gradient of all parameters is compared in fp32, without penalties and without an update"},
    {"landscape",
     "name runs checkpoint stop schedule solve components train.epochs train.steps train.time_limit "
     "train.members",
     "nothing is trained"},
    {"solve",
     "optimizer schedule stop train.epochs train.steps train.clip_norm train.on_nan train.max_skips "
     "train.verify_every train.log_every train.time_limit",
     "the closed form takes no steps"},
    {"solve", "checkpoint", "the solution is in model.h5, and no checkpoint is written"},
    {"solve", "train.l1 train.l2", "the closed form has a penalty with solve.method=ridge, solve.lambda"},
    {"train check sweep solve lr-find gradcheck bench landscape", "density",
     "it belongs to `lockstep density`"},
    {"cluster", "density", "it belongs to `lockstep density`"},
    {"density", "components", "it belongs to `lockstep components`"},
    {"components", "cluster density", "components are no clusters, and no kernels"},
    {"cluster density components solve", "train.top_k", "no classes are told apart"},
    {"density", "cluster model.layers loss",
     "the network and its fit follow from the rows and from `density`"},
    {"density",
     "optimizer schedule stop solve train.epochs train.steps train.global_batch_size train.clip_norm "
     "train.on_nan train.max_skips train.verify_every train.log_every train.members train.l1 train.l2 "
     "train.precision",
     "kernels are not trained: each bandwidth is an epoch"},
    {"components", "model loss data.targets data.target_scaling data.y data.valid_y data.test_y",
     "the network of components follows from the features, which are its targets"},
    {"components",
     "optimizer schedule stop solve checkpoint train.epochs train.steps train.clip_norm train.on_nan "
     "train.max_skips train.verify_every train.log_every train.time_limit train.l1 train.l2 train.members",
     "components take no steps of training"},
    {"cluster",
     "optimizer schedule solve components train.steps train.members train.precision train.l1 train.l2 "
     "train.clip_norm train.on_nan train.max_skips train.verify_every train.log_every stop.gradient_norm "
     "model.freeze checkpoint.parts",
     "a fit takes no steps along a gradient"},
    {"solve lr-find gradcheck bench landscape", "cluster", "it belongs to `lockstep cluster`"},
    {"info", "name runs loss optimizer schedule train stop solve components density checkpoint",
     "the graph follows from data and model alone"},
    {"info --row",
     "name runs schedule stop solve components density cluster checkpoint train.epochs train.steps "
     "train.global_batch_size train.members train.l1 train.l2 train.clip_norm train.precision",
     "one step of plain gradient descent is shown"},
    {"solve", "model.embeddings.above model.embeddings.width", "columns of categories are one_hot here"},
};

/* Whether a word of the list is `name`, or the beginning of its path. */
static bool has(const char *list, const char *name, size_t length) {
  while (*list != '\0') {
    const size_t word = strcspn(list, " ");
    if (word <= length && strncmp(list, name, word) == 0 && (word == length || name[word] == '.'))
      return true;
    list += word + strspn(list + word, " ");
  }
  return false;
}

/* A command with an option, as in "info --row", may have a row of its own. */
static bool is_of(const unused_t *row, const char *command) {
  return strcmp(row->commands, command) == 0 || has(row->commands, command, strlen(command));
}

ls_status unused_check(const command_t *command, char *const *overrides, size_t n, ls_error *error) {
  for (size_t i = 0; i < n; i++) {
    const size_t length = strcspn(overrides[i], "=");
    for (size_t r = 0; r < sizeof table / sizeof table[0]; r++)
      if (is_of(&table[r], command->name) && has(table[r].keys, overrides[i], length))
        return error_set(error, LS_BAD_SETTINGS,
                         "override '%.200s': %.*s has no effect in `lockstep %s`: %s; leave it out",
                         overrides[i], (int)length, overrides[i], command->name, table[r].why);
  }
  return LS_OK;
}
