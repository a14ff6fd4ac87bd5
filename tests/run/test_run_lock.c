/* One owner per run: who gets a lock, and what becomes of the locks of the dead. */
#include "train/fixture.h"
#include "run/run_lock.h"
#include "base/owner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

TestSuite(run_lock, .init = place_make, .fini = place_remove, .timeout = 60);

static const log_t silent = {.out = NULL};

static ls_status take(double patience, run_lock_t **out, ls_error *error) {
  return run_lock_take("runs/a", patience, &silent, out, error);
}

static void expect_taken(void) {
  run_lock_t *lock = NULL;
  OK(take(1, &lock, error));
  OK(run_lock_check(lock, error));
  run_lock_release(&lock);
  cr_expect_neq(access("runs/.a.lock", F_OK), 0);
}

static void expect_refused(const char *part) {
  run_lock_t *lock = NULL;
  ls_error error = {0};
  cr_expect_eq(take(1, &lock, &error), LS_FAILED, "taken");
  cr_expect_null(lock);
  cr_expect_not_null(strstr(error.message, part), "no '%s' in: %s", part, error.message);
}

/* A lock of this owner that was renewed so many seconds ago. */
static void put_lock(const owner_t *owner, time_t age) {
  char text[OWNER_TEXT_SIZE];
  owner_text(owner, text);
  mkdir("runs", 0777);
  FILE *file = fopen("runs/.a.lock", "w");
  cr_assert_not_null(file);
  fputs(text, file);
  fclose(file);
  struct timespec then[2] = {{time(NULL) - age, 0}, {time(NULL) - age, 0}};
  cr_assert_eq(utimensat(AT_FDCWD, "runs/.a.lock", then, 0), 0);
}

static owner_t elsewhere(void) {
  owner_t owner = owner_self();
  strcpy(owner.id, "0123456789abcdef");
  strcpy(owner.host, "node99");
  strcpy(owner.machine, "another/boot");
  return owner;
}

Test(run_lock, has_one_owner_and_leaves_nothing) {
  run_lock_t *lock = NULL;
  OK(take(1, &lock, error));
  char expected[256];
  owner_t self = owner_self();
  snprintf(expected, sizeof expected, "runs/a belongs to process %d on %s, which is running", (int)getpid(),
           self.host);
  expect_refused(expected);
  OK(run_lock_check(lock, error));
  run_lock_release(&lock);
  cr_expect_neq(access("runs", F_OK), 0, "the directory was made for the lock alone");
  expect_taken();
}

Test(run_lock, owner_and_job_are_told) {
  owner_t owner = elsewhere(), back;
  strcpy(owner.job, "4711");
  owner.restart = 2;
  put_lock(&owner, 0);
  cr_assert(owner_read("runs/.a.lock", &back));
  cr_expect(strcmp(back.id, owner.id) == 0 && strcmp(back.host, "node99") == 0 &&
            strcmp(back.machine, owner.machine) == 0 && strcmp(back.job, "4711") == 0);
  cr_expect(back.process == owner.process && back.started == owner.started && back.restart == 2);
  expect_refused("on node99 (job 4711), and whether that is still running is not known yet");
}

Test(run_lock, of_a_dead_process_is_taken_over) {
  pid_t child = fork();
  if (child == 0) {
    run_lock_t *lock = NULL;
    _exit(take(1, &lock, NULL) == LS_OK ? 7 : 1);
  }
  int status = 0;
  while (access("runs/.a.lock", F_OK) != 0) usleep(1000);
  usleep(100000);
  expect_taken(); /* a zombie is dead */
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_expect_eq(WEXITSTATUS(status), 7);
}

Test(run_lock, of_an_earlier_process_with_our_number_is_taken_over) {
  owner_t owner = owner_self();
  owner.started--;
  put_lock(&owner, 0);
  expect_taken();
}

Test(run_lock, of_another_host_is_taken_over_once_it_is_old) {
  owner_t owner = elsewhere();
  put_lock(&owner, RUN_LOCK_DEAD_SECONDS - 10);
  expect_refused("process");
  put_lock(&owner, RUN_LOCK_DEAD_SECONDS + 1);
  expect_taken();
}

