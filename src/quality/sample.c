/* The silhouette of a sample: every rank gets all rows of the sample, and finds the silhouettes of some. */
#include "quality/quality_impl.h"

#include "base/activity.h"
#include "quality/silhouette.h"
#include "score/threads.h"

#include <string.h>

/* All rows of the sample, and a thread's scratch memory behind one another. */
typedef struct {
  silhouette_t all;
  float *rows, *columns; /* (rows, columns), and by columns */
  int32_t *cluster;
  double *sizes, *weights; /* (clusters), (rows) or NULL */
  double *found;           /* (rows), those of this rank */
  double *scratch;         /* (threads, stride + clusters) */
  int64_t first, count;    /* this rank's */
  int threads;
  arena_t arena;
} sample_t;

static ls_status sample_create(const quality_inputs_t *inputs, const walked_t *walked, sample_t *sample,
                               ls_error *error) {
  const size_t rows = (size_t)walked->n_sample, columns = (size_t)walked->columns;
  const size_t stride = (size_t)silhouette_stride(walked->n_sample), k = (size_t)walked->clusters;
  const int64_t ranks = world_size(inputs->world), rank = world_rank(inputs->world);
  arena_t *arena = &sample->arena;
  sample->rows = arena_new(arena, rows * columns, sizeof(float));
  sample->columns = arena_new(arena, stride * columns, sizeof(float));
  sample->cluster = arena_new(arena, rows, sizeof(int32_t));
  sample->sizes = arena_new(arena, k, sizeof(double));
  sample->found = arena_new(arena, rows, sizeof(double));
  if (walked->weights != NULL) {
    sample->weights = arena_new(arena, rows, sizeof(double));
    if (sample->weights == NULL) return error_set(error, LS_NO_MEMORY, "no memory for weights");
  }
  sample->scratch = arena_new(arena, (size_t)inputs->threads * (stride + k), sizeof(double));
  sample->first = walked->n_sample * rank / ranks;
  sample->count = walked->n_sample * (rank + 1) / ranks - sample->first;
  sample->threads = inputs->threads;
  bool all = sample->rows != NULL && sample->columns != NULL && sample->cluster != NULL &&
             sample->sizes != NULL && sample->found != NULL && sample->scratch != NULL;
  return all ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for the silhouette of %zu rows", rows);
}

/* all = the pieces of all ranks in order, `own` rows of this rank's. */
static ls_status gather(world_t *world, const void *mine, int64_t own, size_t row_bytes, void *all,
                        arena_t *arena, ls_error *error) {
  const size_t ranks = (size_t)world_size(world), size = (size_t)own * row_bytes;
  size_t *sizes = arena_new(arena, ranks, sizeof *sizes);
  ls_status status = sizes == NULL ? error_set(error, LS_NO_MEMORY, "no memory for sizes") : LS_OK;
  TRY(world_agree(world, status, error));
  TRY(world_gather(world, &size, sizeof size, sizes, error));
  return world_gather_pieces(world, mine, sizes, all, -1, error);
}

static double weight_of(const sample_t *sample, int64_t r) {
  return sample->weights == NULL ? 1 : sample->weights[r];
}

static void arrange(const walked_t *walked, sample_t *sample) {
  const int64_t stride = silhouette_stride(walked->n_sample), columns = walked->columns;
  for (int64_t r = 0; r < walked->n_sample; r++) {
    sample->sizes[sample->cluster[r]] += weight_of(sample, r);
    for (int64_t c = 0; c < columns; c++) sample->columns[c * stride + r] = sample->rows[r * columns + c];
  }
  sample->all = (silhouette_t){.rows = walked->n_sample,
                               .columns = columns,
                               .clusters = walked->clusters,
                               .stride = stride,
                               .x = sample->columns,
                               .cluster = sample->cluster,
                               .sizes = sample->sizes,
                               .weights = sample->weights,
                               .are_whole = walked->rows.are_whole};
}

static void find_share(void *context, int thread) {
  const sample_t *sample = context;
  const int64_t begin = sample->first + sample->count * thread / sample->threads;
  const int64_t end = sample->first + sample->count * (thread + 1) / sample->threads;
  double *scratch = sample->scratch + thread * (sample->all.stride + sample->all.clusters);
  silhouette_find(&sample->all, begin, end - begin, scratch, scratch + sample->all.stride,
                  sample->found + begin - sample->first);
}

ls_status sample_silhouette(const quality_inputs_t *inputs, const walked_t *walked, double *silhouette,
                            ls_error *error) {
  sample_t sample = {.first = 0};
  world_t *world = inputs->world;
  const size_t row_bytes = (size_t)walked->columns * sizeof(float);
  double *all = NULL, sum = 0, weight = 0;
  activity_set("finding the silhouette of %lld rows", (long long)walked->n_sample);
  ls_status status = sample_create(inputs, walked, &sample, error);
  if (status == LS_OK && (all = arena_new(&sample.arena, (size_t)walked->n_sample, sizeof *all)) == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for silhouettes");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(gather(world, walked->sample, walked->own, row_bytes, sample.rows, &sample.arena, error));
  TRY_OR_DONE(gather(world, walked->sample_cluster, walked->own, sizeof(int32_t), sample.cluster,
                     &sample.arena, error));
  if (walked->weights != NULL)
    TRY_OR_DONE(gather(world, walked->sample_weight, walked->own, sizeof(double), sample.weights,
                       &sample.arena, error));
  arrange(walked, &sample);
  threads_run(sample.threads, find_share, &sample);
  TRY_OR_DONE(gather(world, sample.found, sample.count, sizeof(double), all, &sample.arena, error));
  for (int64_t r = 0; r < walked->n_sample; r++) {
    sum += weight_of(&sample, r) * all[r];
    weight += weight_of(&sample, r);
  }
  *silhouette = sum / weight;
done:
  arena_free(&sample.arena);
  return status;
}
