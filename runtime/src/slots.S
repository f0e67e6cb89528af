/*
 * The return slots: what an outermost call into a live-patchable library goes through.
 *
 * A library must learn when a thread leaves it, that is when the outermost call returns. A slot is
 * a piece of code that makes this call in place of the caller. The slot takes the caller's return
 * address off the stack, keeps it in its record, and calls the function. The function returns to
 * the slot. The slot marks the thread as outside, and returns to the caller:
 *
 *   caller  -> trampoline: claims -> slot: takes the universe -> function
 *   caller  <- slot: marks the thread as outside              <- function
 *
 * A slot belongs to one thread and serves one call at a time, so its code can name its record by a
 * fixed distance and needs no register for it.
 *
 * Slot k is 64 bytes of code here and 64 bytes of record (ulp_slot), which records.c makes
 * writable. The word on the stack that held the caller's return address becomes, by `call`, the
 * slot's own return point: arguments stay where they are, calls and returns stay paired for the
 * predictor. One FDE covers all slots; it finds the real return address in the record, so unwinders
 * walk through.
 */
#include "ulp_abi.h"

#define RECORDS __ulp_slot_records

        .hidden ulp_control_block

        .section .rodata.ulp_slots, "a", @progbits
        .p2align 12                     /* whole pages: records.c, copies.c */
        .globl  RECORDS
        .hidden RECORDS
        .type   RECORDS, @object
        .size   RECORDS, ULP_SLOT_COUNT * ULP_SLOT__SIZEOF
RECORDS:
        .zero   ULP_SLOT_COUNT * ULP_SLOT__SIZEOF

/*
 * in:  r11 = tpoff, S - ulp_library at -16(%rsp), (rsp) = return address of the caller; the claim
 *      is made
 * out: returns to the caller with S's results; clobbers r11 and flags, as any function may
 *
 *    +0   push *global                     no register is free; a handler that helps makes it newer
 *                                          (trm.S)
 *    +6   pop tls.universe                 E2; and tls.flags = 0: universes are 64 bits wide, their
 *                                          upper half is 0
 *   +11   r11 = S                          a thread that has its universe comes in here
 *   +23   rec.ret = return address, taken off the stack
 *   +29   call S                           its return address lies in the very same word
 *   +32   push rec.ret                     the return point
 *   +38   tls.sp, universe = 0, outside    X: both in one store, of zeros
 *   +52   ret
 *
 * Nothing of this slot is used before the claim is made: until then a handler may make the thread
 * lose the slot.
 *
 * X is one instruction, because each half alone tells a handler something false: a claim whose
 * universe is not known yet, or a universe that counts although the thread is outside. xmm5 is dead
 * at a return in every calling convention (System V: results in xmm0 and xmm1; ms_abi: xmm6 and
 * above are the caller's).
 *
 * The CFA: before +29 and from +38 on, the return address lies at rsp (CFA = rsp + 8), but at +6
 * above the universe (CFA = rsp + 16); in between, at rec.ret (CFA = rsp). Unwinders look up
 * rip - 1 for calls but evaluate with the real rip: taken off  <=>  (rip - 29) & 63 <= 3.
 */
        .section .text.ulp_slots, "ax", @progbits
        .p2align 6
        .globl  __ulp_slots
        .hidden __ulp_slots
        .type   __ulp_slots, @function
__ulp_slots:
        .cfi_startproc
        .cfi_personality 0x1b, __ulp_slot_personality
        /*
         * DW_CFA_def_cfa_expression, 22 bytes:
         *   breg7 0; breg16 -29; const1u 63; and; lit3; gt; lit3; shl; plus;
         *   breg16 0; const1u 63; and; lit6; eq; lit3; shl; plus
         */
        .cfi_escape 0x0f, 22, 0x77, 0, 0x80, 0x63, 0x08, 0x3f, 0x1a, 0x33, 0x2b, 0x33, 0x24, 0x22
        .cfi_escape 0x80, 0, 0x08, 0x3f, 0x1a, 0x36, 0x29, 0x33, 0x24, 0x22
        /*
         * DW_CFA_expression r16, 38 bytes (the CFA is on the expression's stack), without a branch
         * for valgrind's sake:
         *   lit8; minus                                                        CFA - 8
         *   breg16 0; const1s -64; and; plus_uconst 25; deref; const4u ~0; and;
         *   breg16 0; const1s -64; and; plus; plus_uconst 37; breg7 0; minus;  + (rec.ret - (rsp-8)
         *   lit0; lit3; breg16 -29; const1u 63; and; ge; minus; and; plus      & -(taken off))
         * the record's address comes from the displacement of the slot's own popq
         */
        .cfi_escape 0x10, 16, 38, 0x38, 0x1c
        .cfi_escape 0x80, 0x00, 0x09, 0xc0, 0x1a, 0x23, 25, 0x06, 0x0c, 0xff, 0xff, 0xff, 0xff, 0x1a
        .cfi_escape 0x80, 0x00, 0x09, 0xc0, 0x1a, 0x22, 0x23, 37, 0x77, 0, 0x1c
        .cfi_escape 0x30, 0x33, 0x80, 0x63, 0x08, 0x3f, 0x1a, 0x2a, 0x1c, 0x1a, 0x22
        .set    k, 0
        .rept   ULP_SLOT_COUNT
        pushq   ulp_control_block + ULP_CONTROL__UNIVERSE(%rip)
        popq    %fs:ULP_TLS__UNIVERSE(%r11)                     /* E2 */
        movslq  -16(%rsp), %r11
        addq    RECORDS + k + ULP_SLOT__LIBRARY(%rip), %r11
        popq    RECORDS + k + ULP_SLOT__RET(%rip)
        call    *%r11
        pushq   RECORDS + k + ULP_SLOT__RET(%rip)
        movq    RECORDS + k + ULP_SLOT__TLS(%rip), %r11
        xorps   %xmm5, %xmm5
        movaps  %xmm5, ULP_TLS__SP(%r11)                        /* X */
        ret
        .p2align 6, 0xcc
        .set    k, k + ULP_SLOT__SIZEOF
        .endr
        .cfi_endproc
        .size   __ulp_slots, . - __ulp_slots
        .globl  __ulp_slots_end
        .hidden __ulp_slots_end
