/* What `check` prints of a plan, and what it warns of. */
#include "study/plan.h"

#include "layout/shard.h"

#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

enum { MOST_LINES = 64, FIRST_LINES = 24, LAST_LINES = 8, LINE_SIZE = 256 };

static bool is_imagined(const run_plan_t *plan) {
  return plan->world != plan->job;
}

static const char *plural(int64_t n) {
  return n == 1 ? "" : "s";
}

/* ---- the data ---- */

static void print_fit(const settings_t *settings, FILE *out) {
  const cluster_settings_t *cluster = &settings->cluster;
  if (strcmp(cluster->method, "kernels") == 0)
    fprintf(out, "fit     %" PRId64 " kernels, %" PRId64 " bandwidth%s\n", cluster->k, settings->train.epochs,
            plural(settings->train.epochs));
  else
    fprintf(out, "fit     %s, k = %" PRId64 ", %" PRId64 " start%s, at most %" PRId64 " epochs of all rows\n",
            cluster->method, cluster->k, cluster->starts, plural(cluster->starts), settings->train.epochs);
}

static void print_data(const run_plan_t *plan, FILE *out) {
  static const char *const types[] = {
      [ELEMENT_U8] = "bytes", [ELEMENT_F32] = "float32", [ELEMENT_F64] = "float64"};
  const settings_t *settings = &plan->settings;
  const dataset_shape_t *shape = &plan->training.shape;
  const window_settings_t *window = &settings->data.window;
  int64_t batch = settings->train.global_batch_size;
  partition_t partition = {shape->train_rows, plan->training.layout->shards};
  int64_t steps = epoch_steps(partition, batch);
  fprintf(out,
          "\ndata    %s: %" PRId64 " training, %" PRId64 " validation, %" PRId64 " test rows of %" PRId64
          " features, %s in memory\n",
          settings->data.file, shape->train_rows, shape->valid_rows, shape->test_rows, shape->features,
          types[shape->type]);
  if (plan->training.width.inputs != shape->features)
    fprintf(out, "inputs  %" PRId64 " of the network, computed from these features\n",
            plan->training.width.inputs);
  if (strcmp(settings->data.missing, "drop") == 0)
    fputs("        these counts include rows with missing values, which will be dropped\n", out);
  if (window->length > 0 && window->horizon == 0)
    fprintf(out, "windows of %" PRId64 " steps, one every %" PRId64 ": %" PRId64 " training steps\n",
            window->length, window->stride, shape->train_steps);
  else if (window->length > 0)
    fprintf(out,
            "windows of %" PRId64 " steps, %" PRId64 " forecast, one every %" PRId64 ": %" PRId64
            " training steps\n",
            window->length, window->horizon, window->stride, shape->train_steps);
  if (shape->series > 1)
    fprintf(out, "series  %" PRId64 ", %" PRId64 " of them long enough for a window of training\n",
            shape->series, shape->train_series);
  if (run_plan_fits(plan))
    print_fit(settings, out);
  else
    fprintf(out,
            "steps   %" PRId64 " an epoch of %" PRId64 " rows (the last has %" PRId64 "), %" PRId64
            " in %" PRId64 " epochs\n",
            steps, batch, step_rows(partition, batch, steps - 1), steps * settings->train.epochs,
            settings->train.epochs);
  fprintf(out,
          "shards  %d, each with %" PRId64 " to %" PRId64 " rows of the data and at most %" PRId64
          " of a batch\n",
          partition.shards, shard_rows(partition, partition.shards - 1), shard_rows(partition, 0),
          slice_rows(batch, partition.shards));
}

/* ---- the ranks ---- */

static void print_rank(const run_plan_t *plan, int r, FILE *out) {
  const plan_rank_t *rank = &plan->ranks[r];
  char shards[32];
  snprintf(shards, sizeof shards, "%d-%d", rank->layout.first_shard,
           rank->layout.first_shard + rank->layout.own_shards - 1);
  fprintf(out, "%5d %5d  %-24.24s %6d %8d %12s %10" PRId64 " %10.1f\n", r, rank->node,
          world_host(plan->world, r), rank->layout.cores_allowed, rank->layout.threads, shards, rank->rows,
          plan_rank_bytes(rank) / 1e6);
}

