/* Model files whose numbers cannot be: written by somebody who also made the manifest and the seal anew. Each
 * must end with a message and exit code 3, before memory is taken for what the numbers promise. */
#include "store/store_impl.h"
#include "system/run.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_DATA = 3 };

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 301});
  write_text("config.yaml",
             "data: {file: data.h5, scaling: {name: standard, columns: {3: one_hot}}}\n"
             "model: {layers: [{dense: 4}, {dense: %d}], embeddings: {columns: {2: 3}}}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 0, global_batch_size: 64}\n"
             "parallel: {threads: 1}\n",
             CLASSES);
  write_text("round.py", "import h5py\n"
                         "with h5py.File('data.h5', 'a') as f:\n"
                         "    for split in 'train', 'test':\n"
                         "        x = f[split + '/x'][...]\n"
                         "        x[:, 2:4] = (8 * x[:, 2:4]).round() %% 4\n"
                         "        f[split + '/x'][...] = x\n"
                         "    if 'manifest' in f: del f['manifest']\n");
}

TestSuite(forged, .init = set_up, .fini = place_remove);

/* What is changed in a file: an attribute, or an array that is made empty or removed. */
typedef struct {
  const char *object, *key; /* key NULL: the array */
  int64_t number;           /* the attribute's; of an array its new length, -1: it is removed */
  store_type_t type;        /* of the array */
  const char *text;         /* of the attribute, instead of a number; "": it is removed */
} change_t;

static void apply(store_t *store, const change_t *change) {
  ls_error error = {0};
  const double zeros[16] = {0};
  if (change->text != NULL) {
    cr_assert_geq(H5Adelete_by_name(store->file, change->object, change->key, H5P_DEFAULT), 0);
    if (change->text[0] != '\0')
      cr_assert_eq(store_write_text(store, change->object, change->key, change->text, &error), LS_OK, "%s",
                   error.message);
    return;
  }
  if (change->key != NULL) {
    cr_assert_eq(store_write_int(store, change->object, change->key, change->number, &error), LS_OK, "%s",
                 error.message);
    return;
  }
  cr_assert_geq(H5Ldelete(store->file, change->object, H5P_DEFAULT), 0, "no %s", change->object);
  if (change->number >= 0)
    cr_assert_eq(store_write(store, change->object, change->type, 1, &change->number, zeros, &error), LS_OK,
                 "%s", error.message);
}

/* A copy of the model with the change, a manifest and a seal. */
static void forge(const char *to, const change_t *change) {
  ls_error error = {0};
  store_t *store = calloc(1, sizeof *store);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  store->path = strdup(to);
  store->temporary = temporary_name(to);
  cr_assert_eq(run_command("cp runs/config/model.h5 %s", store->temporary).code, 0);
  store->file = H5Fopen(store->temporary, H5F_ACC_RDWR, H5P_DEFAULT);
  cr_assert_geq(store->file, 0);
  cr_assert_geq(H5Ldelete(store->file, MANIFEST_GROUP, H5P_DEFAULT), 0);
  if (change != NULL) apply(store, change);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
}

static void train(void) {
  if (run_python() == NULL) cr_skip_test("needs h5py");
  cr_assert_eq(run_command("%s round.py", run_python()).code, 0);
  run_well(ALONE, "train config.yaml");
}

