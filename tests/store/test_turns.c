/* Threads use stores at the same time, although HDF5 may not allow that: they take turns. */
#include "store/store.h"

#include <criterion/criterion.h>
#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, FILES = 30, ROWS = 700, COLUMNS = 40 };

static char directory[64];

typedef struct {
  int number;
  ls_status status;
  ls_error error;
} worker_t;

static ls_status write_one(const char *path, float first, ls_error *error) {
  static _Thread_local float values[ROWS * COLUMNS];
  const int64_t shape[] = {ROWS, COLUMNS};
  store_t *store = NULL;
  for (int i = 0; i < ROWS * COLUMNS; i++) values[i] = first + (float)i;
  TRY(store_create(path, &store, error));
  ls_status status = store_write_text(store, "/", "title", "a text", error);
  if (status == LS_OK) status = store_write(store, "group/values", STORE_F32, 2, shape, values, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

static ls_status read_one(const char *path, float first, ls_error *error) {
  static _Thread_local float values[ROWS * COLUMNS];
  store_t *store = NULL;
  TRY(store_open_whole(path, &store, error));
  ls_status status = store_has(store, "group/none")
                         ? error_set(error, LS_BAD_DATA, "%s holds something else", path)
                         : store_verify(store, error);
  if (status == LS_OK) status = store_read_rows(store, "group/values", 0, ROWS, STORE_F32, values, error);
  for (int i = 0; i < ROWS * COLUMNS && status == LS_OK; i++)
    if (values[i] != first + (float)i) status = error_set(error, LS_BAD_DATA, "%s: value %d", path, i);
  store_close(&store);
  return status;
}

static void *work(void *context) {
  worker_t *worker = context;
  for (int f = 0; f < FILES && worker->status == LS_OK; f++) {
    char path[128];
    float first = (float)(100 * worker->number + f);
    snprintf(path, sizeof path, "%s/file-%d-%d.h5", directory, worker->number, f);
    worker->status = write_one(path, first, &worker->error);
    if (worker->status == LS_OK) worker->status = read_one(path, first, &worker->error);
    store_t *none = NULL; /* errors of one thread are not those of another */
    if (worker->status == LS_OK && store_open("/nowhere/at/all.h5", &none, &worker->error) == LS_OK)
      worker->status = LS_FAILED;
  }
  return NULL;
}

Test(turns, threads_use_stores_at_the_same_time) {
  worker_t workers[THREADS];
  pthread_t threads[THREADS];
  char command[128];
  strcpy(directory, "/tmp/lockstep-store-XXXXXX");
  cr_assert_not_null(mkdtemp(directory));
  for (int t = 0; t < THREADS; t++) {
    workers[t] = (worker_t){.number = t};
    cr_assert_eq(pthread_create(&threads[t], NULL, work, &workers[t]), 0);
  }
  for (int t = 0; t < THREADS; t++) {
    pthread_join(threads[t], NULL);
    cr_expect_eq(workers[t].status, LS_OK, "%s", workers[t].error.message);
  }
  snprintf(command, sizeof command, "rm -rf %s", directory);
  cr_assert_eq(system(command), 0);
}

static int told;

static herr_t tell(hid_t stack, void *context) {
  (void)stack;
  told += *(int *)context;
  return 0;
}

/* A program that uses HDF5 itself is told of its own errors, and of none of lockstep's. */
Test(turns, leave_the_program_s_printing_of_errors) {
  H5E_auto2_t print = NULL;
  void *context = NULL;
  int one = 1;
  store_t *none = NULL;
  ls_error error = {0};
  H5Eset_auto2(H5E_DEFAULT, tell, &one);
  cr_assert_eq(store_open("/nowhere/at/all.h5", &none, &error), LS_BAD_DATA);
  cr_assert_not(store_is_hdf5("/nowhere/at/all.h5"));
  cr_assert_neq(store_create("/nowhere/at/all.h5", &none, &error), LS_OK);
  cr_assert_eq(told, 0);
  cr_assert(H5Fopen("/nowhere/at/all.h5", H5F_ACC_RDONLY, H5P_DEFAULT) < 0);
  cr_assert_eq(told, 1);
  H5Eget_auto2(H5E_DEFAULT, &print, &context);
  cr_assert(print == tell && context == &one);
}
