/*
 * What the files of libpulp.so share. Each group names the file that holds it.
 *
 * From where code runs is said at each function:
 *   entry     in a thread that enters or leaves a library, perhaps in a signal handler: no locks,
 *             no libc beyond what is async-signal-safe
 *   helper    in the helper thread, one at a time: anything goes
 *   thread    in an ordinary thread at an ordinary moment
 */
#ifndef ULP_RUNTIME_H
#define ULP_RUNTIME_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raw.h"
#include "ulp_abi.h"

#define ULP_EXPORT __attribute__((visibility("default")))
#define ULP_HIDDEN __attribute__((visibility("hidden")))

/* The library's and its threads' memory is written by assembly and by signal handlers. */
typedef volatile struct ulp_tls tls_t;
typedef volatile struct ulp_slot slot_t;

/* ---- control.c */
extern ULP_HIDDEN struct ulp_control ulp_control_block;

static inline uint64_t universe_now(void)
{
  return __atomic_load_n(&ulp_control_block.universe, __ATOMIC_SEQ_CST);
}

/* ---- slots.S */
extern ULP_HIDDEN char __ulp_slots[], __ulp_slots_end[], __ulp_landing[];
extern ULP_HIDDEN slot_t __ulp_slot_records[];

static inline uint64_t slot_code(slot_t *slot)
{
  return (uint64_t)__ulp_slots + (uint64_t)(slot - __ulp_slot_records) * ULP_SLOT_STRIDE;
}

/* The slot whose code holds this address, or NULL. */
static inline slot_t *slot_at(uint64_t code)
{
  if (code < (uint64_t)__ulp_slots || code >= (uint64_t)__ulp_slots_end)
    return NULL;
  return &__ulp_slot_records[(code - (uint64_t)__ulp_slots) / ULP_SLOT_STRIDE];
}

static inline bool has_slot(tls_t *tls)
{
  slot_t *slot = slot_at(tls->code);
  return slot && slot->tls == (uint64_t)tls;
}

/* Inside, by way of a slot. */
static inline bool has_claim(tls_t *tls)
{
  return tls->sp > ULP_SP_CONTESTED && tls->sp != ULP_SP_PINNED;
}

static inline tls_t *junk_of(slot_t *slot)
{
  return (tls_t *)&slot->junk_sp;
}

static inline slot_t *slot_next(slot_t *slot)
{
  return slot->next ? &__ulp_slot_records[slot->next - 1] : NULL;
}

static inline bool in_limbo(slot_t *slot)
{
  return slot->tls == (uint64_t)junk_of(slot);
}

/* As X in slots.S, in one store. */
static inline void leave(tls_t *tls)
{
  typedef uint64_t both __attribute__((vector_size(16), may_alias));
  *(volatile both *)&tls->sp = (both){0, 0};
}

/* Inside for good, by a pin that was noted. Signals blocked. */
static inline void claim_pin(tls_t *tls, uint32_t universe, uint64_t sp)
{
  tls->universe = universe;
  tls->low = tls->high = 0; /* an exit on its way may clear sp: then ask */
  tls->sp = sp;
}

/*
 * Has it claimed by a trampoline, or been pinned? What it has called since then was not counted, or
 * not all of it.
 */
static inline bool has_history(tls_t *tls)
{
  return tls->library != 0;
}

/* Outside, as before its first entry. Signals blocked. */
static inline void forget_slot(tls_t *tls)
{
  leave(tls);
  tls->low = tls->high = 0; /* ask */
  tls->code = 0;
}

/* The same of a thread that ends: nothing of what it has called is left. */
static inline void forget_history(tls_t *tls)
{
  forget_slot(tls);
  tls->library = 0;
}