static void print_ranks(const run_plan_t *plan, FILE *out) {
  int n = world_size(plan->world);
  int64_t most = 0, sum = 0;
  fprintf(out, "layout  %d node(s), %d rank(s), %d thread(s) on rank 0; reduce: %s\n",
          world_nodes(plan->world), n, plan->ranks[0].layout.threads, plan->settings.parallel.reduce);
  if (is_imagined(plan) && plan->request.ranks > n)
    fprintf(out, "        %d of the %d ranks have no work, because there %s %d shard%s\n",
            plan->request.ranks - n, plan->request.ranks, n == 1 ? "is" : "are", n, plural(n));
  fprintf(out, "\n%5s %5s  %-24s %6s %8s %12s %10s %10s\n", "rank", "node", "host", "cores", "threads",
          "shards", "rows", "MB");
  for (int r = 0; r < n; r++) {
    if (n > MOST_LINES && r == FIRST_LINES) {
      fprintf(out, "%5s        (%d ranks more)\n", "...", n - FIRST_LINES - LAST_LINES);
      r = n - LAST_LINES;
    }
    print_rank(plan, r, out);
  }
  for (int r = 0; r < n; r++) {
    if (plan->ranks[r].rows > most) most = plan->ranks[r].rows;
    sum += plan->ranks[r].rows;
  }
  fprintf(out, "\nbalance the busiest rank has %.3f times the mean rows\n", (double)most * n / (double)sum);
}

/* ---- memory ---- */

/* A run of nodes or hosts whose lines are equal but for their number. */
typedef struct {
  const char *what;
  int first, last; /* -1: none yet */
  char line[LINE_SIZE];
} alike_t;

static void print_alike(const alike_t *alike, FILE *out) {
  if (alike->last == alike->first)
    fprintf(out, "        %s %d: %s\n", alike->what, alike->first, alike->line);
  else
    fprintf(out, "        %ss %d to %d, each: %s\n", alike->what, alike->first, alike->last, alike->line);
}

static void add_alike(alike_t *alike, int number, const char *line, FILE *out) {
  if (alike->first >= 0 && strcmp(alike->line, line) == 0) {
    alike->last = number;
    return;
  }
  if (alike->first >= 0) print_alike(alike, out);
  alike->first = alike->last = number;
  snprintf(alike->line, sizeof alike->line, "%s", line);
}

/* Parameters are added once per node: with `reduce: shared` a node holds one copy. */
static void print_nodes(const run_plan_t *plan, FILE *out) {
  alike_t alike = {"node", -1, -1, ""};
  const int n = world_size(plan->world);
  for (int r = 0; r < n;) {
    const plan_rank_t *first = &plan->ranks[r];
    double bytes = first->parameters;
    char line[LINE_SIZE];
    for (; r < n && plan->ranks[r].node == first->node; r++) bytes += plan_rank_bytes(&plan->ranks[r]);
    if (run_plan_fits(plan))
      snprintf(line, sizeof line, "%.1f MB", bytes / 1e6);
    else
      snprintf(line, sizeof line, "%.1f MB, parameters (%.1f MB) included", bytes / 1e6,
               first->parameters / 1e6);
    add_alike(&alike, first->node, line, out);
  }
  print_alike(&alike, out);
}

static void print_hosts(const run_plan_t *plan, FILE *out) {
  alike_t alike = {"host", -1, -1, ""};
  const int n = world_size(plan->world);
  for (int r = 0, end = 0, host = 0; r < n; r = end, host++) {
    char line[LINE_SIZE];
    double shared = 0;
    const double bytes = run_plan_host_bytes(plan, r, &end, &shared);
    snprintf(line, sizeof line,
             "%d rank%s x %d thread%s on %d cores; %.1f of %.1f MB, %.1f MB of them shared (/dev/shm)",
             end - r, plural(end - r), plan->ranks[r].layout.threads, plural(plan->ranks[r].layout.threads),
             plan->request.cores, bytes / 1e6, plan->request.memory / 1e6, shared / 1e6);
    add_alike(&alike, host, line, out);
  }
  print_alike(&alike, out);
}

