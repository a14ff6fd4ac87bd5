/* The exchange between nodes, by a thread of its own for each lane: MPI libraries make progress only while
 * they are asked for it, so somebody must ask while the others compute.
 *
 * Every bucket goes its own way, as fast as it can: when all ranks of the node have folded it, the node's
 * subtrees of each other node's slice are sent there; when those of the own slice have come from all nodes,
 * it is added up in the order of the tree and updated; and the new parameters are sent to all. It is an
 * all-to-all and an allgather, cut into buckets, with the update in between. Where the update needs the whole
 * gradient (clipping, norms, layer-wise optimisers), parameters go round when all gradients have come.
 *
 * Nothing of that waits for backward: who has folded a bucket has gone forward through its weights, and
 * deltas are handed on through the transposed copies. Those alone are kept until no delta has to pass through
 * the old ones any more, and only then does the bucket count as arrived.
 *
 * Few buckets are sent at a time, those first that the next step needs first: what has been begun cannot be
 * overtaken. */
#include "base/clock.h"
#include "step/exchange_impl.h"

#include <limits.h>
#include <math.h>
#include <string.h>
#include <time.h>

enum {
  MOST_SENT = 3,     /* buckets under way: one that the network is busy with, and what follows until a look */
  QUICK_LOOKS = 200, /* before it naps: what is waited for may be there at once */
};
/* Between two looks. While this thread is waited for: the kernel's work on messages needs a core as well.
 * While others compute, whose core it may share, and whose caches: half of what a bucket takes, since before
 * nothing is to be expected. */
static const double NAP_WAITED_FOR = 50e-6, LEAST_NAP = 300e-6, LONGEST_NAP = 1e-3;

/* ---- a bucket's way ---- */

/* A step of the exchange, as its functions see it. */
typedef struct {
  engine_t *engine;
  worker_t *worker;
  const step_t *step;
  optimizer_step_t update;
  long tick;
  bool waits; /* the whole gradient is needed before any of it is applied */
  int sent;   /* buckets that are being sent */
  enum { UNSAID, SAID, HEARD } words;
  bool failed; /* some rank's reader, as is known when words are heard */
  ls_error *error;
} course_t;

/* Messages of a bucket: gradients under an odd tag, parameters under the even one behind; 0 is for words. */
static int tag_of(size_t bucket, bool parameters) {
  return 1 + 2 * (int)bucket + parameters;
}

/* What other nodes send is awaited as early as there is room for it: then it comes when they have it, and
 * none of them is kept from sending something else because this node is late. Gradients from the beginning of
 * the step; parameters, in the place of the old ones, when this node's gradient leaves, without which nobody
 * has new ones. */
static ls_status await_gradient(const course_t *c, size_t b) {
  const engine_t *engine = c->engine;
  route_t *route = &engine->exchange->routes[b];
  size_t floats = engine->buckets[b].own.count * GRAPH_BLOCK;
  float *to = route->received;
  for (int node = 0; node < engine->nodes && floats > 0; node++)
    for (int k = 0; k < engine->exchange->node_pieces[node] && node != world_node(engine->in.world);
         k++, to += floats)
      TRY(transfer_receive(engine->exchange->transfer, node, tag_of(b, false), to, floats, &route->gradients,
                           c->error));
  return LS_OK;
}

static ls_status await_parameters(const course_t *c, size_t b) {
  const engine_t *engine = c->engine;
  route_t *route = &engine->exchange->routes[b];
  for (int node = 0; node < engine->nodes; node++) {
    slice_t slice = bucket_slice(engine, b, world_place(engine->in.world), node);
    if (node == world_node(engine->in.world) || slice.count == 0) continue;
    TRY(transfer_receive(engine->exchange->transfer, node, tag_of(b, true),
                         engine->parameters + slice.first * GRAPH_BLOCK, slice.count * GRAPH_BLOCK,
                         &route->parameters, c->error));
  }
  return LS_OK;
}

/* Those of this node's subtrees that several ranks make up. */
static void make_pieces(const course_t *c, const route_t *route) {
  const exchange_t *exchange = c->engine->exchange;
  float *to = route->made;
  for (int k = 0; k < exchange->own_pieces; k++) {
    if (exchange->own[k].length == 1) continue;
    for (size_t i = 0; i < route->lane.count; i++, to += GRAPH_BLOCK)
      memcpy(to, sum_block(&exchange->own[k], route->lane.first + i, c->worker->stack),
             GRAPH_BLOCK * sizeof *to);
  }
}

