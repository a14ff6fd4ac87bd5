/* The types of values that keys can have: how each is read from YAML and written back. These types and the
 * rows of the key tables contain everything that is specific to a key. */
#include "config/keys.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_SIZE = 40, MOST_NAME = 200 };

/* ---- shared by the types ---- */

ls_status value_refuse(const setting_t *setting, const char *expected) {
  const yaml_value_t *value = setting->value;
  const char *or_auto = setting->row->or_auto ? " or auto" : "";
  if (value->kind == YAML_TEXT && !yaml_is_null(value))
    return setting_refuse(setting->reading, value, setting->path, "expected %s%s, not '%.60s'", expected,
                          or_auto, value->text);
  const char *what = value->kind == YAML_LIST ? "a list" : value->kind == YAML_TABLE ? "a table" : "nothing";
  return setting_refuse(setting->reading, value, setting->path, "expected %s%s, not %s", expected, or_auto,
                        what);
}

/* Gets the text of a value that must be a single word or number. */
static ls_status read_scalar(const setting_t *setting, const char *expected, const char **text) {
  if (setting->value->kind != YAML_TEXT || yaml_is_null(setting->value))
    return value_refuse(setting, expected);
  *text = setting->value->text;
  return LS_OK;
}

static ls_status keep_text(const setting_t *setting, const char *text, const char **field) {
  char *copy = arena_text(setting->reading->arena, text);
  if (copy == NULL) return setting_no_memory(setting->reading);
  *field = copy;
  return LS_OK;
}

static ls_status check_range(const setting_t *setting, double value) {
  range_t range = setting->row->range;
  char allowed[RANGE_TEXT_SIZE];
  range_text(range, allowed);
  bool inside = (range.low_open ? value > range.low : value >= range.low) &&
                (range.high_open ? value < range.high : value <= range.high);
  if (allowed[0] == '\0' || inside) return LS_OK;
  return setting_refuse(setting->reading, setting->value, setting->path,
                        "out of range: must be %s, not %.60s", allowed, setting->value->text);
}

/* Formats a number with the fewest digits, from 15 to 17, that read back to the same bits. Adds a point
 * before an exponent, because YAML 1.1 readers otherwise parse the number as a word. */
static void number_text(double value, char out[NUMBER_SIZE]) {
  char digits[NUMBER_SIZE - 4];
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (strtod(digits, NULL) == value) break;
  }
  size_t mantissa = strcspn(digits, "e");
  bool bare = digits[mantissa] == 'e' && strchr(digits, '.') == NULL;
  snprintf(out, NUMBER_SIZE, "%.*s%s%s", (int)mantissa, digits, bare ? ".0" : "", digits + mantissa);
}

static yaml_value_t *write_number_text(arena_t *arena, double value) {
  char text[NUMBER_SIZE];
  number_text(value, text);
  return yaml_new_text(arena, text);
}

/* Writes a word, quoted if a reader could parse it as another type. */
static yaml_value_t *write_word(arena_t *arena, const char *text) {
  yaml_value_t *value = yaml_new_text(arena, text);
  double number = 0;
  bool flag;
  if (value != NULL)
    value->is_quoted = text_double(text, &number) || yaml_bool(text, &flag) || yaml_is_null(value);
  return value;
}

/* ---- number: double ---- */

static ls_status parse_number(const setting_t *setting, const yaml_value_t *value, double *out) {
  double number = 0;
  if (value->kind != YAML_TEXT || yaml_is_null(value) || !text_double(value->text, &number))
    return value_refuse(setting, setting->row->type->name);
  if (!isfinite(number))
    return setting_refuse(setting->reading, setting->value, setting->path, "must be finite, not %.60s",
                          value->text);
  *out = number;
  return LS_OK;
}

static ls_status read_number(const setting_t *setting, void *field) {
  double number = 0;
  TRY(parse_number(setting, setting->value, &number));
  TRY(check_range(setting, number));
  *(double *)field = number;
  return LS_OK;
}

