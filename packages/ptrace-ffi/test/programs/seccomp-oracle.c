/*
 * What the kernel does under seccomp filters: for each line "FILTER[,FILTER...] NUMBER
 * ARGUMENT...", the filters as hexadecimal bytes of struct sock_filter[], the oldest first, a child
 * installs them, makes the call, and a line says what came of it: "rejected", "ran", "errno N",
 * "trap N" or "kill".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void trapped(int signal, siginfo_t *info, void *context)
{
  (void)signal, (void)context;
  printf("trap %d\n", info->si_errno);
  fflush(stdout);
  _exit(0);
}

static int install(const char *hex)
{
  static unsigned char bytes[4096 * sizeof(struct sock_filter)];
  size_t length = strlen(hex) / 2;
  for (size_t i = 0; i < length; i++)
    sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
  struct sock_fprog program = {(unsigned short)(length / sizeof(struct sock_filter)),
                               (struct sock_filter *)bytes};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void child(char *filters, long number, const unsigned long *arguments)
{
  const struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, NULL);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  for (char *hex = strtok(filters, ","); hex; hex = strtok(NULL, ","))
    if (install(hex) != 0) {
      puts("rejected");
      exit(0);
    }
  const unsigned long *a = arguments;
  long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  if (result > 0)
    puts("ran");
  else
    printf("errno %d\n", result == 0 ? 0 : errno);
  exit(0);
}

int main(void)
{
  static char line[1 << 17];
  while (fgets(line, sizeof line, stdin)) {
    int status;
    unsigned long arguments[6];
    char *filters = strtok(line, " ");
    long number = strtol(strtok(NULL, " "), NULL, 0);
    for (int i = 0; i < 6; i++)
      arguments[i] = strtoul(strtok(NULL, " \n"), NULL, 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
      child(filters, number, arguments);
    if (waitpid(pid, &status, 0) != pid)
      return 1;
    if (WIFSIGNALED(status))
      puts(WTERMSIG(status) == SIGSYS ? "kill" : "?");
  }
  return 0;
}
