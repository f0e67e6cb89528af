/*
 * A function that notes every register that it is called with, and returns with every register that
 * a result can be in, and all the others, as it was told. r11 aside, which no call keeps.
 */
#define PROBE_TEXT(number) #number
#define PROBE(name, version)                                                                    \
  void __attribute__((naked)) name(void)                                                        \
  {                                                                                             \
    __asm__ volatile("movq probe_found@gottpoff(%rip), %r11\n\t"                                \
                     "movq %fs:(%r11), %r11\n\t"                                                \
                     "movq %rax, (%r11)\n\t"                                                    \
                     "movq %rbx, 8(%r11)\n\t"                                                   \
                     "movq %rcx, 16(%r11)\n\t"                                                  \
                     "movq %rdx, 24(%r11)\n\t"                                                  \
                     "movq %rsi, 32(%r11)\n\t"                                                  \
                     "movq %rdi, 40(%r11)\n\t"                                                  \
                     "movq %rbp, 48(%r11)\n\t"                                                  \
                     "movq %r8, 56(%r11)\n\t"                                                   \
                     "movq %r9, 64(%r11)\n\t"                                                   \
                     "movq %r10, 72(%r11)\n\t"                                                  \
                     "movq %r12, 80(%r11)\n\t"                                                  \
                     "movq %r13, 88(%r11)\n\t"                                                  \
                     "movq %r14, 96(%r11)\n\t"                                                  \
                     "movq %r15, 104(%r11)\n\t"                                                 \
                     "pushfq\n\t"                                                               \
                     "popq 112(%r11)\n\t"                                                       \
                     "leaq 8(%rsp), %rsi\n\t"                                                   \
                     "leaq 120(%r11), %rdi\n\t"                                                 \
                     "movl $8, %ecx\n\t"                                                        \
                     "cld\n\t"                                                                  \
                     "rep movsq\n\t"                                                            \
                     "movq $" PROBE_TEXT(version) ", 184(%r11)\n\t"                             \
                                                  "movl 192(%r11), %eax\n\t"                    \
                                                  "xorl %edx, %edx\n\t"                         \
                                                  "xsave 256(%r11)\n\t"                         \
                                                  "movq probe_results@gottpoff(%rip), %r11\n\t" \
                                                  "movq %fs:(%r11), %r11\n\t"                   \
                                                  "xrstor 256(%r11)\n\t"                        \
                                                  "movq (%r11), %rax\n\t"                       \
                                                  "movq 16(%r11), %rcx\n\t"                     \
                                                  "movq 24(%r11), %rdx\n\t"                     \
                                                  "movq 32(%r11), %rsi\n\t"                     \
                                                  "movq 40(%r11), %rdi\n\t"                     \
                                                  "movq 56(%r11), %r8\n\t"                      \
                                                  "movq 64(%r11), %r9\n\t"                      \
                                                  "movq 72(%r11), %r10\n\t"                     \
                                                  "ret");                                       \
  }
