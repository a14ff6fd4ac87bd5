/* An event file is a sequence of records (TFRecord, tensorflow/core/lib/io/record_writer.h):
 *
 *   8 bytes   length of the data, little-endian
 *   4 bytes   masked CRC-32C of these 8 bytes
 *   n bytes   the data: a message Event
 *   4 bytes   masked CRC-32C of the data
 *
 * The mask is ((crc >> 15) | (crc << 17)) + 0xa282ead8 (tensorflow/core/lib/hash/crc32c.h). The messages, of
 * tensorflow/core/util/event.proto and framework/summary.proto, in the encoding of protocol buffers:
 *
 *   Event          1: wall_time (double)  2: step (int64)  3: file_version (string)  5: summary (Summary)
 *   Summary        1: value (Summary.Value, repeated)
 *   Summary.Value  1: tag (string)  2: simple_value (float)
 *
 * The first event has the version of the format, brain.Event:2, each further event the scalars of one epoch.
 */
#include "inspect/tensorboard.h"

#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

typedef struct {
  unsigned char *bytes; /* malloc'd */
  size_t n, capacity;
  bool failed; /* no memory: the bytes are not complete */
} message_t;

static void put_bytes(message_t *message, const void *bytes, size_t n) {
  if (message->failed || n == 0) return;
  if (message->n + n > message->capacity) {
    size_t capacity = 2 * (message->n + n);
    unsigned char *grown = realloc(message->bytes, capacity);
    message->failed = grown == NULL;
    if (message->failed) return;
    message->bytes = grown;
    message->capacity = capacity;
  }
  memcpy(message->bytes + message->n, bytes, n);
  message->n += n;
}

/* The lowest `n` bytes of a value, little-endian. */
static void put_fixed(message_t *message, uint64_t value, size_t n) {
  unsigned char bytes[8];
  for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(value >> (8 * i));
  put_bytes(message, bytes, n);
}

/* Seven bits in each byte, the lowest first; all bytes but the last have the highest bit set. */
static void put_varint(message_t *message, uint64_t value) {
  unsigned char byte = 0;
  do {
    byte = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    put_bytes(message, &byte, 1);
    value >>= 7;
  } while (value > 0);
}

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2, WIRE_32 = 5 };

static void put_key(message_t *message, unsigned field, unsigned wire) {
  put_varint(message, field << 3 | wire);
}

static void put_piece(message_t *message, unsigned field, const void *bytes, size_t n) {
  put_key(message, field, WIRE_LENGTH);
  put_varint(message, n);
  put_bytes(message, bytes, n);
}

static void put_double(message_t *message, unsigned field, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_key(message, field, WIRE_64);
  put_fixed(message, bits, sizeof bits);
}

static void put_float(message_t *message, unsigned field, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_key(message, field, WIRE_32);
  put_fixed(message, bits, sizeof bits);
}

/* ---- records ---- */

uint32_t tensorboard_crc(const void *bytes, size_t size) {
  enum { POLYNOMIAL = (int)0x82f63b78 }; /* 0x1edc6f41, its bits in reverse */
  const unsigned char *at = bytes;
  uint32_t crc = ~UINT32_C(0);
  for (size_t i = 0; i < size; i++) {
    crc ^= at[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? (uint32_t)POLYNOMIAL : 0);
  }
  return ~crc;
}

static uint32_t masked(uint32_t crc) {
  return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

/* Appends a record to the file, and empties the event. */
static void put_record(message_t *file, message_t *event) {
  size_t begin = file->n;
  file->failed = file->failed || event->failed;
  put_fixed(file, event->n, 8);
  if (file->failed) return;
  put_fixed(file, masked(tensorboard_crc(file->bytes + begin, 8)), 4);
  put_bytes(file, event->bytes, event->n);
  put_fixed(file, masked(tensorboard_crc(event->bytes, event->n)), 4);
  event->n = 0;
}

/* ---- events ---- */

/* TensorBoard groups charts by what is before the slash. */
static void tag_of(const char *column, char out[EPOCH_NAME_SIZE + 8]) {
  static const char *const groups[] = {"train", "valid", "seconds"};
  snprintf(out, EPOCH_NAME_SIZE + 8, "train/%s", column); /* learning_rate, rows, ... */
  if (strchr(column, '/') != NULL) snprintf(out, EPOCH_NAME_SIZE + 8, "%s", column);
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
    size_t length = strlen(groups[i]);
    if (strncmp(column, groups[i], length) == 0 && column[length] == '_')
      snprintf(out, EPOCH_NAME_SIZE + 8, "%s/%s", groups[i], column + length + 1);
  }
}

