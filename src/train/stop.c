#include "train/stop.h"

static const struct {
  const char *name, *text;
} reasons[STOPS] = {
#define STOP_ROW(code, name, text) [code] = {name, text},
    STOP_REASONS(STOP_ROW)
#undef STOP_ROW
};

const char *stop_name(stop_reason_t reason) {
  return reasons[reason].name;
}

const char *stop_text(stop_reason_t reason) {
  return reasons[reason].text;
}
