/*
 * Unwinding through tracked frames: C++ exceptions, pthread_cancel, pthread_exit. Called by the
 * unwinder in the thread that unwinds.
 */
#include "runtime.h"

#include <unwind.h>

/*
 * The frame of a return slot. In its called state it has size zero: its CFA is that of the caller,
 * so the unwinder may take it for the handler's frame. It must therefore never say "continue"
 * there: it installs the landing pad, which finishes the exit and resumes.
 */
ULP_HIDDEN _Unwind_Reason_Code __ulp_slot_personality(int version, _Unwind_Action actions,
                                                      _Unwind_Exception_Class class,
                                                      struct _Unwind_Exception *exception,
                                                      struct _Unwind_Context *context)
{
  (void)version, (void)class;
  uint64_t ip = _Unwind_GetIP(context);
  slot_t *slot = slot_at(ip);
  if (!(actions & _UA_CLEANUP_PHASE) || !slot)
    return _URC_CONTINUE_UNWIND;
  uint64_t place = ip % ULP_SLOT_STRIDE;
  if (place >= ULP_SLOT_POPPED && place <= ULP_SLOT_RETURN) {
    _Unwind_SetGR(context, 0, (uint64_t)exception); /* rax */
    _Unwind_SetGR(context, 1, (uint64_t)slot);      /* rdx */
    _Unwind_SetIP(context, (uint64_t)__ulp_landing);
    return _URC_INSTALL_CONTEXT;
  }
  /* Asynchronous cancellation in the code before or behind the call. */
  tls_t *tls = (tls_t *)slot->tls;
  uint64_t sp = _Unwind_GetCFA(context) + (place == ULP_SLOT_UNIVERSE ? 8 : 0);
  if (tls->sp == sp)
    leave(tls);
  return _URC_CONTINUE_UNWIND;
}

/*
 * A frame of trm.S, claimed perhaps, but its call not made: the claim is undone if it is this
 * frame's.
 */
ULP_EXPORT _Unwind_Reason_Code __ulp_entry_unwind(int version, _Unwind_Action actions,
                                                  _Unwind_Exception_Class class,
                                                  struct _Unwind_Exception *exception,
                                                  struct _Unwind_Context *context, tls_t *tls)
{
  (void)version, (void)class, (void)exception;
  if (!(actions & _UA_CLEANUP_PHASE))
    return _URC_CONTINUE_UNWIND;
  uint64_t rsp = _Unwind_GetCFA(context); /* a frame of size zero, but around the call into C */
  if (tls->sp == rsp && has_slot(tls) &&
      !return_place((volatile uint64_t *)rsp, slot_at(tls->code)))
    leave(tls);
  /* A contested call's slot has been taken, and not been reached. */
  const uint8_t *before = (const uint8_t *)_Unwind_GetIP(context) - 6;
  const uint64_t entry_sp = rsp + (before[0] == 0xff && before[1] == 0x15 ? 24 : 0);
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot))
    if (slot->state == ULP_SLOT_CONTESTED && slot->junk_sp == entry_sp &&
        !return_place((volatile uint64_t *)entry_sp, slot))
      slot->junk_sp = 0;
  return _URC_CONTINUE_UNWIND;
}
