/*
 * One thread that switches between two stacks, which nobody sees: contested calls, for `spin`. entry.pml has the rest:
 * handlers, other threads, two libraries. runtime/test/model.test.ts runs both.
 *
 * Two flows of control take turns, each on a stack of its own and with CALLS outermost calls; at every place that is
 * marked by `maybe_switch`, the other one may go on instead. An entry on another stack than the claim's makes the block
 * contested (entry.c): the claim's slot is suspended, the universe stays, and each call gets a slot of its own.
 *
 * What is checked, by assertions:
 *   - the outermost call of a flow sees one universe, whatever the other one does meanwhile (saw_one_universe)
 *   - a thread none of whose calls is alive takes the universe of now at its next entry (migrates)
 *   - nobody stands in what is freed, goes there, or returns there (free_stub, unload, choose)
 *   - in the end everything can be unloaded (the helper ends)
 *
 * Stores are seen late and in order, changed code is executed late, as in entry.pml. Nothing comes between the stores of
 * the thread but what the helper sees of them, so that those between two loads, or locked instructions, are one step.
 */
#ifndef CALLS
#define CALLS 1                 /* of flow 0; flow 1 has one */
#endif
#ifndef INNER
#define INNER 1                 /* each call has another one inside */
#endif
#define SLOTS (2 + 2 * INNER)
#define NO_SLOT SLOTS

#define OUTSIDE 255
#define CONTESTED 1             /* ULP_SP_CONTESTED; a claim of flow f is 2 + f */

/* ---- the helper's side -------------------------------------------------------------------------- */

byte universe = 1;
#define AT_REST 0
#define APPLIED 1               /* universe >= 2: new */
#define REVERTED 2              /* universe >= 3: old; universe >= 2: new */
byte detour = AT_REST;
byte fetched = AT_REST;
bool stub_freed[3];
bool unloaded;

/* ---- the thread's side: the block, and the records of its slots ---------------------------------- */

mtype = { BLOCK, JUNK };
byte sp;
byte now = OUTSIDE;
byte code = NO_SLOT;            /* the slot that the block claims by */
mtype owner[SLOTS] = JUNK;      /* what the slot's exit clears */
byte junk_sp[SLOTS];
byte junk_universe[SLOTS] = OUTSIDE;
byte moves[SLOTS];

/* The same as the helper sees it. */
mtype = { SP, UNIVERSE, CODE, OWNER, JUNK_SP, JUNK_UNIVERSE, MOVES };
byte memory_sp;
byte memory_universe = OUTSIDE;
byte memory_code = NO_SLOT;
bool memory_is_junk[SLOTS] = true;
byte memory_junk_sp[SLOTS];
byte memory_junk_universe[SLOTS] = OUTSIDE;
byte memory_moves[SLOTS];
chan buffer = [10] of { mtype, byte, byte };

byte begun, finished;           /* ulp_moves_begun, ulp_moves_ended: locked instructions */

byte running;                   /* the flow that runs */
bool ended[2];

/* ---- what is only there to be checked ------------------------------------------------------------ */

#define NOTHING 2
byte saw[2] = NOTHING;          /* 0 old, 1 new */
byte in_new[2];                 /* frames in the patch */
byte in_stub[2];
byte alive;                     /* outermost calls that have not returned */

/* ---- memory ------------------------------------------------------------------------------------- */

mtype what; byte where; byte value;

inline drain() {
  d_step {
    buffer ? what, where, value;
    if
    :: what == SP -> memory_sp = value
    :: what == UNIVERSE -> memory_universe = value
    :: what == CODE -> memory_code = value
    :: what == OWNER -> memory_is_junk[where] = value
    :: what == JUNK_SP -> memory_junk_sp[where] = value
    :: what == JUNK_UNIVERSE -> memory_junk_universe[where] = value
    :: what == MOVES -> memory_moves[where] = value
    fi;
    what = SP; where = 0; value = 0
  }
}
inline drain_all() { do :: nempty(buffer) -> drain() :: empty(buffer) -> break od }
inline drain_some() { do :: nempty(buffer) -> drain() :: break od }
inline store(kind, k, v) {
  if :: full(buffer) -> drain() :: nfull(buffer) fi;
  buffer ! kind, k, v
}
inline store_sp(v) { atomic { store(SP, 0, v); sp = v } }
inline store_universe(v) { atomic { store(UNIVERSE, 0, v); now = v } }
inline store_code(k) { atomic { store(CODE, 0, k); code = k } }
inline store_owner(k, o) { atomic { store(OWNER, k, (o == JUNK)); owner[k] = o } }
inline store_junk_sp(k, v) { atomic { store(JUNK_SP, k, v); junk_sp[k] = v } }
inline store_junk_universe(k, v) { atomic { store(JUNK_UNIVERSE, k, v); junk_universe[k] = v } }
inline count_move(k) {          /* a locked instruction */
  atomic { drain_all(); moves[k]++; memory_moves[k] = moves[k] }
}

