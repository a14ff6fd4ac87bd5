#include "base/activity.h"

#include "base/clock.h"
#include "base/progress.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Global, like the process itself: a phase may begin in any room. */
static activity_page_t own, *page = &own;
static _Thread_local bool is_main;
static double answered; /* when answer was last called */
static void (*answer)(void *);
static void *answer_context;

static const double ANSWER_SECONDS = 0.05;

activity_page_t *activity_page(void) {
  return page;
}

/* An anonymous file: it has no name to clean up, and ends with the last process that has it open. */
int activity_begin(void) {
  is_main = true;
  int file = memfd_create(ACTIVITY_FILE, MFD_CLOEXEC);
  if (file >= 0 && ftruncate(file, sizeof *page) == 0) {
    void *memory = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) page = memory;
  }
  if (page == &own && file >= 0) {
    close(file);
    file = -1;
  }
  memcpy(page->magic, ACTIVITY_MAGIC, sizeof ACTIVITY_MAGIC);
  page->process = (int)getpid();
  atomic_store(&page->rank, -1);
  activity_set("starting");
  return file;
}

static double move(void) {
  double now = clock_seconds();
  atomic_fetch_add_explicit(&page->beats, 1, memory_order_relaxed);
  atomic_store_explicit(&page->moved, now, memory_order_relaxed);
  return now;
}

/* The other text is written, and becomes the present one when it is complete. */
void activity_set(const char *format, ...) {
  va_list arguments;
  if (!is_main) return;
  unsigned next = atomic_load_explicit(&page->turn, memory_order_relaxed) + 1;
  va_start(arguments, format);
  vsnprintf(page->text[next % 2], ACTIVITY_TEXT, format, arguments);
  va_end(arguments);
  atomic_store_explicit(&page->since, move(), memory_order_relaxed);
  atomic_store_explicit(&page->turn, next, memory_order_release);
}

/* A beat of another thread may get lost here. The next one will not. */
void activity_step(void) {
  unsigned long beats = atomic_load_explicit(&page->beats, memory_order_relaxed);
  atomic_store_explicit(&page->beats, beats + 1, memory_order_relaxed);
}

void activity_beat(void) {
  double now = move();
  progress_beat();
  if (!is_main || answer == NULL || now - answered < ANSWER_SECONDS) return;
  answered = now;
  answer(answer_context);
}

void activity_on_beat(void (*function)(void *), void *context) {
  answer = function;
  answer_context = context;
}

void activity_waits(double now) {
  if (is_main) atomic_store_explicit(&page->seen, now, memory_order_relaxed);
}
