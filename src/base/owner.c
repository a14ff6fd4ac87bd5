#include "base/owner.h"

#include "base/checksum.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- this process ---- */

/* When a process began, and whether it is more than an entry in its parent's table. -1: there is none. */
static int64_t process_started(int64_t process) {
  char path[64], text[1024];
  int64_t started = -1;
  char state = 'X';
  snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", process);
  FILE *file = fopen(path, "r");
  if (file == NULL) return -1;
  size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[n] = '\0';
  const char *name_end = strrchr(text, ')'); /* the name may hold blanks and brackets */
  if (name_end == NULL ||
      sscanf(name_end + 1,
             " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNd64, &state,
             &started) != 2)
    return -1;
  return state == 'Z' || state == 'X' ? -1 : started;
}

static void read_machine(char out[OWNER_FIELD_SIZE]) {
  char boot[48] = "", space[48] = "";
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
  if (file != NULL && fscanf(file, "%47s", boot) != 1) boot[0] = '\0';
  if (file != NULL) fclose(file);
  ssize_t n = readlink("/proc/self/ns/pid", space, sizeof space - 1);
  space[n > 0 ? n : 0] = '\0';
  out[0] = '\0';
  if (boot[0] != '\0' && space[0] != '\0') snprintf(out, OWNER_FIELD_SIZE, "%s/%s", boot, space);
}

static void put_environment(const char *name, const char *otherwise, char out[OWNER_FIELD_SIZE]) {
  const char *value = getenv(name);
  snprintf(out, OWNER_FIELD_SIZE, "%s", value != NULL && value[0] != '\0' ? value : otherwise);
  for (char *c = out; *c != '\0'; c++)
    if (*c <= ' ') *c = '_';
}

owner_t owner_self(void) {
  owner_t self = {.process = getpid()};
  char restart[OWNER_FIELD_SIZE];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (gethostname(self.host, sizeof self.host - 1) != 0) snprintf(self.host, sizeof self.host, "unknown");
  self.started = process_started(self.process);
  read_machine(self.machine);
  put_environment("SLURM_JOB_ID", "none", self.job);
  put_environment("SLURM_RESTART_COUNT", "0", restart);
  self.restart = strtoll(restart, NULL, 10);
  char text[2 * OWNER_FIELD_SIZE + 64];
  snprintf(text, sizeof text, "%s %s %" PRId64 " %lld %ld", self.host, self.machine, self.process,
           (long long)now.tv_sec, now.tv_nsec);
  snprintf(self.id, sizeof self.id, "%016" PRIx64, checksum_of(text, strlen(text)));
  return self;
}

/* ---- text ---- */

/* A row for each line of a lock. */
static const struct {
  const char *key;
  size_t offset;
  bool is_number;
} fields[] = {
    {"id", offsetof(owner_t, id), false},           {"host", offsetof(owner_t, host), false},
    {"process", offsetof(owner_t, process), true},  {"started", offsetof(owner_t, started), true},
    {"machine", offsetof(owner_t, machine), false}, {"job", offsetof(owner_t, job), false},
    {"restart", offsetof(owner_t, restart), true},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

void owner_text(const owner_t *owner, char out[OWNER_TEXT_SIZE]) {
  size_t used = 0;
  for (size_t i = 0; i < FIELDS && used < OWNER_TEXT_SIZE; i++) {
    const char *field = (const char *)owner + fields[i].offset;
    int64_t number = 0;
    if (fields[i].is_number) memcpy(&number, field, sizeof number);
    used +=
        (size_t)(fields[i].is_number
                     ? snprintf(out + used, OWNER_TEXT_SIZE - used, "%s %" PRId64 "\n", fields[i].key, number)
                     : snprintf(out + used, OWNER_TEXT_SIZE - used, "%s %s\n", fields[i].key, field));
  }
}

static void read_field(const char *key, const char *value, owner_t *out) {
  for (size_t i = 0; i < FIELDS; i++) {
    char *field = (char *)out + fields[i].offset;
    int64_t number = strtoll(value, NULL, 10);
    if (strcmp(key, fields[i].key) != 0) continue;
    if (fields[i].is_number)
      memcpy(field, &number, sizeof number);
    else
      snprintf(field, OWNER_FIELD_SIZE, "%s", value);
  }
}

bool owner_read(const char *path, owner_t *out) {
  char key[32], value[OWNER_FIELD_SIZE];
  owner_t owner = {.process = 0};
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  while (fscanf(file, "%31s %127s", key, value) == 2) read_field(key, value, &owner);
  fclose(file);
  *out = owner;
  return true;
}

/* ---- life ---- */

owner_state_t owner_state(const owner_t *owner, const owner_t *self) {
  bool same_job = strcmp(owner->job, self->job) == 0 && strcmp(self->job, "none") != 0;
  if (same_job && owner->restart < self->restart) return OWNER_DEAD;
  if (owner->machine[0] == '\0' || strcmp(owner->machine, self->machine) != 0) return OWNER_ELSEWHERE;
  int64_t started = process_started(owner->process);
  return started >= 0 && started == owner->started ? OWNER_ALIVE : OWNER_DEAD;
}

void owner_describe(const owner_t *owner, char *out, size_t size) {
  if (owner->host[0] == '\0')
    snprintf(out, size, "a process that has not written its name");
  else if (owner->job[0] == '\0' || strcmp(owner->job, "none") == 0)
    snprintf(out, size, "process %" PRId64 " on %s", owner->process, owner->host);
  else
    snprintf(out, size, "process %" PRId64 " on %s (job %s)", owner->process, owner->host, owner->job);
}
