#include "sweep/axes.h"

#include "base/random.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the combinations of a sweep");
}

static char *copy_part(arena_t *arena, const char *begin, const char *end) {
  char *text = arena_new(arena, (size_t)(end - begin) + 1, 1);
  if (text != NULL) memcpy(text, begin, (size_t)(end - begin));
  return text;
}

/* The end of the value that begins at `at`: a comma outside brackets, braces and quotes, or the end. */
static const char *value_end(const char *at) {
  int depth = 0;
  for (char quote = '\0'; *at != '\0'; at++) {
    if (quote != '\0') {
      if (*at == '\\' && quote == '"' && at[1] != '\0') at++;
      if (*at == quote) quote = '\0';
    } else if (*at == '"' || *at == '\'') {
      quote = *at;
    } else if (*at == '[' || *at == '{') {
      depth++;
    } else if (*at == ']' || *at == '}') {
      depth--;
    } else if (*at == ',' && depth <= 0) {
      return at;
    }
  }
  return at;
}

static int64_t count_values(const char *text) {
  int64_t n = 1;
  for (const char *at = value_end(text); *at != '\0'; at = value_end(at + 1)) n++;
  return n;
}

static const struct {
  const char *name;
  axis_kind_t kind;
} ranges[] = {{"log", AXIS_LOG}, {"uniform", AXIS_UNIFORM}, {"int", AXIS_INT}};

/* The kind of `log(…)`; AXIS_VALUES for anything else. */
static axis_kind_t kind_of(const char *text) {
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
    size_t length = strlen(ranges[i].name);
    if (strncmp(text, ranges[i].name, length) == 0 && text[length] == '(') return ranges[i].kind;
  }
  return AXIS_VALUES;
}

static ls_status read_range(const char *word, const char *text, axis_t *axis, ls_error *error) {
  char low[64], high[64];
  int end = 0;
  const char *open = strchr(text, '(');
  bool is_pair =
      sscanf(open, "(%63[^,()],%63[^,()])%n", low, high, &end) == 2 && end > 0 && open[end] == '\0';
  bool is_range = is_pair && text_double(low, &axis->low) && text_double(high, &axis->high) &&
                  isfinite(axis->low) && isfinite(axis->high) && axis->low < axis->high;
  if (is_range && axis->kind == AXIS_LOG) is_range = axis->low > 0;
  if (is_range && axis->kind == AXIS_INT)
    is_range = axis->low == floor(axis->low) && axis->high == floor(axis->high) && fabs(axis->low) < 1e15 &&
               fabs(axis->high) < 1e15;
  if (is_range) return LS_OK;
  return error_set(error, LS_USAGE,
                   "'%.200s': a range is log(LOW,HIGH) with LOW above 0, uniform(LOW,HIGH), or int(LOW,HIGH) "
                   "with whole numbers, and LOW is below HIGH",
                   word);
}

static ls_status read_values(const char *word, const char *text, axes_t *axes, axis_t *axis,
                             ls_error *error) {
  const char **values = arena_new(&axes->arena, (size_t)axis->n, sizeof *values);
  if (values == NULL) return no_memory(error);
  for (int64_t i = 0; i < axis->n; i++) {
    const char *end = value_end(text);
    values[i] = copy_part(&axes->arena, text, end);
    if (values[i] == NULL) return no_memory(error);
    if (values[i][strspn(values[i], " ")] == '\0')
      return error_set(error, LS_USAGE, "'%.200s': a value is empty; write \"\" for an empty text", word);
    for (int64_t k = 0; k < i; k++)
      if (strcmp(values[k], values[i]) == 0)
        return error_set(error, LS_USAGE, "'%.200s': the value %.80s is given twice", word, values[i]);
    text = end + 1;
  }
  axis->values = values;
  return LS_OK;
}

static bool has_key(const char *word, const char *key, size_t length) {
  return strncmp(word, key, length) == 0 && (word[length] == '=' || word[length] == '\0');
}

static ls_status check_key(const axes_t *axes, const char *word, size_t length, ls_error *error) {
  bool twice = false;
  for (size_t i = 0; i < axes->n; i++) twice = twice || has_key(axes->axes[i].key, word, length);
  for (size_t i = 0; i < axes->n_fixed; i++) twice = twice || has_key(axes->fixed[i], word, length);
  if (!twice) return LS_OK;
  return error_set(error, LS_USAGE, "'%.200s': the key %.*s is given twice", word, (int)length, word);
}

static ls_status read_word(char *word, axes_t *axes, ls_error *error) {
  const char *equals = strchr(word, '=');
  if (equals == NULL || equals == word)
    return error_set(error, LS_USAGE,
                     "'%.200s': expected section.key=value, or section.key=value,value for what is varied",
                     word);
  TRY(check_key(axes, word, (size_t)(equals - word), error));
  axis_t axis = {.kind = kind_of(equals + 1), .n = count_values(equals + 1)};
  if (axis.kind == AXIS_VALUES && axis.n == 1) {
    axes->fixed[axes->n_fixed++] = word;
    return LS_OK;
  }
  axis.key = copy_part(&axes->arena, word, equals);
  if (axis.key == NULL) return no_memory(error);
  if (axis.kind == AXIS_VALUES) TRY(read_values(word, equals + 1, axes, &axis, error));
  if (axis.kind != AXIS_VALUES) TRY(read_range(word, equals + 1, &axis, error));
  axes->axes[axes->n++] = axis;
  return LS_OK;
}

