/* What the runtime keeps in this process, as the tools read it from outside: docs/abi.md. */
#ifndef PROCESS_H
#define PROCESS_H

#include <cstdint>

/* In whose code a boundary lies. */
enum Region { TRAMPOLINE, SELECTOR, STUB, LIBRARY, SLOT, RUNTIME, ELSEWHERE, REGIONS };
extern const char *const region_names[REGIONS];

struct Block {
  uint64_t sp;
  uint32_t universe;
  bool inside() const;
  bool has_universe() const;
  bool is_outside() const { return !inside() && !has_universe(); }
};

void process_init();
Region region_of(uint64_t pc);
/* From where its region begins: the file, for code of one; a slot. In bytes. */
uint64_t offset_of(uint64_t pc);
Block block(); /* of this thread */
int taken_slots();
/* version(), entered behind its trampoline: no entry is seen. */
long untracked_version();

#endif
