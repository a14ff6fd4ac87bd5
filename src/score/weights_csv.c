#include "score/weights_csv.h"

#include "base/activity.h"
#include "score/weight_name.h"
#include "store/store.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "layer,parameter,row,column,value";

/* ---- writing ---- */

/* The value of a float as a double, denormals too, which computing threads take for zero. */
static double exact_value(float value) {
  uint32_t bits = 0, mantissa_bits = 23, exponent_mask = UINT32_C(0xff) << 23;
  memcpy(&bits, &value, sizeof bits);
  const double mantissa = (double)(bits & ((UINT32_C(1) << mantissa_bits) - 1));
  if ((bits & exponent_mask) != 0) return (double)value;
  return ldexp((bits >> 31) != 0 ? -mantissa : mantissa, -149);
}

static void put_array(FILE *out, const parameter_t *parameter, const float *plain, int64_t first,
                      int64_t rows) {
  const int layer = (int)strcspn(parameter->name, "/");
  const int64_t columns = parameter->dims == 2 ? parameter->shape[1] : 1;
  for (int64_t i = 0; i < rows * columns; i++) {
    fprintf(out, "%.*s,%s,%" PRId64 ",", layer, parameter->name, parameter->name + layer + 1,
            first + i / columns);
    if (parameter->dims == 2) fprintf(out, "%" PRId64, i % columns);
    fprintf(out, ",%.*g\n", FLT_DECIMAL_DIG, exact_value(plain[i]));
  }
}

/* Rows [first, first + rows) of array i, as text, behind what the file has. `plain` has room for them. */
static ls_status append_rows(store_bytes_t *bytes, const graph_t *graph, const float *vector, size_t i,
                             int64_t first, int64_t rows, float *plain, ls_error *error) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory to write weights");
  graph_unpack_rows(graph, i, vector, first, rows, plain);
  put_array(out, graph_parameter(graph, i), plain, first, rows);
  ls_status status = fclose(out) == 0 ? store_bytes_append(bytes, text, size, error)
                                      : error_set(error, LS_NO_MEMORY, "no memory to write weights");
  free(text);
  return status;
}

/* In pieces of whole rows, so that the text of a large network is never in memory as a whole. */
static ls_status append_array(store_bytes_t *bytes, const graph_t *graph, const float *vector, size_t i,
                              ls_error *error) {
  enum { PIECE = 1 << 16 };
  const parameter_t *parameter = graph_parameter(graph, i);
  const int64_t columns = parameter->dims == 2 ? parameter->shape[1] : 1;
  const int64_t most = columns < PIECE ? PIECE / columns : 1;
  float *plain = malloc((size_t)(most * columns) * sizeof *plain);
  if (plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory to write weights");
  ls_status status = LS_OK;
  for (int64_t row = 0; row < parameter->shape[0] && status == LS_OK; row += most) {
    const int64_t left = parameter->shape[0] - row;
    status = append_rows(bytes, graph, vector, i, row, left < most ? left : most, plain, error);
  }
  free(plain);
  return status;
}

ls_status weights_csv_write(const char *path, const graph_t *graph, const float *vector, ls_error *error) {
  store_bytes_t *bytes = NULL;
  TRY(store_bytes_create(path, &bytes, error));
  ls_status status = store_bytes_append(bytes, header, strlen(header), error);
  if (status == LS_OK) status = store_bytes_append(bytes, "\n", 1, error);
  for (size_t i = 0; i < graph_parameter_count(graph) && status == LS_OK; i++)
    status = append_array(bytes, graph, vector, i, error);
  if (status == LS_OK) return store_bytes_publish(&bytes, error);
  store_bytes_drop(&bytes);
  return status;
}

/* ---- reading ---- */

enum { FIELDS = 5, FIELD_LAYER = 0, FIELD_PARAMETER, FIELD_ROW, FIELD_COLUMN, FIELD_VALUE };

/* A table that is being read. */
typedef struct {
  const char *path;
  const graph_t *graph;
  bool may_have_others;
  float *plain;         /* (graph_plain_floats): values, array by array */
  const size_t *starts; /* (arrays): where each begins there */
  weights_given_t given;
  int64_t line;
} weights_reader_t;

void weights_given_free(weights_given_t *given) {
  free(given->is_given);
  *given = (weights_given_t){0};
}

static ls_status refuse(const weights_reader_t *reader, const char *text, const char *why, ls_error *error) {
  return error_set(error, LS_BAD_DATA, "%s:%" PRId64 ": '%.80s': %s", reader->path, reader->line, text, why);
}

/* Cuts a line at its commas; false if there are not as many fields as in the header. Blanks around a field
 * and double quotes without a comma inside, as spreadsheets write them, are taken off. */
static bool split_line(char *line, char *fields[FIELDS]) {
  for (int f = 0; f < FIELDS; f++) {
    char *end = line + strcspn(line, ",");
    if ((*end == ',') != (f + 1 < FIELDS)) return false;
    char *next = end + 1;
    line += strspn(line, " \t");
    while (end > line && (end[-1] == ' ' || end[-1] == '\t')) end--;
    if (end - line >= 2 && *line == '"' && end[-1] == '"') line++, end--;
    *end = '\0';
    fields[f] = line;
    line = next;
  }
  return true;
}

static bool has_layer(const graph_t *graph, const char *layer) {
  const size_t length = strlen(layer);
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const char *name = graph_parameter(graph, i)->name;
    if (strncmp(name, layer, length) == 0 && name[length] == '/') return true;
  }
  return false;
}

