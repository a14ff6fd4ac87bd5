#include "inspect/run.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Prints summary.json as it is: it is short and readable. */
static void print_summary(const char *directory) {
  char path[4096], line[4096];
  snprintf(path, sizeof path, "%s/summary.json", directory);
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    puts("no summary.json: the run has not ended");
    return;
  }
  while (fgets(line, sizeof line, file) != NULL) fputs(line, stdout);
  fclose(file);
}

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

ls_status inspect_run(const char *directory, ls_error *error) {
  struct dirent **entries = NULL;
  int n = scandir(directory, &entries, is_visible, versionsort);
  if (n < 0) return error_set(error, LS_IO, "%s: cannot be listed: %s", directory, strerror(errno));
  print_summary(directory);
  puts("files");
  for (int i = 0; i < n; i++) {
    char path[4096];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
    if (stat(path, &info) == 0) printf("  %-40s %12jd bytes\n", entries[i]->d_name, (intmax_t)info.st_size);
    free(entries[i]);
  }
  free(entries);
  return LS_OK;
}
