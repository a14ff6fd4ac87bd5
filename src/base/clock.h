/* Wall time. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Seconds since an unspecified start, monotonic. Thread-safe. */
double clock_seconds(void);

#endif
