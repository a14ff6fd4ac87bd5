#include "run/stop.h"

static const struct {
  const char *name;
  ls_status status;
  const char *text;
} reasons[STOPS] = {
#define STOP_ROW(code, name, status, text) [code] = {name, status, text},
    STOP_REASONS(STOP_ROW)
#undef STOP_ROW
};

const char *stop_name(stop_reason_t reason) {
  return reasons[reason].name;
}

const char *stop_text(stop_reason_t reason) {
  return reasons[reason].text;
}

ls_status stop_status(stop_reason_t reason) {
  return reasons[reason].status;
}
