/* Distributes settings: rank 0 reads the file and resolves it, and the other ranks parse the resolved text.
 * The file need not be visible on every node, and no two ranks can differ. */
#include "request/request.h"

#include "base/activity.h"
#include "base/progress.h"
#include "store/store.h"
#include "train/choices.h"

#include <stdlib.h>
#include <string.h>

static ls_status read_at_root(const session_t *session, const arguments_t *arguments, settings_t **settings,
                              char **text, ls_error *error) {
  ls_status status = LS_OK;
  if (session->is_root) {
    status = settings_load(arguments->words[0], arguments->command->defaults, arguments->words + 1,
                           arguments->n - 1, settings_choices(), settings, error);
    if (status == LS_OK)
      status = unused_check(arguments->command, arguments->words + 1, arguments->n - 1, error);
    if (status == LS_OK) status = settings_dump(*settings, text, error);
  }
  return world_agree(session->world, status, error);
}

static ls_status share_text(const session_t *session, char **text, ls_error *error) {
  ls_status status = LS_OK;
  size_t size = session->is_root ? strlen(*text) + 1 : 0;
  TRY(world_broadcast(session->world, &size, sizeof size, 0, error));
  if (!session->is_root) *text = malloc(size);
  if (*text == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the settings");
  TRY(world_agree(session->world, status, error));
  return world_broadcast(session->world, *text, size, 0, error);
}

void settings_settle(const session_t *session, const settings_t *settings) {
  char ignored[256];
  store_allow_external(settings->data.external);
  world_set_timeout(session->world, settings->parallel.timeout);
  progress_set_interval(settings->train.progress_every);
  if (launch_openmp_ignored(settings->parallel.threads, ignored, sizeof ignored) != NULL)
    log_info(&session->log, "ignored %s", ignored);
}

ls_status settings_everywhere(const session_t *session, const arguments_t *arguments, settings_t **out,
                              ls_error *error) {
  settings_t *settings = NULL;
  char *text = NULL;
  activity_set("reading the settings of %s", arguments->words[0]);
  ls_status status = read_at_root(session, arguments, &settings, &text, error);
  if (status == LS_OK) status = share_text(session, &text, error);
  if (status == LS_OK) {
    if (!session->is_root)
      status = settings_parse(text, strlen(text), arguments->words[0], NULL, 0, settings_choices(), &settings,
                              error);
    status = world_agree(session->world, status, error);
  }
  free(text);
  if (status == LS_OK) settings_settle(session, settings);
  if (status == LS_OK)
    *out = settings;
  else
    settings_destroy(&settings);
  return status;
}

ls_status settings_end(settings_t **settings, ls_status status, ls_error *error) {
  settings_place(*settings, status, error); /* only rank 0 prints, and it knows where each key was given */
  settings_destroy(settings);
  return status;
}
