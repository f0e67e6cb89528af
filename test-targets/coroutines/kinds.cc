/*
 * boost.context's fiber and callcc; a switch by hand, as in libco; a stack by sigaltstack, switched
 * by siglongjmp, as in QEMU.
 */
#include "coroutine.h"

#include <boost/context/continuation.hpp>
#include <boost/context/fiber.hpp>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <sys/mman.h>

using body_function = std::function<void(coroutine &)>;

/* ---- boost.context ---- */

struct boost_fiber final : coroutine {
  boost::context::fiber inner, outer;

  explicit boost_fiber(body_function body)
      : inner([this, body](boost::context::fiber &&from) {
          outer = std::move(from);
          body(*this);
          done = true;
          return std::move(outer);
        })
  {
  }
  void resume() override { inner = std::move(inner).resume(); }
  void yield() override { outer = std::move(outer).resume(); }
};

/* Begins at once, so it yields before its body. */
struct boost_callcc final : coroutine {
  boost::context::continuation inner, outer;

  explicit boost_callcc(body_function body)
  {
    inner = boost::context::callcc([this, body](boost::context::continuation &&from) {
      outer = from.resume();
      body(*this);
      done = true;
      return std::move(outer);
    });
  }
  void resume() override { inner = inner.resume(); }
  void yield() override { outer = outer.resume(); }
};

/* ---- stacks ---- */

enum { STACK_SIZE = 1 << 18, GUARD = 4096 };

struct stack {
  char *low;

  stack()
      : low((char *)mmap(nullptr, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                         -1, 0))
  {
    if (low == MAP_FAILED || mprotect(low, GUARD, PROT_NONE) != 0)
      abort();
  }
  ~stack() { munmap(low, STACK_SIZE); }
};

/* ---- by hand ---- */

__attribute__((naked, noinline)) static void switch_stack(void **, void *)
{
  __asm__("pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n\t"
          "movq %rsp, (%rdi); movq %rsi, %rsp\n\t"
          "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret");
}

/* Calls the function in r12 with what is in rbx. */
__attribute__((naked, noinline)) static void first_frame(void)
{
  __asm__("movq %rbx, %rdi; call *%r12; ud2");
}

struct by_hand final : coroutine {
  struct stack stack;
  body_function body;
  void *inner, *outer = nullptr;

  explicit by_hand(body_function b) : body(b)
  {
    void **sp = (void **)(stack.low + STACK_SIZE);
    *--sp = nullptr;
    *--sp = nullptr;
    *--sp = (void *)first_frame;
    *--sp = nullptr;
    *--sp = this;
    *--sp = (void *)main;
    for (int i = 0; i < 3; i++)
      *--sp = nullptr;
    inner = sp;
  }
  static void main(by_hand *self)
  {
    self->body(*self);
    self->done = true;
    self->yield();
  }
  void resume() override { switch_stack(&outer, inner); }
  void yield() override { switch_stack(&inner, outer); }
};

/* ---- by signals ---- */

struct by_signal final : coroutine {
  struct stack stack;
  body_function body;
  sigjmp_buf inner, outer;

  static thread_local by_signal *begins;

  explicit by_signal(body_function b) : body(b)
  {
    struct sigaction action = {}, action_before;
    stack_t mine = {}, before;
    action.sa_handler = handler;
    action.sa_flags = SA_ONSTACK;
    mine.ss_sp = stack.low + GUARD;
    mine.ss_size = STACK_SIZE - GUARD;
    begins = this;
    if (sigaction(SIGUSR2, &action, &action_before) != 0 || sigaltstack(&mine, &before) != 0 ||
        raise(SIGUSR2) != 0 || sigaltstack(&before, nullptr) != 0)
      abort();
  }
  /* Comes again, by siglongjmp, when the coroutine begins. */
  static void handler(int)
  {
    by_signal *self = begins;
    if (sigsetjmp(self->inner, 0) == 0)
      return;
    main(begins);
  }
  static __attribute__((noinline)) void main(by_signal *self)
  {
    self->body(*self);
    self->done = true;
    siglongjmp(self->outer, 1);
  }
  void resume() override
  {
    begins = this;
    if (sigsetjmp(outer, 0) == 0)
      siglongjmp(inner, 1);
  }
  void yield() override
  {
    if (sigsetjmp(inner, 0) == 0)
      siglongjmp(outer, 1);
  }
};

thread_local by_signal *by_signal::begins;

template <class T> static std::unique_ptr<coroutine> make(body_function body)
{
  return std::make_unique<T>(body);
}

const struct kind kinds[] = {
    {"boost-fiber", make<boost_fiber>},
    {"boost-callcc", make<boost_callcc>},
    {"by-hand", make<by_hand>},
    {"by-signal", make<by_signal>},
    {nullptr, nullptr},
};
