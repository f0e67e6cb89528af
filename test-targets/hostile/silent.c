/*
 * Files that never answer: argv[2] is a directory. FUSE, mounted in a user namespace as anybody
 * may, with a daemon that knows one file and withholds what is in it; "asked" tells how many
 * requests it withholds.
 */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/fuse.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A tool that waits for the daemon cannot be killed: so long it does, in seconds, when the tools
 * are not as they should be.
 */
#define PATIENCE 5
#define LONG_PATIENCE 60
#define SIZE (1 << 20)
#define FILE_ID 2

/* Shared with the daemon. */
static int *withheld;
static unsigned patience = PATIENCE;
static pid_t server;

static long asked_for(void)
{
  return __atomic_load_n(withheld, __ATOMIC_ACQUIRE);
}

/* What goes wrong here is the machine's: the test then fails with the reason. */
static int must(int result, const char *what)
{
  if (result < 0) {
    printf("%s: %m\n", what);
    exit(1);
  }
  return result;
}

static void put(const char *path, const char *text)
{
  int fd = must(open(path, O_WRONLY), path);
  must(write(fd, text, strlen(text)), path);
  close(fd);
}

union answer {
  struct fuse_init_out init;
  struct fuse_entry_out entry;
  struct fuse_attr_out attr;
  struct fuse_open_out open;
  struct fuse_statfs_out statfs;
};

static struct fuse_attr attributes(uint64_t node)
{
  int is_file = node == FILE_ID;
  return (struct fuse_attr){
      .ino = node,
      .size = is_file ? SIZE : 0,
      .mode = is_file ? S_IFREG | 0755 : S_IFDIR | 0755,
      .nlink = 1,
      .blksize = 4096,
  };
}

static int opened;

/*
 * The size of the answer; or a negated errno. Who opens the file first has it cached, who comes
 * later has not.
 */
static int answer_to(const struct fuse_in_header *request, union answer *answer)
{
  switch (request->opcode) {
  case FUSE_INIT:
    answer->init = (struct fuse_init_out){
        .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096};
    return sizeof answer->init;
  case FUSE_LOOKUP:
    if (strcmp((char *)(request + 1), "file"))
      return -ENOENT;
    answer->entry.nodeid = FILE_ID;
    answer->entry.attr = attributes(FILE_ID);
    return sizeof answer->entry;
  case FUSE_GETATTR: answer->attr.attr = attributes(request->nodeid); return sizeof answer->attr;
  case FUSE_OPEN:
    if (++opened > 1)
      answer->open.open_flags = FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE;
    return sizeof answer->open;
  case FUSE_OPENDIR: return sizeof answer->open;
  case FUSE_STATFS: return sizeof answer->statfs;
  case FUSE_FLUSH:
  case FUSE_RELEASE:
  case FUSE_RELEASEDIR: return 0;
  default: return -ENOSYS;
  }
}

static int is_withheld(const struct fuse_in_header *request, const char *kept_back)
{
  return request->opcode == FUSE_READ ||
         (request->opcode == FUSE_LOOKUP && !strcmp((char *)(request + 1), kept_back));
}

/* fuse(4). Ends when the file system is gone. */
static void serve_files(int fuse, const char *kept_back)
{
  static char request[1 << 20];
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) {
    ssize_t n = read(fuse, request, sizeof request);
    if (n < 0 && (errno == EINTR || errno == ENOENT))
      continue;
    if (n < 0)
      _exit(0);
    const struct fuse_in_header *header = (struct fuse_in_header *)request;
    if (header->opcode == FUSE_INTERRUPT || header->opcode == FUSE_FORGET ||
        header->opcode == FUSE_BATCH_FORGET)
      continue;
    if (is_withheld(header, kept_back)) {
      if (__atomic_fetch_add(withheld, 1, __ATOMIC_RELEASE) == 0)
        alarm(patience);
      continue;
    }
    struct {
      struct fuse_out_header header;
      union answer body;
    } out = {.header.unique = header->unique};
    int size = answer_to(header, &out.body);
    out.header.error = size < 0 ? size : 0;
    out.header.len = sizeof out.header + (size < 0 ? 0 : size);
    /* The asker may have been interrupted meanwhile. */
    if (write(fuse, &out, out.header.len) < 0 && errno != ENOENT)
      _exit(1);
  }
}

