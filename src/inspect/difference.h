/* Compares two models or runs bit by bit. */
#ifndef INSPECT_DIFFERENCE_H
#define INSPECT_DIFFERENCE_H

#include "base/error.h"

#include <stdbool.h>

/* Prints to stdout where two models, checkpoints or runs first differ: parameters, what is around them, and
 * the epochs of two runs. Not collective. */
ls_status inspect_difference(const char *words[2], bool *same, ls_error *error);

#endif