static const change_t changes[] = {
    {"/", "members", 0, 0, NULL},
    {"/", "members", -1, 0, NULL},
    {"/", "members", INT64_C(1) << 40, 0, NULL},
    {"/", "members", 10000, 0, NULL},
    {"/", "shards", 0, 0, NULL},
    {"/", "shards", INT64_C(1) << 32, 0, NULL},
    {"/", "step", -1, 0, NULL},
    {"/", "step", INT64_MAX, 0, NULL},
    {"/", "epoch", INT64_MAX, 0, NULL},
    {"/", "inputs", 0, 0, NULL},
    {"/", "inputs", INT64_C(1) << 40, 0, NULL},
    {"scaling/features", "columns", 0, 0, NULL},
    {"scaling/features", "columns", -13, 0, NULL},
    {"scaling/features", "columns", INT64_C(1) << 31, 0, NULL},
    {"scaling/features", "columns", INT64_C(1) << 62, 0, NULL},
    {"scaling/features", "steps", -1, 0, NULL},
    {"scaling/features", "steps", 5, 0, NULL},
    {"scaling/features", "steps", INT64_MAX, 0, NULL},
    {"scaling/features/vectors/1", "width", 0, 0, NULL},
    {"scaling/features/vectors/1", "width", INT64_C(1) << 61, 0, NULL},
    {"scaling/features/source", NULL, 0, STORE_I64, NULL},
    {"scaling/features/source", NULL, 3, STORE_I64, NULL},
    {"scaling/features/source", NULL, -1, STORE_I64, NULL},
    {"scaling/features/kind", NULL, 0, STORE_U8, NULL},
    {"scaling/features/kind", NULL, 3, STORE_U8, NULL},
    {"scaling/features/category", NULL, 0, STORE_F64, NULL},
    {"scaling/features/category", NULL, -1, STORE_F64, NULL},
    {"scaling/features/vectors/1", NULL, 0, STORE_F64, NULL},
    {"scaling/features/shift", NULL, 0, STORE_F64, NULL},
    {"scaling/features/scale", NULL, 3, STORE_F64, NULL},
    {"parameters/dense1/weight", NULL, 0, STORE_F32, NULL},
    {"parameters/dense1/bias", NULL, 3, STORE_F32, NULL},
    {"parameters/dense2/bias", NULL, -1, STORE_F32, NULL},
};

Test(forged, numbers_of_a_model_end_with_a_message) {
  train();
  forge("same.h5", NULL);
  run_well(ALONE, "predict same.h5 data.h5 --out p.csv");
  run_limit_memory(3);
  for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
    const change_t *c = &changes[i];
    forge("forged.h5", c);
    result_t result = run(ALONE, "predict forged.h5 data.h5 --out p.csv");
    cr_expect_eq(result.code, EXIT_DATA, "%s %s %" PRId64 ": exit code %d:\n%s", c->object,
                 c->key != NULL ? c->key : "", c->number, result.code, result.err);
    cr_expect_not_null(strstr(result.err, "forged.h5"), "%s %s: %s", c->object, c->key != NULL ? c->key : "",
                       result.err);
    cr_expect_null(strstr(result.err, "no memory"), "%s %s: %s", c->object, c->key != NULL ? c->key : "",
                   result.err);
  }
}

/* A file that has the content of a model and not its format was a model once. */
Test(forged, a_model_without_its_format_is_no_dataset) {
  static const struct {
    const char *format, *message;
  } cases[] = {{"xockstep model 1", "forged.h5 is damaged: it has the settings and parameters of a model"},
               {"lockstep model 2", "forged.h5 is damaged: it has the settings and parameters of a model"},
               {"", "forged.h5 is damaged: it has the settings and parameters of a model"}};
  train();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    forge("forged.h5", &(change_t){"/", "format", 0, 0, cases[i].format});
    result_t result = run(1 + (int)i % 2, "info forged.h5");
    cr_expect_eq(result.code, EXIT_DATA, "'%s': %d:\n%s", cases[i].format, result.code, result.out);
    cr_expect_not_null(strstr(result.err, cases[i].message), "%s", result.err);
  }
  write_text("other.py",
             "import h5py\n"
             "with h5py.File('other.h5', 'w') as f: f['x'] = [1.0]; f.attrs['format'] = 'mine'\n"
             "with h5py.File('study.h5', 'w') as f: f['x'] = [1.0]; f.attrs['format'] = 'lockstep z 1'\n");
  cr_assert_eq(run_command("%s other.py", run_python()).code, 0);
  run_well(ALONE, "info other.h5");
  result_t result = run(ALONE, "info study.h5");
  cr_expect_eq(result.code, EXIT_DATA);
  cr_expect_not_null(strstr(result.err, "has the format \"lockstep z 1\", which is not known here"), "%s",
                     result.err);
}
