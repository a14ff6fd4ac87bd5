/* Private to the table room: words that stand for numbers. A form is a way to write them, for a whole column:
 * booleans, decimal commas, thousands separators, percent and currency signs, dates and times. */
#ifndef TABLE_CSV_FORMS_H
#define TABLE_CSV_FORMS_H

#include "table/csv.h"

typedef struct csv_form {
  const char *name;         /* what the report calls a column of this form */
  const char *mark, *other; /* words of a boolean, a sign, or the pattern of a date */
  char group, decimal;      /* of a number; group '\0': digits are not grouped */
  bool with_numbers;        /* plain numbers may be among the words */
  bool is_date;
  /* Reads a word; false: it has another form. */
  bool (*read)(const struct csv_form *form, const char *word, double *out);
} csv_form_t;

/* The words of a column in all tables. */
typedef struct {
  const csv_words_t *const *lists; /* (n) */
  size_t n;
  bool numbers, points; /* the column has plain numbers beside its words, some with a decimal point */
  bool has_one_class;   /* a column of one word of a boolean is a boolean, because a model says so */
} csv_column_words_t;

/* Finds the form that all words have; *out is NULL if there is none. *needs_texts: the column must be read
 * again with numbers as words, because 1.234 may mean 1234. LS_BAD_DATA for a column that two forms fit,
 * naming the option that decides; `where` names file and column. */
ls_status csv_form_find(const csv_column_words_t *words, const table_cells_t *cells, char delimiter,
                        const char *where, const csv_form_t **out, bool *needs_texts, ls_error *error);

/* The value of a word in a column of this form; NULL: plain numbers. */
bool csv_form_read(const csv_form_t *form, const char *word, double *out);

/* Whether a word is a number that is infinite, as inf or 1e999. */
bool csv_is_infinite(const char *word);

/* ---- csv_dates.c ---- */

/* Reads a date as days since 1970-01-01, a time alone as a part of a day. In the form's pattern, Y is a year
 * of four digits, y one of two, m and d are a month and a day, b is the name of a month, ~ is a time that may
 * be missing, t one that is there. */
bool csv_date_read(const csv_form_t *form, const char *word, double *out);

/* Sine and cosine of the time of year, of week, of day. */
extern const char *const csv_cycle_names[TABLE_CYCLES];
double csv_cycle(int cycle, double days);

#endif
