/* Claims to be libpulp.so, with a control block that the arguments bend: `field=value ...`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ulp_abi.h"

#ifndef NOTE_ABI
#define NOTE_ABI ULP_ABI_VERSION
#endif
#define QUOTE(x) #x
#define TEXT(x) QUOTE(x)

static struct ulp_patch patches[ULP_LIMIT_PATCHES];
static struct ulp_slot records[ULP_SLOT_COUNT];
static struct ulp_pin pins[ULP_LIMIT_PINS];
static char slots[ULP_SLOT_COUNT * ULP_SLOT_STRIDE], map[ULP_SLOT_COUNT / 8], request[4096];
static uint32_t tid;

__attribute__((used)) struct ulp_control fake_control = {
    .magic = ULP_MAGIC_CONTROL,
    .abi = ULP_ABI_VERSION,
    .size = sizeof fake_control,
    .universe = ULP_UNIVERSE_BASE + 5,
    .state = ULP_STATE_DONE,
};

__asm__(".pushsection .note.ulp,\"a\",@note\n .p2align 2\n .long 4, 12, 2\n .asciz \"ULP\"\n"
        ".long " TEXT(NOTE_ABI) ", " TEXT(
            ULP_CONTROL__SIZEOF) "\n .long fake_control - .\n .popsection");

int main(int argc, char **argv)
{
  struct ulp_control *c = &fake_control;
  c->gadget = c->gadget_end = c->repeat = (uint64_t)slots;
  c->helper_tls = c->tid_address = (uint64_t)&tid;
  c->request = (uint64_t)request;
  c->request_size = sizeof request;
  c->patches = (uint64_t)patches;
  c->patches_used = 5;
  c->slots = (uint64_t)slots;
  c->slot_records = (uint64_t)records;
  c->slot_map = (uint64_t)map;
  c->pins = (uint64_t)pins;
  /* Three patches: applied, reverted, pending. */
  for (int i = 0; i < 3; i++) {
    patches[2 * i].state = ULP_PATCH_LIVE;
    memset(patches[2 * i].id, 0x11 * (i + 1), sizeof patches[i].id);
    patches[2 * i].universe = ULP_UNIVERSE_BASE + (i == 2 ? 6 : 2 + i);
    patches[2 * i].function_count = 1;
    snprintf(patches[2 * i].path, sizeof patches[i].path, "/patch-%d.so", i);
  }
  patches[2].reverted = ULP_UNIVERSE_BASE + 4;
  patches[4].dependency_count = 1;
  memset(patches[4].dependencies, 0x11, ULP_PATCH_ID_SIZE);
  for (int i = 1; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    *value++ = 0;
    uint64_t v = strtoull(value, NULL, 0);
    if (!strcmp(argv[i], "magic"))
      c->magic = v;
    if (!strcmp(argv[i], "abi"))
      c->abi = (uint32_t)v;
    if (!strcmp(argv[i], "size"))
      c->size = (uint32_t)v;
    if (!strcmp(argv[i], "universe"))
      c->universe = v;
    if (!strcmp(argv[i], "patches"))
      c->patches = v;
    if (!strcmp(argv[i], "slots"))
      c->slots = v;
    if (!strcmp(argv[i], "pins"))
      c->pins = v;
    if (!strcmp(argv[i], "slot_records"))
      c->slot_records = v;
    if (!strcmp(argv[i], "slot_map"))
      c->slot_map = v;
    if (!strcmp(argv[i], "gadget"))
      c->gadget = v;
    if (!strcmp(argv[i], "repeat"))
      c->repeat = v;
    if (!strcmp(argv[i], "request"))
      c->request = v;
    if (!strcmp(argv[i], "request_size"))
      c->request_size = v;
    if (!strcmp(argv[i], "tid_address"))
      c->tid_address = v;
    if (!strcmp(argv[i], "dependency_count"))
      patches[0].dependency_count = (uint32_t)v;
    if (!strcmp(argv[i], "target_count"))
      patches[0].target_count = (uint32_t)v;
  }
  printf("ready\n");
  fflush(stdout);
  for (;;)
    pause();
}
