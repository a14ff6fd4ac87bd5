#include "base/clock.h"

#include <math.h>
#include <stdbool.h>
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

/* False for a year that has not four digits, and NaN. */
static bool whole_seconds(double seconds, time_t *out) {
  static const double year_0 = -62167219200.0, year_10000 = 253402300800.0;
  if (!(seconds >= year_0 && seconds < year_10000)) return false;
  *out = (time_t)floor(seconds);
  return true;
}

void clock_text(double seconds, char out[CLOCK_TEXT_SIZE]) {
  struct tm utc;
  time_t whole = 0;
  out[0] = '\0';
  if (whole_seconds(seconds, &whole) && gmtime_r(&whole, &utc) != NULL)
    strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void clock_local(double seconds, char out[CLOCK_TEXT_SIZE]) {
  struct tm local;
  time_t whole = 0;
  out[0] = '\0';
  if (whole_seconds(seconds, &whole) && localtime_r(&whole, &local) != NULL)
    strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%d %H:%M:%S", &local);
}

double clock_parse(const char *text) {
  struct tm utc = {0};
  const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return end != NULL && *end == '\0' ? (double)timegm(&utc) : NAN;
}
