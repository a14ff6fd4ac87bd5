/* What follows from `cluster` where the settings do not say otherwise: the network, its loss, and the keys of
 * a run that have other defaults than in training. */
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

enum { SET_SIZE = 128 };

static const char *text_of(const yaml_value_t *tree, const char *path, const char *initial) {
  const yaml_value_t *nearest = NULL, *value = keys_find(tree, path, &nearest);
  return value != NULL && value->kind == YAML_TEXT ? value->text : initial;
}

/* Sets a key that is not given, as an override would. */
static ls_status set(const reading_t *reading, const char *word, yaml_value_t *tree) {
  const yaml_value_t *nearest = NULL;
  char path[SET_SIZE];
  snprintf(path, sizeof path, "%.*s", (int)strcspn(word, "="), word);
  if (keys_find(tree, path, &nearest) != NULL) return LS_OK;
  const char *kept = arena_text(reading->scratch, word); /* the tree borrows it */
  return kept == NULL ? setting_no_memory(reading) : override_apply(reading, kept, tree);
}

/* A number with a mistake in it stands for 1 here: it is refused where its own key is read. */
static const char *number_of(const char *text) {
  const size_t length = strlen(text);
  return length > 0 && length < 8 && strspn(text, "0123456789") == length && text[0] != '0' ? text : "1";
}

ls_status cluster_complete(const reading_t *reading, yaml_value_t *tree) {
  const char *k = text_of(tree, "cluster.k", "0"), *method = text_of(tree, "cluster.method", "kmeans");
  const bool is_kernels = strcmp(method, "kernels") == 0;
  const bool is_mixture = strcmp(method, "mixture") == 0 || is_kernels;
  const bool has_batches = strcmp(method, "minibatch") == 0;
  char layers[SET_SIZE], batch[SET_SIZE];
  if (strcmp(text_of(tree, "data.targets", "y"), "x") == 0 &&
      strcmp(text_of(tree, "data.window.length", "0"), "0") != 0)
    TRY(set(reading, "data.window.horizon=0", tree));
  if (strcmp(k, "0") == 0) return LS_OK;
  if (is_mixture)
    snprintf(layers, sizeof layers, "model.layers=[gaussians: {units: %s, covariance: %.20s}]", number_of(k),
             is_kernels ? "spherical" : text_of(tree, "cluster.covariance", "full"));
  else
    snprintf(layers, sizeof layers, "model.layers=[centres: {units: %s}]", number_of(k));
  snprintf(batch, sizeof batch, "train.global_batch_size=%.20s",
           has_batches ? number_of(text_of(tree, "cluster.batch", "1024")) : "all");
  const char *const words[] = {layers, is_mixture ? "loss=density" : "loss=distortion", batch,
                               "train.epochs=1000", "checkpoint.best=train_loss"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) TRY(set(reading, words[i], tree));
  return LS_OK;
}
