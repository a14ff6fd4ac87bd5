/* Converts a YAML file and overrides to settings, and back. The file is parsed to a tree, overrides are
 * applied to the tree, and the table of keys converts the tree to the struct. */
#include "config/settings.h"

#include "base/path.h"
#include "config/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 20 };

/* Sets the run's default name: fashion-mnist for configs/fashion-mnist.yaml. */
static ls_status name_by_file(const reading_t *reading, yaml_value_t *tree) {
  if (yaml_find(tree, "name", strlen("name")) != NULL) return LS_OK;
  const char *slash = strrchr(reading->source, '/');
  yaml_value_t *value = yaml_new_text(reading->scratch, slash == NULL ? reading->source : slash + 1);
  if (value == NULL) return setting_no_memory(reading);
  size_t length = strlen(value->text);
  const char *dot = strrchr(value->text, '.');
  if (dot != NULL && dot != value->text) length = (size_t)(dot - value->text);
  char *base = arena_new(reading->scratch, length + 1, 1);
  if (base == NULL) return setting_no_memory(reading);
  memcpy(base, value->text, length);
  value->text = base;
  value->is_quoted = true;
  return yaml_add(reading->scratch, tree, "name", strlen("name"), value) ? LS_OK : setting_no_memory(reading);
}

/* ---- where a key was given ---- */

typedef struct place {
  const char *path, *text; /* "loss[1].delta", "net.yaml:7" */
  struct place *next;
} place_t;

static ls_status note_place(const reading_t *reading, const yaml_value_t *value, const char *path,
                            settings_t *settings) {
  char text[PLACE_SIZE];
  place_t *place = arena_new(reading->arena, 1, sizeof *place);
  if (place == NULL) return setting_no_memory(reading);
  setting_place(reading, value, text);
  *place = (place_t){arena_text(reading->arena, path), arena_text(reading->arena, text), settings->places};
  if (place->path == NULL || place->text == NULL) return setting_no_memory(reading);
  settings->places = place;
  return LS_OK;
}

/* Records where each value was given, under the path that messages use for it. */
static ls_status note_places(const reading_t *reading, const yaml_value_t *value, const char *path,
                             settings_t *settings) {
  char below[PATH_SIZE];
  size_t i = 0;
  if (path[0] != '\0') TRY(note_place(reading, value, path, settings));
  for (const yaml_value_t *child = value->first; child != NULL; child = child->next, i++) {
    if (value->kind == YAML_LIST)
      snprintf(below, sizeof below, "%.*s[%zu]", PATH_SIZE / 2, path, i);
    else
      path_join(below, path, child->key);
    TRY(note_places(reading, child, below, settings));
  }
  return LS_OK;
}

static const char *find_place(const settings_t *settings, const char *path) {
  for (const place_t *place = settings->places; place != NULL; place = place->next)
    if (strcmp(place->path, path) == 0) return place->text;
  return NULL;
}

const char *settings_where(const settings_t *settings, const char *path) {
  char nearest[PATH_SIZE];
  const char *text = NULL;
  snprintf(nearest, sizeof nearest, "%s", path);
  while ((text = find_place(settings, nearest)) == NULL && nearest[0] != '\0') {
    char *end = nearest + strlen(nearest);
    while (end > nearest && *end != '.' && *end != '[') end--;
    *end = '\0';
  }
  return text != NULL ? text : "settings";
}

/* Whether the path names a key, a section, or part of a list: "train.seed", "data.basis", "loss[1].delta". */
static bool is_key(const char *path) {
  for (size_t i = 0; i < settings_keys.n; i++) {
    const char *key = settings_keys.rows[i].path;
    size_t length = strlen(key), own = strlen(path);
    bool is_below = strncmp(path, key, length) == 0 &&
                    strchr(".[", path[length]) != NULL; /* also matches at the end of the path */
    bool is_above = strncmp(key, path, own) == 0 && key[own] == '.';
    if (is_below || is_above) return own > 0;
  }
  return false;
}

/* Whether the message says that data.file is not there, or no HDF5 file. */
static bool is_about_file(const settings_t *settings, const char *message) {
  const char *file = settings->data.file;
  const size_t length = strlen(file);
  return strncmp(message, file, length) == 0 &&
         (access(file, F_OK) != 0 || strncmp(message + length, " is not", strlen(" is not")) == 0);
}

