/*
 * Writing code of this process: through /proc/thread-self/mem, which no page protection stops, so
 * that text is never made writable. Not /proc/self: that is the first thread, which may have ended.
 *
 * The kernel gives the file to root when the process is not dumpable, as after a daemon has left
 * root by setuid(2). There the page is made writable for as long as the store takes; it stays
 * executable. Helper.
 */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BY_PROTECTION = -1 };

bool text_open(struct text *text)
{
  text->fd = open("/proc/thread-self/mem", O_RDWR | O_CLOEXEC);
  return text->fd >= 0 || errno == EACCES || errno == EPERM;
}

void text_close(struct text *text)
{
  if (text->fd != BY_PROTECTION)
    close(text->fd);
}

static bool write_by_protection(uint64_t address, const void *bytes, size_t size)
{
  const uint64_t page = 4096;
  uint64_t from = address & ~(page - 1),
           length = ((address + size + page - 1) & ~(page - 1)) - from;
  if (mprotect((void *)from, length, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
    return false;
  if (size == 1)
    __atomic_store_n((uint8_t *)address, *(const uint8_t *)bytes, __ATOMIC_SEQ_CST);
  else
    memcpy((void *)address, bytes, size);
  return mprotect((void *)from, length, PROT_READ | PROT_EXEC) == 0;
}

bool text_write(const struct text *text, uint64_t address, const void *bytes, size_t size)
{
  bool written = text->fd == BY_PROTECTION
                     ? write_by_protection(address, bytes, size)
                     : pwrite(text->fd, bytes, size, (off_t)address) == (ssize_t)size;
  return written && memcmp((const void *)address, bytes, size) == 0;
}

bool text_write_byte(const struct text *text, uint64_t address, uint8_t byte)
{
  return text_write(text, address, &byte, 1);
}
