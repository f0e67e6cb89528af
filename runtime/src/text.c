/*
 * Writing code of this process: through /proc/thread-self/mem, which no page protection stops, so that
 * text is never made writable. Not /proc/self: that is the first thread, which may have ended. Helper.
 */
#include "text.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool text_open(struct text *text)
{
  text->fd = open("/proc/thread-self/mem", O_RDWR | O_CLOEXEC);
  return text->fd >= 0;
}

void text_close(struct text *text)
{
  close(text->fd);
}

bool text_write(const struct text *text, uint64_t address, const void *bytes, size_t size)
{
  return pwrite(text->fd, bytes, size, (off_t)address) == (ssize_t)size &&
         memcmp((const void *)address, bytes, size) == 0;
}

bool text_write_byte(const struct text *text, uint64_t address, uint8_t byte)
{
  return text_write(text, address, &byte, 1);
}
