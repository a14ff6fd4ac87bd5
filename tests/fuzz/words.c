/* HDF5 files from words (fuzz.h has the grammar). libFuzzer changes words, not the bytes of the file, so HDF5
 * writes every file itself and no time is lost on HDF5's own faults: a seal keeps damaged bytes from HDF5.
 * What remains is whatever a sound file can say: shapes, types, names, attributes and values. */
#include "fuzz/fuzz.h"
#include "store/store_impl.h"

#include <string.h>

enum { MOST_LINES = 512, MOST_ELEMENTS = 1 << 14, MOST_WORDS = 512, MOST_RANK = 10, MOST_TEXT = 64 };

/* ---- types ---- */

typedef struct {
  hid_t file, memory; /* memory: int64, uint64 or double; of texts the same as in the file */
  H5T_class_t kind;
  bool is_chunked, is_packed, is_empty;
} word_type_t;

static const struct {
  const char *name;
  const hid_t *type;
  H5T_class_t kind;
} numbers[] = {
    {"u8", &H5T_STD_U8LE_g, H5T_INTEGER},   {"i8", &H5T_STD_I8LE_g, H5T_INTEGER},
    {"u16", &H5T_STD_U16LE_g, H5T_INTEGER}, {"i16", &H5T_STD_I16LE_g, H5T_INTEGER},
    {"u32", &H5T_STD_U32LE_g, H5T_INTEGER}, {"i32", &H5T_STD_I32LE_g, H5T_INTEGER},
    {"u64", &H5T_STD_U64LE_g, H5T_INTEGER}, {"i64", &H5T_STD_I64LE_g, H5T_INTEGER},
    {"f32", &H5T_IEEE_F32LE_g, H5T_FLOAT},  {"f64", &H5T_IEEE_F64LE_g, H5T_FLOAT},
    {"f16", &H5T_IEEE_F32LE_g, H5T_FLOAT},  {"bool", &H5T_STD_I8LE_g, H5T_ENUM},
};

/* IEEE half precision, as h5py makes it. */
static void make_half(hid_t type) {
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
}

static hid_t make_bool(void) {
  hid_t type = H5Tenum_create(H5T_STD_I8LE);
  H5Tenum_insert(type, "FALSE", &(int8_t){0});
  H5Tenum_insert(type, "TRUE", &(int8_t){1});
  return type;
}

static bool make_number(const char *word, size_t length, bool big, word_type_t *out) {
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    if (strlen(numbers[i].name) != length || strncmp(word, numbers[i].name, length) != 0) continue;
    out->kind = numbers[i].kind;
    out->file = out->kind == H5T_ENUM ? make_bool() : H5Tcopy(*numbers[i].type);
    if (big && out->kind != H5T_ENUM) H5Tset_order(out->file, H5T_ORDER_BE);
    if (strncmp(word, "f16", 3) == 0) make_half(out->file);
    hid_t memory = out->kind == H5T_FLOAT ? H5T_NATIVE_DOUBLE
                   : word[0] == 'u'       ? H5T_NATIVE_UINT64
                                          : H5T_NATIVE_INT64;
    out->memory = out->kind == H5T_ENUM ? H5Tcopy(out->file) : H5Tcopy(memory);
    return true;
  }
  return false;
}

static bool make_text(const char *word, size_t length, word_type_t *out) {
  size_t bytes = word[0] == 't' ? strtoul(word + 1, NULL, 10) : H5T_VARIABLE;
  if ((word[0] != 't' && word[0] != 'v') || (word[0] == 'v' && length > 1)) return false;
  if (bytes != H5T_VARIABLE && (bytes == 0 || bytes > MOST_TEXT)) return false;
  out->kind = H5T_STRING;
  out->file = H5Tcopy(H5T_C_S1);
  H5Tset_size(out->file, bytes);
  out->memory = H5Tcopy(out->file);
  return true;
}

static bool type_make(const char *word, word_type_t *out) {
  size_t length = strcspn(word, "+,");
  *out = (word_type_t){.is_chunked = strstr(word, "+chunked") != NULL,
                       .is_packed = strstr(word, "+gzip") != NULL,
                       .is_empty = strstr(word, "+empty") != NULL};
  bool big = length > 2 && strncmp(word + length - 2, "be", 2) == 0;
  if (length == 0) return false;
  return make_number(word, big ? length - 2 : length, big, out) || make_text(word, length, out);
}

