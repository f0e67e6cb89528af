/*
 * restless PLUGIN: a thread for each kind of disturbance, which also calls the library in each
 * round. It answers each line with "WRONG ROUNDS...", the rounds of each thread in the table's
 * order.
 */
#include "program.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

int versions_agree(int rounds);
long handlers_run;

static const char *plugin;
static atomic_long wrong;
static __thread unsigned long round_number;

static void require(int holds)
{
  if (!holds)
    wrong++;
}

static void call(void)
{
  int version = versions_agree(20);
  require(version == 1 || version == 2);
}

static void allocate(void)
{
  static __thread void *kept[64];
  void **slot = &kept[round_number % 64];
  free(*slot);
  *slot = malloc(round_number % 50 == 0 ? 300000 : round_number % 5000 + 1);
  require(*slot != NULL);
}

static void load(void)
{
  long before = __atomic_load_n(&handlers_run, __ATOMIC_RELAXED);
  void *handle = dlopen(plugin, RTLD_NOW);
  require(handle != NULL && dlclose(handle) == 0);
  require(__atomic_load_n(&handlers_run, __ATOMIC_RELAXED) == before + 1);
}

static void fork_child(void)
{
  int status;
  pid_t child = fork();
  if (child == 0)
    _exit(versions_agree(5) > 0 ? 0 : 1);
  require(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void leave(void *unused)
{
  (void)unused;
  call();
}

static void *short_life(void *key)
{
  pthread_setspecific(*(pthread_key_t *)key, key); /* its destructor calls the library */
  return NULL;
}

static void make_thread(void)
{
  static pthread_key_t key;
  static atomic_int made;
  pthread_t thread;
  if (!atomic_exchange(&made, 1))
    require(pthread_key_create(&key, leave) == 0);
  require(pthread_create(&thread, NULL, short_life, &key) == 0 && pthread_join(thread, NULL) == 0);
}

static void set_user(void)
{
  require(setuid(getuid()) == 0);
}

static void print(void)
{
  static __thread FILE *file;
  if (!file || round_number % 256 == 0) {
    if (file)
      fclose(file);
    file = tmpfile();
  }
  require(file && fprintf(file, "%lu\n", round_number) > 0 && fflush(file) == 0);
}

static void nothing(void) {}

static struct kind {
  void (*disturb)(void);
  atomic_long rounds;
} kinds[] = {{nothing, 0},     {allocate, 0}, {load, 0}, {fork_child, 0},
             {make_thread, 0}, {set_user, 0}, {print, 0}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void *run(void *argument)
{
  struct kind *kind = argument;
  for (;; round_number++) {
    kind->disturb();
    call();
    kind->rounds++;
  }
  return NULL;
}

static const char *reply(char *line)
{
  static char answer[32 * (KINDS + 1)];
  int length = snprintf(answer, sizeof answer, "%ld", wrong);
  (void)line;
  for (int i = 0; i < KINDS; i++)
    length += snprintf(answer + length, sizeof answer - (size_t)length, " %ld", kinds[i].rounds);
  return answer;
}

int main(int argc, char **argv)
{
  plugin = argv[argc - 1];
  for (int i = 0; i < KINDS; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, &kinds[i]) != 0)
      return 1;
  }
  /* exit(3) would take the handlers of the thread that loads away from under it. */
  _exit(serve(reply));
}