/* ---- memory.c: all of them entry */
ULP_HIDDEN bool peek(uint64_t address, void *to, size_t size);
/* What a ulp_library says, which may be unloaded meanwhile. */
struct face {
  uint64_t tpoff;  /* where a thread's block lies, from its thread pointer: tlsOffset in abi.ts */
  uint64_t global; /* the universe that its entries read; 0 without any libpulp.so */
};
/* False: there is none of this ABI version at this address. */
ULP_HIDDEN bool peek_library(uint64_t descriptor, struct face *face);
ULP_HIDDEN bool on_alternate_stack(uint64_t sp);

struct mapping {
  uint64_t low, high;
  bool writable;
};
enum mappings { MAPPINGS_ALL, MAPPINGS_FOUND, MAPPINGS_UNKNOWN };
/* Until `visit` gives true: MAPPINGS_FOUND. MAPPINGS_UNKNOWN: not all could be looked at. */
ULP_HIDDEN enum mappings mappings_each(bool (*visit)(const struct mapping *, void *),
                                       void *argument);

/*
 * Stacks whose bounds are known exactly: the thread's own one, that of the coroutine that
 * swapcontext has gone to, and the alternate one for signals. A mapping is none: two stacks may
 * lie in one.
 */
enum stack_kind { STACK_UNKNOWN, STACK_OWN, STACK_COROUTINE, STACK_ALTERNATE };
struct stack {
  enum stack_kind kind;
  uint64_t low, high;
};
static inline bool is_on(const struct stack *stack, uint64_t sp)
{
  return stack->kind != STACK_UNKNOWN && sp >= stack->low && sp < stack->high;
}
ULP_HIDDEN void stack_of(uint64_t sp, struct stack *stack);
/* The alternate one, when the thread is not on it; STACK_UNKNOWN: there is none, or it is. */
ULP_HIDDEN void idle_alternate_stack(struct stack *found);
/* The one that the thread was made with; sp: where it is now. */
ULP_HIDDEN void own_stack(struct stack *stack, uint64_t sp);
/* Where a thread's descriptor has the address and size of its stack, from fs; 0: not known. */
extern ULP_HIDDEN uint32_t ulp_stack_offset;

/* ---- copies.c: entry */
/*
 * May a call still return through this slot, because something leads there from outside of
 * [dead_low, dead_high)? Signals blocked.
 */
ULP_HIDDEN bool is_led_to(slot_t *slot, uint64_t dead_low, uint64_t dead_high);
/* The same for a slot whose thread is gone, from whichever thread. */
ULP_HIDDEN bool is_led_to_from_anywhere(slot_t *slot);

/* ---- copiers.c */
/* Something is known to be loaded that copies stacks. It stays true. */
extern ULP_HIDDEN volatile bool ulp_copier;
/* Entry; `look`: has one been loaded since somebody looked last? */
ULP_HIDDEN bool copier_is_loaded(bool look);
/* Helper, before a universe begins: what had entered before a copier was known is pinned. */
ULP_HIDDEN void copiers_look(void);

/* ---- records.c: entry */
/* Can the slot's record be written? Before its bit in the map is taken. */
ULP_HIDDEN bool record_open(slot_t *slot);

/* ---- slots.c: all of them entry, all signals blocked */
struct thread {
  slot_t *volatile slots;                 /* every slot that this thread owns */
  uint64_t own_low, own_high;             /* the stack that it was made with; 0: not known yet */
  uint64_t coroutine_low, coroutine_high; /* the one that swapcontext has gone to; 0: none */
  bool contested;                         /* it has had contested calls */
  uint32_t doubts, doubts_until;          /* was_jumped_over() in entry.c */
  volatile bool ends;   /* its slots were given back: what it takes now is `late` */
  volatile bool pinned; /* in some library: pins.c */
  bool uncounted;       /* calls without a slot may be suspended on stacks of it */
};
extern ULP_HIDDEN __thread struct thread ulp_thread __attribute__((tls_model("initial-exec")));
extern ULP_HIDDEN volatile uint64_t ulp_slot_map[ULP_SLOT_COUNT / 64];
extern ULP_HIDDEN volatile uint32_t ulp_slots_late; /* how many are */

