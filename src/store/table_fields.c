/* The columns of a table from the fields of its records.
 *
 * pandas writes columns of one type as one field, values_block_0, with the columns' names in an attribute
 * that is a Python pickle of protocol 0: lines, of which those that begin with V or aV are the texts of the
 * list. */
#include "base/size.h"
#include "store/table_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 1 << 20 };

/* ---- names of columns ---- */

/* Reads an attribute of the array that is a text; "" if there is none. */
static void text_attribute(const store_table_t *table, const char *field, const char *what, char **out) {
  char key[TABLE_NAME_SIZE];
  ls_error ignored;
  *out = NULL;
  if (snprintf(key, sizeof key, "%s_%s", field, what) >= (int)sizeof key) return;
  if (!store_has_attribute(table->store, table->name, key)) return;
  if (store_read_text(table->store, table->name, key, out, &ignored) != LS_OK) *out = NULL;
}

/* The i-th text of a pickled list: *length bytes; NULL if there are fewer, or if it has escapes. */
static const char *pickled_text(const char *pickle, size_t i, size_t *length) {
  for (const char *line = pickle; *line != '\0';) {
    size_t size = strcspn(line, "\n");
    const char *text = size > 0 && line[0] == 'V'                     ? line + 1
                       : size > 1 && line[0] == 'a' && line[1] == 'V' ? line + 2
                                                                      : NULL;
    if (text != NULL && i-- == 0) {
      *length = (size_t)(line + size - text);
      return memchr(text, '\\', *length) == NULL ? text : NULL;
    }
    line += size + (line[size] == '\n');
  }
  return NULL;
}

static bool is_pandas_block(const char *field) {
  return strncmp(field, "values_block_", 13) == 0;
}

/* The name of value `i` of the `count` values of a field. */
static ls_status column_name(const store_table_t *table, const char *field, size_t i, size_t count,
                             char **out, ls_error *error) {
  char *pickle = NULL;
  int length = -1;
  if (is_pandas_block(field)) {
    size_t size = 0;
    text_attribute(table, field, "kind", &pickle);
    const char *name = pickle != NULL ? pickled_text(pickle, i, &size) : NULL;
    if (name != NULL) length = asprintf(out, "%.*s", (int)size, name);
    free(pickle);
    if (name == NULL)
      return error_set(error, LS_BAD_DATA,
                       "%s: the names of the columns in %s of %s cannot be read; write the table with "
                       "to_hdf(FILE, key=KEY, format='table', data_columns=True)",
                       table->store->path, field, table->name);
  } else if (count == 1)
    length = asprintf(out, "%s", field);
  else
    length = asprintf(out, "%s_%zu", field, i);
  if (length >= 0) return LS_OK;
  *out = NULL;
  return error_set(error, LS_NO_MEMORY, "%s: no memory for the names of columns", table->store->path);
}

/* Sets the unit of a column of dates, from an attribute such as datetime64[ns]. A category is refused: its
 * cells are only numbers of the names that are in another table. */
static ls_status read_pandas_type(const store_table_t *table, const char *field, char unit[4],
                                  ls_error *error) {
  char *type = NULL, *meta = NULL;
  text_attribute(table, field, "dtype", &type);
  text_attribute(table, field, "meta", &meta);
  bool is_category = meta != NULL && strcmp(meta, "category") == 0;
  if (type != NULL && strncmp(type, "datetime64[", 11) == 0 && strlen(type) > 12)
    snprintf(unit, 4, "%.*s", (int)strcspn(type + 11, "],") > 2 ? 0 : (int)strcspn(type + 11, "],"),
             type + 11);
  free(type);
  free(meta);
  if (!is_category) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: column '%s' of %s is a category of pandas; write it as text: "
                   "df.astype({'%s': str}).to_hdf(FILE, key=KEY, format='table', data_columns=True)",
                   table->store->path, field, table->name, field);
}

/* ---- fields ---- */

static ls_status refuse_field(const store_table_t *table, const char *field, ls_error *error) {
  return error_set(
      error, LS_BAD_DATA,
      "%s: field '%s' of %s is neither a number, a boolean, an enumeration nor a text; write the "
      "table without it",
      table->store->path, field, table->name);
}

