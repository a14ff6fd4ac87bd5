/* A dataset file as a rank sees it: the rows of its own shards, in memory as they are in the file, or read
 * again and again by a thread (data/stream.h) when they are more than data.memory_limit.
 *
 * x stays in its element type (bytes stay bytes); conversion and scaling happen when a batch is gathered.
 * Labels become int32. Targets stay float or double, as the file has them, beside the floats that a loss
 * takes (data/split.h). Everything read is checked: NaN and infinity in x or y, labels outside the network's
 * outputs, shapes that do not fit, are LS_BAD_DATA naming file, array, row and column. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/arena.h"
#include "base/error.h"
#include "base/target.h"
#include "comm/world.h"
#include "config/settings.h"
#include "data/identity.h"
#include "data/split.h"

#include <stdbool.h>

/* Names of classes; n 0: the file has none. */
typedef struct {
  char **names; /* (n) */
  size_t n;
} class_names_t;

/* The categories of a column of x. Its values are the numbers 0 .. n - 1 of these names; any other number,
 * such as -1, is a category that the file does not name. n 0: the column holds numbers. */
typedef struct {
  char **names; /* (n) */
  size_t n;
  bool is_ordered; /* the order of the names means something, so the numbers do */
} category_names_t;

typedef struct {
  split_t train, valid, test;
  int64_t features;
  class_names_t class_names;    /* of labels */
  class_names_t *column_names;  /* (y_columns): of the classes that a column of y holds */
  int64_t y_columns;            /* of the training rows */
  char **feature_names;         /* (features); NULL when the file names none, or another number of them */
  category_names_t *categories; /* (columns of x in the file); NULL when none has categories */
  int64_t dropped;              /* rows of all splits and ranks, for missing values */
  int64_t short_series;         /* of the training array: without a window of training */
  data_identity_t identity;     /* of the arrays of the splits that were asked for; without digests */
  size_t resident_bytes;        /* of this rank */
  arena_t arena;                /* owns all of the above */
  struct stream_thread *reader; /* of the streams, NULL without */
} dataset_t;

/* What a dataset looks like before it is read. */
typedef struct {
  int64_t features; /* of a row: the dimensions of x after the first, times data.window.length */
  /* the validation share already taken out, rows with missing values still there; 0: none */
  int64_t train_rows, valid_rows, test_rows;
  bool has_y; /* of the training rows */
  bool y_is_integer;
  int64_t y_width;                    /* 1 for (n), k for (n, k); of a window, its targets */
  int64_t class_names;                /* names of classes of labels in the file; 0: none */
  bool has_categories;                /* some column of x has categories without an order */
  int64_t step_columns, step_targets; /* windows: of a time step in x and in the y beside it; else 0 */
  element_t type, y_type;             /* of x and of values in y, in memory */
  int64_t train_steps, valid_steps, test_steps;    /* windows: of the timelines that they lie on */
  int64_t series, train_series;                    /* in the training array, and with windows of training */
  bool train_weights, valid_weights, test_weights; /* whether rows have some */
} dataset_shape_t;

/* Collective: rank 0 reads the file's headers, all ranks get the shape. */
ls_status dataset_describe(world_t *world, const settings_t *settings, dataset_shape_t *shape,
                           ls_error *error);

/* Whether y (n, width) holds the targets that are asked for: LS_BAD_DATA. */
ls_status dataset_check_width(const char *file, const char *y, int64_t width, const target_request_t *targets,
                              ls_error *error);

enum { SPLIT_TRAIN = 1, SPLIT_VALID = 2, SPLIT_TEST = 4 };

/* Reads this rank's part of the asked splits (SPLIT_ bits; valid and test only when there). Each rank reads
 * only the slab of rows between its first and its last, in bounded pieces; where any rank's part is larger
 * than data.memory_limit, all ranks make streams instead. Validation rows are chosen by validation_choice
 * before rows are dealt to shards, after rows with missing values were dropped. Before any row is read, all
 * ranks compare the arrays that they see, by header and sample, with those of rank 0. For TARGET_LABELS y is
 * labels, or one-hot (n, width), which becomes labels; for TARGET_VALUES y must be (n, width), or (n) when
 * width is 1, or hold the columns that are asked for, which then lie side by side. Collective (errors agree).
 * *out is caller-owned. */
ls_status dataset_load(world_t *world, const settings_t *settings, int splits, target_request_t targets,
                       int shards, dataset_t **out, ls_error *error);
void dataset_destroy(dataset_t **dataset);

/* Deals the rows of the training arrays to folds, as dataset_load does for data.folds > 0. *fold (rows) is
 * malloc'd: 1 .. data.folds, and 0 for a row that data.missing leaves out. Collective: every rank gets the
 * same. */
ls_status dataset_folds(world_t *world, const settings_t *settings, int64_t strata, uint16_t **fold,
                        int64_t *rows, ls_error *error);

/* Fails with LS_BAD_SETTINGS if validation rows are chosen in two ways: data.validation or data.folds, and
 * arrays of their own. For training; a trained model keeps what it was trained with. */
ls_status dataset_check_choice(const settings_t *settings, ls_error *error);

/* The attribute that names the classes in a column of y. */
enum { CLASS_NAMES_KEY_SIZE = 48 };
void class_names_key(int64_t column, char out[CLASS_NAMES_KEY_SIZE]);

/* The names of the classes in a column of y, -1: of labels; those of the only column are the same. Attributes
 * of the file, class_names and class_names_COLUMN. Borrowed, never NULL. */
const class_names_t *dataset_class_names(const dataset_t *dataset, int64_t column);

/* Copies out->n names into the arena; false when there is no memory. */
bool category_names_copy(arena_t *arena, char *const *names, category_names_t *out);

/* One array of rows without targets, for predict: the rows of this rank's shards, as the split `test`,
 * streamed when they are more than `limit` bytes (0: never). Where the window has a length, rows are all
 * windows that x has inputs for, the last one too, whose targets are not known yet. NaN is an error unless
 * missing values may be among them. Collective. */
ls_status dataset_load_features(world_t *world, const char *file, const char *x,
                                const window_settings_t *window, int64_t features, bool has_missing,
                                int shards, int64_t limit, dataset_t **out, ls_error *error);

#endif
