/* Tables: arrays of records with named fields (HDF5's compound types), read in slabs of rows. HDF5 converts
 * each field to a wide type of this machine, so a record in memory is
 *
 *   | int64, uint64 or double: 8 bytes | text of fixed length | char * of a text of variable length | ... |
 *
 * Enumerations keep their type, because their values are names. */
#include "base/size.h"
#include "store/table_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

static ls_status no_table(const store_t *store, const char *name, const char *why, ls_error *error) {
  char list[LS_MESSAGE_SIZE / 2] = "";
  size_t n = 0;
  TRY(store_list_tables(store, list, sizeof list, &n, error));
  return error_set(error, LS_BAD_DATA, "%s: %s %s; %s%s", store->path, name, why,
                   n > 0 ? "tables are " : "the file has no table", list);
}

/* The path of the array: a group of pandas has it as `table`. *out is malloc'd. */
static ls_status find_array(const store_t *store, const char *name, char **out, ls_error *error) {
  char *path = NULL;
  if (!store_has(store, name)) return no_table(store, name, "is not in the file", error);
  if (asprintf(&path, "%s/table", name) < 0)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for a name", store->path);
  if (!store_has(store, path)) snprintf(path, strlen(path) + 1, "%s", name);
  char *kind = NULL;
  ls_error ignored;
  bool is_fixed = false;
  if (store_has_attribute(store, name, "pandas_type") &&
      store_read_text(store, name, "pandas_type", &kind, &ignored) == LS_OK)
    is_fixed = strcmp(kind, "frame") == 0 || strcmp(kind, "series") == 0;
  free(kind);
  if (is_fixed) {
    free(path);
    return error_set(error, LS_BAD_DATA,
                     "%s: %s is in pandas' format 'fixed'; convert it with pandas.read_hdf('%s', '%s')"
                     ".to_hdf(FILE, key='t', format='table', data_columns=True)",
                     store->path, name, store->path, name);
  }
  *out = path;
  return LS_OK;
}

static ls_status open_array(store_table_t *table, ls_error *error) {
  const store_t *store = table->store;
  hid_t object = H5I_INVALID_HID;
  TRY(object_open(store, table->name, &object, error));
  table->dataset = object;
  if (H5Iget_type(object) != H5I_DATASET)
    return no_table(store, table->name, "is a group, not a table", error);
  TRY(virtual_check(store, object, table->name, error));
  hid_t space = H5Dget_space(object), type = H5Dget_type(object);
  hsize_t rows = 0;
  bool is_list = H5Sget_simple_extent_type(space) == H5S_SIMPLE && H5Sget_simple_extent_ndims(space) == 1 &&
                 H5Sget_simple_extent_dims(space, &rows, NULL) == 1 && rows <= INT64_MAX;
  H5T_class_t kind = H5Tget_class(type);
  ls_status status = store->notes != NULL ? source_check(store, object, table->name, error) : LS_OK;
  table->rows = (int64_t)rows;
  if (!is_list || (kind != H5T_COMPOUND && kind != H5T_STRING))
    status = no_table(store, table->name, "is not a list of records or texts", error);
  else if (rows == 0)
    status = error_set(error, LS_BAD_DATA, "%s: %s has no rows", store->path, table->name);
  else if (status == LS_OK && kind == H5T_COMPOUND)
    status = table_add_fields(table, type, error);
  else if (status == LS_OK) {
    status = table_add_field(table, NULL, type, 1, error);
    if (status == LS_OK) table->record = H5Tcopy(table->columns[0].type);
  }
  hdf5_close(type);
  hdf5_close(space);
  return status;
}

