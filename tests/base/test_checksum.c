/* Checksums are XXH3-64, whether bytes come at once or in pieces. */
#include "base/checksum.h"

#include <criterion/criterion.h>

Test(checksum, is_XXH3) {
  cr_assert_eq(checksum_of("", 0), UINT64_C(0x2D06800538D394C2)); /* the published value of no bytes */
}

Test(checksum, pieces_make_the_checksum_of_the_whole) {
  char bytes[1000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7 + i / 13);
  checksum_t *checksum = checksum_begin();
  cr_assert_not_null(checksum);
  checksum_add(checksum, bytes, 1);
  checksum_add(checksum, bytes + 1, 0);
  checksum_add(checksum, bytes + 1, 700);
  checksum_add(checksum, bytes + 701, sizeof bytes - 701);
  cr_assert_eq(checksum_end(&checksum), checksum_of(bytes, sizeof bytes));
  cr_assert_null(checksum);
}
