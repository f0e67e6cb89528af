/*
 * Threads that enter two libraries and stay inside, in callbacks, for as long as the test wants.
 * A line is `THREAD COMMAND`:
 *   see      both versions that the thread sees now, from wherever it is: "1 2"
 *   enter a  the thread calls a_call, and waits for further commands inside its callback
 *   leave    the innermost callback returns
 */
#include "program.h"

#include <pthread.h>

void a_call(void (*callback)(void *), void *argument);
void b_call(void (*callback)(void *), void *argument);
long a_version(void);
long b_version(void);

enum { THREADS = 4 };

struct mailbox {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  char command[32]; /* empty: none */
  char answer[64];  /* empty: none */
};
static struct mailbox mailboxes[THREADS];

static void obey(void *argument);

/* Gives the answer when it is called off: only then has `leave` returned. */
static int do_one(struct mailbox *box)
{
  char command[sizeof box->command], text[sizeof box->answer] = "ok";
  pthread_mutex_lock(&box->mutex);
  while (box->command[0] == '\0')
    pthread_cond_wait(&box->changed, &box->mutex);
  strcpy(command, box->command);
  box->command[0] = '\0';
  pthread_mutex_unlock(&box->mutex);
  int leaves = strcmp(command, "leave") == 0 || strcmp(command, "end") == 0;
  if (strcmp(command, "see") == 0)
    snprintf(text, sizeof text, "%ld %ld", a_version(), b_version());
  pthread_mutex_lock(&box->mutex);
  strcpy(box->answer, text);
  pthread_cond_broadcast(&box->changed);
  pthread_mutex_unlock(&box->mutex);
  if (strcmp(command, "enter a") == 0)
    a_call(obey, box);
  if (strcmp(command, "enter b") == 0)
    b_call(obey, box);
  return !leaves;
}

static void obey(void *argument)
{
  while (do_one(argument))
    ;
}

static void *thread(void *argument)
{
  obey(argument);
  return NULL;
}

static const char *reply(char *line)
{
  static char answer[64];
  struct mailbox *box = &mailboxes[atoi(line) % THREADS];
  pthread_mutex_lock(&box->mutex);
  snprintf(box->command, sizeof box->command, "%s", strchr(line, ' ') + 1);
  box->answer[0] = '\0';
  pthread_cond_broadcast(&box->changed);
  while (box->answer[0] == '\0')
    pthread_cond_wait(&box->changed, &box->mutex);
  strcpy(answer, box->answer);
  pthread_mutex_unlock(&box->mutex);
  return answer;
}

int main(void)
{
  for (int i = 0; i < THREADS; i++) {
    pthread_t t;
    pthread_mutex_init(&mailboxes[i].mutex, NULL);
    pthread_cond_init(&mailboxes[i].changed, NULL);
    if (pthread_create(&t, NULL, thread, &mailboxes[i]) != 0)
      return 1;
  }
  return serve(reply);
}