static yaml_value_t *write_number(arena_t *arena, const key_row_t *row, const void *field) {
  (void)row;
  return write_number_text(arena, *(const double *)field);
}

const value_type_t type_number = {"a number", read_number, write_number, NULL};

/* ---- integer: int64_t, SETTINGS_AUTO for auto ---- */

static ls_status read_integer(const setting_t *setting, void *field) {
  const char *text = NULL;
  int64_t number = SETTINGS_AUTO;
  TRY(read_scalar(setting, "a whole number", &text));
  if (!setting->row->or_auto || strcmp(text, "auto") != 0) {
    if (!text_int64(text, &number)) return value_refuse(setting, "a whole number");
    TRY(check_range(setting, (double)number));
  }
  *(int64_t *)field = number;
  return LS_OK;
}

static yaml_value_t *write_integer(arena_t *arena, const key_row_t *row, const void *field) {
  int64_t number = *(const int64_t *)field;
  char text[NUMBER_SIZE];
  snprintf(text, sizeof text, "%" PRId64, number);
  return yaml_new_text(arena, row->or_auto && number == SETTINGS_AUTO ? "auto" : text);
}

const value_type_t type_integer = {"a whole number", read_integer, write_integer, NULL};

/* ---- batch: int64_t, SETTINGS_ALL for all ---- */

static ls_status read_batch(const setting_t *setting, void *field) {
  const char *text = NULL;
  int64_t number = SETTINGS_ALL;
  TRY(read_scalar(setting, "a whole number or all", &text));
  if (strcmp(text, "all") != 0) {
    if (!text_int64(text, &number)) return value_refuse(setting, "a whole number or all");
    TRY(check_range(setting, (double)number));
  }
  *(int64_t *)field = number;
  return LS_OK;
}

static yaml_value_t *write_batch(arena_t *arena, const key_row_t *row, const void *field) {
  if (*(const int64_t *)field == SETTINGS_ALL) return yaml_new_text(arena, "all");
  return write_integer(arena, row, field);
}

const value_type_t type_batch = {"a whole number or all", read_batch, write_batch, NULL};

/* ---- bytes: int64_t, 0 for none ---- */

/* Reads a size such as 1.5GiB or 800 MB: a number and a unit, at least one byte in total. */
static ls_status read_bytes(const setting_t *setting, void *field) {
  const char *text = NULL, *expected = setting->row->type->name;
  double number = 0;
  TRY(read_scalar(setting, expected, &text));
  if (strcmp(text, "none") == 0) {
    *(int64_t *)field = 0;
    return LS_OK;
  }
  if (!text_bytes(text, &number)) return value_refuse(setting, expected);
  if (!(number >= 1 && number < 0x1p62))
    return setting_refuse(setting->reading, setting->value, setting->path,
                          "out of range: must be at least 1B and less than 4194304TiB, or none");
  *(int64_t *)field = (int64_t)number;
  return LS_OK;
}

static yaml_value_t *write_bytes(arena_t *arena, const key_row_t *row, const void *field) {
  int64_t bytes = *(const int64_t *)field;
  char text[NUMBER_SIZE];
  (void)row;
  if (bytes == 0) return yaml_new_text(arena, "none");
  text_write_bytes(bytes, text, sizeof text);
  return yaml_new_text(arena, text);
}

const value_type_t type_bytes = {"a size like 800MB or 2GiB, or none", read_bytes, write_bytes, "2GiB"};

/* ---- seed: uint64_t ---- */

static ls_status read_seed(const setting_t *setting, void *field) {
  const char *text = NULL, *expected = "a whole number from 0 to 2^64 - 1";
  TRY(read_scalar(setting, expected, &text));
  errno = 0;
  uint64_t seed = strtoull(text, NULL, 10);
  if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text) || errno == ERANGE)
    return value_refuse(setting, expected);
  *(uint64_t *)field = seed;
  return LS_OK;
}

