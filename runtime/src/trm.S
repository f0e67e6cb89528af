/*
 * Entry tracking: linked into every live-patchable library as trm.o. It links into programs too:
 * whatever is weak is reached through the GOT by instructions that ld does not relax (build.mjs:
 * -mrelax-relocations=no), because in a program of fixed address ld would otherwise make 0 of it
 * for good.
 *
 * A trampoline in the padding of function S tells a thread's outermost entry into this library from
 * a nested one and claims it (E1; packages/elf/src/gate/trampoline.ts). It goes on to a *return
 * slot* of libpulp.so, which gives it its universe (E2) and notes the exit; the first time
 * __ulp_entry finds it a slot.
 *
 *   thread block ulp_tls {sp, universe, flags, code, library, low, high}, initial-exec TLS
 *     all zero                    outside, and without a return slot yet: code may run before the
 *                                 block is initialised
 *     sp = 0                      outside
 *     sp = address of a word W    inside; W held the return address of the outermost call: the
 *                                 claim
 *     low, high                   where addresses may be compared without asking: see ulp_tls in
 *     abi.ts
 *
 * State of one thread and library, and what a signal handler that calls the library finds:
 *
 *   sp   universe  where                                   a handler's entry, deeper on the stack
 *   0    0         before the first entry: high = 0        gets the slot; then as below
 *   0    0         outside                                 is outermost itself, and cleans up
 *                                                          after itself
 *   W    0         between E1 and E2                       helps: stores the universe (nested)
 *   W    u         inside                                  nested
 *
 * E1 claims, E2 takes the universe: in this order, because between them the claim makes every other
 * entry of this thread nested, and the helper of a patch that sees a claim without a universe
 * waits. Both need the slot: by it the claim is seen. The exit, X in the slot, drops both in one
 * store; see slots.S.
 */
#include "ulp_abi.h"

        .weak   __ulp_global            /* ulp_control.universe of libpulp.so */
        .weak   __ulp_special
        .weak   __ulp_entry_unwind
        .weak   __ulp_library_begins
        .weak   __ulp_library_ends
        .weak   __ehdr_start
        .hidden __ehdr_start

/* ---- the thread block ------------------------------------------------------------------------ */

        .section .tbss.ulp, "awT", @nobits
        .p2align 4
        .type   __ulp_tls, @object
        .size   __ulp_tls, ULP_TLS__SIZEOF
__ulp_tls:
        .zero   ULP_TLS__SIZEOF

/* ---- the descriptor and the note by which the tools find it ---------------------------------- */

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
        .byte   0x48, 0x8b, 0x05        /* way to tpoff: tlsOffset in abi.ts */
        .long   __ulp_tls@gottpoff
        .byte   0
        .quad   __ulp_entry
        .long   __ulp_global@GOTPCREL   /* to a word that is 0 without libpulp.so */
        .long   0
        .quad   0, 0, 0

        .section .note.ulp, "a", @note
        .p2align 2
        .long   4                       /* namesz */
        .long   ULP_NOTE_LIBRARY__SIZEOF
        .long   ULP_NOTE_TYPE_LIBRARY
        .asciz  "ULP"
        .long   ULP_ABI_VERSION
        .long   ULP_GATE_LINKED
        .long   ULP_FEATURE_HOOKS
        .long   ULP_PADDING_BEFORE
        .long   __ulp_library - .
        .long   0
        .quad   0                       /* the link address of __ulp_library: the gate writes it */

/*
 * By this a patched ld knows that it has to make trampolines (docs/toolchain.md). Any ld leaves it
 * out of what it writes.
 */
        .section .ulp.track, "e", @progbits

/* ---- hooks: the first constructor of the library, and its last destructor -------------------- */

/*
 * As constructors are called. Pass on to libpulp.so, which may know nothing of the library yet:
 * __ulp_library_begins(&__ulp_library, address of the ELF header).
 */
        .section .init_array.00000, "aw", @init_array
        .p2align 3
        .quad   .Lbegins
        .section .fini_array.00000, "aw", @fini_array
        .p2align 3
        .quad   .Lends

        .text
.Lbegins:
        .cfi_startproc
        cmpq    $0, __ulp_library_begins@GOTPCREL(%rip)
        je      1f
        leaq    __ulp_library(%rip), %rdi
        leaq    __ehdr_start(%rip), %rsi
        jmp     *__ulp_library_begins@GOTPCREL(%rip)
1:      ret
        .cfi_endproc
.Lends:
        .cfi_startproc
        cmpq    $0, __ulp_library_ends@GOTPCREL(%rip)
        je      1f
        leaq    __ulp_library(%rip), %rdi
        leaq    __ehdr_start(%rip), %rsi
        jmp     *__ulp_library_ends@GOTPCREL(%rip)
1:      ret
        .cfi_endproc

/* ---- the entry ------------------------------------------------------------------------------- */

/*
 * What a trampoline leaves to the library as a whole: this is rare.
 * in:  r11 = tpoff, S - __ulp_library at -16(%rsp); everything else as the caller of S left it;
 *      (rsp) = return address
 * out: at S (nested), or in the return slot (outermost), with rax, flags aside, as on entry
 * clobbers: r11, flags, 40 bytes of the red zone. Any thread, any stack.
 *
 *   if (tls.sp > rsp && tls.low <= rsp) nested: help if no universe is there yet; goto S
 *   if (tls.sp != 0 || tls.high <= rsp)
 *     special: the first entry, tail call, stale claim, or another stack; it says:
 *       0        nested: goto S
 *       1        outside, with a slot: go on
 *       a place  in a slot: goto there
 *   tls.sp = rsp                                                               E1
 *   goto tls.code                                                              the slot
 *
 * -8(%rsp) is left alone from E1 on: there the slot puts the universe that it has read, and there a
 * helper mends it.
 */
        .text
        .p2align 6
        .globl  __ulp_entry
        .hidden __ulp_entry
        .type   __ulp_entry, @function
