/* With r the root of the sum of the squares of `most`, a distance is at most 2 r, and its square at most 4
 * r^2. Products of numbers below the least normal float, m, vanish. The choice of a nearest centre
 * (nearest.h) counts on errors of u r^2, u = 2^-24, so d m must be less than that. */
#include "cluster/range.h"

#include <float.h>
#include <math.h>

ls_status range_check(const float *most, int64_t inputs, const char *file, ls_error *error) {
  double squares = 0, largest = 0;
  for (int64_t c = 0; c < inputs; c++) {
    squares += (double)most[c] * (double)most[c];
    largest = fmax(largest, (double)most[c]);
  }
  if (4 * squares > (double)FLT_MAX / 4)
    return error_set(error, LS_BAD_DATA,
                     "%s: features of up to %.3g are too large: floats cannot hold the squares of their "
                     "distances; scale them (data.scaling=standard)",
                     file, largest);
  if (squares > 0 && squares < (double)inputs * (double)FLT_MIN * 0x1p24)
    return error_set(error, LS_BAD_DATA,
                     "%s: features of at most %.3g are too small: floats cannot hold the squares of their "
                     "distances; scale them (data.scaling=standard)",
                     file, largest);
  return LS_OK;
}
