/* Tables that `predict` and `eval` take in place of a dataset file, and `import --like`: a table is read as
 * the model expects it. Columns are found by their names; categories and classes have the numbers that the
 * model gives them. */
#ifndef REQUEST_TABLE_INPUT_H
#define REQUEST_TABLE_INPUT_H

#include "request/request.h"
#include "table/table.h"

/* What a model expects of a table. Borrows from the model, but for the arrays of texts. */
typedef struct {
  table_like_t like;
  table_list_t *categories; /* (features), malloc'd */
} model_like_t;

/* LS_BAD_DATA for a model that does not know the names of its columns: it was trained without them, or on
 * windows. Free with model_like_free. Not collective. */
ls_status model_like_make(const model_t *model, model_like_t *out, ls_error *error);
void model_like_free(model_like_t *like);

/* Rows of a table on their way to a dataset file that ranks can read. */
typedef struct {
  const char *path;  /* of the dataset: the given path, or `file` */
  char folder[4000]; /* temporary, of this host; "" if the given path is a dataset */
  char file[4096];
  bool is_owner; /* this rank made the folder */
} table_input_t;

/* If the file at `path` is no HDF5 file, imports its rows as split `test` for the model: one rank of each
 * host writes a temporary dataset into TMPDIR, or else /tmp. `label` names the columns of labels or targets,
 * with commas between them; NULL: rows have none. Close it also after an error. Collective. */
ls_status table_input_open(const session_t *session, const model_t *model, const char *path,
                           const char *label, table_input_t *out, ls_error *error);
/* Removes the temporary dataset. Collective. */
void table_input_close(const session_t *session, table_input_t *input);

/* Reads columns of the table at `path` as texts, for files of predictions: codes in rows[0].x (rows, n_x),
 * NaN for a missing cell, and the texts of a code in `features`. `names` has commas between names. *out is
 * caller-owned (tables_free). Not collective. */
ls_status table_ids_read(const char *path, const char *names, tables_t **out, ls_error *error);

#endif