static yaml_value_t *write_seed(arena_t *arena, const key_row_t *row, const void *field) {
  char text[NUMBER_SIZE];
  (void)row;
  snprintf(text, sizeof text, "%" PRIu64, *(const uint64_t *)field);
  return yaml_new_text(arena, text);
}

const value_type_t type_seed = {"a whole number", read_seed, write_seed, "7"};

/* ---- bool ---- */

static ls_status read_bool(const setting_t *setting, void *field) {
  const char *text = NULL;
  TRY(read_scalar(setting, "true or false", &text));
  return yaml_bool(text, field) ? LS_OK : value_refuse(setting, "true or false");
}

static yaml_value_t *write_bool(arena_t *arena, const key_row_t *row, const void *field) {
  (void)row;
  return yaml_new_text(arena, *(const bool *)field ? "true" : "false");
}

const value_type_t type_bool = {"true or false", read_bool, write_bool, NULL};

/* ---- text, and the name of a run: const char * ---- */

static ls_status read_text(const setting_t *setting, void *field) {
  const char *text = NULL;
  TRY(read_scalar(setting, "a text", &text));
  if (text[0] == '\0') return setting_refuse(setting->reading, setting->value, setting->path, "is empty");
  for (const char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < ' ')
      return setting_refuse(setting->reading, setting->value, setting->path,
                            "contains a line break or another control character");
  return keep_text(setting, text, field);
}

static ls_status read_name(const setting_t *setting, void *field) {
  const char *name = NULL;
  TRY(read_text(setting, &name));
  if (name[0] == '.' || strchr(name, '/') != NULL || strlen(name) > MOST_NAME)
    return setting_refuse(
        setting->reading, setting->value, setting->path,
        "'%.60s' cannot name a directory in `runs`: use no /, no leading dot, and at most %d bytes", name,
        MOST_NAME);
  *(const char **)field = name;
  return LS_OK;
}

static yaml_value_t *write_text(arena_t *arena, const key_row_t *row, const void *field) {
  (void)row;
  return write_word(arena, *(const char *const *)field);
}

const value_type_t type_text = {"a text", read_text, write_text, NULL};
const value_type_t type_name = {"a text", read_name, write_text, "second"};

/* ---- choice: const char *, one of a list of names ---- */

static ls_status refuse_choice(const setting_t *setting, choice_list_t list, const char *name) {
  char names[512];
  choice_names(list, names, sizeof names);
  const char *near = choice_nearest(list, name), *or_auto = setting->row->or_auto ? " or auto" : "";
  if (near != NULL)
    return setting_refuse(setting->reading, setting->value, setting->path,
                          "unknown name '%.60s'; did you mean %s? Known: %s%s", name, near, names, or_auto);
  return setting_refuse(setting->reading, setting->value, setting->path, "unknown name '%.60s'. Known: %s%s",
                        name, names, or_auto);
}

static ls_status read_choice(const setting_t *setting, void *field) {
  const char *name = NULL;
  TRY(read_scalar(setting, "a name", &name));
  choice_list_t list = key_choices(setting->row, setting->reading->choices);
  bool is_auto = setting->row->or_auto && strcmp(name, "auto") == 0;
  const char *dot =
      setting->row->of_head ? strrchr(name, '.') : NULL; /* stop_rules_check checks the head's name */
  const char *choice = dot != NULL ? dot + 1 : name;
  if (list != NULL && !is_auto && choice_find(list, choice) < 0) return refuse_choice(setting, list, choice);
  return keep_text(setting, name, field);
}

const value_type_t type_choice = {"a name", read_choice, write_text, NULL};

/* ---- validation: a share, or the name of a group ---- */

static ls_status read_validation(const setting_t *setting, void *field) {
  settings_t *settings = field;
  const char *text = NULL, *group = NULL;
  double share = 0, number = 0;
  TRY(read_scalar(setting, "a share or a group's name", &text));
  if (!setting->value->is_quoted && text_double(text, &number)) {
    TRY(read_number(setting, &share));
  } else {
    TRY(read_text(setting, &group));
  }
  settings->data.validation.share = share;
  settings->data.validation.group = group;
  return LS_OK;
}

