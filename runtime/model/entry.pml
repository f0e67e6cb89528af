/*
 * The order of claim, universe, help, exit, publication, revert and unloading, for `spin`: every interleaving of two
 * threads, signal handlers in the first of them, and the helper that patches. runtime/test/model.test.ts runs
 * it; docs/consistency.md tells the argument that it checks.
 *
 * What is checked, by assertions:
 *   - one outermost call sees one universe: all its selections choose the same code (saw_one_universe)
 *   - a thread that has left migrates at its next entry: it gets the universe of now, or a newer one (migrates)
 *   - nobody stands in what is freed, or goes there (free_stub, unload, choose)
 *   - outside, a thread has left nothing behind, and everything can be unloaded in the end (at the end of `helper`)
 *
 * A step is one load or store of the assembly, or of the C. A thread's stores reach the helper's eyes late and in
 * order (x86-TSO: `store`, `drain`); what it executes of changed code may be old until a barrier (`fetched`).
 * LIBRARIES=2: the patch has two targets, and calls go from one into the other.
 * Each BREAK_... takes one piece of the order out, and must be found.
 */
#ifndef LIBRARIES
#define LIBRARIES 1
#endif
#ifndef HANDLERS
#define HANDLERS 1
#endif
#ifndef CALLS
#define CALLS 1                 /* of thread 0 */
#endif
#ifndef THREADS
#define THREADS 2
#endif
#define BLOCKS (2 * LIBRARIES)
#define OTHER (LIBRARIES - 1)   /* the library that is called from the first one: itself if there is but one */

#define OUTSIDE 255             /* ULP_UNIVERSE_OUTSIDE: compares as newest */
#define IN(t, l) ((t) * LIBRARIES + (l))

/* ---- the helper's side -------------------------------------------------------------------------- */

byte universe = 1;              /* ulp_control.universe */

/* Where the entry leads, and the versions there. Stub 1 and 2 are memory that is freed. */
#define AT_REST 0
#define APPLIED 1               /* universe >= 2: new */
#define REVERTED 2              /* universe >= 3: old; universe >= 2: new */
byte detour = AT_REST;
byte fetched[2] = AT_REST;        /* as this thread's core executes it */
bool stub_freed[3];
bool unloaded;                  /* the patch */

/* ---- a thread's side ---------------------------------------------------------------------------- */

byte sp[BLOCKS];           /* ulp_tls, as the thread itself sees it */
bool asks[BLOCKS] = true;  /* high is 0: no slot yet */
byte now[BLOCKS] = OUTSIDE; /* ulp_tls.universe, the same */
byte pushed[BLOCKS] = OUTSIDE; /* -8(W): what the slot pushes, and anything before */
bool blocked[2];          /* its signals */

/* The same as the helper sees it, and the stores that are on their way there. */
mtype = { SLOT, SP, UNIVERSE };
bool memory_slot[BLOCKS];
byte memory_sp[BLOCKS];
byte memory_universe[BLOCKS] = OUTSIDE;
chan buffer[2] = [3] of { mtype, byte, byte };

/* A frame stack of handlers above thread 0: level 0 is the thread, level n runs only when none above does. */
byte level;
bool jumped;                    /* a handler has left by siglongjmp, to the frame below the thread's call */

/* ---- what is only there to be checked ------------------------------------------------------------ */

#define CONTEXTS (2 + HANDLERS) /* thread 0, thread 1, the handlers of thread 0 */
#define NOTHING 2
byte saw[CONTEXTS] = NOTHING;   /* what this context's outermost call has chosen: 0 old, 1 new */
byte in_new[CONTEXTS];          /* frames in the patch */
byte in_stub[CONTEXTS];
bool has_universe;              /* thread 0's outermost call in library 0 has done E2 itself */
byte ended;                     /* threads and handlers */

/* ---- memory ------------------------------------------------------------------------------------- */

mtype what; byte where; byte value;

inline drain(t) {
  d_step {
    buffer[t] ? what, where, value;
    if
    :: what == SLOT -> memory_slot[where] = value
    :: what == SP -> memory_sp[where] = value
    :: what == UNIVERSE -> memory_universe[where] = value
    fi;
    what = SLOT; where = 0; value = 0
  }
}

inline drain_all(t) { do :: nempty(buffer[t]) -> drain(t) :: empty(buffer[t]) -> break od }

inline drain_some(t) { do :: nempty(buffer[t]) -> drain(t) :: break od }

inline store(t, kind, l, v) {
  if :: full(buffer[t]) -> drain(t) :: nfull(buffer[t]) fi;
  buffer[t] ! kind, IN(t, l), v;
  if :: t == 1 -> drain(t) :: else fi
}

