/* Decimal text to the nearest double, ties to even.
 *
 * The digits form an integer w, and the value is w 10^q. If w <= 2^53 and |q| <= 22, both w and 10^|q| are
 * doubles, so one multiplication or division rounds once (W. D. Clinger, How to read floating point numbers
 * accurately, PLDI 1990, section 3). If w < 2^64 and |q| <= 27, the product w 5^q has at most 127 bits, and
 * the quotient of w 2^s by 5^|q| with a remainder says exactly where the value lies between two doubles.
 * Other numbers go to strtod. */
#include "base/text.h"
#include "table/csv.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_DIGITS = 19, LARGEST_POWER = 27, CLINGER_POWER = 22 };

static const double powers_of_10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const uint64_t powers_of_5[] = {1,
                                       5,
                                       25,
                                       125,
                                       625,
                                       3125,
                                       15625,
                                       78125,
                                       390625,
                                       1953125,
                                       9765625,
                                       48828125,
                                       244140625,
                                       1220703125,
                                       6103515625,
                                       30517578125,
                                       152587890625,
                                       762939453125,
                                       3814697265625,
                                       19073486328125,
                                       95367431640625,
                                       476837158203125,
                                       2384185791015625,
                                       11920928955078125,
                                       59604644775390625,
                                       298023223876953125,
                                       1490116119384765625,
                                       7450580596923828125};

__extension__ typedef unsigned __int128 wide_t;

/* (n + r) 2^exponent, rounded, where 0 < r < 1 if there is a rest, else r = 0. With a rest, n has more than
 * 54 bits. The result is a normal number. */
static double round_wide(wide_t n, int exponent, bool rest) {
  uint64_t high = (uint64_t)(n >> 64), low = (uint64_t)n;
  int bits = high != 0 ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll(low);
  int shift = bits - 53;
  uint64_t kept = low;
  if (shift > 0) {
    wide_t cut = n & (((wide_t)1 << shift) - 1), half = (wide_t)1 << (shift - 1);
    kept = (uint64_t)(n >> shift);
    kept += cut > half || (cut == half && (rest || (kept & 1) != 0));
    exponent += shift;
  }
  return ldexp((double)kept, exponent);
}

static double scale_exactly(uint64_t w, int q) {
  if (w == 0) return 0;
  if (q >= 0) return round_wide((wide_t)w * powers_of_5[q], q, false);
  int zeros = __builtin_clzll(w);
  wide_t dividend = (wide_t)(w << zeros) << 64;
  uint64_t divisor = powers_of_5[-q];
  wide_t quotient = dividend / divisor;
  return round_wide(quotient, q - zeros - 64, dividend - quotient * divisor != 0);
}

static inline bool is_digit(char c) {
  return (unsigned)(c - '0') < 10;
}

/* The number of digits from the first that is not 0. */
static ptrdiff_t significant_digits(const char *at, const char *end) {
  while (at < end && (*at == '0' || *at == '.')) at++;
  return end - at - (memchr(at, '.', (size_t)(end - at)) != NULL);
}

/* Reads an exponent after `e`; `at` unchanged if there is none. False: it is too large to count. */
static bool scan_exponent(const char **at, ptrdiff_t *q) {
  const char *digits = *at + 1;
  bool negative = *digits == '-';
  if (negative || *digits == '+') digits++;
  if (!is_digit(*digits)) return true;
  const char *end = digits;
  int exponent = 0;
  for (; is_digit(*end); end++)
    if (exponent < 100000) exponent = 10 * exponent + (*end - '0');
  *at = end;
  *q += negative ? -exponent : exponent;
  return exponent < 100000;
}

const char *csv_number_scan(const char *at, double *out, bool *point) {
  const char *start = at;
  bool negative = *at == '-';
  if (negative || *at == '+') at++;
  const char *first = at;
  uint64_t w = 0;
  for (; is_digit(*at); at++) w = 10 * w + (uint64_t)(*at - '0');
  ptrdiff_t digits = at - first, q = 0;
  bool has_point = *at == '.', fast = true;
  if (has_point) {
    const char *fraction = ++at;
    for (; is_digit(*at); at++) w = 10 * w + (uint64_t)(*at - '0');
    q = fraction - at;
    digits += at - fraction;
  }
  if (digits == 0) return NULL;
  if (digits > MOST_DIGITS) fast = significant_digits(first, at) <= MOST_DIGITS;
  if (*at == 'e' || *at == 'E') fast &= scan_exponent(&at, &q);
  double value = 0;
  if (fast && w <= UINT64_C(1) << 53 && q >= -CLINGER_POWER && q <= CLINGER_POWER) {
    value = q < 0 ? (double)w / powers_of_10[-q] : (double)w * powers_of_10[q];
    value = negative ? -value : value;
  } else if (fast && q >= -LARGEST_POWER && q <= LARGEST_POWER) {
    value = scale_exactly(w, (int)q);
    value = negative ? -value : value;
  } else {
    char *end = NULL;
    value = strtod(start, &end);
    if (end != at || isinf(value)) return NULL;
  }
  if (has_point) *point = true;
  *out = value;
  return at;
}

bool csv_number(const char *cell, double *out) {
  return strpbrk(cell, "xX") == NULL && text_double(cell, out);
}
