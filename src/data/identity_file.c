/* The identity of the data in model files and checkpoints: for each array a group data/SPLIT/KIND with texts.
 */
#include "data/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const splits[IDENTITY_SPLITS] = {"train", "valid", "test"};
static const char *const kinds[IDENTITY_KINDS] = {"x", "y", "weights", "series"};

enum { GROUP_SIZE = 64 };

static void group_of(int split, int kind, char out[GROUP_SIZE]) {
  snprintf(out, GROUP_SIZE, "data/%s/%s", splits[split], kinds[kind]);
}

static ls_status write_hex(store_t *store, const char *group, const char *key, uint64_t value,
                           ls_error *error) {
  char hex[17];
  snprintf(hex, sizeof hex, "%016" PRIx64, value);
  return store_write_text(store, group, key, hex, error);
}

static ls_status write_array(store_t *store, const char *group, const array_identity_t *array,
                             ls_error *error) {
  char shape[24 * STORE_MAX_DIMS] = "";
  size_t used = 0;
  for (int64_t i = 0; i < array->dims; i++)
    used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%" PRId64, i > 0 ? " x " : "",
                             array->shape[i]);
  TRY(store_write_text(store, group, "name", array->name, error));
  TRY(store_write_text(store, group, "shape", shape, error));
  TRY(store_write_text(store, group, "type", array->type, error));
  TRY(write_hex(store, group, "sample", array->sample, error));
  return array->has_digest ? write_hex(store, group, "digest", array->digest, error) : LS_OK;
}

ls_status identity_write(const data_identity_t *identity, store_t *store, ls_error *error) {
  for (int s = 0; s < IDENTITY_SPLITS; s++)
    for (int k = 0; k < IDENTITY_KINDS; k++) {
      char group[GROUP_SIZE];
      group_of(s, k, group);
      if (identity->arrays[s][k].name[0] != '\0')
        TRY(write_array(store, group, &identity->arrays[s][k], error));
    }
  return LS_OK;
}

static ls_status read_word(const store_t *store, const char *group, const char *key, char *out, size_t size,
                           ls_error *error) {
  char *text = NULL;
  TRY(store_read_text(store, group, key, &text, error));
  snprintf(out, size, "%s", text);
  free(text);
  return LS_OK;
}

static ls_status read_hex(const store_t *store, const char *group, const char *key, uint64_t *out,
                          ls_error *error) {
  char hex[24], *end = NULL;
  TRY(read_word(store, group, key, hex, sizeof hex, error));
  *out = strtoull(hex, &end, 16);
  if (end == hex + 16 && *end == '\0') return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: %s@%s is not 16 hex digits", store_path(store), group, key);
}

static ls_status read_array(const store_t *store, const char *group, array_identity_t *out, ls_error *error) {
  char shape[24 * STORE_MAX_DIMS];
  TRY(read_word(store, group, "name", out->name, sizeof out->name, error));
  TRY(read_word(store, group, "shape", shape, sizeof shape, error));
  TRY(read_word(store, group, "type", out->type, sizeof out->type, error));
  TRY(read_hex(store, group, "sample", &out->sample, error));
  for (char *at = shape; *at != '\0' && out->dims < STORE_MAX_DIMS; at += strspn(at, " x"))
    out->shape[out->dims++] = strtoll(at, &at, 10);
  out->has_digest = store_has_attribute(store, group, "digest");
  return out->has_digest ? read_hex(store, group, "digest", &out->digest, error) : LS_OK;
}

ls_status identity_read(const store_t *store, data_identity_t *out, bool *known, ls_error *error) {
  data_identity_t identity;
  memset(&identity, 0, sizeof identity);
  *known = store_has(store, "data");
  for (int s = 0; s < IDENTITY_SPLITS && *known; s++)
    for (int k = 0; k < IDENTITY_KINDS; k++) {
      char group[GROUP_SIZE];
      group_of(s, k, group);
      if (store_has(store, group)) TRY(read_array(store, group, &identity.arrays[s][k], error));
    }
  *out = identity;
  return LS_OK;
}
