/* Tables of results, as commands print them: aligned text for people, CSV or JSON for programs.
 *
 * A listing has columns, which are given once, and rows of cells. Before it is printed, its rows may be
 * sorted and its columns chosen by name. Text has no columns that are empty in all rows, unless they were
 * chosen. On a terminal that is too narrow, columns are left out of the text, the least important first; CSV
 * and JSON always have all chosen columns, and all digits. Not thread-safe. */
#ifndef BASE_LISTING_H
#define BASE_LISTING_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum { LISTING_TEXT, LISTING_CSV, LISTING_JSON } listing_format_t;

/* What the cells of a column hold. LISTING_TIME: a number, seconds since 1970; as text it is the local time,
 * in CSV and JSON the time in UTC, 2026-11-29T17:20:00Z. */
typedef enum { LISTING_WORDS, LISTING_INTEGER, LISTING_NUMBER, LISTING_TIME } listing_kind_t;

typedef struct {
  const char *name;    /* heading of the text and of CSV, key of JSON */
  const char *meaning; /* one line, for help; may be NULL */
  listing_kind_t kind;
  int digits;     /* LISTING_NUMBER: significant digits in text; 0: the nearest whole number */
  int importance; /* columns with the lowest are left out first; the first column never is */
  bool is_hidden; /* printed only if it is chosen by name */
} listing_column_t;

/* A cell is empty until it has a value. Empty cells are `-` in text, nothing in CSV and null in JSON. */
typedef struct {
  bool has_value;
  double number;    /* for all kinds but words; integers up to 2^53 */
  const char *text; /* words; owned by the listing */
} listing_cell_t;

typedef struct listing listing_t;

/* `columns` (n) are copied; the texts in them must outlive the listing. *out is caller-owned
 * (listing_destroy). */
ls_status listing_create(const listing_column_t *columns, size_t n, listing_t **out, ls_error *error);
void listing_destroy(listing_t **listing);

size_t listing_rows(const listing_t *listing);

/* Adds a row of empty cells, which the functions below fill. */
ls_status listing_add_row(listing_t *listing, ls_error *error);
/* Set a cell of the last row. A number that is not finite, or too large for its kind, leaves the cell empty.
 * The text is copied; NULL leaves the cell empty. */
void listing_number(listing_t *listing, size_t column, double value);
ls_status listing_text(listing_t *listing, size_t column, const char *text, ls_error *error);

/* Sorts the rows by the columns NAME,NAME,...: numbers by size, words in the order of `ls -v`; empty cells
 * are last in any case. Rows that agree keep their order. LS_USAGE, with the nearest name, for an unknown
 * column. */
ls_status listing_sort(listing_t *listing, const char *names, bool descending, ls_error *error);

/* Prints only the columns NAME,NAME,..., in this order. LS_USAGE as above. */
ls_status listing_choose(listing_t *listing, const char *names, ls_error *error);

/* Prints to `out`. Text gets at most `width` characters in a line; 0: no limit. */
void listing_print(const listing_t *listing, listing_format_t format, size_t width, FILE *out);

/* The headings of the columns that listing_print leaves out of a text of this width, as "a, b", cut to
 * `size`; "" if it leaves out none. */
void listing_left_out(const listing_t *listing, size_t width, char *out, size_t size);

/* The formats by name: text, csv, json. LS_USAGE for another word. */
bool listing_format_choice(size_t i, choice_t *out);
ls_status listing_format(const char *word, listing_format_t *out, ls_error *error);

#endif
