/* Philox from Random123, and the distributions that training needs. */
#include "base/random.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

void random_words(const random_stream_t *stream, uint64_t block, uint64_t words[4]) {
  philox4x64_ctr_t counter = {{block, stream->shard, stream->time, 0}};
  philox4x64_key_t key = {{stream->seed, (uint64_t)stream->purpose}};
  philox4x64_ctr_t random = philox4x64(counter, key);
  memcpy(words, random.v, 4 * sizeof(uint64_t));
}

void random_u32(const random_stream_t *stream, uint64_t first_block, size_t n, uint32_t *out) {
  uint64_t words[4];
  size_t i = 0;
  for (uint64_t block = first_block; i < n; block++) {
    random_words(stream, block, words);
    for (int k = 0; k < 8 && i < n; k++, i++) out[i] = (uint32_t)(words[k / 2] >> (32 * (k % 2)));
  }
}

static double unit_interval(uint64_t word) {
  return (double)(word >> 11) * 0x1p-53;
}

void random_uniform(const random_stream_t *stream, size_t n, double *out) {
  uint64_t words[4] = {0};
  for (size_t i = 0; i < n; i++) {
    if (i % 4 == 0) random_words(stream, i / 4, words);
    out[i] = unit_interval(words[i % 4]);
  }
}

/* Box and Muller: two uniforms u in (0, 1] and v give two normals, sqrt(-2 ln u) cos(2 pi v) and sqrt(-2 ln
 * u) sin(2 pi v). */
void random_normal(const random_stream_t *stream, size_t n, double *out) {
  const double two_pi = 6.283185307179586476925;
  uint64_t words[4] = {0};
  for (size_t i = 0; i < n; i++) {
    if (i % 4 == 0) random_words(stream, i / 4, words);
    size_t pair = i % 4 / 2 * 2;
    double radius = sqrt(-2.0 * log(1.0 - unit_interval(words[pair])));
    double angle = two_pi * unit_interval(words[pair + 1]);
    out[i] = radius * (i % 2 == 0 ? cos(angle) : sin(angle));
  }
}

/* Chooses i with probability (m still to choose) / (numbers left), so exactly m are chosen. */
void random_subset(const random_stream_t *stream, int64_t n, int64_t m, bool *chosen) {
  uint64_t words[4] = {0};
  for (int64_t i = 0; i < n; i++) {
    if (i % 4 == 0) random_words(stream, (uint64_t)i / 4, words);
    chosen[i] = (double)(n - i) * unit_interval(words[i % 4]) < (double)m;
    m -= chosen[i];
  }
}

/* Scales a word to [0, bound) by the high half of a product (Lemire 2019, without the rejection). With 64-bit
 * words and bound < 2^32 the bias is below 2^-32. */
static uint64_t below(uint64_t word, uint64_t bound) {
  __extension__ typedef unsigned __int128 wide_t;
  return (uint64_t)(((wide_t)word * bound) >> 64);
}

void random_permutation(const random_stream_t *stream, size_t n, uint32_t *order) {
  uint64_t words[4] = {0};
  for (size_t i = 0; i < n; i++) {
    if (i % 4 == 0) random_words(stream, i / 4, words);
    size_t j = (size_t)below(words[i % 4], i + 1);
    order[i] = order[j]; /* inside-out shuffle: moves position j <= i to i and puts i at j */
    order[j] = (uint32_t)i;
  }
}
