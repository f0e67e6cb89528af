/* The control block, the global universe inside it, and the note by which the tools find it. */
#include "ulp_abi.h"

        .data
        .p2align 6
        .globl  ulp_control_block
        .hidden ulp_control_block
        .type   ulp_control_block, @object
        .size   ulp_control_block, ULP_CONTROL__SIZEOF
ulp_control_block:
        .zero   ULP_CONTROL__UNIVERSE
        /* Set before any constructor runs: libraries may be called earlier than ours. */
        .globl  __ulp_global
        .type   __ulp_global, @object
        .size   __ulp_global, 8
__ulp_global:
        .quad   ULP_UNIVERSE_BASE + 1
        .zero   ULP_CONTROL__SIZEOF - ULP_CONTROL__UNIVERSE - 8

        .section .note.ulp, "a", @note
        .p2align 2
        .long   4
        .long   ULP_NOTE_RUNTIME__SIZEOF
        .long   ULP_NOTE_TYPE_RUNTIME
        .asciz  "ULP"
        .long   ULP_ABI_VERSION
        .long   ULP_CONTROL__SIZEOF
        .long   ulp_control_block - .

        .section .note.GNU-stack, "", @progbits
