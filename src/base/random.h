/* Random numbers without state: each is a pure function of what it is for.
 *
 * A number is named by (seed, purpose, time, shard, position), where time is the epoch or the step, and comes
 * from the counter-based generator Philox4x64-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as
 * easy as 1, 2, 3", SC'11) with key (seed, purpose) and counter (position, shard, time, 0). So no rank or
 * thread has to know how far another one has drawn, and a resumed run needs no generator state.
 * All functions are thread-safe. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
  RANDOM_INIT = 1,       /* initial weights: time 0, shard = parameter block */
  RANDOM_SHUFFLE = 2,    /* order of rows: time = epoch */
  RANDOM_VALIDATION = 3, /* choice of validation rows: position = row */
  RANDOM_DROPOUT = 4,    /* dropout masks: time = step */
  RANDOM_IMPORT = 5,     /* shuffling once at import */
  RANDOM_SYNTHETIC = 6,  /* synthetic data: shard = row, time = what is drawn */
  RANDOM_GRADCHECK = 7,  /* parameters whose gradient is checked: shard = parameter array */
  RANDOM_BASIS = 8, /* basis functions: time = what is drawn, shard = function; landmarks: position = row */
} random_purpose_t;

/* What a stream of numbers is for; the position in it is the caller's. */
typedef struct {
  uint64_t seed;
  random_purpose_t purpose;
  uint64_t time;
  uint64_t shard;
} random_stream_t;

/* The four 64-bit words at positions 4*block .. 4*block+3 of the stream. */
void random_words(const random_stream_t *stream, uint64_t block, uint64_t words[4]);

/* out[i], i < n: the 32-bit words of the stream from word 8*first_block on (eight to a block). */
void random_u32(const random_stream_t *stream, uint64_t first_block, size_t n, uint32_t *out);

/* out[i] uniform in [0, 1), a multiple of 2^-53. */
void random_uniform(const random_stream_t *stream, size_t n, double *out);

/* out[i] standard normal (Box and Muller 1958). */
void random_normal(const random_stream_t *stream, size_t n, double *out);

/* m of 0 .. n-1, every choice as likely as any other: chosen[i] says whether i is among them. Selection
 * sampling (Knuth, TAOCP 2, 3.4.2, algorithm S). */
void random_subset(const random_stream_t *stream, int64_t n, int64_t m, bool *chosen);

/* A uniform random order of 0 .. n-1 (Fisher and Yates; Durstenfeld 1964), n < 2^32. */
void random_permutation(const random_stream_t *stream, size_t n, uint32_t *order);

#endif
