/* A name in a file cannot steer the terminal of the person who looks at the file (base/show.h). */
#include "system/run.h"

#include <criterion/criterion.h>

TestSuite(controls, .init = place_make, .fini = place_remove);

Test(controls, what_is_printed_for_people_has_no_control_characters_of_files) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  result_t result =
      run_command("%s %s/system/controls.py %s", run_python(), TESTS_FOLDER, run_launcher(ALONE));
  cr_assert_eq(result.code, 0, "%s%s", result.out, result.err);
}
