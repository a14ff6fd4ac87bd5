/* Lists the paths of all arrays and attributes of a file, sorted. */
#include "store/store_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Real files do not nest this deep, nor do they have this many groups with several names. */
enum { DEEPEST_GROUP = 64, MOST_SHARED_GROUPS = 4096 };

#if H5_VERSION_GE(1, 12, 0)
typedef H5O_info1_t object_info_t;
#else
typedef H5O_info_t object_info_t;
#endif

ls_status names_add(names_t *names, const char *name) {
  if (names->n == names->capacity) {
    size_t capacity = 2 * names->capacity + 16;
    char **larger = realloc(names->names, capacity * sizeof *larger);
    if (larger == NULL) return LS_NO_MEMORY;
    names->names = larger;
    names->capacity = capacity;
  }
  char *copy = strdup(name);
  if (copy == NULL) return LS_NO_MEMORY;
  names->names[names->n++] = copy;
  return LS_OK;
}

bool names_have(const names_t *names, const char *name) {
  for (size_t i = 0; i < names->n; i++)
    if (strcmp(names->names[i], name) == 0) return true;
  return false;
}

void names_free(names_t *names) {
  for (size_t i = 0; i < names->n; i++) free(names->names[i]);
  free(names->names);
  *names = (names_t){0};
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ---- the walk ---- */

/* The walk calls this function for every group and array. path is "" for the root. The function adds names to
 * one list, or to one list for each kind of contents. */
typedef ls_status (*walk_visit_t)(hid_t object, const char *path, names_t *names);

/* Groups with several names that the walk has been in. Links can form a circle, or lead to a group in more
 * ways than can be counted, so each is entered once, under its first name. */
typedef struct {
  haddr_t places[MOST_SHARED_GROUPS];
  size_t n;
} entered_t;

typedef struct {
  walk_visit_t visit;
  names_t *names;
  entered_t *entered;
  const char *path; /* of the current group */
  int depth;
  ls_status status;
} name_walk_t;

static ls_status walk_object(name_walk_t *walk, hid_t object, const char *path);

static herr_t walk_link(hid_t group, const char *name, const H5L_info_t *link, void *context) {
  name_walk_t *walk = context;
  char *path = NULL;
  if (link->type != H5L_TYPE_HARD) return 0;
  if (asprintf(&path, "%s/%s", walk->path, name) < 0) {
    walk->status = LS_NO_MEMORY;
    return -1;
  }
  if (strcmp(path, MANIFEST_GROUP) != 0) {
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    walk->status = object < 0 ? LS_BAD_DATA : walk_object(walk, object, path);
    hdf5_close(object);
  }
  free(path);
  return walk->status == LS_OK ? 0 : -1;
}

/* Notes a group; *is_new is false if the walk has been in it. */
static ls_status enter(entered_t *entered, hid_t group, bool *is_new) {
  object_info_t info;
  *is_new = true;
#if H5_VERSION_GE(1, 10, 3)
  if (H5Oget_info2(group, &info, H5O_INFO_BASIC) < 0) return LS_BAD_DATA;
#else
  if (H5Oget_info(group, &info) < 0) return LS_BAD_DATA;
#endif
  if (info.rc < 2) return LS_OK;
  for (size_t i = 0; i < entered->n && *is_new; i++) *is_new = entered->places[i] != info.addr;
  if (!*is_new) return LS_OK;
  if (entered->n == MOST_SHARED_GROUPS) return LS_BAD_DATA;
  entered->places[entered->n++] = info.addr;
  return LS_OK;
}

static ls_status walk_object(name_walk_t *walk, hid_t object, const char *path) {
  H5I_type_t kind = H5Iget_type(object);
  bool is_new = true;
  if (kind != H5I_GROUP && kind != H5I_DATASET) return LS_OK;
  if (kind == H5I_GROUP) TRY(enter(walk->entered, object, &is_new));
  if (!is_new) return LS_OK;
  TRY(walk->visit(object, path, walk->names));
  if (kind == H5I_DATASET) return LS_OK;
  if (walk->depth == DEEPEST_GROUP) return LS_BAD_DATA;
  name_walk_t below = {walk->visit, walk->names, walk->entered, path, walk->depth + 1, LS_OK};
  hsize_t at = 0;
  herr_t result = H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, &at, walk_link, &below);
  if (below.status != LS_OK) return below.status;
  return result < 0 ? LS_BAD_DATA : LS_OK;
}

