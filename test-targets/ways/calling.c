/* Callbacks, recursion, tail calls, and two libraries that call each other. */
#include "cases.h"
#include "library.h"

static void callback(void)
{
  call(inside, NULL);
  after();
}

/* The version is that of the moment of the entry, whenever it is first looked at. */
static void look_late(void *unused)
{
  (void)unused;
  hold();
  see();
}

static void looked_at_late(void)
{
  call(look_late, NULL);
  after();
}

static void into_second(void *unused)
{
  see();
  more_call(inside, unused);
  see();
}

static void into_first(void *unused)
{
  call(into_second, unused);
}

/* Inside the first, through the second, in the first again; then with the second around it all. */
static void two_libraries(void)
{
  call(into_second, NULL);
  outermost();
  more_call(into_first, NULL);
  after();
}

static long again(int depth)
{
  see();
  if (depth == 3)
    hold();
  return recurse(depth, again);
}

static void recursion(void)
{
  saw(recurse(20, again));
  after();
}

static void tail_nested(void *unused)
{
  (void)unused;
  saw(tail_value());
  hold();
  saw(tail_value());
}

static void tail_within(void)
{
  outermost();
  saw(tail_value());
  outermost();
  call(tail_nested, NULL);
  after();
}

/* The library's frame is gone when the callback runs, and yet its call is not over. */
static void tail_out(void)
{
  tail_call(inside, NULL);
  after();
}

/*
 * There and back: out of a library by a tail call, through others, and in again. The one word of
 * the stack is the claim of them all, and holds another library's return point.
 */
static void at_the_end(struct relay *r)
{
  (void)r;
  see();
  pthread_kill(pthread_self(), SIGNAL_PLAIN); /* deeper on the stack */
  see();
  hold();
  see();
}

static void two_at_a_word(void)
{
  relay(&(struct relay){(void (*const[])(struct relay *)){more_relay, relay, at_the_end}});
  after();
}

static void back_and_again(void)
{
  relay(&(struct relay){
      (void (*const[])(struct relay *)){more_relay, relay, more_relay, relay, at_the_end}});
  outermost();
  relay(&(struct relay){
      (void (*const[])(struct relay *)){relay, more_relay, more_relay, relay, at_the_end}});
  after();
}

static void three_at_a_word(void)
{
  relay(&(struct relay){(void (*const[])(struct relay *)){more_relay, third_relay, relay,
                                                          third_relay, more_relay, at_the_end}});
  outermost();
  third_relay(&(struct relay){
      (void (*const[])(struct relay *)){relay, more_relay, third_relay, relay, at_the_end}});
  after();
}

/* At a place of the stack where a call was that a jump has left, unseen: at its very word, too. */
static void there_and_back_behind_a_jump(void)
{
  leave_unseen();
  outermost();
  deeper(1, two_at_a_word);
  outermost();
  leave_unseen();
  outermost();
  deeper(2, three_at_a_word);
  glance(); /* at which the jump is noticed, if it was not before */
  after();
}

const struct one_case calling_cases[] = {
    {"callback", callback},
    {"looked-at-late", looked_at_late},
    {"two-libraries", two_libraries},
    {"recursion", recursion},
    {"tail-within", tail_within},
    {"tail-out", tail_out},
    {"tail-there-and-back", two_at_a_word},
    {"tail-there-and-back-again", back_and_again},
    {"tail-round-three", three_at_a_word},
    {"tail-there-and-back-behind-a-jump", there_and_back_behind_a_jump},
    {NULL, NULL},
};
