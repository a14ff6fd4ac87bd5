#include "step/exchange.h"

#include "base/activity.h"
#include "base/clock.h"
#include "step/waiting.h"

#include <limits.h>
#include <string.h>
#include <time.h>

enum {
  MOST_SENT = 3, /* most buckets being sent: one keeps the line busy, the others follow until the next poll */
  QUICK_LOOKS = 200, /* polls without a pause, because a message may arrive at once */
};
/* Pause between two polls while computing threads wait. The kernel's work on messages needs a core as well.
 */
static const double NAP_WAITED_FOR = 50e-6;

/* The exchange during one step. */
typedef struct {
  exchange_t *exchange;
  const exchange_step_t *step;
  bool waits; /* the whole gradient is needed and has not arrived yet */
  int sent;   /* buckets that are being sent */
  enum { UNSAID, SAID, HEARD } words;
  bool reader_failed; /* of some node; known after the words are heard */
  ls_error *error;
} course_t;

/* ---- messages ---- */

/* The gradients of a bucket have an odd tag, its parameters the next even tag. Tag 0 is for words. */
static int tag_of(size_t bucket, bool parameters) {
  return 1 + 2 * (int)bucket + parameters;
}

/* Receives are posted as soon as there is room, so no node delays another node's messages by being late.
 * Gradients: at the beginning of the step. */
static ls_status await_gradient(const course_t *c, size_t b) {
  const exchange_t *exchange = c->exchange;
  const plan_t *plan = exchange->plan;
  route_t *route = &exchange->routes[b];
  size_t floats = plan->buckets[b].own.count * GRAPH_BLOCK;
  float *to = route->received;
  for (int node = 0; node < plan->division.nodes && floats > 0; node++)
    for (int k = 0; k < exchange->node_subtrees[node] && node != exchange->node; k++, to += floats)
      TRY(transfer_receive(exchange->transfer, node, tag_of(b, false), to, floats, &route->gradients,
                           c->error));
  return LS_OK;
}

/* New parameters are received over the old ones. This is safe once this node's gradient is being sent,
 * because no node can compute new parameters without it, and this node has finished forward. */
static ls_status await_parameters(const course_t *c, size_t b) {
  const exchange_t *exchange = c->exchange;
  for (int node = 0; node < exchange->plan->division.nodes; node++) {
    block_range_t share = bucket_share(exchange->plan, b, exchange->lane, node);
    if (node == exchange->node || share.count == 0) continue;
    TRY(transfer_receive(exchange->transfer, node, tag_of(b, true),
                         exchange->parameters + share.first * GRAPH_BLOCK, share.count * GRAPH_BLOCK,
                         &exchange->routes[b].parameters, c->error));
  }
  return LS_OK;
}

static ls_status send_gradient(const course_t *c, size_t b) {
  const exchange_t *exchange = c->exchange;
  route_t *route = &exchange->routes[b];
  if (!c->step->keep) TRY(await_parameters(c, b));
  for (int node = 0; node < exchange->plan->division.nodes; node++) {
    block_range_t share = bucket_share(exchange->plan, b, exchange->lane, node);
    if (node == exchange->node || share.count == 0) continue;
    for (int k = 0; k < exchange->own_subtrees; k++)
      TRY(transfer_send(exchange->transfer, node, tag_of(b, false),
                        route->sums[k] + (share.first - route->lane.first) * GRAPH_BLOCK,
                        share.count * GRAPH_BLOCK, &route->sending, c->error));
  }
  return LS_OK;
}

static ls_status send_parameters(const course_t *c, size_t b) {
  const exchange_t *exchange = c->exchange;
  block_range_t own = exchange->plan->buckets[b].own;
  for (int node = 0; node < exchange->plan->division.nodes && own.count > 0; node++) {
    if (node == exchange->node) continue;
    TRY(transfer_send(exchange->transfer, node, tag_of(b, true),
                      exchange->parameters + own.first * GRAPH_BLOCK, own.count * GRAPH_BLOCK,
                      &exchange->routes[b].sending, c->error));
  }
  return LS_OK;
}

/* ---- a bucket's way ---- */

static bool is_folded(const course_t *c, size_t b) {
  return atomic_load_explicit(&c->exchange->progress[b].folded, memory_order_acquire) >=
         (c->step->tick + 1) * c->exchange->routes[b].tiles;
}

/* Whether deltas have passed through these layers, so that the old transposed copies are no longer needed.
 */
static bool copies_are_free(const course_t *c, const route_t *route) {
  if (route->stage == 0) return true;
  return atomic_load_explicit(&c->exchange->progress[route->stage - 1].handed, memory_order_acquire) >=
         (c->step->tick + 1) * c->exchange->ranks;
}

