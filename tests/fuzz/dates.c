/* Dates and times: any text is read without harm, and a date that is written here from a calendar of its own
 * (timegm) comes back as the same number of days. */
#include "fuzz/fuzz.h"
#include "table/csv_forms.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* A pattern of the table room, and the same for strftime. */
static const struct {
  const char *pattern, *format;
} forms[] = {{"Y-m-d~", "%Y-%m-%dT%H:%M:%S"},
             {"Y/m/d~", "%Y/%m/%d %H:%M:%S"},
             {"d.m.Y~", "%d.%m.%Y %H:%M:%S"},
             {"m/d/Y~", "%m/%d/%Y %I:%M:%S %p"},
             {"b d, Y", "%B %d, %Y"},
             {"d-b-Y", "%d-%b-%Y"},
             {"Y-m", "%Y-%m"},
             {"t", "%H:%M:%S"}};
enum { FORMS = sizeof forms / sizeof forms[0] };

static void check_cycles(double days) {
  for (int cycle = 0; cycle < TABLE_CYCLES; cycle++) MUST(fabs(csv_cycle(cycle, days)) <= 1);
}

static void read_any(const char *text) {
  for (size_t i = 0; i < FORMS; i++) {
    const csv_form_t form = {.mark = forms[i].pattern, .is_date = true};
    double days = 0;
    if (csv_date_read(&form, text, &days)) check_cycles(days);
  }
}

/* The years 1 to 9999, as seconds since 1970. */
static const int64_t first = -62135596800, seconds = 315537897600;

static void read_made(uint64_t number) {
  time_t at = (time_t)(first + (int64_t)(number % (uint64_t)seconds));
  struct tm parts;
  char text[64], year[8];
  MUST(gmtime_r(&at, &parts) != NULL);
  for (size_t i = 0; i < FORMS; i++) {
    const csv_form_t form = {.mark = forms[i].pattern, .is_date = true};
    double days = 0;
    strftime(text, sizeof text, forms[i].format, &parts);
    snprintf(year, sizeof year, "%d", parts.tm_year + 1900);
    if (strlen(year) < 4) continue; /* strftime writes years below 1000 without zeros */
    MUST(csv_date_read(&form, text, &days));
    time_t expected = at;
    bool has_time = strstr(forms[i].format, "M:") != NULL, has_day = strstr(forms[i].format, "d") != NULL;
    if (!has_time) expected -= 3600 * parts.tm_hour + 60 * parts.tm_min + parts.tm_sec;
    if (!has_day) expected -= has_time ? (at - (at % 86400 + 86400) % 86400) : 86400 * (parts.tm_mday - 1);
    if (fabs(days * 86400 - (double)expected) > 1e-3)
      fprintf(stderr, "%s is %.17g days, %.17g seconds\n", text, days, (double)expected);
    MUST(fabs(days * 86400 - (double)expected) <= 1e-3);
    check_cycles(days);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint64_t number = 0;
  char *text = fuzz_text(data, size);
  read_any(text);
  free(text);
  memcpy(&number, data, size < sizeof number ? size : sizeof number);
  read_made(number);
  return 0;
}