static void put_scalar(message_t *summary, message_t *value, const char *column, double number) {
  char tag[EPOCH_NAME_SIZE + 8];
  tag_of(column, tag);
  value->n = 0;
  put_piece(value, 1, tag, strlen(tag));
  put_float(value, 2, (float)number);
  summary->failed = summary->failed || value->failed;
  put_piece(summary, 1, value->bytes, value->n);
}

static void put_epoch(message_t *event, const epochs_t *epochs, size_t e, double time, message_t scratch[2]) {
  const double *steps = epochs_column(epochs, "step"), *numbers = epochs_column(epochs, "epoch");
  double step = steps != NULL ? steps[e] : numbers != NULL ? numbers[e] : (double)e;
  scratch[0].n = 0;
  for (size_t c = 0; c < epochs->n_columns; c++) {
    const epoch_column_t *column = &epochs->columns[c];
    if (strcmp(column->name, "epoch") == 0 || strcmp(column->name, "step") == 0 || isnan(column->values[e]))
      continue;
    put_scalar(&scratch[0], &scratch[1], column->name, column->values[e]);
  }
  event->failed = event->failed || scratch[0].failed;
  put_double(event, 1, time);
  put_key(event, 2, WIRE_VARINT);
  put_varint(event, step >= 0 && step < 9e15 ? (uint64_t)step : 0);
  put_piece(event, 5, scratch[0].bytes, scratch[0].n);
}

/* The times of all epochs, malloc'd: those that are not known lie before the next one that is, or before the
 * end, by the seconds of training between. */
static double *find_times(const epochs_t *epochs, double ended) {
  const double *seconds = epochs_column(epochs, "seconds");
  double *times = malloc((epochs->n + 1) * sizeof *times), next = isfinite(ended) ? ended : 0;
  for (size_t e = epochs->n; times != NULL && e-- > 0;) {
    times[e] = isfinite(epochs->times[e]) ? epochs->times[e] : next;
    next = times[e] - (seconds != NULL && seconds[e] > 0 ? seconds[e] : 0);
  }
  return times;
}

static ls_status write_file(const message_t *file, const char *path, ls_error *error) {
  store_bytes_t *bytes = NULL;
  TRY(store_bytes_create(path, &bytes, error));
  ls_status status = store_bytes_append(bytes, file->bytes, file->n, error);
  if (status == LS_OK) return store_bytes_publish(&bytes, error);
  store_bytes_drop(&bytes);
  return status;
}

ls_status tensorboard_write(const epochs_t *epochs, double ended, const char *path, ls_error *error) {
  static const char version[] = "brain.Event:2";
  message_t file = {0}, event = {0}, scratch[2] = {{0}};
  double *times = find_times(epochs, ended);
  ls_status status = LS_OK;
  if (times != NULL) {
    put_double(&event, 1, epochs->n > 0 ? times[0] : 0);
    put_piece(&event, 3, version, sizeof version - 1);
    put_record(&file, &event);
  }
  for (size_t e = 0; times != NULL && e < epochs->n; e++) {
    put_epoch(&event, epochs, e, times[e], scratch);
    put_record(&file, &event);
  }
  if (times == NULL || file.failed) status = error_set(error, LS_NO_MEMORY, "no memory for an event file");
  if (status == LS_OK) status = write_file(&file, path, error);
  message_t *const all[] = {&file, &event, &scratch[0], &scratch[1]};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]->bytes);
  free(times);
  return status;
}