static void type_free(const word_type_t *type) {
  hdf5_close(type->file);
  hdf5_close(type->memory);
}

/* ---- shapes ---- */

/* The number of elements, at most MOST_ELEMENTS + 1; -1 for a word that is no shape. */
static int64_t shape_read(const char *word, int *dims, hsize_t shape[MOST_RANK]) {
  int64_t elements = 1;
  *dims = 0;
  if (strcmp(word, "-") == 0) return 1;
  for (char *end = NULL; *word != '\0'; word = *end == 'x' ? end + 1 : end) {
    if (*dims == MOST_RANK || *word < '0' || *word > '9') return -1;
    shape[*dims] = strtoull(word, &end, 10);
    if (*end != 'x' && *end != '\0') return -1;
    bool many = shape[*dims] > MOST_ELEMENTS || elements * (int64_t)shape[*dims] > MOST_ELEMENTS;
    elements = many ? MOST_ELEMENTS + 1 : elements * (int64_t)shape[*dims];
    ++*dims;
  }
  return *dims > 0 ? elements : -1;
}

/* ---- values ---- */

/* A cell of a number or a text of fixed or variable length. */
static void put_value(const word_type_t *type, const char *word, unsigned char *out) {
  if (type->kind == H5T_STRING && H5Tis_variable_str(type->memory)) {
    memcpy(out, &word, sizeof word);
  } else if (type->kind == H5T_STRING) {
    strncpy((char *)out, word, H5Tget_size(type->memory));
  } else if (type->kind == H5T_ENUM) {
    *out = *word == '1';
  } else if (type->kind == H5T_FLOAT) {
    double value = strtod(word, NULL);
    memcpy(out, &value, sizeof value);
  } else {
    uint64_t value = *word == '-' ? (uint64_t)strtoll(word, NULL, 10) : strtoull(word, NULL, 10);
    memcpy(out, &value, sizeof value);
  }
}

/* n values, malloc'd; the words are repeated. */
static unsigned char *make_values(const word_type_t *type, int64_t n, char *const *words, size_t n_words) {
  size_t bytes = H5Tget_size(type->memory);
  unsigned char *values = calloc((size_t)n + 1, bytes);
  MUST(values != NULL);
  for (int64_t i = 0; i < n; i++)
    put_value(type, n_words > 0 ? words[(size_t)i % n_words] : "0", values + (size_t)i * bytes);
  return values;
}

/* Cuts a text at blanks, or at another character, in place. */
static size_t cut(char *text, const char *at, char *words[MOST_WORDS]) {
  size_t n = 0;
  char *rest = NULL;
  for (char *word = strtok_r(text, at, &rest); word != NULL && n < MOST_WORDS;
       word = strtok_r(NULL, at, &rest))
    words[n++] = word;
  return n;
}

/* ---- objects ---- */

/* Arrays that are too large to be written are declared in one chunk of one element each dimension. */
static hid_t creation_list(const word_type_t *type, int dims, const hsize_t *shape, int64_t elements) {
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t chunk[MOST_RANK];
  for (int i = 0; i < dims; i++)
    chunk[i] = elements > MOST_ELEMENTS || shape[i] == 0 ? 1 : (shape[i] + 1) / 2;
  if (dims > 0 && (type->is_chunked || type->is_packed || elements > MOST_ELEMENTS))
    H5Pset_chunk(list, dims, chunk);
  if (dims > 0 && type->is_packed) H5Pset_deflate(list, 1);
  return list;
}

static hid_t make_array(hid_t file, const char *path, const word_type_t *type, int dims, const hsize_t *shape,
                        int64_t elements) {
  hid_t space = dims > 0 ? H5Screate_simple(dims, shape, NULL) : H5Screate(H5S_SCALAR);
  hid_t list = creation_list(type, dims, shape, elements), array = H5I_INVALID_HID;
  if (groups_make(file, path, false) >= 0)
    array = H5Dcreate2(file, path, type->file, space, H5P_DEFAULT, list, H5P_DEFAULT);
  hdf5_close(list);
  hdf5_close(space);
  return array;
}