/* Notes a layer that the network does not have, once. Its name is not empty. */
static void note_other(char list[200], const char *layer) {
  const char *found = strstr(list, layer);
  const size_t used = strlen(list), length = strlen(layer);
  for (; found != NULL; found = strstr(found + 1, layer))
    if ((found == list || found[-1] == ' ') && (found[length] == ',' || found[length] == '\0')) return;
  if (used + length + 3 < 200) snprintf(list + used, 200 - used, "%s%s", used > 0 ? ", " : "", layer);
}

static bool read_float(const char *text, float *out) {
  char *end = NULL;
  if (*text == '\0' || strspn(text, "0123456789+-.eE") != strlen(text)) return false;
  const float value = strtof(text, &end);
  if (*end != '\0' || !isfinite(value)) return false;
  *out = value;
  return true;
}

static ls_status take_fields(weights_reader_t *reader, char *const fields[FIELDS], const char *line,
                             ls_error *error) {
  char text[WEIGHT_NAME_SIZE];
  weight_name_t name = {0};
  float value = 0;
  const bool is_matrix = fields[FIELD_COLUMN][0] != '\0';
  if (fields[FIELD_LAYER][0] == '\0') return refuse(reader, line, "the name of a layer is missing", error);
  if (reader->may_have_others && !has_layer(reader->graph, fields[FIELD_LAYER])) {
    note_other(reader->given.others, fields[FIELD_LAYER]);
    return LS_OK;
  }
  if (!read_float(fields[FIELD_VALUE], &value))
    return refuse(reader, line, "the value is no finite number in single precision, with a point as in 0.5",
                  error);
  int length = snprintf(text, sizeof text, "%s.%s[%s%s%s]", fields[FIELD_LAYER], fields[FIELD_PARAMETER],
                        fields[FIELD_ROW], is_matrix ? "," : "", fields[FIELD_COLUMN]);
  if (length >= (int)sizeof text) return refuse(reader, line, "no weight has such a name", error);
  if (weight_name_read(reader->graph, text, &name, error) != LS_OK)
    return error_prefix(error, LS_BAD_DATA, "%s:%" PRId64, reader->path, reader->line);
  const size_t at = reader->starts[name.array] + name.at;
  if (reader->given.is_given[at]) return refuse(reader, line, "an earlier line gives this weight too", error);
  reader->given.is_given[at] = true;
  reader->given.given++;
  reader->plain[at] = value;
  return LS_OK;
}