/* ---- entry -------------------------------------------------------------------------------------- */

inline slot_free(k) {
  d_step {
    k = 0;
    do
    :: k < SLOTS && (owner[k] == BLOCK || junk_sp[k] != 0) -> k++
    :: else -> break
    od
  }
  assert(k < SLOTS)
}

inline count_alive() {
  d_step {
    live = 0; i = 0;
    do
    :: i < SLOTS -> if :: owner[i] == JUNK && junk_sp[i] != 0 -> live++ :: else fi; i++
    :: else -> break
    od;
    i = 0
  }
}

/* slot_assign() in slots.c and E1, E2: seen by its slot, it claims, and only then reads the universe. */
inline claim(f, mine) {
  atomic {
    if
    :: code == NO_SLOT ->
       slot_free(mine);
       store_code(mine);
       store_owner(mine, BLOCK);
       drain_all()
    :: else -> mine = code
    fi;
    store_sp(2 + f)
  }
  atomic {
    store_universe(universe);
    assert(alive != 0 || now >= began)  /* migrates */
  }
}

/* claim_contest() in entry.c, slot_suspend() in slots.c */
inline contest() {
  i = code;
  read = now;
#ifndef BREAK_SLOT_IS_NOT_SUSPENDED
  count_move(i);
#endif
  atomic {
#ifdef BREAK_SLOT_IS_NOT_SUSPENDED
    skip;
#else
#ifdef BREAK_OWNER_BEFORE_JUNK
    store_owner(i, JUNK);
    store_sp(0);
    store_universe(OUTSIDE);
    store_junk_sp(i, 1);
    store_junk_universe(i, read);
#else
    store_junk_sp(i, 1);
    store_junk_universe(i, read);
    store_owner(i, JUNK);
    store_sp(0);
    store_universe(OUTSIDE);
#endif
    store_code(NO_SLOT);
#endif
#ifdef BREAK_CONTESTED_TAKES_THE_NEWEST
    read = universe;
#endif
    store_universe(read);
    store_sp(CONTESTED);
    i = 0;
    read = 0
  }
}

/* slot_contest() in slots.c: `mine` is a slot of its own. Its universe is one that another call keeps alive. */
inline contested_call(mine) {
#ifndef BREAK_NO_SLOT_OF_ITS_OWN
  slot_free(mine);
  atomic { drain_all(); begun++ }
  atomic {
    count_move(mine);
    store_junk_sp(mine, 1);
    store_junk_universe(mine, now)
  }
  atomic { drain_all(); finished++ }
#else
  skip
#endif
}

/* mine: the slot by which this call returns; NO_SLOT: it is nested */
inline enter(f, mine) {
  mine = NO_SLOT;
  if
  :: sp == 2 + f                                        /* deeper on the claim's stack */
  :: sp != 2 + f ->
     if
     :: sp == 2 + (1 - f) -> contest()
     :: else
     fi;
     if
     :: sp == CONTESTED ->                              /* enter_contested() in entry.c */
        atomic {
          count_alive();
#ifdef BREAK_LEAVES_WITH_THE_FIRST
          if :: live < 2 -> live = 0 :: else fi;
#endif
          if
          :: live == 0 -> store_sp(0); store_universe(OUTSIDE)
          :: else
          fi;
          live = 0
        }
        if :: sp == CONTESTED -> contested_call(mine) :: else fi
     :: else
     fi;
     if :: sp == 0 -> claim(f, mine) :: else fi
  fi
}

/* X: one store, which another core may see half of. It clears what the slot's record leads to. */
inline leave(mine) {
  atomic {
    if
    :: mine == NO_SLOT
    :: mine != NO_SLOT && owner[mine] == BLOCK -> store_sp(0); store_universe(OUTSIDE)
    :: mine != NO_SLOT && owner[mine] == JUNK -> store_junk_sp(mine, 0); store_junk_universe(mine, OUTSIDE)
    fi;
    mine = NO_SLOT
  }
}

/* ---- selection ----------------------------------------------------------------------------------- */

