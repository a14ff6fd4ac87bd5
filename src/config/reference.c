/* Writes the tables of keys as documentation: Markdown for docs/reference.md, plain text for --help, roff for
 * a man page. */
#include "base/roff.h"
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

/* What the reference consists of, as one kind of page writes it. */
typedef struct {
  const char *title; /* of the page; "" if its heading is written by the caller */
  void (*paragraph)(FILE *out, const char *text);
  void (*note)(FILE *out, const char *text); /* the paragraph below a heading */
  void (*heading)(FILE *out, int level, const char *text);
  const char *key_columns, *name_columns; /* what begins a list of keys, a list of names */
  /* `uses` and `meaning` have been joined with `of_names` between them; `initial` NULL: required. */
  void (*key)(FILE *out, const char *path, const char *value, const char *initial, const char *meaning);
  void (*name)(FILE *out, const choice_t *choice);
} style_t;

typedef struct {
  FILE *out;
  const settings_choices_t *choices;
  const style_t *style;
} page_t;

/* ---- plain text ---- */

static void text_paragraph(FILE *out, const char *text) {
  fprintf(out, "%s\n", text);
}

static void text_note(FILE *out, const char *text) {
  fprintf(out, "  %s\n", text);
}

static void text_heading(FILE *out, int level, const char *text) {
  (void)level;
  fprintf(out, "\n%s\n", text);
}

static void text_key(FILE *out, const char *path, const char *value, const char *initial,
                     const char *meaning) {
  fprintf(out, "  %-28s %s\n  %-28s   %s (%s%s)\n", path, meaning, "", value,
          initial == NULL ? "required" : "default ", initial == NULL ? "" : initial);
}

static void text_name(FILE *out, const choice_t *choice) {
  fprintf(out, "  %-28s %s\n", choice->name, choice->meaning);
}

/* ---- Markdown ---- */

/* Writes text with Markdown's special characters escaped, except between backticks. */
static void put_markdown(FILE *out, const char *text) {
  bool is_code = false;
  for (const char *c = text; *c != '\0'; c++) {
    is_code ^= *c == '`';
    if (*c == '|' || (!is_code && strchr("*_<", *c) != NULL)) fputc('\\', out);
    fputc(*c, out);
  }
}

static void markdown_paragraph(FILE *out, const char *text) {
  put_markdown(out, text);
  fputc('\n', out);
}

static void markdown_note(FILE *out, const char *text) {
  put_markdown(out, text);
  fputs("\n\n", out);
}

static void markdown_heading(FILE *out, int level, const char *text) {
  fprintf(out, "\n%.*s %s\n\n", level, "####", text);
}

static void markdown_key(FILE *out, const char *path, const char *value, const char *initial,
                         const char *meaning) {
  const char *quote = initial == NULL || initial == name_from_file ? "" : "`";
  fprintf(out, "| `%s` | ", path);
  put_markdown(out, value);
  fprintf(out, " | %s%s%s | ", quote, initial == NULL ? "required" : initial, quote);
  put_markdown(out, meaning);
  fputs(" |\n", out);
}

static void markdown_name(FILE *out, const choice_t *choice) {
  fprintf(out, "| `%s` | ", choice->name);
  put_markdown(out, choice->meaning);
  fputs(" |\n", out);
}

/* ---- man page ---- */

static void man_heading(FILE *out, int level, const char *text) {
  fputs(level == 2 ? ".SH \"" : ".SS \"", out);
  roff_words(out, text);
  fputs("\"\n", out);
}

/* Begins an item of a list: its name in bold. */
static void man_item(FILE *out, const char *name) {
  fputs(".TP\n.B ", out);
  roff_words(out, name);
  fputc('\n', out);
}

static void man_key(FILE *out, const char *path, const char *value, const char *initial,
                    const char *meaning) {
  char text[1024];
  snprintf(text, sizeof text, "%s (%s%s)", value, initial == NULL ? "required" : "default ",
           initial == NULL ? "" : initial);
  man_item(out, path);
  roff_text(out, meaning);
  fputs(".br\n", out);
  roff_text(out, text);
}

