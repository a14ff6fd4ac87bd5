/* What the chapters of the dataset share: the plan that rank 0 makes from the file's headers, and reading
 * rows. */
#ifndef DATA_DATASET_IMPL_H
#define DATA_DATASET_IMPL_H

#include "data/dataset.h"
#include "data/window.h"
#include "store/store.h"

enum { TRAIN, VALID, TEST, SPLITS }; /* SPLIT_TRAIN is 1 << TRAIN, and so on */

enum { ARRAY_NAME_SIZE = 256 };

/* Where a split lies in the file, by the settings alone. */
typedef struct {
  char x[ARRAY_NAME_SIZE], y[ARRAY_NAME_SIZE];
  char weights[ARRAY_NAME_SIZE], series[ARRAY_NAME_SIZE]; /* "": none */
  const char *x_key, *y_key, *weights_key;                /* settings that name them, for messages */
  bool x_explicit, y_explicit;                            /* named by the user: then it must be there */
} split_names_t;

/* One split as the headers describe it. Plain values: the plan is broadcast as bytes. */
typedef struct {
  bool there;
  bool has_y, y_is_integer, has_weights;
  int64_t rows;       /* of the split */
  int64_t array_rows; /* of the arrays; more than rows where training and validation share them */
  int64_t features, y_width;
  element_t type;
  element_t y_type; /* of values: ELEMENT_F32 or ELEMENT_F64, as in split_t */
  bool y_is_wide;   /* integers that a double may not hold exactly */
  bool has_missing; /* NaN in x is no error */
  int64_t steps;    /* windows: of the split's timeline */
  int64_t parts;    /* of the timeline: series that have windows in this split */
} source_t;

typedef struct {
  bool by_share;         /* validation rows are chosen among the training arrays' rows: a share or a fold */
  bool in_train[SPLITS]; /* the rows lie in the training arrays */
  source_t split[SPLITS];
  int64_t series;      /* windows: in the training arrays */
  int64_t class_names; /* how many names the file has for the classes of labels */
  bool has_categories; /* some column of x has categories without an order */
} dataset_plan_t;

/* ---- split_names.c ---- */

void split_names(const settings_t *settings, int split, split_names_t *out);

/* The array with the numbers of series that belongs to an x: it lies beside it. "" where there is none. */
void windows_series_name(const window_settings_t *window, const char *x, char out[ARRAY_NAME_SIZE]);

/* Whether the columns that are forecast are those of y. */
bool windows_use_y(const window_settings_t *window);

/* The split whose arrays hold a split's rows. */
int array_of(const dataset_plan_t *plan, int which);

/* ---- dataset_plan.c ---- */

/* Reads the headers of everything that the settings name, and with windows which series are where; the caller
 * frees those of all arrays, also after an error. */
ls_status plan_make(const store_t *store, const settings_t *settings, dataset_plan_t *out,
                    series_t series[SPLITS], ls_error *error);

/* Whether the targets of the asked splits are what is asked for. */
ls_status plan_check(const store_t *store, const settings_t *settings, const dataset_plan_t *plan, int splits,
                     target_request_t targets, ls_error *error);

/* One array of features: its rows, features and type in memory. */
ls_status source_describe(const store_t *store, const char *x, source_t *out, ls_error *error);

/* ---- window_plan.c ---- */

/* Finds the series of the arrays of a plan, cuts them into splits and these into windows. */
ls_status windows_plan(const store_t *store, const settings_t *settings, dataset_plan_t *plan,
                       series_t series[SPLITS], ls_error *error);

/* The timeline of a split, from the series of the array that holds it. */
ls_status windows_timeline(const settings_t *settings, const dataset_plan_t *plan, int which,
                           const series_t *series, arena_t *arena, timeline_t *out, ls_error *error);

/* How many columns are forecast. */
int64_t windows_target_columns(const window_settings_t *window, const source_t *source);

/* ---- dataset_identity.c ---- */

/* Looks at the arrays of the asked splits on every rank, and compares them with rank 0's. Collective. */
ls_status identity_of_splits(world_t *world, const settings_t *settings, const dataset_plan_t *plan,
                             int splits, data_identity_t *out, ls_error *error);

/* The same of an array of rows to predict. Collective. */
ls_status identity_of_features(world_t *world, const char *file, const char *x,
                               const window_settings_t *window, ls_error *error);

/* ---- dataset_rows.c ---- */

/* What becomes of a row of an array. */
enum { ROW_KEPT, ROW_VALIDATES, ROW_DROPPED };

/* Which rows of an array a rank wants: those of [first, end) with kinds[row] == wanted, all when kinds is
 * NULL. With a timeline [first, end) are steps of it, all of which are wanted. */
typedef struct {
  int64_t first, end;
  const uint8_t *kinds;
  uint8_t wanted;
  const timeline_t *timeline; /* borrowed, or NULL */
} rows_t;

/* Rows of an array on their way to memory: how they are read, what they must be, what they become. */
typedef enum { GAPS_NEVER, GAPS_REFUSED, GAPS_TAKEN } gaps_t; /* NaN; refused: by data.missing */
typedef struct row_piece row_piece_t;
typedef ls_status (*row_check_t)(const row_piece_t *piece, int64_t i, ls_error *error);
typedef struct {
  char name[ARRAY_NAME_SIZE];
  store_type_t type;        /* as which they are read */
  int64_t width;            /* elements of a row as it is read */
  target_request_t targets; /* labels: width tells how many there are; values: where they may lie */
  gaps_t gaps;
  bool is_wide;      /* the file's integers may be inexact in double */
  size_t row_size;   /* bytes of a row in memory */
  row_check_t check; /* of row i of a piece; NULL: any will do */
  void (*put)(const row_piece_t *piece, int64_t i, void *out); /* NULL: a row stays as it was read */
} row_format_t;

