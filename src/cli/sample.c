/* lockstep sample: draws rows from the density of a model. */
#include "cli/command.h"
#include "density/sample.h"

#include "inspect/names.h"

#include <inttypes.h>
#include <string.h>

enum { KEY_ROWS = FIRST_KEY, KEY_SEED, KEY_OUT };

typedef struct {
  arguments_t arguments;
  int64_t rows, seed;
  const char *out;
} sample_arguments_t;

static const struct argp_option options[] = {
    {"rows", KEY_ROWS, "N", 0, "rows to draw; default 1000", 0},
    {"seed", KEY_SEED, "SEED", 0, "seed of the rows, a whole number; default 1", 0},
    {"out", KEY_OUT, "FILE", 0, "file for the rows: FILE.csv or FILE.h5", 0},
    {0},
};

static const char *const uses[] = {"parallel.threads", "parallel.shards", "parallel.timeout", NULL};

static error_t check_output(sample_arguments_t *a) {
  if (a->out == NULL)
    return arguments_refuse(&a->arguments, "name the output file: --out FILE.csv or --out FILE.h5");
  const char *dot = strrchr(a->out, '.');
  if (dot != NULL && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".h5") == 0 || strcmp(dot, ".hdf5") == 0))
    return 0;
  return arguments_refuse(&a->arguments, "--out: '%.200s' ends neither in .csv nor in .h5", a->out);
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  sample_arguments_t *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT:
    a->rows = 1000;
    a->seed = 1;
    return 0;
  case KEY_ROWS:
    return arguments_count(&a->arguments, "rows", arg, 1, MOST_COUNT, &a->rows);
  case KEY_SEED:
    return arguments_count(&a->arguments, "seed", arg, 0, INT64_MAX, &a->seed);
  case KEY_OUT:
    a->out = arg;
    return 0;
  case ARGP_KEY_END:
    return check_output(a);
  default:
    return arguments_key(key, arg, state);
  }
}

static ls_status draw_rows(const session_t *session, ready_t *ready, void *context, ls_error *error) {
  const sample_arguments_t *a = context;
  row_draw_t *draw = NULL;
  drawn_rows_t sample = {0};
  ls_status status = world_agree(session->world, draw_create(ready->model, &draw, error), error);
  if (status == LS_OK)
    status =
        sample_run(session->world, draw, ready->layout.threads, a->rows, (uint64_t)a->seed, &sample, error);
  if (status == LS_OK)
    status = world_agree(
        session->world, session->is_root ? sample_write(a->out, ready->model, &sample, error) : LS_OK, error);
  if (status == LS_OK)
    log_info(&session->results, "%" PRId64 " rows drawn from %s: %s", a->rows, a->arguments.words[0], a->out);
  sample_free(&sample);
  draw_destroy(&draw);
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const sample_arguments_t *a = input;
  char model[4096];
  ls_status found = model_path(a->arguments.words[0], model, sizeof model, error);
  TRY(world_agree(session->world, found, error));
  TRY(output_check(session, "out", a->out, (const char *const[]){model}, 1, error));
  const model_request_t request = {a->arguments.words[0], a->arguments.words + 1, a->arguments.n - 1, uses};
  return ready_run(session, &request, draw_rows, input, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "MODEL --out FILE [SECTION.KEY=VALUE...]",
    .doc = "Draws rows from the density that a model describes, a Gaussian mixture, a kernel density or a "
           "variational autoencoder, in the "
           "units of the file that the model was fitted to.\vMODEL is a model file, a checkpoint or a run "
           "directory. A CSV file has the names of the model's columns. An HDF5 file is a dataset with the "
           "arrays `x` and `component`, the number of the component that a row was drawn from, if there are "
           "any. Row i depends "
           "on the seed and on i alone: any number of ranks and threads draws the same rows, and more rows "
           "begin with those of fewer."};

const command_t command_sample = {
    .name = "sample",
    .meaning = "draw rows from the density of a model",
    .argp = &argp,
    .options_size = sizeof(sample_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .run = run,
};