ls_status store_table_open(const store_t *store, const char *name, store_table_t **out, ls_error *error) {
  TAKE_TURN();
  store_table_t *table = calloc(1, sizeof *table);
  if (table == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for a table", store->path);
  *table = (store_table_t){.store = store, .dataset = H5I_INVALID_HID, .record = H5I_INVALID_HID};
  ls_status status = find_array(store, name, &table->name, error);
  if (status == LS_OK) status = open_array(table, error);
  if (status == LS_OK)
    *out = table;
  else
    store_table_close(&table);
  return status;
}

/* ---- reading ---- */

/* Gives the texts of variable length back to HDF5. */
static void release(store_table_t *table) {
  if (table->records == NULL) return;
  hsize_t n = (hsize_t)table->count;
  hid_t space = H5Screate_simple(1, &n, NULL);
  H5Dvlen_reclaim(table->record, space, H5P_DEFAULT, table->records);
  hdf5_close(space);
  free(table->records);
  table->records = NULL;
  table->count = 0;
}

void store_table_close(store_table_t **table) {
  TAKE_TURN();
  if (table == NULL || *table == NULL) return;
  store_table_t *t = *table;
  release(t);
  for (size_t c = 0; c < t->n; c++) free(t->columns[c].name);
  for (size_t i = 0; i < t->n_types; i++) hdf5_close(t->types[i]);
  hdf5_close(t->record);
  hdf5_close(t->dataset);
  H5Eclear2(H5E_DEFAULT);
  free(t->columns);
  free(t->types);
  free(t->name);
  free(t);
  *table = NULL;
}

ls_status store_table_read(store_table_t *table, int64_t first, int64_t count, ls_error *error) {
  TAKE_TURN();
  size_t bytes = table->record_bytes;
  release(table);
  if (!size_multiply(&bytes, count) || (table->records = calloc(1, bytes + 1)) == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %" PRId64 " rows of %s", table->store->path,
                     count, table->name);
  table->first = first;
  table->count = count;
  return array_read(table->store, table->dataset, table->name, first, count, table->record, table->records,
                    error);
}

/* The name of an enumeration's value; "" for a value without a name. */
static const char *enum_name(store_table_t *table, const column_t *column, const void *value) {
  TAKE_TURN();
  if (H5Tenum_nameof(column->type, value, table->enum_name, TABLE_NAME_SIZE) < 0) table->enum_name[0] = '\0';
  return table->enum_name;
}

static size_t fixed_length(const column_t *column, const char *text) {
  TAKE_TURN();
  return text_length(text, column->size, H5Tget_strpad(column->type));
}

store_cell_t store_table_cell(store_table_t *table, int64_t row, size_t c) {
  const column_t *column = &table->columns[c];
  const unsigned char *at =
      table->records + (size_t)(row - table->first) * table->record_bytes + column->offset;
  store_cell_t cell = {.kind = STORE_TEXT, .text = ""};
  switch (column->field) {
  case FIELD_INTEGER:
    cell.kind = STORE_INTEGER;
    memcpy(&cell.integer, at, sizeof cell.integer);
    break;
  case FIELD_UNSIGNED:
    cell.kind = STORE_UNSIGNED;
    if (column->size == 1)
      cell.natural = *at;
    else
      memcpy(&cell.natural, at, sizeof cell.natural);
    break;
  case FIELD_REAL:
    cell.kind = STORE_REAL;
    memcpy(&cell.real, at, sizeof cell.real);
    break;
  case FIELD_ENUM:
    cell.text = enum_name(table, column, at);
    cell.size = strlen(cell.text);
    break;
  case FIELD_FIXED:
    cell.text = (const char *)at;
    cell.size = fixed_length(column, cell.text);
    break;
  case FIELD_VARIABLE:
    memcpy(&cell.text, at, sizeof cell.text);
    if (cell.text == NULL) cell.text = "";
    cell.size = strlen(cell.text);
    break;
  }
  return cell;
}

int64_t store_table_rows(const store_table_t *table) {
  return table->rows;
}

size_t store_table_columns(const store_table_t *table) {
  return table->n;
}

const char *store_table_name(const store_table_t *table, size_t column) {
  return table->columns[column].name;
}

bool store_table_is_text(const store_table_t *table, size_t column) {
  return table->columns[column].field >= FIELD_ENUM;
}

const char *store_table_date_unit(const store_table_t *table, size_t column) {
  const column_t *c = &table->columns[column];
  return c->field == FIELD_INTEGER && c->date_unit[0] != '\0' ? c->date_unit : NULL;
}

size_t store_table_row_bytes(const store_table_t *table) {
  return table->record_bytes;
}

ls_status store_list_tables(const store_t *store, char *out, size_t size, size_t *n, ls_error *error) {
  TAKE_TURN();
  names_t names = {0};
  size_t used = 0;
  TRY(names_of_tables(store, &names, error));
  if (size > 0) out[0] = '\0';
  for (size_t i = 0; i < names.n && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", names.names[i]);
  *n = names.n;
  names_free(&names);
  return LS_OK;
}
