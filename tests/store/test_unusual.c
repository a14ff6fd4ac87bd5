/* Files of other programs that are unusual, or not what they seem: each is made by h5py, and either read as
 * h5py reads it or refused by name. */
#include "store/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char python[] = "/usr/bin/python3";
static char directory[64];

static void make_place(void) {
  strcpy(directory, "/tmp/lockstep-unusual-XXXXXX");
  cr_assert_not_null(mkdtemp(directory));
  cr_assert_eq(chdir(directory), 0);
}

static void remove_place(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  cr_assert_eq(chdir("/"), 0);
  cr_assert_eq(system(command), 0);
}

TestSuite(unusual, .init = make_place, .fini = remove_place);

/* Runs a program with `f` as the open file f.h5; false if there is no h5py. */
static bool h5py(const char *program) {
  char command[128];
  if (system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) {
    cr_log_warn("skipped: no h5py for %s", python);
    return false;
  }
  FILE *file = fopen("program.py", "w");
  fprintf(file, "import h5py, os, numpy as np\nf = h5py.File('f.h5', 'w')\n%sf.close()\n", program);
  fclose(file);
  snprintf(command, sizeof command, "%s program.py", python);
  cr_assert_eq(system(command), 0);
  return true;
}

/* Expects that an array of 4 x 3 numbers 0, 1, 2, … can be read. */
static void expect_read(const char *path, const char *name) {
  ls_error error = {0};
  store_t *store = NULL;
  store_array_t array;
  double values[12];
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_describe(store, name, &array, &error), LS_OK, "%s", error.message);
  cr_assert(array.dims == 2 && array.shape[0] == 4 && array.shape[1] == 3);
  cr_assert_eq(store_read_rows(store, name, 0, 4, STORE_F64, values, &error), LS_OK, "%s", error.message);
  for (int i = 0; i < 12; i++) cr_assert_eq(values[i], i, "%s: %g at %d", name, values[i], i);
  store_close(&store);
}

/* Expects that describing and reading an array both fail, with a message that holds its name and `part`. */
static void expect_refused(const char *name, const char *part) {
  store_array_t array;
  double value = 0;
  for (int reads = 0; reads < 2; reads++) {
    ls_error error = {0};
    store_t *store = NULL;
    cr_assert_eq(store_open("f.h5", &store, &error), LS_OK, "%s", error.message);
    ls_status status = reads == 1 ? store_read_rows(store, name, 0, 1, STORE_F64, &value, &error)
                                  : store_describe(store, name, &array, &error);
    cr_expect_eq(status, LS_BAD_DATA, "%s is accepted", name);
    cr_expect(strstr(error.message, name) != NULL && strstr(error.message, part) != NULL,
              "neither %s nor '%s' in: %s", name, part, error.message);
    store_close(&store);
  }
}

Test(unusual, newer_formats_are_read) {
  if (!h5py("x = np.arange(12.).reshape(4, 3)\n"
            "for low, high in [('v110', 'v110'), ('latest', 'latest'), ('earliest', 'latest')]:\n"
            "    with h5py.File(low + high + '.h5', 'w', libver=(low, high)) as g:\n"
            "        g['x'] = x\n"
            "        g.create_dataset('chunks', data=x, chunks=(1, 2), maxshape=(None, None))\n"
            "with h5py.File('swmr.h5', 'w', libver='latest') as g:\n"
            "    g.create_dataset('x', data=x, chunks=(1, 3), maxshape=(None, 3))\n"
            "    g.swmr_mode = True\n"))
    return;
  expect_read("v110v110.h5", "x");
  expect_read("v110v110.h5", "chunks");
  expect_read("latestlatest.h5", "chunks");
  expect_read("earliestlatest.h5", "x");
  expect_read("swmr.h5", "x");
}