/* h5py writes booleans as an enumeration of FALSE and TRUE; they are numbers. */
static bool is_boolean(hid_t type) {
  char name[8] = "";
  int value = 0;
  if (H5Tget_nmembers(type) != 2) return false;
  bool is_false = H5Tget_size(type) == 1;
  for (unsigned i = 0; i < 2 && is_false; i++) {
    char *text = H5Tget_member_name(type, i);
    unsigned char byte = 0;
    snprintf(name, sizeof name, "%s", text != NULL ? text : "");
    H5free_memory(text);
    is_false = H5Tget_member_value(type, i, &byte) >= 0 && byte < 2 &&
               strcmp(name, byte == 0 ? "FALSE" : "TRUE") == 0;
    value += byte;
  }
  return is_false && value == 1;
}

/* Chooses how a field of this type is held in memory. *memory is a new handle. */
static bool choose_type(hid_t type, field_t *field, hid_t *memory) {
  H5T_class_t kind = H5Tget_class(type);
  bool is_signed = kind == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
  bool as_number = kind == H5T_INTEGER || (kind == H5T_ENUM && is_boolean(type));
  if (as_number && H5Tget_size(type) <= 8) {
    *field = is_signed || kind == H5T_ENUM ? FIELD_INTEGER : FIELD_UNSIGNED;
    *memory = H5Tcopy(*field == FIELD_INTEGER ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64);
  } else if (kind == H5T_FLOAT) {
    *field = FIELD_REAL;
    *memory = H5Tcopy(H5T_NATIVE_DOUBLE);
  } else if (kind == H5T_ENUM || (kind == H5T_BITFIELD && H5Tget_size(type) == 1)) {
    *field = kind == H5T_ENUM ? FIELD_ENUM : FIELD_UNSIGNED;
    *memory = H5Tcopy(type);
  } else if (kind == H5T_STRING) {
    *field = H5Tis_variable_str(type) > 0 ? FIELD_VARIABLE : FIELD_FIXED;
    *memory = H5Tcopy(type);
  } else
    return false;
  return *memory >= 0;
}

static ls_status no_memory(const store_table_t *table, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "%s: no memory for the columns of %s", table->store->path,
                   table->name);
}

static ls_status add_column(store_table_t *table, const column_t *column, ls_error *error) {
  if (table->n == MOST_COLUMNS)
    return error_set(error, LS_BAD_DATA, "%s: %s has more than %d columns", table->store->path, table->name,
                     MOST_COLUMNS);
  if (table->n == table->columns_room) {
    size_t room = 2 * table->columns_room + 64;
    column_t *columns = realloc(table->columns, room * sizeof *columns);
    if (columns == NULL) return no_memory(table, error);
    table->columns = columns;
    table->columns_room = room;
  }
  table->columns[table->n++] = *column;
  return LS_OK;
}

ls_status table_add_field(store_table_t *table, const char *name, hid_t type, size_t count, ls_error *error) {
  column_t column = {.offset = table->record_bytes};
  hid_t *types = realloc(table->types, (table->n_types + 1) * sizeof *types);
  if (types == NULL) return no_memory(table, error);
  table->types = types;
  if (!choose_type(type, &column.field, &column.type))
    return refuse_field(table, name != NULL ? name : "", error);
  table->types[table->n_types++] = column.type;
  column.size = H5Tget_size(column.type);
  if (name != NULL) TRY(read_pandas_type(table, name, column.date_unit, error));
  for (size_t i = 0; i < count; i++) {
    if (name != NULL) TRY(column_name(table, name, i, count, &column.name, error));
    ls_status status = add_column(table, &column, error);
    if (status != LS_OK) free(column.name);
    TRY(status);
    column.name = NULL;
    column.offset += column.size;
  }
  table->record_bytes = column.offset;
  return LS_OK;
}

/* The base type of an array field and how many values it has; otherwise the type itself and 1. */
static hid_t base_type(hid_t type, size_t *count) {
  hsize_t shape[H5S_MAX_RANK];
  *count = 1;
  if (H5Tget_class(type) != H5T_ARRAY) return H5Tcopy(type);
  int dims = H5Tget_array_dims2(type, shape);
  for (int k = 0; k < dims; k++)
    if (shape[k] > MOST_COLUMNS || !size_multiply(count, (int64_t)shape[k]) || *count > MOST_COLUMNS)
      return -1;
  return dims < 0 ? H5I_INVALID_HID : H5Tget_super(type);
}