static void add_array(hid_t file, char **words, size_t n) {
  word_type_t type;
  hsize_t shape[MOST_RANK];
  int dims = 0;
  if (n < 3 || !type_make(words[1], &type)) return;
  int64_t elements = shape_read(words[2], &dims, shape);
  hid_t array = elements < 0 ? H5I_INVALID_HID : make_array(file, words[0], &type, dims, shape, elements);
  if (array >= 0 && !type.is_empty && elements <= MOST_ELEMENTS) {
    unsigned char *values = make_values(&type, elements, words + 3, n - 3);
    H5Dwrite(array, type.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
  }
  hdf5_close(array);
  type_free(&type);
}

static void add_number(hid_t file, char **words, size_t n) {
  word_type_t type;
  hsize_t shape[MOST_RANK];
  int dims = 0;
  if (n < 4 || !type_make(words[2], &type)) return;
  int64_t elements = shape_read(words[3], &dims, shape);
  if (elements >= 0 && elements <= MOST_ELEMENTS && groups_make(file, words[0], true) >= 0) {
    unsigned char *values = make_values(&type, elements, words + 4, n - 4);
    hid_t space = dims > 0 ? H5Screate_simple(dims, shape, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute =
        H5Acreate_by_name(file, words[0], words[1], type.file, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) H5Awrite(attribute, type.memory, values);
    hdf5_close(attribute);
    hdf5_close(space);
    free(values);
  }
  type_free(&type);
}

/* Fields of a record as they lie in memory, one after the other. */
typedef struct {
  word_type_t types[MOST_RANK];
  const char *names[MOST_RANK];
  size_t at[MOST_RANK], n, bytes;
} record_t;

static void record_read(char *text, record_t *out) {
  char *fields[MOST_WORDS];
  size_t n = cut(text, ",", fields);
  *out = (record_t){0};
  for (size_t i = 0; i < n && out->n < MOST_RANK; i++) {
    char *type = strchr(fields[i], ':');
    if (type == NULL || type == fields[i] || !type_make(type + 1, &out->types[out->n])) continue;
    *type = '\0';
    out->names[out->n] = fields[i];
    out->at[out->n] = out->bytes;
    out->bytes += H5Tget_size(out->types[out->n++].memory);
  }
}

static void add_table(hid_t file, char **words, size_t n) {
  record_t record;
  hsize_t shape[MOST_RANK] = {0};
  int dims = 0;
  if (n < 3) return;
  const int64_t elements = shape_read(words[1], &dims, shape);
  const hsize_t rows = shape[0];
  record_read(words[2], &record);
  if (dims == 1 && elements >= 0 && elements <= MOST_ELEMENTS && record.n > 0) {
    word_type_t type = {.file = H5Tcreate(H5T_COMPOUND, record.bytes)};
    unsigned char *values = calloc((size_t)rows + 1, record.bytes);
    MUST(values != NULL);
    for (size_t f = 0; f < record.n; f++) {
      H5Tinsert(type.file, record.names[f], record.at[f], record.types[f].memory);
      for (size_t r = 0; r < rows; r++)
        put_value(&record.types[f], n > 3 ? words[3 + (r * record.n + f) % (n - 3)] : "0",
                  values + r * record.bytes + record.at[f]);
    }
    hid_t array = make_array(file, words[0], &type, 1, &rows, elements);
    if (array >= 0) H5Dwrite(array, type.file, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    hdf5_close(array);
    hdf5_close(type.file);
    free(values);
  }
  for (size_t f = 0; f < record.n; f++) type_free(&record.types[f]);
}

static void add_group(hid_t file, char **words, size_t n) {
  if (n > 0) groups_make(file, words[0], true);
}

static void add_link(hid_t file, char **words, size_t n) {
  if (n >= 2 && groups_make(file, words[0], false) >= 0)
    H5Lcreate_soft(words[1], file, words[0], H5P_DEFAULT, H5P_DEFAULT);
}

static void add_outside(hid_t file, char **words, size_t n) {
  if (n >= 3 && groups_make(file, words[0], false) >= 0)
    H5Lcreate_external(words[1], words[2], file, words[0], H5P_DEFAULT, H5P_DEFAULT);
}

static void add_virtual(hid_t file, char **words, size_t n) {
  word_type_t type;
  hsize_t shape[MOST_RANK];
  int dims = 0;
  if (n < 4 || !type_make(words[1], &type)) return;
  int64_t elements = shape_read(words[2], &dims, shape);
  if (elements > 0 && dims > 0 && groups_make(file, words[0], false) >= 0) {
    hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(dims, shape, NULL);
    H5Pset_virtual(list, space, ".", words[3], space);
    hdf5_close(H5Dcreate2(file, words[0], type.file, space, H5P_DEFAULT, list, H5P_DEFAULT));
    hdf5_close(space);
    hdf5_close(list);
  }
  type_free(&type);
}

/* ---- texts ---- */

static void add_text(store_t *store, const char *object, const char *key, const char *text) {
  if (groups_make(store->file, object, true) >= 0) store_write_text(store, object, key, text, NULL);
}

static void add_texts(store_t *store, const char *object, const char *key, char *text) {
  char *words[MOST_WORDS];
  size_t n = cut(text, "|", words);
  if (groups_make(store->file, object, true) >= 0)
    store_write_texts(store, object, key, (const char *const *)words, n, NULL);
}

static void add_words(store_t *store, const char *path, const char *rows, char *text) {
  char *words[MOST_WORDS];
  const char *values[MOST_WORDS];
  size_t n = cut(text, "|", words), wanted = strtoul(rows, NULL, 10);
  if (n == 0 || wanted > MOST_WORDS) return;
  for (size_t i = 0; i < wanted; i++) values[i] = words[i % n];
  store_write_text_array(store, path, values, wanted, NULL);
}

/* ---- lines ---- */

static const struct {
  const char *word;
  void (*add)(hid_t file, char **words, size_t n);
} objects[] = {{"array", add_array}, {"number", add_number},   {"table", add_table},    {"group", add_group},
               {"link", add_link},   {"outside", add_outside}, {"virtual", add_virtual}};

/* The next word of a line, ended by NUL; the line goes on behind it. */
static char *next_word(char **line) {
  *line += strspn(*line, " ");
  char *word = *line;
  *line += strcspn(*line, " ");
  if (**line != '\0') *(*line)++ = '\0';
  return word;
}

static void add_line(store_t *store, char *line, char **settings) {
  char *words[MOST_WORDS], *word = next_word(&line);
  for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
    if (strcmp(word, objects[i].word) == 0) {
      objects[i].add(store->file, words, cut(line, " ", words));
      return;
    }
  if (strcmp(word, "settings") == 0) {
    free(*settings);
    MUST((*settings = strdup(line)) != NULL);
    return;
  }
  char *object = next_word(&line), *key = next_word(&line);
  if (*object == '\0' || *key == '\0') return;
  if (strcmp(word, "text") == 0) add_text(store, object, key, line);
  if (strcmp(word, "texts") == 0) add_texts(store, object, key, line);
  if (strcmp(word, "words") == 0) add_words(store, object, key, line);
}

/* Joins lines that begin with | to the line before. *end is the end of the line. */
static char *next_line(char *at, char **end) {
  char *to = at + strcspn(at, "\n");
  *end = to;
  while (**end == '\n' && (*end)[1] == '|') {
    char *from = *end + 2 + ((*end)[2] == ' ');
    size_t length = strcspn(from, "\n");
    *to++ = '\n';
    memmove(to, from, length);
    to += length;
    *end = from + length;
  }
  if (**end == '\n') ++*end;
  *to = '\0';
  return at;
}

static void add_lines(store_t *store, char *text, size_t size, char **settings) {
  char *end = text;
  for (int i = 0; i < MOST_LINES && end < text + size; i++) {
    char *line = next_line(end, &end);
    add_line(store, line, settings);
    H5Eclear2(H5E_DEFAULT);
  }
}

void words_write(const uint8_t *data, size_t size, const char *path, char **settings) {
  char *text = fuzz_text(data, size);
  store_t store = {.links = H5P_DEFAULT, .path = text};
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  MUST((*settings = strdup("")) != NULL);
  H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  store.file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  MUST(store.file >= 0);
  add_lines(&store, text, strlen(text), settings);
  MUST(H5Fclose(store.file) >= 0);
  hdf5_close(access);
  MUST(seal_write(path, NULL, 0, NULL) == LS_OK);
  free(text);
}
