/* Gaussian mixtures and the figures of clusters as users meet them: runs of `lockstep cluster`, `lockstep
 * eval` with labels, and data for which no mixture can be fitted. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void set_up(void) {
  place_make();
  run_well(ALONE, "import --make moons --rows 375 --noise 0.1 --split train=0.8,test=0.2 moons.h5");
  write_text("moons.yaml", "data: {file: moons.h5}\n"
                           "cluster: {method: mixture, k: 4, starts: 1, tolerance: 0}\n"
                           "train: {epochs: 6}\n"
                           "parallel: {shards: 5, threads: 1}\n");
}

TestSuite(mixture, .init = set_up, .fini = place_remove);

Test(mixture, has_the_same_bits_on_any_layout) {
  static const char *const covariances[] = {"full", "tied", "diagonal", "spherical"};
  for (size_t i = 0; i < sizeof covariances / sizeof covariances[0]; i++) {
    const char *covariance = covariances[i];
    run_well(ALONE, "cluster moons.yaml name=one cluster.covariance=%s", covariance);
    const outcome_t one = outcome_of("one");
    run_well(i < 2 ? 3 : ALONE, "cluster moons.yaml name=three cluster.covariance=%s parallel.threads=2",
             covariance);
    const outcome_t three = outcome_of("three");
    cr_expect_eq(one.epochs, 6);
    outcome_expect_same(&one, &three, covariance);
  }
}

Test(mixture, goes_on_after_a_pause_as_if_there_was_none) {
  run_well(ALONE, "cluster moons.yaml name=whole");
  run_well(ALONE, "cluster moons.yaml name=parts train.epochs=2");
  run_well(2, "cluster moons.yaml name=parts --resume");
  const outcome_t whole = outcome_of("whole"), parts = outcome_of("parts");
  outcome_expect_same(&whole, &parts, "resumed");
}

/* Every iteration of EM makes the rows more likely, but for rounding (Dempster, Laird and Rubin 1977). */
Test(mixture, never_gets_less_likely) {
  run_well(ALONE, "cluster moons.yaml name=long train.epochs=40");
  const outcome_t found = outcome_of("long");
  for (int64_t e = 1; e < found.epochs; e++)
    cr_expect_leq(found.train_loss[e], found.train_loss[e - 1] + 1e-6, "epoch %ld", (long)e);
}

/* The loss of eval is computed by the layer, in float; the objective of the fit from sums in double. */
Test(mixture, summary_and_eval_agree) {
  run_well(ALONE, "cluster moons.yaml name=fit cluster.covariance=tied");
  run_well(3, "eval runs/fit --split train --json found.json");
  const char *summary = file_text("runs/fit/summary.json");
  const double loss = json_double(summary, "train_loss"), bic = json_double(summary, "bic");
  const double silhouette = json_double(summary, "silhouette"), aic = json_double(summary, "aic");
  const double parameters = json_double(summary, "density_parameters");
  cr_expect_eq(parameters, 3 + 4 * 2 + 3);
  cr_expect_float_eq(bic, parameters * log(300) + 2 * 300 * loss, 1e-9 * bic);
  cr_expect_float_eq(aic, 2 * parameters + 2 * 300 * loss, 1e-9 * aic);
  const char *found = file_text("found.json");
  cr_expect_float_eq(json_double(found, "loss"), loss, 1e-5);
  cr_expect_float_eq(json_double(found, "bic"), bic, 1e-2);
  cr_expect_eq(json_double(found, "silhouette"), silhouette, "the same bits");
  cr_expect_eq(json_double(found, "label_classes"), 2, "the y of the split");
  cr_expect(json_double(found, "adjusted_rand") > 0.1, "%s", found);
}

/* The last of these starts is not the best. */
Test(mixture, summary_is_that_of_the_best_start) {
  run_well(ALONE, "cluster moons.yaml name=starts 'cluster={method: kmeans, k: 12, starts: 3, init: random}' "
                  "train.epochs=60");
  const outcome_t found = outcome_of("starts");
  double least = found.train_loss[0];
  for (int64_t e = 1; e < found.epochs; e++) least = fmin(least, found.train_loss[e]);
  cr_expect_gt(found.train_loss[found.epochs - 1], least);
  cr_expect_float_eq(json_double(file_text("runs/starts/summary.json"), "train_loss"), least, 1e-12);
}