/* Root there is the user of here: /dev/fuse may be root's alone. */
static void enter_namespaces(void)
{
  unsigned user = geteuid();
  char map[32];
  /*
   * While the kernel's thread of libpulp.so's helper ends, the process counts as one with threads.
   */
  while (unshare(CLONE_NEWUSER | CLONE_NEWNS))
    if (errno != EINVAL)
      must(-1, "unshare");
  snprintf(map, sizeof map, "0 %u 1", user);
  put("/proc/self/setgroups", "deny");
  put("/proc/self/uid_map", map);
  put("/proc/self/gid_map", "0 0 1");
  must(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount");
}

static void mount_silent(const char *directory, const char *kept_back)
{
  enter_namespaces();
  char options[128];
  int fuse = must(open("/dev/fuse", O_RDWR | O_CLOEXEC), "/dev/fuse");
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
  must(mount("silent", directory, "fuse", MS_NOSUID | MS_NODEV, options), "mount");
  server = must(fork(), "fork");
  if (server == 0)
    serve_files(fuse, kept_back);
  close(fuse);
}

static void *map(const char *directory, void *where, size_t size, int protection)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/file", directory);
  int fd = must(open(path, O_RDONLY), path);
  void *at = mmap(where, size, protection, MAP_PRIVATE | (where ? MAP_FIXED : 0), fd, 0);
  must(at == MAP_FAILED ? -1 : 0, "mmap");
  close(fd);
  return at;
}

static void as_data(char **arguments)
{
  mount_silent(arguments[0], "");
  map(arguments[0], NULL, SIZE, PROT_READ);
}

static void as_code(char **arguments)
{
  mount_silent(arguments[0], "");
  map(arguments[0], NULL, SIZE, PROT_READ | PROT_EXEC);
}

/* The same through a file system whose name says nothing of it. */
static void as_code_below_an_overlay(char **arguments)
{
  char options[9000], over[4096];
  mount_silent(arguments[0], "");
  snprintf(options, sizeof options, "lowerdir=%s:%s", arguments[0], arguments[1]);
  snprintf(over, sizeof over, "%s", arguments[2]);
  must(mount("overlay", over, "overlay", 0, options), "mount: overlay");
  map(over, NULL, SIZE, PROT_READ | PROT_EXEC);
}

/* Nobody's list of mounts has it any more. */
static void as_code_detached(char **arguments)
{
  as_code(arguments);
  must(umount2(arguments[0], MNT_DETACH), "umount2");
}

/* Where tools write what they ask for; nobody looks there before. */
static void *request_page(void)
{
  return (void *)(control->request & -4096ul);
}

static void as_request(char **arguments)
{
  mount_silent(arguments[0], "");
  map(arguments[0], request_page(), 4096, PROT_READ | PROT_WRITE);
}

static void as_link_map(char **arguments)
{
  mount_silent(arguments[0], "");
  _r_debug.r_map->l_next = map(arguments[0], NULL, SIZE, PROT_READ);
}

static void as_the_patch(char **arguments)
{
  mount_silent(arguments[0], "fix.so");
}

static void *touch(void *page)
{
  return (void *)(uintptr_t)*(volatile char *)page;
}

/* Not even the process itself could end before. */
static void end_server(void)
{
  kill(server, SIGKILL);
}

static void *map_again(void *fd)
{
  mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, *(int *)fd, 0);
  return NULL;
}

/*
 * One thread waits for a page. Another one maps the file without a cache, for which the page must
 * be let go: it waits for that with the lock of all the process's memory. Whoever wants any memory
 * of this process, from outside as well, waits for the lock; that can be killed.
 */
static void as_lock(char **arguments)
{
  static int second;
  char path[4096];
  patience = LONG_PATIENCE;
  calm = end_server;
  mount_silent(arguments[0], "");
  void *page = map(arguments[0], NULL, SIZE, PROT_READ);
  snprintf(path, sizeof path, "%s/file", arguments[0]);
  second = must(open(path, O_RDONLY), path);
  start(touch, page);
  while (asked_for() == 0)
    usleep(1000);
  start(map_again, &second);
}

/* userfaultfd(2): nobody fills these pages. */
static void as_faults(char **unused)
{
  (void)unused;
  int fd = must(syscall(SYS_userfaultfd, O_CLOEXEC), "userfaultfd");
  struct uffdio_api api = {.api = UFFD_API};
  must(ioctl(fd, UFFDIO_API, &api), "UFFDIO_API");
  void *at = mmap(request_page(), 4096, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  must(at == MAP_FAILED ? -1 : 0, "mmap");
  struct uffdio_register range = {.range = {(uint64_t)at, 4096},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};
  must(ioctl(fd, UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
}

static void silent(char **arguments)
{
  static const struct mode kinds[] = {
      {"data", as_data},
      {"code", as_code},
      {"code-below-an-overlay", as_code_below_an_overlay},
      {"code-detached", as_code_detached},
      {"request", as_request},
      {"link-map", as_link_map},
      {"the-patch", as_the_patch},
      {"lock", as_lock},
      {"faults", as_faults},
      {NULL, NULL},
  };
  withheld = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  asked = asked_for;
  const struct mode *kind = kinds;
  while (kind->name && strcmp(kind->name, arguments[0]))
    kind++;
  if (!kind->name)
    abort();
  kind->bend(arguments + 1);
}

const struct mode modes[] = {{"silent", silent}, {NULL, NULL}};
