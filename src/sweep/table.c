/* The table of a sweep: a row for each combination, best first. */
#include "sweep/sweep_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { WIDEST = 28 };

/* The last word of a key, or all of it if two axes share that word. */
static const char *heading(const axes_t *axes, size_t a) {
  const char *key = axes->axes[a].key, *dot = strrchr(key, '.');
  const char *word = dot != NULL ? dot + 1 : key;
  for (size_t b = 0; b < axes->n; b++) {
    const char *other = strrchr(axes->axes[b].key, '.');
    if (b != a && strcmp(other != NULL ? other + 1 : axes->axes[b].key, word) == 0) return key;
  }
  return word;
}

static const char *value_of(const axes_t *axes, int64_t combination, size_t a) {
  return axes->chosen[combination * (int64_t)axes->n + (int64_t)a];
}

static int width_of(const axes_t *axes, size_t a) {
  size_t width = strlen(heading(axes, a));
  for (int64_t c = 0; c < axes->combinations; c++) {
    size_t own = strlen(value_of(axes, c, a));
    if (own > WIDEST) own = WIDEST;
    if (own > width) width = own;
  }
  return (int)width;
}

static void print_row(const sweep_t *sweep, const standing_t *standing, FILE *out) {
  const axes_t *axes = &sweep->axes;
  char half[32] = "", failed[40] = "";
  fprintf(out, "%6" PRId64, standing->combination + 1);
  for (size_t a = 0; a < axes->n; a++)
    fprintf(out, "  %-*.*s", width_of(axes, a), WIDEST > width_of(axes, a) ? WIDEST : width_of(axes, a),
            value_of(axes, standing->combination, a));
  if (!isnan(standing->half)) snprintf(half, sizeof half, "± %.2g", standing->half);
  if (standing->failed > 0) snprintf(failed, sizeof failed, "  %" PRId64 " failed", standing->failed);
  if (isnan(standing->mean))
    fprintf(out, "  %10s %-10s", "-", half);
  else /* ± has two bytes */
    fprintf(out, "  %10.5g %-*s", standing->mean, half[0] != '\0' ? 11 : 10, half);
  if (isnan(standing->train_loss))
    fprintf(out, "  %4" PRId64 "  %10s", standing->n, "-");
  else
    fprintf(out, "  %4" PRId64 "  %10.4g", standing->n, standing->train_loss);
  fprintf(out, "  %6" PRId64 "  %7.1f  %s%s\n", standing->epoch, standing->seconds,
          trial_state_names[standing->state], failed);
}

/* In quotes if a shell would take it for something else. */
static void print_word(const char *word, FILE *out) {
  fputc(' ', out);
  if (word[strcspn(word, " \t\"'\\$`*?[]{}()<>|&;#!~")] == '\0') {
    fputs(word, out);
    return;
  }
  fputc('\'', out);
  for (; *word != '\0'; word++) {
    if (*word == '\'') fputs("'\\'", out);
    fputc(*word, out);
  }
  fputc('\'', out);
}

static void print_best(const sweep_t *sweep, const standing_t *best, FILE *out) {
  char text[400];
  arena_t scratch = {0};
  axes_describe(&sweep->axes, best->combination, text, sizeof text);
  fprintf(out, "\nbest: combination %" PRId64 ", %s\n", best->combination + 1, text);
  char **words = axes_words(&sweep->axes, sweep->options->words[0], best->combination, &scratch);
  fputs("to train it: lockstep train", out);
  for (size_t i = 0; words != NULL && i < 1 + sweep->axes.n_fixed + sweep->axes.n; i++)
    print_word(words[i], out);
  fputc('\n', out);
  arena_free(&scratch);
}

void table_print(const sweep_t *sweep, const standing_t *standings, FILE *out) {
  const axes_t *axes = &sweep->axes;
  fprintf(out, "%6s", "number");
  for (size_t a = 0; a < axes->n; a++) fprintf(out, "  %-*s", width_of(axes, a), heading(axes, a));
  fprintf(out, "  %21s  %4s  %10s  %6s  %7s  status\n", sweep->metric, "n", "train_loss", "epochs",
          "seconds");
  for (int64_t i = 0; i < axes->combinations; i++) print_row(sweep, &standings[i], out);
  if (axes->combinations > 0 && !isnan(standings[0].mean)) print_best(sweep, &standings[0], out);
  fflush(out);
}
