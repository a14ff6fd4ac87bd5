/* Dates and times as numbers: days since 1970-01-01, 00:00. A date-time with an offset from UTC is converted
 * to UTC. */
#include "table/csv_forms.h"

#include <math.h>
#include <strings.h>

enum { FIRST_YEAR = 1, EPOCH = 1970 };

/* ---- the calendar ---- */

static bool is_leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first of January. */
static int days_to_year(int year) {
  int before = year - 1, epoch = EPOCH - 1;
  int leaps = before / 4 - before / 100 + before / 400 - (epoch / 4 - epoch / 100 + epoch / 400);
  return 365 * (year - EPOCH) + leaps;
}

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && is_leap(year));
}

/* ---- reading ---- */

static bool read_digits(const char **at, int least, int most, int *out) {
  int value = 0, n = 0;
  for (; n < most && **at >= '0' && **at <= '9'; n++) value = 10 * value + (*(*at)++ - '0');
  *out = value;
  return n >= least;
}

/* The name of a month, or its first three letters, with or without a full stop. */
static bool read_month(const char **at, int *month) {
  static const char *const names[] = {"january", "february", "march",     "april",   "may",      "june",
                                      "july",    "august",   "september", "october", "november", "december"};
  for (int m = 0; m < 12; m++) {
    size_t whole = strlen(names[m]), length = strncasecmp(*at, names[m], whole) == 0 ? whole : 3;
    char after = '\0';
    if (strncasecmp(*at, names[m], length) != 0) continue;
    after = (*at)[length];
    if ((after >= 'a' && after <= 'z') || (after >= 'A' && after <= 'Z')) return false;
    *at += length + (after == '.');
    *month = m + 1;
    return true;
  }
  return false;
}

/* Z, +01:00, +0100 or -05, in days east of UTC. */
static bool read_zone(const char **at, double *east) {
  int hours = 0, minutes = 0;
  *east = 0;
  if (**at == 'Z') {
    ++*at;
    return true;
  }
  if (**at != '+' && **at != '-') return true;
  double sign = *(*at)++ == '-' ? -1 : 1;
  if (!read_digits(at, 2, 2, &hours)) return false;
  if (**at == ':') ++*at;
  if (**at != '\0' && !read_digits(at, 2, 2, &minutes)) return false;
  *east = sign * (hours * 60 + minutes) / 1440.0;
  return hours < 24 && minutes < 60;
}

/* H:M, H:M:S, H:M:S.fraction, then AM or PM. The result is a part of a day. */
static bool read_time(const char **at, double *out) {
  int hour = 0, minute = 0, second = 0;
  double fraction = 0, unit = 0.1;
  if (!read_digits(at, 1, 2, &hour) || *(*at)++ != ':' || !read_digits(at, 2, 2, &minute)) return false;
  if (**at == ':') {
    ++*at;
    if (!read_digits(at, 2, 2, &second)) return false;
    if (**at == '.')
      for (++*at; **at >= '0' && **at <= '9'; ++*at, unit /= 10) fraction += unit * (**at - '0');
  }
  const char *half = **at == ' ' ? *at + 1 : *at;
  if (strncasecmp(half, "am", 2) == 0 || strncasecmp(half, "pm", 2) == 0) {
    if (hour < 1 || hour > 12) return false;
    hour = hour % 12 + (*half == 'p' || *half == 'P' ? 12 : 0);
    *at = half + 2;
  }
  *out = (3600.0 * hour + 60.0 * minute + second + fraction) / 86400.0;
  return hour < 24 && minute < 60 && second <= 60;
}

bool csv_date_read(const csv_form_t *form, const char *word, double *out) {
  int year = EPOCH, month = 1, day = 1;
  double time = 0, east = 0;
  const char *at = word;
  for (const char *p = form->mark; *p != '\0'; p++) {
    bool read = true;
    if (*p == 'Y') {
      read = read_digits(&at, 4, 4, &year);
    } else if (*p == 'y') {
      read = read_digits(&at, 2, 2, &year);
      year += 2000; /* any century: the date is only recognised */
    } else if (*p == 'm') {
      read = read_digits(&at, 1, 2, &month);
    } else if (*p == 'd') {
      read = read_digits(&at, 1, 2, &day);
    } else if (*p == 'b') {
      read = read_month(&at, &month);
    } else if (*p == 't') {
      read = read_time(&at, &time);
    } else if (*p == '~') {
      if (*at != 'T' && *at != ' ') continue;
      at++;
      read = read_time(&at, &time) && read_zone(&at, &east);
    } else {
      read = *at++ == *p;
    }
    if (!read) return false;
  }
  if (*at != '\0' || year < FIRST_YEAR || month < 1 || month > 12 || day < 1 ||
      day > days_in_month(year, month))
    return false;
  int days = days_to_year(year) + day - 1;
  for (int m = 1; m < month; m++) days += days_in_month(year, m);
  *out = days + time - east;
  return true;
}

/* ---- cycles ---- */

const char *const csv_cycle_names[TABLE_CYCLES] = {"sin of year", "cos of year", "sin of week",
                                                   "cos of week", "sin of day",  "cos of day"};

/* sin or cos of 2 pi t, where t in [0, 1) is the part of the year, of the week from Monday, or of the day
 * that has passed. */
double csv_cycle(int cycle, double days) {
  const double pi = 3.14159265358979323846;
  double whole = floor(days), part = 0;
  if (cycle < 2) {
    int year = (int)floor(EPOCH + days / 365.2425);
    while (days_to_year(year) > whole) year--;
    while (days_to_year(year + 1) <= whole) year++;
    part = (days - days_to_year(year)) / (is_leap(year) ? 366 : 365);
  } else if (cycle < 4) {
    const int thursday = 3; /* 1970-01-01 */
    part = (days + thursday) / 7 - floor((days + thursday) / 7);
  } else {
    part = days - whole;
  }
  return cycle % 2 == 0 ? sin(2 * pi * part) : cos(2 * pi * part);
}
