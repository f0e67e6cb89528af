/*
 * Programs: made from a seed, read from a text, printed as one.
 * KIND:LIBRARY.FUNCTION.ARGUMENT[CHILD,...]
 */
#include "world.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

static const char *const names[] = {
#define K(name, weight) #name,
    KINDS(K)
#undef K
};

static unsigned allowed[KIND_COUNT] = {
#define K(name, weight) weight,
    KINDS(K)
#undef K
};

bool weigh(const char *kind, unsigned weight)
{
  for (int i = 0; i < KIND_COUNT; i++)
    if (strcmp(names[i], kind) == 0) {
      allowed[i] = weight;
      return true;
    }
  return false;
}

static struct node *new_node(struct program *program)
{
  if (program->used + sizeof(struct node) > ARENA) {
    fprintf(stderr, "a program of more than %zu nodes\n", ARENA / sizeof(struct node));
    _Exit(2);
  }
  struct node *node = (struct node *)(program->arena + program->used);
  program->used += sizeof *node;
  memset(node, 0, sizeof *node);
  return node;
}

/* ---- from a seed ---- */

struct source {
  uint64_t state;
  int budget; /* nodes that may still be made */
};

/* splitmix64 */
static uint64_t next(struct source *source)
{
  uint64_t z = source->state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static unsigned below(struct source *source, unsigned n)
{
  return (unsigned)(next(source) % n);
}

static enum kind some_kind(struct source *source)
{
  unsigned total = 0;
  for (unsigned weight : allowed)
    total += weight;
  unsigned at = below(source, total);
  int kind = 0;
  for (; at >= allowed[kind]; kind++)
    at -= allowed[kind];
  return (enum kind)kind;
}

static bool has_children(enum kind kind)
{
  switch (kind) {
  case THROW:
  case JUMP:
  case YIELD:
  case RESUME:
  case FORGET:
  case CANCEL:
  case EXIT:
  case CHANGE: return false;
  default: return true;
  }
}

static const struct node *some_node(struct program *program, struct source *source, int depth)
{
  struct node *node = new_node(program);
  source->budget--;
  node->kind = depth == 0 ? (unsigned char)THREAD : (unsigned char)some_kind(source);
  node->library = (unsigned char)below(source, LIBRARIES);
  node->function = (unsigned char)below(source, STEPS);
  node->argument = (unsigned char)below(source, 256);
  if (!has_children((enum kind)node->kind) || depth > 14)
    return node;
  int count = depth == 0 ? 1 + (int)below(source, 4) : (int)below(source, 4);
  if (node->kind == STEP)
    count = 2;
  const struct node **link = &node->children;
  for (; count > 0 && source->budget > 0; count--) {
    const struct node *child = some_node(program, source, depth + 1);
    *link = child;
    link = &((struct node *)child)->next;
  }
  return node;
}

void generate(struct program *program, uint64_t seed)
{
  struct source source = {seed * 0x2545f4914f6cdd1d + 1, 0};
  source.budget = 4 + (int)below(&source, 60);
  program->used = 0;
  program->seed = seed;
  program->root = some_node(program, &source, 0);
}

/* ---- from a text ---- */

static const struct node *parse_node(struct program *program, const char **at)
{
  char name[16];
  unsigned library, function, argument;
  int length;
  if (sscanf(*at, "%15[A-Z]:%u.%u.%u[%n", name, &library, &function, &argument, &length) != 4)
    return nullptr;
  struct node *node = new_node(program);
  int kind = 0;
  while (kind < KIND_COUNT && strcmp(names[kind], name) != 0)
    kind++;
  if (kind == KIND_COUNT)
    return nullptr;
  *node = {(unsigned char)kind,
           (unsigned char)(library % LIBRARIES),
           (unsigned char)(function % STEPS),
           (unsigned char)argument,
           nullptr,
           nullptr};
  *at += length;
  for (const struct node **link = &node->children; **at != ']';) {
    const struct node *child = parse_node(program, at);
    if (!child)
      return nullptr;
    *link = child;
    link = &((struct node *)child)->next;
    if (**at == ',')
      ++*at;
  }
  ++*at;
  return node;
}

const char *parse(struct program *program, const char *text)
{
  program->used = 0;
  program->root = parse_node(program, &text);
  return program->root ? nullptr : "not a program";
}

void print(const struct node *node)
{
  printf("%s:%d.%d.%d[", names[node->kind], node->library, node->function, node->argument);
  for (const struct node *child = node->children; child; child = child->next) {
    print(child);
    if (child->next)
      putchar(',');
  }
  putchar(']');
}
