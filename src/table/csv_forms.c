/* The forms of numbers that are not plain numbers. Each form is a row of the table; a column has the first
 * form that all of its words have. */
#include "table/csv_forms.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

enum { LONGEST_NUMBER = 63 };

/* ---- numbers ---- */

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool plain_number(const char *word, double *out) {
  bool point = false;
  const char *end = csv_number_scan(word, out, &point);
  return end != NULL && *end == '\0';
}

bool csv_is_infinite(const char *word) {
  char *end = NULL;
  if (*word == '\0' || strpbrk(word, "xX") != NULL) return false;
  double value = strtod(word, &end);
  return *end == '\0' && isinf(value);
}

/* A number with separators, from `text` to its end: [+-] digits [decimal digits] [exponent], where the digits
 * before the decimal sign may be in groups of three. */
static bool grouped_number(const char *text, size_t length, char group, char decimal, double *out) {
  char plain[LONGEST_NUMBER + 1];
  size_t n = 0, digits = 0, groups = 0;
  const char *at = text, *end = text + length;
  if (length > LONGEST_NUMBER) return false;
  if (at < end && (*at == '-' || *at == '+')) plain[n++] = *at++;
  for (; at < end && (is_digit(*at) || (group != '\0' && *at == group)); at++) {
    if (is_digit(*at)) {
      plain[n++] = *at;
      digits++;
      continue;
    }
    if (digits == 0 || digits > 3 || (groups > 0 && digits != 3)) return false;
    groups++;
    digits = 0;
  }
  if (groups > 0 && digits != 3) return false;
  if (at < end && *at == decimal) {
    plain[n++] = '.';
    at++;
  }
  for (; at < end; at++) {
    if (*at == '.' || *at == ',') return false;
    plain[n++] = *at;
  }
  plain[n] = '\0';
  return plain_number(plain, out);
}

static bool read_number(const csv_form_t *form, const char *word, double *out) {
  return grouped_number(word, strlen(word), form->group, form->decimal, out);
}

/* A number with the form's sign before or after it. */
static bool read_signed(const csv_form_t *form, const char *word, double *out) {
  size_t length = strlen(word), sign = strlen(form->mark);
  bool negative = *word == '-' && strncmp(word + 1, form->mark, sign) == 0;
  const char *at = negative ? word + 1 : word;
  length -= negative;
  if (length <= sign) return false;
  if (strncmp(at, form->mark, sign) == 0) {
    at += sign;
  } else if (strcmp(at + length - sign, form->mark) != 0) {
    return false;
  }
  length -= sign;
  while (*at == ' ' && length > 0) at++, length--;
  while (length > 0 && at[length - 1] == ' ') length--;
  if (!grouped_number(at, length, form->group, form->decimal, out)) return false;
  if (negative) *out = -*out;
  return true;
}

static bool read_boolean(const csv_form_t *form, const char *word, double *out) {
  bool is_true = strcasecmp(word, form->mark) == 0;
  if (!is_true && strcasecmp(word, form->other) != 0) return false;
  *out = is_true;
  return true;
}

/* ---- the table ---- */

#define SIGNED(called, sign)                                                                                 \
  {.name = called, .mark = sign, .group = ',', .decimal = '.', .read = read_signed}, {                       \
    .name = called, .mark = sign, .group = '.', .decimal = ',', .read = read_signed                          \
  }
#define DATE(called, pattern)                                                                                \
  { .name = called, .mark = pattern, .is_date = true, .read = csv_date_read }

static const csv_form_t forms[] = {
    {.name = "boolean", .mark = "true", .other = "false", .read = read_boolean},
    {.name = "boolean", .mark = "yes", .other = "no", .read = read_boolean},
    {.name = "boolean", .mark = "t", .other = "f", .read = read_boolean},
    {.name = "boolean", .mark = "y", .other = "n", .read = read_boolean},
    SIGNED("percent", "%"),
    SIGNED("currency $", "$"),
    SIGNED("currency €", "€"),
    SIGNED("currency £", "£"),
    SIGNED("currency ¥", "¥"),
    DATE("date", "Y-m-d~"),
    DATE("date", "Y/m/d~"),
    DATE("date", "d.m.Y~"),
    DATE("date", "b d, Y"),
    DATE("date", "b d Y"),
    DATE("date", "d-b-Y"),
    DATE("date", "d b Y"),
    DATE("year and month", "Y-m"),
    DATE("time of day", "t"),
    {.name = "number (1 234)", .group = ' ', .decimal = '.', .with_numbers = true, .read = read_number},
    {.name = "number (1'234)", .group = '\'', .decimal = '.', .with_numbers = true, .read = read_number},
};
enum { FORMS = sizeof forms / sizeof forms[0] };

/* Pairs of forms of which one column may have both. The options decide between them. */
static const csv_form_t point = {
    .name = "number (1,234.5)", .group = ',', .decimal = '.', .with_numbers = true, .read = read_number};
static const csv_form_t comma = {
    .name = "number (1.234,5)", .group = '.', .decimal = ',', .with_numbers = true, .read = read_number};