inline choose(f, chosen) {
  atomic {
    if :: fetched = detour :: skip fi;
    in_stub[f] = fetched;
    assert(!stub_freed[in_stub[f]])
  }
  atomic {
    if
    :: in_stub[f] == AT_REST -> chosen = 0
    :: in_stub[f] == APPLIED -> chosen = (now >= 2)
    :: in_stub[f] == REVERTED -> chosen = (now >= 2 && !(now >= 3))
    fi;
    in_stub[f] = 0;
    assert(!(chosen && unloaded));
    in_new[f] = in_new[f] + chosen;
    if :: saw[f] == NOTHING -> saw[f] = chosen :: else -> assert(saw[f] == chosen) fi  /* saw_one_universe */
  }
}

inline return_from(f, chosen) { atomic { assert(!(chosen && unloaded)); in_new[f] = in_new[f] - chosen; chosen = 0 } }

inline maybe_switch(f) { if :: !ended[1 - f] -> running = 1 - f :: skip fi }

/* ---- processes ---------------------------------------------------------------------------------- */

proctype flow(byte f) provided (running == _pid - 1) {
  byte slot = NO_SLOT, inner_slot = NO_SLOT, chosen, inner, calls, began, read, live, i;
  do
  :: calls < (f == 0 -> CALLS : 1) ->
     calls++;
     began = universe;
     enter(f, slot);
     atomic { began = 0; alive++ }
     choose(f, chosen);
     maybe_switch(f);
#if INNER
     enter(f, inner_slot);                              /* as one that calls back, and is called again */
     choose(f, inner);
     maybe_switch(f);
     return_from(f, inner);
     leave(inner_slot);
#endif
     choose(f, inner);                                  /* directly, inside of the library */
     atomic { return_from(f, inner); return_from(f, chosen) }
     leave(slot);
     atomic { saw[f] = NOTHING; alive-- }
     maybe_switch(f)
  :: else -> break
  od;
  atomic { ended[f] = true; running = 1 - f }
}

inline barrier() { atomic { drain_all(); fetched = detour } }

inline publish(form, number) {
  detour = form;
  barrier();
  universe = number
}

/* universe_of() in claims.c, for slot k */
inline consider(its_sp, its_universe) {
  if
  :: its_sp == 0
  :: its_sp != 0 && its_universe == OUTSIDE -> oldest = 0; is_none = false
  :: its_sp != 0 && its_universe != OUTSIDE ->
     if :: its_universe < oldest -> oldest = its_universe :: else fi;
     is_none = false
  fi
}

inline universe_of(k) {
  do
  :: is_none = true;
     atomic { drain_some(); had_moves = memory_moves[k]; was_junk = memory_is_junk[k] }
     if
     :: was_junk ->
#ifndef BREAK_CONTESTED_SLOTS_ARE_IGNORED
        atomic { drain_some(); found = memory_junk_universe[k] }
        atomic { drain_some(); consider(memory_junk_sp[k], found); found = 0 }
#else
        skip
#endif
     :: else ->
        atomic { drain_some(); found = (memory_code == k -> memory_sp : 0) }
        atomic { drain_some(); consider(found, memory_universe); found = 0 }
     fi;
#ifdef BREAK_LOOKS_ONCE
     break
#else
     atomic {
       drain_some();
       if
       :: !is_none || (had_moves == memory_moves[k] && was_junk == memory_is_junk[k]) -> break
       :: else
       fi
     }
#endif
  od;
  atomic { is_none = false; had_moves = 0; was_junk = false }
}

inline oldest_universe() {
  atomic { drain_all() }
  oldest = universe;
  had_finished = finished;
  had_begun = begun;
  k = 0;
  do
  :: k < SLOTS -> universe_of(k); k++
  :: else -> break
  od;
#ifndef BREAK_HAND_OVER_IS_NOT_MARKED
  if :: had_begun != had_finished || begun != had_begun -> oldest = 0 :: else fi;
#endif
  k = 0; had_finished = 0; had_begun = 0
}

inline free_stub(n) { d_step { assert(in_stub[0] != n && in_stub[1] != n); stub_freed[n] = true } }

proctype helper() {
  byte oldest, found, k, had_moves, had_begun, had_finished;
  bool was_junk, is_none;
  publish(APPLIED, 2);
  publish(REVERTED, 3);
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
  d_step { assert(in_new[0] == 0 && in_new[1] == 0); unloaded = true }
}

init { atomic { run flow(0); run flow(1); run helper() } }  /* flow f is process f + 1 */