inline store_sp(t, l, v) { atomic { store(t, SP, l, v); sp[IN(t, l)] = v } }
inline store_universe(t, l, v) { atomic { store(t, UNIVERSE, l, v); now[IN(t, l)] = v } }

/* ---- entry: the trampoline and __ulp_entry ------------------------------------------------------- */

/* .Lhelp in trm.S, help() in entry.c */
inline help(t, l) {
  read = universe;
#ifdef BREAK_HELP_IS_A_STORE
  store_universe(t, l, read);
#else
  atomic { if :: now[IN(t, l)] == OUTSIDE -> store_universe(t, l, read) :: else fi }
#endif
  read = now[IN(t, l)];
#ifndef BREAK_HELP_LEAVES_WHAT_IS_PUSHED
  pushed[IN(t, l)] = read;
#endif
  read = 0
}

/* outside() in entry.c, signals blocked: the bit in the map is taken by a locked instruction */
inline acquire(t, l) {
  if
  :: asks[IN(t, l)] ->
     atomic { drain_all(t); store(t, SLOT, l, 1) }
     asks[IN(t, l)] = false
  :: else
  fi
}

/* rsp: the address of the word that would be claimed */
inline enter(t, l, rsp, outermost) {
  do
  :: sp[IN(t, l)] > rsp ->
     outermost = false;
#ifndef BREAK_NO_HELP
     if :: now[IN(t, l)] == OUTSIDE -> help(t, l) :: else fi;
#endif
     break
  :: sp[IN(t, l)] <= rsp ->
     if
     :: sp[IN(t, l)] == 0 && !asks[IN(t, l)] ->
        outermost = true;
#ifdef BREAK_UNIVERSE_BEFORE_CLAIM
        pushed[IN(t, l)] = universe;
        store_universe(t, l, pushed[IN(t, l)]);
        store_sp(t, l, rsp);
#else
        store_sp(t, l, rsp);                            /* E1 */
        pushed[IN(t, l)] = universe;                    /* E2: push */
        atomic {                                        /* E2: pop */
          store_universe(t, l, pushed[IN(t, l)]);
          if :: t == 0 && l == 0 && level == 0 -> has_universe = true :: else fi
        }
#endif
#ifdef BREAK_SLOT_BEHIND_THE_CLAIM
        atomic { if :: !memory_slot[IN(t, l)] -> store(t, SLOT, l, 1) :: else fi };
#endif
        break
     :: sp[IN(t, l)] != 0 || asks[IN(t, l)] ->
#ifdef BREAK_CLAIM_IS_READ_TWICE
        if
        :: sp[IN(t, l)] == 0 && asks[IN(t, l)] -> goes_on = asks[IN(t, l)]
        :: else -> goes_on = false
        fi;
        blocked[t] = true;
#else
        blocked[t] = true;                              /* ulp_special() in entry.c */
        goes_on = sp[IN(t, l)] == 0;
#endif
        if
        :: goes_on ->
#ifdef BREAK_SLOT_BEHIND_THE_CLAIM
           asks[IN(t, l)] = false;
#else
           acquire(t, l);
#endif
           blocked[t] = false
        :: !goes_on ->                                  /* a handler on an alternate stack above */
           outermost = false;
           if :: now[IN(t, l)] == OUTSIDE -> help(t, l) :: else fi;
           blocked[t] = false;
           break
        fi
     fi
  od
}

/* The return slot, behind the call: X. Another core may see one half of it before the other. */
inline outside(t, l) { store_sp(t, l, 0); store_universe(t, l, OUTSIDE) }

inline leave(t, l) {
#ifdef BREAK_EXIT_DROPS_THE_UNIVERSE_FIRST
  store_universe(t, l, OUTSIDE);
#endif
  atomic {
    if :: t == 0 && l == 0 && level == 0 -> has_universe = false :: else fi;
#ifdef BREAK_EXIT_DROPS_THE_CLAIM_FIRST
    store_sp(t, l, 0)
  }
  store_universe(t, l, OUTSIDE)
#else
    outside(t, l)
  }
#endif
}

/* ---- selection: the entry byte, then a stub ------------------------------------------------------ */

/* write_stub() in emit.c: does `version` apply? */
#define SELECTS(t, version) (now[IN(t, 0)] >= version && now[IN(t, OTHER)] >= version)

