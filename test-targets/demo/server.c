/*
 * The demo's server: four threads answer lines on a TCP port of the loopback interface, with the
 * help of a shared library. A fifth one watches the clock without pause, and notes the longest
 * moment in which it did not run: what the process saw of being stopped.
 *
 * The line `gap` is answered with that moment in microseconds, since the last time it was asked.
 * Prints its port first; ends when its standard input does.
 */
#define _GNU_SOURCE
#include "answer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4 };

static _Atomic int64_t longest_gap;

static int64_t now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *watch(void *unused)
{
  for (int64_t last = now();;) {
    int64_t t = now(), gap = t - last;
    if (gap > longest_gap)
      longest_gap = gap;
    last = t;
  }
  return unused;
}

static void converse(FILE *in, FILE *out)
{
  char line[256], reply[256];
  while (fgets(line, sizeof line, in)) {
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "gap") == 0)
      snprintf(reply, sizeof reply, "%.0f", (double)atomic_exchange(&longest_gap, 0) / 1000);
    else
      answer(line, reply, sizeof reply);
    fprintf(out, "%s\n", reply);
    fflush(out);
  }
}

static void *worker(void *argument)
{
  int listener = (int)(intptr_t)argument;
  for (;;) {
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    FILE *in = client < 0 ? NULL : fdopen(client, "r");
    FILE *out = in ? fdopen(dup(client), "w") : NULL;
    if (out)
      converse(in, out);
    if (out)
      fclose(out);
    if (in)
      fclose(in);
  }
  return NULL;
}

int main(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(listener, 16) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
    return 1;
  pthread_t thread;
  for (intptr_t i = 0; i < THREADS; i++)
    if (pthread_create(&thread, NULL, worker, (void *)(intptr_t)listener) != 0)
      return 1;
  if (pthread_create(&thread, NULL, watch, NULL) != 0)
    return 1;
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0)
    ;
  return 0;
}