static yaml_value_t *write_validation(arena_t *arena, const key_row_t *row, const void *field) {
  const settings_t *settings = field;
  (void)row;
  if (settings->data.validation.group != NULL) return write_word(arena, settings->data.validation.group);
  return write_number_text(arena, settings->data.validation.share);
}

const value_type_t type_validation = {"a share or a group's name", read_validation, write_validation, "0.2"};

/* ---- range: two numbers, low < high ---- */

static ls_status read_range(const setting_t *setting, void *field) {
  scaling_settings_t *scaling = field;
  const yaml_value_t *list = setting->value;
  double low = 0, high = 0;
  if (list->kind != YAML_LIST || list->n != 2) return value_refuse(setting, "[low, high]");
  TRY(parse_number(setting, list->first, &low));
  TRY(parse_number(setting, list->last, &high));
  if (!(low < high) || !isfinite(high - low))
    return setting_refuse(setting->reading, list, setting->path,
                          "the low end, %g, must be below the high end, %g", low, high);
  scaling->low = low;
  scaling->high = high;
  return LS_OK;
}

static yaml_value_t *write_range(arena_t *arena, const key_row_t *row, const void *field) {
  const scaling_settings_t *scaling = field;
  yaml_value_t *list = yaml_new(arena, YAML_LIST);
  (void)row;
  if (list == NULL) return NULL;
  list->is_flow = true;
  bool added = yaml_add(arena, list, NULL, 0, write_number_text(arena, scaling->low)) &&
               yaml_add(arena, list, NULL, 0, write_number_text(arena, scaling->high));
  return added ? list : NULL;
}

const value_type_t type_range = {"[low, high]", read_range, write_range, "[-1, 1]"};

/* ---- numbers: a list of them, or a word of the row's list ---- */

static ls_status read_numbers(const setting_t *setting, void *field) {
  const yaml_value_t *list = setting->value;
  numbers_t numbers = {.n = list->n};
  double number = 0;
  if (list->kind == YAML_TEXT && setting->row->list != NULL && !text_double(list->text, &number)) {
    TRY(read_choice(setting, &numbers.word));
    *(numbers_t *)field = (numbers_t){.word = numbers.word};
    return LS_OK;
  }
  const bool is_number = list->kind == YAML_TEXT && text_double(list->text, &number); /* a list of one */
  if (is_number) numbers.n = 1;
  if (!is_number && (list->kind != YAML_LIST || list->n == 0))
    return value_refuse(setting, setting->row->type->name);
  double *values = arena_new(setting->reading->arena, numbers.n, sizeof *values);
  if (values == NULL) return setting_no_memory(setting->reading);
  setting_t one = *setting;
  one.value = is_number ? list : list->first;
  for (size_t i = 0; i < numbers.n; i++, one.value = one.value->next) {
    TRY(parse_number(&one, one.value, &values[i]));
    TRY(check_range(&one, values[i]));
  }
  numbers.values = values;
  *(numbers_t *)field = numbers;
  return LS_OK;
}

static yaml_value_t *write_numbers(arena_t *arena, const key_row_t *row, const void *field) {
  const numbers_t *numbers = field;
  (void)row;
  if (numbers->word != NULL) return write_word(arena, numbers->word);
  yaml_value_t *list = yaml_new(arena, YAML_LIST);
  if (list == NULL) return NULL;
  list->is_flow = true;
  for (size_t i = 0; i < numbers->n; i++)
    if (!yaml_add(arena, list, NULL, 0, write_number_text(arena, numbers->values[i]))) return NULL;
  return list;
}

const value_type_t type_numbers = {"a list of numbers", read_numbers, write_numbers, NULL};

/* ---- every and span: a number of epochs or steps; every also allows a time, auto and never ---- */

