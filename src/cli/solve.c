/* lockstep solve. */
#include "cli/command.h"

#include "train/trainer.h"

#include <string.h>

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const arguments_t *a = input;
  settings_t *settings = NULL;
  TRY(settings_everywhere(session, a, &settings, error));
  if (settings->train.l1 > 0 || settings->train.l2 > 0)
    log_warn(&session->log, "train.l1 and train.l2 have no effect here: %s",
             strcmp(settings->solve.method, "ridge") == 0 ? "the penalty is that of solve.lambda"
                                                          : "solve.method=ridge has a penalty, solve.lambda");
  const train_options_t options = {.log = &session->log, .results = &session->results};
  ls_status status = solve_run(session->world, settings, &options, error);
  return settings_end(&settings, status, error);
}

static const struct argp argp = {
    .parser = arguments_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]",
    .doc =
        "Computes the weights of a linear network (one dense layer, loss mse) in closed form: least squares, "
        "ridge, or Bayesian linear regression, selected by solve.method. The results are in runs/NAME, as "
        "after training, and are printed on the standard output.\vSums over rows have the same bits on any "
        "number of ranks and threads."};

const command_t command_solve = {
    .name = "solve",
    .meaning = "linear regression in closed form",
    .argp = &argp,
    .options_size = sizeof(arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .fills_job = true,
    .run = run,
};