/* Calls a function of library l: gives the code that runs, 0 old, 1 new. */
inline choose(t, l, c, code) {
  atomic {
    if :: fetched[t] = detour :: t == 0 -> skip fi;
    in_stub[c] = fetched[t];
    assert(!stub_freed[in_stub[c]])
  }
  atomic {
    if
    :: in_stub[c] == AT_REST -> code = 0
    :: in_stub[c] == APPLIED -> code = SELECTS(t, 2)
    :: in_stub[c] == REVERTED -> code = SELECTS(t, 2) && !SELECTS(t, 3)
    fi;
    in_stub[c] = 0;
    assert(!(code && unloaded));
    in_new[c] = in_new[c] + code;
    saw_one_universe(t, l, c, code)
  }
}

/* A handler's call inside of the thread's belongs to that. */
inline saw_one_universe(t, l, c, code) {
  if
  :: t == 0 && has_universe -> check_saw(0, code)
  :: else
  fi;
  check_saw(c, code);
#if LIBRARIES == 1
  assert(code == (now[IN(t, l)] == 2))
#endif
}

inline check_saw(c, code) {
  if :: saw[c] == NOTHING -> saw[c] = code :: else -> assert(saw[c] == code) fi
}

inline return_from(c, code) { atomic { in_new[c] = in_new[c] - code; code = 0 } }

/*
 * A handler's call into the other library, from there into the first one, and back. t: its thread; c: itself; w: where
 * its stack begins, growing down. What nobody can interrupt is one step: see `thread`.
 */
#if HANDLERS == 1
#define UNINTERRUPTED atomic
#else
#define UNINTERRUPTED
#endif
inline call_of_handler(t, c, w) {
  UNINTERRUPTED { enter(t, OTHER, w, outermost) }
  choose(t, OTHER, c, outer);
  UNINTERRUPTED { enter(t, 0, w - 1, outermost_too) }
  choose(t, 0, c, inner);
  UNINTERRUPTED {
    return_from(c, inner);
    if :: outermost_too -> leave(t, 0) :: else fi
  }
#if LIBRARIES == 2
  choose(t, OTHER, c, inner);
#endif
  UNINTERRUPTED {
    return_from(c, inner);
    return_from(c, outer);
    if :: outermost -> leave(t, OTHER) :: else fi;
    saw[c] = NOTHING;
    outermost = false; outermost_too = false
  }
}

/* ---- processes ---------------------------------------------------------------------------------- */

#define LOCALS bool outermost, outermost_too, goes_on; byte outer, inner, read, calls, began;

proctype thread_with_handlers() provided (level == 0) {
  LOCALS
  do
  :: calls < CALLS ->
     calls++;
     {
       began = universe;
       enter(0, 0, 20, outermost);
       assert(outermost && now[IN(0, 0)] >= began);     /* migrates */
       began = 0;
       choose(0, 0, 0, outer);
       enter(0, OTHER, 19, outermost_too);
       choose(0, OTHER, 0, inner);
       return_from(0, inner);
       if :: outermost_too -> leave(0, OTHER) :: else fi;
       return_from(0, outer);
       leave(0, 0);
       atomic { saw[0] = NOTHING; outermost = false; outermost_too = false }
     } unless {
       atomic {
         jumped -> jumped = false;
         outer = 0; inner = 0; read = 0; began = 0; outermost = false; outermost_too = false
       }
     }
  :: calls == CALLS -> break
  od;
  ended++
}

/*
 * Nothing comes between the steps of a thread without handlers: what it stores shows when the helper drains it, so only
 * its reading of the universe and of the code are steps of their own.
 */
proctype thread() {
  LOCALS
  atomic {
    began = universe;
    acquire(1, 0);
    store_sp(1, 0, 20)
  }
  pushed[IN(1, 0)] = universe;
  atomic {
    store_universe(1, 0, pushed[IN(1, 0)]);
    assert(now[IN(1, 0)] >= began);
    began = 0
  }
  choose(1, 0, 1, outer);
  choose(1, 0, 1, inner);
  atomic {
    return_from(1, inner);
    return_from(1, outer);
    leave(1, 0);
    saw[1] = NOTHING;
    ended++
  }
}

/* claims_left_for() in entry.c, for each claim that a jump leaves */
inline abandon(t, l) {
  blocked[t] = true;
  atomic { if :: sp[IN(t, l)] != 0 -> outside(t, l) :: else fi };
  blocked[t] = false
}

