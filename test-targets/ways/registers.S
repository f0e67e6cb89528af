/* registers_call(in = rdi, out = rsi, function = rdx): see registers.h. */
#include "registers.h"

        .text
        .globl  registers_call
        .type   registers_call, @function
registers_call:
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   %rsi
        pushq   %rdx                    /* 64 bytes below the return address: rsp is 8 off */
        subq    $8, %rsp
        movl    MASK(%rdi), %eax
        xorl    %edx, %edx
        fninit
        xrstor  VECTORS(%rdi)
        .set    i, STACK_WORDS
        .rept   STACK_WORDS
        .set    i, i - 1
        pushq   STACK + 8 * i(%rdi)
        .endr
        movq    GPR(%rdi), %rax
        movq    GPR + 8(%rdi), %rbx
        movq    GPR + 16(%rdi), %rcx
        movq    GPR + 24(%rdi), %rdx
        movq    GPR + 32(%rdi), %rsi
        movq    GPR + 48(%rdi), %rbp
        movq    GPR + 56(%rdi), %r8
        movq    GPR + 64(%rdi), %r9
        movq    GPR + 72(%rdi), %r10
        movq    GPR + 80(%rdi), %r12
        movq    GPR + 88(%rdi), %r13
        movq    GPR + 96(%rdi), %r14
        movq    GPR + 104(%rdi), %r15
        movq    GPR + 40(%rdi), %rdi
        call    *8 * STACK_WORDS + 8(%rsp)

        movq    8 * STACK_WORDS + 16(%rsp), %r11
        movq    %rax, GPR(%r11)
        movq    %rbx, GPR + 8(%r11)
        movq    %rcx, GPR + 16(%r11)
        movq    %rdx, GPR + 24(%r11)
        movq    %rsi, GPR + 32(%r11)
        movq    %rdi, GPR + 40(%r11)
        movq    %rbp, GPR + 48(%r11)
        movq    %r8, GPR + 56(%r11)
        movq    %r9, GPR + 64(%r11)
        movq    %r10, GPR + 72(%r11)
        movq    %r12, GPR + 80(%r11)
        movq    %r13, GPR + 88(%r11)
        movq    %r14, GPR + 96(%r11)
        movq    %r15, GPR + 104(%r11)
        pushfq
        popq    FLAGS(%r11)
        .set    i, 0
        .rept   STACK_WORDS
        popq    STACK + 8 * i(%r11)
        .set    i, i + 1
        .endr
        movl    MASK(%r11), %eax
        xorl    %edx, %edx
        xsave   VECTORS(%r11)
        fninit                          /* as the ABI wants it: empty, usual control words */
        pushq   $0x1f80
        ldmxcsr (%rsp)
        addq    $8, %rsp
        cld
        addq    $24, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .size   registers_call, . - registers_call

        .section .note.GNU-stack, "", @progbits
