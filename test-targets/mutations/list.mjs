/**
 * What serves a way into or out of a library, taken out: `edits` are made to a copy of runtime/,
 * then the `test` must fail. `-t` of jest: a part of the titles.
 */
const WAYS = 'test-targets/test/ways.test.ts';
const ENTRIES = 'test-targets/test/entries.test.ts';
const LOADING = 'test-targets/test/loading.test.ts';
const DEBUGGERS = 'test-targets/test/debuggers.system.test.ts';
const STEPPING = ['test-targets/test/stepping.test.ts', 'every action'];
const SLOTS = 'test-targets/test/slots.test.ts';
const RUNTIMES = 'test-targets/test/runtimes.test.ts';
const CITIZEN = 'test-targets/test/citizen.test.ts';
const TLS = 'test-targets/test/tls.test.ts';
const ORDER = 'test-targets/test/lookup-order.test.ts';
const RANDOM = ['test-targets/test/random.test.ts', 'random programs'];
const ALONE = [WAYS, 'each way, before'];
const SUSPENDED = [WAYS, 'each way, suspended'];
const CANCELLED = [WAYS, 'cancelled at any'];

const interposer = (name) => ({
  name: `interposer-${name}`,
  what: `\`${name}\` interposed`,
  edits: [
    ['longjmp.c', `INTERPOSE(${name})\n`, ''],
    ['longjmp.c', `  real_${name} = real("${name}");\n`, ''],
  ],
  test: SUSPENDED,
});