/* Adds up those subtrees of this node that are sums over several ranks. */
static void make_sums(const course_t *c, const route_t *route) {
  const exchange_t *exchange = c->exchange;
  float *to = route->made;
  for (int k = 0; k < exchange->own_subtrees; k++) {
    if (exchange->own[k].length == 1) continue;
    for (size_t i = 0; i < route->lane.count; i++, to += GRAPH_BLOCK)
      memcpy(to, tree_plan_add_block(&exchange->own[k], route->lane.first + i, c->step->stack),
             GRAPH_BLOCK * sizeof *to);
  }
}

static void arrive(const course_t *c, size_t b) {
  c->exchange->routes[b].way = ARRIVED;
  atomic_fetch_add_explicit(&c->exchange->progress[b].arrived, 1, memory_order_release);
}

/* Moves the bucket to `way` when its own messages are sent and those of other nodes have arrived. Another
 * bucket may be sent as soon as this one's own messages are sent. If it had to wait for the others' messages,
 * nodes could block each other, because they send buckets in different orders. */
static void receive_bucket(course_t *c, route_t *route, int coming, way_t way) {
  if (route->leaves && route->sending == 0) {
    route->leaves = false;
    c->sent--;
  }
  if (!route->leaves && coming == 0) route->way = way;
}

/* Moves a bucket through as many states as possible without sending anything. Sets *moved if its state
 * changes. */
static void advance(course_t *c, size_t b, bool *moved) {
  route_t *route = &c->exchange->routes[b];
  const way_t before = route->way;
  if (route->way == FOLDING && is_folded(c, b)) {
    make_sums(c, route);
    route->way = GRADIENT_READY;
  }
  if (route->way == GRADIENT_SENT) receive_bucket(c, route, route->gradients, GRADIENT_HERE);
  if (route->way == GRADIENT_HERE) {
    c->step->update(c->step->context, b);
    route->way = PARAMETERS_READY;
  }
  if (route->way == PARAMETERS_SENT) receive_bucket(c, route, route->parameters, PARAMETERS_HERE);
  if (route->way == PARAMETERS_HERE && copies_are_free(c, route)) {
    c->step->renew_copies(c->step->context, route->lane);
    route->way = COPIED;
  }
  /* The next step begins with the first bucket. It must not begin if a reader has failed on any node. */
  if (route->way == COPIED && (b > 0 || (c->words == HEARD && !c->reader_failed))) arrive(c, b);
  *moved = *moved || route->way != before;
}

static ls_status send_bucket(course_t *c, size_t b, ls_status (*send)(const course_t *c, size_t b), way_t way,
                             bool *moved) {
  route_t *route = &c->exchange->routes[b];
  TRY(send(c, b));
  c->sent++;
  route->leaves = true;
  route->way = way;
  *moved = true;
  return LS_OK;
}

/* Starts to send ready buckets, a few at a time, in the order in which the next step needs them. The first
 * bucket is always sent, because it is small and the next step cannot begin without it. */
static ls_status send_ready(course_t *c, bool *moved) {
  for (size_t b = 0; b < c->exchange->plan->n_buckets && (b == 0 || c->sent < MOST_SENT); b++) {
    way_t way = c->exchange->routes[b].way;
    if (way == GRADIENT_READY) TRY(send_bucket(c, b, send_gradient, GRADIENT_SENT, moved));
    if (way == PARAMETERS_READY && !c->waits) TRY(send_bucket(c, b, send_parameters, PARAMETERS_SENT, moved));
  }
  return LS_OK;
}

/* ---- words ---- */

/* The words that a node can say in a step: any of these bits. */
enum { HALT_WANTED = 1, LOSS_IS_BAD = 2, HAS_FAILED = 4 };

static int own_word(const course_t *c) {
  const signals_t *signals = c->exchange->signals;
  const long number = c->step->tick + 1;
  return (atomic_load(&signals->reader_failed) != 0 ? HAS_FAILED : 0) |
         (atomic_load(&signals->halt_wanted) == number ? HALT_WANTED : 0) |
         (atomic_load(&signals->bad_loss) == number ? LOSS_IS_BAD : 0);
}

static ls_status say_words(course_t *c) {
  exchange_t *exchange = c->exchange;
  const int own = exchange->node;
  exchange->words[own] = (float)own_word(c);
  for (int node = 0; node < exchange->plan->division.nodes; node++) {
    if (node == own) continue;
    TRY(transfer_send(exchange->transfer, node, 0, &exchange->words[own], 1, &exchange->open_words,
                      c->error));
    TRY(transfer_receive(exchange->transfer, node, 0, &exchange->words[node], 1, &exchange->open_words,
                         c->error));
  }
  c->words = SAID;
  return LS_OK;
}

