/* The settings of a run as a flat list of keys and values, to see in what runs differ. The list comes from
 * the text of config.yaml, not from settings_t, so settings of earlier and later versions of lockstep can be
 * compared, too. */
#ifndef INSPECT_RUN_SETTINGS_H
#define INSPECT_RUN_SETTINGS_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
  const char *key;   /* "train.epochs", "model.layers[1].dense.units" */
  const char *value; /* "40", "[0, 1]" */
} setting_text_t;

typedef struct {
  setting_text_t *items; /* (n), in the order of the file; in the arena that run_settings_read was given */
  size_t n, capacity;
} run_settings_t;

/* Reads RUN/config.yaml; none has no settings. LS_BAD_DATA if it is damaged, LS_IO, LS_NO_MEMORY. */
ls_status run_settings_read(const char *directory, arena_t *arena, run_settings_t *out, ls_error *error);

/* The settings that a run has if nothing is set but its data, its network and its loss. */
ls_status run_settings_default(arena_t *arena, run_settings_t *out, ls_error *error);

/* The value of a key, or NULL. */
const char *run_settings_value(const run_settings_t *settings, const char *key);

/* The keys whose values are not the same in all of n settings, in the order of the first that has them,
 * without `name`, which differs in any case. *out (*n_keys) is in the arena. Runs without settings do not
 * count. */
ls_status run_settings_differing(const run_settings_t *settings, size_t n, arena_t *arena,
                                 const char *const **out, size_t *n_keys, ls_error *error);

#endif
