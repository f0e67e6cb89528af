/* Bends the loader's list of libraries after the loader has done its work. */
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  struct link_map *first = _r_debug.r_map;
  const char *how = argc > 1 ? argv[1] : "";
  if (!strcmp(how, "loop"))
    first->l_next->l_next = first;
  if (!strcmp(how, "nowhere"))
    first->l_next->l_next = (struct link_map *)0x1000;
  if (!strcmp(how, "non-canonical"))
    first->l_next->l_next = (struct link_map *)0x8000000000000000;
  if (!strcmp(how, "endless-name")) {
    char *name = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(name, 'x', 1 << 20);
    first->l_next->l_name = name;
  }
  printf("ready\n");
  fflush(stdout);
  for (;;)
    pause();
}