static void print_parts(const run_plan_t *plan, FILE *out) {
  const plan_rank_t *first = plan->ranks;
  if (run_plan_fits(plan))
    fprintf(out,
            "memory  rank 0: program %.1f MB, data %.1f MB, %s %.1f MB, sums %.1f MB, blocks of rows "
            "%.1f MB, parameters %.1f MB, files %.1f MB\n",
            first->program / 1e6, first->data / 1e6,
            strcmp(plan->settings.cluster.method, "kernels") == 0 ? "kernels" : "clusters of rows",
            first->states / 1e6, first->partials / 1e6, first->tape / 1e6, first->copies / 1e6,
            first->files / 1e6);
  else
    fprintf(out,
            "memory  rank 0: program %.1f MB, data %.1f MB, partial sums %.1f MB, optimiser %.1f MB, "
            "activations %.1f MB, exchange %.1f MB, files %.1f MB\n",
            first->program / 1e6, first->data / 1e6, first->partials / 1e6, first->states / 1e6,
            first->tape / 1e6, first->exchange / 1e6, first->files / 1e6);
}

void run_plan_print(const run_plan_t *plan, FILE *out) {
  graph_print(plan->training.graph, out);
  print_data(plan, out);
  print_ranks(plan, out);
  print_parts(plan, out);
  print_nodes(plan, out);
  if (is_imagined(plan)) print_hosts(plan, out);
}

/* ---- how many ranks are sensible ---- */

static plan_work_t work_of(const run_plan_t *plan) {
  const graph_t *graph = plan->training.graph;
  const int64_t group = plan->settings.parallel.ranks_per_node;
  const int threads = plan->ranks[0].layout.threads;
  int host =
      (plan->request.ranks + plan->request.hosts - 1) / plan->request.hosts; /* ranks that have cores */
  if (host * threads > plan->request.cores) host = plan->request.cores / threads;
  if (host < 1) host = 1;
  return (plan_work_t){.batch = plan->settings.train.global_batch_size,
                       .shards = plan->training.layout->shards,
                       .threads = threads,
                       .ranks_per_node = group != SETTINGS_AUTO && group < host ? (int)group : host,
                       .flops_per_row = graph_flops_per_row(graph),
                       .parameter_bytes = (double)graph_floats(graph) * sizeof(float)};
}

static void print_seconds(double seconds, FILE *out) {
  if (seconds < 1e-3)
    fprintf(out, "%.3g us", seconds * 1e6);
  else if (seconds < 1)
    fprintf(out, "%.3g ms", seconds * 1e3);
  else
    fprintf(out, "%.3g s", seconds);
}

static void print_bytes(double bytes, FILE *out) {
  if (bytes < 1e6)
    fprintf(out, "%.3g kB", bytes / 1e3);
  else
    fprintf(out, "%.1f MB", bytes / 1e6);
}

enum { ROWS_A_SHARD = 32, FEWEST_ROWS_A_SHARD = 8 };

/* Shards that all ranks share evenly, with no fewer rows than a batch allows. */
static void advise_shards(const plan_work_t *work, int ranks, FILE *out) {
  const int64_t shards = (int64_t)(work->shards + ranks - 1) / ranks * ranks;
  if (shards * FEWEST_ROWS_A_SHARD <= work->batch)
    fprintf(out, ", or set parallel.shards=%" PRId64 ", which changes the bits\n", shards);
  else
    fprintf(out,
            ", or set train.global_batch_size=%" PRId64 " and parallel.shards=%" PRId64
            ", which is another training\n",
            shards * ROWS_A_SHARD, shards);
}

static void advise(const plan_work_t *work, const plan_limits_t *limits, int ranks, FILE *out) {
  const bool is_uneven =
      ranks > work->shards || plan_balance(work->batch, work->shards, ranks) > PLAN_BALANCE;
  if (!is_uneven && limits->ranks >= ranks) return;
  fprintf(out, "advice  start %d rank%s", limits->ranks, plural(limits->ranks));
  if (is_uneven && plan_is_worth(work, ranks))
    advise_shards(work, ranks, out);
  else
    fputs(
        ": more would hardly be faster; or set a larger train.global_batch_size, which is another training\n",
        out);
}

