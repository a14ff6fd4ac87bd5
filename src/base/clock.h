/* Wall time, and dates. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Seconds since an unspecified start, monotonic. Thread-safe. */
double clock_seconds(void);

/* Seconds since 1970, by the machine's clock, which may be set back. Thread-safe. */
double clock_time(void);

/* Writes such a time in UTC as 2026-11-29T17:20:00Z (ISO 8601); "" for a year that has not four digits.
 * Reading returns NaN for another text. Thread-safe. */
enum { CLOCK_TEXT_SIZE = 32 };
void clock_text(double seconds, char out[CLOCK_TEXT_SIZE]);
double clock_parse(const char *text);
/* Writes it for people, in the time zone of the process: 2026-11-29 18:20:00; "" as above. */
void clock_local(double seconds, char out[CLOCK_TEXT_SIZE]);

#endif
