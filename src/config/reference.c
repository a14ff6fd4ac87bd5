/* Writes the tables of keys as documentation: Markdown for docs/reference.md, plain text for --help. */
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  FILE *out;
  const settings_choices_t *choices;
  bool markdown;
} page_t;

/* Writes text with Markdown's special characters escaped, except between backticks. */
static void put_text(const page_t *page, const char *text) {
  bool is_code = false;
  for (const char *c = text; *c != '\0'; c++) {
    is_code ^= *c == '`';
    bool is_mark = *c == '|' || (!is_code && strchr("*_<", *c) != NULL);
    if (page->markdown && is_mark) fputc('\\', page->out);
    fputc(*c, page->out);
  }
}

static void put_heading(const page_t *page, int level, const char *text) {
  if (page->markdown)
    fprintf(page->out, "\n%.*s %s\n\n", level, "####", text);
  else
    fprintf(page->out, "\n%s\n", text);
}

/* The allowed values of a key: a type and its range, or a list of names. */
static void value_text(const page_t *page, const key_row_t *row, char *out, size_t size) {
  choice_list_t list = row->type == &type_choice ? key_choices(row, page->choices) : NULL;
  char range[RANGE_TEXT_SIZE], names[512];
  range_text(row->range, range);
  if (list != NULL) choice_names(list, names, sizeof names);
  snprintf(out, size, "%s%s%s%s", list != NULL ? names : row->type->name, range[0] == '\0' ? "" : ", ", range,
           row->or_auto ? ", or auto" : "");
}

/* `section` is put in front of the key's path; "" for none. */
static void put_row(const page_t *page, const char *section, const key_row_t *row) {
  char value[640], path[64];
  const char *uses = row->used_by == NULL ? "" : row->used_by, *of_names = row->used_by == NULL ? "" : ": ";
  snprintf(path, sizeof path, "%s%s%s", section, section[0] == '\0' ? "" : ".", row->path);
  value_text(page, row, value, sizeof value);
  if (!page->markdown) {
    fprintf(page->out, "  %-28s %s%s%s", path, uses, of_names, row->meaning);
    fprintf(page->out, "\n  %-28s   %s (%s%s)\n", "", value, row->initial == NULL ? "required" : "default ",
            row->initial == NULL ? "" : row->initial);
    return;
  }
  fprintf(page->out, "| `%s` | ", path);
  put_text(page, value);
  if (row->initial == NULL || row->initial == name_from_file)
    fprintf(page->out, " | %s | ", row->initial == NULL ? "required" : row->initial);
  else
    fprintf(page->out, " | `%s` | ", row->initial);
  put_text(page, uses);
  put_text(page, of_names);
  put_text(page, row->meaning);
  fputs(" |\n", page->out);
}

static void put_table_head(const page_t *page) {
  if (page->markdown) fputs("| key | value | default | meaning |\n| --- | --- | --- | --- |\n", page->out);
}

/* Documents `loss`, which is a table of keys or a list of such tables. */
static void put_losses(const page_t *page, const key_row_t *row) {
  put_heading(page, 2, row->path);
  if (!page->markdown) fputs("  ", page->out);
  put_text(page, row->meaning);
  fputs(page->markdown ? "\n\n" : "\n", page->out);
  put_table_head(page);
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
      put_heading(page, 2, dot == 0 ? "top level" : title);
      put_table_head(page);
    }
    section = path;
    length = dot;
    put_row(page, "", &settings_keys.rows[i]);
  }
}

static void put_layers(const page_t *page) {
  layer_row_t layer;
  put_heading(page, 2, "kinds of layers");
  put_text(page, "An item of model.layers is a kind of layer with its keys: `dense: {units: 256, activation: "
                 "relu}`. The first key may be given without its name: `dense: 10`.\n");
  for (size_t i = 0; layer_row(i, &layer); i++) {
    put_heading(page, 3, layer.name);
    if (!page->markdown) fputs("  ", page->out);
    put_text(page, layer.meaning);
    fputs(page->markdown ? "\n\n" : "\n", page->out);
    if (layer.keys.n > 0) put_table_head(page);
    for (size_t k = 0; k < layer.keys.n; k++) put_row(page, "", &layer.keys.rows[k]);
  }
}

static void put_list(const page_t *page, const char *title, choice_list_t list) {
  choice_t choice;
  if (list == NULL) return;
  put_heading(page, 3, title);
  if (page->markdown) fputs("| name | meaning |\n| --- | --- |\n", page->out);
  for (size_t i = 0; list(i, &choice); i++) {
    fprintf(page->out, page->markdown ? "| `%s` | " : "  %-28s ", choice.name);
    put_text(page, choice.meaning);
    fputs(page->markdown ? " |\n" : "\n", page->out);
  }
}

static void put_lists(const page_t *page) {
  put_heading(page, 2, "names");
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

void settings_reference(FILE *out, const settings_choices_t *choices, bool markdown) {
  page_t page = {out, choices, markdown};
  if (markdown) fputs("# Settings\n\n", out);
  put_text(&page, "A settings file is written in YAML; `section.key=value` on the command line overrides it. "
                  "A name alone is short for a table with that name: `loss: mse`.\n");
  put_sections(&page);
  put_layers(&page);
  put_lists(&page);
}