void run_plan_print_limits(const run_plan_t *plan, FILE *out) {
  const plan_work_t work = work_of(plan);
  const plan_limits_t limits = plan_limits(&work);
  const int64_t members = plan->settings.train.members;
  const char *each = members > 1 ? " of each member" : "";
  int below = 0, above = 0;
  plan_even_ranks(work.shards, plan->request.ranks, &below, &above);
  fprintf(out, "limits  by shards: %d rank%s%s, one for each", limits.by_shards, plural(limits.by_shards),
          each);
  if (below != above) fprintf(out, "; %d or %d share them evenly", below, above);
  fputc('\n', out);
  fprintf(out,
          "        by meetings: %d rank%s x %d thread%s, which compute for %g us of a step or longer; its "
          "rows take one core ",
          limits.by_meetings, plural(limits.by_meetings), work.threads, plural(work.threads),
          PLAN_MEETING_SECONDS * 1e6);
  print_seconds(plan_step_seconds(&work), out);
  fprintf(out, " at %g GFLOP/s\n", PLAN_CORE_FLOPS / 1e9);
  fprintf(out, "        by the exchange: %d node%s of %d rank%s; each of 2 nodes sends ", limits.nodes,
          plural(limits.nodes), work.ranks_per_node, plural(work.ranks_per_node));
  print_bytes(plan_exchange_bytes(&work, 2), out);
  fputs(" a step, ", out);
  print_seconds(plan_exchange_seconds(&work, 2), out);
  fprintf(out, " at %g GB/s\n", PLAN_NETWORK / 1e9);
  fprintf(out, "most    %d sensible rank%s%s, the busiest with %.3f times the mean rows of a step\n",
          limits.ranks, plural(limits.ranks), each, plan_balance(work.batch, work.shards, limits.ranks));
  if (members == 1)
    advise(&work, &limits, plan->request.ranks, out);
  else
    fprintf(out, "        %" PRId64 " members are trained side by side, each by a share of the ranks\n",
            members);
}

/* ---- warnings ---- */

/* Each distinct piece of advice once, with the first rank it applies to. */
static void warn_of_threads(const run_plan_t *plan, const log_t *log) {
  int n = world_size(plan->world);
  for (int r = 0; r < n; r++) {
    const char *advice = plan->ranks[r].layout.advice;
    bool is_new = advice[0] != '\0';
    for (int q = 0; q < r && is_new; q++) is_new = strcmp(plan->ranks[q].layout.advice, advice) != 0;
    if (is_new) log_warn(log, "rank %d: %s", r, advice);
  }
}

void run_plan_warn(const run_plan_t *plan, const log_t *log) {
  struct statvfs files;
  warn_of_threads(plan, log);
  if (!is_imagined(plan)) return; /* preflight_hosts compares the hosts that there are */
  const bool is_known = statvfs("/dev/shm", &files) == 0;
  const double room = is_known ? (double)files.f_bavail * (double)files.f_frsize : 0;
  double shared = 0, most = 0, most_shared = 0;
  for (int r = 0, end = 0; r < world_size(plan->world); r = end) {
    const double bytes = run_plan_host_bytes(plan, r, &end, &shared);
    if (bytes > most) most = bytes;
    if (end - r > 1 && shared > most_shared) most_shared = shared;
  }
  if (plan->request.memory > 0 && most > plan->request.memory)
    log_warn(
        log,
        "a host has %.1f MB of memory, but its ranks need %.1f MB: use more nodes, or fewer ranks with more "
        "threads",
        plan->request.memory / 1e6, most / 1e6);
  if (is_known && most_shared > room)
    log_warn(
        log,
        "the ranks of a host need %.1f MB of shared memory, and /dev/shm of this host has %.1f MB: with as "
        "little there, the run would be refused",
        most_shared / 1e6, room / 1e6);
}