/* At any moment, or never: above the thread (below = 0) or above another handler. */
inline handle(mine, below) {
  if
  :: atomic { level == below && !blocked[0] && !jumped -> level = mine }
     if
     :: call_of_handler(0, mine + 1, 10 - 4 * below)
     :: call_of_handler(0, mine + 1, 30 - 4 * below)    /* on an alternate stack */
     :: skip
     fi;
     if
     :: level = below
     :: below == 0 ->   /* leaves by siglongjmp */
        atomic { has_universe = false; saw[0] = NOTHING; in_new[0] = 0; in_stub[0] = 0 }
        abandon(0, 0);
#if LIBRARIES == 2
        abandon(0, OTHER);
#endif
        atomic { jumped = true; level = 0 }
     fi
  :: skip
  fi;
  ended++
}

proctype handler() provided (level <= 1) {
  LOCALS
  handle(1, 0)
}

#if HANDLERS == 2
proctype handler_above() provided (level <= 2) {
  LOCALS
  handle(2, 1)
}
#endif

inline barrier_code() { atomic { drain_all(0); drain_all(1); fetched[0] = detour; fetched[1] = detour } }

/* universe_of() in claims.c */
inline consider(sp_found, universe_found) {
  if
  :: sp_found == 0
#ifdef BREAK_NO_UNIVERSE_IS_OUTSIDE
  :: sp_found != 0 && universe_found == OUTSIDE
#else
  :: sp_found != 0 && universe_found == OUTSIDE -> oldest = 0
#endif
  :: sp_found != 0 && universe_found < oldest -> oldest = universe_found
  :: sp_found != 0 && universe_found >= oldest && universe_found != OUTSIDE
  fi
}

/* The block is copied while it changes: here in this order, and in the other one (UNIVERSE_FIRST). */
inline universe_of(t, l) {
  atomic { drain_some(t) }
  if
  :: memory_slot[IN(t, l)] ->
#ifdef UNIVERSE_FIRST
     atomic { drain_some(t); found = memory_universe[IN(t, l)] }
     atomic { drain_some(t); consider(memory_sp[IN(t, l)], found); found = 0 }
#else
     atomic { drain_some(t); found = memory_sp[IN(t, l)] }
     atomic { drain_some(t); consider(found, memory_universe[IN(t, l)]); found = 0 }
#endif
  :: else
  fi
}

inline oldest_universe() {
#ifndef BREAK_NO_BARRIER_BEFORE_LOOKING
  atomic { drain_all(0); drain_all(1) }
#endif
  oldest = universe;
  universe_of(0, 0);
#if LIBRARIES == 2
  universe_of(0, 1);
#endif
  atomic { if :: memory_slot[IN(1, 0)] -> consider(memory_sp[IN(1, 0)], memory_universe[IN(1, 0)]) :: else fi }
}

#if HANDLERS == 2
#define NOBODY(what) (what[0] == 0 && what[1] == 0 && what[2] == 0 && what[3] == 0)
#define NOBODY_IN_STUB(n) (in_stub[0] != n && in_stub[1] != n && in_stub[2] != n && in_stub[3] != n)
#else
#define NOBODY(what) (what[0] == 0 && what[1] == 0 && what[2] == 0)
#define NOBODY_IN_STUB(n) (in_stub[0] != n && in_stub[1] != n && in_stub[2] != n)
#endif

/* publish.c: switch, barrier, publish */
inline publish(form, number) {
#ifdef BREAK_PUBLISH_FIRST
  universe = number;
  detour = form;
  barrier_code()
#else
  detour = form;
#ifndef BREAK_NO_BARRIER_OF_CODE
  barrier_code();
#endif
  universe = number
#endif
}

inline free_stub(n) { d_step { assert(NOBODY_IN_STUB(n)); stub_freed[n] = true } }

proctype helper() {
  byte oldest, found;
  publish(APPLIED, 2);
  publish(REVERTED, 3);
  /* collect.c */
  do
  :: oldest_universe();
     if :: oldest >= 3 -> break :: oldest < 3 fi
  od;
  free_stub(APPLIED);
  publish(AT_REST, 4);
  do
  :: oldest_universe();
     if :: oldest >= 4 -> break :: oldest < 4 fi
  od;
  free_stub(REVERTED);
  d_step { assert(NOBODY(in_new)); unloaded = true }
  /* When all have ended, nobody has left anything behind. */
  ended == THREADS + HANDLERS;
  assert(sp[IN(0, 0)] == 0 && sp[IN(1, 0)] == 0);
  assert(now[IN(0, 0)] == OUTSIDE && now[IN(1, 0)] == OUTSIDE);
  assert(sp[IN(0, OTHER)] == 0 && now[IN(0, OTHER)] == OUTSIDE)
}

init {
  atomic {
    run thread_with_handlers();
#if THREADS == 2
    run thread();
#endif
    run handler();
#if HANDLERS == 2
    run handler_above();
#endif
    run helper()
  }
}
