/* Errors: every code has a text and an exit code, and a message that is too long loses its end alone. */
#include "base/error.h"

#include <criterion/criterion.h>
#include <string.h>

Test(error, codes_have_the_exit_codes_of_the_manual) {
  cr_expect_eq(ls_status_exit_code(LS_OK), 0);
  cr_expect_eq(ls_status_exit_code(LS_FAILED), 1);
  cr_expect_eq(ls_status_exit_code(LS_USAGE), 2);
  cr_expect_eq(ls_status_exit_code(LS_BAD_SETTINGS), 2);
  cr_expect_eq(ls_status_exit_code(LS_BAD_DATA), 3);
  cr_expect_eq(ls_status_exit_code(LS_STOPPED), 75);
  cr_expect_eq(ls_status_exit_code((ls_status)999), 1, "an unknown code is a failure");
  for (int s = LS_OK; s <= LS_STOPPED; s++) cr_expect_gt(strlen(ls_status_text((ls_status)s)), 0);
}

static ls_status fails(ls_error *error) {
  TRY(LS_OK);
  TRY(error_set(error, LS_BAD_DATA, "row %d", 7));
  return LS_OK;
}

Test(error, travels_with_its_message) {
  ls_error error = {0};
  cr_expect_eq(fails(&error), LS_BAD_DATA);
  cr_expect_eq(error.status, LS_BAD_DATA);
  cr_expect_str_eq(error.message, "row 7");
  cr_expect_eq(error_prefix(&error, LS_IO, "%s", "file.h5"), LS_IO);
  cr_expect_str_eq(error.message, "file.h5: row 7");
  cr_expect_eq(error.status, LS_IO);
  cr_expect_eq(fails(NULL), LS_BAD_DATA);
  cr_expect_eq(error_prefix(NULL, LS_IO, "x"), LS_IO);
}

Test(error, long_messages_are_cut_at_the_end) {
  char text[2 * LS_MESSAGE_SIZE];
  ls_error error = {0};
  memset(text, 'm', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  error_set(&error, LS_FAILED, "%s", text);
  cr_expect_eq(strlen(error.message), LS_MESSAGE_SIZE - 1);
  error_prefix(&error, LS_FAILED, "prefix");
  cr_expect_eq(strlen(error.message), LS_MESSAGE_SIZE - 1);
  cr_expect_eq(strncmp(error.message, "prefix: mmm", 11), 0);
  error_prefix(&error, LS_FAILED, "%s", text);
  cr_expect_eq(strlen(error.message), LS_MESSAGE_SIZE - 1);
  /* one byte too few for what follows the prefix */
  for (size_t room = 0; room < 4; room++) {
    error_set(&error, LS_FAILED, "abc");
    error_prefix(&error, LS_FAILED, "%.*s", (int)(LS_MESSAGE_SIZE - 1 - room), text);
    cr_expect_eq(strlen(error.message), LS_MESSAGE_SIZE - 1, "room for %zu", room);
    cr_expect_eq(memcmp(error.message + LS_MESSAGE_SIZE - 1 - room, ": abc", room), 0);
  }
}
