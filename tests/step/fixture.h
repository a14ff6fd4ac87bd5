/* What the tests of this room share: networks of random sizes, and random numbers to make them with. */
#ifndef TESTS_STEP_FIXTURE_H
#define TESTS_STEP_FIXTURE_H

#include "model/graph.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#define CHECK(call)                                                                                          \
  do {                                                                                                       \
    ls_error error_ = {0};                                                                                   \
    ls_error *error = &error_;                                                                               \
    cr_assert_eq((call), LS_OK, "%s", error->message);                                                       \
  } while (0)

/* A test's threads must not leave by an assertion: the first thing that one of them finds wrong is kept here,
 * and the test asserts that there is none. */
static char complaint[256];
static inline void complain_unless(bool holds, const char *format, ...) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  if (holds) return;
  va_list arguments;
  va_start(arguments, format);
  pthread_mutex_lock(&lock);
  if (complaint[0] == '\0') vsnprintf(complaint, sizeof complaint, format, arguments);
  pthread_mutex_unlock(&lock);
  va_end(arguments);
}
static inline void check_complaints(void) {
  cr_assert(complaint[0] == '\0', "%s", complaint);
}

/* A number of [0, n), the next of its stream. */
static inline size_t draw(uint64_t *stream, size_t n) {
  *stream = *stream * 6364136223846793005ULL + 1442695040888963407ULL;
  return (size_t)(*stream >> 33) % n;
}

/* One to four dense layers of random widths. */
static inline graph_t *random_graph(uint64_t *stream) {
  layer_settings_t layers[4] = {0};
  size_t n = 1 + draw(stream, 4);
  for (size_t i = 0; i < n; i++)
    layers[i] = (layer_settings_t){.kind = LAYER_DENSE,
                                   .units = (int64_t)(1 + draw(stream, 150)),
                                   .activation = "relu",
                                   .init = "auto",
                                   .bias = draw(stream, 4) > 0};
  graph_t *graph = NULL;
  CHECK(graph_create(layers, n, (int64_t)(1 + draw(stream, 200)), &graph, error));
  return graph;
}

#endif
