#include "base/signals.h"

#include <signal.h>
#include <stddef.h>

static const struct {
  int number;
  const char *name;
} noted[] = {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGUSR1, "SIGUSR1"}};

enum { NOTED = sizeof noted / sizeof noted[0] };

/* Global, because a signal handler has no other way to report what it received. */
static volatile sig_atomic_t last, continued;

static void note(int number) {
  last = number;
}

static void note_continued(int number) {
  (void)number;
  continued = 1;
}

void signals_note(void) {
  struct sigaction now, ours = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&ours.sa_mask);
  for (size_t i = 0; i < NOTED; i++)
    if (sigaction(noted[i].number, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
      sigaction(noted[i].number, &ours, NULL);
  ours.sa_handler = note_continued;
  sigaction(SIGCONT, &ours, NULL);
}

void signals_as_errors(void) {
  signal(SIGXFSZ, SIG_IGN);
}

int signals_take(void) {
  int number = last;
  last = 0;
  return number;
}

bool signals_take_continued(void) {
  bool came = continued != 0;
  continued = 0;
  return came;
}

const char *signals_name(int number) {
  for (size_t i = 0; i < NOTED; i++)
    if (noted[i].number == number) return noted[i].name;
  return "a signal";
}
