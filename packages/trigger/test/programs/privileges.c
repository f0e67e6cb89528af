/*
 * Gives up what its arguments say, in their order, and answers; "clock" answers whether rdtsc
 * raises a signal.
 *   user         root: the kernel makes the process not dumpable
 *   undumpable   by its own wish
 *   mdwe         ever making memory executable (PR_SET_MDWE)
 *   nnp          gaining privileges
 *   clock        reading the processor's clock: rdtsc raises SIGSEGV from then on
 *   traceable    what Yama protects: every process of its user may trace it
 */
#include "program.h"

#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

int answer(int x);

static const char *reply(char *line)
{
  int clock = PR_TSC_ENABLE;
  if (strcmp(line, "clock") != 0)
    return number(answer(1));
  prctl(PR_GET_TSC, &clock);
  return number(clock == PR_TSC_SIGSEGV);
}

int main(int argc, char **argv)
{
  const int nobody = 65534;
  for (int i = 1; i < argc; i++) {
    int failed =
        strcmp(argv[i], "user") == 0         ? setgid(nobody) || setuid(nobody)
        : strcmp(argv[i], "undumpable") == 0 ? prctl(PR_SET_DUMPABLE, 0)
        : strcmp(argv[i], "mdwe") == 0       ? prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
        : strcmp(argv[i], "nnp") == 0        ? prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        : strcmp(argv[i], "clock") == 0      ? prctl(PR_SET_TSC, PR_TSC_SIGSEGV)
        : strcmp(argv[i], "traceable") == 0  ? prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
                                             : 1;
    if (failed) {
      perror(argv[i]);
      return 1;
    }
  }
  return serve(reply);
}