__ulp_entry:
        .cfi_startproc
        .cfi_personality 0x1b, __ulp_entry_personality
        movq    %rax, -24(%rsp)
        movslq  -16(%rsp), %rax
        movq    %rax, -16(%rsp)         /* its low half stays what it was */
        leaq    __ulp_library(%rip), %rax
        addq    -16(%rsp), %rax
        xchgq   %rax, %r11              /* rax = tpoff, r11 = S */
        cmpq    %rsp, %fs:ULP_TLS__SP(%rax)
        ja      .Lnested
        cmpq    %rsp, %fs:ULP_TLS__HIGH(%rax)
        jbe     .Lspecial
.Loutside:
        cmpq    $0, %fs:ULP_TLS__SP(%rax)
        jne     .Lspecial
        movq    %rsp, %fs:ULP_TLS__SP(%rax)             /* E1 */
        movq    %rax, %r11
        movq    -24(%rsp), %rax
        jmp     *%fs:ULP_TLS__CODE(%r11)

.Lnested:
        cmpq    %rsp, %fs:ULP_TLS__LOW(%rax)
        ja      .Lspecial
        cmpl    $ULP_UNIVERSE_OUTSIDE, %fs:ULP_TLS__UNIVERSE(%rax)
        je      .Lhelp
.Lhelped:
        movq    -24(%rsp), %rax
        jmp     *%r11

/*
 * A signal handler came between E1 and E2 below us: we do E2 for it, unless a handler above us has
 * done so. The slot may have pushed an older universe already, below the claimed word: it must not
 * come back. (If it has not, nobody uses the word that is written.)
 */
.Lhelp:
        movq    %r11, -32(%rsp)
        movq    %rcx, -40(%rsp)
        movq    %rax, %rcx
        xorl    %r11d, %r11d
        addq    __ulp_global@GOTPCREL(%rip), %r11
        movl    (%r11), %r11d
        xorl    %eax, %eax              /* outside */
        cmpxchgl %r11d, %fs:ULP_TLS__UNIVERSE(%rcx)
        movl    %fs:ULP_TLS__UNIVERSE(%rcx), %r11d
        movq    %fs:ULP_TLS__SP(%rcx), %rax
        movq    %r11, -8(%rax)
        movq    -40(%rsp), %rcx
        movq    -32(%rsp), %r11
        jmp     .Lhelped

/* sp is not 0, or addresses may not be compared */
.Lspecial:
        cmpq    $0, __ulp_global@GOTPCREL(%rip)
        je      .Labsent
        cmpq    %rsp, %fs:ULP_TLS__SP(%rax)
        jne     1f
        movq    %fs:ULP_TLS__CODE(%rax), %rax
        addq    $ULP_SLOT_RETURN, %rax
        cmpq    %rax, (%rsp)
        je      .Lhelped                /* tail call out of the outermost one: its word is ours */
        movq    __ulp_tls@gottpoff(%rip), %rax
1:      addq    %fs:0, %rax
        subq    $24, %rsp               /* keeps -8 to -24 of now */
        .cfi_adjust_cfa_offset 24
        call    *__ulp_special@GOTPCREL(%rip)
        addq    $24, %rsp
        .cfi_adjust_cfa_offset -24
        testq   %rax, %rax
        je      .Lhelped
        movq    __ulp_tls@gottpoff(%rip), %r11
        xchgq   %rax, %r11              /* rax = tpoff */
        cmpq    $1, %r11
        je      .Lfresh
        movq    %r11, -32(%rsp)
        movq    %rax, %r11
        movq    -24(%rsp), %rax
        jmp     *-32(%rsp)

.Lfresh:                                /* r11 = S again */
        leaq    __ulp_library(%rip), %r11
        addq    -16(%rsp), %r11
        jmp     .Loutside

/* Without libpulp.so: inside for good, so that the trampolines go straight to S from now on. */
.Labsent:
        movl    $ULP_UNIVERSE_BASE, %fs:ULP_TLS__UNIVERSE(%rax)
        movq    $ULP_SP_PINNED, %fs:ULP_TLS__SP(%rax)
        jmp     .Lhelped
        .cfi_endproc
        .size   __ulp_entry, . - __ulp_entry

/*
 * Personality of the frame above: asynchronous cancellation may unwind through it after E1.
 * in: as the Itanium ABI says. Passes on to libpulp.so with the thread block as sixth argument.
 */
        .p2align 4
        .type   __ulp_entry_personality, @function
__ulp_entry_personality:
        .cfi_startproc
        movl    $8, %eax                /* _URC_CONTINUE_UNWIND */
        cmpq    $0, __ulp_entry_unwind@GOTPCREL(%rip)
        je      1f
        movq    __ulp_tls@gottpoff(%rip), %r9
        addq    %fs:0, %r9
        jmp     *__ulp_entry_unwind@GOTPCREL(%rip)
1:      ret
        .cfi_endproc
        .size   __ulp_entry_personality, . - __ulp_entry_personality

        .section .note.GNU-stack, "", @progbits