/* Whether a field lies inside its record, and its bits inside it: HDF5 1.10 believes a damaged file, and
 * converts what is beside the record. */
static bool is_inside(hid_t compound, unsigned i, hid_t type, hid_t base, size_t count) {
  size_t record = H5Tget_size(compound), size = H5Tget_size(type), value = H5Tget_size(base);
  size_t offset = H5Tget_member_offset(compound, i);
  if (size == 0 || value == 0 || size > record || offset > record - size) return false;
  if (!size_multiply(&value, (int64_t)count) || value > size) return false;
  H5T_class_t kind = H5Tget_class(base);
  if (kind != H5T_INTEGER && kind != H5T_FLOAT && kind != H5T_BITFIELD) return true;
  int shift = H5Tget_offset(base);
  size_t bits = H5Tget_precision(base), all = 8 * H5Tget_size(base);
  if (shift < 0 || bits == 0 || bits > all || (size_t)shift > all - bits) return false;
  if (kind != H5T_FLOAT) return true;
  size_t sign = 0, exponent = 0, exponents = 0, mantissa = 0, mantissas = 0;
  return H5Tget_fields(base, &sign, &exponent, &exponents, &mantissa, &mantissas) >= 0 && sign < bits &&
         exponents > 0 && exponents < 32 && mantissas > 0 && exponent <= bits &&
         exponents <= bits - exponent && mantissa <= bits && mantissas <= bits - mantissa;
}

static ls_status add_member(store_table_t *table, hid_t compound, unsigned i, ls_error *error) {
  size_t count = 1;
  char *name = H5Tget_member_name(compound, i);
  hid_t type = H5Tget_member_type(compound, i), base = type < 0 ? type : base_type(type, &count);
  bool is_whole = name != NULL && base >= 0 && is_inside(compound, i, type, base, count);
  ls_status status =
      !is_whole ? hdf5_error(error, LS_BAD_DATA, "%s: field %u of %s cannot be read, the file is damaged",
                             table->store->path, i, table->name)
                : table_add_field(table, name, base, count, error);
  hdf5_close(base);
  hdf5_close(type);
  H5free_memory(name);
  return status;
}

/* ---- the type of a record in memory ---- */

static bool insert_member(hid_t record, hid_t compound, unsigned i, const column_t *first) {
  char *name = H5Tget_member_name(compound, i);
  hid_t file = H5Tget_member_type(compound, i), type = H5Tcopy(first->type);
  if (H5Tget_class(file) == H5T_ARRAY) {
    hsize_t shape[H5S_MAX_RANK];
    int dims = H5Tget_array_dims2(file, shape);
    hdf5_close(type);
    type = dims > 0 ? H5Tarray_create2(first->type, (unsigned)dims, shape) : H5I_INVALID_HID;
  }
  bool inserted = name != NULL && type >= 0 && H5Tinsert(record, name, first->offset, type) >= 0;
  hdf5_close(type);
  hdf5_close(file);
  H5free_memory(name);
  return inserted;
}

ls_status table_add_fields(store_table_t *table, hid_t compound, ls_error *error) {
  int fields = H5Tget_nmembers(compound);
  size_t *counts = calloc((size_t)(fields > 0 ? fields : 1), sizeof *counts);
  if (counts == NULL) return no_memory(table, error);
  ls_status status = LS_OK;
  for (int i = 0; i < fields && status == LS_OK; i++) {
    size_t before = table->n;
    status = add_member(table, compound, (unsigned)i, error);
    counts[i] = table->n - before;
  }
  if (status == LS_OK && table->n == 0)
    status = error_set(error, LS_BAD_DATA, "%s: %s has no columns", table->store->path, table->name);
  if (status == LS_OK) {
    bool made = (table->record = H5Tcreate(H5T_COMPOUND, table->record_bytes)) >= 0;
    const column_t *first = table->columns;
    for (int i = 0; i < fields && made; first += counts[i], i++)
      made = counts[i] == 0 || insert_member(table->record, compound, (unsigned)i, first);
    if (!made)
      status = hdf5_error(error, LS_BAD_DATA, "%s: the records of %s cannot be read", table->store->path,
                          table->name);
  }
  free(counts);
  return status;
}