static ls_status send_gradient(const course_t *c, size_t b) {
  const engine_t *engine = c->engine;
  route_t *route = &engine->exchange->routes[b];
  if (!c->step->keep) TRY(await_parameters(c, b));
  for (int node = 0; node < engine->nodes; node++) {
    slice_t slice = bucket_slice(engine, b, world_place(engine->in.world), node);
    if (node == world_node(engine->in.world) || slice.count == 0) continue;
    for (int k = 0; k < engine->exchange->own_pieces; k++)
      TRY(transfer_send(engine->exchange->transfer, node, tag_of(b, false),
                        route->pieces[k] + (slice.first - route->lane.first) * GRAPH_BLOCK,
                        slice.count * GRAPH_BLOCK, &route->sending, c->error));
  }
  return LS_OK;
}

static ls_status send_parameters(const course_t *c, size_t b) {
  const engine_t *engine = c->engine;
  slice_t own = engine->buckets[b].own;
  for (int node = 0; node < engine->nodes && own.count > 0; node++) {
    if (node == world_node(engine->in.world)) continue;
    TRY(transfer_send(engine->exchange->transfer, node, tag_of(b, true),
                      engine->parameters + own.first * GRAPH_BLOCK, own.count * GRAPH_BLOCK,
                      &engine->exchange->routes[b].sending, c->error));
  }
  return LS_OK;
}

/* Whether all ranks of the node have folded it. */
static bool is_folded(const course_t *c, size_t b) {
  return atomic_load_explicit(&c->engine->progress[b].folded, memory_order_acquire) >=
         (c->tick + 1) * c->engine->exchange->routes[b].tiles;
}

/* Whether the old transposed copies are needed no more: deltas have been handed on through the layers. */
static bool is_free(const course_t *c, const route_t *route) {
  if (route->stage == 0) return true;
  return atomic_load_explicit(&c->engine->progress[route->stage - 1].handed, memory_order_acquire) >=
         (c->tick + 1) * world_places(c->engine->in.world);
}

static void arrive(const course_t *c, size_t b) {
  c->engine->exchange->routes[b].way = ARRIVED;
  atomic_fetch_add_explicit(&c->engine->progress[b].arrived, 1, memory_order_release);
}

/* The own slice of a bucket whose gradient has come. */
static void use_gradient(const course_t *c, size_t b) {
  const sum_t *total = &c->engine->exchange->routes[b].total;
  const bucket_t *bucket = &c->engine->buckets[b];
  if (c->waits)
    keep_gradient(c->engine, c->worker, bucket, c->step, total, 0);
  else
    update_bucket(c->engine, c->worker, bucket, c->step, &c->update, total, 0);
}

/* Goes on to `way` when what was sent has left and what other nodes send has come. Only the former makes room
 * to send more: nodes have orders of their own, and would else wait for each other. */
static void receive_bucket(course_t *c, route_t *route, int coming, way_t way) {
  if (route->leaves && route->sending == 0) {
    route->leaves = false;
    c->sent--;
  }
  if (!route->leaves && coming == 0) route->way = way;
}

/* Goes on with a bucket as far as that is possible without sending anything; sets *moved when it was. */
static void advance(course_t *c, size_t b, bool *moved) {
  engine_t *engine = c->engine;
  route_t *route = &engine->exchange->routes[b];
  const way_t before = route->way;
  if (route->way == FOLDING && is_folded(c, b)) {
    make_pieces(c, route);
    route->way = GRADIENT_READY;
  }
  if (route->way == GRADIENT_SENT) receive_bucket(c, route, route->gradients, GRADIENT_HERE);
  if (route->way == GRADIENT_HERE) {
    use_gradient(c, b);
    route->way = PARAMETERS_READY;
  }
  if (route->way == PARAMETERS_SENT) receive_bucket(c, route, route->parameters, PARAMETERS_HERE);
  if (route->way == PARAMETERS_HERE && is_free(c, route)) {
    graph_transpose(engine->in.graph, engine->parameters, route->lane.first * GRAPH_BLOCK,
                    route->lane.count * GRAPH_BLOCK);
    route->way = COPIED;
  }
  /* the next step begins with the first bucket: it begins nowhere when a reader has failed anywhere */
  if (route->way == COPIED && (b > 0 || (c->words == HEARD && !c->failed))) arrive(c, b);
  *moved = *moved || route->way != before;
}

