/*
 * Quantizes palettes for whoever asks, each in a child of its own, as a careful server would: the
 * palette that overflows the heap (CVE-2026-25646) ends the child, not the server. Answers are
 * "crashed", or a checksum of the colours that are left.
 */
#include "program.h"

#include <png.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COLOURS = 8 };

static unsigned quantize(unsigned seed, int keep)
{
  png_color palette[COLOURS];
  for (int i = 0; i < COLOURS; i++) {
    palette[i].red = (png_byte)rand_r(&seed);
    palette[i].green = (png_byte)rand_r(&seed);
    palette[i].blue = (png_byte)rand_r(&seed);
  }
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_set_quantize(png, palette, COLOURS, keep, NULL, 0);
  unsigned sum = 0;
  for (int i = 0; i < keep; i++)
    sum = sum * 31 + (palette[i].red << 16 | palette[i].green << 8 | palette[i].blue);
  png_destroy_read_struct(&png, NULL, NULL);
  return sum;
}

/* `SEED KEEP` */
static const char *reply(char *line)
{
  static char answer[16];
  unsigned seed = (unsigned)strtoul(line, &line, 10), sum;
  int keep = atoi(line), ends[2], status;
  if (pipe(ends) != 0)
    return "no pipe";
  pid_t child = fork();
  if (child == 0) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    sum = quantize(seed, keep);
    _exit(write(ends[1], &sum, sizeof sum) == sizeof sum ? 0 : 1);
  }
  close(ends[1]);
  int whole = read(ends[0], &sum, sizeof sum) == sizeof sum;
  close(ends[0]);
  if (waitpid(child, &status, 0) != child || !whole)
    return WIFSIGNALED(status) ? "crashed" : "failed";
  snprintf(answer, sizeof answer, "%08x", sum);
  return answer;
}

int main(void)
{
  return serve(reply);
}