static void man_name(FILE *out, const choice_t *choice) {
  man_item(out, choice->name);
  roff_text(out, choice->meaning);
}

static const style_t styles[] = {
    [REFERENCE_TEXT] = {"", text_paragraph, text_note, text_heading, "", "", text_key, text_name},
    [REFERENCE_MARKDOWN] = {"# Settings\n\n", markdown_paragraph, markdown_note, markdown_heading,
                            "| key | value | default | meaning |\n| --- | --- | --- | --- |\n",
                            "| name | meaning |\n| --- | --- |\n", markdown_key, markdown_name},
    [REFERENCE_MAN] = {"", roff_text, roff_text, man_heading, "", "", man_key, man_name},
};

/* ---- the tables ---- */

void key_values(const key_row_t *row, const settings_choices_t *choices, char *out, size_t size) {
  choice_list_t list = row->type == &type_choice ? key_choices(row, choices) : NULL;
  char range[RANGE_TEXT_SIZE], names[512];
  range_text(row->range, range);
  if (list != NULL) choice_names(list, names, sizeof names);
  snprintf(out, size, "%s%s%s%s", list != NULL ? names : row->type->name, range[0] == '\0' ? "" : ", ", range,
           row->or_auto ? ", or auto" : "");
}

/* `section` is put in front of the key's path; "" for none. */
static void put_row(const page_t *page, const char *section, const key_row_t *row) {
  char value[640], path[64], meaning[1024];
  const char *uses = row->used_by == NULL ? "" : row->used_by, *of_names = row->used_by == NULL ? "" : ": ";
  snprintf(path, sizeof path, "%s%s%s", section, section[0] == '\0' ? "" : ".", row->path);
  snprintf(meaning, sizeof meaning, "%s%s%s", uses, of_names, row->meaning);
  key_values(row, page->choices, value, sizeof value);
  page->style->key(page->out, path, value, row->initial, meaning);
}

/* Documents `loss`, which is a table of keys or a list of such tables. */
static void put_losses(const page_t *page, const key_row_t *row) {
  page->style->heading(page->out, 2, row->path);
  page->style->note(page->out, row->meaning);
  fputs(page->style->key_columns, page->out);
  for (size_t i = 0; i < loss_keys.n; i++) put_row(page, row->path, &loss_keys.rows[i]);
}

/* Writes all sections. Relies on the rows being grouped by section. */
static void put_sections(const page_t *page) {
  size_t length = 0;
  const char *section = NULL;
  for (size_t i = 0; i < settings_keys.n; i++) {
    const char *path = settings_keys.rows[i].path;
    size_t dot = strchr(path, '.') == NULL ? 0 : strcspn(path, ".");
    if (settings_keys.rows[i].type == &type_losses) {
      put_losses(page, &settings_keys.rows[i]);
      section = "";
      length = 0;
      continue;
    }
    if (section == NULL || dot != length || strncmp(section, path, dot) != 0) {
      char title[64];
      snprintf(title, sizeof title, "%.*s", (int)dot, path);
      page->style->heading(page->out, 2, dot == 0 ? "top level" : title);
      fputs(page->style->key_columns, page->out);
    }
    section = path;
    length = dot;
    put_row(page, "", &settings_keys.rows[i]);
  }
}

static void put_layers(const page_t *page) {
  layer_row_t layer;
  page->style->heading(page->out, 2, "kinds of layers");
  page->style->paragraph(
      page->out, "An item of model.layers is a kind of layer with its keys: `dense: {units: 256, activation: "
                 "relu}`. The first key may be given without its name: `dense: 10`.");
  for (size_t i = 0; layer_row(i, &layer); i++) {
    page->style->heading(page->out, 3, layer.name);
    page->style->note(page->out, layer.meaning);
    if (layer.keys.n > 0) fputs(page->style->key_columns, page->out);
    for (size_t k = 0; k < layer.keys.n; k++) put_row(page, "", &layer.keys.rows[k]);
  }
}