/* In every step, each node tells the others whether a reader has failed, a loss is not finite, or a rank asks
 * for the end of the run. All ranks inform their node before they fold anything, so the words are known when
 * the first bucket is ready, and are sent with it. The next step begins only after the first bucket has
 * arrived, so its threads know all words. */
static ls_status exchange_words(course_t *c) {
  const exchange_t *exchange = c->exchange;
  int word = 0;
  if (c->words == UNSAID && exchange->routes[0].way != FOLDING) TRY(say_words(c));
  if (c->words != SAID || exchange->open_words > 0) return LS_OK;
  for (int node = 0; node < exchange->plan->division.nodes; node++) word |= (int)exchange->words[node];
  c->reader_failed = (word & HAS_FAILED) != 0;
  if ((word & LOSS_IS_BAD) != 0) atomic_store(&exchange->signals->bad_loss, c->step->tick + 1);
  if ((word & HALT_WANTED) != 0) atomic_store(&exchange->signals->halt_known, c->step->tick + 1);
  c->words = HEARD;
  return LS_OK;
}

/* ---- the step ---- */

/* Yields the core to other threads, for a shorter time while they wait for this one. */
static void rest(const course_t *c, int looks) {
  bool waited_for = atomic_load_explicit(c->exchange->waiting, memory_order_relaxed) > 0;
  if (waited_for && looks < QUICK_LOOKS) return;
  nanosleep(&(struct timespec){0, (long)(1e9 * (waited_for ? NAP_WAITED_FOR : c->step->nap))}, NULL);
}

/* Whether all buckets have reached `way`. After a reader failed, the first bucket stops at COPIED. */
static bool is_over(const course_t *c, way_t way) {
  const route_t *routes = c->exchange->routes;
  if (c->words != HEARD) return false;
  for (size_t b = 1; b < c->exchange->plan->n_buckets; b++)
    if (routes[b].way != way) return false;
  return routes[0].way == way || (c->reader_failed && routes[0].way == COPIED);
}

/* Polls until all buckets have reached `way`. The time limit counts only while this rank depends on other
 * ranks, that is, not while it computes and sends nothing. */
static ls_status go_on_to(course_t *c, way_t way) {
  exchange_t *exchange = c->exchange;
  waited_t time = {0};
  for (int looks = 0; !is_over(c, way); looks += looks < INT_MAX / 2) {
    bool moved = false;
    TRY(transfer_look(exchange->transfer, &moved, c->error));
    for (size_t b = 0; b < exchange->plan->n_buckets; b++) advance(c, b, &moved);
    TRY(send_ready(c, &moved));
    TRY(exchange_words(c));
    if (moved) looks = 0;
    bool depends = c->sent > 0 || atomic_load(exchange->waiting) > 0;
    if (moved || !depends) time = (waited_t){0};
    if (moved) continue;
    if (atomic_load(exchange->failed) == EXCHANGE_FAILED) return LS_COMM;
    rest(c, looks);
    if (c->step->limit <= 0 || !depends) continue;
    double now = clock_seconds();
    activity_waits(now);
    if (waited(&time, now) > c->step->limit)
      return c->step->give_up(c->step->context, "the exchange between nodes does not go on");
  }
  return LS_OK;
}

static ls_status run_course(course_t *c) {
  exchange_t *exchange = c->exchange;
  const exchange_step_t *step = c->step;
  for (size_t b = 0; b < exchange->plan->n_buckets; b++) {
    exchange->routes[b].way = FOLDING;
    TRY(await_gradient(c, b));
  }
  if (!c->waits) return go_on_to(c, ARRIVED);
  TRY(go_on_to(c, PARAMETERS_READY));
  if (c->reader_failed) return LS_OK;
  for (size_t b = 0; b < exchange->plan->n_buckets && step->keep; b++) arrive(c, b);
  if (step->keep) return LS_OK;
  if (!step->update_whole(step->context)) return LS_COMM;
  c->waits = false;
  return go_on_to(c, ARRIVED);
}

ls_status exchange_run(exchange_t *exchange, const exchange_step_t *step, bool *reader_failed,
                       ls_error *error) {
  course_t course = {.exchange = exchange, .step = step, .waits = step->waits, .error = error};
  ls_status status = run_course(&course);
  *reader_failed = course.reader_failed;
  return status;
}