Test(unusual, values_that_were_never_written_are_refused) {
  if (!h5py("f.create_dataset('never', (4, 3))\n"
            "f.create_dataset('never_chunked', (4, 3), chunks=(2, 3))\n"
            "f.create_dataset('partly', (4, 3), chunks=(2, 3))[0] = 1\n"
            "f.create_dataset('packed', (4, 3), chunks=(2, 3), compression='gzip')[3] = 1\n"
            "f.create_dataset('filled', (4, 3), fillvalue=7)\n"
            "f.create_dataset('empty', (0, 3))\n"
            "f.create_dataset('grown', (2, 3), chunks=(2, 3), maxshape=(None, 3))[...] = 1\n"
            "f['grown'].resize((4, 3))\n"
            "x = np.arange(12.).reshape(4, 3)\n"
            "f.create_dataset('ragged', data=x, chunks=(3, 2))\n"
            "f.create_dataset('ragged_packed', data=x, chunks=(3, 2), compression='gzip')\n"
            "f.create_dataset('gaps', (4, 3), chunks=(2, 3), fillvalue=np.nan)[0] = 1\n"))
    return;
  expect_refused("never", "never written");
  expect_refused("never_chunked", "never written");
  expect_refused("partly", "a part of it was never written");
  expect_refused("packed", "a part of it was never written");
  expect_refused("filled", "never written");
  expect_refused("grown", "a part of it was never written");
  expect_read("f.h5", "ragged");
  expect_read("f.h5", "ragged_packed");
  ls_error error = {0};
  store_t *store = NULL;
  store_array_t array;
  cr_assert_eq(store_open("f.h5", &store, &error), LS_OK);
  cr_expect_eq(store_describe(store, "empty", &array, &error), LS_OK, "%s", error.message);
  cr_expect_eq(store_describe(store, "gaps", &array, &error), LS_OK, "NaN says that values are missing: %s",
               error.message);
  store_close(&store);
}

static const char virtual_arrays[] =
    "os.mkdir('parts')\n"
    "for i in range(2):\n"
    "    with h5py.File(f'parts/{i}.h5', 'w') as g:\n"
    "        g['x'] = np.arange(6.).reshape(2, 3) + 6 * i\n"
    "        g.create_dataset('never', (2, 3))\n"
    "def virtual(name, sources, shape=(4, 3), **how):\n"
    "    layout = h5py.VirtualLayout(shape, 'f8')\n"
    "    for i, (file, array, rows) in enumerate(sources):\n"
    "        layout[2 * i:2 * i + rows] = h5py.VirtualSource(file, array, (rows, 3))\n"
    "    f.create_virtual_dataset(name, layout, **how)\n"
    "virtual('good', [('parts/0.h5', 'x', 2), ('parts/1.h5', 'x', 2)])\n"
    "virtual('above', [('.', 'good', 4)])\n"
    "virtual('no_file', [('parts/0.h5', 'x', 2), ('parts/2.h5', 'x', 2)])\n"
    "virtual('no_array', [('parts/0.h5', 'x', 2), ('parts/1.h5', 'z', 2)])\n"
    "virtual('unwritten', [('parts/0.h5', 'x', 2), ('parts/1.h5', 'never', 2)])\n"
    "virtual('small', [('parts/0.h5', 'x', 4)])\n"
    "virtual('uncovered', [('parts/0.h5', 'x', 2)])\n"
    "virtual('above_missing', [('.', 'no_file', 4)])\n"
    "virtual('itself', [('.', 'itself', 4)])\n"
    "virtual('itself_by_name', [('f.h5', 'itself_by_name', 4)])\n"
    "virtual('ping', [('.', 'pong', 4)])\n"
    "virtual('pong', [('.', 'ping', 4)])\n"
    "list = h5py.h5p.create(h5py.h5p.DATASET_CREATE)\n"
    "space = h5py.h5s.create_simple((4, 3), (h5py.h5s.UNLIMITED, 3))\n"
    "space.select_hyperslab((0, 0), (h5py.h5s.UNLIMITED, 1), (2, 3), (2, 3))\n"
    "list.set_virtual(space, b'parts/%b.h5', b'x', h5py.h5s.create_simple((2, 3)))\n"
    "h5py.h5d.create(f.id, b'pattern', h5py.h5t.IEEE_F64LE, space, list)\n"
    "layout = h5py.VirtualLayout((4, 3), 'f8', maxshape=(None, 3))\n"
    "layout[:h5py.h5s.UNLIMITED] = "
    "h5py.VirtualSource('.', 'endless', (4, 3), maxshape=(None, 3))[:h5py.h5s.UNLIMITED]\n"
    "f.create_virtual_dataset('endless', layout)\n";

