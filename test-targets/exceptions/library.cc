// Functions that throw, that call back, and that clean up on the way out.
#include <stdexcept>

extern "C" int cleanups();
extern "C" int thrower(int x);
extern "C" int relay(int (*callback)(int), int x);

static int count;

namespace
{
struct Cleanup {
  ~Cleanup() { count++; }
};
} // namespace

extern "C" int cleanups()
{
  return count;
}

extern "C" int thrower(int x)
{
  Cleanup cleanup;
  if (x < 0)
    throw std::runtime_error("old");
  return x;
}

extern "C" int relay(int (*callback)(int), int x)
{
  Cleanup cleanup;
  return callback(x) + 1;
}
