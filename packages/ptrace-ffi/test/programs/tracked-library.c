/*
 * A library whose one tracked function has its trampoline written by hand, so that these tests need
 * the runtime but not ulp-dynsym-gate.
 */
#include <pthread.h>

__asm__(
    ".text\n .globl stay_inside\n .type stay_inside,@function\n"
    "stay_inside: leaq __ulp_library(%rip),%rax\n leaq stay_inside_itself(%rip),%r11\n"
    " subq %rax,%r11\n movl %r11d,-16(%rsp)\n" // then r11 = tpoff, by the descriptor's tpoff_way
    " movslq 19(%rax),%r11\n movq 19(%rax,%r11),%r11\n jmp __ulp_entry\n"
    ".size stay_inside, .-stay_inside");

/* Inside until the lock can be had. */
__attribute__((used, visibility("hidden"))) int stay_inside_itself(pthread_mutex_t *lock,
                                                                   void (*inside)(void))
{
  if (inside)
    inside();
  pthread_mutex_lock(lock);
  pthread_mutex_unlock(lock);
  return 42;
}