ULP_HIDDEN void slot_release(slot_t *slot);
/* A slot of this thread becomes the block's, which is outside then; NULL when there is none. */
ULP_HIDDEN slot_t *slot_assign(tls_t *tls, uint64_t library);
/* A slot of this thread for a contested call, whose return address lies at `sp`. */
ULP_HIDDEN slot_t *slot_contest(tls_t *tls, uint64_t library, uint64_t sp);
/* No call goes through it any more; the thread keeps it. */
ULP_HIDDEN void slot_idle(slot_t *slot);
/*
 * What holds the slot's return point: this word, or after tail calls a record that it leads to.
 * NULL: nothing there.
 */
ULP_HIDDEN volatile uint64_t *return_place(volatile uint64_t *word, slot_t *slot);
/* Does the word at this address, which may be unreadable, lead to the slot? */
enum word { WORD_GONE, WORD_OTHER, WORD_LEADS };
ULP_HIDDEN enum word word_at(uint64_t address, slot_t *slot);
/* The call at `sp` is over: its word, if it is still there, leads nowhere from now on. */
ULP_HIDDEN void word_forget(uint64_t sp, slot_t *slot);
/* In limbo: its call has returned, or its stack is no more. */
ULP_HIDDEN bool limbo_is_over(slot_t *slot);
ULP_HIDDEN void slot_give_back(slot_t *slot, const struct stack *own);
/* The call of tls goes into limbo, in this state; the slot keeps it. tls is outside then. */
ULP_HIDDEN void slot_suspend(slot_t *slot, tls_t *tls, uint32_t state);
/* The same, but the block stays as it is. */
ULP_HIDDEN void slot_detach(slot_t *slot, tls_t *tls, uint32_t state);
/* What this thread has parked in that universe is contested from now on. */
ULP_HIDDEN void slots_contest_parked(uint64_t library, uint32_t universe);
/* Its call goes on, in tls of the same thread. */
ULP_HIDDEN void slot_resume(slot_t *slot, tls_t *tls, uint64_t sp, uint32_t universe);
/*
 * Around the time in which what keeps a universe alive goes from one place to another, of which
 * oldest_universe() might look at the new one too early and at the old one too late.
 */
extern ULP_HIDDEN volatile uint32_t ulp_moves_begun, ulp_moves_ended;
static inline void hand_over_begin(void)
{
  __atomic_fetch_add(&ulp_moves_begun, 1, __ATOMIC_SEQ_CST);
}
static inline void hand_over_end(void)
{
  __atomic_fetch_add(&ulp_moves_ended, 1, __ATOMIC_SEQ_CST);
}
/* The same for a parked call, which may have two slots meanwhile, or none. */
ULP_HIDDEN void slot_move_begin(slot_t *from);
/* to: the slot that the call has now, or NULL: it keeps the old one, and nobody reuses that */
ULP_HIDDEN void slot_move_end(slot_t *from, slot_t *to);
/*
 * Of this thread; 0, not known, in a child of vfork: what it takes belongs to its parent's
 * thread.
 */
ULP_HIDDEN uint32_t thread_id(void);
/* Does the kernel know no such thread of this process any more? No, when it is not known which. */
ULP_HIDDEN bool thread_is_gone(uint32_t tid);

/* ---- entry.c: all of them entry */
/* The slow path of an entry at stack pointer entry_sp: what it answers stands in trm.S. */
ULP_HIDDEN uint64_t ulp_special(tls_t *tls, uint64_t entry_sp, uint64_t library);
/* The same, all signals blocked already. */
ULP_HIDDEN uint64_t ulp_special_blocked(tls_t *tls, uint64_t sp, uint64_t library);
/* The block claims nothing now: it is pinned, contested, or outside, whatever is true. Blocked. */
ULP_HIDDEN void block_rest(tls_t *tls, uint64_t library);
/* The same for all blocks of this thread that claim nothing. Blocked. */
ULP_HIDDEN void blocks_rest(void);
/*
 * The claim lies deeper than the thread is, at sp on the same stack: nobody saw it left. Blocked.
 */
