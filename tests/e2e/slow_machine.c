// SPDX-License-Identifier: Apache-2.0
// Preloaded into the agent: a machine whose name server or disk is slow, or whose disk fails.
//
//   SLOW_NAMES=FILE   holds "SECONDS ADDRESS": how long a name under .invalid takes, and what it is; "-": nothing
//   SLOW_FSYNC=FILE   holds SECONDS that each fsync and fdatasync takes
//   FAIL_SYNC=FILE    holds a part of a path: the next fdatasync of such a file fails, and FILE is removed
//
// The files are read at each call, so a test changes the weather while the agent runs.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double weather(const char* variable, char* word, size_t size) {
  const char* path = getenv(variable);
  FILE* file = path == NULL ? NULL : fopen(path, "r");
  if (file == NULL) return 0;
  double seconds = 0;
  char text[64] = "";
  if (fscanf(file, "%lf %63s", &seconds, text) < 1) seconds = 0;
  fclose(file);
  if (word != NULL) snprintf(word, size, "%s", text);
  return seconds;
}

static void wait_for(double seconds) {
  struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  while (seconds > 0 && nanosleep(&left, &left) != 0) {
  }
}

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** result) {
  int (*real)(const char*, const char*, const struct addrinfo*, struct addrinfo**) =
      dlsym(RTLD_NEXT, "getaddrinfo");
  if (node == NULL || strstr(node, ".invalid") == NULL) return real(node, service, hints, result);
  char address[64] = "-";
  wait_for(weather("SLOW_NAMES", address, sizeof address));
  if (strcmp(address, "-") == 0) return EAI_NONAME;
  return real(address, service, hints, result);
}

int fsync(int fd) {
  wait_for(weather("SLOW_FSYNC", NULL, 0));
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

// Once: of several threads only one removes the file.
static int is_told_to_fail(int fd) {
  const char* order = getenv("FAIL_SYNC");
  FILE* file = order == NULL ? NULL : fopen(order, "r");
  if (file == NULL) return 0;
  char part[64] = "";
  const int words = fscanf(file, "%63s", part);
  fclose(file);
  char link[64], path[4096] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  return words == 1 && size > 0 && strstr(path, part) != NULL && unlink(order) == 0;
}

int fdatasync(int fd) {
  if (is_told_to_fail(fd)) {
    errno = EIO;
    return -1;
  }
  wait_for(weather("SLOW_FSYNC", NULL, 0));
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
