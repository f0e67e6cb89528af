/* What the loader knows about the images of this process. Helper. */
#include "image.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

struct query {
  uint64_t address;
  size_t size;
  bool by_bias; /* address is a load bias */
  struct image *image;
  bool is_code;
};

static void find_build_id(const struct dl_phdr_info *info, const ElfW(Phdr) * phdr,
                          struct image *image)
{
  const uint8_t *note = (const uint8_t *)info->dlpi_addr + phdr->p_vaddr;
  const uint8_t *end = note + phdr->p_memsz;
  while (note + sizeof(ElfW(Nhdr)) <= end) {
    const ElfW(Nhdr) *header = (const ElfW(Nhdr) *)note;
    size_t align = phdr->p_align == 8 ? 8 : 4;
    size_t name = (header->n_namesz + 3UL) & ~3UL;
    const uint8_t *description = note + sizeof *header + name;
    if (description + header->n_descsz > end)
      return;
    if (header->n_type == NT_GNU_BUILD_ID && header->n_namesz == 4 &&
        memcmp(note + sizeof *header, "GNU", 4) == 0 && header->n_descsz <= ULP_BUILD_ID_SIZE) {
      image->build_id_size = header->n_descsz;
      memcpy(image->build_id, description, header->n_descsz);
      return;
    }
    note = description + ((header->n_descsz + align - 1) & ~(align - 1));
  }
}

static int visit(struct dl_phdr_info *info, size_t size, void *argument)
{
  (void)size;
  struct query *query = argument;
  uint64_t low = ~0UL, high = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
    uint64_t from = info->dlpi_addr + phdr->p_vaddr, to = from + phdr->p_memsz;
    if (phdr->p_type != PT_LOAD)
      continue;
    low = from < low ? from : low;
    high = to > high ? to : high;
    if ((phdr->p_flags & PF_X) && query->address >= from && query->address + query->size <= to)
      query->is_code = true;
  }
  if (query->by_bias ? info->dlpi_addr != query->address
                     : query->address < low || query->address >= high)
    return 0;
  if (!query->image)
    return 1;
  *query->image = (struct image){.load_bias = info->dlpi_addr, .low = low, .high = high};
  snprintf(query->image->name, sizeof query->image->name, "%s", info->dlpi_name);
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_NOTE && query->image->build_id_size == 0)
      find_build_id(info, &info->dlpi_phdr[i], query->image);
  return 1;
}

bool image_at(uint64_t address, struct image *image)
{
  struct query query = {.address = address, .image = image};
  return dl_iterate_phdr(visit, &query) == 1;
}

bool image_of(void *handle, struct image *image)
{
  const struct link_map *map = handle;
  struct query query = {.address = map->l_addr, .by_bias = true, .image = image};
  return dl_iterate_phdr(visit, &query) == 1;
}

bool is_code(uint64_t address, size_t size)
{
  struct query query = {.address = address, .size = size};
  return dl_iterate_phdr(visit, &query) == 1 && query.is_code;
}
