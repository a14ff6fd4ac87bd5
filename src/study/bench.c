/* Runs the parts of a measurement in order and reports the results. */
#include "study/bench.h"

#include "base/activity.h"
#include "base/clock.h"
#include "base/isa.h"
#include "base/json.h"
#include "base/progress.h"
#include "data/dataset.h"
#include "math/precision.h"
#include "store/store.h"
#include "study/bench_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- measuring ---- */

/* Seconds since this process began. Field 22 of /proc/self/stat is the start time in clock ticks since
 * boot. */
static double process_seconds(void) {
  char text[1024];
  struct timespec now;
  FILE *file = fopen("/proc/self/stat", "r");
  if (file == NULL) return 0;
  size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[n] = '\0';
  char *at = strrchr(text, ')'); /* the process name before it may contain any character */
  for (int field = 2; at != NULL && field < 22; field++) at = strchr(at + 1, ' ');
  if (at == NULL || clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - strtod(at, NULL) / (double)sysconf(_SC_CLK_TCK);
}

/* Does everything that a run does up to the end of its first step. */
static ls_status start_up(world_t *world, const settings_t *settings, training_t *training, bench_t *out,
                          ls_error *error) {
  TRY(training_open(world, settings, training, error));
  engine_begin_epoch(training->engine, 0);
  ls_status status = engine_run(training->engine, 0, 1, 0, false, error);
  out->startup = process_seconds();
  return status;
}

enum { LEAST_LOAD = 16 << 20 }; /* bytes: with fewer, opening the file dominates */

/* Reads the training features again, from the page cache. */
static ls_status load_rate(world_t *world, const settings_t *settings, const training_t *training,
                           bench_t *out, ls_error *error) {
  dataset_t *dataset = NULL;
  double began = clock_seconds(), bytes = 0;
  bool has_missing = strcmp(settings->data.missing, "error") != 0;
  TRY(dataset_load_features(world, settings->data.file, settings->data.x, &settings->data.window,
                            training->features->columns, has_missing, training->layout->shards, 0, &dataset,
                            error));
  double seconds = clock_seconds() - began;
  double mine = (double)dataset->resident_bytes;
  dataset_destroy(&dataset);
  TRY(sum_over_ranks(world, mine, &bytes, error));
  out->load_rate = bytes < LEAST_LOAD ? 0 : bytes / seconds;
  return LS_OK;
}

static ls_status measure(const team_t *team, const training_t *training, bench_t *out, ls_error *error) {
  activity_set("measuring speeds");
  progress_begin(0, NULL, "measuring the machine");
  TRY(bench_machine(team, out, error));
  TRY(bench_node(team, out, error));
  progress_begin(0, NULL, "measuring the layers");
  TRY(bench_layers(team, training, out, error));
  progress_begin(0, NULL, "measuring steps");
  return bench_steps(team, training, out, error);
}

ls_status bench_run(world_t *world, const settings_t *settings, double seconds, bench_t *out,
                    ls_error *error) {
  bench_t bench = {.nodes = 0};
  training_t training = {0};
  team_t team = {0};
  double threads = 0;
  ls_status status = start_up(world, settings, &training, &bench, error);
  TRY_OR_DONE(status);
  TRY_OR_DONE(team_create(world, training.layout->threads, seconds, &team, error));
  status = measure(&team, &training, &bench, error);
  progress_end();
  TRY_OR_DONE(status);
  TRY_OR_DONE(load_rate(world, settings, &training, &bench, error));
  TRY_OR_DONE(sum_over_ranks(world, training.layout->threads, &threads, error));
  bench.nodes = world_nodes(world);
  bench.ranks = world_size(world);
  bench.threads = (int)threads;
  TRY_OR_DONE(world_broadcast(world, &bench, sizeof bench, 0, error));
  *out = bench;
done:
  if (team.window != NULL) team_destroy(&team);
  if (training.engine != NULL) training_close(&training);
  return status;
}

static double peak_of(const bench_t *b) {
  const double peaks[PRECISIONS] = {[PRECISION_FP32] = b->machine.peak_fp32,
                                    [PRECISION_BF16] = b->machine.peak_bf16,
                                    [PRECISION_BF16_DOT] = b->machine.peak_bf16_dot};
  return peaks[bench_peak_precision(b)];
}

/* ---- text ---- */

static void print_machine(const bench_t *b, FILE *out) {
  double core = b->machine.peak_fp32 / b->threads;
  fprintf(out, "machine     %d node(s), %d rank(s), %d thread(s), instructions of %s\n", b->nodes, b->ranks,
          b->threads, isa_name(isa_selected()));
  fprintf(out, "peak        %.1f GFLOP/s in fp32, %.1f a thread\n", b->machine.peak_fp32 / 1e9, core / 1e9);
  if (b->machine.peak_bf16 > 0)
    fprintf(out, "            %.1f GFLOP/s in bf16 (tdpbf16ps)\n", b->machine.peak_bf16 / 1e9);
  if (b->machine.peak_bf16_dot > 0)
    fprintf(out, "            %.1f GFLOP/s in bf16_dot (vdpbf16ps)\n", b->machine.peak_bf16_dot / 1e9);
  fprintf(out, "memory      %.1f GB/s, all threads\n", b->machine.bandwidth / 1e9);
  if (b->machine.cross_read > 0)
    fprintf(out,
            "cores       read what another core wrote at %.1f GB/s (own cache at %.1f), write what another "
            "core read at %.1f\n",
            b->machine.cross_read / 1e9, b->machine.own_read / 1e9, b->machine.cross_write / 1e9);
  fprintf(out, "barrier     %.2f us, all threads of a node\n", b->machine.barrier * 1e6);
  fprintf(out, "start-up    %.2f s from the launch of a rank to the end of its first step\n", b->startup);
  if (b->load_rate > 0)
    fprintf(out, "reading     %.1f MB/s of training features\n", b->load_rate / 1e6);
  else
    fprintf(out, "reading     not measured: fewer than %d MB of training features\n", LEAST_LOAD >> 20);
}

static void print_reductions(const bench_t *b, FILE *out) {
  if (b->n_reductions == 0) return;
  fprintf(out, "\n%-16s %14s %16s %8s\n", "sum over ranks", "window, us", "MPI_Allreduce", "ratio");
  for (size_t i = 0; i < b->n_reductions; i++) {
    const bench_reduction_t *r = &b->reductions[i];
    fprintf(out, "%13zu KB %14.1f %16.1f %8.1f\n", r->bytes / 1024, r->window * 1e6, r->library * 1e6,
            r->library / r->window);
  }
}

static void print_layers(const bench_t *b, FILE *out) {
  double core = peak_of(b) / b->threads;
  fprintf(out,
          "\n%s, shares of a thread's peak, %" PRId64 " rows a call, weight gradients over %" PRId64
          " rows\n",
          precisions[b->precision].name, b->block_rows, b->slice_rows);
  fprintf(out, "%-12s %14s %10s %14s %17s\n", "layer", "size", "forward", "backward-data",
          "backward-weights");
  for (size_t i = 0; i < b->n_layers; i++) {
    const bench_layer_t *layer = &b->layers[i];
    char size[48], data[16] = "-";
    snprintf(size, sizeof size, "%" PRId64 "-%" PRId64, layer->in, layer->out);
    if (layer->backward_data > 0) snprintf(data, sizeof data, "%.2f", layer->backward_data / core);
    fprintf(out, "%-12.12s %14s %10.2f %14s %17.2f\n", layer->name, size, layer->forward / core, data,
            layer->backward_weights / core);
  }
}

static void print_steps(const bench_t *b, FILE *out) {
  fprintf(out,
          "\n"
          "step        %.1f us, %.0f rows/s, %.1f GFLOP/s: %.2f of the peak measured around it (%" PRId64
          " steps measured)\n",
          b->run.step_seconds * 1e6, b->run.rows, b->run.flops / 1e9, b->run.share, b->run.steps);
  fprintf(out, "%-12s %12s %8s\n", "phase", "us", "share");
  for (int p = 0; p < PHASES; p++)
    fprintf(out, "%-12s %12.1f %8.3f\n", engine_phase_name((engine_phase_t)p), b->run.phases[p] * 1e6,
            b->run.phases[p] / b->run.mean_seconds);
  double update = b->run.phases[PHASE_UPDATE];
  if (update > 0)
    fprintf(out, "sums+update %.2f ns a parameter, %.1f GB/s: %.1f times what memory gives\n",
            update / (double)b->parameters * 1e9, b->run.update_bytes / update / 1e9,
            b->run.update_bytes / update / b->machine.bandwidth);
}

/* States what limits the step, and how to speed it up. */
static const char *verdict(const bench_t *b) {
  static const char *const words[PHASES] = {
      [PHASE_GATHER] = "the step is bound by gathering rows: store features in fewer bytes (uint8, float32)",
      [PHASE_UPDATE] = "the step is bound by summing gradients and updating parameters, that is by memory: a "
                       "larger train.global_batch_size makes updates rarer",
      [PHASE_EXCHANGE] = "the step is bound by the exchange between nodes: a larger train.global_batch_size "
                         "makes it rarer",
      [PHASE_WAIT] = "the step is bound by threads that wait for each other: its work is too small or too "
                     "uneven for this many threads, or other processes use the cores"};
  double most = 0.2;
  const char *found = NULL;
  for (int p = 0; p < PHASES; p++)
    if (words[p] != NULL && b->run.phases[p] / b->run.mean_seconds > most) {
      most = b->run.phases[p] / b->run.mean_seconds;
      found = words[p];
    }
  if (found != NULL) return found;
  if (b->run.share >= 0.75) return "the step is bound by floating-point work, as it should be";
  return "the step is bound by its kernels, which run below the peak: layers are narrow, or shards have few "
         "rows (parallel.shards, train.global_batch_size)";
}

void bench_print(const bench_t *bench, FILE *out) {
  print_machine(bench, out);
  print_reductions(bench, out);
  print_layers(bench, out);
  print_steps(bench, out);
  fprintf(out, "\n%s\n", verdict(bench));
}

/* ---- JSON ---- */

static void write_layers(const bench_t *b, FILE *file) {
  fputs(", \"layers\": [", file);
  for (size_t i = 0; i < b->n_layers; i++) {
    const bench_layer_t *layer = &b->layers[i];
    fputs(i > 0 ? ", {" : "{", file);
    json_text(file, true, "name", layer->name);
    json_integer(file, false, "in", layer->in);
    json_integer(file, false, "out", layer->out);
    json_number(file, false, "forward_gflops", layer->forward / 1e9);
    if (layer->backward_data > 0)
      json_number(file, false, "backward_data_gflops", layer->backward_data / 1e9);
    json_number(file, false, "backward_weights_gflops", layer->backward_weights / 1e9);
    fputc('}', file);
  }
  fputc(']', file);
}

static void write_reductions(const bench_t *b, FILE *file) {
  fputs(", \"reductions\": [", file);
  for (size_t i = 0; i < b->n_reductions; i++) {
    fputs(i > 0 ? ", {" : "{", file);
    json_integer(file, true, "bytes", (int64_t)b->reductions[i].bytes);
    json_number(file, false, "window_seconds", b->reductions[i].window);
    json_number(file, false, "allreduce_seconds", b->reductions[i].library);
    fputc('}', file);
  }
  fputc(']', file);
}

static void write_object(const bench_t *b, FILE *file) {
  const struct {
    const char *key;
    double value;
  } numbers[] = {{"peak_fp32_gflops", b->machine.peak_fp32 / 1e9},
                 {"peak_fp32_gflops_per_core", b->machine.peak_fp32 / b->threads / 1e9},
                 {"peak_bf16_gflops", b->machine.peak_bf16 / 1e9},
                 {"peak_bf16_dot_gflops", b->machine.peak_bf16_dot / 1e9},
                 {"memory_gb_per_second", b->machine.bandwidth / 1e9},
                 {"cross_read_gb_per_second", b->machine.cross_read / 1e9},
                 {"cross_write_gb_per_second", b->machine.cross_write / 1e9},
                 {"own_read_gb_per_second", b->machine.own_read / 1e9},
                 {"barrier_seconds", b->machine.barrier},
                 {"startup_seconds", b->startup},
                 {"load_mb_per_second", b->load_rate / 1e6},
                 {"step_seconds", b->run.step_seconds},
                 {"mean_step_seconds", b->run.mean_seconds},
                 {"rows_per_second", b->run.rows},
                 {"gflops", b->run.flops / 1e9},
                 {"fraction_of_peak", b->run.share},
                 {"update_bytes", b->run.update_bytes}};
  fputc('{', file);
  json_integer(file, true, "nodes", b->nodes);
  json_integer(file, false, "ranks", b->ranks);
  json_integer(file, false, "threads", b->threads);
  json_integer(file, false, "parameters", b->parameters);
  json_integer(file, false, "steps", b->run.steps);
  json_integer(file, false, "block_rows", b->block_rows);
  json_integer(file, false, "slice_rows", b->slice_rows);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    json_number(file, false, numbers[i].key, numbers[i].value);
  for (int p = 0; p < PHASES; p++) {
    char key[32];
    snprintf(key, sizeof key, "seconds_%s", engine_phase_name((engine_phase_t)p));
    json_number(file, false, key, b->run.phases[p]);
  }
  write_layers(b, file);
  write_reductions(b, file);
  json_text(file, false, "isa", isa_name(isa_selected()));
  json_text(file, false, "precision", precisions[b->precision].name);
  json_text(file, false, "verdict", verdict(b));
  fputs("}\n", file);
}

ls_status bench_write_json(const bench_t *bench, const char *path, ls_error *error) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the figures");
  write_object(bench, out);
  ls_status status = fclose(out) == 0 ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for the figures");
  if (status == LS_OK) status = store_write_file(path, text, error);
  free(text);
  return status;
}
