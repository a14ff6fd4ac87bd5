/* Converts libyaml's events to a tree and back. */
#include "config/yaml.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

enum { MOST_DEPTH = 64, MOST_VALUES = 100000, MOST_KEYS = 256 };

/* ---- the tree ---- */

yaml_value_t *yaml_new(arena_t *arena, yaml_kind_t kind) {
  yaml_value_t *value = arena_new(arena, 1, sizeof *value);
  if (value != NULL) value->kind = kind;
  return value;
}

yaml_value_t *yaml_new_text(arena_t *arena, const char *text) {
  yaml_value_t *value = yaml_new(arena, YAML_TEXT);
  char *copy = arena_text(arena, text);
  if (value == NULL || copy == NULL) return NULL;
  value->text = copy;
  return value;
}

bool yaml_add(arena_t *arena, yaml_value_t *parent, const char *key, size_t length, yaml_value_t *value) {
  if (value == NULL) return false;
  if (key != NULL) {
    char *copy = arena_new(arena, length + 1, 1);
    if (copy == NULL) return false;
    memcpy(copy, key, length);
    value->key = copy;
  }
  if (parent->last == NULL) {
    parent->first = value;
  } else {
    parent->last->next = value;
  }
  parent->last = value;
  parent->n++;
  return true;
}

bool yaml_nest(arena_t *arena, yaml_value_t *value, const char *key) {
  yaml_value_t *inner = yaml_new(arena, YAML_TEXT);
  if (inner == NULL) return false;
  *inner = *value;
  inner->key = key;
  inner->next = NULL;
  *value = (yaml_value_t){.kind = YAML_TABLE,
                          .line = inner->line,
                          .override = inner->override,
                          .key = value->key,
                          .n = 1,
                          .first = inner,
                          .last = inner,
                          .next = value->next};
  return true;
}

yaml_value_t *yaml_find(const yaml_value_t *table, const char *key, size_t length) {
  for (yaml_value_t *child = table->first; child != NULL; child = child->next)
    if (strlen(child->key) == length && memcmp(child->key, key, length) == 0) return child;
  return NULL;
}

bool yaml_is_null(const yaml_value_t *value) {
  if (value->kind != YAML_TEXT || value->is_quoted) return false;
  return value->text[0] == '\0' || strcmp(value->text, "~") == 0 || strcasecmp(value->text, "null") == 0;
}

bool yaml_bool(const char *text, bool *out) {
  static const struct {
    const char *text;
    bool value;
  } words[] = {{"true", true}, {"false", false}, {"yes", true}, {"no", false}, {"on", true}, {"off", false}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcasecmp(text, words[i].text) != 0) continue;
    *out = words[i].value;
    return true;
  }
  return false;
}

/* ---- reading ---- */

typedef struct {
  yaml_parser_t parser;
  arena_t *arena;
  const char *text, *source, *override;
  size_t values;
  ls_error *error;
} reader_t;

__attribute__((format(printf, 3, 4))) static ls_status refuse(const reader_t *reader, size_t line,
                                                              const char *format, ...) {
  char message[256];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  if (reader->override != NULL)
    return error_set(reader->error, LS_BAD_SETTINGS, "override '%.200s': %s", reader->override, message);
  return error_set(reader->error, LS_BAD_SETTINGS, "%s:%zu: %s", reader->source, line, message);
}

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the settings");
}

/* Encoding errors carry an offset; all other errors carry a mark. */
static ls_status syntax_error(const reader_t *reader) {
  const yaml_parser_t *parser = &reader->parser;
  if (parser->error == YAML_MEMORY_ERROR) return no_memory(reader->error);
  size_t line = parser->problem_mark.line + 1;
  if (parser->error == YAML_READER_ERROR) {
    line = 1;
    for (size_t i = 0; i < parser->problem_offset; i++) line += reader->text[i] == '\n';
    return refuse(reader, line, "not a text file in UTF-8: %s", parser->problem);
  }
  const size_t at = parser->problem_mark.index;
  if (at < strlen(reader->text) && reader->text[at] == '\t')
    return refuse(reader, line, "not valid YAML: a tab; indent with spaces");
  return refuse(reader, line, "not valid YAML: %s%s%s", parser->context == NULL ? "" : parser->context,
                parser->context == NULL ? "" : ": ", parser->problem);
}

static ls_status next_event(reader_t *reader, yaml_event_t *event) {
  return yaml_parser_parse(&reader->parser, event) ? LS_OK : syntax_error(reader);
}

/* Consumes the next event, which must be of that type. */
static ls_status expect(reader_t *reader, yaml_event_type_t type, const char *otherwise) {
  yaml_event_t event;
  TRY(next_event(reader, &event));
  bool as_expected = event.type == type;
  size_t line = event.start_mark.line + 1;
  yaml_event_delete(&event);
  return as_expected ? LS_OK : refuse(reader, line, "%s", otherwise);
}

