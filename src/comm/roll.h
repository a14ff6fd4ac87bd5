/* The roll call between nodes. A rank that has waited too long asks one rank of each other node, and then all
 * ranks of the nodes that have not answered. A rank that waits or works answers. A rank that is stuck or cut
 * off does not.
 *
 *     rank 0 on node 0          rank 1 on node 1          ranks 2 and 3 on node 2, cut off
 *     waited too long
 *        |------ question --------->|
 *        |------ question ------------------------------------> 2
 *        |<----- "I wait" ----------|
 *        |------ question ------------------------------------> 3
 *        ... a tenth of the timeout passes: node 2 does not answer
 *
 * An answer also says what the rank knows of the other ranks of its host (board.h). Answers may come late,
 * after the roll call: each carries the number of its question. Only for the thread that created the world.
 */
#ifndef COMM_ROLL_H
#define COMM_ROLL_H

#include "comm/board.h"
#include "comm/world_impl.h"

typedef struct {
  survey_t survey;    /* of this host */
  bool *answers;      /* (nodes): the nodes of which a rank has answered, the own one too; borrowed */
  bool works;         /* some rank on another node works, so waiting is right */
  bool found;         /* a rank on another node knows the stuck rank, and will report */
  bool has_completed; /* what the rank waits for has come meanwhile */
} roll_t;

/* A look at the ranks of the world on this host (board_survey), also before ranks know each other. */
survey_t roll_survey(const world_t *world, double patience);

/* Looks at the ranks of this host, and asks the other nodes. Ends after a tenth of the timeout, when all
 * nodes have answered, or when *request (NULL: none) is complete. roll->answers: false at first. */
void roll_call(world_t *world, MPI_Request *request, roll_t *roll);

/* Answers the questions that have come, also from ranks outside this part of the world. Returns whether there
 * was one and a rank of this host is stuck: then the asking rank counts on this one to report. works: the
 * rank does not wait but works. */
bool roll_answer(world_t *world, bool works);

/* Tells a rank of each other node that this rank reports which ranks are lost. A rank that gives up later,
 * when this rank has gone, would otherwise take this node for silent and report that. Waits for nothing. */
void roll_tell(world_t *world);

#endif
