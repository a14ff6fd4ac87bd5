/* What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput: libFuzzer calls it with
 * bytes, again and again in one process, and keeps the bytes that reach new code. A target fails by a report
 * of a sanitizer, by a limit on time or memory, or by MUST. scripts/fuzz.sh builds and runs all targets. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What holds for every input. */
#define MUST(condition)                                                                                      \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition);                             \
      abort();                                                                                               \
    }                                                                                                        \
  } while (0)

/* Entry points that libFuzzer calls. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
/* libFuzzer's own changes of bytes. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/* The path of a file in the folder of this process, below TMPDIR. Static, for one name per target. */
const char *fuzz_path(const char *name);
void fuzz_write(const char *path, const void *bytes, size_t size);

/* A failure has the status that the function returned and a message; success leaves no message. With
 * FUZZ_MESSAGES in the environment both are printed, to see what becomes of an input. */
void fuzz_check_error(ls_status status, const ls_error *error);

/* The input as a text that ends with NUL; the caller frees it. NUL bytes in it end it earlier. */
char *fuzz_text(const uint8_t *data, size_t size);

/* ---- words.c ---- */

/* Writes an HDF5 file that is described in words, and seals it as lockstep does. Lines that make no sense are
 * left out. *settings is the text of the line `settings`, "" without one; the caller frees it. Each line is
 * an object or an attribute:
 *
 *   array PATH TYPE SHAPE VALUE …         SHAPE: 3x4; - for one number. Values are repeated
 *   words PATH ROWS TEXT|TEXT…            an array of texts of fixed length
 *   table PATH ROWS NAME:TYPE,… VALUE …   records
 *   group PATH
 *   link PATH TARGET
 *   outside PATH FILE TARGET              a link to another file
 *   virtual PATH TYPE SHAPE SOURCE        rows of another array
 *   number OBJECT KEY TYPE SHAPE VALUE …  an attribute
 *   text OBJECT KEY TEXT
 *   texts OBJECT KEY TEXT|TEXT…
 *   settings TEXT
 *   | TEXT                                a further line of the text before
 *
 * TYPE: u8 i8 u16 i16 u32 i32 u64 i64 f16 f32 f64 bool, t5 (five bytes of text), v (text of variable length);
 * then, if wanted, `be` for big-endian, and +chunked, +gzip or +empty (never written). */
void words_write(const uint8_t *data, size_t size, const char *path, char **settings);

#endif