/* Walks through the file once. The walk fills `names`, an array of `lists` lists; this function sorts each
 * list. */
static ls_status collect(const store_t *store, walk_visit_t visit, names_t *names, size_t lists,
                         ls_error *error) {
  entered_t *entered = calloc(1, sizeof *entered);
  if (entered == NULL) return error_set(error, LS_NO_MEMORY, "%s: out of memory", store->path);
  name_walk_t walk = {visit, names, entered, "", 0, LS_OK};
  hid_t root = H5Oopen(store->file, "/", H5P_DEFAULT);
  ls_status status = root < 0 ? LS_BAD_DATA : walk_object(&walk, root, "");
  hdf5_close(root);
  free(entered);
  for (size_t k = 0; k < lists; k++) {
    if (status != LS_OK)
      names_free(&names[k]);
    else if (names[k].n > 0)
      qsort(names[k].names, names[k].n, sizeof *names[k].names, by_text);
  }
  return status == LS_OK ? LS_OK
                         : hdf5_error(error, status, "%s: its contents cannot be listed", store->path);
}

static ls_status add_array(hid_t object, const char *path, names_t *names) {
  if (H5Iget_type(object) != H5I_DATASET) return LS_OK;
  hid_t type = H5Dget_type(object), space = hdf5_space(object);
  H5T_class_t kind = H5Tget_class(type);
  bool numeric = kind == H5T_INTEGER || kind == H5T_FLOAT || kind == H5T_ENUM;
  bool readable =
      H5Sget_simple_extent_type(space) != H5S_NULL && H5Sget_simple_extent_ndims(space) <= STORE_MAX_DIMS;
  hdf5_close(space);
  hdf5_close(type);
  return numeric && readable ? names_add(names, path) : LS_OK;
}

static ls_status add_text_array(hid_t object, const char *path, names_t *names) {
  return text_array_is(object) ? names_add(names, path) : LS_OK;
}

/* Beside their tables, pandas keeps the categories in a group `meta`, and PyTables an index in `_i_table`. */
static ls_status add_table(hid_t object, const char *path, names_t *names) {
  if (H5Iget_type(object) != H5I_DATASET || strstr(path, "/meta/") != NULL ||
      strstr(path, "/_i_table/") != NULL)
    return LS_OK;
  hid_t type = H5Dget_type(object), space = hdf5_space(object);
  H5T_class_t kind = H5Tget_class(type);
  bool is_list = H5Sget_simple_extent_type(space) == H5S_SIMPLE && H5Sget_simple_extent_ndims(space) == 1;
  hdf5_close(space);
  hdf5_close(type);
  return is_list && (kind == H5T_COMPOUND || kind == H5T_STRING) ? names_add(names, path) : LS_OK;
}

typedef struct {
  const char *path;
  names_t *names;
  ls_status status;
} add_context_t;

static herr_t add_attribute(hid_t object, const char *key, const H5A_info_t *info, void *context) {
  (void)object;
  (void)info;
  add_context_t *add = context;
  char *name = NULL;
  if (asprintf(&name, "%s@%s", add->path[0] == '\0' ? "/" : add->path, key) < 0) return -1;
  add->status = names_add(add->names, name);
  free(name);
  return add->status == LS_OK ? 0 : -1;
}

static ls_status add_attributes(hid_t object, const char *path, names_t *names) {
  add_context_t add = {path, names, LS_OK};
  hsize_t at = 0;
  herr_t result = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &at, add_attribute, &add);
  if (add.status != LS_OK) return add.status;
  return result < 0 ? LS_BAD_DATA : LS_OK;
}

ls_status names_of_arrays(const store_t *store, names_t *names, ls_error *error) {
  return collect(store, add_array, names, 1, error);
}

ls_status names_of_tables(const store_t *store, names_t *names, ls_error *error) {
  return collect(store, add_table, names, 1, error);
}

static ls_status add_content(hid_t object, const char *path, names_t *names) {
  TRY(add_array(object, path, &names[CONTENT_ARRAYS]));
  TRY(add_text_array(object, path, &names[CONTENT_TEXT_ARRAYS]));
  return add_attributes(object, path, &names[CONTENT_ATTRIBUTES]);
}

ls_status names_of_contents(const store_t *store, names_t names[CONTENTS], ls_error *error) {
  return collect(store, add_content, names, CONTENTS, error);
}