ULP_HIDDEN void claim_jumped(tls_t *tls, slot_t *slot, uint64_t sp, const struct stack *stack);
/* It lies on another stack than the thread is on: the block is contested from now on. Blocked. */
ULP_HIDDEN void claim_contest(tls_t *tls, slot_t *slot);
/* The universe of this thread's contested calls that have not returned; 0: there is none. */
ULP_HIDDEN uint32_t contested_universe(uint64_t library);
/* The thread's calls that a jump to a frame at stack pointer `target` leaves. */
ULP_HIDDEN void claims_left_for(uint64_t target);

/* All signals, cancellation's and setuid's too; gives the mask to put back. */
static inline uint64_t signals_block(void)
{
  uint64_t all = ~0UL, before = 0;
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  return before;
}

static inline void signals_restore(uint64_t mask)
{
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
}

/* ---- pins.c */
ULP_HIDDEN void pins_init(void);
/*
 * Inside for good, in this universe; 0: the one of now. The block is contested, so calls are
 * counted as long as there are slots. Entry, all signals blocked.
 */
ULP_HIDDEN void pin(tls_t *tls, uint64_t library, uint32_t universe);
/* The same where calls are not counted, because there are no slots. */
ULP_HIDDEN void pin_uncounted(tls_t *tls, uint64_t library, uint32_t universe);
/* In which this thread's block is pinned, whatever it says now; 0: it is not. Entry. */
ULP_HIDDEN uint32_t pin_universe(tls_t *tls);
/* This thread's pins, one after the other; *at begins as 0. Entry. */
ULP_HIDDEN volatile struct ulp_pin *pin_next(uint32_t *at);
/* The blocks of this thread that are pinned and claim nothing. Entry, all signals blocked. */
ULP_HIDDEN void pins_rest(void);
/*
 * Another thread's block is pinned as it is now: when it asks next, it finds that out. False: it
 * could not be noted. Helper.
 */
ULP_HIDDEN bool pin_other(uint64_t block, uint64_t library, uint32_t tid, uint32_t universe);
ULP_HIDDEN void pins_give_back(void);
ULP_HIDDEN void pins_of_child(void);
ULP_HIDDEN uint64_t oldest_pinned(uint64_t newest);

/* ---- threads.c */
/* The thread block that belongs to a library; NULL when that has been unloaded. */
ULP_HIDDEN tls_t *block_of_this_thread(uint64_t library);
ULP_HIDDEN void threads_init(void);
ULP_HIDDEN void thread_notice(void); /* entry: this thread must give its slots back when it ends */
ULP_HIDDEN void thread_gives_back(void); /* thread: it is outside of all libraries */

/* ---- helper.c */
ULP_HIDDEN bool helper_init(void); /* thread: false when there can be none */

/* ---- next.c */
/* What an interposed function passes its calls on to; `library` has it. NULL: nobody has one. */
ULP_HIDDEN void *next_function(const char *name, const char *library);

/* ---- longjmp.c, context.c: interposed functions */
ULP_HIDDEN void longjmp_init(void);

/* ---- frameless.c */
ULP_HIDDEN void frameless_init(void);

/* ---- barrier.c: helper */
ULP_HIDDEN bool barrier_begin(void);    /* thread, at the start: false when there is none */
ULP_HIDDEN bool barrier_register(void); /* once before the others; again does no harm */
ULP_HIDDEN bool barrier_memory(void);
ULP_HIDDEN bool barrier_code(void);

/* ---- request.c: helper */
ULP_HIDDEN bool request_init(void); /* thread: false when there is no address space */
/* has_stack: the helper's stack could be opened. */
ULP_HIDDEN void request_run(uint64_t sequence, bool has_stack);

#endif