Test(unusual, virtual_arrays_are_read_only_when_all_of_them_exists) {
  if (!h5py(virtual_arrays)) return;
  expect_read("f.h5", "good");
  expect_read("f.h5", "above");
  cr_assert_eq(chdir("parts"), 0); /* found beside the file, wherever the program runs */
  expect_read("../f.h5", "good");
  cr_assert_eq(chdir(".."), 0);
  expect_refused("no_file", "there is no file parts/2.h5");
  expect_refused("no_array", "no array z");
  expect_refused("unwritten", "never was declared, but was never written");
  expect_refused("small", "smaller than what is taken from it");
  expect_refused("uncovered", "some of its values have no source");
  expect_refused("above_missing", "there is no file parts/2.h5");
  expect_refused("itself", "refers to itself");
  expect_refused("itself_by_name", "refers to itself");
  expect_refused("ping", "refers to itself");
  expect_refused("pattern", "a pattern");
  expect_refused("endless", "refers to itself");
}

/* Expects that an array of texts cannot be read, with a message that holds its name and `part`. */
static void expect_texts_refused(const char *name, const char *part) {
  ls_error error = {0};
  store_t *store = NULL;
  char **texts = NULL;
  size_t n = 0;
  cr_assert_eq(store_open("f.h5", &store, &error), LS_OK, "%s", error.message);
  cr_expect_eq(store_read_text_array(store, name, &texts, &n, &error), LS_BAD_DATA, "%s is accepted", name);
  cr_expect(strstr(error.message, name) != NULL && strstr(error.message, part) != NULL,
            "neither %s nor '%s' in: %s", name, part, error.message);
  store_close(&store);
}

static const char texts[] = "text = h5py.h5t.C_S1.copy()\n"
                            "text.set_size(4)\n"
                            "space = h5py.h5s.create_simple((3,))\n"
                            "def make(name, space=space):\n"
                            "    list = h5py.h5p.create(h5py.h5p.DATASET_CREATE)\n"
                            "    yield list\n"
                            "    h5py.h5d.create(f.id, name, text, space, list)\n"
                            "open('secret.txt', 'w').write('abcdefghijkl')\n"
                            "for list in make(b'letters'): list.set_external(b'secret.txt', 0, 12)\n"
                            "for list in make(b'itself'): list.set_virtual(space, b'.', b'itself', space)\n"
                            "for list in make(b'never'): pass\n"
                            "huge = h5py.h5s.create_simple((2**40,))\n"
                            "for list in make(b'huge', huge): list.set_chunk((1,)); list.set_fill_time(1)\n"
                            "with h5py.File('other.h5', 'w') as g: g['names'] = np.array([b'a', b'b'])\n"
                            "f['link'] = h5py.ExternalLink('other.h5', '/names')\n";

