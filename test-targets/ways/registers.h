/* All that a call can carry, either way. For C and assembly. */
#ifndef REGISTERS_H
#define REGISTERS_H

#define STACK_WORDS 8
#define GPR 0 /* rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r12 r13 r14 r15 */
#define FLAGS 112
#define STACK 120
#define VERSION 184
#define MASK 192 /* of the states that xsave and xrstor are to handle */
#define VECTORS 256
#define REGISTERS_SIZE (256 + 4096)

#ifndef __ASSEMBLER__
#include <stdint.h>

struct registers {
  uint64_t gpr[14];
  uint64_t flags;
  uint64_t stack[STACK_WORDS];
  uint64_t version;
  uint64_t mask;
  uint64_t reserved[7];
  unsigned char vectors[4096]; /* an XSAVE area, not compacted */
} __attribute__((aligned(64)));

/* What probe() found when it was called, and what it is to return. */
extern __thread struct registers *probe_found, *probe_results;

/*
 * Calls function with all registers as in `in`, and notes in `out` what they were when it returned.
 */
void registers_call(const struct registers *in, struct registers *out, void (*function)(void));
#endif

#endif
