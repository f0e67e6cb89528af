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

/* A signed number of 32 bits that need not be aligned. */
static inline int64_t signed_at(const void *place)
{
  int32_t value;
  __builtin_memcpy(&value, place, sizeof value);
  return value;
}

/* Where a thread's block of this library lies, from its thread pointer: tlsOffset in abi.ts. */
static inline uint64_t tls_offset(const struct ulp_library *library)
{
  const uint8_t *way = library->tpoff_way, *number = way + 3;
  return way[1] == 0x8b ? *(const uint64_t *)(number + signed_at(number)) : (uint64_t)signed_at(number);
}

/* The universe that this library's entries read; NULL without any libpulp.so. */
static inline const void *global_of(const struct ulp_library *library)
{
  return *(const void *const *)((const char *)&library->global_way + library->global_way);
}

static inline bool has_slot(tls_t *tls)
{
  return slot_at(tls->code) != NULL;
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

/* Outside, as before its first entry. Signals blocked. */
static inline void forget_slot(tls_t *tls)
{
  leave(tls);
  tls->low = tls->high = 0; /* ask */
  tls->code = 0;
}

/* ---- slots.c: all of them entry */
struct thread {
  slot_t *volatile slots;                  /* every slot that this thread owns */
  volatile uint64_t stack_low, stack_high; /* the mapping last found around a stack; high 0: none */
  volatile bool ends;   /* its slots were given back: what it takes now is `late` */
  volatile bool pinned; /* in some library: pins.c */
};
extern ULP_HIDDEN __thread struct thread ulp_thread __attribute__((tls_model("initial-exec")));
extern ULP_HIDDEN volatile uint64_t ulp_slot_map[ULP_SLOT_COUNT / 64];
extern ULP_HIDDEN volatile uint32_t ulp_slots_late; /* how many are */

ULP_HIDDEN uint64_t ulp_special(tls_t *tls, uint64_t entry_sp, uint64_t library);
ULP_HIDDEN void slot_release(slot_t *slot);
/* A slot of this thread becomes the block's; NULL when there is none. Signals blocked. */
ULP_HIDDEN slot_t *slot_assign(tls_t *tls, uint64_t library);
/* No call goes through it any more; the thread keeps it. */
ULP_HIDDEN void slot_idle(slot_t *slot);
/* What holds the slot's return point: this word, or after tail calls a record that it leads to; NULL: nothing there. */
ULP_HIDDEN volatile uint64_t *return_place(volatile uint64_t *word, slot_t *slot);
ULP_HIDDEN bool leads_to(uint64_t word, slot_t *slot);
/* Is the frame whose claim lies at `sp` gone? Its word no longer holds the return point. */
ULP_HIDDEN bool frame_is_dead(slot_t *slot, uint64_t sp);
/* In limbo: its call has returned, or its frame is no more. */
ULP_HIDDEN bool limbo_is_over(slot_t *slot);
ULP_HIDDEN void slot_give_back(slot_t *slot, uint64_t stack_low, uint64_t stack_high);
/*
 * The call of tls goes into limbo, in this state; the slot keeps it. tls is outside then. Signals
 * blocked, in both.
 */
ULP_HIDDEN void slot_suspend(slot_t *slot, tls_t *tls, uint32_t state);
/* Its call goes on, in tls of the same thread. */
ULP_HIDDEN void slot_resume(slot_t *slot, tls_t *tls, uint64_t sp, uint32_t universe);
/*
 * Around the time in which a parked call has two slots, or none that oldest_universe() could see.
 */
ULP_HIDDEN void slot_move_begin(slot_t *from);
/* to: the slot that the call has now, or NULL: it keeps the old one, and nobody reuses that */
ULP_HIDDEN void slot_move_end(slot_t *from, slot_t *to);
extern ULP_HIDDEN volatile uint32_t ulp_moves_begun, ulp_moves_ended;
/* Inside for good. Signals blocked, and pin_note() first. */
ULP_HIDDEN void claim_pin(tls_t *tls, uint32_t universe);
/*
 * Of this thread; 0, not known, in a child of vfork: what it takes belongs to a thread of its
 * parent.
 */
ULP_HIDDEN uint32_t thread_id(void);
/* Does the kernel know no such thread of this process any more? No, when it is not known which. */
ULP_HIDDEN bool thread_is_gone(uint32_t tid);
/* The outermost call of tls is gone without having returned. */
ULP_HIDDEN void claim_abandon(tls_t *tls, bool certainly_dead);
/* The thread's calls that a jump to a frame at stack pointer `target` leaves behind. */
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

/* ---- memory.c: all of them entry */
ULP_HIDDEN bool peek(uint64_t address, void *to, size_t size);
ULP_HIDDEN bool same_stack(uint64_t a, uint64_t b);
ULP_HIDDEN bool on_alternate_stack(uint64_t sp);

/* ---- pins.c */
ULP_HIDDEN void pins_init(void);
ULP_HIDDEN void pin_note(tls_t *tls, uint64_t library);
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

/* ---- longjmp.c, context.c: interposed functions */
ULP_HIDDEN void longjmp_init(void);

/* ---- frameless.c */
ULP_HIDDEN void frameless_init(void);

/* ---- barrier.c: helper */
ULP_HIDDEN bool barrier_exists(void);   /* thread */
ULP_HIDDEN bool barrier_register(void); /* once before the others; again does no harm */
ULP_HIDDEN bool barrier_memory(void);
ULP_HIDDEN bool barrier_code(void);

/* ---- request.c: helper */
ULP_HIDDEN void request_init(void); /* thread */
ULP_HIDDEN void request_run(uint64_t sequence);

#endif