static const csv_form_t spaced_comma = {
    .name = "number (1 234,5)", .group = ' ', .decimal = ',', .with_numbers = true, .read = read_number};
static const csv_form_t dated[2][2] = {
    {DATE("date (day first)", "d/m/Y~"), DATE("date (month first)", "m/d/Y~")},
    {DATE("date (day first)", "d-m-Y~"), DATE("date (month first)", "m-d-Y~")}};

/* Dates that are refused: their century is unknown. */
static const csv_form_t short_dates[] = {
    DATE("d/m/y", "d/m/y~"), DATE("m/d/y", "m/d/y~"), DATE("d.m.y", "d.m.y~"), DATE("y/m/d", "y/m/d~"),
    DATE("d-m-y", "d-m-y~"), DATE("m-d-y", "m-d-y~"), DATE("y-m-d", "y-m-d~"), DATE("d-b-y", "d-b-y"),
    DATE("d b y", "d b y"),  DATE("b d, y", "b d, y")};

/* ---- the form of a column ---- */

bool csv_form_read(const csv_form_t *form, const char *word, double *out) {
  if (form == NULL) return plain_number(word, out);
  if (form->read(form, word, out)) return true;
  return form->with_numbers && !(form->decimal == ',' && strchr(word, '.') != NULL) &&
         plain_number(word, out);
}

static bool fits(const csv_form_t *form, const csv_column_words_t *words) {
  bool seen[2] = {false, false};
  if (words->numbers && !form->with_numbers) return false;
  for (size_t k = 0; k < words->n; k++)
    for (size_t i = 0; i < words->lists[k]->n; i++) {
      double value = 0;
      if (!csv_form_read(form, csv_words_text(words->lists[k], i), &value)) return false;
      seen[value > 0] = true;
    }
  /* a column of only t, or only n, is more likely a category */
  bool is_letter = form->read == read_boolean && strlen(form->mark) == 1;
  return !is_letter || words->has_one_class || (seen[0] && seen[1]);
}

static ls_status find_dates(const csv_column_words_t *words, const char *order, const char *where,
                            const csv_form_t **out, ls_error *error) {
  for (size_t i = 0; i < sizeof dated / sizeof dated[0] && *out == NULL; i++) {
    bool first = fits(&dated[i][0], words), second = fits(&dated[i][1], words);
    if (first && second && order == NULL)
      return error_set(error, LS_BAD_DATA,
                       "%s: its dates may be day first or month first: give --dates dmy or --dates mdy",
                       where);
    bool takes_first = first && (!second || strcmp(order, "dmy") == 0);
    if (first || second) *out = &dated[i][!takes_first];
    if (*out != NULL && order != NULL && strcmp(order, takes_first ? "dmy" : "mdy") != 0)
      return error_set(error, LS_BAD_DATA, "%s: its dates are not written in the order of --dates %s", where,
                       order);
  }
  return LS_OK;
}

/* A comma may stand before decimals, or between thousands. In a table with semicolons it stands before
 * decimals. */
static ls_status find_commas(const csv_column_words_t *words, char decimal, char delimiter, const char *where,
                             const csv_form_t **out, bool *needs_texts, ls_error *error) {
  bool may_be_comma = decimal == ',' || (decimal == 0 && delimiter != ',');
  const csv_form_t *with_comma = fits(&comma, words)          ? &comma
                                 : fits(&spaced_comma, words) ? &spaced_comma
                                                              : NULL;
  bool is_comma = may_be_comma && with_comma != NULL, is_point = decimal != ',' && fits(&point, words);
  if (is_comma && is_point && decimal == 0 && delimiter != ';')
    return error_set(error, LS_BAD_DATA,
                     "%s: its commas may stand before decimals or between thousands: give --decimal comma or "
                     "--decimal point",
                     where);
  *needs_texts = is_comma && words->numbers && words->points;
  *out = is_comma ? with_comma : is_point ? &point : NULL;
  return LS_OK;
}

static ls_status refuse_short_dates(const csv_column_words_t *words, const char *where, ls_error *error) {
  for (size_t i = 0; i < sizeof short_dates / sizeof short_dates[0]; i++)
    if (fits(&short_dates[i], words))
      return error_set(
          error, LS_BAD_DATA,
          "%s: its dates have years of two digits, which do not tell the century: write years with "
          "four digits, or give --categorical or --drop",
          where);
  return LS_OK;
}

ls_status csv_form_find(const csv_column_words_t *words, const table_cells_t *cells, char delimiter,
                        const char *where, const csv_form_t **out, bool *needs_texts, ls_error *error) {
  const csv_form_t *found = NULL;
  *needs_texts = false;
  for (size_t i = 0; i < FORMS && found == NULL; i++)
    if (fits(&forms[i], words)) found = &forms[i];
  if (found == NULL) TRY(find_dates(words, cells->dates, where, &found, error));
  if (found == NULL) TRY(refuse_short_dates(words, where, error));
  if (found == NULL) TRY(find_commas(words, cells->decimal, delimiter, where, &found, needs_texts, error));
  *out = found;
  return LS_OK;
}