Test(unusual, texts_obey_the_same_rules) {
  char **names = NULL;
  size_t n = 0;
  if (!h5py(texts)) return;
  expect_texts_refused("letters", "in another file, secret.txt; set data.external");
  expect_texts_refused("itself", "refers to itself");
  expect_texts_refused("never", "never written");
  expect_texts_refused("huge", "never written");
  expect_texts_refused("link", "other.h5; set data.external");
  ls_error error = {0};
  store_t *store = NULL;
  store_allow_external(true);
  cr_assert_eq(store_open("f.h5", &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_text_array(store, "letters", &names, &n, &error), LS_OK, "%s", error.message);
  cr_expect(n == 3 && strcmp(names[2], "ijkl") == 0);
  free(names);
  store_close(&store);
  store_allow_external(false);
}

static ls_status count_array(const char *name, const store_array_t *array, void *context, ls_error *error) {
  (void)name, (void)array, (void)error;
  ++*(int *)context;
  return LS_OK;
}

/* 2^60 ways lead to the last group, and a circle leads back to the first. */
Test(unusual, groups_with_several_names_are_listed_once) {
  int arrays = 0;
  if (!h5py("f['x'] = np.arange(12.).reshape(4, 3)\n"
            "f['y'] = f['x']\n"
            "f['itself'] = f['/']\n"
            "f['again'] = f['/']\n"
            "group = f\n"
            "for i in range(60):\n"
            "    below = group.create_group('a')\n"
            "    group['b'] = below\n"
            "    group = below\n"
            "group['z'] = f['x']\n"))
    return;
  expect_read("f.h5", "y");
  expect_read("f.h5", "itself/again/itself/x");
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open("f.h5", &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_visit(store, count_array, &arrays, &error), LS_OK, "%s", error.message);
  cr_expect_eq(arrays, 3, "%d arrays", arrays);
  store_close(&store);
}

/* A packed chunk of a gigabyte of zeros has a megabyte. */
Test(unusual, chunks_that_are_far_larger_than_the_array_are_refused) {
  if (!h5py("import zlib\n"
            "f.create_dataset('bomb', (4, 3), chunks=(2**28, 1), maxshape=(None, 3), compression='gzip')\n"
            "for i in range(3): f['bomb'].id.write_direct_chunk((0, i), zlib.compress(bytes(2**20)))\n"
            "x = np.arange(12.).reshape(4, 3)\n"
            "f.create_dataset('roomy', data=x, chunks=(2**12, 3), maxshape=(None, 3), compression='gzip')\n"))
    return;
  expect_refused("bomb", "each of its chunks has room for 1073.7 MB");
  expect_read("f.h5", "roomy");
}

Test(unusual, filters_that_are_not_there_are_named) {
  if (!h5py("f.create_dataset('packed', (4, 3), chunks=(4, 3), compression=32999, "
            "allow_unknown_filter=True)\n"
            "f['packed'].id.write_direct_chunk((0, 0), b'abc')\n"
            "f.create_dataset('plain', (4, 3), 'f8', chunks=(4, 3), compression=32999, "
            "allow_unknown_filter=True)\n"
            "f['plain'].id.write_direct_chunk((0, 0), np.arange(12.).tobytes(), filter_mask=1)\n"))
    return;
  expect_refused("packed", "number 32999), which HDF5 does not have here");
  expect_read("f.h5", "plain");
}

static const char in_other_files[] = "open('secret.txt', 'w').write('abcdefghijkl')\n"
                                     "np.arange(12.).tofile('raw.bin')\n"
                                     "with h5py.File('other.h5', 'w') as g:\n"
                                     "    g['x'] = np.arange(12.).reshape(4, 3)\n"
                                     "    g['a/x'] = g['x']\n"
                                     "f.create_dataset('letters', (4, 3), 'u1', external='secret.txt')\n"
                                     "f.create_dataset('raw', (4, 3), 'f8', external='raw.bin')\n"
                                     "f.create_dataset('short', (40, 3), 'f8', external='raw.bin')\n"
                                     "f['link'] = h5py.ExternalLink('other.h5', '/x')\n"
                                     "f['group'] = h5py.ExternalLink('other.h5', '/a')\n"
                                     "f['soft'] = h5py.SoftLink('/link')\n"
                                     "f['lost'] = h5py.ExternalLink('lost.h5', '/x')\n"
                                     "layout = h5py.VirtualLayout((4, 3), 'f8')\n"
                                     "layout[:] = h5py.VirtualSource('.', 'raw', (4, 3))\n"
                                     "f.create_virtual_dataset('virtual', layout)\n";

Test(unusual, other_files_are_read_only_when_allowed) {
  if (!h5py(in_other_files)) return;
  expect_refused("letters", "in another file, secret.txt; set data.external");
  expect_refused("raw", "raw.bin");
  expect_refused("link", "other.h5; set data.external");
  expect_refused("group/x", "other.h5; set data.external");
  expect_refused("soft", "other.h5; set data.external");
  expect_refused("lost", "lost.h5; set data.external");
  expect_refused("virtual", "raw.bin");
  store_allow_external(true);
  expect_read("f.h5", "raw");
  expect_read("f.h5", "link");
  expect_read("f.h5", "group/x");
  expect_read("f.h5", "soft");
  expect_read("f.h5", "virtual");
  expect_refused("short", "raw.bin, which is too short");
  expect_refused("lost", "cannot be opened");
  store_allow_external(false);
}

Test(unusual, shapes_beyond_any_memory_are_refused) {
  if (!h5py("def huge(name, shape):\n"
            "    f.create_dataset(name, shape, 'f4', chunks=tuple(1 for n in shape), fillvalue=np.nan)\n"
            "huge('wraps', (200, 2**20 + 1, 16 * (2**40 - 2**20 + 1)))\n"
            "huge('long', (2**61, 2))\n"
            "huge('no_rows', (2, 2**40, 2**40))\n"))
    return;
  expect_refused("wraps", "more elements than any memory");
  expect_refused("long", "more elements than any memory");
  expect_refused("no_rows", "more elements than any memory");
}
