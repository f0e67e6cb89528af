#include "process.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <initializer_list>
#include <link.h>

#include "library.h"
#include "ulp_abi.h"

const char *const region_names[REGIONS] = {"trampoline", "selector", "stub",     "library",
                                           "slot",       "runtime",  "elsewhere"};

static const ulp_library *library;
static const ulp_control *control;
/*
 * Where in a trampoline the distance from ulp_library to its function lies, and how far those in
 * .ulp are apart.
 */
static const int TRAMPOLINE_FUNCTION = 15, TRAMPOLINE_STRIDE = 80;
static struct {
  uint64_t trampoline, end, padding;
} entered[3];

/* The structure that a note of ours leads to; NULL when there is no such note. */
template <class Note, class Result>
static const Result *led_to(const dl_phdr_info *object, uint32_t type, int32_t Note::*distance)
{
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) &header = object->dlpi_phdr[i];
    if (header.p_type != PT_NOTE)
      continue;
    for (uint64_t at = object->dlpi_addr + header.p_vaddr, end = at + header.p_memsz; at < end;) {
      const auto *note = reinterpret_cast<const ElfW(Nhdr) *>(at);
      const auto align = [](uint64_t size) { return (size + 3) & ~3UL; };
      const char *owner = reinterpret_cast<const char *>(note + 1);
      const char *content = owner + align(note->n_namesz);
      if (note->n_type == type && note->n_namesz == 4 && memcmp(owner, "ULP", 4) == 0) {
        const int32_t &field = reinterpret_cast<const Note *>(content)->*distance;
        return reinterpret_cast<const Result *>(reinterpret_cast<const char *>(&field) + field);
      }
      at = reinterpret_cast<uint64_t>(content) + align(note->n_descsz);
    }
  }
  return nullptr;
}

static int look(dl_phdr_info *object, size_t, void *)
{
  if (!library)
    library = led_to<ulp_note_library, ulp_library>(object, ULP_NOTE_TYPE_LIBRARY,
                                                    &ulp_note_library::distance);
  if (!control)
    control = led_to<ulp_note_runtime, ulp_control>(object, ULP_NOTE_TYPE_RUNTIME,
                                                    &ulp_note_runtime::control);
  return 0;
}

void process_init()
{
  dl_iterate_phdr(look, nullptr);
  if (!library || !control)
    abort();
  int i = 0;
  for (const char *name : {"version", "twice", "tail"}) {
    const auto *trampoline = static_cast<const char *>(dlsym(RTLD_DEFAULT, name));
    int32_t distance; /* from ulp_library to the function */
    memcpy(&distance, trampoline + TRAMPOLINE_FUNCTION, sizeof distance);
    const uint64_t padding = reinterpret_cast<uint64_t>(library) + distance - ULP_PADDING_BEFORE;
    const uint64_t start = reinterpret_cast<uint64_t>(trampoline);
    /* In the padding, up to the selector; or in .ulp. */
    const uint64_t size = start == padding ? ULP_PADDING_SELECTOR : TRAMPOLINE_STRIDE;
    entered[i++] = {start, start + size, padding};
  }
}

static uint64_t base_of(const void *address)
{
  Dl_info info;
  return dladdr(address, &info) ? reinterpret_cast<uint64_t>(info.dli_fbase) : 0;
}

Region region_of(uint64_t pc)
{
  for (const auto &[start, end, padding] : entered) {
    if (pc >= start && pc < end)
      return TRAMPOLINE;
    if (pc >= padding + ULP_PADDING_SELECTOR && pc < padding + ULP_PADDING_BEFORE)
      return SELECTOR;
  }
  if (pc >= control->slots && pc < control->slots + ULP_SLOT_COUNT * ULP_SLOT_STRIDE)
    return SLOT;
  const uint64_t base = base_of(reinterpret_cast<void *>(pc));
  if (base == 0)
    return STUB;
  return base == base_of(library) ? LIBRARY : base == base_of(control) ? RUNTIME : ELSEWHERE;
}

uint64_t offset_of(uint64_t pc)
{
  if (region_of(pc) == SLOT)
    return (pc - control->slots) % ULP_SLOT_STRIDE;
  return pc - base_of(reinterpret_cast<void *>(pc));
}

bool Block::inside() const
{
  return sp != 0;
}
bool Block::has_universe() const
{
  return universe != ULP_UNIVERSE_OUTSIDE;
}

Block block()
{
  int32_t distance; /* in a library: to a word of the GOT */
  memcpy(&distance, library->tpoff_way + 3, sizeof distance);
  const auto *tpoff = reinterpret_cast<const uint64_t *>(library->tpoff_way + 3 + distance);
  uint64_t thread_pointer;
  __asm__ volatile("movq %%fs:0, %0" : "=r"(thread_pointer));
  const auto *tls = reinterpret_cast<const volatile ulp_tls *>(thread_pointer + *tpoff);
  return {tls->sp, tls->universe};
}

int taken_slots()
{
  const auto *map = reinterpret_cast<const volatile uint64_t *>(control->slot_map);
  int count = 0;
  for (int i = 0; i < ULP_SLOT_COUNT / 64; i++)
    count += __builtin_popcountl(map[i]);
  return count;
}

long untracked_version()
{
  return reinterpret_cast<long (*)()>(entered[0].padding + ULP_PADDING_BEFORE)();
}
