/* Distinct texts with numbers, their codes, in the order in which they came: an open hash table of codes over
 * one pool of characters. */
#include "base/checksum.h"
#include "table/csv.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 64 };

const char *csv_words_text(const csv_words_t *words, size_t code) {
  return words->pool + words->words[code].offset;
}

/* The slot that has the word, or the free one where it belongs. */
static size_t find_slot(const csv_words_t *words, const char *text, size_t length, uint64_t hash) {
  size_t mask = words->n_slots - 1, at = (size_t)hash & mask;
  for (;; at = (at + 1) & mask) {
    if (words->slots[at] == 0) return at;
    const csv_word_t *word = &words->words[words->slots[at] - 1];
    if (word->hash == hash && word->length == length && memcmp(words->pool + word->offset, text, length) == 0)
      return at;
  }
}

static bool grow_slots(csv_words_t *words) {
  size_t n = words->n_slots == 0 ? FIRST_SLOTS : 2 * words->n_slots;
  uint32_t *slots = calloc(n, sizeof *slots);
  if (slots == NULL || n > UINT32_MAX) {
    free(slots);
    return false;
  }
  for (size_t i = 0; i < words->n; i++) {
    size_t at = (size_t)words->words[i].hash & (n - 1);
    while (slots[at] != 0) at = (at + 1) & (n - 1);
    slots[at] = (uint32_t)i + 1;
  }
  free(words->slots);
  words->slots = slots;
  words->n_slots = n;
  return true;
}

/* Makes room for one more word of this length. */
static bool make_room(csv_words_t *words, size_t length) {
  if (words->n == words->room) {
    size_t room = 2 * words->room + 16;
    csv_word_t *larger = reallocarray(words->words, room, sizeof *larger);
    if (larger == NULL) return false;
    words->words = larger;
    words->room = room;
  }
  if (words->pool_size + length + 1 > words->pool_room) {
    size_t room = 2 * words->pool_room + length + 256;
    char *larger = realloc(words->pool, room);
    if (larger == NULL) return false;
    words->pool = larger;
    words->pool_room = room;
  }
  return true;
}

bool csv_words_add(csv_words_t *words, const char *text, size_t length, int64_t line, int64_t count,
                   uint32_t *code) {
  uint64_t hash = checksum_of(text, length);
  if (2 * words->n >= words->n_slots && !grow_slots(words)) return false;
  size_t at = find_slot(words, text, length, hash);
  if (words->slots[at] == 0) {
    if (!make_room(words, length)) return false;
    words->words[words->n] = (csv_word_t){words->pool_size, length, hash, line, 0};
    memcpy(words->pool + words->pool_size, text, length);
    words->pool[words->pool_size + length] = '\0';
    words->pool_size += length + 1;
    words->slots[at] = (uint32_t)++words->n;
  }
  *code = words->slots[at] - 1;
  csv_word_t *word = &words->words[*code];
  word->count += count;
  if (line < word->line) word->line = line;
  return true;
}

bool csv_words_has(const csv_words_t *words, const char *text) {
  size_t length = strlen(text);
  return words->n > 0 && words->slots[find_slot(words, text, length, checksum_of(text, length))] != 0;
}

double csv_words_bytes(const csv_words_t *words) {
  return (double)words->room * sizeof *words->words + (double)words->n_slots * sizeof *words->slots +
         (double)words->pool_room;
}

void csv_words_free(csv_words_t *words) {
  free(words->words);
  free(words->slots);
  free(words->pool);
  *words = (csv_words_t){0};
}
