/* Prints the weights of a network as tables, with the names of its inputs and classes where they are known.
 */
#ifndef INSPECT_WEIGHTS_H
#define INSPECT_WEIGHTS_H

#include "score/model_file.h"

#include <stdio.h>

typedef struct {
  const char *layer; /* NULL: all layers */
  int64_t member;    /* of an ensemble, from 1; 1 of a single network */
  bool is_full;      /* otherwise wide layers are shortened */
} weights_print_t;

/* LS_USAGE for a layer that has no weights. Not collective. */
ls_status weights_print(const model_t *model, const weights_print_t *options, FILE *out, ls_error *error);

#endif
