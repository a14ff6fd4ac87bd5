/* Which runs the words of a command mean. */
#ifndef INSPECT_RUN_CHOICE_H
#define INSPECT_RUN_CHOICE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
  const char **paths; /* (n): run directories; in the arena */
  size_t n, capacity;
  bool are_named;    /* each was named: the user compares them */
  size_t left_out;   /* numbered predecessors that are not among them */
  const char *where; /* the directory that was looked through; NULL: none */
} run_choice_t;

/* A word is a directory with runs, the directory of a run, or the NAME of a run below such a directory or
 * below `runs`. Names choose among the runs; without names all runs below the directories are meant, of the
 * numbered predecessors NAME.N of a run NAME only with `all`. LS_BAD_DATA for a word that means
 * nothing, with the nearest name, and if there are no runs; LS_USAGE for two directories. Texts are in the
 * arena. */
ls_status run_choice_make(char *const *words, size_t n, bool all, arena_t *arena, run_choice_t *out,
                          ls_error *error);

#endif