static ls_status send_bucket(course_t *c, size_t b, ls_status (*send)(const course_t *c, size_t b), way_t way,
                             bool *moved) {
  route_t *route = &c->engine->exchange->routes[b];
  TRY(send(c, b));
  c->sent++;
  route->leaves = true;
  route->way = way;
  *moved = true;
  return LS_OK;
}

/* Begins to send what is ready, in the order in which the next step needs it, as long as not too much is
 * under way; the first bucket, which all else waits for and which is small, in any case. */
static ls_status send_ready(course_t *c, bool *moved) {
  for (size_t b = 0; b < c->engine->n_buckets && (b == 0 || c->sent < MOST_SENT); b++) {
    way_t way = c->engine->exchange->routes[b].way;
    if (way == GRADIENT_READY) TRY(send_bucket(c, b, send_gradient, GRADIENT_SENT, moved));
    if (way == PARAMETERS_READY && !c->waits) TRY(send_bucket(c, b, send_parameters, PARAMETERS_SENT, moved));
  }
  return LS_OK;
}

/* ---- words ---- */

/* What a node says in a step; the greatest of all counts. */
enum { GO_ON, HALT_WANTED, HAS_FAILED };

static int own_word(const course_t *c) {
  const control_t *control = c->engine->control;
  if (atomic_load(&control->reader_failed) != 0) return HAS_FAILED;
  return atomic_load(&control->halt_wanted) == c->tick + 1 ? HALT_WANTED : GO_ON;
}

static ls_status say_words(course_t *c) {
  const engine_t *engine = c->engine;
  exchange_t *exchange = engine->exchange;
  int own = world_node(engine->in.world);
  exchange->words[own] = (float)own_word(c);
  for (int node = 0; node < engine->nodes; node++) {
    if (node == own) continue;
    TRY(transfer_send(exchange->transfer, node, 0, &exchange->words[own], 1, &exchange->open_words,
                      c->error));
    TRY(transfer_receive(exchange->transfer, node, 0, &exchange->words[node], 1, &exchange->open_words,
                         c->error));
  }
  c->words = SAID;
  return LS_OK;
}

/* Nodes tell each other in every step whether a reader has failed, or a rank wants the run to end: when all
 * ranks have told their node, which they do before they fold anything. Who begins the next step has seen the
 * first bucket arrive, and so knows what was said. */
static ls_status exchange_words(course_t *c) {
  const exchange_t *exchange = c->engine->exchange;
  float word = GO_ON;
  if (c->words == UNSAID && exchange->routes[0].way != FOLDING) TRY(say_words(c));
  if (c->words != SAID || exchange->open_words > 0) return LS_OK;
  for (int node = 0; node < c->engine->nodes; node++)
    if (exchange->words[node] > word) word = exchange->words[node];
  c->failed = word == HAS_FAILED;
  if (word == HALT_WANTED) atomic_store(&c->engine->control->halt_known, c->tick + 1);
  c->words = HEARD;
  return LS_OK;
}

/* ---- the step ---- */

/* Leaves the core to others; when they wait, for this thread above all, it looks often. */
static void rest(const engine_t *engine, int tries) {
  bool waited_for = atomic_load_explicit(&engine->waiting, memory_order_relaxed) > 0;
  if (waited_for && tries < QUICK_LOOKS) return;
  double nap = fmin(fmax(engine->bucket_seconds / 2, LEAST_NAP), LONGEST_NAP);
  nanosleep(&(struct timespec){0, (long)(1e9 * (waited_for ? NAP_WAITED_FOR : nap))}, NULL);
}

/* Whether all buckets have come to `way`; the first one only as far as a failed reader lets it. */
static bool is_over(const course_t *c, way_t way) {
  const route_t *routes = c->engine->exchange->routes;
  if (c->words != HEARD) return false;
  for (size_t b = 1; b < c->engine->n_buckets; b++)
    if (routes[b].way != way) return false;
  return routes[0].way == way || (c->failed && routes[0].way == COPIED);
}

/* Goes round until all buckets have come to `way`. The clock runs while others are waited for: while nothing
 * is sent and this rank computes there is nothing that they could do. */
