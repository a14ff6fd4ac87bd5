#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

double clock_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clock_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void clock_text(double seconds, char out[CLOCK_TEXT_SIZE]) {
  static const double year_0 = -62167219200.0, year_10000 = 253402300800.0;
  struct tm utc;
  out[0] = '\0';
  if (!(seconds >= year_0 && seconds < year_10000)) return;
  time_t whole = (time_t)floor(seconds);
  if (gmtime_r(&whole, &utc) != NULL) strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

double clock_parse(const char *text) {
  struct tm utc = {0};
  const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return end != NULL && *end == '\0' ? (double)timegm(&utc) : NAN;
}
