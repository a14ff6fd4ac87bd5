/* How the other ranks of this host are. Their pages (base/activity.h) and the kernel tell, so a rank need not
 * answer, nor even run. Reading takes a few system calls for each rank, so it is done only by ranks that have
 * waited for long. */
#ifndef COMM_BOARD_H
#define COMM_BOARD_H

#include "base/activity.h"

#include <stddef.h>

/* Where the page of a rank is. */
typedef struct {
  int process; /* 0: on another host, or not visible from here */
  int page;    /* the number of its file; -1: none */
  int rank;    /* in the whole world; -1: only the page knows */
} peer_t;

/* PEER_WAITS: it waits for others, too. PEER_WORKS: its work goes on. PEER_STUCK: neither for some time.
 * PEER_STOPPED: by a signal or a debugger. PEER_GONE: it has ended. PEER_UNKNOWN: nothing tells. */
typedef enum { PEER_UNKNOWN, PEER_WAITS, PEER_WORKS, PEER_STUCK, PEER_STOPPED, PEER_GONE } peer_state_t;

/* How long a rank counts as waiting after it was last seen. A rank that waits is seen many times a second, or
 * once a second by its watching thread. */
#define BOARD_FRESH_SECONDS 2.5

/* A look at one rank. */
typedef struct {
  peer_state_t state;
  int process, rank; /* rank: -1 unknown */
  char kernel;       /* the kernel's letter for its state; 0: unknown */
  int blocked;       /* how many of its threads wait for a disk */
  lost_t lost;
  bool told;
  double quiet;  /* seconds since it last moved */
  double idle;   /* seconds since its main thread last used the processor */
  double lasted; /* seconds since its activity began */
  char text[ACTIVITY_TEXT];
} look_t;

/* patience: seconds without a move after which a rank that does not wait is stuck. */
look_t board_look(const peer_t *peer, double patience);

/* A look at the n peers but this process. */
typedef struct {
  int found;        /* how many are stopped, stuck or gone */
  int gone;         /* of those found: gone */
  int still;        /* of those found: all but the stuck ones that compute */
  int waits, works; /* how many wait for others; how many work */
  double rest;      /* the shortest time until one that works is stuck */
  look_t first;     /* of those found, the one of the lowest rank */
  bool told;        /* a rank of this host has heard of another that reports */
  bool leads;       /* of the ranks that are lost, this process has the lowest rank */
  bool is_claimed;  /* another rank reports */
} survey_t;
survey_t board_survey(const peer_t *peers, int n, double patience);

/* Writes "rank 0 on HOST does not answer: process 4711 is stopped, it has been reading … for 31 s". */
void board_describe(const look_t *look, const char *host, char *out, size_t size);

/* Finds the processes of this host that the same launcher has started, for the time before ranks know each
 * other. Returns how many of at most `most` there are, this one included. */
int board_siblings(peer_t *out, int most);

#endif
