/* The update of a step that needs the whole gradient before any of it is applied: norm, clipping, and the
 * optimiser on the mean gradient that update_take has kept. */
#ifndef STEP_WHOLE_UPDATE_H
#define STEP_WHOLE_UPDATE_H

#include "step/step.h"

/* Updates this thread's range of every bucket. By all updaters, when all of the gradient is kept and
 * update_find_squares has been called for each range; may communicate. */
void update_whole(thread_t *thread);

#endif
