/* Private to the two files about tables: a table that is open. */
#ifndef STORE_TABLE_IMPL_H
#define STORE_TABLE_IMPL_H

#include "store/store_impl.h"

enum { TABLE_NAME_SIZE = 512 };

/* What a field holds in memory. */
typedef enum { FIELD_INTEGER, FIELD_UNSIGNED, FIELD_REAL, FIELD_ENUM, FIELD_FIXED, FIELD_VARIABLE } field_t;

typedef struct {
  char *name; /* NULL: none */
  field_t field;
  size_t offset, size; /* in a record in memory */
  hid_t type;          /* of enumerations and texts; borrowed from the table */
  char date_unit[4];
} column_t;

struct store_table {
  const store_t *store;
  char *name; /* of the array */
  hid_t dataset;
  hid_t record;      /* type of a record in memory */
  hid_t *types;      /* (n_types) of enumerations and texts */
  column_t *columns; /* (n) */
  size_t n, n_types, columns_room;
  size_t record_bytes;
  int64_t rows, first, count;      /* first, count: rows in memory */
  unsigned char *records;          /* (count, record_bytes) */
  char enum_name[TABLE_NAME_SIZE]; /* of the last cell that was an enumeration */
};

/* Adds the columns of all fields of an array's record type, and makes the type of a record in memory. */
ls_status table_add_fields(store_table_t *table, hid_t compound, ls_error *error);

/* Adds the columns of one field with `count` values of this type; `name` is NULL for an array of texts. */
ls_status table_add_field(store_table_t *table, const char *name, hid_t type, size_t count, ls_error *error);

#endif