static void expect_refusal(int code, const char *words, const char *text) {
  const result_t result = run(ALONE, "%s", words);
  cr_expect_eq(result.code, code, "%s: %d, %s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, text), "%s: no '%s' in: %s", words, text, result.err);
}

Test(mixture, labels_are_chosen_by_name) {
  run_well(ALONE, "cluster moons.yaml name=fit cluster.method=kmeans");
  const result_t none = run_well(ALONE, "eval runs/fit --labels none");
  cr_expect_null(strstr(none.out, "against"), "%s", none.out);
  cr_expect_null(strstr(none.out, "BIC"), "k-means has no density: %s", none.out);
  const result_t named = run_well(ALONE, "eval runs/fit --x train/x --labels train/y");
  cr_expect_not_null(strstr(named.out, "against 2 classes"), "%s", named.out);
  const result_t alone = run_well(ALONE, "eval runs/fit --x train/x");
  cr_expect_null(strstr(alone.out, "against"), "%s", alone.out);
  expect_refusal(3, "eval runs/fit --labels train/z", "train/z");
  expect_refusal(3, "eval runs/fit --labels train/x", "one label for each row");
  run_well(ALONE, "train moons.yaml name=network cluster.k=0 cluster.method=kmeans model.layers='[dense: 2]' "
                  "loss=cross_entropy train.epochs=1");
  expect_refusal(2, "eval runs/network --labels train/y", "models of clusters");
  expect_refusal(2, "eval runs/network --x train/x", "--x and --y go together");
}

Test(mixture, singular_covariances_are_refused) {
  run_well(ALONE, "import --make blobs --rows 90 --classes 3 --noise 0 --features 2 points.h5");
  const char *const covariances[] = {"full", "tied", "diagonal", "spherical"};
  for (size_t i = 0; i < sizeof covariances / sizeof covariances[0]; i++) {
    char words[256];
    snprintf(
        words, sizeof words,
        "cluster moons.yaml data.file=points.h5 cluster.k=3 cluster.regularization=0 cluster.covariance=%s",
        covariances[i]);
    expect_refusal(3, words, "is singular");
  }
  run_well(ALONE, "cluster moons.yaml data.file=points.h5 cluster.k=3");
  expect_refusal(3, "cluster moons.yaml data.file=points.h5 cluster.k=4", "cluster.k=4");
  expect_refusal(3, "cluster moons.yaml cluster.k=301", "cluster.k=301");
}

/* A sweep over mixtures is compared by BIC, which is least where it is best. */
Test(mixture, a_sweep_has_the_criteria_of_scikit_learn) {
  static const char *const sweep =
      "sweep moons.yaml cluster.covariance=full,tied,diagonal,spherical cluster.k=1,3";
  const result_t found = run_well(2, "%s", sweep);
  cr_expect_not_null(strstr(found.err, "compared by bic"), "%s", found.err);
  cr_expect_not_null(strstr(found.out, "silhouette"), "%s", found.out);
  cr_expect_not_null(strstr(found.out, "to train it: lockstep cluster"), "%s", found.out);
  run_well(ALONE, "%s name=aic --metric aic", sweep);
  if (run_python() == NULL) return;
  for (int i = 0; i < 2; i++) {
    const char *name = i == 0 ? "moons" : "aic", *metric = i == 0 ? "bic" : "aic";
    const result_t result = run_command("%s %s/system/criteria.py runs/%s-sweep moons.h5 %s", run_python(),
                                        TESTS_FOLDER, name, metric);
    cr_expect_eq(result.code, 0, "%s%s", result.out, result.err);
  }
}

/* One cluster has no silhouette, and comes last; for Davies-Bouldin less is better. */
Test(mixture, sweeps_of_clusters_are_ranked_by_what_a_figure_means) {
  static const char *const sweep = "sweep moons.yaml cluster.method=kmeans cluster.k=1,2,3,9";
  float figures[4], ranked[4];
  for (int i = 0; i < 2; i++) {
    const char *metric = i == 0 ? "silhouette" : "davies_bouldin";
    char path[64];
    const result_t result =
        run_well(ALONE, "%s name=%s%s%s", sweep, metric, i == 0 ? "" : " --metric ", i == 0 ? "" : metric);
    cr_expect_not_null(strstr(result.err, metric), "%s", result.err);
    snprintf(path, sizeof path, "runs/%s-sweep/sweep.h5", metric);
    read_floats(path, "trials/metric", 4, figures);
    read_floats(path, "ranking/mean", 4, ranked);
    cr_expect(isnan(figures[0]) && isnan(ranked[3]));
    for (int r = 1; r < 3; r++)
      cr_expect(i == 0 ? ranked[r - 1] >= ranked[r] : ranked[r - 1] <= ranked[r], "%s: %g, %g", metric,
                (double)ranked[r - 1], (double)ranked[r]);
  }
}

Test(mixture, a_sweep_refuses_criteria_that_its_trials_lack) {
  static const struct {
    const char *words, *message;
  } cases[] = {
      {"moons.yaml cluster.k=2,3 --metric entropy", "of clusters silhouette, davies_bouldin, bic, aic"},
      {"moons.yaml cluster.method=kmeans,mixture --metric bic", "is a figure of mixtures"},
      {"moons.yaml cluster.k=2,3,4,5 --halving 2 --metric bic", "known when a fit has ended"},
      {"net.yaml train.seed=1,2 --metric silhouette", "set cluster.k"},
  };
  write_text("net.yaml", "data: {file: moons.h5}\nmodel: {layers: [dense: 2]}\nloss: cross_entropy\n"
                         "train: {epochs: 1}\n");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const result_t result = run(ALONE, "sweep %s", cases[i].words);
    cr_expect_eq(result.code, 2, "%s: %d %s", cases[i].words, result.code, result.err);
    cr_expect_not_null(strstr(result.err, cases[i].message), "%s: %s", cases[i].words, result.err);
  }
}
