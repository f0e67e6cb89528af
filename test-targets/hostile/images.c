/*
 * ELF images that lie in memory, where the files on disk do not: argv[2] is part of the name of one
 * (none: the program), argv[3] says how.
 */
#include "hostile.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

struct image {
  const char *part_of_name;
  Elf64_Ehdr *header;
  uint64_t bias;
  /* As they were found, whatever the header says by now. */
  Elf64_Phdr *segments;
  int count;
};

static int find(struct dl_phdr_info *info, size_t unused, void *wanted)
{
  struct image *image = wanted;
  (void)unused;
  if (*image->part_of_name ? !strstr(info->dlpi_name, image->part_of_name)
                           : *info->dlpi_name != '\0')
    return 0;
  image->bias = info->dlpi_addr;
  /* The first segment of these files begins at link address 0. */
  image->header = (Elf64_Ehdr *)info->dlpi_addr;
  image->segments = (Elf64_Phdr *)((char *)image->header + image->header->e_phoff);
  image->count = image->header->e_phnum;
  return 1;
}

static void make_writable(void *from, size_t size)
{
  uint64_t first = (uint64_t)from & -4096ul;
  if (mprotect((void *)first, (uint64_t)from + size - first, PROT_READ | PROT_WRITE | PROT_EXEC))
    abort();
}

/* For each program header of a type. */
#define EACH(p, image, type)                                                           \
  for (Elf64_Phdr *p = (image)->segments; p < (image)->segments + (image)->count; p++) \
    if (p->p_type == (type))

static void lie_in_headers(struct image *image, const char *how)
{
  if (!strcmp(how, "phoff-nowhere"))
    image->header->e_phoff = ~0ul;
  if (!strcmp(how, "phoff-at-the-end"))
    image->header->e_phoff = 4096 - sizeof(Elf64_Phdr);
  if (!strcmp(how, "phnum-most"))
    image->header->e_phnum = 0xffff;
  if (!strcmp(how, "phnum-fitting"))
    image->header->e_phnum = (4096 - sizeof(Elf64_Ehdr)) / sizeof(Elf64_Phdr);
  EACH(p, image, PT_LOAD)
  {
    if (!strcmp(how, "memsz-huge"))
      p->p_memsz = ~0ul - 4096;
    if (!strcmp(how, "memsz-none"))
      p->p_memsz = 0;
    if (!strcmp(how, "offset-wild"))
      p->p_offset += 0x7fffffff12345678;
    if (!strcmp(how, "vaddr-wild"))
      p->p_vaddr += 0xffff800000000000;
  }
}

/*
 * Every table of the dynamic section elsewhere, or nothing but an entry that names itself, without
 * an end.
 */
static void lie_in_dynamic(struct image *image, const char *how)
{
  EACH(p, image, PT_DYNAMIC)
  {
    Elf64_Dyn *first = (Elf64_Dyn *)(image->bias + p->p_vaddr);
    Elf64_Dyn *end = first + p->p_memsz / sizeof *first;
    make_writable(first, p->p_memsz);
    for (Elf64_Dyn *d = first; d < end; d++) {
      int is_table = d->d_tag == DT_SYMTAB || d->d_tag == DT_STRTAB || d->d_tag == DT_GNU_HASH ||
                     d->d_tag == DT_DEBUG;
      if (!strcmp(how, "dynamic-tables-nowhere") && is_table)
        d->d_un.d_ptr = 0xdead00000000000;
      if (!strcmp(how, "dynamic-tables-loop") && is_table)
        d->d_un.d_ptr = (uint64_t)d;
      if (!strcmp(how, "dynamic-endless"))
        *d = (Elf64_Dyn){DT_SYMTAB, {(uint64_t)first}};
    }
    if (!strcmp(how, "dynamic-nowhere"))
      p->p_vaddr = 0x7fff00000000;
  }
}

static void lie_in_notes(struct image *image, const char *how)
{
  EACH(p, image, PT_NOTE)
  {
    char *note = (char *)(image->bias + p->p_vaddr);
    make_writable(note, p->p_filesz);
    if (!strcmp(how, "notes-huge"))
      p->p_filesz = 1ul << 40;
    if (!strcmp(how, "notes-unaligned"))
      p->p_align = 0x8000000000000001;
    for (char *end = note + p->p_memsz; note + sizeof(Elf64_Nhdr) < end;) {
      Elf64_Nhdr *header = (Elf64_Nhdr *)note;
      uint32_t name = header->n_namesz, size = header->n_descsz;
      char *description = note + sizeof *header + (name + 3) / 4 * 4;
      note = description + (size + 3) / 4 * 4;
      if (!strcmp(how, "note-name-huge"))
        header->n_namesz = 0xfffffffd;
      if (!strcmp(how, "note-description-huge"))
        header->n_descsz = 0xfffffff4;
      if (name != 4 || memcmp(header + 1, "ULP", 4))
        continue;
      /* The last field of both notes is the way to what they speak of. */
      int32_t *distance = (int32_t *)(description + size) - 1;
      if (!strcmp(how, "note-leads-nowhere"))
        *distance = 0x7fffffff;
      if (!strcmp(how, "note-leads-to-itself"))
        *distance = -(int32_t)sizeof(struct ulp_note_runtime);
      if (!strcmp(how, "note-leads-astray"))
        *distance += 8;
    }
  }
}

/* Field n of /proc/self/stat, counted from 1. */
static uint64_t stat_field(int n)
{
  static char text[4096];
  FILE *file = fopen("/proc/self/stat", "r");
  if (!file || !fgets(text, sizeof text, file))
    abort();
  fclose(file);
  char *word = strrchr(text, ')') + 2;
  for (int i = 3; i < n; i++)
    word = strchr(word, ' ') + 1;
  return strtoul(word, NULL, 10);
}

/* What the kernel told the program at its start, told anew: /proc/PID/auxv shows it. */
static void lie_in_auxv(const char *how)
{
  uint64_t auxv[] = {AT_PHENT, 56,      AT_ENTRY, 0xdead00000000000, AT_PHDR, 1, AT_PHNUM,
                     ~0ul,     AT_BASE, 1,        AT_NULL,           0};
  if (!strcmp(how, "auxv-thirty-two-bit"))
    auxv[1] = 32;
  if (!strcmp(how, "auxv-empty"))
    memset(auxv, 0, sizeof auxv);
  struct prctl_mm_map map = {
      .start_code = stat_field(26),
      .end_code = stat_field(27),
      .start_stack = stat_field(28),
      .start_data = stat_field(45),
      .end_data = stat_field(46),
      .start_brk = stat_field(47),
      .brk = (uint64_t)sbrk(0),
      .arg_start = stat_field(48),
      .arg_end = stat_field(49),
      .env_start = stat_field(50),
      .env_end = stat_field(51),
      .auxv = (__u64 *)auxv,
      .auxv_size = sizeof auxv,
      .exe_fd = -1,
  };
  if (!strncmp(how, "auxv", 4) && prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0))
    printf("auxv cannot be altered: %m\n");
}

static void lie(char **arguments)
{
  struct image image = {.part_of_name = arguments[0]};
  const char *how = arguments[1];
  if (!dl_iterate_phdr(find, &image))
    abort();
  make_writable(image.header, 4096);
  lie_in_dynamic(&image, how);
  lie_in_notes(&image, how);
  lie_in_headers(&image, how);
  lie_in_auxv(how);
}

const struct mode modes[] = {{"image", lie}, {NULL, NULL}};
