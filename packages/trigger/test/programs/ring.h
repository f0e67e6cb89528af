/* An io_uring(7), mapped; for those that have a require(). */
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
  int fd;
  struct io_uring_sqe *entries;
  unsigned *array, *tail;          /* of what is submitted */
  unsigned *done_head, *done_tail; /* of what is complete */
};

static char *ring_map(int fd, off_t which)
{
  char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, which);
  require(at != MAP_FAILED);
  return at;
}

/* false: this kernel does not offer it. */
static bool ring_open(struct ring *ring, unsigned entries)
{
  struct io_uring_params p = {0};
  ring->fd = syscall(SYS_io_uring_setup, entries, &p);
  if (ring->fd < 0)
    return false;
  char *queue = ring_map(ring->fd, IORING_OFF_SQ_RING),
       *done = ring_map(ring->fd, IORING_OFF_CQ_RING);
  ring->entries = (struct io_uring_sqe *)ring_map(ring->fd, IORING_OFF_SQES);
  ring->array = (unsigned *)(queue + p.sq_off.array);
  ring->tail = (unsigned *)(queue + p.sq_off.tail);
  ring->done_head = (unsigned *)(done + p.cq_off.head);
  ring->done_tail = (unsigned *)(done + p.cq_off.tail);
  return true;
}

/* The next entry, which reads one byte; nothing is submitted yet. */
static void ring_read(struct ring *ring, int fd, char *byte)
{
  const unsigned n = *ring->tail;
  ring->entries[n] =
      (struct io_uring_sqe){.opcode = IORING_OP_READ, .fd = fd, .addr = (uintptr_t)byte, .len = 1};
  ring->array[n] = n;
  __atomic_store_n(ring->tail, n + 1, __ATOMIC_RELEASE);
}
