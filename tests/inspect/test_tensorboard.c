/* Event files: checksums against published values, and the records of a small file byte by byte.
 * tests/system/test_runs.c reads such files with another program. */
#include "inspect/place.h"

#include "inspect/tensorboard.h"

#include <math.h>
#include <stdint.h>

TestSuite(tensorboard, .init = place_make, .fini = place_remove);

/* RFC 3720, section B.4; the last value is the check value of the CRC catalogue for CRC-32/ISCSI. */
Test(tensorboard, crc_is_that_of_castagnoli) {
  unsigned char bytes[32];
  memset(bytes, 0, sizeof bytes);
  cr_expect_eq(tensorboard_crc(bytes, 32), 0x8a9136aa);
  memset(bytes, 0xff, sizeof bytes);
  cr_expect_eq(tensorboard_crc(bytes, 32), 0x62a8ab43);
  for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
  cr_expect_eq(tensorboard_crc(bytes, 32), 0x46dd794e);
  cr_expect_eq(tensorboard_crc("123456789", 9), 0xe3069283);
}

/* The checksum as records have it (tensorflow/core/lib/hash/crc32c.h): rotated to the right by 15 bits, plus
 * a constant. */
static void expect_checksum(const unsigned char *data, size_t n) {
  const uint32_t crc = tensorboard_crc(data, n);
  uint32_t found;
  memcpy(&found, data + n, sizeof found);
  cr_expect_eq(found, (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8));
}

/* The data of the record at *at, whose length comes first; advances to the next. */
static size_t take(const unsigned char *bytes, size_t n, size_t *at, const unsigned char **data) {
  uint64_t length;
  cr_assert_leq(*at + 16, n);
  memcpy(&length, bytes + *at, sizeof length);
  *data = bytes + *at + 12;
  *at += 16 + length;
  cr_assert_leq(*at, n);
  expect_checksum(*data - 12, 8);
  expect_checksum(*data, (size_t)length);
  return (size_t)length;
}

Test(tensorboard, first_record_is_the_version_and_each_epoch_has_one) {
  double epoch[] = {1, 2}, step[] = {200, 400}, loss[] = {0.5, NAN}, seconds[] = {3, 5}, times[] = {NAN, NAN};
  uint64_t sums[2] = {0};
  epoch_column_t columns[] = {{"epoch", epoch}, {"step", step}, {"train_loss", loss}, {"seconds", seconds}};
  const epochs_t epochs = {.n = 2, .columns = columns, .n_columns = 4, .checksums = sums, .times = times};
  OK(tensorboard_write(&epochs, 1000, "events", error));
  static unsigned char bytes[4096];
  FILE *file = fopen("events", "rb");
  cr_assert_not_null(file);
  size_t n = fread(bytes, 1, sizeof bytes, file), at = 0;
  fclose(file);
  const unsigned char *data = NULL;
  cr_expect_eq(take(bytes, n, &at, &data), 9 + 2 + 13);
  cr_expect_eq(memcmp(data + 9,
                      "\x1a\x0d"
                      "brain.Event:2",
                      15),
               0);
  double time;
  take(bytes, n, &at, &data);
  memcpy(&time, data + 1, sizeof time);                     /* key 1, wire type 1 */
  cr_expect(data[0] == 0x09 && time == 995, "%g", time);    /* the second epoch took 5 s and ended at 1000 */
  cr_expect_eq(memcmp(data + 9, "\x10\xc8\x01\x2a", 4), 0); /* step: 200 as a varint; then a summary */
  static const char scalar[] = "\x0a\x11\x0a\x0a"
                               "train/loss"
                               "\x15\x00\x00\x00\x3f"; /* 0.5f */
  cr_expect_eq(memcmp(data + 14, scalar, sizeof scalar - 1), 0);
  take(bytes, n, &at, &data);
  memcpy(&time, data + 1, sizeof time);
  cr_expect_eq(time, 1000);
  cr_expect_eq(at, n);
  for (size_t i = 0; i + 10 < n; i++) /* a NaN is left out */
    if (memcmp(bytes + i, "train/loss", 10) == 0) cr_expect(i < (size_t)(data - bytes));
}

Test(tensorboard, place_that_cannot_be_written_is_an_error) {
  const epochs_t epochs = {0};
  cr_expect_eq(tensorboard_write(&epochs, 0, "nowhere/events", NULL), LS_IO);
}
