/* One thread at a time uses HDF5. Few builds of the library allow more, and this room cannot know which build
 * it was given. A training has several threads with files: the one that runs the steps, the one that saves a
 * checkpoint meanwhile, and readers of streamed data. So every function of the room that calls HDF5 takes a
 * turn first. A thread that has the turn may take it again; turns are given in the order in which threads
 * ask. Work on a large array offers its turn to others after each piece.
 *
 * While a thread has the turn, HDF5 prints no errors; before and after, it does what the program has told it
 * to do, because a program that calls lockstep as a library may use HDF5 itself. */
#include "store/store_impl.h"

#include <pthread.h>

static struct {
  pthread_mutex_t mutex; /* guards what follows; never held while HDF5 reads or writes */
  pthread_cond_t freed;
  pthread_t owner;
  int depth;          /* how many times the owner has taken the turn; 0: no thread has it */
  uint64_t next, now; /* the number of the next thread to ask, and the one whose turn it is */
  bool alone;         /* a child process with a single thread */
  printer_t printer;  /* of the owner: what HDF5 does with errors outside of this room */
} turn = {.mutex = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER};

/* Both with the mutex held. */
static void wait_for_turn(int depth) {
  uint64_t number = turn.next++;
  while (turn.now != number) pthread_cond_wait(&turn.freed, &turn.mutex);
  turn.owner = pthread_self();
  turn.depth = depth;
  turn.printer = hdf5_silence();
}

static void pass_on(void) {
  hdf5_restore(turn.printer);
  turn.depth = 0;
  turn.now++;
  pthread_cond_broadcast(&turn.freed);
}

bool turn_take(void) {
  if (turn.alone) return true;
  pthread_mutex_lock(&turn.mutex);
  if (turn.depth > 0 && pthread_equal(turn.owner, pthread_self()))
    turn.depth++;
  else
    wait_for_turn(1);
  pthread_mutex_unlock(&turn.mutex);
  return true;
}

void turn_give(const bool *taken) {
  (void)taken;
  if (turn.alone) return;
  pthread_mutex_lock(&turn.mutex);
  if (turn.depth > 1)
    turn.depth--;
  else
    pass_on();
  pthread_mutex_unlock(&turn.mutex);
}

void turn_offer(void) {
  if (turn.alone) return;
  pthread_mutex_lock(&turn.mutex);
  int depth = turn.depth;
  if (turn.next - turn.now > 1) {
    pass_on();
    wait_for_turn(depth);
  }
  pthread_mutex_unlock(&turn.mutex);
}

void turn_be_alone(void) {
  turn.alone = true;
}