export const MUTATIONS = [
  {
    name: 'tail-call',
    what: 'entry: a tail call out of the outermost function is told from a stale claim',
    edits: [['trm.S', 'cmpq    %rax, (%rsp)\n', 'cmpq    $0, (%rsp)\n']],
    test: ALONE,
  },
  {
    name: 'tail-call-through-others',
    what: 'entry: a tail call that comes back through other libraries is told from a stale claim',
    edits: [['entry.c', 'if (claim == sp && return_place(', 'if (0 && return_place(']],
    test: ALONE,
  },
  {
    name: 'tail-call-through-others-random',
    what: 'the same, found by random programs',
    edits: [['entry.c', 'if (claim == sp && return_place(', 'if (0 && return_place(']],
    test: RANDOM,
  },
  {
    name: 'claim-read-twice',
    what: 'entry: the claim is read once; 0 is outside',
    // As it was: the claim of before the signals were blocked, which a handler has ended.
    edits: [
      [
        'entry.c',
        'const uint64_t before = signals_block();\n  const uint64_t answer',
        'const uint64_t answer',
      ],
      ['entry.c', '  signals_restore(before);\n  return answer;', '  return answer;'],
      [
        'entry.c',
        '  if (claim == 0)\n    return outside(tls, sp, library);\n',
        '  if (claim == 0 && !has_slot(tls))\n    return outside(tls, sp, library);\n',
      ],
    ],
    test: STEPPING,
  },
  {
    name: 'special',
    what: 'entry: a claim at or below the stack pointer is looked at',
    edits: [['trm.S', 'call    *__ulp_special@GOTPCREL(%rip)', 'xorl %eax, %eax']],
    test: SUSPENDED,
  },
  {
    name: 'claim-first',
    what: 'entry: E1, the claim',
    edits: [['trm.S', /movq {4}%rsp, %fs:ULP_TLS__SP\(%rax\).*\n/, '']],
    test: ALONE,
  },
  {
    name: 'entry-universe',
    what: 'entry: E2, the universe of the call',
    edits: [
      // As long as what it replaces: the slot's offsets are part of the ABI.
      ['slots.S', /popq {4}%fs:ULP_TLS__UNIVERSE\(%r11\) +\/\* E2 \*\/\n/, 'leaq 8(%rsp), %rsp\n'],
    ],
    test: SUSPENDED,
  },
  {
    name: 'exit-claim',
    what: 'exit: X, the claim',
    edits: [
      ['slots.S', /movaps {2}%xmm5, ULP_TLS__SP\(%r11\) +\/\* X \*\/\n/, 'movl $0, 8(%r11)\n'],
    ],
    test: SUSPENDED,
  },
  {
    name: 'exit-universe',
    what: 'exit: X, the universe',
    edits: [
      [
        'slots.S',
        /movaps {2}%xmm5, ULP_TLS__SP\(%r11\) +\/\* X \*\/\n/,
        'movq $0, ULP_TLS__SP(%r11)\n',
      ],
    ],
    test: SUSPENDED,
  },
  {
    name: 'exit-swapped',
    what: 'exit: X, claim and universe at once (here: the universe first)',
    edits: [
      ['slots.S', /xorps {3}%xmm5, %xmm5\n(?= *movaps .*X \*\/)/, ''],
      [
        'slots.S',
        /movaps  %xmm5, ULP_TLS__SP\(%r11\) *\/\* X \*\//,
        'movl $0, ULP_TLS__UNIVERSE(%r11)\n        movq $0, ULP_TLS__SP(%r11)',
      ],
    ],
    test: STEPPING,
  },
  {
    name: 'help',
    what: 'entry: a handler helps an entry that it has interrupted',
    edits: [['trm.S', 'je      .Lhelp\n', '\n']],
    test: STEPPING,
  },
  {
    name: 'help-mends',
    what: 'entry: the helper mends what the slot has pushed',
    edits: [['trm.S', 'movq    %r11, -8(%rax)\n', '\n']],
    test: STEPPING,
  },
  {
    name: 'entry-personality',
    what: 'entry: unwinding out of it drops the claim',
    edits: [['trm.S', '        .cfi_personality 0x1b, __ulp_entry_personality\n', '']],
    test: STEPPING,
  },
  {
    name: 'slot-personality',
    what: 'the personality of a slot',
    edits: [['slots.S', /\.cfi_personality 0x1b, __ulp_slot_personality\n/, '\n']],
    test: SUSPENDED,
  },
  {
    name: 'landing-pad',
    what: 'the personality installs a landing pad, instead of going on',
    edits: [
      [
        'unwind.c',
        /_Unwind_SetGR\(context, 0[^]*return _URC_INSTALL_CONTEXT;/,
        'leave((tls_t *)slot->tls); (void)exception; return _URC_CONTINUE_UNWIND;',
      ],
    ],
    test: ALONE,
  },
  {
    name: 'landing-pad-exit',
    what: 'the landing pad drops the claim',
    edits: [['slots.S', /movaps {2}%xmm5, ULP_TLS__SP\(%r11\)\n/, '\n']],
    test: SUSPENDED,
  },
  {
    name: 'slot-cfi',
    what: 'unwinding finds the caller behind a slot',
    edits: [['slots.S', /\.cfi_escape 0x10, 16, 38.*\n.*\n.*\n.*\n/, '\n']],
    test: ALONE,
  },
  ...['longjmp', '_longjmp', 'siglongjmp', '__longjmp_chk'].map(interposer),
  {
    name: 'jump-alternate',
    what: 'a jump off the alternate stack drops the claims of both stacks',
    edits: [['entry.c', 'if (leaves_alternate && on_alternate_stack(claim))', 'if (0)']],
    test: SUSPENDED,
  },
  {
    name: 'jump-within',
    what: 'a jump keeps the claims of the frames that stay',
    edits: [
      ['entry.c', 'return claim < target && is_on(to, claim) &&', 'return is_on(to, claim) &&'],
    ],
    test: SUSPENDED,
  },
  {
    name: 'alternate-stack',
    what: 'a handler on an alternate stack above the call is nested',
    edits: [
      [
        'entry.c',
        'if (stack.kind == STACK_ALTERNATE && claimed.kind != STACK_ALTERNATE)',
        'if (0)',
      ],
    ],
    test: SUSPENDED,
  },
  {
    name: 'alternate-stack-end',
    what: 'the low end of the alternate stack does not count',
    edits: [['memory.c', 'low = (uint64_t)stack.ss_sp + 1;', 'low = (uint64_t)stack.ss_sp;']],
    test: SUSPENDED,
  },
  {
    name: 'swapcontext',
    what: '`swapcontext` interposed',
    edits: [['context.c', 'ULP_EXPORT int swapcontext(', 'ULP_EXPORT int not_swapcontext(']],
    test: SUSPENDED,
  },
  {
    name: 'taken-over',
    what: 'a coroutine in another thread gets a slot of that thread',
    edits: [['context.c', '    if (is_mine(p->slot))', '    if (is_mine(p->slot) || 1)']],
    test: ALONE,
  },
  {
    name: 'parked-stale',
    what: 'a claim that a builtin longjmp left stale is not put back over a living one',
    edits: [['context.c', 'if (same && tls->sp < here)', 'if (0)']],
    test: ALONE,
  },
  {
    name: 'limbo',
    what: 'a slot whose frame may still return is not used for another call',
    edits: [['entry.c', 'is_over = !is_led_to(slot, stack->low, sp)', 'is_over = true']],
    test: ALONE,
  },
  {
    name: 'thread-ends',
    what: 'a thread gives its slots back',
    edits: [['threads.c', 'pthread_setspecific(key, (void *)1);', ';']],
    test: ALONE,
  },
  {
    name: 'thread-ended',
    what: 'a slot that a thread took after it had given its slots back is taken by others',
    edits: [
      [
        'slots.c',
        'slot_t *slot = slot_take_late();',
        'slot_t *slot = NULL;\n  (void)slot_take_late;',
      ],
    ],
    test: [ENTRIES, 'threads that end under signals'],
  },
  {
    name: 'signals-blocked',
    what: 'no cancellation while a slot changes hands',
    edits: [
      [
        'entry.c',
        'const uint64_t before = signals_block();\n  const uint64_t answer',
        'const uint64_t answer',
      ],
      ['entry.c', '  signals_restore(before);\n  return answer;', '  return answer;'],
    ],
    test: CANCELLED,
  },
  {
    name: 'contested',
    what: 'a call on a stack that nobody saw being switched to gets a slot of its own',
    edits: [
      [
        'entry.c',
        '  claim_contest(tls, slot);\n  return ulp_special_blocked',
        '  return NESTED;\n  return ulp_special_blocked',
      ],
    ],
    test: ALONE,
  },
  {
    name: 'bounds',
    what: 'addresses are compared within one stack alone',
    edits: [
      ['entry.c', 'tls->low = compares ? stack->low : ~0UL;', 'tls->low = 0;'],
      [
        'entry.c',
        'tls->high = compares && !has_contested() ? stack->high : 0;',
        'tls->high = ~0UL;',
      ],
    ],
    test: SUSPENDED,
  },
  {
    name: 'pinned-meanwhile',
    what: 'calls of the slow path into libc pass as nested',
    edits: [['slots.c', 'tls->sp = is_new ? ULP_SP_PINNED : 0;', 'tls->sp = 0;']],
    test: ['test-targets/test/early.test.ts', 'what libpulp.so calls'],
  },
  {
    name: 'child-slots',
    what: 'a child has the slots of its one thread alone',
    edits: [
      ['threads.c', 'pthread_atfork(NULL, NULL, child_begins)', 'pthread_atfork(NULL, NULL, NULL)'],
    ],
    test: [ENTRIES, 'a child of fork'],
  },
  {
    name: 'vfork-slots',
    what: "a slot that a child of vfork has taken is its parent's",
    edits: [['slots.c', 'is_other_process() ? 0 : (uint32_t)raw_syscall', '(uint32_t)raw_syscall']],
    test: [SLOTS, 'child of vfork'],
  },
  {
    name: 'helper-slots',
    what: 'the helper gives its slots back after each life',
    edits: [['helper.c', '    thread_gives_back();\n', '']],
    test: [SLOTS, 'a constructor of a patch'],
  },
  {
    name: 'healed',
    what: 'the claim of a thread that ended unseen is given back',
    edits: [['slots.c', 'syscall(SYS_tgkill', 'syscall(SYS_getpid']],
    test: [SLOTS, 'unseen'],
  },
  {
    name: 'child-coroutines',
    what: "a child keeps the slots of other threads' suspended coroutines",
    edits: [['threads.c', 'if (in_limbo(slot) && !limbo_is_over(slot)) {', 'if (0) {']],
    test: ALONE,
  },
  {
    name: 'child-helper',
    what: 'a child that is born while the helper works can be patched',
    edits: [
      [
        'helper.c',
        'pthread_atfork(before_fork, NULL, child_begins)',
        'pthread_atfork(before_fork, NULL, NULL)',
      ],
    ],
    test: [ENTRIES, 'born while the helper works'],
  },
  {
    name: 'vector-state',
    what: 'vector registers are kept by a first entry',
    edits: [['slots.S', 'xrstor  (%rsp)', '']],
    test: ALONE,
  },
  {
    name: 'vector-state-wide',
    what: "the same, AVX-512's",
    edits: [['slots.S', 'movl    $0xe7, %eax', 'movl    $0x07, %eax', 'all']],
    test: ALONE,
  },
  {
    name: 'pin',
    what: 'a patched library is pinned',
    edits: [['model.c', 'image.name[0] ? image.name : NULL', 'NULL']],
    test: [LOADING, 'unloaded while patched'],
  },
  {
    name: 'forsaken',
    what: 'the slot of a library that was unloaded and loaded anew is used again',
    edits: [
      [
        'slots.c',
        'return slot->state == ULP_SLOT_USED && slot->tls == (uint64_t)tls;',
        'return (void)slot, (void)tls, false;',
      ],
    ],
    test: [LOADING, 'return slots'],
  },
  {
    name: 'unloaded',
    what: 'the slot of a library that was unloaded is given back by its thread',
    edits: [
      [
        'threads.c',
        '    slot_give_back(slot, &own);',
        '    if (block_of_this_thread(slot))\n      slot_give_back(slot, &own);',
      ],
    ],
    test: [LOADING, 'return slots'],
  },
  {
    name: 'oldest',
    what: 'a patch is unloaded only when no thread is inside',
    edits: [['claims.c', 'if (universe < oldest)', 'if (0)']],
    test: [ENTRIES, 'a coroutine that is suspended'],
  },
  {
    name: 'switched',
    what: 'a call that goes into limbo or out of it while it is looked at is looked at again',
    edits: [['claims.c', '(slot->tls == owner && slot->moves == moves)', 'true']],
    test: [ENTRIES, 'switched without pause'],
  },
  {
    name: 'late',
    what: 'a libpulp.so behind libc says so',
    edits: [['control.c', 'if (is_late())', 'if (is_late() && 0)']],
    test: [RUNTIMES, 'loaded by dlopen'],
  },
  {
    name: 'behind-libc',
    what: 'a libpulp.so behind libc finds what it passes calls on to',
    edits: [
      [
        'next.c',
        'void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);',
        'void *handle = NULL;',
      ],
    ],
    test: [ORDER, 'behind libc'],
  },
  {
    name: 'static-tls',
    what: "the helper's stack has room for the static TLS",
    edits: [['helper.c', 'return minimal ? minimal(attributes) : 0;', 'return minimal ? 0 : 1;']],
    test: [TLS, '1 MiB in the program'],
  },
  {
    name: 'tls-zeros',
    what: "the dormant helper's TLS holds no zeros",
    edits: [['helper.c', '  dl_iterate_phdr(drop_zeros, NULL);\n', '']],
    test: [TLS, '4 MiB in the program'],
  },
  {
    name: 'stack-rest',
    what: 'most of the stack of the dormant helper counts for no RLIMIT_DATA',
    edits: [
      [
        'helper.c',
        'mprotect(stack_low + REST_BYTES, stack_size - REST_BYTES, PROT_READ | PROT_WRITE)',
        'mprotect(stack_low, stack_size, PROT_READ | PROT_WRITE)',
      ],
    ],
    test: [CITIZEN, 'a limit on data'],
  },
  {
    name: 'registered',
    what: 'membarrier(2) is registered when the process starts',
    edits: [['control.c', 'else if (!barrier_begin())', 'else if (0)']],
    test: [CITIZEN, 'registered for'],
  },
  {
    name: 'inherited-filter',
    what: 'not under a seccomp filter, which may end the process for it',
    edits: [['barrier.c', 'if (has_filter() || ', 'if (']],
    test: [CITIZEN, 'a filter that ends'],
  },
  {
    name: 'padding-frames',
    what: 'unwinding out of a trampoline and of a selector',
    edits: [['frameless.c', ' || in_padding((uint64_t)pc)', '']],
    test: [DEBUGGERS, 'a handler and'],
  },
  {
    name: 'padding-personality',
    what: 'unwinding out of a trampoline drops the claim',
    edits: [['frameless.c', '      leave(tls);\n', '      ;\n']],
    test: [DEBUGGERS, 'a handler and'],
  },
  {
    name: 'stub-frames',
    what: 'unwinding out of a stub',
    edits: [['frameless.c', 'arena_holds((uint64_t)pc) || ', '']],
    test: [DEBUGGERS, 'a handler and'],
  },
  {
    name: 'slot-name',
    what: "the symbol by which gdb's step goes through a slot",
    edits: [
      ['slots.S', '__ulp_return_slot, @gnu_indirect_function', '__ulp_return_slot, @function'],
    ],
    test: [DEBUGGERS, 'gdb steps into'],
  },
  {
    name: 'interpreted',
    what: 'a process under valgrind is refused',
    edits: [['control.c', 'if (is_interpreted())', 'if (is_interpreted() && 0)']],
    test: [DEBUGGERS, 'valgrind follows'],
  },
];
