#include "comm/board.h"

#include "base/clock.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 64, STAT_SIZE = 512 };

/* ---- what the kernel tells ---- */

static ssize_t read_start(const char *path, char *out, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : read(file, out, size - 1);
  if (file >= 0) close(file);
  if (length >= 0) out[length] = '\0';
  return length;
}

/* The letter of proc(5), /proc/PID/stat: it follows the name, which may contain anything but ends with the
 * last parenthesis. 0: there is no such task. *parent may be NULL. */
static char stat_letter(const char *path, int *parent) {
  char text[STAT_SIZE], letter = 0;
  int number = 0;
  if (read_start(path, text, sizeof text) <= 0) return 0;
  const char *end = strrchr(text, ')');
  if (end == NULL || sscanf(end + 1, " %c %d", &letter, &number) != 2) return 0;
  if (parent != NULL) *parent = number;
  return letter;
}

static char kernel_letter(int process, int *parent) {
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "/proc/%d/stat", process);
  return stat_letter(path, parent);
}

/* Threads in an uninterruptible sleep, which disks and file servers cause. */
static int count_blocked(int process) {
  char path[2 * PATH_SIZE];
  int blocked = 0;
  snprintf(path, sizeof path, "/proc/%d/task", process);
  DIR *tasks = opendir(path);
  if (tasks == NULL) return 0;
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    if (!isdigit((unsigned char)task->d_name[0])) continue;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", process, task->d_name);
    blocked += stat_letter(path, NULL) == 'D';
  }
  closedir(tasks);
  return blocked;
}

/* ---- a page ---- */

static bool read_page(const peer_t *peer, activity_page_t *out) {
  char path[PATH_SIZE];
  if (peer->page < 0) return false;
  snprintf(path, sizeof path, "/proc/%d/fd/%d", peer->process, peer->page);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t length = pread(file, out, sizeof *out, 0);
  close(file);
  return length == (ssize_t)sizeof *out && memcmp(out->magic, ACTIVITY_MAGIC, sizeof ACTIVITY_MAGIC) == 0 &&
         out->process == peer->process;
}

static peer_state_t judge(const look_t *look, const activity_page_t *page, double now, double patience) {
  double seen = atomic_load(&page->seen);
  if (now - seen < BOARD_FRESH_SECONDS && seen >= atomic_load(&page->moved)) return PEER_WAITS;
  return look->quiet < patience ? PEER_WORKS : PEER_STUCK;
}

static bool proc_is_there(void) {
  char text[STAT_SIZE];
  return read_start("/proc/self/stat", text, sizeof text) > 0;
}

look_t board_look(const peer_t *peer, double patience) {
  look_t look = {.process = peer->process, .rank = peer->rank};
  activity_page_t page;
  double now = clock_seconds();
  if (peer->process <= 0) return look;
  look.kernel = kernel_letter(peer->process, NULL);
  if (read_page(peer, &page)) {
    if (look.rank < 0) look.rank = atomic_load(&page.rank);
    look.lost = (lost_t)atomic_load(&page.lost);
    look.told = atomic_load(&page.told);
    look.quiet = now - atomic_load(&page.moved);
    look.idle = now - atomic_load(&page.ran);
    look.lasted = now - atomic_load(&page.since);
    memcpy(look.text, page.text[atomic_load(&page.turn) % 2], ACTIVITY_TEXT);
    look.text[ACTIVITY_TEXT - 1] = '\0';
    look.state = judge(&look, &page, now, patience);
  }
  if (look.kernel == 'T' || look.kernel == 't') look.state = PEER_STOPPED;
  if (look.kernel == 'Z' || look.kernel == 'X' || (look.kernel == 0 && proc_is_there()))
    look.state = PEER_GONE;
  return look;
}

/* ---- all pages ---- */

survey_t board_survey(const peer_t *peers, int n, double patience) {
  const activity_page_t *own = activity_page();
  survey_t survey = {
      .rest = patience, .told = atomic_load(&own->told), .leads = atomic_load(&own->lost) != LOST_NOT};
  for (int i = 0; i < n && peers != NULL; i++) {
    if (peers[i].process <= 0 || peers[i].process == own->process) continue;
    look_t look = board_look(&peers[i], patience);
    survey.waits += look.state == PEER_WAITS;
    if (look.state == PEER_WORKS) {
      survey.works++;
      if (patience - look.quiet < survey.rest) survey.rest = patience - look.quiet;
    } else if (look.state >= PEER_STUCK) {
      if (survey.found == 0 || look.rank < survey.first.rank) survey.first = look;
      survey.found++;
      survey.gone += look.state == PEER_GONE;
      survey.still += look.state != PEER_STUCK || look.idle >= patience;
      continue;
    }
    survey.told |= look.told;
    if (look.lost == LOST_NOT) continue;
    survey.is_claimed |= look.lost == LOST_REPORTS;
    if (look.rank < atomic_load(&own->rank)) survey.leads = false;
  }
  return survey;
}

void board_describe(const look_t *look, const char *host, char *out, size_t size) {
  const char *how = look->state == PEER_STOPPED ? "is stopped"
                    : look->state == PEER_GONE  ? "is gone"
                    : look->kernel == 'D'       ? "waits for a disk"
                    : look->kernel == 'R'       ? "computes, and shows no progress"
                    : look->state == PEER_WAITS ? "waits"
                                                : "shows no progress";
  int blocked = look->state == PEER_STUCK && look->kernel != 'D' ? count_blocked(look->process) : 0;
  if (look->rank >= 0)
    snprintf(out, size, "rank %d on %s does not answer: process %d %s", look->rank, host, look->process, how);
  else
    snprintf(out, size, "process %d of this job on %s does not answer: it %s", look->process, host, how);
  size_t used = strlen(out);
  if (blocked > 0) snprintf(out + used, size - used, " (%d of its threads wait for a disk)", blocked);
  used = strlen(out);
  if (look->text[0] != '\0')
    snprintf(out + used, size - used, ", it has been %s for %.0f s", look->text, look->lasted);
}

/* ---- before ranks know each other ---- */

/* The number of the file that is the page of a process, -1: none. */
static int find_page(int process) {
  char path[2 * PATH_SIZE], target[PATH_SIZE];
  int found = -1;
  snprintf(path, sizeof path, "/proc/%d/fd", process);
  DIR *files = opendir(path);
  if (files == NULL) return -1;
  for (struct dirent *file; found < 0 && (file = readdir(files)) != NULL;) {
    snprintf(path, sizeof path, "/proc/%d/fd/%.20s", process, file->d_name);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    if (strncmp(target, "/memfd:" ACTIVITY_FILE, sizeof "/memfd:" ACTIVITY_FILE - 1) == 0)
      found = atoi(file->d_name);
  }
  closedir(files);
  return found;
}

/* The launcher is the parent of all its processes of a host. */
int board_siblings(peer_t *out, int most) {
  int launcher = (int)getppid(), n = 0;
  DIR *processes = opendir("/proc");
  if (processes == NULL) return 0;
  for (struct dirent *entry; n < most && (entry = readdir(processes)) != NULL;) {
    int process = atoi(entry->d_name), parent = 0;
    if (process <= 0 || kernel_letter(process, &parent) == 0 || parent != launcher) continue;
    out[n++] = (peer_t){process, find_page(process), -1};
  }
  closedir(processes);
  return n;
}
