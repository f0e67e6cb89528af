/*
 * Code for which no compiler described a frame: the padding before functions (trampolines,
 * selectors) and stubs. A handler that interrupts it and asks for a backtrace, or an asynchronous
 * cancellation there, would find the end of the stack. The frame is always the same: the return
 * address lies where the call left it. So _Unwind_Find_FDE of libgcc is interposed, and answers for
 * such code with the description of a function that does nothing. Entry.
 */
#include "arena.h"

#include <string.h>
#include <unwind.h>

/* As in libgcc, unwind-dw2-fde.h. */
struct dwarf_eh_bases {
  void *tbase, *dbase, *func;
};

typedef const void *find_fde(void *pc, struct dwarf_eh_bases *bases);
static find_fde *real_find;

extern ULP_HIDDEN char __ulp_stand_in[];
__asm__("        .text\n"
        "        .type   __ulp_stand_in, @function\n"
        "__ulp_stand_in:\n"
        "        .cfi_startproc\n"
        "        .cfi_personality 0x1b, __ulp_frameless_personality\n"
        "        ret\n"
        "        .cfi_endproc\n"
        "        .size   __ulp_stand_in, . - __ulp_stand_in\n");

/*
 * Bytes of a trampoline that no displacement changes: packages/elf/src/gate/trampoline.ts. Reads no
 * further than it is one.
 */
static bool is_trampoline(const uint8_t *at)
{
  static const uint8_t head[] = {0xf3, 0x0f, 0x1e, 0xfa};
  for (size_t i = 0; i < sizeof head; i++)
    if (at[i] != head[i])
      return false;
  if (memcmp(at + 4, "\x4c\x8b\x1d", 3) != 0 && memcmp(at + 4, "\x49\xc7\xc3", 3) != 0)
    return false;
  return memcmp(at + 11, "\xc7\x44\x24\xf0", 4) == 0;
}

/*
 * Trampolines in .ulp leave the padding to the detour alone. A function behind pc whose entry has
 * the way to a selector or a chain jump that begins at pc or before it: pc is in its detour.
 */
static bool in_detour(uint64_t pc)
{
  enum { ENTRY_SIZE = 6 }; /* behind an endbr64 */
  uint8_t bytes[ULP_PADDING_BEFORE - ULP_PADDING_SELECTOR + ENTRY_SIZE];
  size_t size = sizeof bytes;
  if (!peek(pc, bytes, size)) {
    size = 4096 - pc % 4096 < size ? 4096 - pc % 4096 : size;
    if (!peek(pc, bytes, size))
      return false;
  }
  for (size_t S = 1; S <= ULP_PADDING_BEFORE - ULP_PADDING_SELECTOR && S + 2 <= size; S++) {
    size_t entry = S + 6 <= size && memcmp(bytes + S, "\xf3\x0f\x1e\xfa", 4) == 0 ? S + 4 : S;
    if (bytes[entry] != ULP_ENTRY_REST && bytes[entry] != ULP_ENTRY_DETOURED)
      continue;
    int64_t place = (int64_t)(entry + ULP_PADDING_AFTER) + (int8_t)bytes[entry + 1] - (int64_t)S +
                    ULP_PADDING_BEFORE;
    if (place == ULP_PADDING_SELECTOR || place == ULP_PADDING_CHAIN_JUMP)
      return true;
  }
  return false;
}

static bool in_padding(uint64_t pc)
{
  enum { ENOUGH = 15 };
  uint8_t bytes[ULP_PADDING_BEFORE + ENOUGH - 1];
  uint64_t lowest = pc - (ULP_PADDING_BEFORE - 1);
  uint64_t page = pc & ~4095UL;
  /* There may be nothing before its page, or behind it. */
  uint64_t from = lowest;
  size_t size = sizeof bytes;
  if (!peek(from, bytes, size)) {
    from = lowest < page ? page : lowest;
    size = page + 4096 - from < size ? page + 4096 - from : size;
    if (!peek(from, bytes, size))
      return false;
  }
  for (size_t i = 0; i + ENOUGH <= size && from + i <= pc; i++)
    if (is_trampoline(bytes + i))
      return true;
  return false;
}

ULP_EXPORT const void *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *bases)
{
  if (!real_find)
    frameless_init();
  const void *fde = real_find ? real_find(pc, bases) : NULL;
  /* ld describes .ulp, but not what a claim needs. */
  bool known = fde && !is_trampoline(bases->func);
  if (!known && real_find &&
      (fde || arena_holds((uint64_t)pc) || in_padding((uint64_t)pc) || in_detour((uint64_t)pc))) {
    fde = real_find(__ulp_stand_in, bases);
    bases->func = pc; /* the description holds from there on */
  }
  return fde;
}

/* Looked up early: dlsym is not async-signal-safe, and a handler may unwind. */
void frameless_init(void)
{
  real_find = (find_fde *)next_function("_Unwind_Find_FDE", "libgcc_s.so.1");
}

/*
 * The claim is made perhaps (E1), but its slot has not been reached: it is undone if it is this
 * frame's.
 */
ULP_HIDDEN _Unwind_Reason_Code __ulp_frameless_personality(int version, _Unwind_Action actions,
                                                           _Unwind_Exception_Class class,
                                                           struct _Unwind_Exception *exception,
                                                           struct _Unwind_Context *context)
{
  (void)version, (void)class, (void)exception;
  if (!(actions & _UA_CLEANUP_PHASE))
    return _URC_CONTINUE_UNWIND;
  uint64_t rsp = _Unwind_GetCFA(context); /* a frame of size zero */
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot)) {
    tls_t *tls = (tls_t *)slot->tls;
    if (!in_limbo(slot) && tls->sp == rsp && !return_place((volatile uint64_t *)rsp, slot))
      leave(tls);
  }
  return _URC_CONTINUE_UNWIND;
}
