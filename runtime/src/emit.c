/*
 * From versions to bytes. Layout of the padding and of the entry: packages/core/src/abi.ts
 * (PADDING). Nothing is ever written where a thread may stand, but for single bytes of the entry
 * instruction and one pointer. No register but the flags is touched: they are dead at a function's
 * entry. Helper.
 */
#include "patches.h"

#include <stdlib.h>
#include <string.h>

enum {
  COMPARE_SIZE = 12, /* 64 81 3c 25 d32 i32   cmpl $universe, %fs:disp */
  BELOW_SIZE = 6,    /* 0f 8c r32             jl next version */
  JUMP_SIZE = 6,     /* ff 25 r32             jmp *pointer(%rip) */
};

static uint8_t *put(uint8_t *at, const void *bytes, size_t size)
{
  memcpy(at, bytes, size);
  return at + size;
}

static uint8_t *put32(uint8_t *at, int64_t value)
{
  int32_t narrow = (int32_t)value;
  return put(at, &narrow, sizeof narrow);
}

static uint8_t *emit_compare(uint8_t *at, const struct library *library, uint64_t universe)
{
  at = put(at, "\x64\x81\x3c\x25", 4);
  at = put32(at, library->tpoff + ULP_TLS__UNIVERSE);
  return put32(at, (int64_t)(uint32_t)universe);
}

/* `there` is where the byte at `at` will lie. */
static uint8_t *emit_jump(uint8_t *at, uint64_t there, uint64_t pointer)
{
  at = put(at, "\xff\x25", 2);
  return put32(at, (int64_t)(pointer - (there + JUMP_SIZE)));
}

static uint64_t padding_at(const struct detour *detour, int offset)
{
  return detour->function - ULP_PADDING_BEFORE + (uint64_t)offset;
}

static uint64_t after_entry(const struct detour *detour)
{
  return detour->entry + ULP_PADDING_AFTER;
}

/* ---- one version with one library: 20 bytes in the padding ---- */

static bool selector_fits(const struct detour *detour)
{
  const struct version *version = detour->versions;
  if (version->older || version->scope->count != 1 ||
      version->scope->libraries[0] != detour->library)
    return false;
  return detour->selected_code == 0 ||
         (detour->selected_code == version->code && detour->selected_universe == version->universe);
}

/*
 *   cmpl $universe, %fs:tpoff + 8
 *   jl   E + 2
 *   jmp  *selector_pointer(%rip)
 */
static bool write_selector(struct detour *detour, const struct text *text)
{
  const struct version *version = detour->versions;
  struct library *library = detour->library;
  if (detour->selected_code != 0) /* they say so already */
    return true;
  if (!detour->selector_pointer)
    detour->selector_pointer = arena_pointer(&library->arenas, library->low, library->high);
  if (!detour->selector_pointer)
    return false;
  uint8_t bytes[ULP_PADDING_SELECTOR_SIZE], *at = bytes;
  uint64_t there = padding_at(detour, ULP_PADDING_SELECTOR);
  at = emit_compare(at, library, version->universe);
  *at++ = 0x7c; /* jl r8 */
  *at = (uint8_t)(after_entry(detour) - (there + COMPARE_SIZE + 2));
  at++;
  emit_jump(at, there + COMPARE_SIZE + 2, (uint64_t)detour->selector_pointer);
  *detour->selector_pointer = version->code;
  if (!text_write(text, there, bytes, sizeof bytes))
    return false;
  detour->selected_code = version->code;
  detour->selected_universe = version->universe;
  return true;
}

/* ---- anything: a stub near the library, through one pointer ---- */

/*
 * For each version, newest first:
 *     for each library of its scope:  cmpl $universe, %fs:tpoff + 8;  jl next version
 *     jmp *code
 * then: jmp *(E + 2)
 * The pointers follow, eight bytes each.
 */