static ls_status read_span(const setting_t *setting, void *field) {
  const char *text = NULL, *expected = setting->row->type->name;
  char count[NUMBER_SIZE];
  int64_t n = 0;
  TRY(read_scalar(setting, expected, &text));
  size_t length = strcspn(text, " ");
  const char *unit = text + length + strspn(text + length, " ");
  snprintf(count, sizeof count, "%.*s", length < sizeof count ? (int)length : 0, text);
  bool is_epoch = strcmp(unit, "epoch") == 0 || strcmp(unit, "epochs") == 0;
  bool is_step = strcmp(unit, "step") == 0 || strcmp(unit, "steps") == 0;
  if (!text_int64(count, &n) || n < 1 || !(is_epoch || is_step)) return value_refuse(setting, expected);
  if (n > INT32_MAX)
    return setting_refuse(setting->reading, setting->value, setting->path,
                          "out of range: must be at most %d %s, not %.60s", INT32_MAX,
                          is_epoch ? "epochs" : "steps", text);
  *(interval_t *)field = (interval_t){.epochs = is_epoch ? n : 0, .steps = is_step ? n : 0};
  return LS_OK;
}

/* Units of time that an interval may have. */
static const struct {
  const char *name;
  double seconds;
} time_units[] = {{"s", 1}, {"min", 60}, {"h", 3600}};
enum { TIME_UNITS = sizeof time_units / sizeof time_units[0] };

/* Reads a time such as 30 s or 1.5min; false if it is none. */
static bool read_time(const char *text, double *seconds) {
  char digits[NUMBER_SIZE];
  size_t length = strspn(text, "0123456789.");
  const char *unit = text + length + strspn(text + length, " ");
  double number = 0;
  snprintf(digits, sizeof digits, "%.*s", length < sizeof digits ? (int)length : 0, text);
  for (size_t i = 0; i < TIME_UNITS; i++) {
    if (strcmp(unit, time_units[i].name) != 0 || !text_double(digits, &number)) continue;
    *seconds = number * time_units[i].seconds;
    return isfinite(*seconds) && *seconds > 0;
  }
  return false;
}

static ls_status read_period(const setting_t *setting, void *field) {
  const yaml_value_t *value = setting->value;
  if (value->kind != YAML_TEXT || strcmp(value->text, "never") != 0) return read_span(setting, field);
  *(interval_t *)field = (interval_t){0};
  return LS_OK;
}

static ls_status read_every(const setting_t *setting, void *field) {
  const yaml_value_t *value = setting->value;
  interval_t every = {0};
  bool is_text = value->kind == YAML_TEXT;
  every.is_auto = is_text && strcmp(value->text, "auto") == 0;
  bool known = is_text &&
               (every.is_auto || strcmp(value->text, "never") == 0 || read_time(value->text, &every.seconds));
  if (!known) return read_span(setting, field);
  *(interval_t *)field = every;
  return LS_OK;
}

static yaml_value_t *write_interval(arena_t *arena, const key_row_t *row, const void *field) {
  const interval_t *interval = field;
  int64_t n = interval->epochs > 0 ? interval->epochs : interval->steps;
  char text[2 * NUMBER_SIZE], seconds[NUMBER_SIZE];
  (void)row;
  number_text(interval->seconds, seconds);
  if (interval->is_auto) return yaml_new_text(arena, "auto");
  snprintf(text, sizeof text, "%s s", seconds);
  if (interval->seconds > 0) return yaml_new_text(arena, text);
  if (n == 0) return yaml_new_text(arena, "never");
  snprintf(text, sizeof text, "%" PRId64 " %s%s", n, interval->epochs > 0 ? "epoch" : "step",
           n == 1 ? "" : "s");
  return yaml_new_text(arena, text);
}

const value_type_t type_every = {"`N epochs`, `N steps`, `N s`, `N min`, `N h`, `auto` or `never`",
                                 read_every, write_interval, "5 epochs"};
const value_type_t type_period = {"`N epochs`, `N steps` or `never`", read_period, write_interval,
                                  "2 epochs"};
const value_type_t type_span = {"`N epochs` or `N steps`", read_span, write_interval, "10 epochs"};