ls_status settings_place(const settings_t *settings, ls_status status, ls_error *error) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_.[]";
  char path[PATH_SIZE];
  if (status == LS_BAD_DATA && error != NULL && is_about_file(settings, error->message))
    return error_prefix(error, status, "%s: data.file", settings_where(settings, "data.file"));
  if (status != LS_BAD_SETTINGS || error == NULL) return status;
  size_t length = strspn(error->message, letters);
  if (strchr(" :,", error->message[length]) == NULL) return status; /* "runs/net.yaml: ..." */
  snprintf(path, sizeof path, "%.*s", length < sizeof path ? (int)length : 0, error->message);
  return is_key(path) ? error_prefix(error, status, "%s", settings_where(settings, path)) : status;
}

/* ---- reading and writing ---- */

/* Adds what a command sets unless the file or an override does. */
static ls_status add_defaults(const reading_t *reading, yaml_value_t *tree) {
  for (size_t i = 0; reading->defaults != NULL && reading->defaults[i] != NULL; i++) {
    const yaml_value_t *nearest = NULL;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(reading->defaults[i], "="), reading->defaults[i]);
    if (keys_find(tree, path, &nearest) == NULL) TRY(override_apply(reading, reading->defaults[i], tree));
  }
  return LS_OK;
}

static ls_status read_tree(const reading_t *reading, const char *text, size_t length, char *const *overrides,
                           size_t n_overrides, settings_t *settings) {
  yaml_value_t *tree = NULL;
  TRY(yaml_read(reading->scratch, text, length, reading->source, NULL, &tree, reading->error));
  if (tree->kind != YAML_TABLE)
    return setting_refuse(reading, tree, "", "settings are keys with values, as in `train: {epochs: 10}`");
  for (size_t i = 0; i < n_overrides; i++) TRY(override_apply(reading, overrides[i], tree));
  TRY(cluster_complete(reading, tree));
  TRY(add_defaults(reading, tree));
  TRY(name_by_file(reading, tree));
  TRY(keys_read(reading, settings_keys, "", tree, settings));
  TRY(note_place(reading, NULL, "", settings)); /* the file itself: the place of the top level */
  return note_places(reading, tree, "", settings);
}

static ls_status parse(reading_t reading, const char *text, size_t length, char *const *overrides,
                       size_t n_overrides, settings_t **out) {
  settings_t *settings = calloc(1, sizeof *settings);
  if (settings == NULL) return error_set(reading.error, LS_NO_MEMORY, "no memory for the settings");
  arena_t scratch = {0};
  reading.arena = &settings->arena;
  reading.scratch = &scratch;
  ls_status status = read_tree(&reading, text, length, overrides, n_overrides, settings);
  arena_free(&scratch);
  if (status == LS_OK)
    *out = settings;
  else
    settings_destroy(&settings);
  return status;
}

ls_status settings_parse(const char *text, size_t length, const char *source, char *const *overrides,
                         size_t n_overrides, const settings_choices_t *choices, settings_t **out,
                         ls_error *error) {
  const reading_t reading = {.source = source, .choices = choices, .error = error};
  return parse(reading, text, length, overrides, n_overrides, out);
}

ls_status settings_restore(const char *text, size_t length, const char *source, char *const *overrides,
                           size_t n_overrides, const settings_choices_t *choices, settings_t **out,
                           ls_error *error) {
  const reading_t reading = {.source = source, .choices = choices, .error = error, .is_stored = true};
  return parse(reading, text, length, overrides, n_overrides, out);
}

/* Data in the place of settings is a frequent mistake, and a message of the YAML reader would not help. */
static ls_status refuse_data(const char *path, const char *bytes, size_t length, ls_error *error) {
  static const char hdf5[] = "\x89HDF\r\n\x1a\n", settings[] = ": settings";
  const char *advice = path_advice(path);
  if (length >= strlen(hdf5) && memcmp(bytes, hdf5, strlen(hdf5)) == 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "%s is an HDF5 file, not a settings file in YAML: settings name the dataset, as in "
                     "`data: {file: %.200s}`",
                     path, path);
  if (advice[0] == '\0' || strncmp(advice, settings, strlen(settings)) == 0) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "%s is not a settings file in YAML%s, which settings name as data.file", path, advice);
}

/* A directory can be opened, but not read. That of a run has settings. */
static ls_status refuse_reading(const char *path, int cause, ls_error *error) {
  char own[4096];
  const int length = snprintf(own, sizeof own, "%s/config.yaml", path);
  const bool has_settings = cause == EISDIR && length < (int)sizeof own && access(own, R_OK) == 0;
  return error_set(error, LS_BAD_SETTINGS, "%s: cannot be read: %s; %s%s", path, strerror(cause),
                   has_settings ? "its settings are in " : "give the path of a settings file in YAML",
                   has_settings ? own : "");
}