static ls_status go_on_to(course_t *c, way_t way) {
  engine_t *engine = c->engine;
  double patience = world_patience(engine->in.world), since = clock_seconds();
  for (int tries = 0; !is_over(c, way); tries += tries < INT_MAX / 2) {
    bool moved = false;
    TRY(transfer_look(engine->exchange->transfer, &moved, c->error));
    for (size_t b = 0; b < engine->n_buckets; b++) advance(c, b, &moved);
    TRY(send_ready(c, &moved));
    TRY(exchange_words(c));
    if (moved) tries = 0;
    if (moved || (c->sent == 0 && atomic_load(&engine->waiting) == 0)) since = clock_seconds();
    if (moved) continue;
    if (atomic_load(&engine->control->failed) == EXCHANGE_FAILED) return LS_COMM;
    rest(engine, tries);
    if (world_timeout(engine->in.world) > 0 && clock_seconds() - since > patience)
      return world_abandon(engine->in.world, "the exchange between nodes does not go on", c->error);
  }
  return LS_OK;
}

static ls_status run_course(course_t *c) {
  engine_t *engine = c->engine;
  for (size_t b = 0; b < engine->n_buckets; b++) {
    engine->exchange->routes[b].way = FOLDING;
    TRY(await_gradient(c, b));
  }
  if (!c->waits) return go_on_to(c, ARRIVED);
  TRY(go_on_to(c, PARAMETERS_READY));
  if (c->failed) return LS_OK;
  for (size_t b = 0; b < engine->n_buckets && c->step->keep; b++) arrive(c, b);
  if (c->step->keep) return LS_OK;
  update_waiting(engine, c->worker, 0, c->step, &c->update, c->error);
  if (step_failed(engine)) return LS_COMM;
  c->waits = false;
  return go_on_to(c, ARRIVED);
}

void exchange_step(engine_t *engine, worker_t *worker, const step_t *step, long tick, ls_error *error) {
  course_t course = {.engine = engine,
                     .worker = worker,
                     .step = step,
                     .update = update_settings(engine, step),
                     .tick = tick,
                     .waits = gradient_waits(engine, step),
                     .error = error};
  ls_status status = run_course(&course);
  if (status == LS_OK && course.failed) atomic_store(&engine->control->failed, READER_FAILED);
  if (status != LS_OK) atomic_store(&engine->control->failed, EXCHANGE_FAILED);
}

/* ---- all at once ---- */

/* Doubles of a slice. */
static size_t doubles_of(slice_t slice, const size_t *first, size_t *from) {
  *from = first == NULL ? slice.first : first[slice.first];
  return first == NULL ? slice.count : first[slice.first + slice.count] - *from;
}

/* Between `values` and the lane's pieces, which lie node by node, and of a node bucket by bucket. */
static void copy_doubles(const engine_t *engine, double *values, const size_t *first, bool own) {
  exchange_t *exchange = engine->exchange;
  double *piece = exchange->doubles;
  size_t from = 0;
  for (int node = 0; node < engine->nodes; node++) {
    const double *begin = piece;
    for (size_t b = 0; b < engine->n_buckets; b++) {
      size_t n = doubles_of(bucket_slice(engine, b, world_place(engine->in.world), node), first, &from);
      if (own && node == world_node(engine->in.world)) memcpy(piece, values + from, n * sizeof *values);
      if (!own && node != world_node(engine->in.world)) memcpy(values + from, piece, n * sizeof *values);
      piece += n;
    }
    exchange->counts[node] = (int)(piece - begin);
  }
}

void exchange_doubles(engine_t *engine, double *values, const size_t *first, ls_error *error) {
  copy_doubles(engine, values, first, true);
  if (world_lane_gather_f64(engine->in.world, engine->exchange->doubles, engine->exchange->counts, error) !=
      LS_OK)
    atomic_store(&engine->control->failed, EXCHANGE_FAILED);
  copy_doubles(engine, values, first, false);
}

ls_status exchange_whole(engine_t *engine, ls_error *error) {
  for (int node = 0; node < engine->nodes; node++)
    engine->exchange->counts[node] =
        (int)(bucket_slice(engine, 0, world_place(engine->in.world), node).count * GRAPH_BLOCK);
  return world_lane_gather(engine->in.world, engine->parameters + bucket_lane(engine, 0).first * GRAPH_BLOCK,
                           engine->exchange->counts, error);
}