Test(run_lock, that_is_renewed_elsewhere_is_alive) {
  owner_t owner = elsewhere();
  put_lock(&owner, 20);
  pid_t child = fork();
  if (child == 0) {
    usleep(300000);
    utimensat(AT_FDCWD, "runs/.a.lock", NULL, 0);
    _exit(0);
  }
  run_lock_t *lock = NULL;
  ls_error error = {0};
  cr_expect_eq(take(30, &lock, &error), LS_FAILED);
  cr_expect_not_null(strstr(error.message, "on node99, which is running"), "%s", error.message);
  waitpid(child, NULL, 0);
}

/* The sign of life itself: the lock of a waiting process grows younger. */
Test(run_lock, is_renewed_by_its_owner) {
  struct stat before, after;
  run_lock_t *lock = NULL;
  OK(take(1, &lock, error));
  cr_assert_eq(stat("runs/.a.lock", &before), 0);
  sleep(RUN_LOCK_RENEW_SECONDS + 1);
  cr_assert_eq(stat("runs/.a.lock", &after), 0);
  cr_expect_geq(after.st_mtim.tv_sec, before.st_mtim.tv_sec + RUN_LOCK_RENEW_SECONDS - 1);
  run_lock_release(&lock);
}

Test(run_lock, of_the_same_job_before_a_restart_is_taken_over) {
  owner_t owner = elsewhere();
  strcpy(owner.job, "4711");
  put_lock(&owner, 0);
  setenv("SLURM_JOB_ID", "4711", 1);
  expect_refused("job 4711");
  setenv("SLURM_RESTART_COUNT", "1", 1);
  expect_taken();
}

Test(run_lock, that_was_lost_is_noticed) {
  run_lock_t *lock = NULL;
  owner_t owner = elsewhere();
  OK(take(1, &lock, error));
  put_lock(&owner, 0);
  ls_error error = {0};
  cr_expect_eq(run_lock_check(lock, &error), LS_FAILED);
  cr_expect_not_null(strstr(error.message, "was taken over by process"), "%s", error.message);
  run_lock_release(&lock);
  cr_expect_eq(access("runs/.a.lock", F_OK), 0, "the lock of another is removed");
}

/* All find the same dead owner at the same moment; the winner keeps the lock until all are done. */
Test(run_lock, of_a_dead_process_goes_to_one_of_many) {
  enum { PROCESSES = 8, ROUNDS = 25 };
  for (int round = 0; round < ROUNDS; round++) {
    owner_t owner = owner_self();
    owner.started--;
    put_lock(&owner, 0);
    int ready[2], done[2];
    char byte = 0;
    cr_assert(pipe(ready) == 0 && pipe(done) == 0);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
      children[i] = fork();
      if (children[i] > 0) continue;
      run_lock_t *lock = NULL;
      close(ready[1]);
      while (read(ready[0], &byte, 1) > 0) continue; /* all begin when the parent closes its end */
      bool won = run_lock_take("runs/a", 1, &silent, &lock, NULL) == LS_OK;
      pid_t verdict = won ? getpid() : 0;
      (void)!write(done[1], &verdict, sizeof verdict);
      while (won) pause();
      _exit(0);
    }
    close(ready[0]);
    close(ready[1]);
    int winners = 0;
    pid_t winner = 0;
    for (int i = 0; i < PROCESSES; i++) {
      pid_t verdict = 0;
      cr_assert_eq(read(done[0], &verdict, sizeof verdict), (ssize_t)sizeof verdict);
      if (verdict != 0) winner = verdict;
      winners += verdict != 0;
    }
    close(done[0]);
    close(done[1]);
    owner_t now = {.process = 0};
    cr_expect(owner_read("runs/.a.lock", &now) && now.process == winner, "the lock does not name the winner");
    for (int i = 0; i < PROCESSES; i++) {
      kill(children[i], SIGKILL);
      waitpid(children[i], NULL, 0);
    }
    cr_expect_eq(winners, 1, "round %d: %d processes own the run", round, winners);
  }
}