static ls_status read_file(const char *path, char *bytes, size_t size, size_t *length, ls_error *error) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    char hint[PATH_HINT_SIZE];
    const int cause = errno;
    path_hint(path, ".yaml", hint);
    return error_set(error, LS_BAD_SETTINGS, "%s: cannot be opened: %s%s%s", path, strerror(cause), hint,
                     strchr(hint, '?') != NULL ? "" : "; give the path of a settings file in YAML");
  }
  errno = 0;
  *length = fread(bytes, 1, size, file);
  ls_status status = ferror(file) ? refuse_reading(path, errno, error) : LS_OK;
  if (status == LS_OK) status = refuse_data(path, bytes, *length, error);
  if (status == LS_OK && *length == size)
    status = error_set(error, LS_BAD_SETTINGS, "%s: larger than 1 MiB: this is not a settings file", path);
  fclose(file);
  return status;
}

ls_status settings_load(const char *path, const char *const *defaults, char *const *overrides,
                        size_t n_overrides, const settings_choices_t *choices, settings_t **out,
                        ls_error *error) {
  const reading_t reading = {.source = path, .choices = choices, .error = error, .defaults = defaults};
  size_t length = 0;
  char *bytes = malloc(MOST_BYTES + 1);
  if (bytes == NULL) return error_set(error, LS_NO_MEMORY, "no memory to read %s", path);
  ls_status status = read_file(path, bytes, MOST_BYTES + 1, &length, error);
  if (status == LS_OK) status = parse(reading, bytes, length, overrides, n_overrides, out);
  free(bytes);
  return status;
}

ls_status settings_compare(const settings_t *stored, const settings_t *now, const char **path,
                           ls_error *error) {
  *path = NULL;
  for (size_t i = 0; i < settings_keys.n; i++) {
    const key_row_t *row = &settings_keys.rows[i];
    bool same = true;
    if (!row->may_change) TRY(keys_same(row, stored, now, &same, error));
    if (same) continue;
    *path = row->path;
    return LS_OK;
  }
  return LS_OK;
}

bool settings_use_y(const settings_t *settings) {
  if (settings->reads_labels) return true;
  const char *loss = settings->n_losses == 1 ? settings->losses[0].name : "";
  return !settings_targets_are_x(settings) && strcmp(loss, "distortion") != 0 && strcmp(loss, "density") != 0;
}

bool settings_targets_are_x(const settings_t *settings) {
  return settings->data.targets != NULL && strcmp(settings->data.targets, "x") == 0;
}

static bool is_among(const char *const *paths, const char *path) {
  while (*paths != NULL && strcmp(*paths, path) != 0) paths++;
  return *paths != NULL;
}

/* Compares the keys that are in a list, or those that are not. */
static ls_status compare(const settings_t *a, const settings_t *b, const char *const *list, bool listed,
                         const char **path, ls_error *error) {
  *path = NULL;
  for (size_t i = 0; i < settings_keys.n && *path == NULL; i++) {
    const key_row_t *row = &settings_keys.rows[i];
    bool same = true;
    if (is_among(list, row->path) == listed) TRY(keys_same(row, a, b, &same, error));
    if (!same) *path = row->path;
  }
  return LS_OK;
}

ls_status settings_compare_except(const settings_t *a, const settings_t *b, const char *const *others,
                                  const char **path, ls_error *error) {
  return compare(a, b, others, false, path, error);
}

ls_status settings_compare_among(const settings_t *a, const settings_t *b, const char *const *keys,
                                 const char **path, ls_error *error) {
  return compare(a, b, keys, true, path, error);
}

ls_status settings_dump(const settings_t *settings, char **text, ls_error *error) {
  arena_t scratch = {0};
  yaml_value_t *tree = keys_write(&scratch, settings_keys, false, settings);
  ls_status status = tree == NULL ? error_set(error, LS_NO_MEMORY, "no memory to write the settings")
                                  : yaml_write(tree, text, error);
  arena_free(&scratch);
  return status;
}

void settings_destroy(settings_t **settings) {
  if (*settings == NULL) return;
  arena_free(&(*settings)->arena);
  free(*settings);
  *settings = NULL;
}
