/* A run is resumed with its own data, and all ranks train on the same: whatever differs is named. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *python;

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 2000});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.2, scaling: standard}\n"
             "model: {layers: [{dense: {units: 16, activation: relu}}, {dense: %d}]}\n"
             "loss: cross_entropy\ntrain: {epochs: 2, global_batch_size: 80}\n"
             "parallel: {shards: 4, threads: 1}\ncheckpoint: {every: 1 epoch}\n",
             CLASSES);
  python = run_python();
}

TestSuite(data_identity, .init = set_up, .fini = place_remove, .timeout = 300);

/* Makes other.h5 from data.h5: `program` changes the arrays x and y, and writes them to f. */
static bool make_other(const char *program) {
  if (python == NULL) {
    cr_log_warn("skipped: no Python with h5py");
    return false;
  }
  write_text("program.py",
             "import h5py, shutil, numpy as np\nshutil.copy('data.h5', 'other.h5')\n"
             "f = h5py.File('other.h5', 'r+')\nx, y = f['train/x'][:], f['train/y'][:]\n"
             "def put(x, y):\n"
             "    del f['train/x'], f['train/y']\n"
             "    f['train/x'], f['train/y'] = x, y\n"
             "%s\nf.close()\n",
             program);
  result_t result = run_command("%s program.py", python);
  cr_assert_eq(result.code, 0, "%s", result.err);
  return true;
}

static void expect_refused(int ranks, const char *arguments, const char *part) {
  result_t result = run(ranks, "train --resume config.yaml train.epochs=4 %s", arguments);
  cr_expect_eq(result.code, 3, "%s: exit code %d\n%s", part, result.code, result.err);
  cr_expect_not_null(strstr(result.err, part), "no '%s' in: %s", part, result.err);
}

Test(data_identity, other_data_is_refused_on_resume) {
  static const struct {
    const char *program, *message;
  } cases[] = {
      {"put(x[:101], y[:101])", "train/x has 101 rows, and had 2000"},
      {"x[77, 3] += 1; put(x, y)", "train/x has the same shape but other values"},
      {"y[:] = np.roll(y, 1); put(x, y)", "train/y has the same shape but other values"},
      {"put(x[::-1], y[::-1])", "train/x has the same shape but other values"},
      {"put(x.astype('f4'), y)", "train/x holds float32, and had float64"},
      {"put(x, y.astype('i4'))", "train/y holds int32, and had int64"},
  };
  run_well(2, "train config.yaml");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (!make_other(cases[i].program)) return;
    expect_refused(i % 2 == 0 ? ALONE : 2, "data.file=other.h5", cases[i].message);
  }
  make_other("pass");
  run_well(2, "train --resume config.yaml train.epochs=4 data.file=other.h5"); /* the same in another file */
}

/* What is compared does not depend on ranks or on where the rows are; of streamed rows it is a sample. */
Test(data_identity, is_the_same_on_other_layouts_and_streamed) {
  run_well(3, "train config.yaml");
  run_well(ALONE, "train --resume config.yaml train.epochs=3 parallel.threads=2");
  run_well(2, "train --resume config.yaml train.epochs=4 data.memory_limit=100KB data.shuffle=full");
  run_well(ALONE, "train --resume config.yaml train.epochs=5");
  if (!make_other("x[0, 0] += 1; put(x, y)")) return;
  expect_refused(ALONE, "data.file=other.h5 data.memory_limit=100KB", "other values");
}

Test(data_identity, of_windows_and_their_series_is_compared) {
  run_well(ALONE, "import --make ar --rows 600 --noise 0.1 series.h5");
  write_text("config.yaml",
             "data: {file: series.h5, validation: 0.2, window: {length: 8}}\n"
             "model: {layers: [{dense: {units: 4, activation: relu}}, {dense: 1}]}\n"
             "loss: mse\ntrain: {epochs: 2, global_batch_size: 64}\nparallel: {shards: 4, threads: 1}\n"
             "checkpoint: {every: 1 epoch}\n");
  run_well(2, "train config.yaml");
  run_well(3, "train --resume config.yaml train.epochs=3");
  if (python == NULL) return;
  write_text("program.py", "import h5py\nf = h5py.File('series.h5', 'r+')\nf['train/x'][301] += 1\n");
  run_command("%s program.py", python);
  expect_refused(2, "", "train/x has the same shape but other values");
}

