/* Random numbers without state: each number is a pure function of its purpose and position.
 *
 * A number is identified by (seed, purpose, time, shard, position), where time is the epoch or the step. It
 * comes from the counter-based generator Philox4x64-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers:
 * as easy as 1, 2, 3", SC'11) with key (seed, purpose) and counter (position, shard, time, 0). So ranks and
 * threads need not know how many numbers others have drawn, and a resumed run needs no generator state. All
 * functions are thread-safe. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
  RANDOM_INIT = 1,       /* initial weights: time 0, shard = parameter array */
  RANDOM_SHUFFLE = 2,    /* row order: time = epoch */
  RANDOM_VALIDATION = 3, /* choice of the validation rows: position = row */
  RANDOM_LAYER = 4,      /* layers that draw, as dropout: time = step */
  RANDOM_IMPORT = 5,     /* shuffle at import */
  RANDOM_SYNTHETIC = 6,  /* synthetic data: shard = row, time = kind of draw */
  RANDOM_GRADCHECK = 7,  /* choice of the parameters whose gradient is checked: shard = parameter array */
  RANDOM_BASIS = 8, /* basis functions: time = kind of draw, shard = function; landmarks: position = row */
  RANDOM_CURVATURE = 9,   /* the direction in which curvature is first looked for: shard = parameter array */
  RANDOM_FOLDS = 10,      /* folds of cross-validation: position = row */
  RANDOM_SWEEP = 11,      /* sweeps: time = kind of draw, shard = axis */
  RANDOM_LANDSCAPE = 12,  /* directions of landscapes: time = axis, shard = parameter array */
  RANDOM_CONNECT = 13,    /* points of a curve between two networks: time = step, shard = curve */
  RANDOM_IMPORTANCE = 14, /* permutations of a column: time = repeat, shard = column */
  RANDOM_SILHOUETTE = 15, /* rows whose silhouette is found: position = row */
  RANDOM_CLUSTER = 16,    /* first centres: time = start, shard = draw, position = row */
  RANDOM_KERNELS = 17,    /* rows that a kernel density is made of: position = row */
  RANDOM_SAMPLE = 18,     /* rows drawn from a model: shard = row, time = kind of draw */
  RANDOM_COMPONENTS = 21, /* the first directions of randomized components: shard = direction */
} random_purpose_t;

/* Identifies a stream of numbers. The caller chooses the position in it. */
typedef struct {
  uint64_t seed;
  random_purpose_t purpose;
  uint64_t time;
  uint64_t shard;
} random_stream_t;

/* words[0..3] = the 64-bit words of the stream at positions 4*block .. 4*block+3. */
void random_words(const random_stream_t *stream, uint64_t block, uint64_t words[4]);

/* out[i], i < n: the 32-bit words of the stream from word 8*first_block on (eight words per block). */
void random_u32(const random_stream_t *stream, uint64_t first_block, size_t n, uint32_t *out);

/* out[i], i < n: uniform in [0, 1), a multiple of 2^-53. */
void random_uniform(const random_stream_t *stream, size_t n, double *out);

/* out[i], i < n: standard normal (Box and Muller 1958). */
void random_normal(const random_stream_t *stream, size_t n, double *out);

/* Chooses m of the numbers 0 .. n-1, all choices equally likely. chosen[i] tells whether i is chosen.
 * Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S). */
void random_subset(const random_stream_t *stream, int64_t n, int64_t m, bool *chosen);

/* order (n): a uniform random permutation of 0 .. n-1, n < 2^32 (Fisher and Yates; Durstenfeld 1964). */
void random_permutation(const random_stream_t *stream, size_t n, uint32_t *order);

#endif
