/*
 * Entry tracking: linked into every live-patchable library as trm.o.
 *
 * A trampoline in the padding of function S does `lea S(%rip),%r11; jmp __ulp_entry` when libpulp.so is
 * loaded. Here a thread's outermost entry into this library is told from a nested one, and is given its
 * universe; it then goes through a *return slot* of libpulp.so, which notes the exit.
 *
 *   thread block ulp_tls {sp, universe, flags, code, library}, initial-exec TLS
 *     sp = 0                      outside
 *     sp = address of a word W    inside; W held the return address of the outermost call: the claim
 *
 * State of one thread and library, and what a signal handler that calls the library finds:
 *
 *   sp   universe  where                                   a handler's entry, deeper on the stack
 *   0    -1        outside                                 is outermost itself, and cleans up behind it
 *   W    -1        between E1 and E2, or X1 and X2 (exit)  helps: stores the universe (nested)
 *   W    u         inside                                  nested
 *
 * E1 claims, E2 takes the universe: in this order, because between them the claim makes every other entry
 * of this thread nested, and the helper of a patch that sees a claim without a universe waits. On exit,
 * in the slot, X1 clears sp and X2 the universe; see slots.S.
 */
#include "ulp_abi.h"

        .weak   __ulp_global            /* ulp_control.universe of libpulp.so */
        .weak   __ulp_acquire
        .weak   __ulp_special
        .weak   __ulp_entry_unwind

/* ---- the thread block ---------------------------------------------------------------------------- */

        .section .tdata.ulp, "awT", @progbits
        .p2align 5
        .type   __ulp_tls, @object
        .size   __ulp_tls, ULP_TLS__SIZEOF
__ulp_tls:
        .quad   0                       /* sp */
        .long   ULP_UNIVERSE_OUTSIDE    /* universe */
        .long   0                       /* flags */
        .quad   __ulp_noslot            /* code */
        .quad   __ulp_library           /* library */

/* ---- the descriptor and the note by which the tools find it --------------------------------------- */

        .section .data.rel.ro.ulp, "aw", @progbits
        .p2align 5
        .globl  __ulp_library
        .hidden __ulp_library
        .type   __ulp_library, @object
        .size   __ulp_library, ULP_LIBRARY__SIZEOF
__ulp_library:
        .quad   ULP_MAGIC_LIBRARY
        .long   ULP_ABI_VERSION
        .long   ULP_LIBRARY__SIZEOF
        .long   __ulp_tls@gottpoff      /* way to the GOT word that the loader fills with tpoff */
        .long   0
        .quad   __ulp_entry
        .quad   __ulp_noslot
.Lglobal:
        .quad   __ulp_global            /* 0 without libpulp.so: the trampolines test this word */

        .section .note.ulp, "a", @note
        .p2align 2
        .long   4                       /* namesz */
        .long   ULP_NOTE_LIBRARY__SIZEOF
        .long   ULP_NOTE_TYPE_LIBRARY
        .asciz  "ULP"
        .long   ULP_ABI_VERSION
        .long   ULP_GATE_LINKED
        .long   0                       /* features */
        .long   ULP_PADDING_BEFORE
        .long   __ulp_library - .

/* ---- the entry ------------------------------------------------------------------------------------ */

/*
 * in:  r11 = S; everything else as the caller of S left it; (rsp) = return address
 * out: at S (nested), or in the return slot (outermost), with rax, flags aside, as on entry
 * clobbers: r11, flags, 16 bytes of the red zone. No calls on the fast path. Any thread, any stack.
 *
 *   if (tls.sp > rsp) nested: goto S, after helping if no universe is there yet
 *   if (tls.sp != 0) special: tail call, stale claim, or another stack
 *   tls.sp = rsp                                                               E1
 *   tls.universe = *global                                                     E2
 *   goto tls.code                   the slot: it reloads rax from -8(%rsp) of now
 */
        .text
        .p2align 6
        .globl  __ulp_entry
        .hidden __ulp_entry
        .type   __ulp_entry, @function