static ls_status refuse_extras(const reader_t *reader, const yaml_event_t *event) {
  const yaml_char_t *anchor = NULL, *tag = NULL;
  if (event->type == YAML_SCALAR_EVENT) {
    anchor = event->data.scalar.anchor;
    tag = event->data.scalar.tag;
  } else if (event->type == YAML_SEQUENCE_START_EVENT) {
    anchor = event->data.sequence_start.anchor;
    tag = event->data.sequence_start.tag;
  } else if (event->type == YAML_MAPPING_START_EVENT) {
    anchor = event->data.mapping_start.anchor;
    tag = event->data.mapping_start.tag;
  }
  if (event->type != YAML_ALIAS_EVENT && anchor == NULL && tag == NULL) return LS_OK;
  return refuse(
      reader, event->start_mark.line + 1,
      "anchors (&), aliases (*) and tags (!) are not used in settings: write the value out, or put it "
      "in quotes");
}

static ls_status read_text(const reader_t *reader, const yaml_event_t *event, yaml_value_t *value) {
  const char *text = (const char *)event->data.scalar.value;
  if (strlen(text) != event->data.scalar.length)
    return refuse(reader, event->start_mark.line + 1, "a NUL character in a text");
  value->text = arena_text(reader->arena, text);
  value->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  return value->text == NULL ? no_memory(reader->error) : LS_OK;
}

static ls_status read_value(reader_t *reader, const yaml_event_t *event, int depth, yaml_value_t **out);

static ls_status read_items(reader_t *reader, int depth, yaml_value_t *list) {
  for (;;) {
    yaml_event_t event;
    yaml_value_t *item = NULL;
    TRY(next_event(reader, &event));
    bool ended = event.type == YAML_SEQUENCE_END_EVENT;
    ls_status status = ended ? LS_OK : read_value(reader, &event, depth, &item);
    yaml_event_delete(&event);
    if (ended || status != LS_OK) return status;
    yaml_add(reader->arena, list, NULL, 0, item);
  }
}

/* Checks one key of a table. */
static ls_status read_key(reader_t *reader, const yaml_event_t *event, yaml_value_t *table,
                          const yaml_value_t *key) {
  size_t line = event->start_mark.line + 1;
  if (key->kind != YAML_TEXT || key->text[0] == '\0')
    return refuse(reader, line, "a key must be a word, as in `epochs: 10`");
  const yaml_value_t *before = yaml_find(table, key->text, strlen(key->text));
  if (before != NULL && reader->override == NULL)
    return refuse(reader, line, "%.60s: duplicate key, first given in line %d", key->text, before->line);
  if (before != NULL) return refuse(reader, line, "%.60s: duplicate key", key->text);
  if (table->n >= MOST_KEYS) return refuse(reader, line, "more than %d keys in one table", MOST_KEYS);
  return LS_OK;
}

static ls_status read_entry(reader_t *reader, const yaml_event_t *key_event, int depth, yaml_value_t *table) {
  yaml_value_t *key = NULL, *value = NULL;
  TRY(read_value(reader, key_event, depth, &key));
  TRY(read_key(reader, key_event, table, key));
  yaml_event_t event;
  TRY(next_event(reader, &event));
  ls_status status = read_value(reader, &event, depth, &value);
  yaml_event_delete(&event);
  TRY(status);
  value->line = key->line;
  if (!yaml_add(reader->arena, table, key->text, strlen(key->text), value)) return no_memory(reader->error);
  return LS_OK;
}

static ls_status read_entries(reader_t *reader, int depth, yaml_value_t *table) {
  for (;;) {
    yaml_event_t event;
    TRY(next_event(reader, &event));
    bool ended = event.type == YAML_MAPPING_END_EVENT;
    ls_status status = ended ? LS_OK : read_entry(reader, &event, depth, table);
    yaml_event_delete(&event);
    if (ended || status != LS_OK) return status;
  }
}

/* Reads the value that begins with this event. */
static ls_status read_value(reader_t *reader, const yaml_event_t *event, int depth, yaml_value_t **out) {
  size_t line = event->start_mark.line + 1;
  TRY(refuse_extras(reader, event));
  if (depth >= MOST_DEPTH) return refuse(reader, line, "nested more than %d levels deep", MOST_DEPTH);
  if (reader->values++ >= MOST_VALUES) return refuse(reader, line, "more than %d values", MOST_VALUES);
  yaml_value_t *value = yaml_new(reader->arena, YAML_TEXT);
  if (value == NULL) return no_memory(reader->error);
  value->line = reader->override == NULL ? (int)line : 0;
  value->override = reader->override;
  if (event->type == YAML_SEQUENCE_START_EVENT) {
    value->kind = YAML_LIST;
    TRY(read_items(reader, depth + 1, value));
  } else if (event->type == YAML_MAPPING_START_EVENT) {
    value->kind = YAML_TABLE;
    TRY(read_entries(reader, depth + 1, value));
  } else {
    TRY(read_text(reader, event, value));
  }
  *out = value;
  return LS_OK;
}

