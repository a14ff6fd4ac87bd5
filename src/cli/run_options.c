#include "cli/run_options.h"

error_t run_options_key(int key, char *arg, struct argp_state *state) {
  run_arguments_t *a = state->input;
  if (key == KEY_RESUME)
    a->resume = true;
  else if (key == KEY_REPLACE)
    a->replace = true;
  else if (key == KEY_TIMING)
    a->timing = true;
  else
    return arguments_key(key, arg, state);
  return 0;
}

ls_status run_with_options(const session_t *session, const run_arguments_t *a, run_work_t *work,
                           ls_error *error) {
  settings_t *settings = NULL;
  if (a->resume && a->replace)
    return error_set(error, LS_USAGE,
                     "--resume continues the earlier run and --replace removes it: choose one");
  TRY(settings_everywhere(session, &a->arguments, &settings, error));
  const train_options_t options = {.resume = a->resume,
                                   .replace = a->replace,
                                   .timing = a->timing,
                                   .log = &session->log,
                                   .results = &session->results,
                                   .job_end = launch_job_end()};
  return settings_end(&settings, work(session, settings, &options, error), error);
}