/* Some rows as they were read, from row `first` of the array on. */
struct row_piece {
  const char *path; /* of the file, for messages */
  const row_format_t *format;
  const void *values;
  int64_t first;
};

row_format_t features_format(const char *x, const source_t *source);
row_format_t labels_format(const char *y, const source_t *source, int64_t classes);
row_format_t targets_format(const char *y, const source_t *source, target_request_t targets);
row_format_t weights_format(const char *weights);

/* The same format, of rows that are refused where one of n columns does not hold what a loss can take. The
 * columns are borrowed. */
row_format_t bounded_format(row_format_t format, const target_column_t *columns, int64_t n);

/* The arrays of a split. Of those that are not there the format has row_size 0. */
enum { ARRAY_X, ARRAY_Y, ARRAY_WEIGHT, ARRAYS };

/* Checks row i of the piece and puts it at out; LS_BAD_DATA names file, array, row and column. */
ls_status row_take(const row_piece_t *piece, int64_t i, void *out, ls_error *error);

/* LS_BAD_DATA when an array has other columns than `width` elements, or fewer rows than `end`: then this rank
 * sees another file than the plan was made from, and buffers made for the plan are too small. */
ls_status rows_check(const store_t *store, const char *name, int64_t width, int64_t end, ls_error *error);

ls_status rows_read(const store_t *store, row_format_t format, rows_t rows, void *out, ls_error *error);

/* ---- dataset_names.c ---- */

/* Loads the names of the columns of x and of their categories. The names in a file are those of the array
 * that is called x, with or without a group before it: LS_BAD_DATA if this one has another number of columns.
 * Another array may have names too, if their number fits. */
ls_status feature_names_load(const store_t *store, const char *x, int64_t columns, dataset_t *dataset,
                             ls_error *error);
/* Loads all names that the file has. LS_BAD_DATA if one is repeated. */
ls_status names_load(const store_t *store, const char *x, const source_t *train, dataset_t *dataset,
                     ls_error *error);

/* ---- dataset_categories.c ---- */

/* LS_BAD_DATA if two of n names are the same and not empty; `where` and `what` are for the message. */
ls_status names_check_once(const store_t *store, const char *where, const char *what, char *const *names,
                           size_t n, ls_error *error);

/* Whether any of the `columns` columns of x has categories without an order. */
ls_status categories_plan(const store_t *store, int64_t columns, bool *has_unordered, ls_error *error);
/* Loads the names of the categories of the `columns` columns of x. LS_BAD_DATA if a name is repeated. */
ls_status categories_load(const store_t *store, int64_t columns, dataset_t *dataset, ls_error *error);

/* ---- dataset_folds.c ---- */

/* Deals the rows of `train` with kinds[row] == ROW_KEPT to folds (array_rows), all of them if kinds is NULL;
 * 0 for the others. Rank 0 reads the classes in y. Collective. */
ls_status folds_of_rows(world_t *world, const settings_t *settings, int64_t strata, const source_t *train,
                        const uint8_t *kinds, uint16_t *folds, ls_error *error);

/* ---- dataset_choice.c ---- */

/* What is asked of a dataset. */
typedef struct {
  int splits;
  target_request_t targets;
} request_t;

/* What becomes of the rows of each split's arrays. */
typedef struct {
  uint8_t *kinds[SPLITS]; /* (array_rows): ROW_…; NULL: all rows are kept. malloc'd */
  uint16_t *folds;        /* (array_rows of TRAIN): 1 .. data.folds, 0: dropped; NULL: no folds. malloc'd */
  int64_t dropped;        /* rows of all splits */
} row_choice_t;

/* Drops rows with missing values where data.missing says so, and chooses validation rows among the others;
 * the plan's rows are those that are left. Collective. The caller frees the choice, also after an error. */
ls_status rows_choose(world_t *world, const settings_t *settings, const request_t *request,
                      dataset_plan_t *plan, row_choice_t *choice, ls_error *error);
void row_choice_free(row_choice_t *choice);

/* What a rank's part of a file is read by. */
typedef struct {
  world_t *world;
  const char *file;
  const store_t *store;
  const dataset_plan_t *plan;
  const request_t *request;
  const window_settings_t *window; /* length 0: rows are no windows */
  const timeline_t *timelines;     /* (SPLITS), of windows */
  const row_choice_t *choice;
  int shards;
  int64_t limit;  /* bytes of rows in memory, 0: any */
  bool is_scaled; /* targets are going to be */
} loading_t;

/* ---- dataset_rows.c, once more ---- */

/* n rows of the arrays of a split, which there are formats for, to memory of the dataset's. */
ls_status arrays_load(dataset_t *dataset, const loading_t *load, const row_format_t formats[ARRAYS],
                      const rows_t *rows, int64_t n, split_t *split, ls_error *error);

/* ---- dataset_windows.c ---- */

/* The time steps of this rank's windows, each once, in memory or as a stream. */
ls_status windows_load(const loading_t *load, const split_names_t *names, int which, dataset_t *dataset,
                       split_t *split, ls_error *error);

#endif