static ls_status read_document(reader_t *reader, yaml_value_t **out) {
  const char *only_one = "a second document begins here: settings are one document, without ---";
  yaml_event_t event;
  TRY(expect(reader, YAML_STREAM_START_EVENT, "no YAML"));
  TRY(expect(reader, YAML_DOCUMENT_START_EVENT, "empty: nothing is set here"));
  TRY(next_event(reader, &event));
  ls_status status = read_value(reader, &event, 0, out);
  yaml_event_delete(&event);
  TRY(status);
  TRY(expect(reader, YAML_DOCUMENT_END_EVENT, only_one));
  return expect(reader, YAML_STREAM_END_EVENT, only_one);
}

ls_status yaml_read(arena_t *arena, const char *text, size_t length, const char *source, const char *override,
                    yaml_value_t **out, ls_error *error) {
  reader_t reader = {.arena = arena, .text = text, .source = source, .override = override, .error = error};
  if (!yaml_parser_initialize(&reader.parser)) return no_memory(error);
  yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
  ls_status status = read_document(&reader, out);
  yaml_parser_delete(&reader.parser);
  return status;
}

/* ---- writing ---- */

typedef struct {
  char *bytes;
  size_t used, size;
} buffer_t;

static int append(void *data, unsigned char *bytes, size_t n) {
  buffer_t *buffer = data;
  if (buffer->size - buffer->used <= n) {
    size_t size = 2 * buffer->size + n + 1;
    char *grown = realloc(buffer->bytes, size);
    if (grown == NULL) return 0;
    buffer->bytes = grown;
    buffer->size = size;
  }
  memcpy(buffer->bytes + buffer->used, bytes, n);
  buffer->used += n;
  buffer->bytes[buffer->used] = '\0';
  return 1;
}

/* The emitter takes ownership of an event's data, even when it fails. An event that could not be created owns
 * nothing. */
static bool emit_text(yaml_emitter_t *emitter, const char *text, bool quoted) {
  yaml_event_t event;
  yaml_scalar_style_t style = quoted ? YAML_SINGLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE;
  return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1,
                                      style) &&
         yaml_emitter_emit(emitter, &event);
}

static bool emit_value(yaml_emitter_t *emitter, const yaml_value_t *value) {
  yaml_event_t event;
  if (value->kind == YAML_TEXT) return emit_text(emitter, value->text, value->is_quoted);
  int made =
      value->kind == YAML_LIST
          ? yaml_sequence_start_event_initialize(
                &event, NULL, NULL, 1, value->is_flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE)
          : yaml_mapping_start_event_initialize(
                &event, NULL, NULL, 1, value->is_flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE);
  if (!made || !yaml_emitter_emit(emitter, &event)) return false;
  for (const yaml_value_t *child = value->first; child != NULL; child = child->next) {
    if (value->kind == YAML_TABLE && !emit_text(emitter, child->key, false)) return false;
    if (!emit_value(emitter, child)) return false;
  }
  made = value->kind == YAML_LIST ? yaml_sequence_end_event_initialize(&event)
                                  : yaml_mapping_end_event_initialize(&event);
  return made && yaml_emitter_emit(emitter, &event);
}

static bool emit_document(yaml_emitter_t *emitter, const yaml_value_t *table) {
  yaml_event_t event;
  return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
         yaml_emitter_emit(emitter, &event) &&
         yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
         yaml_emitter_emit(emitter, &event) && emit_value(emitter, table) &&
         yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(emitter, &event) &&
         yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

ls_status yaml_write(const yaml_value_t *table, char **text, ls_error *error) {
  yaml_emitter_t emitter;
  buffer_t buffer = {0};
  if (!yaml_emitter_initialize(&emitter)) return no_memory(error);
  yaml_emitter_set_output(&emitter, append, &buffer);
  yaml_emitter_set_unicode(&emitter, 1);
  yaml_emitter_set_width(&emitter, -1);
  bool written = emit_document(&emitter, table) && buffer.bytes != NULL;
  yaml_emitter_delete(&emitter);
  if (!written) {
    free(buffer.bytes);
    return no_memory(error);
  }
  *text = buffer.bytes;
  return LS_OK;
}
