#include "comm/roll.h"

#include "base/clock.h"
#include "comm/idle.h"

#include <limits.h>
#include <stdlib.h>

enum { MOST_SIBLINGS = 4096, ROLL_TAG = 1, ON_THEIR_WAY = 1024 };

typedef struct {
  int round;                /* of the asking rank */
  int is_question, is_news; /* news: the sender reports that ranks are lost */
  int found, works;         /* of an answer */
} roll_message_t;

survey_t roll_survey(const world_t *world, double patience) {
  if (world->peers != NULL) return board_survey(world->peers, world->size, patience);
  peer_t *siblings = calloc(MOST_SIBLINGS, sizeof *siblings);
  int n = siblings == NULL ? 0 : board_siblings(siblings, MOST_SIBLINGS);
  survey_t survey = board_survey(siblings, n, patience);
  free(siblings);
  return survey;
}

/* News goes on the page, for the ranks of this host. */
static bool receive(world_t *world, roll_message_t *message, int *from) {
  int there = 0;
  MPI_Status status;
  if (MPI_Iprobe(MPI_ANY_SOURCE, ROLL_TAG, world->all, &there, &status) != MPI_SUCCESS || !there)
    return false;
  *from = status.MPI_SOURCE;
  if (MPI_Recv(message, sizeof *message, MPI_BYTE, *from, ROLL_TAG, world->all, MPI_STATUS_IGNORE) !=
      MPI_SUCCESS)
    return false;
  if (message->is_news) atomic_store(&activity_page()->told, true);
  return true;
}

/* The message stays where it is until it has been sent, which this does not wait for: the receiver may be cut
 * off. A node that cannot be reached does not answer, so a failure needs no handling. */
static void send(world_t *world, int rank, roll_message_t message) {
  static roll_message_t sent[ON_THEIR_WAY];
  static unsigned next;
  MPI_Request request;
  roll_message_t *at = &sent[next++ % ON_THEIR_WAY];
  *at = message;
  if (MPI_Isend(at, sizeof *at, MPI_BYTE, rank, ROLL_TAG, world->all, &request) == MPI_SUCCESS)
    MPI_Request_free(&request);
}

static bool can_send(const world_t *world) {
  return world->node_of != NULL && world->all != MPI_COMM_NULL && !world->lost;
}

static bool has_nodes(const world_t *world) {
  return world->nodes > 1 && can_send(world);
}

static bool answer(world_t *world, bool works) {
  roll_message_t message;
  int from = 0;
  bool found = false;
  while (can_send(world) && receive(world, &message, &from)) {
    if (!message.is_question) continue; /* news, or the answer to an earlier question */
    survey_t survey = {.works = 1};
    if (!works) survey = roll_survey(world, world_patience(world));
    found |= survey.found > 0;
    send(world, from,
         (roll_message_t){.round = message.round, .found = survey.found > 0, .works = survey.works > 0});
  }
  return found;
}

bool roll_answer(world_t *world, bool works) {
  bool found = false;
  for (; world != NULL; world = world->whole) found |= answer(world, works);
  return found;
}

/* Takes what has come. Returns how many nodes have answered for the first time. */
static int listen(world_t *world, int round, roll_t *roll) {
  roll_message_t message;
  int from = 0, n = 0;
  const survey_t *survey = &roll->survey;
  while (receive(world, &message, &from)) {
    if (message.is_question) { /* a rank that asks is alive */
      send(world, from,
           (roll_message_t){.round = message.round, .found = survey->found > 0, .works = survey->works > 0});
    } else if (message.round == round && !message.is_news) {
      roll->works |= message.works != 0;
      roll->found |= message.found != 0;
      bool *answer = &roll->answers[world->node_of[from]];
      n += !*answer;
      *answer = true;
    }
  }
  return n;
}

static bool is_complete(MPI_Request *request) {
  int done = 0;
  return request != NULL && MPI_Test(request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done;
}

/* Whether this rank asks rank r first: r is the one at its place of another node, or the node's last one. */
static bool is_asked_first(const world_t *world, int r) {
  int place = 0;
  for (int q = r; q > 0 && world->node_of[q - 1] == world->node_of[r]; q--) place++;
  bool is_last = r + 1 == world->size || world->node_of[r + 1] != world->node_of[r];
  return place == world->place || (place < world->place && is_last);
}

void roll_tell(world_t *world) {
  while (world->whole != NULL) world = world->whole;
  if (!can_send(world)) return;
  for (int r = 0; r < world->size; r++) {
    bool is_near = world->node_of[r] == world->node_index;
    if (r != world->rank && (is_near || is_asked_first(world, r)))
      send(world, r, (roll_message_t){.is_news = 1});
  }
}

/* Asks the ranks of the nodes that have not answered: one of each, or all others. */
static void ask(world_t *world, int round, bool first, const roll_t *roll) {
  for (int r = 0; r < world->size; r++)
    if (!roll->answers[world->node_of[r]] && is_asked_first(world, r) == first)
      send(world, r, (roll_message_t){.round = round, .is_question = 1});
}

void roll_call(world_t *world, MPI_Request *request, roll_t *roll) {
  static int round;
  roll->survey = roll_survey(world, world_patience(world));
  roll->answers[world->node_index] = true;
  roll->has_completed = is_complete(request);
  if (!has_nodes(world)) return;
  int missing = world->nodes - 1;
  bool asked_all = false;
  ask(world, ++round, true, roll);
  double part = world_part_of_timeout(world), began = clock_seconds(), now;
  for (int tries = 0; missing > 0 && !roll->has_completed && (now = clock_seconds()) < began + part;
       tries += tries < INT_MAX / 2) {
    activity_waits(now);
    missing -= listen(world, round, roll);
    roll->has_completed = is_complete(request);
    idle(NULL, tries);
    if (asked_all || now < began + part / 2) continue;
    ask(world, round, false, roll);
    asked_all = true;
  }
}
