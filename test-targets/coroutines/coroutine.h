#ifndef COROUTINE_H
#define COROUTINE_H

#include <functional>
#include <memory>

struct coroutine {
  bool done = false;

  virtual ~coroutine() {}
  /* Until it yields or ends. */
  virtual void resume() = 0;
  /* Called by its body: back to who resumed it. */
  virtual void yield() = 0;
};

struct kind {
  const char *name;
  std::unique_ptr<coroutine> (*make)(std::function<void(coroutine &)> body);
};
/* The last one has no name. */
extern const struct kind kinds[];

#endif
