/* What the system tests share: a directory of their own, lockstep launched as a user launches it, alone or
 * under mpirun, with a time limit, and what it leaves behind. */
#ifndef SYSTEM_RUN_H
#define SYSTEM_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Limits are for what hangs: a machine busy with other things may be many times slower than one that is not.
 * A test that interferes with a run at a certain moment may find it over; it then tries again, so many times.
 */
enum { ALONE = 0, LIMIT_SECONDS = 120, ATTEMPTS = 5 };

/* For .init and .fini: makes a temporary directory and goes there; removes it. */
void place_make(void);
void place_remove(void);

typedef struct {
  int code; /* exit code, 128 + signal, or -1 when it had to be stopped at the time limit */
  double seconds;
  const char *out, *err; /* valid until the next run */
} result_t;

/* Limits the memory of the commands that follow, for tests of sizes that a file or a user claims. A sanitizer
 * needs far more memory than the program, so in its builds only single blocks are limited. */
void run_limit_memory(int gigabytes);
/* Whether the program has been built with sanitizers, which take memory of their own. */
bool run_is_sanitized(void);

/* `lockstep WORDS` under mpirun with so many ranks, or ALONE without it. Words are parted by spaces; single
 * quotes keep spaces in a word. */
result_t run(int ranks, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Any command, the same way. */
result_t run_command(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Any command after the words that launch so many ranks, or "" when ALONE. */
pid_t run_start_command(int ranks, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The words that launch lockstep with so many ranks, for commands that wrap it. */
const char *run_launcher(int ranks);
/* The first Python that has h5py and numpy, or NULL. */
const char *run_python(void);
/* The same as `run`, and the test fails with its messages when it does not end with 0. */
result_t run_well(int ranks, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* In two steps, for those who want to interfere. */
pid_t run_start(int ranks, const char *format, ...) __attribute__((format(printf, 2, 3)));
result_t run_finish(pid_t launcher, double limit);
/* A signal to at most so many lockstep processes under the launcher (or to it, when it is one); returns to
 * how many. SIGKILL to all of them. */
enum { ANY_RANKS = 1 << 20 };
int run_signal_ranks(pid_t launcher, int number, int most);
void run_kill_ranks(pid_t launcher);

/* ---- what it left ---- */

bool file_exists(const char *path);
/* A file's text, valid until the next call; fails the test when it cannot be read. */
const char *file_text(const char *path);
/* The value of "key" in JSON text, as it stands there without quotes; "" when there is none. `out` holds 64.
 */
void json_value(const char *json, const char *key, char out[64]);
/* The same as a number; NaN when it is none. */
double json_double(const char *json, const char *key);

/* The first `rows` rows of an array of an HDF5 file, as floats; fails the test when they cannot be read. */
void read_floats(const char *path, const char *name, int64_t rows, float *out);

enum { MOST_EPOCHS = 64 };

/* What must not depend on the layout. */
typedef struct {
  char checksum[64], valid_loss[64], test_loss[64], test_metric[64];
  int64_t epochs;
  double train_loss[MOST_EPOCHS], epoch_valid_loss[MOST_EPOCHS];
  uint64_t epoch_checksum[MOST_EPOCHS];
} outcome_t;

/* From summary.json and history.h5 of runs/NAME. */
outcome_t outcome_of(const char *name);
/* Fails the test when the outcomes have not the same bits; `what` names the second in the message. */
void outcome_expect_same(const outcome_t *a, const outcome_t *b, const char *what);

/* ---- what it reads ---- */

void write_text(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A number in [0, 1) that depends on i alone (splitmix64, Steele, Lea and Flood 2014). */
double noise(uint64_t i);

enum { FEATURES = 13, CLASSES = 5, TARGETS = 3, TEST_ROWS = 211 };

/* A dataset file with groups train (rows) and test (TEST_ROWS), and what is wrong with it. */
typedef struct {
  int64_t rows;
  bool regression; /* y: (rows, TARGETS) values, else labels 0 .. CLASSES - 1 */
  bool weighted;   /* train/weights and test/weights, some of them 0 */
  int64_t y_rows;  /* of training labels, when not 0: another number than rows */
  int64_t one_hot; /* labels as a matrix so wide, when not 0 */
  bool without_y;
  int64_t nan_row;   /* of a NaN in train/x, when not 0 */
  int64_t label_row; /* of a label CLASSES in train/y, when not 0 */
} spec_t;
void write_dataset(const char *path, spec_t spec);

#endif
