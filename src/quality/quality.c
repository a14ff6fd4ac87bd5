#include "quality/quality.h"

#include "base/activity.h"
#include "base/json.h"
#include "quality/quality_impl.h"
#include "quality/separation.h"

#include <inttypes.h>
#include <math.h>

static int64_t count_occupied(const walked_t *walked) {
  int64_t occupied = 0;
  for (int64_t k = 0; k < walked->clusters; k++) occupied += walked->counts[k] > 0;
  return occupied;
}

ls_status quality_find(const quality_inputs_t *inputs, quality_t *out, ls_error *error) {
  walked_t walked = {.clusters = 0};
  quality_t found = {.rows = inputs->gather->split->partition.rows};
  activity_set("judging the clusters of %" PRId64 " rows", found.rows);
  ls_status status = walk_rows(inputs, &walked, error);
  if (status != LS_OK) goto done;
  found.clusters = walked.clusters;
  found.occupied = count_occupied(&walked);
  found.sample = walked.n_sample;
  found.davies_bouldin =
      separation_find(walked.clusters, walked.columns, walked.counts, walked.means, walked.widths);
  TRY_OR_DONE(sample_silhouette(inputs, &walked, &found.silhouette, error));
  if (inputs->has_labels)
    TRY_OR_DONE(labels_compare(inputs, &walked, &found.classes, &found.agreement, error));
  if (inputs->covariance != NULL)
    found.criteria = criteria_find(criteria_parameters(inputs->covariance, walked.clusters, walked.columns),
                                   walked.rows.rows, inputs->mean_log_density);
  *out = found;
done:
  arena_free(&walked.arena);
  return status;
}

void quality_print(const quality_t *quality, FILE *out) {
  fprintf(out, "clusters %" PRId64, quality->clusters);
  if (quality->occupied < quality->clusters)
    fprintf(out, " (%" PRId64 " without rows)", quality->clusters - quality->occupied);
  if (isnan(quality->silhouette))
    fputs(", rows in one cluster alone have no silhouette", out);
  else
    fprintf(out, ", silhouette %.4f", quality->silhouette);
  if (!isnan(quality->silhouette) && quality->sample < quality->rows)
    fprintf(out, " (of %" PRId64 " rows)", quality->sample);
  if (!isnan(quality->davies_bouldin)) fprintf(out, ", Davies-Bouldin %.4f", quality->davies_bouldin);
  fputc('\n', out);
  if (quality->classes > 0)
    fprintf(out,
            "against %" PRId64
            " classes: adjusted Rand %.4f, normalised mutual information %.4f, purity %.4f\n",
            quality->classes, quality->agreement.adjusted_rand, quality->agreement.mutual_information,
            quality->agreement.purity);
  if (quality->criteria.parameters > 0)
    fprintf(out, "%" PRId64 " parameters: BIC %.8g, AIC %.8g\n", quality->criteria.parameters,
            quality->criteria.bic, quality->criteria.aic);
}

void quality_json(const quality_t *quality, FILE *out) {
  json_integer(out, false, "clusters", quality->clusters);
  json_integer(out, false, "clusters_with_rows", quality->occupied);
  json_number(out, false, "silhouette", quality->silhouette);
  json_integer(out, false, "silhouette_rows", quality->sample);
  json_number(out, false, "davies_bouldin", quality->davies_bouldin);
  if (quality->classes > 0) {
    json_integer(out, false, "label_classes", quality->classes);
    json_number(out, false, "adjusted_rand", quality->agreement.adjusted_rand);
    json_number(out, false, "normalised_mutual_information", quality->agreement.mutual_information);
    json_number(out, false, "purity", quality->agreement.purity);
  }
  if (quality->criteria.parameters > 0) {
    json_integer(out, false, "density_parameters", quality->criteria.parameters);
    json_number(out, false, "bic", quality->criteria.bic);
    json_number(out, false, "aic", quality->criteria.aic);
  }
}
