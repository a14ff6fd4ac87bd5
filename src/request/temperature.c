/* Parses --temperature: one number for all heads with probabilities, or one number per named head. */
#include "request/request.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static ls_status parse_number(const char *text, double *out, ls_error *error) {
  if (text_double(text, out) && *out >= TEMPERATURE_LEAST && *out <= TEMPERATURE_MOST) return LS_OK;
  return error_set(error, LS_USAGE, "'%.60s' is not a number from %g to %d", text, TEMPERATURE_LEAST,
                   TEMPERATURE_MOST);
}

/* HEAD=T */
static ls_status parse_head(const objective_t *objective, const char *text, double out[MOST_HEADS],
                            ls_error *error) {
  size_t length = strcspn(text, "=");
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    if (strlen(head->name) != length || strncmp(head->name, text, length) != 0) continue;
    if (out[h] > 0) return error_set(error, LS_USAGE, "the head %s is given twice", head->name);
    if (loss_gives_probabilities(head->loss)) return parse_number(text + length + 1, &out[h], error);
    return error_set(error, LS_USAGE, "the head %s (%s) gives no probabilities of classes", head->name,
                     head->loss->name);
  }
  return error_set(error, LS_USAGE, "the network has no head '%.*s'", (int)length, text);
}

ls_status temperatures_parse(const objective_t *objective, const char *text, double out[MOST_HEADS],
                             ls_error *error) {
  double all = 0;
  char parts[1024], *rest = NULL;
  if (strlen(text) >= sizeof parts)
    return error_set(error, LS_USAGE, "longer than %zu characters", sizeof parts - 1);
  snprintf(parts, sizeof parts, "%s", text);
  if (strchr(text, '=') != NULL) {
    for (char *part = strtok_r(parts, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest))
      TRY(parse_head(objective, strchr(part, '=') != NULL ? part : "=", out, error));
    return LS_OK;
  }
  TRY(parse_number(text, &all, error));
  for (size_t h = 0; h < objective->n; h++)
    if (loss_gives_probabilities(objective->heads[h].loss)) out[h] = all;
  return LS_OK;
}

ls_status temperatures_check(const objective_t *objective, ls_error *error) {
  char name[32];
  for (size_t h = 0; h < objective->n; h++)
    if (loss_gives_probabilities(objective->heads[h].loss)) return LS_OK;
  return error_set(error, LS_USAGE,
                   "--temperature is for probabilities of classes, but the loss %s gives none",
                   objective_name(objective, name));
}