__ulp_entry:
        .cfi_startproc
        .cfi_personality 0x1b, __ulp_entry_personality
        movq    %rax, -8(%rsp)
        movq    __ulp_tls@gottpoff(%rip), %rax
        cmpq    %rsp, %fs:ULP_TLS__SP(%rax)
        jbe     .Lnot_nested
        cmpl    $ULP_UNIVERSE_OUTSIDE, %fs:ULP_TLS__UNIVERSE(%rax)
        je      .Lhelp
        movq    -8(%rsp), %rax
        jmp     *%r11

.Lnot_nested:
        cmpq    $0, %fs:ULP_TLS__SP(%rax)
        jne     .Lspecial
        movq    %rsp, %fs:ULP_TLS__SP(%rax)             /* E1 */
        movq    %r11, -16(%rsp)
        movq    .Lglobal(%rip), %r11
        movl    (%r11), %r11d
        movl    %r11d, %fs:ULP_TLS__UNIVERSE(%rax)      /* E2 */
        movq    -16(%rsp), %r11
        jmp     *%fs:ULP_TLS__CODE(%rax)                /* return slot, or __ulp_noslot */

.Lhelp: /* a signal handler came between E1 and E2 below us: do E2 for it */
        movq    %r11, -16(%rsp)
        movq    .Lglobal(%rip), %r11
        movl    (%r11), %r11d
        movl    %r11d, %fs:ULP_TLS__UNIVERSE(%rax)
        movq    -16(%rsp), %r11
        movq    -8(%rsp), %rax
        jmp     *%r11

/* 0 < sp <= rsp */
.Lspecial:
        cmpq    %rsp, %fs:ULP_TLS__SP(%rax)
        jne     1f
        movq    %fs:ULP_TLS__CODE(%rax), %rax
        addq    $ULP_SLOT_RETURN, %rax
        cmpq    %rax, (%rsp)
        jne     2f
        movq    -8(%rsp), %rax
        jmp     *%r11                   /* tail call out of the outermost function: its word is ours */
2:      movq    __ulp_tls@gottpoff(%rip), %rax
1:      addq    %fs:0, %rax
        subq    $16, %rsp               /* keeps -8 and -16 of now */
        .cfi_adjust_cfa_offset 16
        call    *__ulp_special@GOTPCREL(%rip)
        addq    $16, %rsp
        .cfi_adjust_cfa_offset -16
        testl   %eax, %eax
        movq    -8(%rsp), %rax
        jne     __ulp_entry             /* the claim was stale and has been cleared: once more */
        jmp     *%r11
        .cfi_endproc
        .size   __ulp_entry, . - __ulp_entry

/*
 * Where tls.code points until the thread has a return slot for this library. The claim is made, so
 * nothing of this thread can race with the acquisition.
 * in:  rax = thread offset of tls, r11 = S, caller's rax in -8(%rsp)
 *
 *   slot = acquire(tls)
 *   goto slot, or S when there is none: the thread is then inside for good (pinned)
 */
        .p2align 4
        .type   __ulp_noslot, @function
__ulp_noslot:
        .cfi_startproc
        .cfi_personality 0x1b, __ulp_entry_personality
        addq    %fs:0, %rax
        subq    $16, %rsp
        .cfi_adjust_cfa_offset 16
        call    *__ulp_acquire@GOTPCREL(%rip)
        addq    $16, %rsp
        .cfi_adjust_cfa_offset -16
        testq   %rax, %rax
        je      1f
        jmp     *%rax
1:      movq    -8(%rsp), %rax
        jmp     *%r11
        .cfi_endproc
        .size   __ulp_noslot, . - __ulp_noslot

/*
 * Personality of the two frames above: asynchronous cancellation may unwind through them after E1.
 * in: as the Itanium ABI says. Passes on to libpulp.so with the thread block as sixth argument.
 */
        .p2align 4
        .type   __ulp_entry_personality, @function
__ulp_entry_personality:
        .cfi_startproc
        movl    $8, %eax                /* _URC_CONTINUE_UNWIND */
        movq    __ulp_entry_unwind@GOTPCREL(%rip), %r11
        testq   %r11, %r11
        je      1f
        movq    __ulp_tls@gottpoff(%rip), %r9
        addq    %fs:0, %r9
        jmp     *%r11
1:      ret
        .cfi_endproc
        .size   __ulp_entry_personality, . - __ulp_entry_personality

        .section .note.GNU-stack, "", @progbits
