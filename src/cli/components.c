/* lockstep components. */
#include "cli/command.h"

#include "train/trainer.h"

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const arguments_t *a = input;
  settings_t *settings = NULL;
  TRY(settings_everywhere(session, a, &settings, error));
  const train_options_t options = {.log = &session->log, .results = &session->results};
  ls_status status = components_run(session->world, settings, &options, error);
  return settings_end(&settings, status, error);
}

static const struct argp argp = {
    .parser = arguments_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]",
    .doc = "Finds the principal components of the features: the directions in which the training rows vary "
           "most. The settings need only data.file; the section components says how many. The result is a "
           "model of two dense layers: `lockstep predict --layer dense1` computes the scores, `lockstep "
           "predict` "
           "the rows that they stand for, `lockstep eval --rows` how well each row is reproduced. It is in "
           "runs/NAME, and a table of the variances is printed on the standard output.\vSums over rows and "
           "eigenvectors have the same bits on any number of ranks and threads, and on any CPU.",
};

/* The network follows from the features. */
static const char *const defaults[] = {"model.layers=[dense: 1]", "loss=mse", NULL};

const command_t command_components = {
    .name = "components",
    .meaning = "principal components of the features",
    .argp = &argp,
    .options_size = sizeof(arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .fills_job = true,
    .defaults = defaults,
    .run = run,
};