/* One line without its end. `copy` has as much room. */
static ls_status take_line(weights_reader_t *reader, char *line, char *copy, ls_error *error) {
  char *fields[FIELDS];
  strcpy(copy, line);
  if (line[strspn(line, " \t")] == '\0') return LS_OK;
  if (reader->line == 1) {
    const char *text = strncmp(line, "\xef\xbb\xbf", 3) == 0 ? line + 3 : line; /* mark of UTF-8 */
    if (strcmp(text, header) == 0) return LS_OK;
    return error_set(error, LS_BAD_DATA,
                     "%s: the first line of a table of weights is '%s', with commas between the fields; "
                     "`lockstep weights MODEL --out FILE.csv` writes one",
                     reader->path, header);
  }
  if (!split_line(line, fields))
    return refuse(reader, copy,
                  "a line has five fields, with commas between them, as in dense1,weight,0,3,0.25", error);
  return take_fields(reader, fields, copy, error);
}

static ls_status read_lines(weights_reader_t *reader, FILE *in, ls_error *error) {
  char *line = NULL, *copy = NULL;
  size_t room = 0, copied = 0;
  ls_status status = LS_OK;
  enum { BEAT = 4096 };
  for (ssize_t n; status == LS_OK && (n = getline(&line, &room, in)) >= 0;) {
    if (++reader->line % BEAT == 0) activity_beat();
    if (strlen(line) != (size_t)n) TRY_OR_DONE(refuse(reader, line, "a zero byte follows", error));
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) line[--n] = '\0';
    if (copied < room) {
      char *larger = realloc(copy, room);
      if (larger == NULL) TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "%s: no memory", reader->path));
      copy = larger;
      copied = room;
    }
    status = take_line(reader, line, copy, error);
  }
  if (status == LS_OK && !feof(in))
    status = error_set(error, LS_IO, "%s: cannot be read: %s", reader->path, strerror(errno));
  if (status == LS_OK && reader->line == 0)
    status = error_set(error, LS_BAD_DATA, "%s is empty", reader->path);
done:
  free(line);
  free(copy);
  return status;
}

/* Puts the values into the vector, between those that it has. */
static ls_status fill_vector(const weights_reader_t *reader, float *vector, ls_error *error) {
  for (size_t i = 0; i < graph_parameter_count(reader->graph); i++) {
    const size_t n = parameter_values(graph_parameter(reader->graph, i)), start = reader->starts[i];
    float *plain = malloc(n * sizeof *plain);
    if (plain == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for weights", reader->path);
    graph_unpack(reader->graph, i, vector, plain);
    for (size_t k = 0; k < n; k++)
      if (reader->given.is_given[start + k]) plain[k] = reader->plain[start + k];
    graph_pack(reader->graph, i, plain, vector);
    free(plain);
  }
  return LS_OK;
}

/* Where plain arrays begin when they follow each other. */
static size_t *array_starts(const graph_t *graph) {
  size_t *starts = calloc(graph_parameter_count(graph) + 1, sizeof *starts);
  for (size_t i = 0; starts != NULL && i < graph_parameter_count(graph); i++)
    starts[i + 1] = starts[i] + parameter_values(graph_parameter(graph, i));
  return starts;
}

ls_status weights_csv_read(const char *path, const graph_t *graph, bool may_have_others, float *vector,
                           weights_given_t *out, ls_error *error) {
  const size_t n = graph_plain_floats(graph);
  size_t *starts = array_starts(graph);
  weights_reader_t reader = {.path = path,
                             .graph = graph,
                             .may_have_others = may_have_others,
                             .starts = starts,
                             .plain = malloc(n * sizeof(float)),
                             .given = {.is_given = calloc(n, sizeof(bool))}};
  ls_status status = LS_OK;
  activity_set("reading %s", path);
  FILE *in = fopen(path, "r");
  if (in == NULL)
    TRY_OR_DONE(error_set(error, LS_BAD_DATA, "%s: cannot be opened: %s", path, strerror(errno)));
  if (starts == NULL || reader.plain == NULL || reader.given.is_given == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "%s: no memory for %zu weights", path, n));
  status = read_lines(&reader, in, error);
  if (status == LS_OK && vector != NULL) status = fill_vector(&reader, vector, error);
done:
  if (in != NULL) fclose(in);
  free(starts);
  free(reader.plain);
  if (status == LS_OK)
    *out = reader.given;
  else
    weights_given_free(&reader.given);
  return status;
}
