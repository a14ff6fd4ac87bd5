/* Random numbers: the published generator, the published distributions, and no memory of how many were drawn.
 */
#include "base/random.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Philox4x64-10 as the paper has it (Salmon et al. 2011, section 3.3), word by word. */
static void philox(const uint64_t counter[4], const uint64_t key[2], uint64_t out[4]) {
  __extension__ typedef unsigned __int128 wide_t;
  uint64_t c[4], k[2] = {key[0], key[1]};
  memcpy(c, counter, sizeof c);
  for (int round = 0; round < 10; round++) {
    wide_t a = (wide_t)0xD2E7470EE14C6C93u * c[0], b = (wide_t)0xCA5A826395121157u * c[2];
    uint64_t next[4] = {(uint64_t)(b >> 64) ^ c[1] ^ k[0], (uint64_t)b, (uint64_t)(a >> 64) ^ c[3] ^ k[1],
                        (uint64_t)a};
    memcpy(c, next, sizeof c);
    k[0] += 0x9E3779B97F4A7C15u;
    k[1] += 0xBB67AE8584CAA73Bu;
  }
  memcpy(out, c, sizeof c);
}

/* From the file kat_vectors of Random123. */
Test(random, the_reference_here_gives_the_known_answers) {
  static const uint64_t ones = UINT64_MAX;
  static const struct {
    uint64_t counter[4], key[2], answer[4];
  } rows[] = {
      {{0, 0, 0, 0},
       {0, 0},
       {0x16554d9eca36314cu, 0xdb20fe9d672d0fdcu, 0xd7e772cee186176bu, 0x7e68b68aec7ba23bu}},
      {{ones, ones, ones, ones},
       {ones, ones},
       {0x87b092c3013fe90bu, 0x438c3c67be8d0224u, 0x9cc7d7c69cd777b6u, 0xa09caebf594f0ba0u}},
      {{0x243f6a8885a308d3u, 0x13198a2e03707344u, 0xa4093822299f31d0u, 0x082efa98ec4e6c89u},
       {0x452821e638d01377u, 0xbe5466cf34e90c6cu},
       {0xa528f45403e61d95u, 0x38c72dbd566e9788u, 0xa5a1610e72fd18b5u, 0x57bd43b5e52b7fe6u}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t out[4];
    philox(rows[i].counter, rows[i].key, out);
    cr_expect_arr_eq(out, rows[i].answer, sizeof out, "vector %zu", i);
  }
}

Test(random, words_are_philox_of_seed_purpose_time_shard_and_position) {
  random_stream_t streams[] = {{1, RANDOM_INIT, 0, 0},
                               {UINT64_MAX, RANDOM_LAYER, 123456789, 63},
                               {0x0123456789abcdefu, RANDOM_SHUFFLE, 7, 1ull << 40}};
  uint64_t blocks[] = {0, 1, 99, 1ull << 33};
  for (size_t i = 0; i < 3; i++)
    for (size_t b = 0; b < 4; b++) {
      const random_stream_t *s = &streams[i];
      uint64_t expected[4], words[4];
      philox((uint64_t[]){blocks[b], s->shard, s->time, 0}, (uint64_t[]){s->seed, s->purpose}, expected);
      random_words(s, blocks[b], words);
      cr_expect_arr_eq(words, expected, sizeof words, "stream %zu block %zu", i, b);
    }
}

static const random_stream_t stream = {42, RANDOM_INIT, 3, 5};

enum { MANY = 100003 };
static double many[MANY], few[MANY];

Test(random, a_number_does_not_depend_on_how_many_are_drawn) {
  void (*const draws[])(const random_stream_t *, size_t, double *) = {random_uniform, random_normal};
  for (int d = 0; d < 2; d++) {
    draws[d](&stream, 1000, many);
    for (size_t n = 1; n < 1000; n += 7) {
      draws[d](&stream, n, few);
      cr_assert_arr_eq(few, many, n * sizeof *few, "%zu of 1000", n);
    }
  }
  uint32_t all[64], part[64];
  random_u32(&stream, 0, 64, all);
  for (uint32_t block = 0; block < 8; block++) {
    random_u32(&stream, block, 64 - 8 * block, part);
    cr_assert_arr_eq(part, all + 8 * block, (64 - 8 * block) * sizeof *all, "from block %u", block);
  }
}

static double mean(const double *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  return sum / (double)n;
}

/* chi^2 over 100 cells has 99 degrees of freedom: 149 is passed once in a thousand seeds; this seed is fixed.
 */
Test(random, uniform_numbers_fill_the_unit_interval_evenly) {
  int cells[100] = {0};
  random_uniform(&stream, MANY, many);
  for (size_t i = 0; i < MANY; i++) {
    cr_assert(many[i] >= 0 && many[i] < 1);
    cr_assert_eq(many[i] * 0x1p53, floor(many[i] * 0x1p53));
    cells[(int)(many[i] * 100)]++;
  }
  double chi = 0, expected = MANY / 100.0;
  for (int c = 0; c < 100; c++) chi += (cells[c] - expected) * (cells[c] - expected) / expected;
  cr_expect_lt(chi, 149, "chi^2 %g", chi);
  cr_expect_float_eq(mean(many, MANY), 0.5, 4 * sqrt(1 / 12.0 / MANY));
}

/* The largest distance from the normal distribution is below 1.95 / sqrt(n) but once in a thousand
 * (Kolmogorov 1933). */
static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

Test(random, normal_numbers_are_normal) {
  double largest = 0;
  random_normal(&stream, MANY, many);
  double pairs = 0;
  for (size_t i = 0; i + 1 < MANY; i += 2) pairs += many[i] * many[i + 1];
  cr_expect_lt(fabs(pairs / (MANY / 2)), 4 / sqrt(MANY / 2), "the two of a pair go together: %g", pairs);
  qsort(many, MANY, sizeof *many, ascending);
  for (size_t i = 0; i < MANY; i++) {
    double below = 0.5 * erfc(-many[i] / sqrt(2));
    largest = fmax(largest, fmax(fabs(below - (double)i / MANY), fabs(below - (double)(i + 1) / MANY)));
  }
  cr_expect_lt(largest, 1.95 / sqrt(MANY), "distance %g", largest);
}

Test(random, a_permutation_holds_every_number_once) {
  enum { MOST = 1000 };
  uint32_t order[MOST];
  for (size_t n = 0; n <= MOST; n = n < 20 ? n + 1 : 2 * n + 3) {
    bool seen[MOST] = {false};
    random_permutation(&stream, n, order);
    for (size_t i = 0; i < n; i++) {
      cr_assert_lt(order[i], n);
      cr_assert_not(seen[order[i]], "%u twice of %zu", order[i], n);
      seen[order[i]] = true;
    }
  }
}

/* All 24 orders of 4 about equally often: chi^2 with 23 degrees of freedom is below 49.7 but once in a
 * thousand. */
Test(random, all_permutations_are_equally_likely) {
  enum { DRAWS = 24000 };
  int counts[256] = {0};
  double chi = 0;
  int kinds = 0;
  for (uint64_t t = 0; t < DRAWS; t++) {
    uint32_t order[4];
    random_permutation(&(random_stream_t){1, RANDOM_SHUFFLE, t, 0}, 4, order);
    counts[order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6]++;
  }
  for (int i = 0; i < 256; i++) {
    if (counts[i] == 0) continue;
    kinds++;
    chi += (counts[i] - DRAWS / 24.0) * (counts[i] - DRAWS / 24.0) / (DRAWS / 24.0);
  }
  cr_expect_eq(kinds, 24);
  cr_expect_lt(chi, 49.7, "chi^2 %g", chi);
}