ls_status axes_parse(char *const *words, size_t n, axes_t *out, ls_error *error) {
  *out = (axes_t){0};
  out->axes = arena_new(&out->arena, n, sizeof *out->axes);
  out->fixed = arena_new(&out->arena, n, sizeof *out->fixed);
  if (out->axes == NULL || out->fixed == NULL) return no_memory(error);
  for (size_t i = 0; i < n; i++) TRY(read_word(words[i], out, error));
  return LS_OK;
}

void axes_free(axes_t *axes) {
  arena_free(&axes->arena);
  *axes = (axes_t){0};
}

/* ---- combinations ---- */

/* Point `index` of the product. */
static void take_point(axes_t *axes, int64_t index, const char **row) {
  for (size_t a = axes->n; a-- > 0; index /= axes->axes[a].n)
    row[a] = axes->axes[a].values[index % axes->axes[a].n];
}

static ls_status take_product(axes_t *axes, int64_t product, int64_t random, uint64_t seed, ls_error *error) {
  const random_stream_t stream = {seed, RANDOM_SWEEP, 0, 0};
  bool *chosen = malloc((size_t)product);
  int64_t row = 0;
  if (chosen == NULL) return no_memory(error);
  random_subset(&stream, product, random, chosen);
  for (int64_t i = 0; i < product; i++)
    if (chosen[i]) take_point(axes, i, axes->chosen + row++ * (int64_t)axes->n);
  free(chosen);
  return LS_OK;
}

/* u in [0, 1). Six digits, so that the text is the number. */
static const char *draw_value(axes_t *axes, const axis_t *axis, double u) {
  char text[64];
  if (axis->kind == AXIS_VALUES) return axis->values[(int64_t)(u * (double)axis->n)];
  if (axis->kind == AXIS_INT)
    snprintf(text, sizeof text, "%.0f", axis->low + floor(u * (axis->high - axis->low + 1)));
  if (axis->kind == AXIS_UNIFORM)
    snprintf(text, sizeof text, "%.6g", axis->low + u * (axis->high - axis->low));
  if (axis->kind == AXIS_LOG) snprintf(text, sizeof text, "%.6g", axis->low * pow(axis->high / axis->low, u));
  return arena_text(&axes->arena, text);
}

static ls_status draw_rows(axes_t *axes, int64_t random, uint64_t seed, ls_error *error) {
  double *draws = malloc((size_t)random * sizeof *draws);
  if (draws == NULL) return no_memory(error);
  ls_status status = LS_OK;
  for (size_t a = 0; a < axes->n && status == LS_OK; a++) {
    const random_stream_t stream = {seed, RANDOM_SWEEP, 1, a};
    random_uniform(&stream, (size_t)random, draws);
    for (int64_t i = 0; i < random && status == LS_OK; i++) {
      const char *value = draw_value(axes, &axes->axes[a], draws[i]);
      axes->chosen[i * (int64_t)axes->n + (int64_t)a] = value;
      if (value == NULL) status = no_memory(error);
    }
  }
  free(draws);
  return status;
}

/* The size of the product; MOST_COMBINATIONS + 1 for anything above. 0: there are ranges. */
static int64_t count_points(const axes_t *axes) {
  int64_t product = 1;
  for (size_t a = 0; a < axes->n; a++) {
    if (axes->axes[a].kind != AXIS_VALUES) return 0;
    product =
        product > MOST_COMBINATIONS / axes->axes[a].n ? MOST_COMBINATIONS + 1 : product * axes->axes[a].n;
  }
  return product;
}

ls_status axes_combine(axes_t *axes, int64_t random, uint64_t seed, ls_error *error) {
  int64_t product = count_points(axes);
  if (product == 0 && random == 0)
    return error_set(error, LS_USAGE, "values can only be drawn from a range with --random N");
  if (product > MOST_COMBINATIONS || random > MOST_COMBINATIONS)
    return error_set(error, LS_USAGE, "the axes have more than %d combinations: leave some values out",
                     MOST_COMBINATIONS);
  if (product > 0 && random > product)
    return error_set(error, LS_USAGE,
                     "--random: the axes have %" PRId64 " combinations, so %" PRId64 " cannot be drawn",
                     product, random);
  axes->combinations = random > 0 ? random : product;
  axes->chosen = arena_new(&axes->arena, (size_t)axes->combinations * (axes->n + 1), sizeof *axes->chosen);
  if (axes->chosen == NULL) return no_memory(error);
  if (product == 0) return draw_rows(axes, random, seed, error);
  return take_product(axes, product, axes->combinations, seed, error);
}

void axes_describe(const axes_t *axes, int64_t combination, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (size_t a = 0; a < axes->n && used < size; a++)
    used += (size_t)snprintf(out + used, size - used, "%s%s=%s", a > 0 ? " " : "", axes->axes[a].key,
                             axes->chosen[combination * (int64_t)axes->n + (int64_t)a]);
}

char **axes_words(const axes_t *axes, char *first, int64_t combination, arena_t *arena) {
  char **words = arena_new(arena, 1 + axes->n_fixed + axes->n, sizeof *words);
  if (words == NULL) return NULL;
  words[0] = first;
  for (size_t i = 0; i < axes->n_fixed; i++) words[1 + i] = axes->fixed[i];
  for (size_t a = 0; a < axes->n && combination >= 0; a++) {
    const char *key = axes->axes[a].key;
    const char *value = axes->chosen[combination * (int64_t)axes->n + (int64_t)a];
    size_t size = strlen(key) + strlen(value) + 2;
    char *word = arena_new(arena, size, 1);
    if (word == NULL) return NULL;
    snprintf(word, size, "%s=%s", key, value);
    words[1 + axes->n_fixed + a] = word;
  }
  return words;
}