static bool write_stub(struct detour *detour, const struct text *text)
{
  struct library *library = detour->library;
  size_t code_size = JUMP_SIZE, pointers = 1;
  for (const struct version *v = detour->versions; v; v = v->older, pointers++)
    code_size += v->scope->count * (COMPARE_SIZE + BELOW_SIZE) + JUMP_SIZE;
  code_size = (code_size + 7) & ~7UL;
  size_t size = code_size + pointers * 8;
  uint8_t *bytes = calloc(1, size), *at = bytes;
  uint8_t *stub = arena_code(&library->arenas, library->low, library->high, size);
  if (!bytes || !stub)
    goto fail;
  memset(bytes, 0xcc, code_size);
  uint64_t *pointer = (uint64_t *)(bytes + code_size);
  for (const struct version *v = detour->versions; v; v = v->older) {
    uint64_t target = v->code ? v->code : after_entry(detour);
    uint8_t *next = at + v->scope->count * (COMPARE_SIZE + BELOW_SIZE) + JUMP_SIZE;
    for (uint32_t i = 0; i < v->scope->count; i++) {
      at = emit_compare(at, v->scope->libraries[i], v->universe);
      at = put(at, "\x0f\x8c", 2);
      at = put32(at, next - (at + 4));
    }
    at = emit_jump(at, (uint64_t)(stub + (at - bytes)),
                   (uint64_t)(stub + ((uint8_t *)pointer - bytes)));
    *pointer++ = target;
  }
  emit_jump(at, (uint64_t)(stub + (at - bytes)), (uint64_t)(stub + ((uint8_t *)pointer - bytes)));
  *pointer = after_entry(detour);
  if (!text_write(text, (uint64_t)stub, bytes, size))
    goto fail;
  free(bytes);
  detour->next_stub = (struct stub){stub, size};
  return true;

fail:
  if (stub)
    arena_free_code(library->arenas, stub, size);
  free(bytes);
  return false;
}

/* The jump to the stub, once: the padding's bytes and the pointer then stay. */
static bool write_chain_jump(struct detour *detour, const struct text *text)
{
  struct library *library = detour->library;
  if (detour->chain_pointer)
    return true;
  uint64_t *pointer = arena_pointer(&library->arenas, library->low, library->high);
  uint8_t bytes[ULP_PADDING_CHAIN_JUMP_SIZE];
  uint64_t there = padding_at(detour, ULP_PADDING_CHAIN_JUMP);
  if (!pointer)
    return false;
  emit_jump(bytes, there, (uint64_t)pointer);
  if (!text_write(text, there, bytes, sizeof bytes))
    return false;
  detour->chain_pointer = pointer;
  return true;
}

bool detour_prepare(struct detour *detour, const struct text *text)
{
  if (!detour->versions)
    detour->next_form = AT_REST;
  else if (selector_fits(detour)) {
    detour->next_form = SELECTOR;
    return write_selector(detour, text);
  } else {
    detour->next_form = CHAIN;
    return write_chain_jump(detour, text) && write_stub(detour, text);
  }
  return true;
}

bool detour_switch(struct detour *detour, const struct text *text)
{
  if (detour->next_form == AT_REST) {
    detour->form = AT_REST;
    return text_write_byte(text, detour->entry, ULP_ENTRY_REST);
  }
  if (detour->next_form == CHAIN) {
    __atomic_store_n(detour->chain_pointer, (uint64_t)detour->next_stub.code, __ATOMIC_SEQ_CST);
    detour->stub = detour->next_stub;
    detour->next_stub = (struct stub){NULL, 0};
  }
  int offset = detour->next_form == CHAIN ? ULP_PADDING_CHAIN_JUMP : ULP_PADDING_SELECTOR;
  detour->form = detour->next_form;
  /* The displacement first: at rest it means nothing, and detoured both destinations are whole. */
  return text_write_byte(text, detour->entry + 1,
                         (uint8_t)(padding_at(detour, offset) - after_entry(detour))) &&
         text_write_byte(text, detour->entry, ULP_ENTRY_DETOURED);
}
