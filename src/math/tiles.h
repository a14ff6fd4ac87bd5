/* Private to the math room: tiles of 16 rows of 16 words, by AMX or in plain C. A kernel on tiles uses only
 * these four operations, so the emulation tests its loops and edges on any CPU.
 *
 *   TILE_ZERO(tiles, t)                t = 0
 *   TILE_LOAD(tiles, t, from, stride)  row i of t = the 16 words at from + i stride
 *   TILE_MULTIPLY(tiles, c, a, b)      c += a b, in the arithmetic `tile` of product.h;
 *                                      a: 16 rows of 16 words of depth, b: 16 words of depth of 16 columns
 *   TILE_STORE(tiles, t, to, stride)   the 16 words at to + i stride = row i of t
 *
 * Tiles are numbered 0 to 7; the number must be a literal. Strides count words; stride 0 repeats a row. */
#ifndef MATH_TILES_H
#define MATH_TILES_H

#include "math/product.h"
#include "math/variant.h"

#ifdef __AMX_BF16__

#include <immintrin.h>
#include <stdbool.h>

typedef struct {
  char none;
} tiles_t;

/* Configures the shape of the tiles, once per thread. */
INLINE void tiles_begin(tiles_t *tiles) {
  static _Thread_local bool configured;
  (void)tiles;
  if (configured) return;
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } shape = {.palette = 1};
  for (int t = 0; t < 8; t++) {
    shape.bytes[t] = PRODUCT_TILE * sizeof(float);
    shape.rows[t] = PRODUCT_TILE;
  }
  /* gcc 12 takes it that _tile_loadconfig reads eight bytes, and drops what sets the others. */
  __asm__ volatile("" : : "m"(shape));
  _tile_loadconfig(&shape);
  configured = true;
}

#define TILE_ZERO(tiles, t)               _tile_zero(t)
#define TILE_LOAD(tiles, t, from, stride) _tile_loadd(t, from, (int64_t)(stride)*4)
#define TILE_MULTIPLY(tiles, c, a, b)     _tile_dpbf16ps(c, a, b)
#define TILE_STORE(tiles, t, to, stride)  _tile_stored(t, to, (int64_t)(stride)*4)

#else

#include <string.h>

typedef struct {
  vector_t of[8][PRODUCT_TILE];
} tiles_t;

_Static_assert((int)LANES == (int)PRODUCT_TILE, "a row of an emulated tile is one vector");

INLINE void tiles_begin(tiles_t *tiles) {
  (void)tiles;
}

INLINE void tile_load(tiles_t *tiles, int t, const float *from, int64_t stride) {
  for (int i = 0; i < PRODUCT_TILE; i++) memcpy(&tiles->of[t][i], from + i * stride, sizeof(vector_t));
}

INLINE void tile_store(const tiles_t *tiles, int t, float *to, int64_t stride) {
  for (int i = 0; i < PRODUCT_TILE; i++) memcpy(to + i * stride, &tiles->of[t][i], sizeof(vector_t));
}

INLINE void tile_multiply(tiles_t *tiles, int c, int a, int b) {
  for (int i = 0; i < PRODUCT_TILE; i++) {
    vector_t even = {0}, odd = {0};
    for (int k = 0; k < PRODUCT_TILE; k++) {
      const words_t x = ((words_t)tiles->of[a][i])[k] - (words_t){0}, y = (words_t)tiles->of[b][k];
      even = even + (vector_t)(x << 16) * (vector_t)(y << 16);
      odd = odd + (vector_t)(x & 0xffff0000U) * (vector_t)(y & 0xffff0000U);
    }
    tiles->of[c][i] += even + odd;
  }
}

#define TILE_ZERO(tiles, t)               memset((tiles)->of[t], 0, sizeof(tiles)->of[t])
#define TILE_LOAD(tiles, t, from, stride) tile_load(tiles, t, from, stride)
#define TILE_MULTIPLY(tiles, c, a, b)     tile_multiply(tiles, c, a, b)
#define TILE_STORE(tiles, t, to, stride)  tile_store(tiles, t, to, stride)

#endif

#endif