/* Files of earlier versions have no group `data`. */
Test(data_identity, is_not_demanded_of_older_checkpoints) {
  run_well(ALONE, "train config.yaml");
  if (python == NULL) return;
  write_text("program.py",
             "import glob, h5py, numpy as np\n"
             "for path in glob.glob('runs/config/checkpoint-*.h5'):\n"
             "    f = h5py.File(path, 'r+')\n"
             "    del f['data']\n"
             "    names = bytes(f['manifest/names'][:]).decode().split('\\n')[:-1]\n"
             "    keep = [i for i, name in enumerate(names) if not name.startswith('/data/')]\n"
             "    sizes, sums = f['manifest/sizes'][:][keep], f['manifest/checksums'][:][keep]\n"
             "    del f['manifest']\n"
             "    text = ''.join(names[i] + '\\n' for i in keep)\n"
             "    f['manifest/names'] = np.frombuffer(text.encode(), 'u1')\n"
             "    f['manifest/sizes'], f['manifest/checksums'] = sizes, sums\n");
  result_t result = run_command("%s program.py", python);
  cr_assert_eq(result.code, 0, "%s", result.err);
  result = run_well(2, "train --resume config.yaml train.epochs=3");
  cr_expect_not_null(strstr(result.err, "does not say which data"), "%s", result.err);
}

/* Each rank has a disk of its own, on which another file has the same name. */
static void expect_ranks_refused(const char *command, const char *part) {
  write_text("own.sh", "cd rank${OMPI_COMM_WORLD_RANK:-$PMI_RANK} && exec \"$@\"\n");
  char launcher[1024], line[2048];
  snprintf(launcher, sizeof launcher, "%s", run_launcher(2));
  char *program = strrchr(launcher, ' ');
  *program++ = '\0';
  snprintf(line, sizeof line, "%s bash own.sh %s %s", launcher, program, command);
  result_t result = run_command("%s", line);
  cr_expect_eq(result.code, 3, "%s: exit code %d\n%s", command, result.code, result.err);
  cr_expect_not_null(strstr(result.err, part), "no '%s' in: %s", part, result.err);
  cr_expect_not_null(strstr(result.err, "another file than rank 0 reads"), "%s", result.err);
}

Test(data_identity, ranks_that_see_different_files_are_named) {
  static const struct {
    const char *program, *message;
  } cases[] = {
      {"put(np.repeat(x, 50, axis=1), y)", "train/x is 2000 x 650, and rank 0 sees 2000 x 13"},
      {"put(x[:1999], y[:1999])", "train/x has 1999 rows, and rank 0 sees 2000"},
      {"put(x.astype('f4'), y)", "train/x holds float32, and rank 0 sees float64"},
      {"x[0, 0] += 1; put(x, y)", "train/x has the same shape but other values"},
      {"y[-1] = (y[-1] + 1) % 5; put(x, y)", "train/y has the same shape but other values"},
  };
  run_command("mkdir rank0 rank1");
  run_command("cp config.yaml data.h5 rank0");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (!make_other(cases[i].program)) return;
    run_command("sh -c 'cp config.yaml rank1; cp other.h5 rank1/data.h5'");
    expect_ranks_refused("train config.yaml", cases[i].message);
    cr_expect_not(file_exists("rank0/runs/config"));
    if (i == 0) expect_ranks_refused("train config.yaml data.memory_limit=100KB", cases[i].message);
  }
  run_command("sh -c 'rm -rf rank*/runs; cp data.h5 rank1/data.h5'");
  run_well(ALONE, "train config.yaml");
  run_command("cp -r runs rank0");
  run_command("cp -r runs rank1");
  make_other("put(np.repeat(x, 50, axis=1), y)");
  run_command("cp other.h5 rank1/data.h5");
  expect_ranks_refused("predict runs/config data.h5 --x train/x --out p.csv", "2000 x 650");
  expect_ranks_refused("eval runs/config --split train", "2000 x 650");
}