__ulp_slots_end:

        /*
         * The name by which gdb knows a slot, from its call on. Nobody refers to it: gdb takes a
         * global IFUNC (so build.mjs makes it) for a part of the dynamic linker, and `step` out of
         * a tracked function goes on to the caller.
         */
        .type   __ulp_return_slot, @gnu_indirect_function
        .set    __ulp_return_slot, __ulp_slots + ULP_SLOT_POPPED
        .size   __ulp_return_slot, __ulp_slots_end - __ulp_return_slot

/*
 * Landing pad of every slot's frame: finishes the exit, then unwinds on as if the caller had
 * called.
 * in: rax = the exception, rdx = the record, rsp as when S returned
 */
        .text
        .p2align 4
        .globl  __ulp_landing
        .hidden __ulp_landing
        .type   __ulp_landing, @function
__ulp_landing:
        .cfi_startproc
        .cfi_def_cfa rsp, 0
        .cfi_escape 0x10, 16, 2, 0x71, ULP_SLOT__RET    /* return address at rdx + ret */
        pushq   ULP_SLOT__RET(%rdx)
        .cfi_def_cfa_offset 8
        .cfi_offset 16, -8
        movq    ULP_SLOT__TLS(%rdx), %r11
        xorps   %xmm5, %xmm5
        movaps  %xmm5, ULP_TLS__SP(%r11)
        movq    %rax, %rdi
        jmp     *_Unwind_Resume@GOTPCREL(%rip)
        .cfi_endproc
        .size   __ulp_landing, . - __ulp_landing

/*
 * The way from trm.S into C: calls ulp_special(tls, entry_sp, library) and gives its result in rax.
 * entry_sp is rsp at __ulp_entry: above our return address and the 24 bytes that trm.S skipped. tls
 * comes in rax and S in r11; 16 bytes below entry_sp lies the distance of S from the library.
 * Everything else is preserved, vector and x87 state included: xsave components 0-2 and 5-7, which
 * end at 2688 in the standard format (Intel SDM volume 1, 13.4.3; CPUID leaf 0dh; AMD's end
 * before).
 */
        .text
        .p2align 4
        .globl  __ulp_special
        .type   __ulp_special, @function
__ulp_special:
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbp, 0
        movq    %rsp, %rbp
        .cfi_def_cfa_register rbp
        pushq   %r11
        pushq   %r10
        pushq   %r9
        pushq   %r8
        pushq   %rdi
        pushq   %rsi
        pushq   %rdx
        pushq   %rcx
        pushq   %rbx
        .cfi_offset rbx, -88
        andq    $-64, %rsp
        subq    $2688, %rsp
        movq    %rax, %rdi
        leaq    40(%rbp), %rsi
        .irp    field, 512, 520, 528, 536, 544, 552, 560, 568
        movq    $0, \field(%rsp)                /* XSAVE header */
        .endr
        movl    $0xe7, %eax
        xorl    %edx, %edx
        xsave   (%rsp)
        movq    %r11, %rdx
        subq    24(%rbp), %rdx          /* -16 of the entry: see __ulp_entry */
        cld
        call    ulp_special
        movq    %rax, %rbx
        movl    $0xe7, %eax
        xorl    %edx, %edx
        xrstor  (%rsp)
        movq    %rbx, %rax
        leaq    -72(%rbp), %rsp
        popq    %rbx
        popq    %rcx
        popq    %rdx
        popq    %rsi
        popq    %rdi
        popq    %r8
        popq    %r9
        popq    %r10
        popq    %r11
        popq    %rbp
        .cfi_def_cfa rsp, 8
        ret
        .cfi_endproc
        .size   __ulp_special, . - __ulp_special

        .section .note.GNU-stack, "", @progbits
