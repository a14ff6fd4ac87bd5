/* What a process learns of another one of its host, which does not answer and may not run: from its page and
 * from the kernel. The other one is a child that follows the words of a pipe. */
#include "comm/board.h"

#include "base/clock.h"
#include "store/descriptors.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RANK = 3 };

typedef struct {
  pid_t process;
  int words, answers; /* pipes to the child and from it */
  peer_t peer;
} child_t;

static void act(char word) {
  if (word == 'a') activity_set("reading %s", "rows");
  if (word == 'b') activity_beat();
  if (word == 'w') activity_waits(clock_seconds());
  if (word == 'l') atomic_store(&activity_page()->lost, LOST);
  if (word == 'q') _exit(0);
}

static void follow(int words, int answers) {
  int page = activity_begin();
  atomic_store(&activity_page()->rank, RANK);
  for (char word; write(answers, &page, sizeof page) > 0 && read(words, &word, 1) == 1;) act(word);
  _exit(0);
}

static child_t begin(void) {
  int words[2], answers[2];
  cr_assert(pipe(words) == 0 && pipe(answers) == 0);
  child_t child = {.process = fork(), .words = words[1], .answers = answers[0]};
  if (child.process == 0) {
    close(words[1]); /* so that the pipe ends with the parent */
    follow(words[0], answers[1]);
  }
  activity_begin();
  child.peer = (peer_t){.process = (int)child.process, .rank = -1};
  cr_assert(read(child.answers, &child.peer.page, sizeof child.peer.page) > 0);
  cr_assert(child.peer.page >= 0);
  return child;
}

/* Returns when the child has done it. */
static void tell(child_t *child, char word) {
  int page = 0;
  cr_assert(write(child->words, &word, 1) == 1);
  cr_assert(word == 'q' || read(child->answers, &page, sizeof page) > 0);
}

static void end(child_t *child) {
  kill(child->process, SIGKILL);
  waitpid(child->process, NULL, 0);
}

static void pass(double seconds) {
  nanosleep(&(struct timespec){(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))}, NULL);
}

/* The state after a while, if 0.2 s without a move are too long. */
static peer_state_t state_of(const child_t *child) {
  return board_look(&child->peer, 0.2).state;
}

Test(board, tells_work_from_silence) {
  child_t child = begin();
  tell(&child, 'a');
  look_t look = board_look(&child.peer, 0.2);
  cr_expect_eq(look.state, PEER_WORKS);
  cr_expect_eq(look.rank, RANK);
  cr_expect_str_eq(look.text, "reading rows");
  pass(0.4);
  cr_expect_eq(state_of(&child), PEER_STUCK);
  tell(&child, 'b');
  cr_expect_eq(state_of(&child), PEER_WORKS, "a beat is a sign of work");
  look = board_look(&child.peer, 0.2);
  cr_expect_gt(look.lasted, 0.3, "a beat begins no activity");
  end(&child);
}

Test(board, a_rank_that_waits_is_not_stuck_until_it_has_moved) {
  child_t child = begin();
  pass(0.4);
  tell(&child, 'w');
  cr_expect_eq(state_of(&child), PEER_WAITS);
  pass(0.4);
  cr_expect_eq(state_of(&child), PEER_WAITS);
  tell(&child, 'b');
  pass(0.4);
  cr_expect_eq(state_of(&child), PEER_STUCK, "it went on, and does not wait any more");
  end(&child);
}

Test(board, the_kernel_knows_stopped_and_ended_processes) {
  child_t child = begin();
  tell(&child, 'w');
  kill(child.process, SIGSTOP);
  for (int i = 0; i < 100 && state_of(&child) != PEER_STOPPED; i++) pass(0.02);
  look_t look = board_look(&child.peer, 0.2);
  cr_expect_eq(look.state, PEER_STOPPED);
  char text[256];
  board_describe(&look, "n01", text, sizeof text);
  cr_expect(strstr(text, "rank 3 on n01 does not answer: process ") == text, "%s", text);
  cr_expect(strstr(text, "is stopped, it has been starting for 0 s") != NULL, "%s", text);
  kill(child.process, SIGCONT);
  for (int i = 0; i < 100 && state_of(&child) == PEER_STOPPED; i++) pass(0.02);
  cr_expect_eq(state_of(&child), PEER_WAITS);
  tell(&child, 'q');
  for (int i = 0; i < 100 && state_of(&child) != PEER_GONE; i++) pass(0.02);
  cr_expect_eq(state_of(&child), PEER_GONE, "before its parent has taken note");
  end(&child);
  cr_expect_eq(state_of(&child), PEER_GONE, "and after that");
}

Test(board, one_of_the_ranks_that_give_up_leads) {
  child_t child = begin();
  const peer_t peers[] = {child.peer, {(int)getpid(), -1, -1}, {0, -1, -1}};
  atomic_store(&activity_page()->rank, RANK + 1);
  survey_t survey = board_survey(peers, 3, 10);
  cr_expect(survey.works == 1 && survey.found == 0 && !survey.leads);
  atomic_store(&activity_page()->lost, LOST);
  cr_expect(board_survey(peers, 3, 10).leads, "it is the only one");
  tell(&child, 'l');
  cr_expect(!board_survey(peers, 3, 10).leads, "the other one has a lower rank");
  atomic_store(&activity_page()->rank, RANK - 1);
  cr_expect(board_survey(peers, 3, 10).leads);
  end(&child);
}

Test(board, finds_the_children_of_its_parent) {
  child_t child = begin();
  peer_t found[64];
  if (fork() == 0) { /* a second child: the first one is its sibling */
    int n = board_siblings(found, 64);
    for (int i = 0; i < n; i++)
      if (found[i].process == child.peer.process && found[i].page == child.peer.page) _exit(0);
    _exit(1);
  }
  int status = 0;
  while (wait(&status) == child.process) {
  }
  end(&child);
  cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(board, no_descriptor_stays_open) {
  char text[512];
  child_t child = begin();
  tell(&child, 'a');
  int before = open_descriptors();
  for (int i = 0; i < 3; i++) {
    look_t look = board_look(&child.peer, 60);
    board_describe(&look, "here", text, sizeof text);
    board_survey(&child.peer, 1, 60);
  }
  cr_assert_eq(open_descriptors(), before, "%d descriptors before, %d after", before, open_descriptors());
  end(&child);
}

/* This process works itself, and nobody else does. */
Test(board, a_survey_is_of_the_others) {
  child_t child = begin();
  const peer_t peers[] = {{.process = (int)getpid(), .page = activity_begin(), .rank = 0}, child.peer};
  activity_beat();
  tell(&child, 'w');
  survey_t survey = board_survey(peers, 2, 60);
  cr_assert(survey.waits == 1 && survey.works == 0, "%d wait, %d work", survey.waits, survey.works);
  end(&child);
}
