/*
 * The launch gadget: what a borrowed thread runs, once, on behalf of a tool. It starts the helper
 * and puts the thread back by itself, so that the tool may die at any moment.
 *
 * in:  rsp = address of a ulp_resume_frame, below the red zone of the interrupted code
 *      rax = sequence << 8 | requested         r9 = sequence << 8 | launched
 *      rdi = clone flags, rsi = helper_stack, rdx = 0, r10 = tid_address, r8 = helper_tls
 * out: every register, the flags and the signal mask as the frame says; rip = frame.rip
 * uses the stack below rsp; calls nothing that takes a lock; all signals may be blocked or not
 *
 *   if (!compare_exchange(state, rax, r9)) goto tail    somebody else launched, or it was dropped
 *   *tid_address = fake_tid                             glibc's setxid must not wait for the helper
 *   switch (clone(rdi, rsi, rdx, r10, r8))
 *     0:      helper_life(r9)                           the helper, on its own stack; no return
 *     error:  *tid_address = 0; state = sequence << 8 | failed
 *   tail:
 *     restart_or_interrupt(frame)
 *     rt_sigprocmask(SIG_SETMASK, frame.mask)
 *     pop everything; ret $128                          128: the red zone
 *
 * A tool tells what happened by the first system call: clone, or one of the tail's.
 */
#include <asm/unistd_64.h>
#include "ulp_abi.h"

#define CONTROL(field) ulp_control_block + ULP_CONTROL__##field(%rip)

        .text
        .p2align 4
        .globl  ulp_gadget
        .hidden ulp_gadget
        .type   ulp_gadget, @function
ulp_gadget:
        .cfi_startproc
        /* CFA: the interrupted code's rsp; the frame holds its registers. */
        .cfi_def_cfa rsp, ULP_RESUME_FRAME__SIZEOF + 128
        .cfi_offset 16, ULP_RESUME_FRAME__RIP - ULP_RESUME_FRAME__SIZEOF - 128
        .cfi_offset rbx, ULP_RESUME_FRAME__RBX - ULP_RESUME_FRAME__SIZEOF - 128
        .cfi_offset rbp, ULP_RESUME_FRAME__RBP - ULP_RESUME_FRAME__SIZEOF - 128
        .cfi_offset r12, ULP_RESUME_FRAME__R12 - ULP_RESUME_FRAME__SIZEOF - 128
        .cfi_offset r13, ULP_RESUME_FRAME__R13 - ULP_RESUME_FRAME__SIZEOF - 128
        .cfi_offset r14, ULP_RESUME_FRAME__R14 - ULP_RESUME_FRAME__SIZEOF - 128
        .cfi_offset r15, ULP_RESUME_FRAME__R15 - ULP_RESUME_FRAME__SIZEOF - 128
        lock cmpxchgq %r9, CONTROL(STATE)
        jne     .Ltail
        movl    CONTROL(FAKE_TID), %eax
        movl    %eax, (%r10)
        movl    $__NR_clone, %eax
        syscall
        testl   %eax, %eax
        jz      .Lhelper
        jns     .Ltail
        movl    $0, (%r10)
        movb    $ULP_STATE_FAILED, %r9b
        movq    %r9, CONTROL(STATE)

.Ltail:
        movq    %rsp, %rdi
        call    restart_or_interrupt
        movl    $2, %edi                /* SIG_SETMASK */
        movq    %rsp, %rsi              /* frame.mask */
        xorl    %edx, %edx
        movl    $8, %r10d
        movl    $__NR_rt_sigprocmask, %eax
        syscall
        addq    $16, %rsp               /* mask, restart */
        .cfi_adjust_cfa_offset -16
        popq    %r15
        .cfi_adjust_cfa_offset -8
        popq    %r14
        .cfi_adjust_cfa_offset -8
        popq    %r13
        .cfi_adjust_cfa_offset -8
        popq    %r12
        .cfi_adjust_cfa_offset -8
        popq    %r11
        .cfi_adjust_cfa_offset -8
        popq    %r10
        .cfi_adjust_cfa_offset -8
        popq    %r9
        .cfi_adjust_cfa_offset -8
        popq    %r8
        .cfi_adjust_cfa_offset -8
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdx
        .cfi_adjust_cfa_offset -8
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        popq    %rax
        .cfi_adjust_cfa_offset -8
        popfq
        .cfi_adjust_cfa_offset -8
        ret     $128
        .cfi_endproc

.Lhelper: /* the child: helper_stack, helper_tls; registers otherwise as the parent's */
        .cfi_startproc
        .cfi_undefined rip
        xorl    %ebp, %ebp
        cld
        fninit
        movq    %r9, %rdi
        call    helper_life
        ud2
        .cfi_endproc

/*
 * A system call that is repeated with what is left of its time-out. The tool puts the thread at
 * ulp_repeat, in the call, when it lets it go: the kernel repeats the instruction before, or
 * returns EINTR if a handler runs, as it would have anywhere.
 *
 * in:  rsp = address of a ulp_repeat_frame; the register of the time-out changed, every other one
 *      as it was
 * out: every register as the interrupted call leaves it, the flags untouched; rip = frame.rip
 */
#define BELOW ULP_TOKEN_BYTES + ULP_RESUME_FRAME__SIZEOF + 128
        .cfi_startproc simple
        .cfi_def_cfa rsp, ULP_REPEAT_FRAME__SIZEOF + BELOW
        .cfi_offset 16, ULP_REPEAT_FRAME__RIP - ULP_REPEAT_FRAME__SIZEOF - BELOW
        syscall
        .globl  ulp_repeat
        .hidden ulp_repeat
ulp_repeat:
        popq    %r10
        .cfi_adjust_cfa_offset -8
        popq    %rdx
        .cfi_adjust_cfa_offset -8
        popq    %r8
        .cfi_adjust_cfa_offset -8
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        ret     $ULP_REPEAT_FRAME__SIZEOF - ULP_REPEAT_FRAME__SECONDS + BELOW
        .cfi_endproc
        .size   ulp_gadget, . - ulp_gadget
        .globl  ulp_gadget_end
        .hidden ulp_gadget_end
ulp_gadget_end:

        .section .note.GNU-stack, "", @progbits