static void put_list(const page_t *page, const char *title, choice_list_t list) {
  choice_t choice;
  if (list == NULL) return;
  page->style->heading(page->out, 3, title);
  fputs(page->style->name_columns, page->out);
  for (size_t i = 0; list(i, &choice); i++) page->style->name(page->out, &choice);
}

static void put_lists(const page_t *page) {
  page->style->heading(page->out, 2, "names");
  put_list(page, "activation", page->choices->activation);
  put_list(page, "init", page->choices->init);
  put_list(page, "scaling", page->choices->scaling);
  put_list(page, "basis", page->choices->basis);
  put_list(page, "loss", page->choices->loss);
  put_list(page, "optimizer", page->choices->optimizer);
  put_list(page, "schedule", page->choices->schedule);
  put_list(page, "schedule.scaling", page->choices->rate_scaling);
  put_list(page, "stop.metric", page->choices->stop_metric);
  for (size_t i = 0; i < loss_keys.n; i++) {
    char title[64];
    snprintf(title, sizeof title, "loss.%s", loss_keys.rows[i].path);
    put_list(page, title, loss_keys.rows[i].list);
  }
  for (size_t i = 0; i < settings_keys.n; i++)
    put_list(page, settings_keys.rows[i].path, settings_keys.rows[i].list);
}

void settings_reference(FILE *out, const settings_choices_t *choices, reference_style_t style) {
  page_t page = {out, choices, &styles[style]};
  fputs(page.style->title, out);
  page.style->paragraph(
      out, "A settings file is written in YAML; `section.key=value` on the command line overrides it. "
           "A name alone is short for a table with that name: `loss: mse`.");
  put_sections(&page);
  put_layers(&page);
  put_lists(&page);
}

/* ---- for completions and messages ---- */

static bool key_of(const key_row_t *row, const char *section, const settings_choices_t *choices,
                   setting_key_t *out) {
  snprintf(out->path, sizeof out->path, "%s%s", section, row->path);
  out->meaning = row->meaning;
  out->choices = row->type == &type_choice && choices != NULL ? key_choices(row, choices) : NULL;
  out->is_bool = row->type == &type_bool;
  out->or_auto = row->or_auto;
  return true;
}

bool settings_key(size_t i, const settings_choices_t *choices, setting_key_t *out) {
  if (i < settings_keys.n) return key_of(&settings_keys.rows[i], "", choices, out);
  i -= settings_keys.n;
  return i < loss_keys.n && key_of(&loss_keys.rows[i], "loss.", choices, out);
}

/* How well a word fits a path: its whole, its last word, or a part of that, as batch_size in
 * train.global_batch_size; 0: not at all. */
static int fit(const char *key, const char *path) {
  const char *last = strrchr(path, '.') != NULL ? strrchr(path, '.') + 1 : path;
  if (strcmp(path, key) == 0) return 3;
  if (strcmp(last, key) == 0) return 2;
  return strlen(key) > 4 && strstr(last, key) != NULL;
}

bool settings_key_find(const char *word, char out[SETTING_PATH_SIZE]) {
  char key[SETTING_PATH_SIZE];
  int best = 0, n = 0;
  setting_key_t row;
  snprintf(key, sizeof key, "%s", word);
  for (char *c = key; *c != '\0'; c++)
    if (*c == '-') *c = '_';
  const char *here = key_name_here(key);
  for (size_t i = 0; settings_key(i, NULL, &row); i++) {
    const int now = fit(here, row.path);
    if (now < best || now == 0) continue;
    n = now > best ? 1 : n + 1;
    best = now;
    snprintf(out, SETTING_PATH_SIZE, "%s", row.path);
  }
  return n == 1;
}
