/* What a clustering is worth: the figures of a model whose last layer is `centres` or `gaussians`, on the
 * rows of a split. A row belongs to the cluster with the largest output. Distances are those that the last
 * layer sees: between rows as they are after scaling and after the layers in front of it. Rows count by
 * their weights, a row of weight 3 as three equal rows (features/row_weights.h). All figures have the
 * same bits on any layout: counts are integers, sums are added by the tree, and the rows of the sample follow
 * from the seed and the number of rows. */
#ifndef QUALITY_QUALITY_H
#define QUALITY_QUALITY_H

#include "comm/world.h"
#include "features/gather.h"
#include "model/graph.h"
#include "quality/agreement.h"
#include "quality/criteria.h"

#include <stdbool.h>
#include <stdio.h>

enum { QUALITY_SAMPLE = 2000, QUALITY_MOST_CLASSES = 10000 };

typedef struct {
  int64_t rows, clusters;
  int64_t occupied;      /* clusters with rows */
  int64_t sample;        /* rows of the silhouette */
  double silhouette;     /* mean over them (silhouette.h); NaN with fewer than two clusters */
  double davies_bouldin; /* of all rows (separation.h); NaN with fewer than two clusters */
  int64_t classes;       /* different labels; 0: there are no labels */
  agreement_t agreement; /* with labels */
  criteria_t criteria;   /* of a density; parameters 0: there is none */
} quality_t;

/* All borrowed. */
typedef struct {
  world_t *world;
  const graph_t *graph;
  const float *parameters; /* vector of the graph */
  const gather_t *gather;  /* of the split */
  int threads;
  uint64_t seed;           /* of the sample */
  bool has_labels;         /* the split has one target: the label of a row */
  bool labels_are_named;   /* by the user: too many different ones are an error, else no labels */
  const char *covariance;  /* of the last layer, a mixture; NULL: it has no density */
  double mean_log_density; /* of the rows, for a mixture */
} quality_inputs_t;

/* LS_BAD_DATA if labels that the user named have more than QUALITY_MOST_CLASSES different values. The same
 * figures on every rank. *out is untouched on failure. Collective. */
ls_status quality_find(const quality_inputs_t *inputs, quality_t *out, ls_error *error);

/* What their memory depends on: clusters; columns of what the last layer sees; rows of this rank and all;
 * threads and shards of this rank. And the bytes of a rank. Pure. */
typedef struct {
  int64_t clusters, columns, rows, all_rows;
  int threads, shards;
} quality_size_t;
double quality_bytes(const quality_size_t *size);

/* A line for each kind of figure, and members of JSON with a comma in front. */
void quality_print(const quality_t *quality, FILE *out);
void quality_json(const quality_t *quality, FILE *out);

#endif
